/* Runs the parts in their order and counts; what each does is docs/guest-protocol.md, section 10. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "superpipe.h"

struct unit units[2];
bool expect_sq;
unsigned many_contexts = 8;

/* Shared with children: their checks count too. */
static struct counts {
    unsigned checks, errors;
} *counts;
static bool verbose;

static void put(const char *format, va_list arguments)
{
    char line[512];
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(3); /* nobody listens any more */
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put(format, arguments);
    va_end(arguments);
}

bool check(uint64_t got, uint64_t want, const char *format, ...)
{
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    __atomic_fetch_add(&counts->checks, 1, __ATOMIC_SEQ_CST);
    if (got == want) {
        if (verbose)
            say("good what=%s got=0x%llx", what, (unsigned long long)got);
        return true;
    }
    __atomic_fetch_add(&counts->errors, 1, __ATOMIC_SEQ_CST);
    say("error op=check what=%s got=0x%llx want=0x%llx", what, (unsigned long long)got, (unsigned long long)want);
    return false;
}

bool in_child(void (*body)(void *), void *argument)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        body(argument);
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The first disk of each unit: a unit that several ports show has several disks, with one name. */
static bool find_units(void)
{
    struct disk disks[MAX_DISKS];
    int found = 0, count = disk_wait(disks, 2, 60);
    for (int i = 0; i < count && found < 2; i++) {
        struct unit *unit = &units[found];
        snprintf(unit->path, sizeof unit->path, "/dev/%.15s", disks[i].name);
        if (!disk_wwid(unit->path, unit->wwid) || (found == 1 && memcmp(unit->wwid, units[0].wwid, sizeof unit->wwid) == 0))
            continue;
        int block = 0;
        uint64_t bytes = 0;
        unit->fd = open(unit->path, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (unit->fd < 0 || ioctl(unit->fd, BLKSSZGET, &block) < 0 || ioctl(unit->fd, BLKGETSIZE64, &bytes) < 0)
            return false;
        unit->block = (uint64_t)block;
        unit->blocks = bytes / unit->block;
        found++;
    }
    return found == 2;
}

static const struct part {
    const char *name;
    void (*run)(void);
    bool usual; /* runs unless parts are named */
} parts[] = {
    {"manage", part_manage, true},       {"headers", part_headers, true},
    {"attach", part_attach, true},       {"handles", part_handles, true},
    {"direct", part_direct, true},       {"virtual", part_virtual, true},
    {"small-blocks", part_small_blocks, true}, {"verify", part_verify, true},
    {"recover", part_recover, true},     {"wipe", part_wipe, true},
    {"clone", part_clone, true},         {"processes", part_processes, true},
    {"many-handles", part_many_handles, false}, {"many", part_many, false},
    {"clone-two-disks", part_clone_two_disks, false},
};
#define PARTS (sizeof parts / sizeof *parts)

static bool parse_option(const char *word, unsigned *wanted)
{
    uint64_t number;
    if (strcmp(word, "sq") == 0)
        return expect_sq = true;
    if (strcmp(word, "verbose") == 0)
        return verbose = true;
    if (strncmp(word, "contexts=", 9) == 0 && parse_number(word + 9, &number) && number >= 1 && number <= 511) {
        many_contexts = (unsigned)number;
        return true;
    }
    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(word, parts[i].name) == 0) {
            *wanted |= 1u << i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    unsigned wanted = 0;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        return 2;
    for (int i = 1; i < argc; i++) {
        if (!parse_option(argv[i], &wanted)) {
            say("error op=option errno=%d word=%d", EINVAL, i);
            return 2;
        }
    }
    if (!find_units()) {
        say("error op=units errno=%d", ENODEV);
        return 2;
    }
    for (size_t i = 0; i < PARTS; i++) {
        unsigned checks = counts->checks, errors = counts->errors;
        if (wanted ? !(wanted & 1u << i) : !parts[i].usual)
            continue;
        /* Each part begins with both units enabled and nobody on them. */
        check((uint64_t)manage(&units[0], DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE), 0, "enable-0");
        check((uint64_t)manage(&units[1], DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE), 0, "enable-1");
        parts[i].run();
        if (counts->errors == errors)
            say("ok op=%s checks=%u", parts[i].name, counts->checks - checks);
    }
    say("verdict result=%s checks=%u errors=%u", counts->errors ? "fail" : "pass", counts->checks, counts->errors);
    return counts->errors != 0;
}
