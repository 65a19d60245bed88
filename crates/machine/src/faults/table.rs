//! The faults, in the order of the catalogue.

use super::Does::*;
use super::Part::*;
use super::Shown::*;
use super::{Fault, Way};
use fabric::Ticks;

/// All of them.
pub const TABLE: &[Fault] = &[
    Fault {
        number: 1,
        name: "sync-delayed",
        form: "the AFU sync's RRQ entry comes late (less than 10 s)",
        expected: "caller blocks with the context lock held, others queue, then success",
        ways: &[Way {
            name: "hold",
            parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Hold(Ticks::secs(3)), times: 1 }],
        }],
        shown: Scenario("sync-delayed"),
    },
    Fault {
        number: 2,
        name: "sync-dropped",
        form: "no RRQ entry for one AFU sync",
        expected: "after 10 s context reset, retry, success",
        ways: &[Way {
            name: "drop",
            parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Drop, times: 1 }],
        }],
        shown: Scenario("sync-dropped"),
    },
    Fault {
        number: 3,
        name: "sync-dropped-twice",
        form: "no RRQ entry for two AFU syncs in a row",
        expected: "20 s, then the caller is told success although nothing was synced",
        ways: &[Way {
            name: "drop",
            parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Drop, times: 2 }],
        }],
        shown: Scenario("sync-dropped-twice"),
    },
    Fault {
        number: 4,
        name: "sync-dropped-reset-stuck",
        form: "no RRQ entry, and the context reset that follows never ends",
        expected: "-ETIMEDOUT, the user gets -EAGAIN; asynchronous host reset, contexts go to the error list",
        ways: &[Way {
            name: "drop",
            parts: &[
                At { point: "afu-command", kinds: &["afu-sync"], does: Drop, times: 2 },
                At { point: "afu-command", kinds: &["context-reset"], does: Drop, times: 2 },
            ],
        }],
        shown: Scenario("sync-dropped-reset-stuck"),
    },
    Fault {
        number: 5,
        name: "sync-late",
        form: "an AFU sync is answered after its context was given up",
        expected: "memory corruption unless the AFU reset silences it",
        ways: &[Way {
            name: "late",
            parts: &[
                At { point: "afu-command", kinds: &["afu-sync"], does: Hold(Ticks::secs(15)), times: 1 },
                At { point: "afu-command", kinds: &["context-reset"], does: Drop, times: 1 },
            ],
        }],
        shown: Scenario("sync-late"),
    },
    Fault {
        number: 6,
        name: "sync-failed",
        form: "the AFU sync ends with afu_rc 0x22, 0x30 or another",
        expected: "\"cmd c0 failed\", -EIO, resize gives -EAGAIN",
        ways: &[Way {
            name: "fail",
            parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Fail(0x22), times: 1 }],
        }],
        shown: Scenario("sync-failed"),
    },
    Fault {
        number: 7,
        name: "sync-ineffective",
        form: "the AFU sync is acknowledged, the AFU's copy of RHT and LXT is not refreshed",
        expected: "none: data in the wrong place",
        ways: &[Way {
            name: "forget",
            parts: &[At { point: "sync-effect", kinds: &["forget"], does: Drop, times: 1 }],
        }],
        shown: Scenario("sync-ineffective"),
    },
    Fault {
        number: 8,
        name: "rrq-no-interrupt",
        form: "an RRQ entry without its interrupt",
        expected: "waits for the next interrupt, or 30 s SCSI timeout",
        ways: &[
            Way { name: "lost", parts: &[At { point: "afu-irq", kinds: &["rrq"], does: Drop, times: 1 }] },
            Way {
                name: "late",
                parts: &[At { point: "afu-irq", kinds: &["rrq"], does: Hold(Ticks::millis(5)), times: 1 }],
            },
        ],
        shown: Scenario("rrq-no-interrupt"),
    },
    Fault {
        number: 9,
        name: "rrq-interrupt-spurious",
        form: "LISN 2 without an RRQ entry",
        expected: "IRQ_NONE; \"nobody cared\" after 100,000",
        ways: &[Way { name: "spurious", parts: &[Card("lisn", &[("value", 2)])] }],
        shown: Scenario("rrq-interrupt-spurious"),
    },
    Fault {
        number: 10,
        name: "rrq-entry-wrong",
        form: "wrong toggle, duplicate, or an address that is no command",
        expected: "stall; double completion; wild pointer",
        ways: &[
            Way { name: "toggle", parts: &[At { point: "rrq", kinds: &["toggle"], does: Drop, times: 1 }] },
            Way {
                name: "duplicate",
                parts: &[At { point: "rrq", kinds: &["duplicate"], does: Drop, times: 1 }],
            },
            Way {
                name: "address",
                parts: &[At { point: "rrq", kinds: &["address"], does: Value(0x10), times: 1 }],
            },
        ],
        shown: Scenario("rrq-entry-toggle"),
    },
    Fault {
        number: 11,
        name: "rrq-before-data",
        form: "the RRQ entry comes before IOASA or data",
        expected: "silent corruption",
        ways: &[Way {
            name: "early",
            parts: &[At { point: "rrq", kinds: &["early"], does: Hold(Ticks::millis(1)), times: 1 }],
        }],
        shown: Scenario("rrq-before-data"),
    },
    Fault {
        number: 12,
        name: "room-wrong",
        form: "cmd_room reads 0 or all ones",
        expected: "HOST_BUSY and requeue; busy and EEH check",
        ways: &[
            Way {
                name: "zero",
                parts: &[At { point: "afu-load", kinds: &["CMD_ROOM"], does: Value(0), times: 50 }],
            },
            Way {
                name: "ones",
                parts: &[At { point: "afu-load", kinds: &["CMD_ROOM"], does: Value(u64::MAX), times: 1 }],
            },
        ],
        shown: Scenario("room-ones"),
    },
    Fault {
        number: 13,
        name: "room-violation",
        form: "intr_status 0x10 with LISN 1",
        expected: "logged for the master, context exit for a user",
        ways: &[Way { name: "status", parts: &[Card("sync-error", &[("value", 0x10)])] }],
        shown: Scenario("room-violation"),
    },
    Fault {
        number: 14,
        name: "afu-dma-error",
        form: "intr_status 0x08, 0x04 or 0x02: IOARCB, IOASA or RRQ cannot be reached",
        expected: "\"unexpected interrupt\", the command times out",
        ways: &[
            Way {
                name: "ioarcb",
                parts: &[At { point: "afu-dma", kinds: &["ioarcb"], does: Fail(0), times: 1 }],
            },
            Way {
                name: "ioasa",
                parts: &[At { point: "afu-dma", kinds: &["ioasa"], does: Fail(0), times: 1 }],
            },
            Way { name: "rrq", parts: &[At { point: "afu-dma", kinds: &["rrq"], does: Fail(0), times: 1 }] },
        ],
        shown: Scenario("afu-dma-error-ioarcb"),
    },
    Fault {
        number: 15,
        name: "interrupt-spurious",
        form: "LISN 1 or 3 with status 0",
        expected: "\"spurious interrupt\"",
        ways: &[
            Way { name: "sync", parts: &[Card("lisn", &[("value", 1)])] },
            Way { name: "async", parts: &[Card("lisn", &[("value", 3)])] },
        ],
        shown: Scenario("interrupt-spurious-async"),
    },
    Fault {
        number: 16,
        name: "context-reset-slow",
        form: "bit 0 of IOARRIN stays set for more than 2 ms",
        expected: "abort FAILED, LUN reset, host reset",
        ways: &[
            Way {
                name: "slow",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["context-reset"],
                    does: Hold(Ticks::millis(50)),
                    times: 1,
                }],
            },
            Way {
                name: "stuck",
                parts: &[At { point: "afu-command", kinds: &["context-reset"], does: Drop, times: 1 }],
            },
        ],
        shown: Scenario("context-reset-slow"),
    },
    Fault {
        number: 17,
        name: "afu-control-stuck",
        form: "AFU reset or enable never ends",
        expected: "\"AFU control timed out!\" after 5 s, FAILTERM, DID_NO_CONNECT",
        ways: &[
            Way {
                name: "reset",
                parts: &[At { point: "afu-cntl", kinds: &["reset"], does: Drop, times: 1 }],
            },
            Way {
                name: "enable",
                parts: &[At { point: "afu-cntl", kinds: &["enable"], does: Drop, times: 1 }],
            },
            Way {
                name: "disable",
                parts: &[At { point: "afu-cntl", kinds: &["disable"], does: Drop, times: 1 }],
            },
        ],
        shown: Scenario("afu-control-enable-stuck"),
    },
    Fault {
        number: 18,
        name: "llcmd-stuck",
        form: "a linked list command is never acknowledged, or with all ones",
        expected: "5 s, warning, -EBUSY; attach fails, or WARN at detach",
        ways: &[
            Way { name: "add", parts: &[At { point: "llcmd", kinds: &["add"], does: Drop, times: 1 }] },
            Way {
                name: "terminate",
                parts: &[At { point: "llcmd", kinds: &["terminate"], does: Drop, times: 1 }],
            },
            Way { name: "remove", parts: &[At { point: "llcmd", kinds: &["remove"], does: Drop, times: 1 }] },
            Way {
                name: "add-fails",
                parts: &[At { point: "llcmd", kinds: &["add"], does: Fail(0), times: 1 }],
            },
            Way {
                name: "terminate-fails",
                parts: &[At { point: "llcmd", kinds: &["terminate"], does: Fail(0), times: 1 }],
            },
            Way {
                name: "remove-fails",
                parts: &[At { point: "llcmd", kinds: &["remove"], does: Fail(0), times: 1 }],
            },
        ],
        shown: Scenario("llcmd-add-stuck"),
    },
    Fault {
        number: 19,
        name: "afu-reads-odd",
        form: "interface_version all ones, afu_port_sel odd, LISN left in ctx_ctrl after a reset",
        expected: "probe -EINVAL; port count; WARN",
        ways: &[
            Way {
                name: "interface-version",
                parts: &[At {
                    point: "afu-load",
                    kinds: &["INTERFACE_VERSION"],
                    does: Value(u64::MAX),
                    times: 1,
                }],
            },
            Way {
                name: "port-select",
                parts: &[At { point: "afu-load", kinds: &["AFU_PORT_SEL"], does: Value(5), times: 1 }],
            },
            Way {
                name: "lisn",
                parts: &[At { point: "afu-load", kinds: &["CTX_CTRL"], does: Value(2), times: 1 }],
            },
        ],
        shown: Scenario("interface-version-odd"),
    },
    Fault {
        number: 20,
        name: "capability-ignored",
        form: "a store to ctx_cap has no effect",
        expected: "\"ctx may be closed\", attach -EAGAIN",
        ways: &[Way {
            name: "ignored",
            parts: &[At { point: "afu-store", kinds: &["CTX_CAP"], does: Drop, times: 1 }],
        }],
        shown: Scenario("capability-ignored"),
    },
    Fault {
        number: 21,
        name: "vpd-bad",
        form: "VPD missing, short, or with a bad WWPN",
        expected: "probe -ENODEV, or \"WWPN not found\"",
        ways: &[
            Way {
                name: "missing",
                parts: &[At { point: "vpd", kinds: &["load"], does: Value(0), times: 64 }],
            },
            Way { name: "silent", parts: &[At { point: "vpd", kinds: &["load"], does: Drop, times: 1 }] },
            Way {
                name: "wrong",
                parts: &[At { point: "vpd", kinds: &["load"], does: Value(0x7A7A_7A7A), times: 64 }],
            },
        ],
        shown: Scenario("vpd-missing"),
    },
    Fault {
        number: 22,
        name: "port-stuck",
        form: "a port never goes offline or online",
        expected: "10 s for each wait, probe goes on",
        ways: &[
            Way {
                name: "offline",
                parts: &[At { point: "port", kinds: &["offline"], does: Drop, times: 1 }],
            },
            Way { name: "online", parts: &[At { point: "port", kinds: &["online"], does: Drop, times: 1 }] },
        ],
        shown: Scenario("port-stuck-offline"),
    },
    Fault {
        number: 23,
        name: "async-interrupt",
        form: "aintr_status bits with LISN 3: one, all, or a storm",
        expected: "what section 12 of the contract says for each bit; a storm starves a CPU",
        ways: &[
            Way { name: "link-up", parts: &[Card("async", &[("value", 0x01)])] },
            Way { name: "link-down", parts: &[Card("async", &[("value", 0x02)])] },
            Way { name: "login", parts: &[Card("async", &[("value", 0x04)])] },
            Way { name: "login-failed", parts: &[Card("async", &[("value", 0x08)])] },
            Way { name: "login-retry", parts: &[Card("async", &[("value", 0x10)])] },
            Way { name: "crc", parts: &[Card("async", &[("value", 0x20)])] },
            Way { name: "logo", parts: &[Card("async", &[("value", 0x40)])] },
            Way { name: "other", parts: &[Card("async", &[("value", 0x80)])] },
            Way { name: "all", parts: &[Card("async", &[("value", 0xFF)])] },
            Way {
                name: "storm",
                parts: &[Card("async", &[("value", 0x01), ("times", 20000), ("span", 50_000)])],
            },
        ],
        shown: Scenario("async-all"),
    },
    Fault {
        number: 24,
        name: "link-down",
        form: "a port loses its link, with I/O in flight or before selection",
        expected: "requeue, or NO_CONNECT",
        ways: &[
            Way { name: "pulled", parts: &[Card("cable-out", &[])] },
            Way { name: "plugged", parts: &[Card("cable-in", &[])] },
            Way { name: "fails", parts: &[At { point: "fc", kinds: &[], does: Fail(0x57), times: 1 }] },
        ],
        shown: Scenario("port-link-down"),
    },
    Fault {
        number: 25,
        name: "port-logged-out",
        form: "LOGO, or not logged in: fc_rc 0x54",
        expected: "DID_ERROR, retry",
        ways: &[Way {
            name: "logo",
            parts: &[Card("logo", &[]), At { point: "fc", kinds: &[], does: Fail(0x54), times: 1 }],
        }],
        shown: Scenario("port-logged-out"),
    },
    Fault {
        number: 26,
        name: "frame-loss",
        form: "frames are lost or fail their CRC: fc_rc 0x52, 0x58, 0x59, 0x5B, CRC counter",
        expected: "retry; link reset at the threshold",
        ways: &[
            Way { name: "abort", parts: &[At { point: "fc", kinds: &[], does: Fail(0x52), times: 1 }] },
            Way { name: "aborted", parts: &[At { point: "fc", kinds: &[], does: Fail(0x58), times: 1 }] },
            Way {
                name: "abort-failed",
                parts: &[At { point: "fc", kinds: &[], does: Fail(0x59), times: 1 }],
            },
            Way { name: "length", parts: &[At { point: "fc", kinds: &[], does: Fail(0x5B), times: 1 }] },
            Way { name: "crc", parts: &[Card("crc-errors", &[("value", 101)])] },
        ],
        shown: Scenario("frame-loss-crc"),
    },
    Fault {
        number: 27,
        name: "global-sync-lost",
        form: "the global sync of a link reset is delayed, dropped or fails",
        expected: "as for other syncs, in the worker; host reset from there",
        ways: &[
            Way {
                name: "drop",
                parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Drop, times: 1 }],
            },
            Way {
                name: "fail",
                parts: &[At { point: "afu-command", kinds: &["afu-sync"], does: Fail(0x22), times: 1 }],
            },
            Way {
                name: "hold",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["afu-sync"],
                    does: Hold(Ticks::secs(3)),
                    times: 1,
                }],
            },
        ],
        shown: Scenario("global-sync-dropped"),
    },
    Fault {
        number: 28,
        name: "scsi-status",
        form: "BUSY, TASK SET FULL or RESERVATION CONFLICT",
        expected: "retry, delay, error",
        ways: &[
            Way {
                name: "busy",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["read", "write"],
                    does: Fail(0x0800),
                    times: 1,
                }],
            },
            Way {
                name: "queue-full",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["read", "write"],
                    does: Fail(0x2800),
                    times: 1,
                }],
            },
            Way {
                name: "reservation",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["read", "write"],
                    does: Fail(0x1800),
                    times: 1,
                }],
            },
        ],
        shown: Scenario("scsi-busy"),
    },
    Fault {
        number: 29,
        name: "check-condition",
        form: "CHECK CONDITION with sense key 1 to 7 or B",
        expected: "section 11.1 of the contract; VERIFY after a capacity change",
        ways: &[
            Way {
                name: "unit-attention",
                parts: &[At { point: "scsi", kinds: &["read", "write"], does: Fail(0x0206_2900), times: 1 }],
            },
            Way {
                name: "aborted",
                parts: &[At { point: "scsi", kinds: &["read", "write"], does: Fail(0x020B_0000), times: 1 }],
            },
            Way {
                name: "not-ready",
                parts: &[At { point: "scsi", kinds: &["read", "write"], does: Fail(0x0202_0401), times: 1 }],
            },
            Way {
                name: "recovered",
                parts: &[At { point: "scsi", kinds: &["read"], does: Fail(0x0201_1800), times: 1 }],
            },
            Way {
                name: "hardware",
                parts: &[At { point: "scsi", kinds: &["read", "write"], does: Fail(0x0204_4400), times: 1 }],
            },
        ],
        shown: Scenario("media-error"),
    },
    Fault {
        number: 30,
        name: "check-without-sense",
        form: "CHECK CONDITION without sense, or sense without the status",
        expected: "DID_ERROR; ignored",
        ways: &[
            Way {
                name: "no-sense",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["read", "write"],
                    does: Fail(0x0200),
                    times: 1,
                }],
            },
            Way {
                name: "no-status",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["read", "write"],
                    does: Fail(0x8000_0000),
                    times: 1,
                }],
            },
        ],
        shown: Scenario("check-no-sense"),
    },
    Fault {
        number: 31,
        name: "residual-wrong",
        form: "underrun, overrun, or a residual that disagrees",
        expected: "section 10 of the contract",
        ways: &[
            Way {
                name: "underrun",
                parts: &[At { point: "afu-command", kinds: &["read"], does: Fail(0x1000_005A), times: 1 }],
            },
            Way {
                name: "overrun",
                parts: &[At { point: "afu-command", kinds: &["read"], does: Fail(0x2000_005A), times: 1 }],
            },
            Way {
                name: "mismatch",
                parts: &[At { point: "afu-command", kinds: &["read"], does: Fail(0x005B), times: 1 }],
            },
        ],
        shown: Scenario("residual-mismatch"),
    },
    Fault {
        number: 32,
        name: "media-error",
        form: "UNC at an LBA, write fault, worn out, stuck for 1 to 40 s",
        expected: "EIO; abort after 30 s, context reset of all I/O",
        ways: &[
            Way {
                name: "unc",
                parts: &[At { point: "scsi", kinds: &["read"], does: Fail(0x0203_1100), times: 1 }],
            },
            Way {
                name: "write-fault",
                parts: &[At { point: "scsi", kinds: &["write"], does: Fail(0x0203_0C00), times: 1 }],
            },
            Way { name: "bad-block", parts: &[Card("bad-block", &[])] },
            Way { name: "worn-out", parts: &[Card("worn-out", &[])] },
            Way { name: "stuck", parts: &[Card("stuck", &[])] },
        ],
        shown: Scenario("media-error"),
    },
    Fault {
        number: 33,
        name: "write-lost",
        form: "a write is lost, torn, misdirected; a read is stale or has a bit flipped",
        expected: "nothing: file system or pattern check",
        ways: &[
            Way { name: "lost", parts: &[At { point: "scsi", kinds: &["write"], does: Value(1), times: 1 }] },
            Way { name: "torn", parts: &[At { point: "scsi", kinds: &["write"], does: Value(2), times: 1 }] },
            Way {
                name: "misdirected",
                parts: &[At { point: "scsi", kinds: &["write"], does: Value(3), times: 1 }],
            },
            Way { name: "stale", parts: &[At { point: "scsi", kinds: &["read"], does: Value(4), times: 1 }] },
            Way {
                name: "bit-flip",
                parts: &[At { point: "scsi", kinds: &["read"], does: Value(5), times: 1 }],
            },
        ],
        shown: Scenario("write-lost"),
    },
    Fault {
        number: 34,
        name: "power-loss",
        form: "power fails at any virtual time",
        expected: "flush semantics",
        ways: &[Way { name: "drives", parts: &[Card("power-loss", &[])] }],
        shown: Scenario("power-loss"),
    },
    Fault {
        number: 35,
        name: "eeh-freeze",
        form: "the PE freezes, or the bridge fences",
        expected: "EEH recovery of section 17",
        ways: &[
            Way { name: "freeze", parts: &[Bridge("freeze", &[])] },
            Way { name: "mmio", parts: &[Bridge("freeze-mmio", &[])] },
            Way { name: "dma", parts: &[Bridge("freeze-dma", &[])] },
            Way { name: "fence", parts: &[Bridge("fence", &[])] },
        ],
        shown: Scenario("freeze-io"),
    },
    Fault {
        number: 36,
        name: "eeh-permanent",
        form: "the slot reset fails, or the PE is given up",
        expected: "FAILTERM, ioctls -ENODEV except release, detach, resize",
        ways: &[
            Way { name: "reset-fails", parts: &[Bridge("permanent", &[])] },
            Way { name: "dead", parts: &[Bridge("dead", &[])] },
            Way { name: "link-down", parts: &[Bridge("link-down", &[])] },
        ],
        shown: Scenario("dead-phb"),
    },
    Fault {
        number: 37,
        name: "eeh-flaky",
        form: "some reads are all ones and nothing is frozen",
        expected: "EEH false alarm, retries halved",
        ways: &[Way { name: "lost-answers", parts: &[Bridge("flaky", &[])] }],
        shown: Scenario("flaky"),
    },
    Fault {
        number: 38,
        name: "page-fault-slow",
        form: "a page-in is slow, or never resolved, or not retried",
        expected: "retry; afu_rc 0x31/0x0A; DATA_STORAGE event",
        ways: &[
            Way {
                name: "slow",
                parts: &[At { point: "afu-dma", kinds: &["data"], does: Hold(Ticks::millis(20)), times: 1 }],
            },
            Way {
                name: "not-retried",
                parts: &[At { point: "afu-dma", kinds: &["data"], does: Drop, times: 1 }],
            },
            Way {
                name: "refused",
                parts: &[At { point: "afu-dma", kinds: &["data"], does: Fail(0), times: 1 }],
            },
        ],
        shown: Scenario("page-fault-slow"),
    },
    Fault {
        number: 39,
        name: "user-mmio-abuse",
        form: "a process misuses its problem state: alignment, size, foreign handles, no RRQ",
        expected: "SIGBUS, or bits 0x21, 0x05, 0x03, 0x02 of intr_status",
        ways: &[Way {
            name: "user",
            parts: &[Guest(
                "stores and loads of every size and alignment, IOARCBs with foreign handles, no response queue",
            )],
        }],
        shown: Scenario("user-mmio-abuse"),
    },
    Fault {
        number: 40,
        name: "user-after-reset",
        form: "user capabilities are gone after an AFU reset: afu_rc 0x21",
        expected: "the library retries after recovery",
        ways: &[Way {
            name: "lun-mode",
            parts: &[Guest("a store to lun_mode resets the AFU under open contexts")],
        }],
        shown: Scenario("user-after-reset"),
    },
    Fault {
        number: 41,
        name: "provision-failed",
        form: "LUN provisioning or AFU debug fails",
        expected: "\"send_afu_cmd failed\" with rc, ioasc and afu_extra",
        ways: &[
            Way {
                name: "provision",
                parts: &[At {
                    point: "afu-command",
                    kinds: &["lun-provision"],
                    does: Fail(0x3100),
                    times: 1,
                }],
            },
            Way {
                name: "debug",
                parts: &[At { point: "afu-command", kinds: &["afu-debug"], does: Fail(0x3100), times: 1 }],
            },
        ],
        shown: Scenario("provision-failed"),
    },
    Fault {
        number: 42,
        name: "shutdown-stuck",
        form: "a port's shutdown never completes",
        expected: "1 s for each port, then it goes on",
        ways: &[
            Way { name: "stuck", parts: &[At { point: "port", kinds: &["shutdown"], does: Drop, times: 4 }] },
            Way {
                name: "slow",
                parts: &[At {
                    point: "port",
                    kinds: &["shutdown"],
                    does: Hold(Ticks::millis(500)),
                    times: 4,
                }],
            },
        ],
        shown: Scenario("shutdown-stuck"),
    },
    Fault {
        number: 43,
        name: "io-after-shutdown",
        form: "fc_rc 0x5E",
        expected: "the command counts as good",
        ways: &[Way { name: "shut", parts: &[At { point: "fc", kinds: &[], does: Fail(0x5E), times: 1 }] }],
        shown: Scenario("io-after-shutdown"),
    },
    Fault {
        number: 44,
        name: "lun-changed",
        form: "a LUN appears, vanishes, changes its size or its WWID; two ports disagree",
        expected: "rescan; errors of LUN merging",
        ways: &[
            Way { name: "size", parts: &[Card("capacity", &[])] },
            Way { name: "vanishes", parts: &[Card("lun-gone", &[])] },
            Way { name: "appears", parts: &[Card("lun-back", &[])] },
            Way { name: "wwid", parts: &[Card("wwid", &[])] },
        ],
        shown: Scenario("lun-changed"),
    },
    Fault {
        number: 45,
        name: "heartbeat-odd",
        form: "afu_hb frozen or jumping; another version after a reset",
        expected: "read once, ignored",
        ways: &[
            Way {
                name: "frozen",
                parts: &[At { point: "afu-load", kinds: &["AFU_HB"], does: Value(7), times: 1000 }],
            },
            Way {
                name: "version",
                parts: &[At {
                    point: "afu-load",
                    kinds: &["AFU_VERSION"],
                    does: Value(0x3939_3939_3939_3939),
                    times: 1,
                }],
            },
        ],
        shown: Scenario("heartbeat-frozen"),
    },
    Fault {
        number: 46,
        name: "lun-table-wrong",
        form: "the LUN table reads back wrong",
        expected: "I/O of virtual LUNs to the wrong unit",
        ways: &[
            Way {
                name: "stored",
                parts: &[At {
                    point: "afu-store",
                    kinds: &["FC_PORT_LUNS"],
                    does: Value(0x0001_0000_0000_0000),
                    times: 1,
                }],
            },
            Way {
                name: "read",
                parts: &[At {
                    point: "afu-load",
                    kinds: &["FC_PORT_LUNS"],
                    does: Value(0x0009_0000_0000_0000),
                    times: 1,
                }],
            },
        ],
        shown: Scenario("lun-table-wrong"),
    },
    Fault {
        number: 47,
        name: "queue-stalled",
        form: "one RRQ of several stands still",
        expected: "timeouts on that queue only, abort resets only its element",
        ways: &[Way {
            name: "stalled",
            parts: &[At { point: "rrq", kinds: &["stalled"], does: Drop, times: 1_000_000 }],
        }],
        shown: Scenario("queue-stalled"),
    },
    Fault {
        number: 48,
        name: "mmio-slow",
        form: "an MMIO load takes 1 us to 20 ms",
        expected: "long interrupt handler, room polling",
        ways: &[Way { name: "loads", parts: &[Machine("mmio-slow", &[("span", 20_000)])] }],
        shown: Scenario("mmio-slow"),
    },
    Fault {
        number: 49,
        name: "cpu-stall",
        form: "a vCPU stands still at a chosen place or with a chosen mutex, or an IPI is late",
        expected: "the races of section 20",
        ways: &[
            Way { name: "stall", parts: &[Machine("stall", &[("span", 50_000_000)])] },
            Way { name: "holder", parts: &[Holder { span: Ticks::millis(50), lasts: Ticks::secs(1) }] },
            Way { name: "ipi-late", parts: &[Machine("ipi-late", &[("span", 5_000_000), ("times", 100)])] },
        ],
        shown: Scenario("cpu-stall"),
    },
    Fault {
        number: 50,
        name: "paging-slow",
        form: "swapping in is slow, page tables cannot be allocated at once",
        expected: "long page faults of user contexts",
        ways: &[Way {
            name: "device",
            parts: &[At {
                point: "afu-command",
                kinds: &["read"],
                does: Hold(Ticks::millis(20)),
                times: 1000,
            }],
        }],
        shown: Scenario("paging-slow"),
    },
    Fault {
        number: 51,
        name: "credits-lost",
        form: "aborted commands in SQ mode do not give their credits back",
        expected: "HOST_BUSY after about 254",
        ways: &[Way {
            name: "aborted",
            parts: &[At { point: "afu-command", kinds: &["read", "write"], does: Drop, times: 1 }],
        }],
        shown: Scenario("credits-lost"),
    },
    Fault {
        number: 52,
        name: "error-injection",
        form: "the ports' own ERRINJ registers, temperature and wear by AFU debug",
        expected: "as frame-loss and media-error",
        ways: &[Way {
            name: "write-lba",
            parts: &[
                Card("port-store", &[("offset", 0x3A8), ("value", 0)]),
                Card("port-store", &[("offset", 0x3A0), ("value", 0x8011_0000)]),
            ],
        }],
        shown: Scenario("error-injection"),
    },
    Fault {
        number: 53,
        name: "psl-error",
        form: "the PSL, the AFU or the adapter reports an error by itself: DSISR.PE with ErrStat, DSISR.AE with AFU_ERR, PSL_ErrIVTE",
        expected: "registers are logged and the event is acknowledged; afu_err_buff shows the AFU's; a process gets `afu-error`",
        ways: &[
            Way { name: "slice", parts: &[Card("psl-error", &[("value", 1)])] },
            Way { name: "afu", parts: &[Card("afu-error", &[("value", 0xAFE)])] },
            Way { name: "adapter", parts: &[Card("adapter-error", &[])] },
        ],
        shown: Scenario("psl-error"),
    },
];
