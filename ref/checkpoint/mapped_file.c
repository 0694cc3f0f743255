/* mapped_file.c - mmap, and who is to blame for a SIGBUS */
#include "checkpoint/mapped_file.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "checkpoint/regular_file.h"
#include "run/arena.h"
#include "run/output.h"

struct MappedFile {
    char *path;
    unsigned char *bytes;
    struct stat status;
    int descriptor;
    MappedFile *next; /* of those that are open */
};

static MappedFile *volatile mapped;
static struct sigaction before; /* who handled SIGBUS before us */

static size_t size_of(const MappedFile *file) { return (size_t)file->status.st_size; }

/* One write, so that the line comes whole. */
static void say_that_it_is_cut(const char *path)
{
    static const char cut[] = ": found it cut short while it was read, expected a file that stays as it is\n";
    const struct iovec line[] = { { (char[]){ "plumb: " }, 7 },
                                  { (char *)path, strlen(path) },
                                  { (char *)cut, sizeof cut - 1 } };
    if (writev(STDERR_FILENO, line, 3) < 0) return; /* there is nobody left to tell */
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    const unsigned char *at = info->si_addr;
    for (const MappedFile *file = mapped; file; file = file->next)
        if (at >= file->bytes && at < file->bytes + size_of(file)) {
            say_that_it_is_cut(file->path);
            outputs_remove_unfinished();
            _exit(2);
        }
    sigaction(number, &before, NULL); /* no file of ours: the access is tried again, and is theirs */
}

static void watch_for_bus_errors(void)
{
    static bool watching; /* one process, one handler */
    const struct sigaction ours = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
    if (!watching) sigaction(SIGBUS, &ours, &before);
    watching = true;
}

MappedFile *mapped_file_open(const char *path, size_t least, const char *expected, Error *error)
{
    struct stat status;
    FILE *stream = regular_file_open(path, expected, &status, error);
    if (!stream) return NULL;
    int descriptor = dup(fileno(stream));
    void *bytes = MAP_FAILED;
    if (descriptor < 0)
        error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    else if ((size_t)status.st_size < least)
        error_set(error, "%s: found %lld bytes, expected at least the %zu of %s", path, (long long)status.st_size,
                  least, expected);
    else
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    fclose(stream);
    if (bytes == MAP_FAILED) {
        error_set(error, "%s: cannot be mapped: %s", path, strerror(errno));
        if (descriptor >= 0) close(descriptor);
        return NULL;
    }
    watch_for_bus_errors();
    MappedFile *file = allocate_zeroed(1, sizeof *file);
    *file = (MappedFile){ copy_text(path), bytes, status, descriptor, mapped };
    mapped = file;
    return file;
}

void mapped_file_close(MappedFile *file)
{
    if (!file) return;
    for (MappedFile *volatile *at = &mapped; *at; at = (MappedFile *volatile *)&(*at)->next)
        if (*at == file) {
            *at = file->next;
            break;
        }
    munmap(file->bytes, size_of(file));
    close(file->descriptor);
    free(file->path);
    free(file);
}

const unsigned char *mapped_file_bytes(const MappedFile *file) { return file->bytes; }
size_t mapped_file_size(const MappedFile *file) { return size_of(file); }

void mapped_file_let_go(MappedFile *file)
{
    const size_t worth_it = (size_t)4 << 20; /* less comes back so often that it takes longer than a small pass */
    if (size_of(file) >= worth_it) madvise(file->bytes, size_of(file), MADV_DONTNEED);
}


void mapped_files_check(Error *error)
{
    for (const MappedFile *file = mapped; file; file = file->next) {
        struct stat now;
        const struct timespec *then = &file->status.st_mtim;
        if (fstat(file->descriptor, &now) != 0) continue;
        if (now.st_size != file->status.st_size || now.st_mtim.tv_sec != then->tv_sec ||
            now.st_mtim.tv_nsec != then->tv_nsec)
            error_set(error, "%s: found it changed while it was read, expected a file that stays as it is", file->path);
    }
}
