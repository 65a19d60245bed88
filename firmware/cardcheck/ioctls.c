/* The calls of /dev/cxlflash/cxlflashN: LUN provisioning and AFU debug, valid and not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <scsi/cxlflash_ioctl.h>

#include "cardcheck.h"
#include "disk.h"
#include "pattern.h"

#define NO_SUPPORT 524 /* ENOTSUPP, which the kernel lets out */
#define NEW_BLOCKS 65536
#define BUFFER HT_CXLFLASH_AFU_DEBUG_MAX_DATA_LEN

static int node = -1;

static int call(unsigned long request, void *argument)
{
    return ioctl(node, request, argument) < 0 ? errno : 0;
}

static int provision(struct ht_cxlflash_lun_provision *p, unsigned subcommand, unsigned port)
{
    p->hdr = (struct ht_cxlflash_hdr){.subcmd = (uint16_t)subcommand};
    p->port = (uint16_t)port;
    return call(HT_CXLFLASH_LUN_PROVISION, p);
}

/* What the header must not say is refused before the card is asked. */
static void check_headers(void)
{
    struct ht_cxlflash_lun_provision p = {.hdr.subcmd = HT_CXLFLASH_LUN_PROVISION_SUBCMD_QUERY_PORT};
    p.hdr.version = 1;
    check((uint64_t)call(HT_CXLFLASH_LUN_PROVISION, &p), EINVAL, "version");
    p.hdr = (struct ht_cxlflash_hdr){.subcmd = 3, .rsvd = {0, 1}};
    check((uint64_t)call(HT_CXLFLASH_LUN_PROVISION, &p), EINVAL, "reserved");
    p.hdr = (struct ht_cxlflash_hdr){.subcmd = 3, .return_flags = 1};
    check((uint64_t)call(HT_CXLFLASH_LUN_PROVISION, &p), EINVAL, "return-flags");
    check((uint64_t)call(HT_CXLFLASH_LUN_PROVISION, NULL), EFAULT, "no-argument");
    check((uint64_t)call(HT_CXLFLASH_AFU_DEBUG + 1, &p), EINVAL, "unknown-call");
}

static void expect_port(unsigned port, const struct ht_cxlflash_lun_provision *before, unsigned more_units, uint64_t more_blocks)
{
    struct ht_cxlflash_lun_provision now = {0};
    check((uint64_t)provision(&now, HT_CXLFLASH_LUN_PROVISION_SUBCMD_QUERY_PORT, port), 0, "query-port-%u", port);
    check(now.cur_num_luns, before->cur_num_luns + more_units, "units-of-port-%u", port);
    check(now.cur_cap_port, before->cur_cap_port + more_blocks, "blocks-of-port-%u", port);
    check(now.max_num_luns, before->max_num_luns, "most-units-of-port-%u", port);
    check(now.max_cap_port, before->max_cap_port, "most-blocks-of-port-%u", port);
}

static bool has_wwid(const char *name, const uint8_t *wwid)
{
    uint8_t page[512];
    char path[64];
    snprintf(path, sizeof path, "/sys/block/%s/device/vpd_pg83", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, page, sizeof page);
    close(fd);
    for (ssize_t at = 0; at + 16 <= length; at++)
        if (memcmp(page + at, wwid, 16) == 0)
            return true;
    return false;
}

/* A new unit is found by a scan, is as large as was asked and has the name that the call gave. */
static void use_new_unit(unsigned port, const struct ht_cxlflash_lun_provision *made)
{
    char name[16];
    unsigned lun = (unsigned)(made->lun_id >> 48);
    check(made->wwid[0] >> 4, 6, "naa");
    check((uint64_t)host_write("scan", "- - -"), 0, "scan");
    check(disk_at(port, lun, true, name), 1, "new-disk-on-port-%u", port);
    check(disk_sectors(name, false), NEW_BLOCKS * 8ull, "new-size");
    check(has_wwid(name, made->wwid), 1, "new-wwid");
    check(disk_works(name, 300 + port), 1, "new-works");
    check(disk_forget(name), 1, "new-forget");
    check(disk_at(port, lun, false, name), 1, "new-gone");
}

static void check_provision(void)
{
    enum { CREATE = HT_CXLFLASH_LUN_PROVISION_SUBCMD_CREATE_LUN, DELETE = HT_CXLFLASH_LUN_PROVISION_SUBCMD_DELETE_LUN,
           QUERY = HT_CXLFLASH_LUN_PROVISION_SUBCMD_QUERY_PORT };
    struct ht_cxlflash_lun_provision p = {0}, before[PORTS] = {0};
    for (unsigned port = 0; port < card.ports; port++) {
        check((uint64_t)provision(&before[port], QUERY, port), 0, "query-%u", port);
        check(before[port].cur_num_luns <= card.units && before[port].max_num_luns > card.units, 1, "units-%u", port);
        check(before[port].max_cap_port >= before[port].cur_cap_port + NEW_BLOCKS, 1, "space-%u", port);
    }
    check((uint64_t)provision(&p, QUERY, (unsigned)card.ports), EINVAL, "query-no-port");
    check((uint64_t)provision(&p, 9, 0), EINVAL, "no-subcommand");
    check((uint64_t)provision(&p, CREATE, 0), EIO, "create-of-nothing");
    p.size = before[0].max_cap_port - before[0].cur_cap_port + 1;
    check((uint64_t)provision(&p, CREATE, 0), EIO, "create-too-large");
    p.size = UINT64_MAX;
    check((uint64_t)provision(&p, CREATE, 0), EIO, "create-far-too-large");
    p.lun_id = 0x00ff000000000000;
    check((uint64_t)provision(&p, DELETE, 0), EIO, "delete-no-unit");
    expect_port(0, &before[0], 0, 0);
    for (unsigned port = 0; port < card.ports; port++) {
        struct ht_cxlflash_lun_provision made = {.size = NEW_BLOCKS};
        check((uint64_t)provision(&made, CREATE, port), 0, "create-%u", port);
        expect_port(port, &before[port], 1, NEW_BLOCKS);
        expect_port((port + 1) % (unsigned)card.ports, &before[(port + 1) % card.ports], 0, 0);
        use_new_unit(port, &made);
        check((uint64_t)provision(&made, DELETE, port), 0, "delete-%u", port);
        check((uint64_t)provision(&made, DELETE, port), EIO, "delete-twice-%u", port);
        expect_port(port, &before[port], 0, 0);
    }
    /* As many units as a port takes, then one more. */
    uint64_t made[64];
    unsigned count = 0;
    while (count < 64 && (p.size = 1, provision(&p, CREATE, 1)) == 0)
        made[count++] = p.lun_id;
    check(count, before[1].max_num_luns - before[1].cur_num_luns, "as-many-as-fit");
    while (count--) {
        p.lun_id = made[count];
        check((uint64_t)provision(&p, DELETE, 1), 0, "delete-all");
    }
    expect_port(1, &before[1], 0, 0);
}

/* The bytes of `subcommand` from the left: its number and three of detail. */
static int debug_with(uint32_t subcommand, unsigned offset, void *data, unsigned length, uint64_t flags)
{
    struct ht_cxlflash_afu_debug d = {.hdr.flags = flags, .data_ea = (uintptr_t)data, .data_len = length};
    for (int i = 0; i < 4; i++)
        d.afu_subcmd[i] = (uint8_t)(subcommand >> (24 - 8 * i));
    for (int i = 0; i < 4; i++)
        d.afu_subcmd[4 + i] = (uint8_t)(offset >> (24 - 8 * i));
    return call(HT_CXLFLASH_AFU_DEBUG, &d);
}

static int debug(unsigned subcommand, unsigned offset, void *data, unsigned length, uint64_t flags)
{
    return debug_with(subcommand << 24, offset, data, length, flags);
}

/* Temperature and wear of a unit are set, seen, and put back. */
static void check_environment(uint64_t *data)
{
    enum { ENVIRONMENT = 3, HEALTH = 2, BOTH = 3 };
    uint32_t before = (uint32_t)__builtin_bswap64(data[0]);
    static const struct {
        uint8_t degrees, used;
    } set[] = {{85, 90}, {5, 1}};
    for (unsigned i = 0; i < sizeof set / sizeof *set; i++) {
        uint32_t subcommand = ENVIRONMENT << 24 | (uint32_t)set[i].degrees << 16 | (uint32_t)set[i].used << 8 | BOTH;
        check((uint64_t)debug_with(subcommand, 0, NULL, 0, 0), 0, "debug-environment-%u", i);
        check((uint64_t)debug(HEALTH, 0, data, 4096, 0), 0, "debug-health-%u", i);
        check((uint32_t)__builtin_bswap64(data[0]), (uint32_t)set[i].degrees << 16 | set[i].used, "debug-environment-is-%u", i);
    }
    check((uint64_t)debug_with(ENVIRONMENT << 24 | BOTH, 1000, NULL, 0, 0), EIO, "debug-environment-of-no-unit");
    uint32_t back = ENVIRONMENT << 24 | (before >> 16 & 0xff) << 16 | (before & 0xff) << 8 | BOTH;
    check((uint64_t)debug_with(back, 0, NULL, 0, 0), 0, "debug-environment-back");
}

/* The subcommands are those of the simulated card (crates/capi/src/afu/debug.rs). */
static void check_debug(void)
{
    enum { NOTHING = 0, IDENTIFY = 1, HEALTH = 2, MEMORY = 16 };
    uint64_t *data = malloc(BUFFER);
    uint64_t identity[8] = {0};
    check((uint64_t)debug(NOTHING, 0, NULL, 0, 0), 0, "debug-nothing");
    check((uint64_t)debug(IDENTIFY, 0, identity, sizeof identity, 0), 0, "debug-identify");
    check(__builtin_bswap64(identity[2]), card.ports, "debug-ports");
    check(identity[4], 0, "debug-beyond-the-reply");
    check((uint64_t)debug(HEALTH, 0, data, 4096, 0), 0, "debug-health");
    uint64_t degrees = __builtin_bswap64(data[0]) >> 16 & 0xffff;
    check(degrees > 0 && degrees < 100, 1, "debug-degrees");
    check_environment(data);
    for (unsigned i = 0; i < BUFFER / 8; i++)
        data[i] = mix64(i);
    check((uint64_t)debug(MEMORY, 0, data, BUFFER, HT_CXLFLASH_HOST_WRITE), 0, "debug-write");
    memset(data, 0, BUFFER);
    check((uint64_t)debug(MEMORY, 0, data, BUFFER, 0), 0, "debug-read");
    unsigned wrong = 0;
    for (unsigned i = 0; i < BUFFER / 8; i++)
        wrong += data[i] != mix64(i);
    check(wrong, 0, "debug-compare");
    check((uint64_t)debug(MEMORY, 4096, data, 8, 0), 0, "debug-read-at");
    check(data[0], mix64(512), "debug-compare-at");
    check((uint64_t)debug(MEMORY, 8, data, BUFFER, 0), EIO, "debug-beyond-the-buffer");
    check((uint64_t)debug(99, 0, NULL, 0, 0), EIO, "debug-unknown");
    check((uint64_t)debug(IDENTIFY, 0, data, 32, HT_CXLFLASH_HOST_WRITE), EIO, "debug-wrong-direction");
    check((uint64_t)debug(MEMORY, 0, data, BUFFER + 1, 0), EINVAL, "debug-too-long");
    check((uint64_t)debug(MEMORY, 0, NULL, 8, 0), EFAULT, "debug-bad-buffer");
    free(data);
}

void check_ioctls(void)
{
    struct ht_cxlflash_lun_provision p = {0};
    char path[64];
    snprintf(path, sizeof path, "/dev/cxlflash/cxlflash%u", (unsigned)card.index);
    node = open(path, O_RDWR | O_CLOEXEC);
    check(node < 0 ? (uint64_t)errno : 0, 0, "open");
    if (node < 0)
        return;
    check_headers();
    if (card.provision)
        check_provision();
    else
        check((uint64_t)provision(&p, HT_CXLFLASH_LUN_PROVISION_SUBCMD_QUERY_PORT, 0), NO_SUPPORT, "no-provision");
    if (card.debug)
        check_debug();
    else
        check((uint64_t)debug(0, 0, NULL, 0, 0), NO_SUPPORT, "no-debug");
    close(node);
    node = -1;
}
