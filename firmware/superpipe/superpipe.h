/* Every call of cxlflash_ioctl.h, valid and not, and I/O that is checked against the block path; docs/guest-protocol.md, section 10. */
#ifndef SUPERPIPE_H
#define SUPERPIPE_H

#include <stdbool.h>
#include <stdint.h>

#include <scsi/cxlflash_ioctl.h>

#include "sislite.h"

#define RING_SLOTS 64
#define MAX_DEPTH 32
#define CHUNK_BLOCKS 65536u /* blocks of a virtual LUN's unit of allocation (MC_CHUNK_SIZE of the driver) */
#define PAGE_SIZE 65536u

/* A disk, with the path that the kernel offers. */
struct unit {
    int fd;
    char path[32];
    uint8_t wwid[16];
    uint64_t block;  /* bytes of a logical block */
    uint64_t blocks; /* as the block layer has them */
};

/* A context with its page, rings and memory. */
struct pipe {
    uint64_t context;
    int adapter;
    bool sq;
    uint64_t mmio_size, max_xfer;
    volatile uint8_t *page;
    struct area *area;
    uint8_t *data;
    unsigned rrq_next, sq_next;
    uint64_t toggle;
};

/* Blocks to move; what is written and expected is a pattern of the seed and the place. */
struct work {
    bool write;
    uint64_t handle, block, lba, count, seed;
    uint32_t chunk, depth; /* 0: one */
};

/* How a piece of work ended: 0, the status word of the command that failed, or one of these, which no status is. */
enum { PIPE_TIMEOUT = 0xFFFFFFF0u, PIPE_COMPARE, PIPE_GONE, PIPE_ENTRY };
#define AFU_CODE(status) ((status) >> 16 & 0xff)
enum { GOOD = 0, BAD_HANDLE = 0x01, HANDLE_TOO_HIGH = 0x03, NO_RIGHT = 0x05, BEYOND_THE_END = 0x13, NO_CAPABILITY = 0x21 };

/* main.c */
extern struct unit units[2];
extern bool expect_sq;
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* `got` is what happened, `want` what had to: errnos, numbers, or status words. Counts in every process alike. */
bool check(uint64_t got, uint64_t want, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Runs `body` in a child; false if it did not end by itself with status 0. */
bool in_child(void (*body)(void *), void *argument);

/* calls.c: 0 or an errno */
int call(const struct unit *unit, unsigned long request, void *argument);
int manage(const struct unit *unit, uint64_t flags);
int attach(const struct unit *unit, struct pipe *pipe, uint64_t flags, uint64_t interrupts);
int attach_also(const struct unit *unit, const struct pipe *pipe);
int open_direct(const struct unit *unit, const struct pipe *pipe, uint64_t *handle);
int open_virtual(const struct unit *unit, const struct pipe *pipe, uint64_t size, uint64_t flags, uint64_t *handle, uint64_t *last);
int resize(const struct unit *unit, const struct pipe *pipe, uint64_t handle, uint64_t size, uint64_t *last);
int verify(const struct unit *unit, const struct pipe *pipe, uint64_t handle, uint64_t *last);
int release(const struct unit *unit, const struct pipe *pipe, uint64_t handle);
int detach(const struct unit *unit, const struct pipe *pipe);
/* DETACH and what a process does afterwards. */
void end_pipe(const struct unit *unit, struct pipe *pipe);

/* io.c */
bool pipe_open(struct pipe *pipe); /* maps the page, sets up rings */
void pipe_close(struct pipe *pipe);
uint32_t pipe_run(struct pipe *pipe, const struct work *work);
/* The same over the block path, past the cache; an errno, or EILSEQ for a wrong pattern. */
int block_run(const struct unit *unit, const struct work *work);
/* The same with the blocks at `place` of the disk, whatever address their pattern knows. */
int block_run_at(const struct unit *unit, const struct work *work, uint64_t place);
/* Whether `count` blocks at `lba` hold zeros, by the block path. */
bool block_zeros(const struct unit *unit, uint64_t lba, uint64_t count);

/* The parts. */
void part_headers(void);
void part_manage(void);
void part_attach(void);
void part_handles(void);
void part_direct(void);
void part_virtual(void);
void part_small_blocks(void);
void part_verify(void);
void part_recover(void);
void part_wipe(void);
void part_clone(void);
void part_processes(void);
void part_clone_two_disks(void);
void part_many(void);
void part_many_handles(void);
extern unsigned many_contexts;

#endif
