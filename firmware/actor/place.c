/* On which CPU the actor runs, and whether they agree on its memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actor.h"

#define WRITTEN 0x5a

static int move(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? errno : 0;
}

static bool cpu_at(const struct run *run, int index, int *cpu)
{
    uint64_t number;
    if (!number_at(run, index, &number) || number >= CPU_SETSIZE)
        return false;
    *cpu = (int)number;
    return true;
}

int do_cpu(struct run *run)
{
    int cpu;
    return cpu_at(run, 0, &cpu) ? move(cpu) : fail(run, "usage");
}

/* A page that is written here and given back over there is empty here too. */
static int look_again(struct run *run, volatile uint8_t *page, size_t size, int there)
{
    int here = sched_getcpu();
    int error = move(here);
    if (error)
        return error;
    memset((void *)page, WRITTEN, size);
    error = move(there);
    if (!error && madvise((void *)page, size, MADV_DONTNEED) < 0)
        error = errno;
    int back = move(here);
    if (error || back)
        return error ? error : back;
    uint8_t found = page[size / 2];
    value(run, "cpu=%d value=0x%x", here, found);
    return found ? fail(run, "stale") : 0;
}

int do_discard_on(struct run *run)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int there;
    if (!cpu_at(run, 0, &there))
        return fail(run, "usage");
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return errno;
    int error = look_again(run, page, size, there);
    munmap(page, size);
    return error;
}
