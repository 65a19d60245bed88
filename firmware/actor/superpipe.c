/* The superpipe ioctls: contexts, handles, recovery. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scsi/cxlflash_ioctl.h>

#include "actor.h"
#include "disk.h"

/* An interrupted call is reported and not repeated: whether it is interrupted is what a scenario wants to see. */
static int call(unsigned long request, void *argument)
{
    return ioctl(actor.disk, request, argument) < 0 ? errno : 0;
}

static int open_disk(struct run *run, const char *word)
{
    char path[64];
    if (!disk_resolve(word, path, sizeof path))
        return errno;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (actor.disk >= 0)
        close(actor.disk);
    actor.disk = fd;
    actor.managed = false;
    strcpy(actor.dev, path);
    if (!disk_wwid(actor.dev, actor.wwid))
        return fail(run, "no-wwid");
    return 0;
}

int do_open(struct run *run)
{
    int error = open_disk(run, run->count ? run->word[0] : "auto");
    if (error)
        return error;
    char wwid[33];
    for (int i = 0; i < 16; i++)
        snprintf(wwid + 2 * i, 3, "%02x", actor.wwid[i]);
    value(run, "dev=%s wwid=%s", actor.dev, wwid);
    return 0;
}

static int manage(uint64_t flags)
{
    struct dk_cxlflash_manage_lun manage = {.hdr.flags = flags};
    memcpy(manage.wwid, actor.wwid, sizeof actor.wwid);
    int error = call(DK_CXLFLASH_MANAGE_LUN, &manage);
    if (!error)
        actor.managed = flags & DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE;
    return error;
}

static int need_disk(struct run *run)
{
    return actor.disk < 0 ? open_disk(run, "auto") : 0;
}

int do_manage_lun(struct run *run)
{
    uint64_t flags;
    int error = need_disk(run);
    if (error)
        return error;
    if (strcmp(run->word[0], "enable") == 0)
        flags = DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE;
    else if (strcmp(run->word[0], "disable") == 0)
        flags = DK_CXLFLASH_MANAGE_LUN_DISABLE_SUPERPIPE;
    else
        return fail(run, "usage");
    if (has_word(run, 1, "all-ports"))
        flags |= DK_CXLFLASH_MANAGE_LUN_ALL_PORTS_ACCESSIBLE;
    return manage(flags);
}

static uint64_t access_flags(const struct run *run)
{
    if (has_word(run, 0, "ro"))
        return O_RDONLY;
    return has_word(run, 0, "wo") ? O_WRONLY : O_RDWR;
}

static int attach(struct run *run, uint64_t interrupts, uint64_t flags)
{
    struct dk_cxlflash_attach attach = {.hdr.flags = flags, .num_interrupts = interrupts};
    bool reuse = flags & DK_CXLFLASH_ATTACH_REUSE_CONTEXT;
    int error = need_disk(run);
    if (!error && !actor.managed)
        error = manage(DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE);
    if (error)
        return error;
    if (reuse)
        attach.context_id = actor.context;
    error = call(DK_CXLFLASH_ATTACH, &attach);
    if (error)
        return error;
    actor.context = attach.context_id;
    actor.block = attach.block_size;
    actor.attached = true;
    if (!reuse) {
        actor.adapter = (int)attach.adap_fd;
        actor.mmio_size = attach.mmio_size;
        actor.sq = attach.hdr.return_flags & DK_CXLFLASH_CONTEXT_SQ_CMD_MODE;
        actor.page = NULL;
        actor.armed = actor.has_rsrc = false;
    }
    value(run, "pe=%u context=0x%llx fd=%d mmio=0x%llx block=%llu last_lba=%llu max_xfer=%llu sq=%d", (unsigned)actor.context,
          (unsigned long long)attach.context_id, actor.adapter, (unsigned long long)attach.mmio_size, (unsigned long long)attach.block_size,
          (unsigned long long)attach.last_lba, (unsigned long long)attach.max_xfer, actor.sq);
    return 0;
}

int do_attach(struct run *run)
{
    const char *text;
    uint64_t interrupts = 4, flags = access_flags(run);
    if (word_value(run, 0, "interrupts", &text) && !parse_number(text, &interrupts))
        return fail(run, "usage");
    if (has_word(run, 0, "reuse"))
        flags |= DK_CXLFLASH_ATTACH_REUSE_CONTEXT;
    return attach(run, interrupts, flags);
}

/* Attaches with the defaults if that was not done; its values go to nobody. */
int need_attach(struct run *run)
{
    struct run quiet = {.op = run->op};
    if (actor.attached)
        return 0;
    int error = attach(&quiet, 4, O_RDWR);
    if (error)
        value(run, "step=attach");
    return error;
}

static void got_handle(struct run *run, uint64_t rsrc, uint64_t last_lba)
{
    actor.rsrc = rsrc;
    actor.has_rsrc = true;
    value(run, "rsrc=%llu last_lba=%llu", (unsigned long long)rsrc, (unsigned long long)last_lba);
}

int do_user_direct(struct run *run)
{
    int error = need_attach(run);
    if (error)
        return error;
    struct dk_cxlflash_udirect direct = {.context_id = actor.context};
    error = call(DK_CXLFLASH_USER_DIRECT, &direct);
    if (!error)
        got_handle(run, direct.rsrc_handle, direct.last_lba);
    return error;
}

int do_user_virtual(struct run *run)
{
    struct dk_cxlflash_uvirtual vlun = {0};
    uint64_t blocks;
    if (!number_at(run, 0, &blocks))
        return fail(run, "usage");
    int error = need_attach(run);
    if (error)
        return error;
    vlun.context_id = actor.context;
    vlun.lun_size = blocks;
    if (has_word(run, 1, "write-same"))
        vlun.hdr.flags = DK_CXLFLASH_UVIRTUAL_NEED_WRITE_SAME;
    error = call(DK_CXLFLASH_USER_VIRTUAL, &vlun);
    if (!error)
        got_handle(run, vlun.rsrc_handle, vlun.last_lba);
    return error;
}

/* The calls below go to the driver even without a handle or a context: to be refused is a case worth running. */
int do_resize(struct run *run)
{
    struct dk_cxlflash_resize resize = {.context_id = actor.context, .rsrc_handle = actor.rsrc};
    uint64_t blocks;
    if (!number_at(run, 0, &blocks))
        return fail(run, "usage");
    resize.req_size = blocks;
    int error = call(DK_CXLFLASH_VLUN_RESIZE, &resize);
    if (!error)
        value(run, "last_lba=%llu", (unsigned long long)resize.last_lba);
    return error;
}

int do_verify(struct run *run)
{
    struct dk_cxlflash_verify verify = {.context_id = actor.context, .rsrc_handle = actor.rsrc};
    if (has_word(run, 0, "sense")) {
        /* A Unit Attention, "reported LUNs data has changed": makes the driver look at the disk again. */
        verify.hint = DK_CXLFLASH_VERIFY_HINT_SENSE;
        verify.sense_data[0] = 0x70;
        verify.sense_data[2] = 0x06;
        verify.sense_data[7] = 10;
        verify.sense_data[12] = 0x3f;
        verify.sense_data[13] = 0x0e;
    }
    int error = call(DK_CXLFLASH_VERIFY, &verify);
    if (!error)
        value(run, "last_lba=%llu", (unsigned long long)verify.last_lba);
    return error;
}

int do_recover(struct run *run)
{
    struct dk_cxlflash_recover_afu recover = {.context_id = actor.context};
    struct run quiet = {.op = run->op};
    int error = call(DK_CXLFLASH_RECOVER_AFU, &recover);
    if (error)
        return error;
    bool reset = recover.hdr.return_flags & DK_CXLFLASH_RECOVER_AFU_CONTEXT_RESET;
    if (reset) {
        /* The old page and descriptor belong to a context that is gone; the handles live on in the new one. */
        do_munmap(&quiet);
        close(actor.adapter);
        actor.adapter = (int)recover.adap_fd;
        actor.mmio_size = recover.mmio_size;
        actor.context = recover.context_id;
    }
    value(run, "pe=%u context=0x%llx fd=%d reset=%d", (unsigned)actor.context, (unsigned long long)actor.context, actor.adapter, reset);
    return 0;
}

/* A clone is legal only from a parent's context, so a child does it with a context of its own, and ends. */
int do_clone(struct run *run)
{
    pid_t pid = fork();
    int status;
    if (pid < 0)
        return errno;
    if (pid == 0) {
        struct dk_cxlflash_clone clone = {.context_id_src = actor.context, .adap_fd_src = (uint64_t)actor.adapter};
        int error = attach(run, 4, O_RDWR);
        clone.context_id_dst = actor.context;
        if (!error)
            error = call(DK_CXLFLASH_VLUN_CLONE, &clone);
        _exit(error == REASON ? EINVAL : error);
    }
    if (waitpid(pid, &status, 0) < 0)
        return errno;
    value(run, "child=%d", pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : fail(run, "child-killed");
}

int do_release(struct run *run)
{
    struct dk_cxlflash_release release = {.context_id = actor.context, .rsrc_handle = actor.rsrc};
    int error = call(DK_CXLFLASH_RELEASE, &release);
    (void)run;
    if (!error)
        actor.has_rsrc = false;
    return error;
}

int do_detach(struct run *run)
{
    struct dk_cxlflash_detach detach = {.context_id = actor.context};
    int error = call(DK_CXLFLASH_DETACH, &detach);
    if (error)
        return error;
    /* The flag says that this was the last disk of the context, and that the descriptor is ours to close (`close`). */
    bool last = detach.hdr.return_flags & DK_CXLFLASH_APP_CLOSE_ADAP_FD;
    if (last)
        actor.attached = actor.has_rsrc = false;
    value(run, "last=%d", last);
    return 0;
}

int do_use(struct run *run)
{
    if (!number_at(run, 0, &actor.rsrc))
        return fail(run, "usage");
    actor.has_rsrc = true;
    return 0;
}

int do_close(struct run *run)
{
    int fd = actor.adapter;
    (void)run;
    actor.adapter = -1;
    actor.attached = actor.armed = actor.has_rsrc = false;
    return close(fd) < 0 ? errno : 0;
}

int do_close_disk(struct run *run)
{
    int fd = actor.disk;
    (void)run;
    actor.disk = -1;
    actor.managed = false;
    return close(fd) < 0 ? errno : 0;
}
