/* Checks what the driver offers for a whole card: its attributes in sysfs and the calls of /dev/cxlflash/cxlflashN. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cardcheck.h"
#include "disk.h"
#include "pattern.h"

#define BLOCK 4096u
#define IO_BYTES (16 * BLOCK)

struct card card = {.ports = 2, .units = 1, .cpus = 2};
static unsigned checks, errors;

void say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(3);
}

void check(uint64_t got, uint64_t want, const char *format, ...)
{
    char what[200];
    va_list arguments;
    checks++;
    if (got == want)
        return;
    errors++;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    say("error op=check what=%s got=%llu want=%llu", what, (unsigned long long)got, (unsigned long long)want);
}

static void host_path(char *path, size_t room, const char *name)
{
    snprintf(path, room, "/sys/class/scsi_host/host%u/%s", card.host, name);
}

int host_read(const char *name, char *text, unsigned room)
{
    char path[128];
    host_path(path, sizeof path, name);
    return read_text(path, text, room) < 0 ? errno : 0;
}

int host_write(const char *name, const char *text)
{
    char path[128];
    host_path(path, sizeof path, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t length = write(fd, text, strlen(text));
    int error = length < 0 ? errno : length == (ssize_t)strlen(text) ? 0 : EIO;
    close(fd);
    return error;
}

bool disk_at(unsigned channel, unsigned lun, bool there, char *name)
{
    struct disk disks[MAX_DISKS];
    for (int turn = 0; turn < 400; turn++) {
        int count = disk_list(disks), found = -1;
        for (int i = 0; i < count; i++)
            if (disks[i].host == card.host && disks[i].channel == channel && disks[i].lun == lun)
                found = i;
        if (found >= 0 && there)
            strcpy(name, disks[found].name);
        if ((found >= 0) == there)
            return true;
        sleep_ms(25);
    }
    return false;
}

static bool disk_write(const char *name, const char *file, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/block/%s/device/%s", name, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;
    close(fd);
    return good;
}

uint64_t disk_sectors(const char *name, bool rescan)
{
    char path[128], text[32];
    uint64_t sectors = 0;
    if (rescan)
        disk_write(name, "rescan", "1");
    snprintf(path, sizeof path, "/sys/block/%s/size", name);
    if (read_text(path, text, sizeof text) < 0 || !parse_number(text, &sectors))
        return UINT64_MAX;
    return sectors;
}

bool disk_forget(const char *name)
{
    return disk_write(name, "delete", "1");
}

/* Writes blocks past the cache and reads them back; every command goes to the card. */
bool disk_works(const char *name, uint64_t seed)
{
    static uint64_t *data;
    char path[32];
    bool good = true;
    if (!data)
        data = mmap(NULL, IO_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    snprintf(path, sizeof path, "/dev/%s", name);
    int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || data == MAP_FAILED)
        return false;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned at = 0; good && at < IO_BYTES; at += BLOCK) {
            for (unsigned i = 0; i < BLOCK / 8; i++)
                data[i] = pass == 0 ? mix64(seed + at + i) : 0;
            ssize_t moved = pass == 0 ? pwrite(fd, data, BLOCK, at) : pread(fd, data, BLOCK, at);
            good = moved == BLOCK;
            for (unsigned i = 0; good && i < BLOCK / 8; i++)
                good = data[i] == mix64(seed + at + i);
        }
    }
    close(fd);
    return good;
}

/* A scenario's `go` writes one. */
static void wait_for_line(void)
{
    char c = 0;
    while (c != '\n' && read(STDIN_FILENO, &c, 1) == 1)
        ;
}

/* The host of the wanted card: hosts of this driver, by number. */
static bool find_host(void)
{
    char path[128], text[64];
    uint64_t nth = 0;
    for (unsigned host = 0; host < 64; host++) {
        snprintf(path, sizeof path, "/sys/class/scsi_host/host%u/proc_name", host);
        if (read_text(path, text, sizeof text) < 0 || strcmp(text, "cxlflash") || nth++ != card.index)
            continue;
        card.host = host;
        return true;
    }
    return false;
}

static bool parse_option(const char *word)
{
    static const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"card=", &card.index}, {"ports=", &card.ports}, {"units=", &card.units}, {"cpus=", &card.cpus}, {"error=", &card.error}};
    if (strcmp(word, "provision") == 0)
        return card.provision = true;
    if (strcmp(word, "debug") == 0)
        return card.debug = true;
    if (strcmp(word, "wait") == 0)
        return card.wait = true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strncmp(word, numbers[i].name, strlen(numbers[i].name)) == 0)
            return parse_number(word + strlen(numbers[i].name), numbers[i].number);
    return false;
}

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {{"attributes", check_attributes}, {"ioctls", check_ioctls}, {"queues", check_queues}, {"lun-modes", check_lun_modes}, {"cxl", check_cxl}};

int main(int argc, char **argv)
{
    unsigned wanted = 0;
    for (int i = 1; i < argc; i++) {
        bool known = parse_option(argv[i]);
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            if (strcmp(argv[i], parts[p].name) == 0) {
                wanted |= 1u << p;
                known = true;
            }
        }
        if (!known || card.ports == 0 || card.ports > PORTS) {
            say("error op=option errno=%d word=%d", EINVAL, i);
            return 2;
        }
    }
    if (card.wait)
        wait_for_line();
    if (!find_host()) {
        say("error op=host errno=%d", ENODEV);
        return 2;
    }
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        unsigned before = checks, failed = errors;
        if (wanted && !(wanted & 1u << p))
            continue;
        parts[p].run();
        if (errors == failed)
            say("ok op=%s checks=%u", parts[p].name, checks - before);
    }
    say("verdict result=%s checks=%u errors=%u", errors ? "fail" : "pass", checks, errors);
    return errors != 0;
}
