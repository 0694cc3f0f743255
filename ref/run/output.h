/* output.h - one way to write a file: whole or not at all
 *
 *     Output *output = output_open("report.json", &error);
 *     fprintf(output_stream(output), "{}\n");
 *     output_close(output, &error);
 *
 * A file is written beside its place under a random name that nobody else can own, synced, and renamed. A symbolic link
 * stays, and the file that it points to is replaced. A device or a pipe stays too: what it gets is collected first, in
 * a file without a name, and copied into it by output_close. SIGINT, SIGTERM, SIGHUP and exit remove what is
 * unfinished.
 */
#ifndef PLUMB_OUTPUT_H
#define PLUMB_OUTPUT_H

#include <stdio.h>

#include "run/error.h"

typedef struct Output Output;

Output *output_open(const char *path, Error *error); /* NULL with error set */
FILE *output_stream(Output *output);                 /* for reading and writing, and it can seek */
void output_cut(Output *output, long size);          /* the file ends there */
void output_close(Output *output, Error *error); /* frees output; after an error the old file is still in its place */
void output_abandon(Output *output);             /* NULL is fine */

/* A place for a file that is gone when the program is, however it ends: in a folder of its own in $TMPDIR or /tmp. */
typedef struct ScratchFile ScratchFile;
ScratchFile *scratch_file_open(const char *name, Error *error); /* NULL with error set */
const char *scratch_file_path(const ScratchFile *scratch);      /* where whoever wants to may write it */
void scratch_file_close(ScratchFile *scratch);                  /* removes it and its folder; NULL is fine */

/* Removes unfinished files, as at exit; a handler of signals that ends the program may call it. */
void outputs_remove_unfinished(void);

#endif
