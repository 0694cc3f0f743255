/* suite_list.h - the trials of a suite: each dump of each case, in each class, graded or diagnosed
 *
 *     {"groups": [{"cases": ["fixtures/e2b", "fixtures/31b"], "dumps": ["{case}/dumps/honest-bf16-eager.safetensors"],
 *                  "classes": ["bf16"], "command": "grade", "names": "names/mlx-vlm.json"}]}
 *
 * "classes", "command" and "names" may be left out. Paths are the command line's; docs/shards.md.
 */
#ifndef PLUMB_SUITE_LIST_H
#define PLUMB_SUITE_LIST_H

#include <stdbool.h>

#include "report/file_digest.h"
#include "run/arena.h"

enum { MOST_TRIALS = 1 << 20 };

typedef struct {
    const char *folder, *dump;
    const char *class, *names; /* NULL: the one that the dump's values show, Hugging Face's names */
    bool diagnosed;
} SuiteTrial;

typedef struct {
    SuiteTrial *trials;
    int count;
    char sha256[DIGEST_TEXT]; /* of the file */
    Arena arena;
} SuiteList;

SuiteList suite_list_read(const char *path, Error *error);
void suite_list_free(SuiteList *list);

/* Which of `shards` shards, from 0 on, each trial is in: the caller frees it. The dearest first, each to the shard that
 * has least to do; what a trial costs follows from the sizes of its files, so that all machines agree. */
int *suite_list_shards(const SuiteList *list, int shards);

#endif
