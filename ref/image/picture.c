/* picture.c - room for the levels of a picture */
#include "image/picture.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

Picture picture_new(int width, int height, Arena *arena)
{
    size_t size = 3 * (size_t)width * (size_t)height;
    Picture picture = { width, height, arena_allocate(arena, size) };

    /* To touch a large picture first, page by page, takes half as long as to resize it. This is a wish: where there are
     * no huge pages, all stays as it is. */
    uintptr_t begin = ((uintptr_t)picture.pixels + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    uintptr_t end = ((uintptr_t)picture.pixels + size) / HUGE_PAGE * HUGE_PAGE;
    if (end > begin) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    return picture;
}
