/* arena.c - a list of chunks, filled front to back */
#include "run/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, SMALLEST_CHUNK = 1 << 14, LARGEST_CHUNK = 64 << 20 }; /* each is twice the one before */

struct ArenaChunk {
    ArenaChunk *next;
    size_t size, used;
    char *bytes;
};

/* quick_exit, because whoever asked may hold locks that others want at exit */
static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr, "plumb: out of memory (%zu bytes asked for)\n", bytes);
    quick_exit(2);
}

static size_t product(size_t a, size_t b)
{
    size_t size;
    if (__builtin_mul_overflow(a, b, &size)) out_of_memory(SIZE_MAX);
    return size;
}

size_t checked_size(int64_t a, int64_t b, size_t value_size)
{
    if (a < 0 || b < 0) out_of_memory(SIZE_MAX);
    return product(product((size_t)a, (size_t)b), value_size);
}

void *allocate_zeroed(size_t count, size_t size)
{
    void *memory = count < SIZE_MAX ? calloc(count + 1, size) : NULL; /* never 0 bytes, which may be NULL */
    if (!memory) out_of_memory(product(count, size));
    return memory;
}

void *allocate_or_end(size_t bytes) { return reallocate(NULL, bytes, 1); }

void *reallocate(void *memory, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *moved = realloc(memory, bytes ? bytes : 1);
    if (!moved) out_of_memory(bytes);
    return moved;
}

bool list_is_full(int64_t count) { return (count & (count - 1)) == 0; }

void *grown(void *list, int64_t count, size_t size)
{
    if (!list_is_full(count)) return list;
    return reallocate(list, count ? 2 * (size_t)count : 1, size);
}

char *copy_text(const char *text) { return strcpy(reallocate(NULL, strlen(text) + 1, 1), text); }

static ArenaChunk *new_chunk(size_t size)
{
    ArenaChunk *chunk = allocate_zeroed(1, sizeof *chunk);
    char *bytes = aligned_alloc(ALIGNMENT, size);
    if (!bytes) out_of_memory(size);
    *chunk = (ArenaChunk){ .size = size, .bytes = bytes };
    return chunk;
}

void *arena_allocate(Arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT) out_of_memory(bytes);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    ArenaChunk *chunk = arena->current;
    if (!chunk || chunk->size - chunk->used < bytes) {
        ArenaChunk **next = chunk ? &chunk->next : &arena->first;
        while (*next && (*next)->size < bytes) { /* kept from before, but too small now */
            ArenaChunk *small = *next;
            *next = small->next;
            free(small->bytes);
            free(small);
        }
        size_t size = chunk ? 2 * chunk->size : SMALLEST_CHUNK;
        if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
        if (!*next) *next = new_chunk(bytes > size ? bytes : size);
        chunk = arena->current = *next;
        chunk->used = 0;
    }
    void *start = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return start;
}

char *arena_format(Arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    assert(length >= 0);
    char *text = arena_allocate(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

ArenaMark arena_mark(const Arena *arena)
{
    return (ArenaMark){ arena->current, arena->current ? arena->current->used : 0 };
}

void arena_release(Arena *arena, ArenaMark mark)
{
    arena->current = mark.chunk; /* NULL: the mark was made before the first allocation */
    if (mark.chunk) mark.chunk->used = mark.used;
}

void arena_free(Arena *arena)
{
    for (ArenaChunk *chunk = arena->first; chunk;) {
        ArenaChunk *next = chunk->next;
        free(chunk->bytes);
        free(chunk);
        chunk = next;
    }
    *arena = (Arena){ 0 };
}
