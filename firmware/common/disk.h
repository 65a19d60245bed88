/* Finding the disks of the cxlflash driver through sysfs. */
#ifndef DISK_H
#define DISK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define MAX_DISKS 64

struct disk {
    char name[16];
    unsigned host, channel, target, lun;
};

/* Reads a small text attribute without its newline; the length, or -1 with errno. */
static inline ssize_t read_text(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, room - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (length < 0)
        return -1;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    text[length] = 0;
    return length;
}

static inline void sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static inline bool disk_read(const char *name, struct disk *disk)
{
    char path[300], text[300];
    snprintf(path, sizeof path, "/sys/block/%s/device", name);
    ssize_t length = readlink(path, text, sizeof text - 1);
    if (length < 0 || strlen(name) >= sizeof disk->name)
        return false;
    text[length] = 0;
    const char *address = strrchr(text, '/');
    if (!address || sscanf(address, "/%u:%u:%u:%u", &disk->host, &disk->channel, &disk->target, &disk->lun) != 4)
        return false;
    strcpy(disk->name, name);
    snprintf(path, sizeof path, "/sys/class/scsi_host/host%u/proc_name", disk->host);
    if (read_text(path, text, sizeof text) < 0 || strcmp(text, "cxlflash"))
        return false;
    /* The node appears after the sysfs folder; a disk that cannot be opened yet does not count. */
    snprintf(path, sizeof path, "/dev/%s", name);
    return access(path, F_OK) == 0;
}

static inline int disk_compare(const void *left, const void *right)
{
    const struct disk *a = left, *b = right;
    const unsigned from[] = {a->host, a->channel, a->target, a->lun};
    const unsigned to[] = {b->host, b->channel, b->target, b->lun};
    for (int i = 0; i < 4; i++)
        if (from[i] != to[i])
            return from[i] < to[i] ? -1 : 1;
    return 0;
}

/* In order of H:C:T:L, so that "the second disk" means the same in every run. */
static inline int disk_list(struct disk *disks)
{
    int count = 0;
    DIR *dir = opendir("/sys/block");
    if (!dir)
        return 0;
    for (struct dirent *entry; count < MAX_DISKS && (entry = readdir(dir));)
        if (!strncmp(entry->d_name, "sd", 2) && disk_read(entry->d_name, &disks[count]))
            count++;
    closedir(dir);
    qsort(disks, (size_t)count, sizeof *disks, disk_compare);
    return count;
}

/* Waits until there are `wanted` disks; the scan runs in the kernel's background. Returns how many there are. */
static inline int disk_wait(struct disk *disks, int wanted, unsigned seconds)
{
    int count = disk_list(disks);
    for (unsigned turn = 0; count < wanted && turn < seconds * 20; turn++) {
        sleep_ms(50);
        count = disk_list(disks);
    }
    return count;
}

/* "auto", "auto:N" or a path, to a path; false with errno if there is no such disk within a minute. */
static inline bool disk_resolve(const char *word, char *path, size_t room)
{
    struct disk disks[MAX_DISKS];
    uint64_t index = 0;
    errno = EINVAL;
    if (!word || strncmp(word, "auto", 4)) {
        if (!word || strlen(word) >= room)
            return false;
        strcpy(path, word);
        return true;
    }
    if (word[4] && (word[4] != ':' || !parse_number(word + 5, &index) || index >= MAX_DISKS))
        return false;
    if (disk_wait(disks, (int)index + 1, 60) <= (int)index) {
        errno = ENODEV;
        return false;
    }
    snprintf(path, room, "/dev/%s", disks[index].name);
    return true;
}

/* The NAA designator of 16 bytes in the device identification page, as programs for the real card find it. */
static inline bool disk_wwid(const char *path, uint8_t *wwid)
{
    uint8_t page[4096];
    char file[160];
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    snprintf(file, sizeof file, "/sys/class/%s/%.60s/device/vpd_pg83", strncmp(name, "sg", 2) ? "block" : "scsi_generic", name);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, page, sizeof page);
    close(fd);
    for (ssize_t at = 4; at + 4 <= length && at + 4 + page[at + 3] <= length; at += 4 + page[at + 3]) {
        if ((page[at + 1] & 0x0f) == 3 && page[at + 3] == 16) {
            memcpy(wwid, page + at + 4, 16);
            return true;
        }
    }
    return false;
}

#endif
