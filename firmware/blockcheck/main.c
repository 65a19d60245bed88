/*
 * Block I/O with verification: patterns through O_DIRECT in many sizes and places, read back after a cache drop, then random access checked
 * against a model of what every 4 KiB block holds. Lines and exit status: docs/guest-protocol.md, section 6.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "mark.h"
#include "pattern.h"

#define BLOCK 4096u
#define LARGEST (1u << 20)
#define MAX_ERRORS 20 /* a dead disk must not fill the console */

static struct {
    const char *device;
    uint64_t seed, random, span;
    bool read_only, wait;
} options = {.seed = 1, .random = 64, .span = 64u << 20};

static int disk;
static uint8_t *buffer;
static uint32_t *generation; /* of each block: the pattern's seed is options.seed + generation; 0: never written by us */
#define UNKNOWN 0x80000000u  /* in a generation: the last write failed, and the block may hold anything */
static uint64_t bytes_done;
static int errors;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    puts(line);
    fflush(stdout);
}

static bool failed_io(const char *op, uint64_t offset, size_t size, ssize_t got)
{
    int error = got < 0 ? errno : 0;
    errors++;
    say("error op=%s offset=%llu size=%zu errno=%d got=%zd", op, (unsigned long long)offset, size, error, got);
    return false;
}

static bool write_blocks(uint64_t offset, size_t size)
{
    for (size_t at = 0; at < size; at += BLOCK) {
        uint32_t *mine = &generation[(offset + at) / BLOCK];
        *mine = (*mine & ~UNKNOWN) + 1;
        pattern_fill((uint64_t *)(buffer + at), BLOCK, offset + at, options.seed + *mine);
    }
    ssize_t written = pwrite(disk, buffer, size, (off_t)offset);
    if (written != (ssize_t)size) {
        failed_io("write", offset, size, written);
        for (size_t at = 0; at < size; at += BLOCK)
            generation[(offset + at) / BLOCK] |= UNKNOWN;
        return false;
    }
    bytes_done += size;
    return true;
}

static bool compare(uint64_t offset, size_t size)
{
    for (size_t at = 0; at < size; at += BLOCK) {
        const uint64_t *words = (const uint64_t *)(buffer + at);
        uint32_t mine = generation[(offset + at) / BLOCK];
        bool known = mine && !(mine & UNKNOWN);
        ptrdiff_t wrong = known ? pattern_check(words, BLOCK, offset + at, options.seed + mine) : -1;
        if (wrong < 0)
            continue;
        uint64_t want[BLOCK / 8];
        pattern_fill(want, BLOCK, offset + at, options.seed + mine);
        errors++;
        say("error op=compare offset=%llu want=0x%016llx got=0x%016llx errno=0", (unsigned long long)(offset + at + (uint64_t)wrong * 8),
            (unsigned long long)want[wrong], (unsigned long long)words[wrong]);
        return false;
    }
    return true;
}

static bool read_blocks(uint64_t offset, size_t size)
{
    memset(buffer, 0x5A, size);
    ssize_t got = pread(disk, buffer, size, (off_t)offset);
    if (got != (ssize_t)size)
        return failed_io("read", offset, size, got);
    bytes_done += size;
    return compare(offset, size);
}

/* Anything the kernel holds of this disk goes, so that a read asks the adapter. */
static void settle(void)
{
    if (fsync(disk) < 0)
        failed_io("fsync", 0, 0, -1);
    ioctl(disk, BLKFLSBUF);
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, "1", 1) != 1)
            say("error op=drop-caches errno=%d", errno);
        close(fd);
    }
}

/*
 * One size over the span: densely for small sizes would take for ever in a simulator, so a size gets at most 32 places, spread evenly and
 * shifted by a block each, which makes most of them unaligned to their own size.
 */
static uint64_t place(uint64_t index, uint64_t count, size_t size)
{
    uint64_t room = (options.span - size) / BLOCK;
    uint64_t at = count > 1 ? room * index / (count - 1) : 0;
    return (at + (index % 2 && at < room)) * BLOCK;
}

static void sequential(size_t size)
{
    uint64_t count = options.span / size < 32 ? options.span / size : 32;
    uint64_t start = now_ns(), before = bytes_done;
    int failures = errors;
    MARK_BEGIN();
    for (uint64_t i = 0; !options.read_only && i < count && errors < MAX_ERRORS; i++)
        write_blocks(place(i, count, size), size);
    settle();
    for (uint64_t i = 0; i < count && errors < MAX_ERRORS; i++)
        read_blocks(place(i, count, size), size);
    MARK_END();
    if (errors == failures)
        say("ok op=sequential size=%zu count=%llu bytes=%llu ns=%llu", size, (unsigned long long)count,
            (unsigned long long)(bytes_done - before), (unsigned long long)(now_ns() - start));
}

static void random_access(void)
{
    uint64_t state = options.seed, start = now_ns(), before = bytes_done;
    int failures = errors;
    MARK_BEGIN();
    for (uint64_t i = 0; i < options.random && errors < MAX_ERRORS; i++) {
        uint64_t draw = noise_next(&state);
        size_t size = BLOCK * (1 + (draw >> 1) % 16);
        uint64_t offset = noise_next(&state) % ((options.span - size) / BLOCK + 1) * BLOCK;
        if ((draw & 1) && !options.read_only)
            write_blocks(offset, size);
        else
            read_blocks(offset, size);
    }
    settle();
    MARK_END();
    if (errors == failures)
        say("ok op=random count=%llu bytes=%llu ns=%llu", (unsigned long long)options.random, (unsigned long long)(bytes_done - before),
            (unsigned long long)(now_ns() - start));
}

static bool parse_option(const char *word)
{
    if (strcmp(word, "--read-only") == 0) {
        options.read_only = true;
        return true;
    }
    if (strcmp(word, "--wait") == 0) {
        options.wait = true;
        return true;
    }
    if (strncmp(word, "--seed=", 7) == 0)
        return parse_number(word + 7, &options.seed);
    if (strncmp(word, "--random=", 9) == 0)
        return parse_number(word + 9, &options.random);
    if (strncmp(word, "--span=", 7) == 0)
        return parse_number(word + 7, &options.span);
    if (strncmp(word, "--", 2) == 0 || options.device)
        return false;
    options.device = word;
    return true;
}

/* The line of a step's `go`, whatever it says. Without one nobody is there to say it, and the check runs. */
static void wait_for_line(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        ;
}

static void *memory(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool open_device(const char *path)
{
    disk = open(path, (options.read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
    if (disk < 0) {
        say("error op=open errno=%d", errno);
        return false;
    }
    off_t size = lseek(disk, 0, SEEK_END);
    if (size >= 0 && (uint64_t)size < options.span)
        options.span = (uint64_t)size;
    options.span -= options.span % BLOCK;
    if (options.span < LARGEST) {
        say("error op=open errno=%d reason=too-small", ENOSPC);
        return false;
    }
    buffer = memory(LARGEST);
    generation = memory(options.span / BLOCK * sizeof *generation);
    if (!buffer || !generation)
        say("error op=memory errno=%d", errno);
    return buffer && generation;
}

int main(int argc, char **argv)
{
    char path[128];
    for (int i = 1; i < argc; i++) {
        if (!parse_option(argv[i])) {
            say("error op=option errno=%d word=%d", EINVAL, i);
            return 2;
        }
    }
    if (options.wait)
        wait_for_line();
    if (!disk_resolve(options.device, path, sizeof path)) {
        say("error op=resolve errno=%d", errno);
        return 2;
    }
    if (!open_device(path))
        return 2;
    for (size_t size = BLOCK; size <= LARGEST && errors < MAX_ERRORS; size *= 2)
        sequential(size);
    if (errors < MAX_ERRORS)
        random_access();
    say("verdict result=%s bytes=%llu errors=%d", errors ? "fail" : "pass", (unsigned long long)bytes_done, errors);
    return errors != 0;
}
