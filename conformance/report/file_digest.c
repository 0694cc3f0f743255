/* file_digest.c - SHA-256, by libcrypto */
#include "report/file_digest.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/regular_file.h"
#include "report/json_file.h"
#include "run/arena.h"

enum { BLOCK = 1 << 20 };

static const char *const kinds[] = { "*.json", "*.safetensors", "*.npy" };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* libcrypto starts with what it has when memory ends, and ends in a null pointer: it gets memory as all others do. */
static void *crypto_allocate(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return reallocate(NULL, size, 1);
}

static void *crypto_reallocate(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return reallocate(memory, size, 1);
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

/* The number of bytes, or -1 */
static long long digest(FILE *file, char *hex)
{
    unsigned char *block = allocate_zeroed(BLOCK, 1), sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    long long bytes = 0;
    CRYPTO_set_mem_functions(crypto_allocate, crypto_reallocate, crypto_free); /* refused once it is in use */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t size; good && (size = fread(block, 1, BLOCK, file)) > 0; bytes += (long long)size)
        good = EVP_DigestUpdate(context, block, size) == 1;
    good = good && !ferror(file) && EVP_DigestFinal_ex(context, sum, &length) == 1;
    EVP_MD_CTX_free(context);
    free(block);
    for (unsigned i = 0; i < length; i++) sprintf(hex + 2 * i, "%02x", sum[i]);
    return good ? bytes : -1;
}

void bytes_digest(const void *bytes, size_t size, char hex[DIGEST_TEXT])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    CRYPTO_set_mem_functions(crypto_allocate, crypto_reallocate, crypto_free); /* refused once it is in use */
    if (EVP_Digest(bytes, size, sum, &length, EVP_sha256(), NULL) != 1) length = 0;
    hex[0] = 0;
    for (unsigned i = 0; i < length; i++) sprintf(hex + 2 * i, "%02x", sum[i]);
}

static void file_append(json_t *list, const char *role, const char *path, Error *error)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    struct stat status;
    FILE *file = regular_file_open(path, "one for its SHA-256", &status, error);
    long long bytes = file ? digest(file, hex) : -1;
    if (file && bytes < 0)
        error_set(error, "%s: found no file that can be read (%s), expected one for its SHA-256", path,
                  strerror(errno));
    else if (file)
        json_array_append_new(list, json_pack("{s:s, s:o, s:I, s:s}", "role", role, "path", text_json(path), "bytes",
                                              (json_int_t)bytes, "sha256", hex));
    if (file) fclose(file);
}

static int is_told(const struct dirent *entry)
{
    for (int i = 0; i < KINDS; i++)
        if (fnmatch(kinds[i], entry->d_name, 0) == 0) return 1;
    return 0;
}

void files_append(json_t *list, const char *role, const char *path, Error *error)
{
    struct stat status;
    if (!path || error_is_set(error)) return;
    bool present = stat(path, &status) == 0;
    if (!present || !S_ISDIR(status.st_mode)) {
        if (!present || S_ISREG(status.st_mode)) file_append(list, role, path, error);
        return;
    }
    Arena arena = { 0 };
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_told, alphasort);
    for (int i = 0; i < count; i++) {
        file_append(list, role, arena_format(&arena, "%s/%s", path, entries[i]->d_name), error);
        free(entries[i]);
    }
    free(entries);
    arena_free(&arena);
}
