/* What the driver must refuse: headers, contexts, handles, numbers. A row a case, a column a call. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "superpipe.h"

#define NOWHERE UINT16_MAX

/* The calls of a disk, and where their arguments are. */
static const struct calls {
    const char *name;
    unsigned long request;
    uint16_t size, context, handle;
} calls[] = {
    {"attach", DK_CXLFLASH_ATTACH, sizeof(struct dk_cxlflash_attach), offsetof(struct dk_cxlflash_attach, context_id), NOWHERE},
    {"user-direct", DK_CXLFLASH_USER_DIRECT, sizeof(struct dk_cxlflash_udirect), offsetof(struct dk_cxlflash_udirect, context_id), NOWHERE},
    {"release", DK_CXLFLASH_RELEASE, sizeof(struct dk_cxlflash_release), offsetof(struct dk_cxlflash_release, context_id),
     offsetof(struct dk_cxlflash_release, rsrc_handle)},
    {"detach", DK_CXLFLASH_DETACH, sizeof(struct dk_cxlflash_detach), offsetof(struct dk_cxlflash_detach, context_id), NOWHERE},
    {"verify", DK_CXLFLASH_VERIFY, sizeof(struct dk_cxlflash_verify), offsetof(struct dk_cxlflash_verify, context_id),
     offsetof(struct dk_cxlflash_verify, rsrc_handle)},
    {"recover-afu", DK_CXLFLASH_RECOVER_AFU, sizeof(struct dk_cxlflash_recover_afu), offsetof(struct dk_cxlflash_recover_afu, context_id), NOWHERE},
    {"manage-lun", DK_CXLFLASH_MANAGE_LUN, sizeof(struct dk_cxlflash_manage_lun), NOWHERE, NOWHERE},
    {"user-virtual", DK_CXLFLASH_USER_VIRTUAL, sizeof(struct dk_cxlflash_uvirtual), offsetof(struct dk_cxlflash_uvirtual, context_id), NOWHERE},
    {"vlun-resize", DK_CXLFLASH_VLUN_RESIZE, sizeof(struct dk_cxlflash_resize), offsetof(struct dk_cxlflash_resize, context_id),
     offsetof(struct dk_cxlflash_resize, rsrc_handle)},
    {"vlun-clone", DK_CXLFLASH_VLUN_CLONE, sizeof(struct dk_cxlflash_clone), offsetof(struct dk_cxlflash_clone, context_id_dst), NOWHERE},
    /* Of the card, not of a disk. */
    {"lun-provision", HT_CXLFLASH_LUN_PROVISION, sizeof(struct ht_cxlflash_lun_provision), NOWHERE, NOWHERE},
    {"afu-debug", HT_CXLFLASH_AFU_DEBUG, sizeof(struct ht_cxlflash_afu_debug), NOWHERE, NOWHERE},
};
#define CALLS (sizeof calls / sizeof *calls)
#define CARD_CALLS 2

union argument {
    union cxlflash_ioctls disk;
    union cxlflash_ht_ioctls card;
    uint8_t bytes[MAX_CXLFLASH_IOCTL_SZ > MAX_HT_CXLFLASH_IOCTL_SZ ? MAX_CXLFLASH_IOCTL_SZ : MAX_HT_CXLFLASH_IOCTL_SZ];
};

static void put(union argument *argument, uint16_t offset, uint64_t value)
{
    if (offset != NOWHERE)
        memcpy(argument->bytes + offset, &value, sizeof value);
}

/* The arguments of a call that would be granted, if its context and handle were. */
static void fill(union argument *argument, const struct calls *c, uint64_t context, uint64_t handle)
{
    memset(argument, 0, sizeof *argument);
    put(argument, c->context, context);
    put(argument, c->handle, handle);
    switch (c->request) {
    case DK_CXLFLASH_ATTACH:
        argument->disk.attach.hdr.flags = O_RDWR | DK_CXLFLASH_ATTACH_REUSE_CONTEXT;
        argument->disk.attach.num_interrupts = 4;
        break;
    case DK_CXLFLASH_MANAGE_LUN:
        memcpy(argument->disk.manage_lun.wwid, units[0].wwid, sizeof units[0].wwid);
        break;
    case HT_CXLFLASH_LUN_PROVISION:
        argument->card.lun_provision.hdr.subcmd = HT_CXLFLASH_LUN_PROVISION_SUBCMD_QUERY_PORT;
        break;
    }
}

static int card_node(void)
{
    char path[64];
    int fd = -1;
    for (unsigned i = 0; i < 4 && fd < 0; i++) {
        snprintf(path, sizeof path, "/dev/cxlflash/cxlflash%u", i);
        fd = open(path, O_RDWR | O_CLOEXEC);
    }
    return fd;
}

/* Before anything else is looked at: the header, and the memory it is in. */
void part_headers(void)
{
    static const struct header {
        const char *name;
        uint16_t offset, width;
        uint64_t value;
        bool card; /* the headers of the two kinds differ in their middle */
        bool disk;
    } headers[] = {
        {"version-1", 0, 2, 1, true, true},         {"version-65535", 0, 2, 65535, true, true},
        {"reserved-1", 2, 2, 1, false, true},       {"reserved-2", 4, 2, 1, true, true},
        {"reserved-3", 6, 2, 0x8000, true, true},   {"return-flags", 16, 8, 1, true, true},
        {"return-flags-high", 16, 8, 1ull << 63, true, true},
    };
    static void *const nowhere[] = {NULL, (void *)64, (void *)0x7fffffff0000, (void *)0xc000000000000000};
    static const unsigned long unknown[] = {DK_CXLFLASH_ATTACH - 1, DK_CXLFLASH_VLUN_CLONE + 1, _IOWR(CXL_MAGIC, 0x80, struct dk_cxlflash_detach),
                                            _IOW(CXL_MAGIC, 0x80, struct dk_cxlflash_attach), HT_CXLFLASH_LUN_PROVISION};
    union argument argument;
    struct pipe pipe;
    uint64_t handle = 0, last;
    int node = card_node();
    check(node >= 0, 1, "card-node");
    check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach");
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "user-direct");
    for (size_t i = 0; i < CALLS; i++) {
        bool of_card = i >= CALLS - CARD_CALLS;
        int fd = of_card ? node : units[0].fd;
        for (size_t h = 0; h < sizeof headers / sizeof *headers; h++) {
            if (of_card ? !headers[h].card : !headers[h].disk)
                continue;
            fill(&argument, &calls[i], pipe.context, handle);
            memcpy(argument.bytes + headers[h].offset, &headers[h].value, headers[h].width);
            check(ioctl(fd, calls[i].request, &argument) < 0 ? (uint64_t)errno : 0, EINVAL, "%s-%s", calls[i].name, headers[h].name);
        }
        for (size_t n = 0; n < sizeof nowhere / sizeof *nowhere; n++)
            check(ioctl(fd, calls[i].request, nowhere[n]) < 0 ? (uint64_t)errno : 0, EFAULT, "%s-at-%p", calls[i].name, nowhere[n]);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        check((uint64_t)call(&units[0], unknown[i], &argument), EINVAL, "unknown-0x%lx", unknown[i]);
    check(ioctl(node, DK_CXLFLASH_ATTACH, &argument) < 0 ? (uint64_t)errno : 0, EINVAL, "disk-call-on-card");
    check((uint64_t)verify(&units[0], &pipe, handle, &last), 0, "nothing-changed");
    end_pipe(&units[0], &pipe);
    close(node);
}

/* Each context id that is not one of ours, at each call that takes one. */
static void wrong_contexts(const char *mode, const struct pipe *own, uint64_t handle, uint64_t gone)
{
    const struct {
        const char *name;
        uint64_t context;
    } contexts[] = {
        {"zero", 0},
        {"all-ones", UINT64_MAX},
        {"number-alone", own->context & 0xffffffff},
        {"next-number", own->context + 1},
        {"number-512", (own->context & ~0xffffffffull) | 512},
        {"other-cookie", own->context ^ 1ull << 40},
        {"cookie-alone", own->context & ~0xffffffffull},
        {"detached", gone},
    };
    for (size_t i = 0; i < CALLS; i++) {
        for (size_t n = 0; calls[i].context != NOWHERE && n < sizeof contexts / sizeof *contexts; n++) {
            union argument argument;
            if (contexts[n].context == own->context)
                continue; /* process element 0 is not a user's */
            fill(&argument, &calls[i], contexts[n].context, handle);
            argument.disk.clone.context_id_src = calls[i].request == DK_CXLFLASH_VLUN_CLONE ? own->context : argument.disk.clone.context_id_src;
            check((uint64_t)call(&units[0], calls[i].request, &argument), EINVAL, "%s-%s-context-%s", mode, calls[i].name, contexts[n].name);
        }
    }
}

/* Each handle that is not open on this disk, at each call that takes one. Handles are 32 bits wide: the driver cuts off the rest. */
static void wrong_handles(const char *mode, const struct pipe *own, uint64_t handle, uint64_t of_other)
{
    const struct {
        const char *name;
        uint64_t handle;
    } handles[] = {{"never-opened", 7}, {"of-other-disk", of_other}, {"last", 4095}, {"beyond", 4096}, {"all-ones", UINT64_MAX},
                   {"sign", 1ull << 31}, {"wide-never-opened", 1ull << 32 | 7}};
    uint64_t last;
    for (size_t i = 0; i < CALLS; i++) {
        for (size_t n = 0; calls[i].handle != NOWHERE && n < sizeof handles / sizeof *handles; n++) {
            union argument argument;
            fill(&argument, &calls[i], own->context, handles[n].handle);
            check((uint64_t)call(&units[0], calls[i].request, &argument), EINVAL, "%s-%s-handle-%s", mode, calls[i].name, handles[n].name);
        }
    }
    check((uint64_t)verify(&units[0], own, 1ull << 32 | handle, &last), 0, "%s-verify-handle-wide", mode);
    check((uint64_t)verify(&units[1], own, handle, &last), EINVAL, "%s-verify-through-other-disk", mode);
    check((uint64_t)release(&units[1], own, handle), EINVAL, "%s-release-through-other-disk", mode);
}

/* Another process may do nothing with a context of ours, whatever it inherited. */
struct foreign {
    const char *mode;
    const struct pipe *pipe;
    uint64_t handle;
};

static void foreign_body(void *argument)
{
    const struct foreign *foreign = argument;
    for (size_t i = 0; i < CALLS; i++) {
        union argument a;
        if (calls[i].context == NOWHERE)
            continue;
        fill(&a, &calls[i], foreign->pipe->context, foreign->handle);
        check((uint64_t)call(&units[0], calls[i].request, &a), EINVAL, "%s-%s-in-child", foreign->mode, calls[i].name);
    }
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, foreign->pipe->adapter, 0);
    check(page == MAP_FAILED ? (uint64_t)errno : 0, EIO, "%s-mmap-in-child", foreign->mode);
}

static void handles_in_mode(const char *mode, bool virtual, uint64_t gone)
{
    struct pipe pipe;
    uint64_t handle = 0, other = 0, last;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "%s-attach", mode) || !pipe_open(&pipe))
        return;
    check((uint64_t)attach_also(&units[1], &pipe), 0, "%s-attach-other", mode);
    int error = virtual ? open_virtual(&units[0], &pipe, 1, 0, &handle, &last) : open_direct(&units[0], &pipe, &handle);
    check((uint64_t)error, 0, "%s-open", mode);
    check((uint64_t)open_direct(&units[1], &pipe, &other), 0, "%s-open-other", mode);
    struct work work = {.write = true, .handle = handle, .block = units[0].block, .count = 4, .seed = 11};
    check(pipe_run(&pipe, &work), GOOD, "%s-write", mode);
    struct foreign foreign = {mode, &pipe, handle};
    wrong_contexts(mode, &pipe, handle, gone);
    wrong_handles(mode, &pipe, handle, other);
    check(in_child(foreign_body, &foreign), 1, "%s-child", mode);
    /* None of that did anything. */
    work.write = false;
    check(pipe_run(&pipe, &work), GOOD, "%s-read-afterwards", mode);
    work.handle = 7;
    check(AFU_CODE(pipe_run(&pipe, &work)), NO_RIGHT, "%s-read-never-opened", mode);
    work.handle = 4096;
    check(AFU_CODE(pipe_run(&pipe, &work)), HANDLE_TOO_HIGH, "%s-read-beyond-handles", mode);
    work.handle = handle;
    check((uint64_t)release(&units[0], &pipe, handle), 0, "%s-release", mode);
    check((uint64_t)release(&units[0], &pipe, handle), EINVAL, "%s-release-twice", mode);
    check(AFU_CODE(pipe_run(&pipe, &work)), NO_RIGHT, "%s-read-after-release", mode);
    check((uint64_t)detach(&units[1], &pipe), 0, "%s-detach-other", mode);
    check((uint64_t)detach(&units[1], &pipe), EINVAL, "%s-detach-other-twice", mode);
    end_pipe(&units[0], &pipe);
    check((uint64_t)detach(&units[0], &pipe), EINVAL, "%s-detach-twice", mode);
}

void part_handles(void)
{
    struct pipe gone;
    if (!check((uint64_t)attach(&units[0], &gone, O_RDWR, 4), 0, "attach"))
        return;
    end_pipe(&units[0], &gone);
    handles_in_mode("physical", false, gone.context);
    handles_in_mode("virtual", true, gone.context);
}
