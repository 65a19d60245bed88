//! Every row of the register tables, by rule: its reset value, what a store
//! does, what a reset does. What a row does beyond its rule has a test of
//! its own, and stands in [`SPECIAL`] with what is seen here.

use super::super::regs::{Access, Reg, fc};
use super::*;

/// A value that submits nothing, resets nothing and takes no port offline
/// that a rule looks at.
const PATTERN: u64 = 0x0123_4567_89AB_CDE0;
const FC: u64 = GLOBAL_BASE + 0x2000;

/// Rows that differ from the rule: name, reset value, value after a store of
/// [`PATTERN`].
const SPECIAL: &[(&str, u64, u64)] = &[
    ("CTX_CTRL", 1 << 63, 1 << 63 | PATTERN), // bit 0 is the adapter's
    ("CMD_ROOM", 64, 64),
    ("CTX_CAP", 0, 0), // locked
    ("AFU_HB", 1, 2),  // one more at each load
    ("AFU_PORT_SEL", 3, PATTERN),
    ("AFU_VERSION", 0x3136_3035_3132_4431, 0x3136_3035_3132_4431),
    ("INTERFACE_VERSION", 0x8000_0000_0001_0000, 0x8000_0000_0001_0000),
    ("FC_MTIP_STATUS", 0x20, 0x20),
    ("FC_PNAME", 0x5005_0768_0140_0001, 0x5005_0768_0140_0001), // online
    ("FC_NNAME", 0x5005_0768_0140_0001, 0x5005_0768_0140_0001),
    ("FC_PORT_ID", 0x01_0000, 0x01_0000),
    ("FC_TGT_D_ID", 0x02_0000, 0x02_0000),
    ("FC_TGT_PNAME", 0x5005_0768_0182_8600, 0x5005_0768_0182_8600),
    ("FC_TGT_NNAME", 0x5005_0768_0182_8600, 0x5005_0768_0182_8600),
    ("FC_TGT_LOGI", 1, 1),
];

fn areas() -> [(&'static [Reg], u64); 4] {
    [(host::TABLE, reg(1, 0)), (ctrl::TABLE, block(1, 0)), (global::TABLE, GLOBAL_BASE), (fc::TABLE, FC)]
}

#[test]
fn every_register_follows_its_row() {
    let rows = areas().into_iter().flat_map(|(table, base)| table.iter().map(move |r| (r, base)));
    for (row, base) in rows {
        let at = base + u64::from(row.offset);
        let special = SPECIAL.iter().find(|s| s.0 == row.name);
        let reset = special.map_or(if row.access == Access::Wo { 0 } else { row.reset }, |s| s.1);
        let stored = special.map_or(if row.access == Access::Rw { PATTERN } else { reset }, |s| s.2);
        let mut b = Bench::new(config(), 1 << 16);
        assert_eq!(b.load(at), reset, "{} after power on", row.name);
        b.store(at, PATTERN);
        assert_eq!(b.load(at), stored, "{} after a store", row.name);
        b.with(|afu, bus| {
            afu.set_enabled(false, bus);
            afu.reset(bus);
            afu.set_enabled(true, bus);
        });
        assert_eq!(b.load(at), reset, "{} after a reset", row.name);
    }
}

#[test]
fn special_rows_are_rows() {
    for (name, ..) in SPECIAL {
        assert!(areas().iter().any(|(t, _)| t.iter().any(|r| r.name == *name)), "{name}");
    }
}

#[test]
fn where_no_register_is_nothing_is_kept() {
    let mut b = Bench::new(config(), 1 << 16);
    for ((table, base), end) in areas().into_iter().zip([0x1_0000u64, 0x80, 0x1000, 0x1000]) {
        let free = (0..end).step_by(8).filter(|o| !table.iter().any(|r| u64::from(r.offset) == *o));
        for offset in free {
            b.store(base + offset, u64::MAX);
            assert_eq!(b.load(base + offset), 0, "{:#x}", base + offset);
        }
    }
}

#[test]
fn write_one_clears_and_reads_clear() {
    let mut b = bench();
    b.with(|afu, bus| {
        afu.async_error(0, ASTATUS_OTHER | ASTATUS_LOGI_F, bus);
        afu.crc_errors(0, 5, bus);
    });
    let fc = |offset: u16| FC + u64::from(offset);
    assert_eq!((b.load(fc(fc::FC_ERROR)), b.load(fc(fc::FC_ERRCAP))), (1 << 20 | 1, 1 << 20 | 1));
    b.store(fc(fc::FC_ERROR), 1);
    b.store(fc(fc::FC_ERRCAP), 0);
    assert_eq!((b.load(fc(fc::FC_ERROR)), b.load(fc(fc::FC_ERRCAP))), (1 << 20, 0));
    assert_eq!((b.load(fc(fc::FC_CNT_CRCERR)), b.load(fc(fc::FC_CNT_CRCERR))), (5, 0));
    assert_eq!((b.load(fc(fc::FC_CNT_CRCERR_RO)), b.load(fc(fc::FC_CNT_CRCERR_RO))), (5, 5));
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x8800);
    b.store(glob(global::AINTR_CLEAR), 0x8000);
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x0800);
    b.store(fc(fc::FC_CRC_THRESH), 100);
    b.with(|afu, bus| afu.crc_errors(0, 101, bus));
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x2800);
    // Without room: the error bit of the context, until it is cleared.
    for n in 0..65 {
        b.store(reg(1, host::IOARRIN), RCB + n * 0x100);
    }
    assert_eq!(b.load(reg(1, host::INTR_STATUS)), ISTATUS_PERM_ERR_CMDROOM);
    b.store(reg(1, host::INTR_CLEAR), !ISTATUS_PERM_ERR_CMDROOM);
    assert_eq!(b.load(reg(1, host::INTR_STATUS)), ISTATUS_PERM_ERR_CMDROOM);
    b.store(reg(1, host::INTR_CLEAR), ISTATUS_PERM_ERR_CMDROOM);
    assert_eq!(b.load(reg(1, host::INTR_STATUS)), 0);
    // The mailbox goes to the master, who may ask that reading empties it.
    b.store(reg(1, host::MBOX_W), 7);
    assert_eq!((b.load(block(1, ctrl::MBOX_R)), b.load(block(1, ctrl::MBOX_R))), (7, 7));
    b.store(glob(global::AFU_CONFIG), AFUCONF_MBOX_CLR_READ);
    assert_eq!((b.load(block(1, ctrl::MBOX_R)), b.load(block(1, ctrl::MBOX_R))), (7, 0));
}

#[test]
fn counters_loopback_and_port_reset() {
    let mut b = bench();
    let fc = |offset: u16| FC + u64::from(offset);
    b.store(glob(global::AFU_PORT_SEL), 1);
    let read = Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    let write = Ioarcb { data_len: 4096, ..rcb(0, REQ_FLAGS_HOST_WRITE, &write16(0, 1)) };
    assert_eq!((run(&mut b, 0, &read), run(&mut b, 0, &write)), (0, 0));
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(9)))));
    submit_at(&mut b, 0, 0, &Ioarcb { timeout: 1, ..read.clone() });
    b.pass(Ticks::micros(20));
    assert_eq!(b.load(fc(fc::FC_STATUS)), 0x0F, "queues are not empty");
    b.pass(Ticks::secs(2));
    assert_eq!(b.load(fc(fc::FC_STATUS)), 0xCF);
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(9)))));
    submit_at(&mut b, 0, 0, &read);
    b.pass(Ticks::micros(20));
    b.store(reg(0, host::IOARRIN), 1);
    for (counter, want) in [
        (fc::FC_CNT_AFURD, 1),
        (fc::FC_CNT_AFUWR, 1),
        (fc::FC_CNT_TIMEOUT, 1),
        (fc::FC_CNT_AFUABORT, 1),
        (fc::FC_CNT_RXRSP, 3),
        (fc::FC_CNT_LINKERR, 0),
    ] {
        assert_eq!(b.load(fc(counter)), want, "{counter:#x}");
    }
    for done in 1..3 {
        b.store(fc(fc::FC_CONFIG2), 1 << 40);
        b.pass(Ticks::secs(1));
        b.store(fc(fc::FC_CONFIG2), 0);
        let sent = b.load(fc(fc::FC_LOOPBACK_TXCNT));
        assert_eq!((sent, b.load(fc(fc::FC_LOOPBACK_ERRCNT))), (1000 * done, 0));
        assert_eq!(b.load(fc(fc::FC_LOOPBACK_PASSCNT)), sent);
    }
    // The tools' "port offline" and "port reset".
    b.store(fc(fc::FC_CONFIG), 0x10);
    b.pass(Ticks::secs(1));
    assert_eq!((b.load(fc(fc::FC_STATUS)) & 0xF, b.load(fc(fc::FC_CONFIG))), (0xE, 0));
    b.store(fc(fc::FC_CONFIG), 0x11);
    b.pass(Ticks::secs(1));
    assert_eq!((b.load(fc(fc::FC_STATUS)) & 0xF, b.load(fc(fc::FC_CONFIG))), (0xF, 1));
    assert_eq!(b.load(fc(fc::FC_CNT_LINKERR)), 2 << 16 | 1);
}
