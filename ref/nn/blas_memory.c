/* blas_memory.c - system calls alone, because it runs before the libraries do */
#include "nn/blas_memory.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread's buffer and its stack */
static const size_t each = (128 + 8) << 20;

bool blas_memory_is_there(int threads)
{
    size_t size = (size_t)threads * each;
    long place = syscall(SYS_mmap, NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
    if (place == -1) return false;
    syscall(SYS_munmap, place, size);
    return true;
}

static void say(const char *text)
{
    if (syscall(SYS_write, STDERR_FILENO, text, strlen(text)) < 0) return; /* there is nobody left to tell */
}

void blas_memory_check(int threads)
{
    if (blas_memory_is_there(threads)) return;
    char digits[16], *first = digits + sizeof digits - 1;
    *first = '\0';
    do *--first = (char)('0' + threads % 10);
    while (threads /= 10);
    say("plumb: out of memory: found too little for the threads of OpenBLAS, ");
    say("expected 136 MiB of addresses for each of ");
    say(first);
    say(" (ulimit -v)\n");
    syscall(SYS_exit_group, 2);
}

/* 0 where nobody says */
static int threads_asked_for(char **environment)
{
    static const char name[] = "OPENBLAS_NUM_THREADS=";
    for (; *environment; environment++)
        if (strncmp(*environment, name, sizeof name - 1) == 0) {
            int threads = 0;
            for (const char *digit = *environment + sizeof name - 1; *digit >= '0' && *digit <= '9'; digit++)
                if (threads < 1 << 16) threads = 10 * threads + *digit - '0';
            return threads;
        }
    return 0;
}

void blas_memory_check_before_load(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    unsigned char set[1024] = { 0 };
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof set, set);
    int processors = 0;
    for (long i = 0; i < bytes; i++) processors += __builtin_popcount(set[i]);
    int asked = threads_asked_for(environment);
    if (asked > 0 && asked < processors) processors = asked;
    blas_memory_check(processors > 1 ? processors : 1);
}
