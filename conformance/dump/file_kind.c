/* file_kind.c - by its first bytes */
#include "dump/file_kind.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SAVE "; safetensors.torch.save_file saves a dict of tensors"

static const struct {
    const char *begins;
    int length;
    FileKind kind;
} kinds[] = {
    { "PK\3\4", 4, { "a zip archive, as torch.save writes", SAVE } },
    { "\x80\2", 2, { "a Python pickle, as torch.save writes", SAVE } },
    { "\x93NUMPY", 6, { "one NumPy array", "; the folder of all of them is a dump" } },
    { "GGUF", 4, { "a GGUF file of weights", "; a dump is what the backend computed from them" } },
    { "\x89HDF", 4, { "an HDF5 file", "; safetensors.numpy.save_file saves a dict of arrays" } },
    { "\x1f\x8b", 2, { "a gzip file", "; unpack it first" } },
};

static bool is_text(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isprint((unsigned char)bytes[i]) && !isspace((unsigned char)bytes[i])) return false;
    return size > 0;
}

/* A safetensors file begins with a length of eight bytes, then JSON. The length may look like the beginning of another
 * kind of file. */
static bool is_safetensors(const char *bytes, size_t size) { return size > 8 && bytes[7] == 0 && bytes[8] == '{'; }

FileKind file_kind(const char *path)
{
    struct stat status;
    char bytes[9];
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return (FileKind){ 0 };
    FILE *file = fopen(path, "rb");
    if (!file) return (FileKind){ 0 };
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (is_safetensors(bytes, size)) return (FileKind){ 0 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= (size_t)kinds[i].length && memcmp(bytes, kinds[i].begins, (size_t)kinds[i].length) == 0)
            return kinds[i].kind;
    if (size == 0) return (FileKind){ "an empty file", "" };
    return is_text(bytes, size) ? (FileKind){ "text", "" } : (FileKind){ 0 };
}
