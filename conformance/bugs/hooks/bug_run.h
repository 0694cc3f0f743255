/* bug_run.h - what a bug's hook remembers during a pass; for the files that make bugs work, not for bugs */
#ifndef PLUMB_BUG_RUN_H
#define PLUMB_BUG_RUN_H

#include "bugs/hooks/bug_hooks.h"

struct BugRun {
    const Bug *bug;
    const Bug *const *bugs; /* of the model, this one among them */
    int bug_count;
    const BugPart *part; /* that the last of them is in; NULL: all are everywhere */
    const Model *model;
    const Inputs *inputs;
    const Pass *pass;
    Arena arena;   /* names, weights and memory of this pass */
    Arena scratch; /* of one call of the hook */
    Recorded *recorded;
    int recorded_count;
    const struct BugRun *recorder; /* of the same taps, whose records these are, too; NULL: it has its own */
    struct {
        const char *name;
        double *values;
    } * read;
    int read_count;
    void *state;
};

void bug_run_tap(BugRun *run, const Tap *tap);         /* calls the hook */
void bug_run_round(const BugRun *run, const Tap *tap); /* as the pass rounds the tap's values */
void bug_run_record(BugRun *run, const Tap *tap);      /* after every tap, if the bug asks for it */
void bug_run_end(BugRun *run);

/* "PATH.layers.N." + local, of layer N or the tap's own where N < 0; without "@k" */
void name_in_layer(char *name, size_t size, const Tap *tap, int layer, const char *local);
enum { NAME_SIZE = 256 };

#endif
