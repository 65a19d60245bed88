/* The superpipe workload: what its files share. Commands and events are docs/guest-protocol.md, section 5. */
#ifndef ACTOR_H
#define ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "sislite.h"
#include "text.h"

#define RING_SLOTS 64
#define MAX_DEPTH 32 /* commands in flight; the rings hold more */
#define MAX_IO_BYTES (16u << 20)

struct actor {
    int disk; /* -1: none */
    char dev[64];
    uint8_t wwid[16];
    bool managed; /* superpipe was enabled on the current disk */
    int adapter;  /* -1: none */
    bool attached;
    uint64_t context;
    uint64_t mmio_size;
    uint64_t block;
    bool sq;
    volatile uint8_t *page; /* NULL: not mapped */
    bool armed;             /* rings are set up */
    bool big_endian;
    uint64_t rsrc;
    bool has_rsrc;
};
extern struct actor actor;

/* One run of a command: its words in, the text behind `ok` or `error` out. */
struct run {
    const char *op;
    char **word; /* word[0] is the first argument */
    int count;
    char text[400];
};

/* Result of a command: 0, an errno, or REASON after fail(), which put reason=… into the text. */
#define REASON (-1)
typedef int command_fn(struct run *run);

/* main.c */
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));
void value(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fail(struct run *run, const char *reason);
bool number_at(const struct run *run, int index, uint64_t *number);
bool has_word(const struct run *run, int from, const char *word);
bool word_value(const struct run *run, int from, const char *key, const char **text);
int run_command(struct run *run, char **words, int count);

/* superpipe.c */
command_fn do_open, do_manage_lun, do_attach, do_user_direct, do_user_virtual, do_resize, do_verify, do_recover, do_clone, do_release,
    do_detach, do_use, do_close, do_close_disk;
int need_attach(struct run *run);

/* io.c */
command_fn do_mmap, do_munmap, do_setup_rings, do_read, do_write, do_raw_io, do_events;
int need_page(struct run *run);

/* misc.c */
command_fn do_mmio_read, do_mmio_write, do_mmio_garbage, do_mmio_scan, do_loop, do_storm, do_spin, do_sleep, do_pause, do_fork_idle, do_exit;

/* place.c */
command_fn do_cpu, do_discard_on;

#endif
