/* sandbox.c - Landlock by its system calls, seccomp by libseccomp */
#include "run/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#endif
#ifdef PLUMB_SECCOMP
#include <seccomp.h>
#endif

#include "run/arena.h"

bool sandbox_when_from_name(const char *name, SandboxWhen *when)
{
    static const char *const names[] = {
        [SANDBOX_AUTO] = "auto", [SANDBOX_ALWAYS] = "always", [SANDBOX_NEVER] = "never"
    };
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *when = (SandboxWhen)i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------- files */

struct Sandbox {
    int rules;    /* a descriptor; -1: there is no Landlock */
    uint64_t all; /* what this kernel can forbid */
    bool full;    /* a path is not allowed that should be, because it could not be opened beside what is open */
};

/* LeakSanitizer traces threads to stop them, which Landlock forbids with those that are outside of the sandbox. */
#if defined LANDLOCK_ACCESS_FS_EXECUTE && !defined PLUMB_SANITIZED

/* Newer than some systems' header, and than some kernels: their Landlock's version is asked for. */
enum { REFER_SINCE = 2, TRUNCATE_SINCE = 3, NETWORK_SINCE = 4, IOCTL_SINCE = 5 };
#define ACCESS_REFER (UINT64_C(1) << 13)
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_IOCTL (UINT64_C(1) << 15)
#define ACCESS_TCP UINT64_C(3) /* to bind and to connect */

#define READ_FILE ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
#define WRITE                                                                                                         \
    (READ | WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     LANDLOCK_ACCESS_FS_REMOVE_DIR)

int sandbox_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static uint64_t all_access(int version)
{
    uint64_t all = ACCESS_REFER - 1;
    if (version >= REFER_SINCE) all |= ACCESS_REFER;
    if (version >= TRUNCATE_SINCE) all |= ACCESS_TRUNCATE;
    if (version >= IOCTL_SINCE) all |= ACCESS_IOCTL;
    return all;
}

static int new_rules(int version, uint64_t all)
{
    const struct {
        uint64_t files, network;
    } handled = { all, version >= NETWORK_SINCE ? ACCESS_TCP : 0 };
    size_t size = version >= NETWORK_SINCE ? sizeof handled : sizeof handled.files;
    return version ? (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0) : -1;
}

static void allow(Sandbox *sandbox, const char *path, uint64_t access)
{
    struct stat status;
    if (sandbox->rules < 0 || !path) return;
    int at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0) sandbox->full |= errno == EMFILE || errno == ENFILE;
    if (at < 0) return;
    bool is_folder = fstat(at, &status) == 0 && S_ISDIR(status.st_mode);
    struct landlock_path_beneath_attr rule = {
        access & sandbox->all & (is_folder ? UINT64_MAX : READ_FILE | WRITE_FILE), at
    };
    syscall(SYS_landlock_add_rule, sandbox->rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(at);
}

static bool restrict_files(const Sandbox *sandbox)
{
    return sandbox->rules >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, sandbox->rules, 0) == 0;
}

#else

enum { READ, WRITE, WRITE_FILE };
int sandbox_landlock(void) { return 0; }
static uint64_t all_access(int version) { return (uint64_t)version; }
static int new_rules(int version, uint64_t all) { return all ? version : -1; }
static void allow(Sandbox *sandbox, const char *path, uint64_t access) { (void)sandbox, (void)path, (void)access; }
static bool restrict_files(const Sandbox *sandbox) { return sandbox->rules >= 0; }

#endif

/* Caches of checkpoints have links in the place of files. */
static void allow_links(Sandbox *sandbox, const char *folder)
{
    static const char *const read[] = { "*.safetensors", "*.json", "*.gguf", "*.npy", "*.png", "*.wav" };
    DIR *stream = opendir(folder);
    Arena arena = { 0 };
    if (!stream) sandbox->full |= errno == EMFILE || errno == ENFILE;
    for (const struct dirent *entry; stream && (entry = readdir(stream));)
        for (size_t i = 0; i < sizeof read / sizeof *read; i++)
            if (entry->d_type != DT_REG && fnmatch(read[i], entry->d_name, 0) == 0)
                allow(sandbox, arena_format(&arena, "%s/%s", folder, entry->d_name), READ);
    if (stream) closedir(stream);
    arena_free(&arena);
}

Sandbox *sandbox_prepare(void)
{
    const char *temporary = getenv("TMPDIR");
    const int version = sandbox_landlock();
    Sandbox *sandbox = allocate_zeroed(1, sizeof *sandbox);
    sandbox->all = all_access(version);
    sandbox->rules = new_rules(version, sandbox->all);
    allow(sandbox, temporary ? temporary : "/tmp", WRITE);
    allow(sandbox, "/proc/self", READ); /* sanitizers and valgrind look at themselves */
    allow(sandbox, "/dev/urandom", READ);
    return sandbox;
}

void sandbox_may_read(Sandbox *sandbox, const char *path)
{
    if (!path) return;
    allow(sandbox, path, READ);
    allow_links(sandbox, path);
}

/* Where a file is, or will be: a link that leads nowhere yet says where. */
static char *place_of(const char *path)
{
    char target[4096], *place = realpath(path, NULL);
    ssize_t length = place ? 0 : readlink(path, target, sizeof target - 1);
    if (length < 0) return copy_text(path);
    if (place) return place;
    target[length] = '\0';
    const char *slash = *target == '/' ? NULL : strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    place = allocate_zeroed(folder + (size_t)length + 1, 1);
    memcpy(place, path, folder);
    memcpy(place + folder, target, (size_t)length);
    return place;
}

void sandbox_may_write_beside(Sandbox *sandbox, const char *path)
{
    struct stat status;
    if (!path || strcmp(path, "-") == 0) return;
    char *place = place_of(path), *slash;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        allow(sandbox, place, WRITE_FILE);
    } else if ((slash = strrchr(place, '/'))) {
        slash[slash == place] = '\0';
        allow(sandbox, place, WRITE);
    } else {
        allow(sandbox, ".", WRITE);
    }
    free(place);
}

/* ---------------------------------------------------------------- the network, and programs */

#ifdef PLUMB_SECCOMP

bool sandbox_has_seccomp(void) { return true; }

static bool restrict_calls(void)
{
    static const int forbidden[] = {
        SCMP_SYS(socket),
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(listen),
        SCMP_SYS(accept),
        SCMP_SYS(accept4),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(mount),
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        SCMP_SYS(bpf),
        SCMP_SYS(keyctl),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(add_key),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(process_vm_writev),
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool done = filter && seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0; /* in all threads */
    for (size_t i = 0; done && i < sizeof forbidden / sizeof *forbidden; i++)
        done = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0) == 0;
    done = done && seccomp_load(filter) == 0;
    if (filter) seccomp_release(filter);
    return done;
}

#else

bool sandbox_has_seccomp(void) { return false; }
static bool restrict_calls(void) { return false; }

#endif

void sandbox_enter(Sandbox *sandbox, SandboxWhen when, Error *error)
{
    const char *missing = NULL;
    bool enters = when != SANDBOX_NEVER && !sandbox->full;
    if (enters && !restrict_files(sandbox)) missing = "Landlock in the kernel (Linux 5.13 and later)";
    if (enters && !restrict_calls()) missing = "libseccomp in this build, and seccomp in the kernel";
    if (missing && when == SANDBOX_ALWAYS) error_set(error, "--sandbox: found no %s, expected it", missing);
    if (sandbox->full && when != SANDBOX_NEVER) error_set(error, "--sandbox: found too many open files (ulimit -n)");
    if (sandbox->rules >= 0) close(sandbox->rules);
    free(sandbox);
}
