/* Physical and virtual LUNs: sizes, and where their blocks are on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "superpipe.h"

#define SENSE 0x80000000u
#define CHECK_CONDITION 0x02
#define SCSI_CODE(status) ((status) >> 8 & 0xff)
#define MAX_HANDLES 4096

static struct work work_on(const struct unit *unit, uint64_t handle, uint64_t lba, uint64_t count, uint64_t seed)
{
    return (struct work){.handle = handle, .block = unit->block, .lba = lba, .count = count, .seed = seed, .depth = 8};
}

static uint32_t write_blocks(struct pipe *pipe, struct work work)
{
    work.write = true;
    return pipe_run(pipe, &work);
}

/* Either path reads what the other wrote, in every depth and size, round the rings more than once. */
static void check_both_ways(struct pipe *pipe, uint64_t handle)
{
    static const struct {
        uint32_t chunk, depth, count;
    } shapes[] = {{1, 1, 8}, {1, 2, 200}, {1, 32, 300}, {4, 16, 256}, {16, 4, 128}, {7, 8, 100}, {256, 1, 512}};
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct work work = {.write = true, .handle = handle, .block = units[0].block, .lba = 1000 * i, .count = shapes[i].count,
                            .seed = 100 + i, .chunk = shapes[i].chunk, .depth = shapes[i].depth};
        check(pipe_run(pipe, &work), GOOD, "write-%u", i);
        work.write = false;
        check((uint64_t)block_run(&units[0], &work), 0, "block-read-%u", i);
        check(pipe_run(pipe, &work), GOOD, "read-%u", i);
        work.write = true;
        work.seed += 50;
        check((uint64_t)block_run(&units[0], &work), 0, "block-write-%u", i);
        work.write = false;
        check(pipe_run(pipe, &work), GOOD, "read-of-block-%u", i);
        work.seed -= 50;
        check(pipe_run(pipe, &work), PIPE_COMPARE, "the-check-can-fail-%u", i);
    }
}

void part_direct(void)
{
    struct pipe pipe;
    uint64_t handle = 0, last;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&pipe))
        return;
    for (uint64_t i = 0; i < 3; i++) {
        check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "open");
        check(handle, i, "handle-in-order");
    }
    check((uint64_t)release(&units[0], &pipe, 1), 0, "release-middle");
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "open-again");
    check(handle, 1, "lowest-free-handle");
    check((uint64_t)open_virtual(&units[0], &pipe, 1, 0, &handle, &last), EINVAL, "virtual-on-physical");
    check((uint64_t)resize(&units[0], &pipe, 1, 1, &last), EINVAL, "resize-of-physical");
    check((uint64_t)verify(&units[0], &pipe, 1, &last), 0, "verify");
    check(last, units[0].blocks - 1, "verify-last-lba");
    check_both_ways(&pipe, 2);
    check(write_blocks(&pipe, work_on(&units[0], 0, units[0].blocks - 2, 2, 3)), GOOD, "write-last");
    uint32_t status = write_blocks(&pipe, work_on(&units[0], 0, units[0].blocks, 1, 3));
    check(SCSI_CODE(status), CHECK_CONDITION, "write-beyond-the-end");
    check(status & SENSE, SENSE, "write-beyond-the-end-has-sense");
    struct work work = work_on(&units[0], 0, units[0].blocks - 2, 2, 3);
    check((uint64_t)block_run(&units[0], &work), 0, "block-read-last");
    end_pipe(&units[0], &pipe);
}

/* As many handles as a context has, then one more. */
void part_many_handles(void)
{
    struct dk_cxlflash_udirect direct;
    struct pipe pipe;
    uint64_t count = 0;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&pipe))
        return;
    do {
        direct = (struct dk_cxlflash_udirect){.context_id = pipe.context};
        if (call(&units[0], DK_CXLFLASH_USER_DIRECT, &direct))
            break;
    } while (direct.rsrc_handle == count++);
    check(count, MAX_HANDLES, "handles");
    check((uint64_t)call(&units[0], DK_CXLFLASH_USER_DIRECT, &direct), EMFILE, "one-handle-more");
    struct work work = work_on(&units[0], MAX_HANDLES - 1, 5, 2, 4);
    check(write_blocks(&pipe, work), GOOD, "write-by-last-handle");
    check(pipe_run(&pipe, &work), GOOD, "read-by-last-handle");
    check((uint64_t)release(&units[0], &pipe, 77), 0, "release-one");
    check((uint64_t)call(&units[0], DK_CXLFLASH_USER_DIRECT, &direct), 0, "open-one");
    check(direct.rsrc_handle, 77, "the-one-that-was-free");
    end_pipe(&units[0], &pipe);
}

/* Chunks of the disk that hold block `vlba` of a virtual LUN, a bit for each: the pattern of the seed is looked for. */
static uint64_t chunks_with(const struct unit *unit, uint64_t vlba, uint64_t seed)
{
    uint64_t found = 0;
    for (uint64_t chunk = 0; chunk < unit->blocks / CHUNK_BLOCKS && chunk < 64; chunk++) {
        /* The pattern knows the virtual address, the disk another one. */
        struct work work = {.block = unit->block, .lba = vlba, .count = 1, .seed = seed};
        if (block_run_at(unit, &work, chunk * CHUNK_BLOCKS + vlba % CHUNK_BLOCKS) == 0)
            found |= 1ull << chunk;
    }
    return found;
}

static uint64_t last_of(const struct unit *unit, uint64_t chunks)
{
    return chunks * CHUNK_BLOCKS * unit->block / 4096 - 1; /* in blocks of 4 KiB; of nothing, all ones */
}

/* Sizes asked for, in blocks of 4 KiB, and what comes of them, in chunks. */
static void check_sizes(const struct unit *unit)
{
    const uint64_t chunk = CHUNK_BLOCKS * unit->block / 4096, all = unit->blocks / CHUNK_BLOCKS;
    const struct {
        const char *name;
        uint64_t size, chunks;
        int error;
    } sizes[] = {
        {"one", 1, 1, 0},
        {"same", chunk, 1, 0},
        {"grow", chunk + 1, 2, 0},
        {"grow-more", 9 * chunk, 9, 0},
        {"shrink", 8 * chunk, 8, 0},
        {"to-one", 2, 1, 0},
        {"to-none", 0, 0, 0},
        {"from-none", 3 * chunk, 3, 0},
        {"all", all * chunk, all, 0},
        {"more-than-all", all * chunk + 1, all, ENOSPC},
        {"one-less", (all - 1) * chunk, all - 1, 0},
        {"too-large", 2 * all * chunk, all, 0}, /* what is left is given */
        {"two-less", (all - 2) * chunk, all - 2, 0},
        {"far-too-large", 1ull << 50, all, 0},
        {"small-again", chunk, 1, 0},
        /* The driver multiplies by 4096 in 64 bits and looks at no carry. */
        {"carry-to-none", 1ull << 52, 0, 0},
        {"carry-to-one", (1ull << 52) + 1, 1, 0},
    };
    struct pipe pipe;
    uint64_t handle = 0, last;
    if (!check((uint64_t)attach(unit, &pipe, O_RDWR, 4), 0, "attach"))
        return;
    check((uint64_t)open_virtual(unit, &pipe, 0, 0, &handle, &last), 0, "open-empty");
    check(last, UINT64_MAX, "empty-last-lba");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check((uint64_t)resize(unit, &pipe, handle, sizes[i].size, &last), (uint64_t)sizes[i].error, "resize-%s", sizes[i].name);
        check(last, sizes[i].error ? 0 : last_of(unit, sizes[i].chunks), "resize-%s-last-lba", sizes[i].name);
        check((uint64_t)verify(unit, &pipe, handle, &last), 0, "verify-%s", sizes[i].name);
        check(last, last_of(unit, sizes[i].chunks), "verify-%s-last-lba", sizes[i].name);
    }
    /* What one has, another cannot get. */
    uint64_t second = 0;
    check((uint64_t)open_virtual(unit, &pipe, all * chunk, 0, &second, &last), 0, "open-the-rest");
    check(last, last_of(unit, all - 1), "the-rest-last-lba");
    uint64_t third = 0;
    check((uint64_t)open_virtual(unit, &pipe, 1, 0, &third, &last), ENOSPC, "open-without-space");
    check((uint64_t)open_virtual(unit, &pipe, 0, 0, &third, &last), 0, "open-nothing-without-space");
    check((uint64_t)resize(unit, &pipe, third, 1, &last), ENOSPC, "grow-without-space");
    check((uint64_t)release(unit, &pipe, handle), 0, "release-one-chunk");
    check((uint64_t)resize(unit, &pipe, third, 5 * chunk, &last), 0, "grow-into-what-is-free");
    check(last, last_of(unit, 1), "grow-into-what-is-free-last-lba");
    check((uint64_t)open_direct(unit, &pipe, &handle), EINVAL, "physical-on-virtual");
    end_pipe(unit, &pipe);
}

/* Blocks keep their content while a virtual LUN grows and shrinks, and are where nobody else's are. */
static void check_content(void)
{
    const uint64_t chunk = CHUNK_BLOCKS; /* blocks of 4 KiB */
    struct pipe pipe;
    uint64_t handles[2] = {0}, last, seen = 0;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&pipe))
        return;
    for (unsigned i = 0; i < 2; i++)
        check((uint64_t)open_virtual(&units[0], &pipe, 2 * chunk, 0, &handles[i], &last), 0, "open-%u", i);
    for (unsigned i = 0; i < 2; i++)
        for (uint64_t c = 0; c < 2; c++)
            check(write_blocks(&pipe, work_on(&units[0], handles[i], c * chunk + 40, 8, 500 + i)), GOOD, "write-%u", i);
    for (unsigned i = 0; i < 2; i++) {
        check((uint64_t)resize(&units[0], &pipe, handles[i], 9 * chunk, &last), 0, "grow-%u", i);
        check(write_blocks(&pipe, work_on(&units[0], handles[i], 8 * chunk + 40, 8, 500 + i)), GOOD, "write-new-%u", i);
    }
    for (unsigned i = 0; i < 2; i++) {
        for (uint64_t c = 0; c < 9; c += c == 1 ? 7 : 1) {
            struct work work = work_on(&units[0], handles[i], c * chunk + 40, 8, 500 + i);
            check(pipe_run(&pipe, &work), GOOD, "read-%u-%u", i, (unsigned)c);
            uint64_t at = chunks_with(&units[0], c * chunk + 40, 500 + i);
            check(at && (at & (at - 1)) == 0, 1, "on-one-chunk-%u-%u", i, (unsigned)c);
            check(at & seen, 0, "on-a-chunk-of-its-own-%u-%u", i, (unsigned)c);
            seen |= at;
        }
    }
    struct work work = work_on(&units[0], handles[0], 9 * chunk, 1, 1);
    check(AFU_CODE(pipe_run(&pipe, &work)), BEYOND_THE_END, "read-beyond-the-end");
    work = work_on(&units[0], handles[0], chunk - 1, 2, 1);
    work.chunk = 2;
    check(AFU_CODE(pipe_run(&pipe, &work)), BEYOND_THE_END, "read-of-more-than-a-unit");
    check((uint64_t)resize(&units[0], &pipe, handles[0], chunk, &last), 0, "shrink");
    work = work_on(&units[0], handles[0], chunk + 40, 1, 500);
    check(AFU_CODE(pipe_run(&pipe, &work)), BEYOND_THE_END, "read-of-what-was-cut");
    work = work_on(&units[0], handles[0], 40, 8, 500);
    check(pipe_run(&pipe, &work), GOOD, "read-of-what-stayed");
    work = work_on(&units[0], handles[1], 8 * chunk + 40, 8, 501);
    check(pipe_run(&pipe, &work), GOOD, "read-of-the-other");
    end_pipe(&units[0], &pipe);
}

void part_virtual(void)
{
    check_sizes(&units[0]);
    check_content();
}

/* Blocks of 512 bytes: sizes of the calls stay in blocks of 4 KiB. */
void part_small_blocks(void)
{
    struct pipe pipe;
    uint64_t handle = 0, last;
    check(units[1].block, 512, "block");
    check_sizes(&units[1]);
    if (!check((uint64_t)attach(&units[1], &pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&pipe))
        return;
    check((uint64_t)open_virtual(&units[1], &pipe, 2 * CHUNK_BLOCKS / 8, 0, &handle, &last), 0, "open");
    for (uint64_t lba = 0; lba < 2 * CHUNK_BLOCKS; lba += CHUNK_BLOCKS) {
        struct work work = work_on(&units[1], handle, lba + 9, 33, 700);
        check(write_blocks(&pipe, work), GOOD, "write");
        check(pipe_run(&pipe, &work), GOOD, "read");
        check(__builtin_popcountll(chunks_with(&units[1], lba + 9, 700)), 1, "on-one-chunk");
    }
    check((uint64_t)release(&units[1], &pipe, handle), 0, "release");
    check((uint64_t)open_direct(&units[1], &pipe, &handle), 0, "open-direct");
    struct work work = work_on(&units[1], handle, 12345, 65, 701);
    work.chunk = 3;
    check(write_blocks(&pipe, work), GOOD, "write-direct");
    check((uint64_t)block_run(&units[1], &work), 0, "block-read-direct");
    end_pipe(&units[1], &pipe);
}

/*
 * What the driver wipes when a virtual LUN with NEED_WRITE_SAME shrinks: it sends the number of the chunk where the first of its blocks is meant
 * (docs/findings/cxlflash-wipes-another-chunk.md). So of chunk 0 the right blocks are wiped, for chunk 1 those of chunk 0 but the first, and the first of chunk 1.
 */
void part_wipe(void)
{
    struct pipe pipe;
    uint64_t own = 0, wiped = 0, last;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&pipe))
        return;
    check((uint64_t)open_virtual(&units[0], &pipe, 1, 0, &own, &last), 0, "open-own");
    check((uint64_t)open_virtual(&units[0], &pipe, 1, DK_CXLFLASH_UVIRTUAL_NEED_WRITE_SAME, &wiped, &last), 0, "open-to-be-wiped");
    check(write_blocks(&pipe, work_on(&units[0], own, 0, 8, 800)), GOOD, "write-own");
    check(write_blocks(&pipe, work_on(&units[0], wiped, 0, 8, 801)), GOOD, "write-to-be-wiped");
    uint64_t chunk_own = chunks_with(&units[0], 0, 800), chunk_wiped = chunks_with(&units[0], 0, 801);
    check(chunk_own, 1, "own-is-chunk-0");
    check(chunk_wiped, 2, "to-be-wiped-is-chunk-1");
    check((uint64_t)release(&units[0], &pipe, wiped), 0, "release-to-be-wiped");
    struct work work = work_on(&units[0], own, 0, 1, 800);
    check(pipe_run(&pipe, &work), GOOD, "own-first-block-is-there");
    work = work_on(&units[0], own, 1, 7, 800);
    check(pipe_run(&pipe, &work), PIPE_COMPARE, "own-other-blocks-are-lost");
    check(block_zeros(&units[0], 1, 7), 1, "own-other-blocks-are-zeros");
    check(chunks_with(&units[0], 0, 801), 0, "released-first-block-is-wiped");
    check(chunks_with(&units[0], 1, 801), 2, "released-other-blocks-are-not");
    end_pipe(&units[0], &pipe);
    /* Chunk 0 alone is wiped as it should be. */
    check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach-again");
    check(pipe_open(&pipe), 1, "open-pipe-again");
    check((uint64_t)open_virtual(&units[0], &pipe, 1, DK_CXLFLASH_UVIRTUAL_NEED_WRITE_SAME, &wiped, &last), 0, "open-chunk-0");
    check(write_blocks(&pipe, work_on(&units[0], wiped, 0, 8, 802)), GOOD, "write-chunk-0");
    check((uint64_t)resize(&units[0], &pipe, wiped, 0, &last), 0, "shrink-chunk-0");
    check(block_zeros(&units[0], 0, 8), 1, "chunk-0-is-zeros");
    end_pipe(&units[0], &pipe);
}
