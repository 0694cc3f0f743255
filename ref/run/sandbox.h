/* sandbox.h - gives up what a program that reads strangers' files does not need
 *
 *     Sandbox *sandbox = sandbox_prepare();
 *     sandbox_may_read(sandbox, "case");
 *     sandbox_may_write_beside(sandbox, "out/report.json");
 *     sandbox_enter(sandbox, SANDBOX_AUTO, &error);
 *
 * From there on the process and its threads to come can read what was allowed and what they have open, read and write
 * in the folder of their outputs and in that of temporary files, and do nothing else with files (Landlock); no thread
 * can open a socket or start a program (seccomp). Threads that there are already keep their files. Nothing gives it
 * back.
 */
#ifndef PLUMB_SANDBOX_H
#define PLUMB_SANDBOX_H

#include <stdbool.h>

#include "run/error.h"

typedef struct Sandbox Sandbox;

typedef enum {
    SANDBOX_AUTO,   /* as far as kernel and build go, without a word */
    SANDBOX_ALWAYS, /* an error where either is missing */
    SANDBOX_NEVER,
} SandboxWhen;

bool sandbox_when_from_name(const char *name, SandboxWhen *when); /* "auto", "always", "never" */

Sandbox *sandbox_prepare(void);
/* A file, or all that is in a folder, and where links in it that are named as weights, configurations and arrays are
 * lead. A path that is not there, and NULL, allow nothing. */
void sandbox_may_read(Sandbox *sandbox, const char *path);
/* In the folder of the file, and below it, or to a device itself. NULL, and "-" for stdout, allow nothing. */
void sandbox_may_write_beside(Sandbox *sandbox, const char *path);
void sandbox_enter(Sandbox *sandbox, SandboxWhen when, Error *error); /* frees it */

int sandbox_landlock(void);     /* the version of the kernel's Landlock; 0: it has none */
bool sandbox_has_seccomp(void); /* built with libseccomp */

#endif
