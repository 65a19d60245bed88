/*
 * What a user context sees of a SISLite AFU: the registers of its 64 KiB page and the command blocks in its memory.
 * Registers are big-endian always; blocks and rings are in the context's byte order (endian_ctrl), CDBs big-endian.
 */
#ifndef SISLITE_H
#define SISLITE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 0x10000

enum reg {
    ENDIAN_CTRL = 0x00,
    INTR_STATUS = 0x08,
    INTR_CLEAR = 0x10,
    INTR_MASK = 0x18,
    IOARRIN = 0x20,
    RRQ_START = 0x28,
    RRQ_END = 0x30, /* the last slot; written after RRQ_START, it arms the ring */
    CMD_ROOM = 0x38,
    CTX_CTRL = 0x40, /* low byte: the interrupt for synchronous errors */
    SQ_START = 0x50,
    SQ_END = 0x58,
    SQ_TAIL = 0x68,
};

#define ENDIAN_BIG 0x8000000000000080u /* the same in either byte order */
#define ERRORS_UNMASKED (~(uint64_t)0x7FF)
#define IRQ_ERROR 1
#define IRQ_RRQ 2

#define REQ_RES_HNDL 0x8000
#define REQ_HOST_WRITE 0x0001

struct ioarcb {
    uint16_t ctx_id;
    uint16_t req_flags;
    uint32_t res_hndl;
    uint64_t lun_id;
    uint32_t data_len;
    uint32_t ioadl_len;
    uint64_t data_ea;
    uint8_t msi;
    uint8_t rrq;
    uint16_t timeout;
    uint32_t reserved;
    uint8_t cdb[16];
    uint64_t ioasa_ea; /* SQ mode only */
};

#define IOASA_SENSE_VALID 0x80
struct ioasa {
    uint8_t flags, afu_rc, scsi_rc, fc_rc;
    uint32_t resid;
    uint8_t port, afu_extra, scsi_extra, fc_extra;
    uint8_t sense[20];
    uint8_t host_use[32];
};

/* Without SQ mode the AFU writes the IOASA right behind the IOARCB. */
struct command_block {
    struct ioarcb ioarcb;
    struct ioasa ioasa;
} __attribute__((aligned(128)));

static_assert(sizeof(struct ioarcb) == 64 && offsetof(struct ioarcb, data_ea) == 0x18, "IOARCB");
static_assert(offsetof(struct ioarcb, timeout) == 0x22 && offsetof(struct ioarcb, cdb) == 0x28, "IOARCB");
static_assert(offsetof(struct ioarcb, ioasa_ea) == 0x38, "IOARCB");
static_assert(sizeof(struct ioasa) == 64 && offsetof(struct ioasa, sense) == 0x0C, "IOASA");

#endif
