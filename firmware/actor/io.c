/* I/O without the kernel: the context's page, its rings, one command at a time. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <misc/cxl.h>

#include "actor.h"
#include "mark.h"
#include "pattern.h"

#define DEADLINE_NS 60000000000u
#define IO_TIMEOUT_S 5

/* Everything the AFU reads or writes, in one mapping of its own, touched before use so that no page fault is in the way. */
struct area {
    struct command_block block[MAX_DEPTH];
    uint64_t rrq[RING_SLOTS];
    struct ioarcb sq[RING_SLOTS] __attribute__((aligned(64)));
};
static struct area *area;
static unsigned rrq_next, sq_next;
static uint64_t toggle;
static uint8_t *data;

struct io {
    uint8_t opcode;
    bool write;
    bool wait_irq;
    uint32_t slot; /* its command block, below MAX_DEPTH */
    uint64_t lba;
    uint32_t blocks;
    uint32_t bytes;
    uint8_t *memory;
};

static uint64_t reg_read(enum reg reg)
{
    uint64_t raw = *(volatile uint64_t *)(actor.page + reg);
    __sync_synchronize();
    return __builtin_bswap64(raw);
}

static void reg_write(enum reg reg, uint64_t number)
{
    __sync_synchronize(); /* the AFU must see in memory what the store announces */
    *(volatile uint64_t *)(actor.page + reg) = __builtin_bswap64(number);
}

static uint16_t order16(uint16_t number)
{
    return actor.big_endian ? __builtin_bswap16(number) : number;
}

static uint32_t order32(uint32_t number)
{
    return actor.big_endian ? __builtin_bswap32(number) : number;
}

static uint64_t order64(uint64_t number)
{
    return actor.big_endian ? __builtin_bswap64(number) : number;
}

int do_mmap(struct run *run)
{
    if (actor.adapter < 0)
        return fail(run, "no-context");
    void *page = mmap(NULL, actor.mmio_size, PROT_READ | PROT_WRITE, MAP_SHARED, actor.adapter, 0);
    if (page == MAP_FAILED)
        return errno;
    actor.page = page;
    value(run, "size=0x%llx", (unsigned long long)actor.mmio_size);
    return 0;
}

int do_munmap(struct run *run)
{
    (void)run;
    if (actor.page)
        munmap((void *)actor.page, actor.mmio_size);
    actor.page = NULL;
    actor.armed = false;
    return 0;
}

int need_page(struct run *run)
{
    struct run quiet = {.op = run->op};
    int error = need_attach(run);
    if (error || actor.page)
        return error;
    error = do_mmap(&quiet);
    if (error)
        value(run, "step=mmap");
    return error;
}

static bool allocate(void)
{
    if (!area) {
        void *memory = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        area = memory == MAP_FAILED ? NULL : memory;
    }
    if (!data) {
        void *memory = mmap(NULL, MAX_IO_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        data = memory == MAP_FAILED ? NULL : memory;
    }
    return area && data;
}

int do_setup_rings(struct run *run)
{
    int error = need_page(run);
    if (error)
        return error;
    if (!allocate())
        return ENOMEM;
    memset(area, 0, sizeof *area);
    rrq_next = sq_next = 0;
    toggle = 1;
    actor.big_endian = has_word(run, 0, "be");
    reg_write(ENDIAN_CTRL, actor.big_endian ? ENDIAN_BIG : 0);
    reg_write(RRQ_START, (uintptr_t)&area->rrq[0]);
    reg_write(RRQ_END, (uintptr_t)&area->rrq[RING_SLOTS - 1]);
    if (actor.sq) {
        reg_write(SQ_START, (uintptr_t)&area->sq[0]);
        reg_write(SQ_END, (uintptr_t)&area->sq[RING_SLOTS - 1]);
    }
    reg_write(CTX_CTRL, IRQ_ERROR);
    reg_write(INTR_MASK, ERRORS_UNMASKED);
    uint64_t room = reg_read(CMD_ROOM);
    if (room == UINT64_MAX)
        return fail(run, "adapter-gone");
    actor.armed = true;
    value(run, "room=%llu", (unsigned long long)room);
    return 0;
}

static int need_rings(struct run *run)
{
    struct run quiet = {.op = run->op};
    if (actor.armed)
        return 0;
    int error = do_setup_rings(&quiet);
    if (error)
        value(run, "step=setup-rings");
    return error;
}

/* Reads one event if there is one within the time, and prints it; the type, 0 for none, or -1 with errno. */
static int take_event(const struct run *run, int wait_ms, bool print)
{
    static union {
        struct cxl_event event;
        char bytes[CXL_READ_MIN_SIZE];
    } buffer;
    struct pollfd fd = {.fd = actor.adapter, .events = POLLIN};
    int ready = poll(&fd, 1, wait_ms);
    if (ready <= 0)
        return ready;
    if (read(actor.adapter, &buffer, sizeof buffer) < 0)
        return -1;
    const struct cxl_event *event = &buffer.event;
    int pe = event->header.process_element;
    if (event->header.type == CXL_EVENT_DATA_STORAGE)
        out("event op=%s type=data-storage pe=%d addr=0x%llx dsisr=0x%llx", run->op, pe, (unsigned long long)event->fault.addr,
            (unsigned long long)event->fault.dsisr);
    else if (event->header.type == CXL_EVENT_AFU_ERROR)
        out("event op=%s type=afu-error pe=%d error=0x%llx", run->op, pe, (unsigned long long)event->afu_error.error);
    else if (event->header.type != CXL_EVENT_AFU_INTERRUPT)
        out("event op=%s type=%d pe=%d", run->op, event->header.type, pe);
    else if (print)
        out("event op=%s type=afu-interrupt pe=%d irq=%d", run->op, pe, event->irq.irq);
    return event->header.type;
}

int do_events(struct run *run)
{
    uint64_t ms = 0;
    int count = 0, type;
    if (run->count && (!number_at(run, 0, &ms) || ms > 3600000))
        return fail(run, "usage");
    if (actor.adapter < 0)
        return fail(run, "no-context");
    uint64_t end = now_ns() + ms * 1000000;
    do {
        uint64_t now = now_ns();
        type = take_event(run, now < end ? (int)((end - now + 999999) / 1000000) : 0, true);
        count += type > 0;
    } while (type > 0 || (type == 0 && now_ns() < end));
    value(run, "count=%d", count);
    return type < 0 ? errno : 0;
}

static void fill_ioarcb(struct ioarcb *ioarcb, const struct io *io)
{
    memset(ioarcb, 0, sizeof *ioarcb);
    ioarcb->ctx_id = order16((uint16_t)actor.context);
    ioarcb->req_flags = order16((uint16_t)(REQ_RES_HNDL | (io->write ? REQ_HOST_WRITE : 0)));
    ioarcb->res_hndl = order32((uint32_t)actor.rsrc);
    ioarcb->data_len = order32(io->bytes);
    ioarcb->data_ea = order64((uintptr_t)io->memory);
    ioarcb->msi = io->wait_irq ? IRQ_RRQ : 0;
    ioarcb->timeout = order16(IO_TIMEOUT_S);
    ioarcb->cdb[0] = io->opcode;
    for (int i = 0; i < 8; i++)
        ioarcb->cdb[2 + i] = (uint8_t)(io->lba >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        ioarcb->cdb[10 + i] = (uint8_t)(io->blocks >> (24 - 8 * i));
    ioarcb->ioasa_ea = actor.sq ? order64((uintptr_t)&area->block[io->slot].ioasa) : 0;
}

static int submit(struct run *run, const struct io *io)
{
    struct command_block *block = &area->block[io->slot];
    memset(&block->ioasa, 0xEE, sizeof block->ioasa); /* so that a status never written is seen as one */
    if (actor.sq) {
        fill_ioarcb(&area->sq[sq_next], io);
        sq_next = (sq_next + 1) % RING_SLOTS;
        reg_write(SQ_TAIL, (uintptr_t)&area->sq[sq_next]);
        return 0;
    }
    fill_ioarcb(&block->ioarcb, io);
    uint64_t end = now_ns() + DEADLINE_NS, room;
    while ((room = reg_read(CMD_ROOM)) == 0)
        if (now_ns() > end)
            return fail(run, "no-room");
    if (room == UINT64_MAX)
        return fail(run, "adapter-gone");
    reg_write(IOARRIN, (uintptr_t)&block->ioarcb);
    return 0;
}

/* Takes the next RRQ entry if it is there. The toggle bit tells a new entry from one of the pass before. */
static bool take_entry(uint64_t *entry)
{
    uint64_t raw = order64(*(volatile uint64_t *)&area->rrq[rrq_next]);
    if ((raw & 1) != toggle)
        return false;
    __sync_synchronize(); /* status and data are read after the entry */
    *entry = raw & ~(uint64_t)1;
    rrq_next = (rrq_next + 1) % RING_SLOTS;
    if (rrq_next == 0)
        toggle ^= 1;
    return true;
}

/* Waits in memory or in the kernel. A fault that the kernel cannot resolve ends the wait: such a command never completes. */
static int wait_entry(struct run *run, const struct io *io, uint64_t *entry)
{
    uint64_t end = now_ns() + DEADLINE_NS;
    while (now_ns() < end) {
        for (int spin = 0; !io->wait_irq && spin < 1000; spin++)
            if (take_entry(entry))
                return 0;
        int type = take_event(run, io->wait_irq ? 1000 : 0, false);
        if (type < 0)
            return errno;
        if (type > 0 && type != CXL_EVENT_AFU_INTERRUPT)
            return fail(run, "event");
        if (type > 0 && io->wait_irq && take_entry(entry))
            return 0;
    }
    return fail(run, "timeout");
}

/* Waits for one of the commands `in_flight`, a bit for each command block, and tells which it was. */
static int complete(struct run *run, const struct io *io, uint64_t in_flight, uint32_t *slot)
{
    uint64_t entry = 0;
    int error = wait_entry(run, io, &entry);
    if (error)
        return error;
    for (*slot = 0; *slot < MAX_DEPTH; ++*slot) {
        const struct command_block *block = &area->block[*slot];
        if (in_flight >> *slot & 1 && entry == (actor.sq ? (uintptr_t)&block->ioasa : (uintptr_t)&block->ioarcb))
            return 0;
    }
    value(run, "entry=0x%llx", (unsigned long long)entry);
    return fail(run, "wrong-entry");
}

static uint32_t status(uint32_t slot)
{
    const struct ioasa *ioasa = &area->block[slot].ioasa;
    return (uint32_t)ioasa->flags << 24 | (uint32_t)ioasa->afu_rc << 16 | (uint32_t)ioasa->scsi_rc << 8 | ioasa->fc_rc;
}

static void value_status(struct run *run, uint32_t slot)
{
    const struct ioasa *ioasa = &area->block[slot].ioasa;
    value(run, "ioasc=0x%08x resid=%u", status(slot), order32(ioasa->resid));
    if (!(ioasa->flags & IOASA_SENSE_VALID))
        return;
    bool fixed = (ioasa->sense[0] & 0x7e) == 0x70;
    value(run, "sense=%x/%02x/%02x", ioasa->sense[fixed ? 2 : 1] & 15, ioasa->sense[fixed ? 12 : 2], ioasa->sense[fixed ? 13 : 3]);
}

/* What a completed command says, and for a read what it brought. */
static int judge(struct run *run, const struct io *io, bool check, uint64_t seed)
{
    if (status(io->slot)) {
        value(run, "lba=%llu", (unsigned long long)io->lba);
        value_status(run, io->slot);
        return fail(run, "status");
    }
    if (io->write || !check)
        return 0;
    const uint64_t *words = (const uint64_t *)io->memory;
    ptrdiff_t wrong = pattern_check(words, io->bytes, io->lba * actor.block, seed);
    if (wrong < 0)
        return 0;
    value(run, "lba=%llu word=%td got=0x%llx", (unsigned long long)io->lba, wrong, (unsigned long long)words[wrong]);
    return fail(run, "compare");
}

static int need_handle(struct run *run)
{
    if (!actor.has_rsrc)
        return fail(run, "no-handle");
    return need_rings(run);
}

/* Blocks to move, and how. */
struct work {
    uint64_t lba, count, seed, chunk, depth;
    bool spread; /* not in the order of addresses */
    bool check;
};

static bool parse_work(const struct run *run, struct work *work)
{
    const char *text;
    *work = (struct work){.chunk = 1, .depth = 1, .check = true};
    if (!number_at(run, 0, &work->lba) || !number_at(run, 1, &work->count) || !number_at(run, 2, &work->seed))
        return false;
    if (word_value(run, 3, "chunk", &text) && !parse_number(text, &work->chunk))
        return false;
    if (word_value(run, 3, "qd", &text) && !parse_number(text, &work->depth))
        return false;
    work->spread = has_word(run, 3, "spread");
    work->check = !has_word(run, 3, "no-check");
    return work->chunk && work->depth && work->depth <= MAX_DEPTH;
}

/* The I/O number `index` of `ios`. Spread ones visit every address if `ios` is a power of two. */
static void place(struct io *io, const struct work *work, uint64_t index, uint64_t ios)
{
    if (work->spread)
        index = index * 0x9E3779B1u % ios;
    uint64_t left = work->count - index * work->chunk;
    io->lba = work->lba + index * work->chunk;
    io->blocks = (uint32_t)(work->chunk < left ? work->chunk : left);
    io->bytes = (uint32_t)(io->blocks * actor.block);
}

static void prepare(const struct io *io, const struct work *work)
{
    if (io->write)
        pattern_fill((uint64_t *)io->memory, io->bytes, io->lba * actor.block, work->seed);
    else if (work->check)
        memset(io->memory, 0, io->bytes);
}

/* Keeps `depth` commands in flight until all are done; after an error those in flight are still waited for. */
static int run_work(struct run *run, const struct work *work, struct io base, uint64_t ios)
{
    static struct io io[MAX_DEPTH];
    uint64_t in_flight = 0, next = 0;
    uint32_t slot = 0;
    int error = 0, lost = 0;
    while (!lost && (in_flight || (!error && next < ios))) {
        for (slot = 0; !error && slot < work->depth && next < ios; slot++) {
            if (in_flight >> slot & 1)
                continue;
            io[slot] = base;
            io[slot].slot = slot;
            io[slot].memory = data + slot * work->chunk * actor.block;
            place(&io[slot], work, next++, ios);
            prepare(&io[slot], work);
            error = lost = submit(run, &io[slot]);
            in_flight |= (uint64_t)!lost << slot;
        }
        if (lost || (lost = complete(run, &base, in_flight, &slot)))
            break;
        in_flight &= ~((uint64_t)1 << slot);
        if (!error)
            error = judge(run, &io[slot], work->check, work->seed);
    }
    if (lost)
        actor.armed = false; /* a late completion would be taken for the next one */
    return error ? error : lost;
}

static int blocks_io(struct run *run, bool write)
{
    struct work work;
    const char *text;
    struct io io = {.opcode = write ? 0x8A : 0x88, .write = write};
    if (!parse_work(run, &work))
        return fail(run, "usage");
    if (word_value(run, 3, "wait", &text))
        io.wait_irq = strcmp(text, "irq") == 0;
    int error = need_handle(run);
    if (error)
        return error;
    if (io.wait_irq && work.depth > 1)
        return fail(run, "usage"); /* one interrupt may stand for several entries */
    if (actor.block == 0 || work.chunk > MAX_IO_BYTES / actor.block / work.depth)
        return fail(run, "usage");
    uint64_t ios = work.count / work.chunk + (work.count % work.chunk != 0);
    uint64_t start = now_ns();
    MARK_BEGIN();
    error = run_work(run, &work, io, ios);
    MARK_END();
    if (!error)
        value(run, "blocks=%llu ios=%llu ns=%llu", (unsigned long long)work.count, (unsigned long long)ios,
              (unsigned long long)(now_ns() - start));
    return error;
}

int do_read(struct run *run)
{
    return blocks_io(run, false);
}

int do_write(struct run *run)
{
    return blocks_io(run, true);
}

int do_raw_io(struct run *run)
{
    uint64_t word[4];
    for (int i = 0; i < 4; i++)
        if (!number_at(run, i, &word[i]))
            return fail(run, "usage");
    if (word[0] > 0xff || word[2] > UINT32_MAX || word[3] > UINT32_MAX)
        return fail(run, "usage");
    int error = need_handle(run);
    if (error)
        return error;
    const struct io io = {.opcode = (uint8_t)word[0],
                          .write = has_word(run, 4, "write"),
                          .lba = word[1],
                          .blocks = (uint32_t)word[2],
                          .bytes = (uint32_t)word[3],
                          .memory = data};
    uint64_t start = now_ns();
    uint32_t slot;
    error = submit(run, &io);
    if (!error)
        error = complete(run, &io, 1, &slot);
    if (error) {
        actor.armed = false; /* a late completion would be taken for the next one */
        return error;
    }
    value_status(run, 0);
    value(run, "ns=%llu", (unsigned long long)(now_ns() - start));
    return 0;
}
