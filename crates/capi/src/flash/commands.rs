//! The SCSI command set as one table: operation code, service action, the
//! bits of the CDB that are used, what it is called in traces and fault
//! points. The dispatcher, REPORT SUPPORTED OPERATION CODES and the tests
//! read this table; there is no second list.

use super::sense::{INVALID_FIELD, INVALID_OPCODE, Sense};

/// What a command is, to the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// SPC-4 6.40.
    TestUnitReady,
    /// SPC-4 6.35.
    RequestSense,
    /// SPC-4 6.6.
    Inquiry,
    /// SPC-4 6.9, 6.10.
    ModeSelect,
    /// SPC-4 6.11, 6.12.
    ModeSense,
    /// SPC-2 7.21, 7.22.
    Reserve,
    /// SPC-2 7.16, 7.17.
    Release,
    /// SBC-3 5.25.
    StartStopUnit,
    /// SBC-3 5.15, 5.16.
    ReadCapacity,
    /// SBC-3 5.9 to 5.12.
    Read,
    /// SBC-3 5.31 to 5.34.
    Write,
    /// SBC-3 5.29 to 5.31.
    Verify,
    /// SBC-3 5.26, 5.27.
    SynchronizeCache,
    /// SBC-3 5.41, 5.42.
    WriteSame,
    /// SBC-3 5.28.
    Unmap,
    /// SPC-4 6.8.
    LogSense,
    /// SPC-4 6.15.
    PersistentReserveIn,
    /// SPC-4 6.16.
    PersistentReserveOut,
    /// SPC-4 6.33.
    ReportLuns,
    /// SPC-4 6.34.
    ReportSupportedOpcodes,
}

/// One row of the command set.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Operation code.
    pub opcode: u8,
    /// Service action in byte 1, bits 4..0, if the operation code has them.
    pub action: Option<u8>,
    /// CDB usage data (SPC-4 6.34.3), its length is the CDB's.
    pub usage: &'static [u8],
    /// What the dispatcher does.
    pub does: Does,
    /// Name in traces and fault points.
    pub name: &'static str,
}

const fn row(opcode: u8, does: Does, name: &'static str, usage: &'static [u8]) -> Command {
    Command { opcode, action: None, usage, does, name }
}
const fn act(opcode: u8, action: u8, does: Does, name: &'static str, usage: &'static [u8]) -> Command {
    Command { opcode, action: Some(action), usage, does, name }
}

const F: u8 = 0xFF;

/// Every command the units support.
#[rustfmt::skip] // one command a line, its CDB beside it
pub const COMMANDS: &[Command] = &[
    row(0x00, Does::TestUnitReady, "test-unit-ready", &[0x00, 0, 0, 0, 0, 0]),
    row(0x03, Does::RequestSense, "request-sense", &[0x03, 1, 0, 0, F, 0]),
    row(0x08, Does::Read, "read", &[0x08, 0x1F, F, F, F, 0]),
    row(0x0A, Does::Write, "write", &[0x0A, 0x1F, F, F, F, 0]),
    row(0x12, Does::Inquiry, "inquiry", &[0x12, 1, F, F, F, 0]),
    row(0x15, Does::ModeSelect, "mode-select", &[0x15, 0x11, 0, 0, F, 0]),
    row(0x16, Does::Reserve, "reserve", &[0x16, 0, 0, 0, 0, 0]),
    row(0x17, Does::Release, "release", &[0x17, 0, 0, 0, 0, 0]),
    row(0x1A, Does::ModeSense, "mode-sense", &[0x1A, 8, F, F, F, 0]),
    row(0x1B, Does::StartStopUnit, "start-stop", &[0x1B, 1, 0, 0, 1, 0]),
    row(0x25, Does::ReadCapacity, "read-capacity", &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    row(0x28, Does::Read, "read", &[0x28, 0x18, F, F, F, F, 0, F, F, 0]),
    row(0x2A, Does::Write, "write", &[0x2A, 0x18, F, F, F, F, 0, F, F, 0]),
    row(0x2F, Does::Verify, "verify", &[0x2F, 0x12, F, F, F, F, 0, F, F, 0]),
    row(0x35, Does::SynchronizeCache, "sync-cache", &[0x35, 2, F, F, F, F, 0, F, F, 0]),
    row(0x41, Does::WriteSame, "write-same", &[0x41, 8, F, F, F, F, 0, F, F, 0]),
    row(0x42, Does::Unmap, "unmap", &[0x42, 0, 0, 0, 0, 0, 0, F, F, 0]),
    row(0x4D, Does::LogSense, "log-sense", &[0x4D, 0, F, F, 0, F, F, F, F, 0]),
    row(0x55, Does::ModeSelect, "mode-select", &[0x55, 0x11, 0, 0, 0, 0, 0, F, F, 0]),
    row(0x56, Does::Reserve, "reserve", &[0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    row(0x57, Does::Release, "release", &[0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    row(0x5A, Does::ModeSense, "mode-sense", &[0x5A, 0x18, F, F, 0, 0, 0, F, F, 0]),
    act(0x5E, 0, Does::PersistentReserveIn, "reserve-in", &[0x5E, 0, 0, 0, 0, 0, 0, F, F, 0]),
    act(0x5E, 1, Does::PersistentReserveIn, "reserve-in", &[0x5E, 1, 0, 0, 0, 0, 0, F, F, 0]),
    act(0x5E, 2, Does::PersistentReserveIn, "reserve-in", &[0x5E, 2, 0, 0, 0, 0, 0, F, F, 0]),
    act(0x5E, 3, Does::PersistentReserveIn, "reserve-in", &[0x5E, 3, 0, 0, 0, 0, 0, F, F, 0]),
    act(0x5F, 0, Does::PersistentReserveOut, "reserve-out", &[0x5F, 0, F, 0, 0, F, F, F, F, 0]),
    act(0x5F, 1, Does::PersistentReserveOut, "reserve-out", &[0x5F, 1, F, 0, 0, F, F, F, F, 0]),
    act(0x5F, 2, Does::PersistentReserveOut, "reserve-out", &[0x5F, 2, F, 0, 0, F, F, F, F, 0]),
    act(0x5F, 3, Does::PersistentReserveOut, "reserve-out", &[0x5F, 3, F, 0, 0, F, F, F, F, 0]),
    act(0x5F, 4, Does::PersistentReserveOut, "reserve-out", &[0x5F, 4, F, 0, 0, F, F, F, F, 0]),
    act(0x5F, 6, Does::PersistentReserveOut, "reserve-out", &[0x5F, 6, F, 0, 0, F, F, F, F, 0]),
    row(0x88, Does::Read, "read", &[0x88, 0x18, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x8A, Does::Write, "write", &[0x8A, 0x18, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x8F, Does::Verify, "verify", &[0x8F, 0x12, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x91, Does::SynchronizeCache, "sync-cache", &[0x91, 2, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x93, Does::WriteSame, "write-same", &[0x93, 9, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    act(0x9E, 0x10, Does::ReadCapacity, "read-capacity", &[0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, F, F, F, F, 0, 0]),
    row(0xA0, Does::ReportLuns, "report-luns", &[0xA0, 0, F, 0, 0, 0, F, F, F, F, 0, 0]),
    act(0xA3, 0x0C, Does::ReportSupportedOpcodes, "report-opcodes", &[0xA3, 0x0C, 0x87, F, F, F, F, F, F, F, 0, 0]),
    row(0xA8, Does::Read, "read", &[0xA8, 0x18, F, F, F, F, F, F, F, F, 0, 0]),
    row(0xAA, Does::Write, "write", &[0xAA, 0x18, F, F, F, F, F, F, F, F, 0, 0]),
    row(0xAF, Does::Verify, "verify", &[0xAF, 0x12, F, F, F, F, F, F, F, F, 0, 0]),
];

/// The row of a CDB, or the sense of one that is in no row.
pub fn lookup(cdb: &[u8; 16]) -> Result<&'static Command, Sense> {
    let mut known = false;
    for c in COMMANDS.iter().filter(|c| c.opcode == cdb[0]) {
        known = true;
        if c.action.is_none_or(|a| a == cdb[1] & 0x1F) {
            return Ok(c);
        }
    }
    Err(if known { INVALID_FIELD.in_cdb(1, Some(4)) } else { INVALID_OPCODE })
}

/// Refuses bits of the CDB that the command does not use, but for its last
/// byte, CONTROL.
pub fn reserved_bits(row: &Command, cdb: &[u8; 16]) -> Result<(), Sense> {
    let body = row.usage.len() - 1;
    for (at, (byte, used)) in cdb[..body].iter().zip(row.usage).enumerate().skip(1) {
        let wrong = byte & !used;
        if wrong != 0 {
            return Err(INVALID_FIELD.in_cdb(at as u16, Some(7 - wrong.leading_zeros() as u8)));
        }
    }
    Ok(())
}

/// The name of a CDB in traces and fault points.
pub fn name(cdb: &[u8; 16]) -> &'static str {
    lookup(cdb).map_or("scsi-other", |c| c.name)
}

/// LBA and block count of a CDB that has them, by its length (SPC-4 4.3.4).
pub fn extent(cdb: &[u8; 16]) -> (u64, u64) {
    let be = |from: usize, len: usize| cdb[from..from + len].iter().fold(0u64, |v, &b| v << 8 | u64::from(b));
    match cdb[0] {
        // SBC-3 5.9: a length of 0 means 256 blocks.
        0x08 | 0x0A => (be(1, 3) & 0x1F_FFFF, if cdb[4] == 0 { 256 } else { u64::from(cdb[4]) }),
        0x28 | 0x2A | 0x2F | 0x35 | 0x41 => (be(2, 4), be(7, 2)),
        0xA8 | 0xAA | 0xAF => (be(2, 4), be(6, 4)),
        0x88 | 0x8A | 0x8F | 0x91 | 0x93 => (be(2, 8), be(10, 4)),
        _ => (0, 0),
    }
}

/// FORCE UNIT ACCESS of a READ or WRITE: the medium itself is asked, data
/// written are permanent when the command ends.
pub fn forces_unit_access(cdb: &[u8; 16]) -> bool {
    matches!(cdb[0], 0x28 | 0x2A | 0x88 | 0x8A | 0xA8 | 0xAA) && cdb[1] & 0x08 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_themselves() {
        for (i, c) in COMMANDS.iter().enumerate() {
            assert_eq!(c.usage[0], c.opcode);
            let len = match c.opcode >> 5 {
                0 => 6,
                1 | 2 => 10,
                5 => 12,
                _ => 16,
            };
            assert_eq!(c.usage.len(), len, "CDB length of {:02x}", c.opcode);
            if let Some(a) = c.action {
                assert_eq!(c.usage[1] & 0x1F, a);
            }
            assert!(!COMMANDS[..i].iter().any(|d| d.opcode == c.opcode && d.action == c.action));
        }
    }

    #[test]
    fn extents_by_cdb_length() {
        for (bytes, want) in [
            (&[0x08, 0x1F, 0xFF, 0xFE, 1, 0][..], (0x1F_FFFE, 1)),
            (&[0x0A, 0, 0, 7, 0, 0], (7, 256)),
            (&[0x28, 0, 0, 0, 1, 2, 0, 0, 8, 0], (0x102, 8)),
            (&[0xAF, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0], (5, 0x10000)),
            (&[0x88, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0], (0x1_0000_0002, 3)),
            (&[0x12, 0, 0, 0, 8, 0], (0, 0)),
        ] {
            let mut cdb = [0; 16];
            cdb[..bytes.len()].copy_from_slice(bytes);
            assert_eq!(extent(&cdb), want, "{bytes:02x?}");
        }
    }
}
