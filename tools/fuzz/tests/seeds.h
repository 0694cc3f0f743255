/* seeds.h - where seeds go */
#ifndef PLUMB_SEEDS_H
#define PLUMB_SEEDS_H

#include <stddef.h>

const char *seed_path(const char *folder, const char *name); /* the path of a file there, whose folder is made */
/* The texts, NULL-terminated, with a 0 behind each, and so many bytes of data */
void put_parts(const char *path, const char *const *parts, size_t data);

void put_files(void);     /* file_seeds.c */
void put_quantised(void); /* quantised_seeds.c */
void put_shards(const char *model, const char *inputs, const char *dump); /* shard_seeds.c */

#endif
