/* faults.c - a layer between a program and the C library, in which one call fails
 *
 *     FAULT=malloc:17 LD_PRELOAD=build/faults.so plumb grade ..
 *
 * The 17th malloc after main has begun fails. FAULT_COUNTS=FILE appends the number of calls of each kind to a file when
 * the program ends.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* malloc stands for calloc, realloc and aligned_alloc, open for fopen and its like, and so on. */
#define KINDS(X)      \
    X(malloc, ENOMEM) \
    X(open, EMFILE) X(read, EIO) X(write, ENOSPC) X(mmap, ENOMEM) X(rename, EACCES) X(stat, EIO) X(sync, EIO)
#define ENUMERATE(kind, error) KIND_##kind,
#define NAME(kind, error) #kind,
#define ERROR(kind, error) error,
enum { KINDS(ENUMERATE) KIND_COUNT };
static const char *const names[] = { KINDS(NAME) };
static const int errors[] = { KINDS(ERROR) };

static atomic_long calls[KIND_COUNT];
static atomic_bool active;
static int failing = -1;
static long failing_call;

static bool fails(int kind)
{
    if (!active) return false;
    bool this_one = atomic_fetch_add(&calls[kind], 1) + 1 == failing_call && kind == failing;
    if (this_one) errno = errors[kind];
    return this_one;
}

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size), *__libc_realloc(void *old, size_t),
    *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) { return fails(KIND_malloc) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails(KIND_malloc) ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return fails(KIND_malloc) ? NULL : __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(KIND_malloc) ? NULL : __libc_memalign(alignment, size);
}

/* Defines the library's function anew: the same arguments, and `failed` in the place of the result. */
#define WRAP(kind, failed, type, name, parameters, arguments) \
    type name parameters                                      \
    {                                                         \
        static type(*next) parameters;                        \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name); \
        return fails(KIND_##kind) ? failed : next arguments;  \
    }

WRAP(open, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
WRAP(open, NULL, FILE *, fdopen, (int file, const char *mode), (file, mode))
WRAP(open, NULL, FILE *, tmpfile, (void), ())
WRAP(open, -1, int, mkstemp, (char *path), (path))
WRAP(open, NULL, char *, mkdtemp, (char *path), (path))
WRAP(open, -1, int, dup, (int file), (file))
WRAP(read, -1, ssize_t, read, (int file, void *to, size_t size), (file, to, size))
WRAP(write, -1, ssize_t, write, (int file, const void *from, size_t size), (file, from, size))
WRAP(write, EOF, int, fflush, (FILE * file), (file))
WRAP(write, -1, int, ftruncate, (int file, off_t size), (file, size))
WRAP(sync, -1, int, fsync, (int file), (file))
WRAP(rename, -1, int, rename, (const char *from, const char *to), (from, to))
WRAP(stat, -1, int, fstat, (int file, struct stat *status), (file, status))
WRAP(stat, -1, int, fchmod, (int file, mode_t mode), (file, mode))
WRAP(stat, NULL, char *, realpath, (const char *path, char *to), (path, to))

void *mmap(void *at, size_t size, int what, int how, int file, off_t begin)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    return fails(KIND_mmap) ? MAP_FAILED : next(at, size, what, how, file, begin);
}

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "open");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails(KIND_open) ? -1 : next(path, flags, mode);
}

enum { ERROR_SEEN = 0x20 }; /* glibc's flag: ferror is true */

size_t fread(void *to, size_t size, size_t count, FILE *file)
{
    static size_t (*next)(void *, size_t, size_t, FILE *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fread");
    if (!fails(KIND_read)) return next(to, size, count, file);
    file->_flags |= ERROR_SEEN;
    return 0;
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *file)
{
    static size_t (*next)(const void *, size_t, size_t, FILE *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fwrite");
    if (file == stderr || !fails(KIND_write)) return next(from, size, count, file);
    file->_flags |= ERROR_SEEN;
    return 0;
}

static void count_calls(void)
{
    active = false;
    const char *path = getenv("FAULT_COUNTS");
    FILE *file = path ? fopen(path, "a") : NULL;
    for (int i = 0; file && i < KIND_COUNT; i++) fprintf(file, "%s %ld\n", names[i], calls[i]);
    if (file) fclose(file);
}

static int (*real_main)(int, char **, char **);

static int counted_main(int argc, char **argv, char **environment)
{
    const char *fault = getenv("FAULT"), *colon = fault ? strchr(fault, ':') : NULL;
    for (int i = 0; colon && i < KIND_COUNT; i++)
        if (strncmp(fault, names[i], (size_t)(colon - fault)) == 0) failing = i;
    if (colon) failing_call = atol(colon + 1);
    atexit(count_calls);
    active = true;
    return real_main(argc, argv, environment);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, ...)
{
    typedef void Ending(void);
    int (*next)(int (*)(int, char **, char **), int, char **, Ending *, Ending *, Ending *, void *);
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = program;
    va_list rest;
    va_start(rest, argv);
    Ending *begin = va_arg(rest, Ending *), *end = va_arg(rest, Ending *), *unload = va_arg(rest, Ending *);
    void *stack = va_arg(rest, void *);
    va_end(rest);
    return next(counted_main, argc, argv, begin, end, unload, stack);
}
