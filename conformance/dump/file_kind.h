/* file_kind.h - what a file is that is no dump */
#ifndef PLUMB_FILE_KIND_H
#define PLUMB_FILE_KIND_H

typedef struct {
    const char *is;     /* "a zip archive, as torch.save writes"; NULL: nothing is known against the file */
    const char *advice; /* "; unpack it first", or "" */
} FileKind;

/* By the first bytes of a regular file that can be read */
FileKind file_kind(const char *path);

#endif
