/* Enabling superpipe, attaching, what a context may do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "disk.h"
#include "superpipe.h"

enum { ENABLE = 1, DISABLE = 2, BOTH = 3 };
static const uint64_t flags_of[] = {0, DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE, DK_CXLFLASH_MANAGE_LUN_DISABLE_SUPERPIPE,
                                    DK_CXLFLASH_MANAGE_LUN_ENABLE_SUPERPIPE | DK_CXLFLASH_MANAGE_LUN_DISABLE_SUPERPIPE};

static uint64_t attach_and_end(const struct unit *unit, uint64_t flags, uint64_t interrupts)
{
    struct pipe pipe;
    int error = attach(unit, &pipe, flags, interrupts);
    if (!error)
        end_pipe(unit, &pipe);
    return (uint64_t)error;
}

/* Without superpipe every other call is refused, before its argument is looked at. */
static void check_disabled(void)
{
    static const unsigned long requests[] = {DK_CXLFLASH_ATTACH,      DK_CXLFLASH_USER_DIRECT,  DK_CXLFLASH_RELEASE,
                                             DK_CXLFLASH_DETACH,      DK_CXLFLASH_VERIFY,       DK_CXLFLASH_RECOVER_AFU,
                                             DK_CXLFLASH_USER_VIRTUAL, DK_CXLFLASH_VLUN_RESIZE, DK_CXLFLASH_VLUN_CLONE};
    union cxlflash_ioctls argument;
    memset(&argument, 0, sizeof argument);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        check((uint64_t)call(&units[0], requests[i], &argument), EINVAL, "disabled-0x%lx", requests[i]);
        check((uint64_t)call(&units[0], requests[i], NULL), EINVAL, "disabled-0x%lx-at-null", requests[i]);
    }
}

void part_manage(void)
{
    static const struct {
        int what;
        uint64_t attach;
    } stores[] = {{DISABLE, EINVAL}, {0, EINVAL}, {DISABLE, EINVAL}, {ENABLE, 0}, {0, 0}, {ENABLE, 0}, {DISABLE, EINVAL}, {BOTH, 0}};
    struct unit stranger = units[0];
    struct pipe pipe;
    uint64_t handle = 0, last;
    check((uint64_t)manage(&units[0], flags_of[DISABLE]), 0, "disable");
    check_disabled();
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        check((uint64_t)manage(&units[0], flags_of[stores[i].what]), 0, "manage-%zu", i);
        check(attach_and_end(&units[0], O_RDWR, 4), stores[i].attach, "attach-after-manage-%zu", i);
    }
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach"))
        return;
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "user-direct");
    check((uint64_t)manage(&units[0], flags_of[DISABLE]), EBUSY, "disable-in-use");
    check((uint64_t)verify(&units[0], &pipe, handle, &last), 0, "verify-in-use");
    /* The driver looks whether the unit of that name is in use, and disables the disk it is asked through. */
    memset(stranger.wwid, 0x5A, sizeof stranger.wwid);
    check((uint64_t)manage(&stranger, flags_of[DISABLE]), 0, "disable-by-another-name");
    check((uint64_t)verify(&units[0], &pipe, handle, &last), EINVAL, "verify-disabled");
    check((uint64_t)detach(&units[0], &pipe), EINVAL, "detach-disabled");
    check((uint64_t)manage(&units[0], flags_of[ENABLE]), 0, "enable-again");
    check((uint64_t)release(&units[0], &pipe, handle), 0, "release");
    /* A context without handles does not count as use. */
    check((uint64_t)manage(&units[0], flags_of[DISABLE]), 0, "disable-under-context");
    check((uint64_t)detach(&units[0], &pipe), EINVAL, "detach-under-disabled");
    check((uint64_t)manage(&units[0], flags_of[ENABLE]), 0, "enable-under-context");
    end_pipe(&units[0], &pipe);
}

/* What the permissions of an attach allow: O_RDONLY, O_WRONLY, O_RDWR, and a fourth value that is none of them. */
static void check_permissions(void)
{
    static const struct {
        const char *name;
        uint64_t flags, read, write;
    } rights[] = {{"rw", O_RDWR, GOOD, GOOD}, {"ro", O_RDONLY, GOOD, NO_RIGHT}, {"wo", O_WRONLY, NO_RIGHT, GOOD}, {"none", 3, NO_RIGHT, NO_RIGHT}};
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        for (int virtual = 0; virtual < 2; virtual++) {
            struct pipe pipe;
            uint64_t handle = 0, last;
            if (!check((uint64_t)attach(&units[0], &pipe, rights[i].flags, 4), 0, "attach-%s", rights[i].name) || !pipe_open(&pipe))
                return;
            int error = virtual ? open_virtual(&units[0], &pipe, 1, 0, &handle, &last) : open_direct(&units[0], &pipe, &handle);
            check((uint64_t)error, 0, "open-%s", rights[i].name);
            struct work work = {.write = true, .handle = handle, .block = units[0].block, .lba = 20, .count = 1, .seed = 5};
            check(AFU_CODE(pipe_run(&pipe, &work)), rights[i].write, "write-%s-%d", rights[i].name, virtual);
            work.write = false;
            check(AFU_CODE(pipe_run(&pipe, &work)), rights[i].read, "read-%s-%d", rights[i].name, virtual);
            end_pipe(&units[0], &pipe);
        }
    }
}

static void check_mappings(const struct pipe *pipe, const char *when, uint64_t whole, uint64_t part)
{
    static const struct {
        const char *name;
        size_t length;
        off_t offset;
    } maps[] = {{"whole", PAGE_BYTES, 0}, {"two-pages", 2 * PAGE_BYTES, 0}, {"second-page", PAGE_BYTES, PAGE_BYTES}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        void *page = mmap(NULL, maps[i].length, PROT_READ, MAP_SHARED, pipe->adapter, maps[i].offset);
        check(page == MAP_FAILED ? (uint64_t)errno : 0, i == 0 ? whole : part, "mmap-%s-%s", maps[i].name, when);
        if (page != MAP_FAILED)
            munmap(page, maps[i].length);
    }
}

static sigjmp_buf trap;

static void trapped(int signal_number)
{
    siglongjmp(trap, signal_number);
}

static uint64_t signal_of_load(const volatile uint8_t *at)
{
    const struct sigaction action = {.sa_handler = trapped, .sa_flags = SA_NODEFER};
    struct sigaction before;
    sigaction(SIGBUS, &action, &before);
    int number = sigsetjmp(trap, 1);
    if (number == 0)
        (void)*(const volatile uint64_t *)at;
    sigaction(SIGBUS, &before, NULL);
    return (uint64_t)number;
}

/* What is left after DETACH: the descriptor, and nothing behind it. */
static void check_after_detach(void)
{
    struct pipe pipe;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach-to-detach"))
        return;
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, pipe.adapter, 0);
    check(page != MAP_FAILED, 1, "mmap-to-detach");
    check_mappings(&pipe, "attached", 0, EINVAL);
    check((uint64_t)detach(&units[0], &pipe), 0, "detach-first");
    check_mappings(&pipe, "detached", EIO, EIO);
    check(signal_of_load(page), SIGBUS, "load-after-detach");
    munmap(page, PAGE_BYTES);
    check(close(pipe.adapter) == 0, 1, "close-detached");
    /* A close ends a context without DETACH too. */
    check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach-to-close");
    check(close(pipe.adapter) == 0, 1, "close-attached");
    check((uint64_t)detach(&units[0], &pipe), EINVAL, "detach-closed");
}

static void check_reuse(void)
{
    struct pipe pipe;
    uint64_t handles[2] = {0};
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach-to-share") || !pipe_open(&pipe))
        return;
    check((uint64_t)attach_also(&units[0], &pipe), EINVAL, "reuse-same-disk");
    struct dk_cxlflash_attach attach = {.hdr.flags = DK_CXLFLASH_ATTACH_REUSE_CONTEXT, .num_interrupts = 5, .context_id = pipe.context};
    check((uint64_t)call(&units[1], DK_CXLFLASH_ATTACH, &attach), EINVAL, "reuse-five-interrupts");
    check((uint64_t)manage(&units[1], flags_of[DISABLE]), 0, "disable-second");
    check((uint64_t)attach_also(&units[1], &pipe), EINVAL, "reuse-disabled-disk");
    check((uint64_t)manage(&units[1], flags_of[ENABLE]), 0, "enable-second");
    check((uint64_t)open_direct(&units[1], &pipe, &handles[1]), EINVAL, "direct-before-reuse");
    check((uint64_t)attach_also(&units[1], &pipe), 0, "reuse");
    check((uint64_t)attach_also(&units[1], &pipe), EINVAL, "reuse-twice");
    for (unsigned i = 0; i < 2; i++) {
        check((uint64_t)open_direct(&units[i], &pipe, &handles[i]), 0, "direct-shared-%u", i);
        struct work work = {.write = true, .handle = handles[i], .block = units[i].block, .lba = 64, .count = 8, .seed = 21 + i, .depth = 4};
        check(pipe_run(&pipe, &work), GOOD, "write-shared-%u", i);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct work work = {.handle = handles[i], .block = units[i].block, .lba = 64, .count = 8, .seed = 21 + i, .depth = 4};
        check(pipe_run(&pipe, &work), GOOD, "read-shared-%u", i);
        check((uint64_t)block_run(&units[i], &work), 0, "block-read-shared-%u", i);
    }
    /* The first disk goes, the context stays with the second. */
    check((uint64_t)detach(&units[0], &pipe), 0, "detach-shared");
    struct work work = {.handle = handles[1], .block = units[1].block, .lba = 64, .count = 8, .seed = 22};
    check(pipe_run(&pipe, &work), GOOD, "read-second-alone");
    end_pipe(&units[1], &pipe);
}

/* A result that cannot be stored: the work is done all the same, and the caller is not told what of. */
static void check_read_only_memory(void)
{
    union cxlflash_ioctls *argument = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pipe pipe;
    uint64_t handle = 0;
    int next = dup(units[0].fd); /* the lowest free descriptor: the one that ATTACH will take */
    close(next);
    argument->attach = (struct dk_cxlflash_attach){.hdr.flags = O_RDWR, .num_interrupts = 4};
    mprotect(argument, PAGE_SIZE, PROT_READ);
    check((uint64_t)call(&units[0], DK_CXLFLASH_ATTACH, argument), EFAULT, "attach-to-read-only-memory");
    check(argument->attach.context_id, 0, "attach-told-nothing");
    check(close(next) == 0, 1, "attach-left-a-descriptor");
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach"))
        return;
    mprotect(argument, PAGE_SIZE, PROT_READ | PROT_WRITE);
    argument->udirect = (struct dk_cxlflash_udirect){.context_id = pipe.context};
    mprotect(argument, PAGE_SIZE, PROT_READ);
    check((uint64_t)call(&units[0], DK_CXLFLASH_USER_DIRECT, argument), EFAULT, "direct-to-read-only-memory");
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "direct");
    check(handle, 1, "the-lost-handle-is-open");
    check((uint64_t)release(&units[0], &pipe, 0), 0, "release-the-lost-handle");
    end_pipe(&units[0], &pipe);
    munmap(argument, PAGE_SIZE);
}

/* The generic device takes the same calls. */
static void check_generic_device(void)
{
    char folder[64], path[32] = "";
    snprintf(folder, sizeof folder, "/sys/class/block/%s/device/scsi_generic", strrchr(units[0].path, '/') + 1);
    DIR *dir = opendir(folder);
    if (!dir)
        return; /* the guest has no sg module */
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strncmp(entry->d_name, "sg", 2) == 0)
            snprintf(path, sizeof path, "/dev/%.16s", entry->d_name);
    closedir(dir);
    struct unit generic = units[0];
    struct pipe pipe;
    uint64_t handle = 0;
    generic.fd = open(path, O_RDWR | O_CLOEXEC);
    check(generic.fd >= 0, 1, "generic-device");
    check((uint64_t)manage(&generic, flags_of[ENABLE]), 0, "generic-enable");
    if (!check((uint64_t)attach(&generic, &pipe, O_RDWR, 4), 0, "generic-attach"))
        return;
    check((uint64_t)open_direct(&generic, &pipe, &handle), 0, "generic-direct");
    check((uint64_t)release(&units[0], &pipe, handle), 0, "release-by-the-disk");
    end_pipe(&generic, &pipe);
    close(generic.fd);
}

void part_attach(void)
{
    /* The AFU descriptor asks for three interrupts at least, the driver takes four at most. */
    static const struct {
        uint64_t interrupts, want;
    } interrupts[] = {{0, EINVAL}, {1, EINVAL}, {2, EINVAL}, {3, 0}, {4, 0}, {5, EINVAL}, {1ull << 32 | 4, EINVAL}, {UINT64_MAX, EINVAL}};
    struct rlimit limit, none;
    for (size_t i = 0; i < sizeof interrupts / sizeof *interrupts; i++)
        check(attach_and_end(&units[0], O_RDWR, interrupts[i].interrupts), interrupts[i].want, "attach-interrupts-%llx",
              (unsigned long long)interrupts[i].interrupts);
    check_permissions();
    check_after_detach();
    check_reuse();
    check_read_only_memory();
    check_generic_device();
    /* No descriptor is free. */
    getrlimit(RLIMIT_NOFILE, &limit);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    check(attach_and_end(&units[0], O_RDWR, 4), ENODEV, "attach-without-descriptors");
    setrlimit(RLIMIT_NOFILE, &limit);
    check(attach_and_end(&units[0], O_RDWR, 4), 0, "attach-afterwards");
}

/* How VERIFY ends: the value of ioctl(2), or an errno as a negative number. */
#define VERIFIED 0
/* The driver's own slip: the truth value of scsi_normalize_sense() is what the call returns, and last_lba is not stored
 * (docs/findings/cxlflash-verify-returns-one.md). */
#define RETURNS_ONE 1

/* Sense data as a program would hand it on; what the driver makes of it. */
void part_verify(void)
{
    static const struct {
        const char *name;
        uint8_t response, key, asc, ascq;
        int want;
    } senses[] = {
        {"no-sense", 0x70, 0x0, 0x00, 0x00, RETURNS_ONE},
        {"recovered", 0x70, 0x1, 0x17, 0x01, RETURNS_ONE},
        {"not-ready", 0x70, 0x2, 0x04, 0x01, RETURNS_ONE},
        {"medium-error", 0x70, 0x3, 0x11, 0x00, -EIO},
        {"hardware-error", 0x70, 0x4, 0x44, 0x00, -EIO},
        {"illegal-request", 0x70, 0x5, 0x24, 0x00, -EIO},
        {"reset", 0x70, 0x6, 0x29, 0x00, VERIFIED},
        {"capacity", 0x70, 0x6, 0x2A, 0x09, VERIFIED},
        {"luns", 0x70, 0x6, 0x3F, 0x0E, RETURNS_ONE},
        {"medium-changed", 0x70, 0x6, 0x28, 0x00, -EIO},
        {"aborted", 0x70, 0xB, 0x47, 0x00, -EIO},
        {"deferred", 0x71, 0x6, 0x29, 0x00, VERIFIED},
        {"descriptor-reset", 0x72, 0x6, 0x29, 0x00, VERIFIED},
        {"descriptor-medium", 0x73, 0x3, 0x11, 0x00, -EIO},
        {"none", 0x00, 0x0, 0x00, 0x00, -EINVAL},
        {"odd", 0x6f, 0x6, 0x29, 0x00, -EINVAL},
    };
    struct pipe pipe;
    uint64_t handle = 0;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach"))
        return;
    check((uint64_t)open_direct(&units[0], &pipe, &handle), 0, "user-direct");
    for (size_t i = 0; i < sizeof senses / sizeof *senses; i++) {
        for (int hint = 0; hint < 2; hint++) {
            struct dk_cxlflash_verify verify = {.context_id = pipe.context, .rsrc_handle = handle};
            bool descriptor = senses[i].response >= 0x72;
            verify.hint = hint ? DK_CXLFLASH_VERIFY_HINT_SENSE : 1; /* of the hints the driver knows one */
            verify.sense_data[0] = senses[i].response;
            verify.sense_data[descriptor ? 1 : 2] = senses[i].key;
            verify.sense_data[descriptor ? 2 : 12] = senses[i].asc;
            verify.sense_data[descriptor ? 3 : 13] = senses[i].ascq;
            verify.sense_data[7] = descriptor ? 0 : 10;
            int want = hint ? senses[i].want : VERIFIED, got = ioctl(units[0].fd, DK_CXLFLASH_VERIFY, &verify);
            check((uint64_t)(got < 0 ? -errno : got), (uint64_t)want, "verify-%s-%d", senses[i].name, hint);
            check(verify.last_lba, want == VERIFIED ? units[0].blocks - 1 : 0, "verify-%s-%d-last-lba", senses[i].name, hint);
        }
    }
    end_pipe(&units[0], &pipe);
}

/* Nothing to recover from: the call says so by telling nothing new. (A real recovery: the scenarios `recover-afu` and `recover-gt`.) */
void part_recover(void)
{
    struct pipe pipe;
    if (!check((uint64_t)attach(&units[0], &pipe, O_RDWR, 4), 0, "attach"))
        return;
    for (uint64_t reason = 0; reason < 3; reason++) {
        struct dk_cxlflash_recover_afu recover = {.context_id = pipe.context, .reason = reason, .adap_fd = 77, .mmio_size = 78};
        check((uint64_t)call(&units[0], DK_CXLFLASH_RECOVER_AFU, &recover), 0, "recover-%u", (unsigned)reason);
        check(recover.hdr.return_flags, 0, "recover-flags");
        check(recover.context_id, pipe.context, "recover-context");
        check(recover.adap_fd, 77, "recover-descriptor");
        check(recover.mmio_size, 78, "recover-mmio-size");
    }
    end_pipe(&units[0], &pipe);
}
