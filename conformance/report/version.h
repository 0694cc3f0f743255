/* version.h - which plumb this is */
#ifndef PLUMB_VERSION_H
#define PLUMB_VERSION_H

extern const char plumb_version[]; /* the file VERSION */
extern const char plumb_commit[];  /* "cfcf68c2a41b", with "-dirty" behind it where files differ; "" where unknown */

#endif
