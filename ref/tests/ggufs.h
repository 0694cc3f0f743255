/* ggufs.h - GGUF files, written byte by byte */
#ifndef PLUMB_GGUFS_H
#define PLUMB_GGUFS_H

#include <stdint.h>
#include <string.h>

typedef struct {
    unsigned char bytes[4096];
    size_t size;
} File;

static inline void put(File *file, const void *bytes, size_t size)
{
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static inline void put_u32(File *file, uint32_t value) { put(file, &value, sizeof value); }
static inline void put_u64(File *file, uint64_t value) { put(file, &value, sizeof value); }

static inline void put_string(File *file, const char *text)
{
    put_u64(file, strlen(text));
    put(file, text, strlen(text));
}

static inline void put_head(File *file, uint32_t version, uint64_t tensors, uint64_t keys)
{
    put(file, "GGUF", 4);
    put_u32(file, version);
    put_u64(file, tensors);
    put_u64(file, keys);
}

/* A tensor [rows, columns] */
static inline void put_tensor(File *file, const char *name, uint64_t columns, uint64_t rows, uint32_t type,
                              uint64_t offset)
{
    put_string(file, name);
    put_u32(file, 2);
    put_u64(file, columns);
    put_u64(file, rows);
    put_u32(file, type);
    put_u64(file, offset);
}

#endif
