/* mapped_file.h - a file that is read where it lies, and may be cut or written to meanwhile
 *
 * A part that was cut off cannot be read any more: SIGBUS. Then the program says which file it was, removes what it has
 * not finished writing, and ends with exit status 2.
 */
#ifndef PLUMB_MAPPED_FILE_H
#define PLUMB_MAPPED_FILE_H

#include <stddef.h>

#include "run/error.h"

typedef struct MappedFile MappedFile;

/* A regular file of at least `least` bytes, or NULL with error set; "expected" ends the message. */
MappedFile *mapped_file_open(const char *path, size_t least, const char *expected, Error *error);
void mapped_file_close(MappedFile *file); /* NULL is fine */
const unsigned char *mapped_file_bytes(const MappedFile *file);
size_t mapped_file_size(const MappedFile *file);
void mapped_file_let_go(MappedFile *file); /* of the pages read so far, if it is large; they come back from the file */

/* Sets the error if a file that is open now is not what it was when it was opened: what was computed from it is of
 * neither. A file that was replaced by another of its name is what it was. */
void mapped_files_check(Error *error);

#endif
