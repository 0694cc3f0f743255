/* sandbox_option.h - --sandbox, of the commands that give up what they do not need
 *
 *     SandboxedFiles files = { .read = (const char *const[]){ "a.json", NULL }, .written = (..){ "out.html", NULL } };
 *     sandbox_files(&files, SANDBOX_AUTO, &error);
 */
#ifndef PLUMB_SANDBOX_OPTION_H
#define PLUMB_SANDBOX_OPTION_H

#include <argp.h>

#include "command/plumb.h"
#include "run/sandbox.h"

extern const struct argp sandbox_argp; /* a child parser; its input is a SandboxWhen */

typedef struct {
    const char *const *read;    /* files and folders, NULL-terminated */
    const char *const *written; /* files, likewise */
} SandboxedFiles;

/* From here on the program reads and writes these and nothing else, and what --weights names. */
void sandbox_files(const SandboxedFiles *files, SandboxWhen when, Error *error);
/* The same for a command that judges a case; others: files and folders that it reads besides, NULL-terminated */
void sandbox_case(const Case *c, const char *const *others, const char *written, SandboxWhen when, Error *error);

#endif
