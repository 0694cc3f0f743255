/* video_processor.c - what Gemma4VideoProcessor needs beside image_processor.c, which treats each frame */
#include "image/video_processor.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_frame(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 4, ".png") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) /* the same order in every locale */
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

VideoFrames video_frames(const char *folder, Arena *arena, Error *error)
{
    struct dirent **entries;
    VideoFrames frames = { .count = scandir(folder, &entries, is_frame, by_bytes) };
    if (frames.count < 0) {
        error_set(error, "%s: found no folder (%s), expected one of PNG frames", folder, strerror(errno));
        return (VideoFrames){ 0 };
    }
    if (frames.count == 0)
        error_set(error, "%s: found no file that ends in .png, expected a folder of PNG frames", folder);
    frames.paths = arena_allocate(arena, (size_t)frames.count * sizeof *frames.paths);
    for (int i = 0; i < frames.count; i++) {
        frames.paths[i] = arena_format(arena, "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return frames;
}

const char *video_timestamp(int frame, double fps, Arena *arena)
{
    double seconds = frame / fps, rest = fmod(seconds, 60); /* Python's // and % */
    return arena_format(arena, "%02.0f:%02d", (seconds - rest) / 60, (int)rest);
}
