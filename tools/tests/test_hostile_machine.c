/* test_hostile_machine.c - too little memory, too few files, a small disk: one line and exit status 2, never a spin */
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"

#ifdef __SANITIZE_ADDRESS__
static const bool needs_all_addresses = true;
#else
static const bool needs_all_addresses = false;
#endif

static const char *unlimited; /* plumb_path without a limit; NULL until the first */

/* The program under `limit`, a line of sh */
static void limit_plumb(const char *limit)
{
    if (!unlimited) unlimited = plumb_path;
    const char *script = arena_format(&scratch, "#!/bin/sh\n%s\nexec '%s' \"$@\"\n", limit, unlimited);
    plumb_path = arena_format(&scratch, "%s/limited.sh", temporary_folder());
    write_text(plumb_path, script);
    ck_assert_int_eq(chmod(plumb_path, 0700), 0);
}

/* The script is in the test's folder, and its name in the test's memory. */
static void lift_limit(void)
{
    if (unlimited) plumb_path = unlimited;
}

static void assert_one_line_of(Result result, const char *says)
{
    assert_status(result, 2);
    const char *end = strchr(result.err, '\n');
    ck_assert_msg(end && end[1] == '\0', "stderr is not one line: %s", result.err);
    ck_assert_msg(strncmp(result.err, "plumb: ", 7) == 0 && strstr(result.err, says), "no \"%s\" in: %s", says,
                  result.err);
}

static const char *const too_little[] = { "80000", "100000", "130000" };

START_TEST(no_memory_for_blas)
{
    limit_plumb(arena_format(&scratch, "ulimit -v %s", too_little[_i]));
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    Result result = plumb("grade", TEXT, TEXT "/dumps/honest-bf16-eager.safetensors");
    unsetenv("OPENBLAS_NUM_THREADS");
    assert_one_line_of(result, "out of memory: found too little for the threads of OpenBLAS");
}
END_TEST

START_TEST(no_memory_for_threads)
{
    limit_plumb("ulimit -v 2000000");
    assert_one_line_of(plumb("grade", TEXT, TEXT "/dumps/honest-bf16-eager.safetensors", "--threads", "64"),
                       "expected 136 MiB of addresses for each of 64 (ulimit -v)");
}
END_TEST

START_TEST(no_memory_for_a_model)
{
    limit_plumb("ulimit -v 1000000");
    const char *folder = copied_case(E2B);
    write_images(arena_format(&scratch, "%s/inputs.safetensors", folder), 512, 18, 18);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    Result result = plumb("run", folder, "--out", temporary("out"));
    unsetenv("OPENBLAS_NUM_THREADS");
    assert_one_line_of(result, "out of memory (");
    ck_assert_int_eq(files_in(temporary_folder()), 2); /* the case and the script */
}
END_TEST

START_TEST(few_descriptors)
{
    for (int count = 4; count < 9; count++) {
        limit_plumb(arena_format(&scratch, "ulimit -n %d", count));
        Result result = plumb("grade", TEXT, TEXT "/dumps/honest-bf16-eager.safetensors", "--json",
                              temporary("report"));
        ck_assert_msg(result.status == 0 || result.status == 2 || result.status == 127, "%d: %s", result.status,
                      result.err);
        ck_assert_msg(result.status != 2 || strstr(result.err, "oo many open files"), "%d: %s", count, result.err);
        ck_assert(is_there(temporary("report")) || result.status != 0);
        if (is_there(temporary("report"))) json_decref(read_json(temporary("report")));
    }
}
END_TEST

/* Blocks of 512 bytes; SIGXFSZ would end who does not ignore it. */
START_TEST(file_size_is_limited)
{
    limit_plumb("ulimit -f 10");
    assert_one_line_of(plumb("run", TEXT, "--quiet", "--out", temporary("out")), "out: cannot be written: ");
    ck_assert(!is_there(temporary("out")));
    ck_assert_int_eq(files_in(temporary_folder()), 1);
}
END_TEST

START_TEST(no_limit_of_memory)
{
    fprintf(stderr, "hostile_machine: skipped what limits memory: the address sanitizer needs all addresses\n");
}
END_TEST

Suite *hostile_machine_suite(void)
{
    Suite *suite = suite_create("hostile_machine");
    TCase *tcase = theme(suite, "memory");
    tcase_add_checked_fixture(tcase, NULL, lift_limit);
    if (needs_all_addresses) {
        tcase_add_test(tcase, no_limit_of_memory);
    } else {
        tcase_add_loop_test(tcase, no_memory_for_blas, 0, COUNT(too_little));
        tcase_add_test(tcase, no_memory_for_threads);
        tcase_add_test(tcase, no_memory_for_a_model);
    }
    tcase = theme(suite, "files");
    tcase_add_checked_fixture(tcase, NULL, lift_limit);
    tcase_add_test(tcase, few_descriptors);
    tcase_add_test(tcase, file_size_is_limited);
    return suite;
}
