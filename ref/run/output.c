/* output.c - write beside the place, sync, rename */
#include "run/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/arena.h"

struct Output {
    char *path;      /* as the user wrote it */
    char *place;     /* without symbolic links; NULL where the bytes are copied into what is there */
    char *temporary; /* the name of the unfinished file; NULL without place */
    FILE *stream;
    int file;     /* behind the stream */
    int why;      /* errno of the first write that failed; the stream remembers only that one did */
    Output *next; /* of those that are unfinished */
};

struct ScratchFile {
    char *folder, *path;
    ScratchFile *next;
};

static Output *volatile unfinished;
static ScratchFile *volatile scratch_files;

void outputs_remove_unfinished(void)
{
    for (const Output *output = unfinished; output; output = output->next)
        if (output->temporary) unlink(output->temporary);
    for (const ScratchFile *scratch = scratch_files; scratch; scratch = scratch->next) {
        unlink(scratch->path);
        rmdir(scratch->folder);
    }
}

/* A signal may find a thread of OpenBLAS, while the main thread holds it off to add to these lists: it is sent on.
 * There the default is put back, so that the signal ends the process as it would have without us. */
static void remove_and_die(int number)
{
    const pid_t process = getpid();
    if (syscall(SYS_gettid) != process) {
        syscall(SYS_tgkill, process, process, number);
        return;
    }
    outputs_remove_unfinished();
    signal(number, SIG_DFL);
    raise(number);
}

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
enum { DEADLY = sizeof deadly / sizeof *deadly };

static void watch_for_the_end(void)
{
    static bool at_exit;
    if (!at_exit) atexit(outputs_remove_unfinished), at_quick_exit(outputs_remove_unfinished);
    at_exit = true;
    for (int i = 0; i < DEADLY; i++) {
        struct sigaction now, ours = { .sa_handler = remove_and_die };
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) sigaction(deadly[i], &ours, NULL);
    }
}

/* No signal may come between a file and its entry in the list, or between two links of the list. */
static void hold_signals(sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < DEADLY; i++) sigaddset(&set, deadly[i]);
    sigprocmask(SIG_BLOCK, &set, before);
}

static char *beside(const char *place)
{
    static const char name[] = "plumb-XXXXXX";
    const char *slash = strrchr(place, '/');
    size_t folder = slash ? (size_t)(slash - place) + 1 : 0;
    char *temporary = allocate_zeroed(folder + sizeof name, 1);
    memcpy(temporary, place, folder);
    memcpy(temporary + folder, name, sizeof name);
    return temporary;
}

/* A new file gets the mode that open() would give it; mkstemp gives 0600. */
static mode_t usual_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static ssize_t put_bytes(void *cookie, const char *bytes, size_t size)
{
    Output *output = cookie;
    size_t done = 0;
    while (done < size) {
        ssize_t now = write(output->file, bytes + done, size - done);
        if (now < 0 && errno == EINTR) continue;
        if (now <= 0) {
            if (!output->why) output->why = errno;
            return 0;
        }
        done += (size_t)now;
    }
    return (ssize_t)size;
}

static ssize_t get_bytes(void *cookie, char *bytes, size_t size) { return read(((Output *)cookie)->file, bytes, size); }

static int seek_bytes(void *cookie, off_t *offset, int whence)
{
    *offset = lseek(((Output *)cookie)->file, *offset, whence);
    return *offset < 0 ? -1 : 0;
}

static int close_bytes(void *cookie) { return close(((Output *)cookie)->file); }

static char *joined(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = allocate_zeroed(size, 1);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static char *temporary_name(void)
{
    const char *parent = getenv("TMPDIR");
    return joined(parent ? parent : "/tmp", "plumb-XXXXXX");
}

/* Not tmpfile(), which knows no TMPDIR: a sandbox leaves that folder alone to write in. */
static int open_nameless(void)
{
    char *name = temporary_name();
    int file = mkstemp(name);
    if (file >= 0) unlink(name);
    free(name);
    return file;
}

static int open_named(Output *output, mode_t mode)
{
    output->temporary = beside(output->place);
    int file = mkstemp(output->temporary);
    if (file < 0) {
        free(output->temporary);
        output->temporary = NULL;
    } else if (fchmod(file, mode) != 0) {
        close(file);
        return -1;
    }
    return file;
}

static FILE *open_temporary(Output *output, mode_t mode)
{
    static const cookie_io_functions_t bytes = { get_bytes, put_bytes, seek_bytes, close_bytes };
    output->file = output->place ? open_named(output, mode) : open_nameless();
    FILE *stream = output->file < 0 ? NULL : fopencookie(output, "w+b", bytes);
    if (!stream && output->file >= 0) close(output->file);
    return stream;
}

Output *output_open(const char *path, Error *error)
{
    watch_for_the_end();
    Output *output = allocate_zeroed(1, sizeof *output);
    output->path = copy_text(path);
    struct stat link, target;
    bool present = lstat(path, &link) == 0, reached = stat(path, &target) == 0;
    if (!present) /* a link that leads nowhere is present: output_close creates the file that it points to */
        output->place = copy_text(path);
    else if (reached && S_ISREG(target.st_mode))
        output->place = realpath(path, NULL);

    sigset_t before;
    hold_signals(&before);
    if (reached && S_ISDIR(target.st_mode))
        errno = EISDIR;
    else
        output->stream = open_temporary(output, reached ? target.st_mode & 0777 : usual_mode());
    output->next = unfinished;
    unfinished = output;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (output->stream) return output;
    error_set(error, "%s: cannot be written: %s", path, strerror(errno));
    output_abandon(output);
    return NULL;
}

FILE *output_stream(Output *output) { return output->stream; }

void output_cut(Output *output, long size)
{
    if ((fflush(output->stream) != 0 || ftruncate(output->file, size) != 0) && !output->why) output->why = errno;
}

static bool copy_through(FILE *from, const char *path)
{
    FILE *to = fopen(path, "wb");
    if (!to) return false;
    char block[1 << 16];
    size_t size;
    rewind(from);
    while ((size = fread(block, 1, sizeof block, from)) > 0 && fwrite(block, 1, size, to) == size) {
    }
    bool good = !ferror(from) && !ferror(to);
    return fclose(to) == 0 && good;
}

void output_close(Output *output, Error *error)
{
    errno = 0;
    bool good = fflush(output->stream) == 0 && !ferror(output->stream) && !output->why;
    if (good && output->place)
        good = fsync(output->file) == 0 && rename(output->temporary, output->place) == 0;
    else if (good)
        good = copy_through(output->stream, output->path);
    if (output->why) errno = output->why;
    if (!good)
        error_set(error, "%s: cannot be written: %s", output->path,
                  errno ? strerror(errno) : "an earlier write failed");
    else if (output->temporary) /* it has become the file, and is not to be removed */
        output->temporary[0] = '\0';
    output_abandon(output);
}

void output_abandon(Output *output)
{
    if (!output) return;
    sigset_t before;
    hold_signals(&before);
    if (output->temporary) unlink(output->temporary);
    for (Output *volatile *at = &unfinished; *at; at = (Output *volatile *)&(*at)->next)
        if (*at == output) {
            *at = output->next;
            break;
        }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (output->stream) fclose(output->stream);
    free(output->path);
    free(output->place);
    free(output->temporary);
    free(output);
}

/* ---------------------------------------------------------------- scratch files */

ScratchFile *scratch_file_open(const char *name, Error *error)
{
    ScratchFile *scratch = allocate_zeroed(1, sizeof *scratch);
    scratch->folder = temporary_name();
    watch_for_the_end();
    sigset_t before;
    hold_signals(&before);
    bool is_made = mkdtemp(scratch->folder) != NULL;
    if (is_made) {
        scratch->path = joined(scratch->folder, name);
        scratch->next = scratch_files;
        scratch_files = scratch;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (is_made) return scratch;
    error_set(error, "%s: found no such place (%s), expected one for temporary files", scratch->folder,
              strerror(errno));
    free(scratch->folder);
    free(scratch);
    return NULL;
}

const char *scratch_file_path(const ScratchFile *scratch) { return scratch->path; }

void scratch_file_close(ScratchFile *scratch)
{
    if (!scratch) return;
    sigset_t before;
    hold_signals(&before);
    unlink(scratch->path);
    rmdir(scratch->folder);
    for (ScratchFile *volatile *at = &scratch_files; *at; at = (ScratchFile *volatile *)&(*at)->next)
        if (*at == scratch) {
            *at = scratch->next;
            break;
        }
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(scratch->folder);
    free(scratch->path);
    free(scratch);
}
