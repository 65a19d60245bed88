/* Commands of a context without the kernel, and the same blocks by way of the kernel. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pattern.h"
#include "superpipe.h"

#define DEADLINE_NS 60000000000u
#define IO_TIMEOUT_S 5
#define DATA_BYTES (1u << 20)
#define NOT_WRITTEN 0xEE /* a status that the AFU never wrote is seen as one */

/* Everything the AFU reads or writes besides data. */
struct area {
    struct command_block block[MAX_DEPTH];
    uint64_t rrq[RING_SLOTS];
    struct ioarcb sq[RING_SLOTS] __attribute__((aligned(64)));
};

static uint64_t reg_read(const struct pipe *pipe, enum reg reg)
{
    uint64_t raw = *(volatile uint64_t *)(pipe->page + reg);
    __sync_synchronize();
    return __builtin_bswap64(raw);
}

static void reg_write(const struct pipe *pipe, enum reg reg, uint64_t number)
{
    __sync_synchronize(); /* the AFU must see in memory what the store announces */
    *(volatile uint64_t *)(pipe->page + reg) = __builtin_bswap64(number);
}

static void *memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

bool pipe_open(struct pipe *pipe)
{
    void *page = mmap(NULL, pipe->mmio_size, PROT_READ | PROT_WRITE, MAP_SHARED, pipe->adapter, 0);
    if (!check(page == MAP_FAILED ? (uint64_t)errno : 0, 0, "mmap"))
        return false;
    pipe->page = page;
    pipe->area = memory(sizeof *pipe->area);
    pipe->data = memory(DATA_BYTES);
    if (!pipe->area || !pipe->data)
        return check(ENOMEM, 0, "memory");
    memset(pipe->area, 0, sizeof *pipe->area); /* no page fault when the AFU writes its first entry */
    pipe->toggle = 1;
    reg_write(pipe, ENDIAN_CTRL, 0);
    reg_write(pipe, RRQ_START, (uintptr_t)&pipe->area->rrq[0]);
    reg_write(pipe, RRQ_END, (uintptr_t)&pipe->area->rrq[RING_SLOTS - 1]);
    if (pipe->sq) {
        reg_write(pipe, SQ_START, (uintptr_t)&pipe->area->sq[0]);
        reg_write(pipe, SQ_END, (uintptr_t)&pipe->area->sq[RING_SLOTS - 1]);
    }
    reg_write(pipe, CTX_CTRL, IRQ_ERROR);
    reg_write(pipe, INTR_MASK, ERRORS_UNMASKED);
    return check(reg_read(pipe, CMD_ROOM) > 0, 1, "room");
}

void pipe_close(struct pipe *pipe)
{
    if (pipe->page)
        munmap((void *)pipe->page, pipe->mmio_size);
    if (pipe->area)
        munmap(pipe->area, sizeof *pipe->area);
    if (pipe->data)
        munmap(pipe->data, DATA_BYTES);
    pipe->page = NULL;
    pipe->area = NULL;
    pipe->data = NULL;
}

/* One command: blocks from `lba` to or from the slot's part of the memory. */
struct io {
    uint64_t lba;
    uint32_t blocks, bytes;
    uint8_t *memory;
};

static void fill_ioarcb(struct pipe *pipe, const struct work *work, const struct io *io, struct ioarcb *ioarcb, struct ioasa *ioasa)
{
    memset(ioarcb, 0, sizeof *ioarcb);
    ioarcb->ctx_id = (uint16_t)pipe->context;
    ioarcb->req_flags = (uint16_t)(REQ_RES_HNDL | (work->write ? REQ_HOST_WRITE : 0));
    ioarcb->res_hndl = (uint32_t)work->handle;
    ioarcb->data_len = io->bytes;
    ioarcb->data_ea = (uintptr_t)io->memory;
    ioarcb->timeout = IO_TIMEOUT_S;
    ioarcb->cdb[0] = work->write ? 0x8A : 0x88;
    for (int i = 0; i < 8; i++)
        ioarcb->cdb[2 + i] = (uint8_t)(io->lba >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        ioarcb->cdb[10 + i] = (uint8_t)(io->blocks >> (24 - 8 * i));
    ioarcb->ioasa_ea = pipe->sq ? (uintptr_t)ioasa : 0;
}

static uint32_t submit(struct pipe *pipe, const struct work *work, const struct io *io, unsigned slot)
{
    struct command_block *block = &pipe->area->block[slot];
    memset(&block->ioasa, NOT_WRITTEN, sizeof block->ioasa);
    if (pipe->sq) {
        fill_ioarcb(pipe, work, io, &pipe->area->sq[pipe->sq_next], &block->ioasa);
        pipe->sq_next = (pipe->sq_next + 1) % RING_SLOTS;
        reg_write(pipe, SQ_TAIL, (uintptr_t)&pipe->area->sq[pipe->sq_next]);
        return 0;
    }
    fill_ioarcb(pipe, work, io, &block->ioarcb, &block->ioasa);
    uint64_t end = now_ns() + DEADLINE_NS, room;
    while ((room = reg_read(pipe, CMD_ROOM)) == 0)
        if (now_ns() > end)
            return PIPE_TIMEOUT;
    if (room == UINT64_MAX)
        return PIPE_GONE;
    reg_write(pipe, IOARRIN, (uintptr_t)&block->ioarcb);
    return 0;
}

/* Waits for one of the commands `in_flight`, a bit each. */
static uint32_t complete(struct pipe *pipe, uint64_t in_flight, unsigned *slot)
{
    uint64_t raw, end = now_ns() + DEADLINE_NS;
    while (((raw = *(volatile uint64_t *)&pipe->area->rrq[pipe->rrq_next]) & 1) != pipe->toggle)
        if (now_ns() > end)
            return PIPE_TIMEOUT;
    __sync_synchronize(); /* status and data are read after the entry */
    pipe->rrq_next = (pipe->rrq_next + 1) % RING_SLOTS;
    if (pipe->rrq_next == 0)
        pipe->toggle ^= 1;
    raw &= ~(uint64_t)1;
    for (*slot = 0; *slot < MAX_DEPTH; ++*slot) {
        const struct command_block *block = &pipe->area->block[*slot];
        if (in_flight >> *slot & 1 && raw == (pipe->sq ? (uintptr_t)&block->ioasa : (uintptr_t)&block->ioarcb))
            return 0;
    }
    return PIPE_ENTRY;
}

static uint32_t judge(const struct pipe *pipe, const struct work *work, const struct io *io, unsigned slot)
{
    const struct ioasa *ioasa = &pipe->area->block[slot].ioasa;
    uint32_t status = (uint32_t)ioasa->flags << 24 | (uint32_t)ioasa->afu_rc << 16 | (uint32_t)ioasa->scsi_rc << 8 | ioasa->fc_rc;
    if (status || work->write)
        return status;
    return pattern_check((const uint64_t *)io->memory, io->bytes, io->lba * work->block, work->seed) < 0 ? 0 : PIPE_COMPARE;
}

/* Keeps `depth` commands in flight until all are done or one has failed; those in flight are waited for. */
uint32_t pipe_run(struct pipe *pipe, const struct work *work)
{
    struct io ios[MAX_DEPTH];
    uint32_t chunk = work->chunk ? work->chunk : 1, depth = work->depth ? work->depth : 1, result = 0;
    uint64_t in_flight = 0, next = 0, room = DATA_BYTES / depth;
    if (depth > MAX_DEPTH || chunk * work->block > room)
        return PIPE_ENTRY;
    while (in_flight || (!result && next < work->count)) {
        for (unsigned slot = 0; !result && slot < depth && next < work->count; slot++) {
            if (in_flight >> slot & 1)
                continue;
            struct io *io = &ios[slot];
            io->lba = work->lba + next;
            io->blocks = (uint32_t)(work->count - next < chunk ? work->count - next : chunk);
            io->bytes = (uint32_t)(io->blocks * work->block);
            io->memory = pipe->data + slot * room;
            next += io->blocks;
            if (work->write)
                pattern_fill((uint64_t *)io->memory, io->bytes, io->lba * work->block, work->seed);
            else
                memset(io->memory, 0, io->bytes);
            result = submit(pipe, work, io, slot);
            in_flight |= (uint64_t)!result << slot;
        }
        unsigned slot = 0;
        uint32_t lost = in_flight ? complete(pipe, in_flight, &slot) : 0;
        if (lost)
            return lost;
        in_flight &= ~((uint64_t)1 << slot);
        uint32_t status = judge(pipe, work, &ios[slot], slot);
        result = result ? result : status;
    }
    return result;
}

static uint8_t *block_memory(void)
{
    static uint8_t *data;
    if (!data)
        data = memory(DATA_BYTES);
    return data;
}

int block_run(const struct unit *unit, const struct work *work)
{
    return block_run_at(unit, work, work->lba);
}

int block_run_at(const struct unit *unit, const struct work *work, uint64_t place)
{
    uint8_t *data = block_memory();
    uint64_t most = DATA_BYTES / unit->block;
    for (uint64_t done = 0; done < work->count;) {
        uint64_t blocks = work->count - done < most ? work->count - done : most;
        size_t bytes = blocks * unit->block;
        uint64_t known = (work->lba + done) * unit->block, at = (place + done) * unit->block;
        if (work->write)
            pattern_fill((uint64_t *)data, bytes, known, work->seed);
        ssize_t moved = work->write ? pwrite(unit->fd, data, bytes, (off_t)at) : pread(unit->fd, data, bytes, (off_t)at);
        if (moved != (ssize_t)bytes)
            return moved < 0 ? errno : EIO;
        if (!work->write && pattern_check((const uint64_t *)data, bytes, known, work->seed) >= 0)
            return EILSEQ;
        done += blocks;
    }
    return 0;
}

bool block_zeros(const struct unit *unit, uint64_t lba, uint64_t count)
{
    uint8_t *data = block_memory();
    for (; count; lba++, count--) {
        if (pread(unit->fd, data, unit->block, (off_t)(lba * unit->block)) != (ssize_t)unit->block)
            return false;
        for (uint64_t i = 0; i < unit->block; i++)
            if (data[i])
                return false;
    }
    return true;
}
