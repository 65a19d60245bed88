/* The attributes in sysfs: read each, store what is valid and what is not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cardcheck.h"
#include "disk.h"

#define LUN_TABLE 512 /* CXLFLASH_NUM_VLUNS */

/* A store that must end with this error, and what the attribute says then (NULL: as before). */
struct store {
    const char *name, *text;
    int error;
    const char *then;
};

static void expect_text(const char *name, const char *want)
{
    char text[256] = "";
    check((uint64_t)host_read(name, text, sizeof text), 0, "read-%s", name);
    if (strcmp(text, want) != 0)
        check(1, 0, "%s-says-%s", name, text);
}

static void run_stores(const struct store *stores, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct store *s = &stores[i];
        check((uint64_t)host_write(s->name, s->text), (uint64_t)s->error, "store-%s-%s", s->name, s->text);
        if (s->then)
            expect_text(s->name, s->then);
    }
}

/* Ports the card has not got give an error, those it has are online. */
static void check_ports(void)
{
    static char table[LUN_TABLE * 24];
    char name[32], text[64];
    for (unsigned port = 0; port < PORTS; port++) {
        int missing = port < card.ports ? 0 : EINVAL;
        snprintf(name, sizeof name, "port%u", port);
        check((uint64_t)host_read(name, text, sizeof text), (uint64_t)missing, "read-%s", name);
        if (!missing)
            expect_text(name, "online");
        snprintf(name, sizeof name, "port%u_lun_table", port);
        check((uint64_t)host_read(name, table, sizeof table), (uint64_t)missing, "read-%s", name);
        if (missing)
            continue;
        unsigned lines = 0, used = 0;
        for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
            unsigned index;
            unsigned long long lun;
            check(sscanf(line, "%u: %llx", &index, &lun) == 2 && index == lines, 1, "%s-line-%u", name, lines);
            lines++;
            used += lun != 0;
        }
        check(lines, LUN_TABLE, "%s-lines", name);
        check(used, 0, "%s-used", name);
    }
}

void check_attributes(void)
{
    static const struct store stores[] = {
        {"irqpoll_weight", "64", 0, "64"},       {"irqpoll_weight", "64", EINVAL, "64"}, {"irqpoll_weight", "257", EINVAL, "64"},
        {"irqpoll_weight", "-1", EINVAL, "64"},  {"irqpoll_weight", "x", EINVAL, "64"},  {"hwq_mode", "tag", 0, "tag"},
        {"hwq_mode", "cpu", 0, "cpu"},           {"hwq_mode", "ring", EINVAL, "cpu"},
        {"num_hwqs", "many", EINVAL, "1"},       {"ioctl_version", "1", EACCES, NULL},   {"port0", "offline", EACCES, "online"},
        {"lun_mode", "5", 0, "0"},               {"lun_mode", "x", 0, "0"},              {"lun_mode", "-1", 0, "0"},
    };
    char name[16], path[64], mode[32];
    check_ports();
    expect_text("ioctl_version", "disk: 0\nhost: 0");
    expect_text("lun_mode", "0");
    expect_text("irqpoll_weight", "0");
    expect_text("num_hwqs", "1");
    expect_text("hwq_mode", "rr");
    check(disk_at(0, 0, true, name), 1, "disk");
    snprintf(path, sizeof path, "/sys/block/%s/device/mode", name);
    check(read_text(path, mode, sizeof mode) > 0 && strcmp(mode, "legacy") == 0, 1, "mode");
    run_stores(stores, sizeof stores / sizeof *stores);
    check(disk_works(name, 1), 1, "works-with-irqpoll");
    check((uint64_t)host_write("irqpoll_weight", "0"), 0, "irqpoll-off");
    check((uint64_t)host_write("hwq_mode", "rr"), 0, "hwq-mode-rr");
    check(disk_works(name, 2), 1, "works-without-irqpoll");
}

/* Every store resets the AFU; afterwards the disks must work through the queues there are then. */
void check_queues(void)
{
    static const char *const modes[] = {"rr", "tag", "cpu"};
    char cpus[8], half[8], name[16];
    snprintf(cpus, sizeof cpus, "%u", (unsigned)card.cpus);
    snprintf(half, sizeof half, "%u", (unsigned)card.cpus / 2);
    const struct store stores[] = {{"num_hwqs", "2", 0, "2"}, {"num_hwqs", "9", 0, "8"},  {"num_hwqs", "0", 0, cpus},
                                   {"num_hwqs", "-2", 0, half}, {"num_hwqs", "8", 0, "8"}, {"num_hwqs", "1", 0, "1"}};
    check(disk_at(0, 0, true, name), 1, "disk");
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        run_stores(&stores[i], 1);
        for (unsigned m = 0; m < 3; m++) {
            check((uint64_t)host_write("hwq_mode", modes[m]), 0, "hwq-mode");
            check(disk_works(name, 16 * i + m), 1, "works-with-%s-queues-%s", stores[i].text, modes[m]);
        }
    }
    check((uint64_t)host_write("hwq_mode", "rr"), 0, "hwq-mode-rr");
}

/* Internal units instead of those behind the ports, and back. Sizes are those of the driver's documentation, in sectors. */
void check_lun_modes(void)
{
    static const struct {
        const char *mode;
        uint64_t sectors;
    } modes[] = {{"1", 65536}, {"2", 524288}, {"3", 32768}, {"4", 262144}};
    char name[16];
    check(disk_at(0, 0, true, name), 1, "disk");
    uint64_t outside = disk_sectors(name, false);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        check((uint64_t)host_write("lun_mode", modes[i].mode), 0, "lun-mode-%s", modes[i].mode);
        expect_text("lun_mode", modes[i].mode);
        /* The kernel keeps a disk's logical block size until it is found anew. */
        check(disk_forget(name), 1, "forget");
        check((uint64_t)host_write("scan", "- - -"), 0, "scan");
        check(disk_at(0, 0, true, name), 1, "disk-of-mode-%s", modes[i].mode);
        check(disk_sectors(name, true), modes[i].sectors, "sectors-of-mode-%s", modes[i].mode);
        check(disk_works(name, 100 + i), 1, "works-in-mode-%s", modes[i].mode);
    }
    check((uint64_t)host_write("lun_mode", "0"), 0, "lun-mode-0");
    check(disk_forget(name), 1, "forget");
    check((uint64_t)host_write("scan", "- - -"), 0, "scan");
    check(disk_at(0, 0, true, name), 1, "disk-outside");
    check(disk_sectors(name, true), outside, "sectors-outside");
    check(disk_works(name, 200), 1, "works-outside");
}
