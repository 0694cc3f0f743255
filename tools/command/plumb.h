/* plumb.h - what the subcommands share */
#ifndef PLUMB_TOOL_H
#define PLUMB_TOOL_H

#include <argp.h>

#include "inputs/dumped_inputs.h"
#include "command/coloured_text.h"
#include "command/media_arguments.h"
#include "model.h"
#include "run/arena.h"
#include "readings/vision_mask.h"

typedef enum { STATUS_PASS = 0, STATUS_FAIL = 1, STATUS_BAD_INPUT = 2, STATUS_NOTHING = 3 } Status;

int plumb_run(int argc, char **argv);
int plumb_generate(int argc, char **argv);
int plumb_grade(int argc, char **argv);
int plumb_diagnose(int argc, char **argv);
int plumb_explain_model(int argc, char **argv);
int plumb_compare(int argc, char **argv);
int plumb_names(int argc, char **argv);
int plumb_preprocess(int argc, char **argv);
int plumb_inspect(int argc, char **argv);
int plumb_bugs(int argc, char **argv);
int plumb_report(int argc, char **argv);
int plumb_suite(int argc, char **argv);
int plumb_merge(int argc, char **argv);
int plumb_submit(int argc, char **argv);
int plumb_verify(int argc, char **argv);
int plumb_quantiser(int argc, char **argv);

/* CASE, or --model DIR and --inputs FILE in its place, or pictures and a prompt for inputs; --threads N; --quiet. */
typedef struct {
    Arena arena;
    const char *name;   /* of the case, for a report */
    const char *folder; /* NULL without CASE */
    const char *model_folder, *inputs_file;
    const char *inputs_option; /* --inputs */
    MediaArguments media;      /* instead of inputs_file */
    int threads;
    bool threads_take_passes; /* instead of sharing out products */
    bool quiet;
    ColourWhen colour;
    VisionMask vision_mask;
    InputCodes cache; /* --kv-cache, or what the checkpoint says */
    Model *model;
    Inputs inputs;
    Pictures *pictures;    /* that the inputs are made from, where they are needed */
    Clips *clips;          /* likewise */
    Patches buggy_patches; /* in the place of the inputs' own, with --bug */
    SoundFeatures buggy_features;
} Case;

extern const struct argp case_argp;                /* a child parser for these options; its input is the Case */
void case_set_folder(Case *c, const char *folder); /* the argument CASE */
void case_open(Case *c, Error *error);             /* opens model and inputs, and checks that they fit */
void case_close(Case *c);
void case_refuse(const Case *c, OutputOption output, Error *error); /* an output that is one of the case's files */

/* judged_case.c */
Pictures *open_png_files(const MediaArguments *arguments, const char *model_folder, Error *error);
Clips *open_wav_files(const MediaArguments *arguments, const char *model_folder, Error *error);
/* NULL without error: the dump holds no inputs of its own, or nobody says which PNG and WAV files they should be of */
DumpedInputs *case_judge_inputs(Case *c, const Dump *dump, const ArithmeticClass *class, const char *const *only,
                                Error *error);
/* The case's inputs become what a port with those bugs makes of its PNG files, or of its WAV files. */
void case_bend_pictures(Case *c, const Bug *const *bugs, int count, Error *error);
void case_bend_sounds(Case *c, const Bug *const *bugs, int count, Error *error);

/* A growing list of --only globs, NULL-terminated. */
typedef struct {
    const char **globs;
    int count;
} Globs;

void globs_add(Globs *globs, const char *glob);
void globs_add_layers(Globs *globs); /* --layers: outputs of layers, towers and embedders, nothing inside them */
bool globs_match(const Globs *globs, const char *name); /* true when there is no glob */

/* named_dump.c: how the arrays of a dump are named, and which are left out */
typedef struct {
    const char *map; /* names/name_map.h; NULL: they have the names of taps */
    Globs excluded;
    json_t *unused; /* filled with the map's entries that no array has the name of */
    int misnamed;   /* filled: arrays that are no taps, and have the values of taps that the dump lacks */
} DumpNames;

Dump *open_named_dump(Case *c, const char *path, const DumpNames *names, Error *error); /* NULL with error set */

enum { MOST_NEW_TOKENS = 1 << 20 };

/* The argument of --bug, on a growing list */
void bugs_add(const Bug ***bugs, int *count, const char *id, struct argp_state *state);

const char *bug_nearest(const char *id); /* that a misspelt one may have been; NULL: none is near */

/* argp with exit status 2 on bad usage, and with the options for limits that all subcommands have */
void parse_arguments(const struct argp *argp, int argc, char **argv, void *input);
/* The same of words that a file has: none asks for help, which would end the program as if all were well. */
void parse_words_of_file(const struct argp *argp, int argc, char **argv, void *input);
int finish(const Error *error, Status otherwise); /* prints the error, if any: its status, or the other */

#endif
