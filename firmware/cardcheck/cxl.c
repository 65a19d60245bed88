/* What cxl itself offers for the card and its AFU: attributes in sysfs, the configuration record, the error buffer. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cardcheck.h"
#include "disk.h"

#define ERROR_BUFFER 4096
#define RECORD 256
#define VENDOR_IBM 0x1014

/* An attribute of the card (`afu` 0) or of its AFU, and what it must say. */
struct attribute {
    bool afu;
    const char *name, *text;
};

/* A store that must end with this error. */
struct store {
    bool afu;
    const char *name, *text;
    int error;
    const char *then;
};

static void cxl_path(char *path, size_t room, bool afu, const char *name)
{
    unsigned n = (unsigned)card.index;
    if (afu)
        snprintf(path, room, "/sys/class/cxl/afu%u.0/%s", n, name);
    else
        snprintf(path, room, "/sys/class/cxl/card%u/%s", n, name);
}

static void expect(bool afu, const char *name, const char *want)
{
    char path[128], text[128] = "";
    cxl_path(path, sizeof path, afu, name);
    check(read_text(path, text, sizeof text) < 0 ? (uint64_t)errno : 0, 0, "read-%s", name);
    if (strcmp(text, want) != 0) {
        for (char *c = text; *c; c++)
            if (*c == ' ' || *c == '\n')
                *c = '_';
        check(1, 0, "%s-says-%s", name, text);
    }
}

static int put(bool afu, const char *name, const char *text)
{
    char path[128];
    cxl_path(path, sizeof path, afu, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

static void check_cxl_attributes(void)
{
    static const struct attribute attributes[] = {
        {false, "caia_version", "2.0"},           {false, "psl_revision", "4097"},
        {false, "base_image", "1"},               {false, "image_loaded", "user"},
        {false, "psl_timebase_synced", "1"},      {false, "tunneled_ops_supported", "1"},
        {false, "load_image_on_perst", "user"},   {false, "perst_reloads_same_image", "1"},
        {true, "mmio_size", "65536"},             {true, "irqs_min", "3"},
        {true, "modes_supported", "afu_directed"}, {true, "mode", "afu_directed"},
        {true, "prefault_mode", "none"},          {true, "api_version", "3"},
        {true, "api_version_compatible", "1"},
    };
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        expect(attributes[i].afu, attributes[i].name, attributes[i].text);
}

/* cxlflash holds contexts of the AFU, and says that PERST loads the same image: neither can be reset from here. */
static void check_cxl_stores(void)
{
    char irqs[32] = "", path[128];
    cxl_path(path, sizeof path, true, "irqs_max");
    check(read_text(path, irqs, sizeof irqs) > 0, 1, "read-irqs_max");
    const struct store stores[] = {
        {false, "load_image_on_perst", "none", 0, "none"},       {false, "load_image_on_perst", "factory", 0, "factory"},
        {false, "load_image_on_perst", "other", EINVAL, "factory"}, {false, "load_image_on_perst", "user", 0, "user"},
        {false, "perst_reloads_same_image", "2", EINVAL, "1"},   {false, "perst_reloads_same_image", "x", EINVAL, "1"},
        {false, "perst_reloads_same_image", "0", 0, "0"},        {false, "perst_reloads_same_image", "1", 0, "1"},
        {false, "reset", "0", EINVAL, NULL},                     {false, "reset", "x", EINVAL, NULL},
        {false, "reset", "1", EBUSY, NULL},                      {false, "reset", "-1", EINVAL, NULL},
        {true, "reset", "1", EBUSY, NULL},                       {true, "mode", "none", EBUSY, "afu_directed"},
        {true, "prefault_mode", "all", EINVAL, "none"},          {true, "prefault_mode", "none", 0, "none"},
        {true, "irqs_max", "2", EINVAL, irqs},                   {true, "irqs_max", "100000", EINVAL, irqs},
        {true, "irqs_max", "3", 0, "3"},                         {true, "irqs_max", irqs, 0, irqs},
    };
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        const struct store *s = &stores[i];
        check((uint64_t)put(s->afu, s->name, s->text), (uint64_t)s->error, "store-%s-%s", s->name, s->text);
        if (s->then)
            expect(s->afu, s->name, s->then);
    }
}

/* The record is a header of configuration space, in little-endian order. */
static void check_record(void)
{
    unsigned char record[RECORD + 1];
    char path[128], text[32] = "";
    cxl_path(path, sizeof path, true, "cr0/vendor");
    check(read_text(path, text, sizeof text) > 0 && strcmp(text, "0x1014") == 0, 1, "record-vendor");
    cxl_path(path, sizeof path, true, "cr0/config");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    check(fd < 0 ? (uint64_t)errno : 0, 0, "open-record");
    if (fd < 0)
        return;
    check((uint64_t)pread(fd, record, sizeof record, 0), RECORD, "record-length");
    check((uint64_t)(record[0] | record[1] << 8), VENDOR_IBM, "record-in-config");
    check((uint64_t)pread(fd, text, 3, 1), 3, "record-unaligned");
    check(memcmp(text, record + 1, 3), 0, "record-unaligned-bytes");
    check((uint64_t)pread(fd, text, 1, RECORD), 0, "behind-the-record");
    close(fd);
}

/* The buffer is read in aligned words whatever is asked for; its first word is the AFU's error register. */
static void check_error_buffer(void)
{
    static unsigned char buffer[ERROR_BUFFER + 8];
    unsigned char part[16] = {0};
    uint64_t first, rest = 0;
    char path[128];
    cxl_path(path, sizeof path, true, "afu_err_buff");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    check(fd < 0 ? (uint64_t)errno : 0, 0, "open-error-buffer");
    if (fd < 0)
        return;
    check((uint64_t)pread(fd, buffer, sizeof buffer, 0), ERROR_BUFFER, "error-buffer-length");
    memcpy(&first, buffer, sizeof first);
    check(be64toh(first), card.error, "error-buffer-says");
    for (unsigned i = 8; i < ERROR_BUFFER; i++)
        rest += buffer[i];
    check(rest, 0, "error-buffer-rest");
    check((uint64_t)pread(fd, part, 5, 5), 5, "error-buffer-unaligned");
    check(memcmp(part, buffer + 5, 5), 0, "error-buffer-unaligned-bytes");
    check((uint64_t)pread(fd, part, 16, ERROR_BUFFER - 3), 3, "error-buffer-end");
    check((uint64_t)pread(fd, part, 1, ERROR_BUFFER), 0, "behind-the-error-buffer");
    close(fd);
}

void check_cxl(void)
{
    check_cxl_attributes();
    check_cxl_stores();
    check_record();
    check_error_buffer();
}
