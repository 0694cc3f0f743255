/* test_arena.c - memory that is given back all at once */
#include <sys/wait.h>
#include <unistd.h>

#include "helpers.h"

enum { BIG = 65 << 20 }; /* more than a chunk */

static void *filled(Arena *arena, size_t size, int byte) { return memset(arena_allocate(arena, size), byte, size); }

static void assert_filled(const void *memory, size_t size, int byte)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte) ck_abort_msg("byte %zu: found %d, expected %d", i, bytes[i], byte);
}

static const size_t sizes[] = { 1, 63, 64, 65, 0, 1000, 1 << 20, BIG, 7 };

START_TEST(pieces_are_aligned_and_apart)
{
    void *pieces[COUNT(sizes)];
    for (int i = 0; i < COUNT(sizes); i++) {
        pieces[i] = filled(&scratch, sizes[i], i + 1);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 64, 0);
    }
    for (int i = 0; i < COUNT(sizes); i++) assert_filled(pieces[i], sizes[i], i + 1);
}
END_TEST

START_TEST(released_memory_is_handed_out_again)
{
    void *kept = filled(&scratch, 100, 1);
    ArenaMark mark = arena_mark(&scratch);
    void *first = arena_allocate(&scratch, 1000);
    arena_allocate(&scratch, BIG);
    arena_release(&scratch, mark);
    ck_assert_ptr_eq(filled(&scratch, 1000, 2), first);
    assert_filled(kept, 100, 1);
}
END_TEST

START_TEST(mark_before_the_first_allocation)
{
    Arena arena = { 0 };
    ArenaMark mark = arena_mark(&arena);
    void *first = arena_allocate(&arena, 10);
    arena_release(&arena, mark);
    ck_assert_ptr_eq(arena_allocate(&arena, 10), first);
    arena_free(&arena);
}
END_TEST

/* After a release, a chunk that was kept is too small for what comes next. */
START_TEST(small_chunk_gives_way)
{
    void *kept = filled(&scratch, 10, 1);
    ArenaMark mark = arena_mark(&scratch);
    arena_allocate(&scratch, BIG);
    arena_allocate(&scratch, BIG);
    arena_release(&scratch, mark);
    filled(&scratch, 2 * BIG, 2);
    void *after = filled(&scratch, BIG, 3);
    assert_filled(after, BIG, 3);
    assert_filled(kept, 10, 1);
}
END_TEST

START_TEST(text_is_formatted_whole)
{
    char *text = arena_format(&scratch, "%0*d-%s", 5000, 7, "end");
    ck_assert_uint_eq(strlen(text), 5004);
    ck_assert_str_eq(text + 4999, "7-end");
    ck_assert_str_eq(arena_format(&scratch, "%s", ""), "");
}
END_TEST

/* The status of a child that asks for it, and says why on stderr */
static int status_of_size(int64_t a, int64_t b, size_t value_size)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        checked_size(a, b, value_size);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(size_that_does_not_exist_is_out_of_memory)
{
    ck_assert_uint_eq(checked_size(3, 5, 8), 120);
    ck_assert_uint_eq(checked_size(0, INT64_MAX, 8), 0);
    ck_assert_int_eq(status_of_size(INT64_MAX, 2, 1), 0);
    ck_assert_int_eq(status_of_size(INT64_MAX, 3, 1), 2);
    ck_assert_int_eq(status_of_size(INT64_MAX, 1, 4), 2);
    ck_assert_int_eq(status_of_size(-1, 1, 1), 2);
}
END_TEST

/* A million entries are moved 21 times, and all in all no more than two million of them. */
START_TEST(lists_double)
{
    enum { MANY = 1000000 };
    int *list = NULL, moves = 0;
    int64_t moved = 0;
    for (int count = 0; count < MANY; count++) {
        const int *before = list;
        moves += list_is_full(count);
        if (list_is_full(count)) moved += count;
        list = grown(list, count, sizeof *list);
        ck_assert(list_is_full(count) || list == before);
        list[count] = count;
    }
    for (int i = 0; i < MANY; i++) ck_assert_int_eq(list[i], i);
    ck_assert_int_eq(moves, 21);
    ck_assert_int_lt(moved, 2 * MANY);
    free(list);
}
END_TEST

START_TEST(freed_arena_is_empty)
{
    arena_allocate(&scratch, 10);
    arena_free(&scratch);
    ck_assert_ptr_null(scratch.first);
    ck_assert_ptr_null(scratch.current);
    arena_free(&scratch);
}
END_TEST

Suite *arena_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = theme(suite, "allocate");
    tcase_add_test(tcase, pieces_are_aligned_and_apart);
    tcase_add_test(tcase, text_is_formatted_whole);
    tcase_add_test(tcase, size_that_does_not_exist_is_out_of_memory);
    tcase_add_test(tcase, lists_double);
    tcase = theme(suite, "release");
    tcase_add_test(tcase, released_memory_is_handed_out_again);
    tcase_add_test(tcase, mark_before_the_first_allocation);
    tcase_add_test(tcase, small_chunk_gives_way);
    tcase_add_test(tcase, freed_arena_is_empty);
    return suite;
}
