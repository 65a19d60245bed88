/* Several processes: clones, neighbours, as many contexts as there are. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "superpipe.h"

#define NEIGHBOURS 8
#define MOST_CONTEXTS 511 /* the AFU has 512 process elements, and the driver has one of them */

/* A parent with two virtual LUNs, and what its children do with them. */
struct family {
    struct pipe pipe;
    uint64_t handles[2], last;
};

static struct work blocks(uint64_t handle, uint64_t lba, uint64_t seed)
{
    return (struct work){.handle = handle, .block = units[0].block, .lba = lba, .count = 4, .seed = seed, .depth = 4};
}

static uint32_t write_blocks(struct pipe *pipe, struct work work)
{
    work.write = true;
    return pipe_run(pipe, &work);
}

static int clone_into(const struct pipe *from, const struct pipe *to, uint64_t descriptor)
{
    struct dk_cxlflash_clone clone = {.context_id_src = from->context, .context_id_dst = to->context, .adap_fd_src = descriptor};
    return call(&units[0], DK_CXLFLASH_VLUN_CLONE, &clone);
}

static void grandchild(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "grandchild-attach");
    check((uint64_t)clone_into(&family->pipe, &own, (uint64_t)family->pipe.adapter), EINVAL, "clone-of-a-grandparent");
    end_pipe(&units[0], &own);
}

/* The child shares the blocks, under the same handles; what one writes the other reads. */
static void sharing_child(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    uint64_t handle = 0, last;
    if (!check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "child-attach") || !pipe_open(&own))
        return;
    check((uint64_t)clone_into(&own, &own, 0), EINVAL, "clone-of-itself");
    check((uint64_t)clone_into(&own, &family->pipe, 0), EINVAL, "clone-the-wrong-way");
    check((uint64_t)open_virtual(&units[0], &own, 0, 0, &handle, &last), 0, "child-opens");
    check((uint64_t)clone_into(&family->pipe, &own, 0), EINVAL, "clone-into-a-context-with-handles");
    check((uint64_t)release(&units[0], &own, handle), 0, "child-releases");
    check(in_child(grandchild, family), 1, "grandchild");
    /* The driver does not look at the descriptor. */
    check((uint64_t)clone_into(&family->pipe, &own, 12345), 0, "clone");
    check((uint64_t)clone_into(&family->pipe, &own, 12345), EINVAL, "clone-twice");
    for (unsigned i = 0; i < 2; i++) {
        struct work work = blocks(family->handles[i], 8, 900 + i);
        check(pipe_run(&own, &work), GOOD, "clone-reads-%u", i);
        check(write_blocks(&own, blocks(family->handles[i], 16, 910 + i)), GOOD, "clone-writes-%u", i);
    }
    /* A size is one's own. */
    check((uint64_t)resize(&units[0], &own, family->handles[0], 2 * CHUNK_BLOCKS, &last), 0, "clone-grows");
    check(write_blocks(&own, blocks(family->handles[0], CHUNK_BLOCKS + 8, 920)), GOOD, "clone-writes-what-it-grew");
    check((uint64_t)resize(&units[0], &own, family->handles[1], 0, &last), 0, "clone-shrinks");
    end_pipe(&units[0], &own);
}

static void reading_child(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    if (!check((uint64_t)attach(&units[0], &own, O_RDONLY, 4), 0, "reader-attach") || !pipe_open(&own))
        return;
    check((uint64_t)clone_into(&family->pipe, &own, (uint64_t)family->pipe.adapter), 0, "reader-clone");
    struct work work = blocks(family->handles[0], 8, 900);
    check(pipe_run(&own, &work), GOOD, "reader-reads");
    check(AFU_CODE(write_blocks(&own, work)), NO_RIGHT, "reader-cannot-write");
    end_pipe(&units[0], &own);
}

/* Keeps its clone over the end of the original: the blocks stay allocated. */
static void surviving_child(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    uint64_t last, handle = 0;
    if (!check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "survivor-attach") || !pipe_open(&own))
        return;
    check((uint64_t)clone_into(&family->pipe, &own, 0), 0, "survivor-clone");
    /* Nothing of the parent's is ours to end; its LUN shrinks by its own hand while we wait for `go`. */
    char word = 'c';
    int *ends = (int *)(family + 1);
    check(write(ends[1], &word, 1) == 1 && read(ends[2], &word, 1) == 1, 1, "survivor-waits");
    struct work work = blocks(family->handles[0], 8, 900);
    check(pipe_run(&own, &work), GOOD, "survivor-reads");
    for (unsigned i = 0; i < 4; i++) {
        check((uint64_t)open_virtual(&units[0], &own, 1, 0, &handle, &last), 0, "survivor-opens-%u", i);
        check(write_blocks(&own, blocks(handle, 8, 950 + i)), GOOD, "survivor-writes-%u", i);
    }
    check(pipe_run(&own, &work), GOOD, "survivor-reads-again");
    end_pipe(&units[0], &own);
}

static void check_survivor(struct family *plain)
{
    struct {
        struct family family;
        int ends[4];
    } both = {.family = *plain};
    int to_parent[2], to_child[2], status;
    uint64_t last;
    char word;
    if (!check(pipe2(to_parent, 0) == 0 && pipe2(to_child, 0) == 0, 1, "pipes"))
        return;
    both.ends[1] = to_parent[1];
    both.ends[2] = to_child[0];
    pid_t pid = fork();
    if (pid == 0) {
        surviving_child(&both);
        _exit(0);
    }
    check(read(to_parent[0], &word, 1) == 1, 1, "survivor-cloned");
    check((uint64_t)resize(&units[0], &plain->pipe, plain->handles[0], 0, &last), 0, "parent-shrinks");
    check(write(to_child[1], &word, 1) == 1, 1, "survivor-goes");
    check(waitpid(pid, &status, 0) == pid && status == 0, 1, "survivor-ended");
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(to_child[i]);
    }
}

static void physical_child(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "attach-by-physical");
    check((uint64_t)clone_into(&family->pipe, &own, 0), EINVAL, "clone-of-physical");
    end_pipe(&units[0], &own);
}

static void empty_child(void *argument)
{
    struct family *family = argument;
    struct pipe own, holder;
    uint64_t handle, last;
    check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "attach-by-empty");
    check((uint64_t)clone_into(&family->pipe, &own, 0), EINVAL, "clone-of-nothing-in-no-mode");
    /* Somebody has a virtual LUN, the source has not. */
    check((uint64_t)attach(&units[0], &holder, O_RDWR, 4), 0, "attach-holder");
    check((uint64_t)open_virtual(&units[0], &holder, 1, 0, &handle, &last), 0, "hold");
    check((uint64_t)clone_into(&family->pipe, &own, 0), 0, "clone-of-nothing");
    check((uint64_t)verify(&units[0], &own, 0, &last), EINVAL, "nothing-was-cloned");
    end_pipe(&units[0], &holder);
    end_pipe(&units[0], &own);
}

void part_clone(void)
{
    struct family family;
    uint64_t handle = 0;
    if (!check((uint64_t)attach(&units[0], &family.pipe, O_RDWR, 4), 0, "attach") || !pipe_open(&family.pipe))
        return;
    check(in_child(empty_child, &family), 1, "empty-child");
    check((uint64_t)open_direct(&units[0], &family.pipe, &handle), 0, "open-direct");
    check(in_child(physical_child, &family), 1, "physical-child");
    check((uint64_t)release(&units[0], &family.pipe, handle), 0, "release-direct");
    for (unsigned i = 0; i < 2; i++) {
        check((uint64_t)open_virtual(&units[0], &family.pipe, 1, 0, &family.handles[i], &family.last), 0, "open-%u", i);
        check(write_blocks(&family.pipe, blocks(family.handles[i], 8, 900 + i)), GOOD, "write-%u", i);
    }
    check(in_child(sharing_child, &family), 1, "sharing-child");
    for (unsigned i = 0; i < 2; i++) {
        struct work work = blocks(family.handles[i], 16, 910 + i);
        check(pipe_run(&family.pipe, &work), GOOD, "parent-reads-%u", i);
        work = blocks(family.handles[i], 8, 900 + i);
        check(pipe_run(&family.pipe, &work), GOOD, "parent-reads-own-%u", i);
    }
    struct work beyond = blocks(family.handles[0], CHUNK_BLOCKS + 8, 920);
    check(AFU_CODE(pipe_run(&family.pipe, &beyond)), BEYOND_THE_END, "parent-did-not-grow");
    check(in_child(reading_child, &family), 1, "reading-child");
    check_survivor(&family);
    end_pipe(&units[0], &family.pipe);
}

/*
 * A clone of a context with two disks takes the second into the clone's list without a reference: the first DETACH is then taken for the last
 * (docs/findings/cxlflash-clone-takes-no-reference.md).
 */
static void two_disks_child(void *argument)
{
    struct family *family = argument;
    struct pipe own;
    uint64_t last;
    if (!check((uint64_t)attach(&units[0], &own, O_RDWR, 4), 0, "child-attach"))
        return;
    check((uint64_t)clone_into(&family->pipe, &own, 0), 0, "clone");
    check((uint64_t)verify(&units[0], &own, family->handles[0], &last), 0, "clone-has-the-handle");
    check((uint64_t)detach(&units[1], &own), 0, "detach-of-the-disk-that-came-along");
    check((uint64_t)verify(&units[0], &own, family->handles[0], &last), EINVAL, "the-context-has-gone");
    check((uint64_t)detach(&units[0], &own), EINVAL, "detach-of-the-disk-that-was-attached");
    check(close(own.adapter) == 0, 1, "close");
}

void part_clone_two_disks(void)
{
    struct family family;
    if (!check((uint64_t)attach(&units[0], &family.pipe, O_RDWR, 4), 0, "attach"))
        return;
    check((uint64_t)attach_also(&units[1], &family.pipe), 0, "attach-second");
    check((uint64_t)open_virtual(&units[0], &family.pipe, 1, 0, &family.handles[0], &family.last), 0, "open");
    check(in_child(two_disks_child, &family), 1, "two-disks-child");
    check((uint64_t)detach(&units[1], &family.pipe), 0, "detach-second");
    end_pipe(&units[0], &family.pipe);
}

/* One of several that use the card at once, each on blocks of its own. */
static void neighbour(unsigned number, bool dies)
{
    struct pipe pipe;
    uint64_t handle = 0, base = 100000 + 1000 * number;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "neighbour-attach-%u", number) || !pipe_open(&pipe))
        return;
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "neighbour-direct-%u", number);
    for (unsigned round = 0; round < 3; round++) {
        struct work work = blocks(handle, base, 1000 + 16 * number + round);
        work.count = 96;
        work.depth = 16;
        check(write_blocks(&pipe, work), GOOD, "neighbour-writes-%u-%u", number, round);
        check(pipe_run(&pipe, &work), GOOD, "neighbour-reads-%u-%u", number, round);
    }
    if (dies)
        kill(getpid(), SIGKILL);
    check((uint64_t)release(&units[0], &pipe, handle), 0, "neighbour-release-%u", number);
    end_pipe(&units[0], &pipe);
}

void part_processes(void)
{
    pid_t pids[NEIGHBOURS];
    int status;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            neighbour(i, i % 4 == 3);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        check(waitpid(pids[i], &status, 0) == pids[i], 1, "neighbour-%u", i);
        check(i % 4 == 3 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0, 1, "neighbour-%u-ended", i);
    }
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct work work = {.block = units[0].block, .lba = 100000 + 1000 * i, .count = 96, .seed = 1000 + 16 * i + 2};
        check((uint64_t)block_run(&units[0], &work), 0, "block-read-of-neighbour-%u", i);
    }
}

/* A process that attaches, does one write and one read, and keeps its context until it is told to end. */
static void holder(unsigned number, int told, int go)
{
    struct pipe pipe;
    uint64_t handle = 0;
    char word = 'f';
    if (check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach-%u", number) && pipe_open(&pipe) &&
        check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "direct-%u", number)) {
        struct work work = {.handle = handle, .block = units[0].block, .lba = 200000 + number, .count = 1, .seed = 3000 + number};
        check(write_blocks(&pipe, work), GOOD, "write-%u", number);
        word = pipe_run(&pipe, &work) == GOOD ? 'g' : 'f';
    }
    if (write(told, &word, 1) != 1 || read(go, &word, 1) != 0)
        _exit(1); /* `go` is closed when all may end */
    struct work work = {.handle = handle, .block = units[0].block, .lba = 200000 + number, .count = 1, .seed = 3000 + number};
    check(pipe_run(&pipe, &work), GOOD, "read-at-the-end-%u", number);
    end_pipe(&units[0], &pipe);
    _exit(0);
}

/* `contexts=` processes with a context each; as many more from this process as there are, then one too many. */
void part_many(void)
{
    static struct pipe more[MOST_CONTEXTS];
    int told[2], go[2], status;
    unsigned ended = 0, others = 0;
    pid_t pid;
    char word;
    if (!check(pipe2(told, 0) == 0 && pipe2(go, 0) == 0, 1, "pipes"))
        return;
    for (unsigned i = 0; i < many_contexts; i++) {
        pid = fork();
        if (pid == 0) {
            close(told[0]);
            close(go[1]);
            holder(i, told[1], go[0]);
        }
        if (!check(pid > 0, 1, "fork-%u", i) || !check(read(told[0], &word, 1) == 1 && word == 'g', 1, "holder-%u", i))
            break;
    }
    while (others < MOST_CONTEXTS && attach(&units[0], &more[others], O_RDWR, 4) == 0)
        others++;
    check(many_contexts + others, MOST_CONTEXTS, "contexts-at-once");
    struct pipe too_many;
    check((uint64_t)attach(&units[0], &too_many, O_RDWR, 4), ENODEV, "one-context-more");
    if (others > 1) {
        end_pipe(&units[0], &more[--others]);
        check((uint64_t)attach(&units[0], &more[others++], O_RDWR, 4), 0, "attach-when-one-has-gone");
    }
    while (others)
        end_pipe(&units[0], &more[--others]);
    close(go[0]);
    close(go[1]);
    for (; waitpid(-1, &status, 0) > 0; ended++)
        check((uint64_t)status, 0, "holder-ended");
    check(ended, many_contexts, "holders");
    for (unsigned i = 0; i < many_contexts; i++) {
        struct work work = {.block = units[0].block, .lba = 200000 + i, .count = 1, .seed = 3000 + i};
        check((uint64_t)block_run(&units[0], &work), 0, "block-read-%u", i);
    }
    check((uint64_t)attach(&units[0], &too_many, O_RDWR, 4), 0, "attach-afterwards");
    end_pipe(&units[0], &too_many);
    close(told[0]);
    close(told[1]);
}
