/* One check a line; what is checked and how is docs/guest-protocol.md, section 9. */
#ifndef CARDCHECK_H
#define CARDCHECK_H

#include <stdbool.h>
#include <stdint.h>

#define PORTS 4

/* What the scenario says of the card. */
struct card {
    uint64_t index; /* the card's place among those of the machine */
    uint64_t ports;
    uint64_t units; /* on each port, at most */
    uint64_t cpus;
    uint64_t error; /* what the AFU says of itself, the first word of its error buffer */
    bool provision, debug, wait;
    unsigned host; /* found by the program */
};
extern struct card card;

/* main.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* `got` is what happened, `want` what had to: both an errno, or both a number. */
void check(uint64_t got, uint64_t want, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool disk_works(const char *name, uint64_t seed);
/* Reads or writes a file in the host's folder; 0 or an errno. */
int host_read(const char *name, char *text, unsigned room);
int host_write(const char *name, const char *text);
/* Waits until the disk H:C:0:L of this card is there (or gone); its name. */
bool disk_at(unsigned channel, unsigned lun, bool there, char *name);
/* 512-byte sectors; after the kernel has asked the disk again. */
uint64_t disk_sectors(const char *name, bool rescan);
bool disk_forget(const char *name);

/* attributes.c, ioctls.c */
void check_attributes(void);
void check_queues(void);
void check_lun_modes(void);
void check_ioctls(void);

/* cxl.c */
void check_cxl(void);

#endif
