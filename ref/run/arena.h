/* arena.h - memory that is given back all at once
 *
 *     Arena arena = {0};
 *     ArenaMark mark = arena_mark(&arena);
 *     float *scratch = arena_allocate(&arena, bytes);
 *     arena_release(&arena, mark);          everything since the mark may be handed out again
 *     arena_free(&arena);
 *
 * Nothing is returned one by one, so the model has nothing to free. Out of memory ends the program with one line.
 */
#ifndef PLUMB_ARENA_H
#define PLUMB_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct {
    ArenaChunk *first;   /* chunks in the order they are filled */
    ArenaChunk *current; /* the one being filled; those after it are empty */
} Arena;

typedef struct {
    ArenaChunk *chunk;
    size_t used;
} ArenaMark;

void *allocate_zeroed(size_t count, size_t size);          /* calloc for what lives alone; free it */
void *allocate_or_end(size_t bytes);                       /* malloc; free it */
void *reallocate(void *memory, size_t count, size_t size); /* realloc for a list that grows; free it */
/* A list of count elements, in which one more has room: it is moved only where count is 0 or a power of two, so that
 * many entries of a file do not take time by their square. Nothing else may have allocated it. Free it. */
void *grown(void *list, int64_t count, size_t size);
bool list_is_full(int64_t count); /* where grown() moves it */
/* The bytes of a * b values, where a file or an option says how many; out of memory where no size is so large. */
size_t checked_size(int64_t a, int64_t b, size_t value_size);
char *copy_text(const char *text);                /* strdup; free it */
void *arena_allocate(Arena *arena, size_t bytes); /* aligned to 64 bytes; not cleared */
char *arena_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
ArenaMark arena_mark(const Arena *arena);
void arena_release(Arena *arena, ArenaMark mark); /* keeps the chunks for what comes next */
void arena_free(Arena *arena);

#endif
