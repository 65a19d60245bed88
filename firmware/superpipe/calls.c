/* The calls as a program makes them that means well. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "superpipe.h"

int call(const struct unit *unit, unsigned long request, void *argument)
{
    return ioctl(unit->fd, request, argument) < 0 ? errno : 0;
}

int manage(const struct unit *unit, uint64_t flags)
{
    struct dk_cxlflash_manage_lun manage = {.hdr.flags = flags};
    memcpy(manage.wwid, unit->wwid, sizeof manage.wwid);
    return call(unit, DK_CXLFLASH_MANAGE_LUN, &manage);
}

/* What the call returns is looked at here, once for all attaches. */
int attach(const struct unit *unit, struct pipe *pipe, uint64_t flags, uint64_t interrupts)
{
    struct dk_cxlflash_attach attach = {.hdr.flags = flags, .num_interrupts = interrupts};
    memset(pipe, 0, sizeof *pipe);
    pipe->adapter = -1;
    int error = call(unit, DK_CXLFLASH_ATTACH, &attach);
    if (error)
        return error;
    pipe->context = attach.context_id;
    pipe->adapter = (int)attach.adap_fd;
    pipe->mmio_size = attach.mmio_size;
    pipe->max_xfer = attach.max_xfer;
    pipe->sq = attach.hdr.return_flags & DK_CXLFLASH_CONTEXT_SQ_CMD_MODE;
    check(attach.hdr.return_flags, DK_CXLFLASH_APP_CLOSE_ADAP_FD | (expect_sq ? DK_CXLFLASH_CONTEXT_SQ_CMD_MODE : 0), "attach-returns-flags");
    check(attach.mmio_size, PAGE_BYTES, "attach-returns-mmio-size");
    check(attach.block_size, unit->block, "attach-returns-block-size");
    check(attach.last_lba, unit->blocks - 1, "attach-returns-last-lba");
    check((attach.context_id & 0xffffffff) < 512, 1, "attach-returns-context");
    return 0;
}

int attach_also(const struct unit *unit, const struct pipe *pipe)
{
    struct dk_cxlflash_attach attach = {.hdr.flags = DK_CXLFLASH_ATTACH_REUSE_CONTEXT, .num_interrupts = 4, .context_id = pipe->context};
    int error = call(unit, DK_CXLFLASH_ATTACH, &attach);
    if (error)
        return error;
    check(attach.adap_fd, UINT64_MAX, "reuse-returns-no-descriptor");
    check(attach.context_id, pipe->context, "reuse-returns-the-context");
    check(attach.hdr.return_flags & DK_CXLFLASH_APP_CLOSE_ADAP_FD, 0, "reuse-returns-flags");
    check(attach.block_size, unit->block, "reuse-returns-block-size");
    check(attach.last_lba, unit->blocks - 1, "reuse-returns-last-lba");
    return 0;
}

int open_direct(const struct unit *unit, const struct pipe *pipe, uint64_t *handle)
{
    struct dk_cxlflash_udirect direct = {.context_id = pipe->context};
    int error = call(unit, DK_CXLFLASH_USER_DIRECT, &direct);
    if (error)
        return error;
    *handle = direct.rsrc_handle;
    check(direct.last_lba, unit->blocks - 1, "direct-returns-last-lba");
    check(direct.hdr.return_flags, 0, "direct-returns-flags");
    return 0;
}

int open_virtual(const struct unit *unit, const struct pipe *pipe, uint64_t size, uint64_t flags, uint64_t *handle, uint64_t *last)
{
    struct dk_cxlflash_uvirtual vlun = {.hdr.flags = flags, .context_id = pipe->context, .lun_size = size};
    int error = call(unit, DK_CXLFLASH_USER_VIRTUAL, &vlun);
    if (error)
        return error;
    *handle = vlun.rsrc_handle;
    *last = vlun.last_lba;
    return 0;
}

int resize(const struct unit *unit, const struct pipe *pipe, uint64_t handle, uint64_t size, uint64_t *last)
{
    struct dk_cxlflash_resize resize = {.context_id = pipe->context, .rsrc_handle = handle, .req_size = size};
    int error = call(unit, DK_CXLFLASH_VLUN_RESIZE, &resize);
    *last = resize.last_lba;
    return error;
}

int verify(const struct unit *unit, const struct pipe *pipe, uint64_t handle, uint64_t *last)
{
    struct dk_cxlflash_verify verify = {.context_id = pipe->context, .rsrc_handle = handle};
    int error = call(unit, DK_CXLFLASH_VERIFY, &verify);
    *last = verify.last_lba;
    return error;
}

int release(const struct unit *unit, const struct pipe *pipe, uint64_t handle)
{
    struct dk_cxlflash_release release = {.context_id = pipe->context, .rsrc_handle = handle};
    return call(unit, DK_CXLFLASH_RELEASE, &release);
}

int detach(const struct unit *unit, const struct pipe *pipe)
{
    struct dk_cxlflash_detach detach = {.context_id = pipe->context};
    return call(unit, DK_CXLFLASH_DETACH, &detach);
}

void end_pipe(const struct unit *unit, struct pipe *pipe)
{
    pipe_close(pipe);
    check((uint64_t)detach(unit, pipe), 0, "detach");
    check(close(pipe->adapter) == 0, 1, "close");
}
