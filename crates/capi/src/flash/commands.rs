//! The SCSI command set as one table: operation code, service action, the
//! bits of the CDB that are used, what it is called in traces and fault
//! points. The dispatcher, REPORT SUPPORTED OPERATION CODES and the tests
//! read this table; there is no second list.

/// What a command is, to the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// SPC-4 6.40.
    TestUnitReady,
    /// SPC-4 6.35.
    RequestSense,
    /// SPC-4 6.6.
    Inquiry,
    /// SPC-4 6.11, 6.12.
    ModeSense,
    /// SBC-3 5.25.
    StartStopUnit,
    /// SBC-3 5.15, 5.16.
    ReadCapacity,
    /// SBC-3 5.10 to 5.12.
    Read,
    /// SBC-3 5.32 to 5.34.
    Write,
    /// SBC-3 5.26, 5.27.
    SynchronizeCache,
    /// SBC-3 5.41, 5.42.
    WriteSame,
    /// SBC-3 5.28.
    Unmap,
    /// SPC-4 6.8.
    LogSense,
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
pub const COMMANDS: &[Command] = &[
    row(0x00, Does::TestUnitReady, "test-unit-ready", &[0x00, 0, 0, 0, 0, 0]),
    row(0x03, Does::RequestSense, "request-sense", &[0x03, 1, 0, 0, F, 0]),
    row(0x12, Does::Inquiry, "inquiry", &[0x12, 1, F, F, F, 0]),
    row(0x1A, Does::ModeSense, "mode-sense", &[0x1A, 8, F, F, F, 0]),
    row(0x1B, Does::StartStopUnit, "start-stop", &[0x1B, 1, 0, 0, 0xF7, 0]),
    row(0x25, Does::ReadCapacity, "read-capacity", &[0x25, 0, F, F, F, F, 0, 0, 1, 0]),
    row(0x28, Does::Read, "read", &[0x28, 0x18, F, F, F, F, 0, F, F, 0]),
    row(0x2A, Does::Write, "write", &[0x2A, 0x18, F, F, F, F, 0, F, F, 0]),
    row(0x35, Does::SynchronizeCache, "sync-cache", &[0x35, 2, F, F, F, F, 0, F, F, 0]),
    row(0x41, Does::WriteSame, "write-same", &[0x41, 8, F, F, F, F, 0, F, F, 0]),
    row(0x42, Does::Unmap, "unmap", &[0x42, 0, 0, 0, 0, 0, 0, F, F, 0]),
    row(0x4D, Does::LogSense, "log-sense", &[0x4D, 0, F, F, 0, F, F, F, F, 0]),
    row(0x5A, Does::ModeSense, "mode-sense", &[0x5A, 0x18, F, F, 0, 0, 0, F, F, 0]),
    row(0x88, Does::Read, "read", &[0x88, 0x18, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x8A, Does::Write, "write", &[0x8A, 0x18, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x91, Does::SynchronizeCache, "sync-cache", &[0x91, 2, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    row(0x93, Does::WriteSame, "write-same", &[0x93, 9, F, F, F, F, F, F, F, F, F, F, F, F, 0, 0]),
    act(
        0x9E,
        0x10,
        Does::ReadCapacity,
        "read-capacity",
        &[0x9E, 0x10, F, F, F, F, F, F, F, F, F, F, F, F, 1, 0],
    ),
    row(0xA0, Does::ReportLuns, "report-luns", &[0xA0, 0, F, 0, 0, 0, F, F, F, F, 0, 0]),
    act(
        0xA3,
        0x0C,
        Does::ReportSupportedOpcodes,
        "report-opcodes",
        &[0xA3, 0x0C, 0x87, F, F, F, F, F, F, F, 0, 0],
    ),
    row(0xA8, Does::Read, "read", &[0xA8, 0x18, F, F, F, F, F, F, F, F, 0, 0]),
    row(0xAA, Does::Write, "write", &[0xAA, 0x18, F, F, F, F, F, F, F, F, 0, 0]),
];

/// The row of a CDB. A known operation code with an unknown service action
/// gives `None` with `true` in the error: the sense differs.
pub fn lookup(cdb: &[u8; 16]) -> Result<&'static Command, bool> {
    let mut known = false;
    for c in COMMANDS.iter().filter(|c| c.opcode == cdb[0]) {
        known = true;
        if c.action.is_none_or(|a| a == cdb[1] & 0x1F) {
            return Ok(c);
        }
    }
    Err(known)
}

/// The name of a CDB in traces and fault points.
pub fn name(cdb: &[u8; 16]) -> &'static str {
    lookup(cdb).map_or("scsi-other", |c| c.name)
}

/// LBA and block count of a CDB that has them, by its length (SPC-4 4.3.4).
pub fn extent(cdb: &[u8; 16]) -> (u64, u64) {
    let be = |from: usize, len: usize| cdb[from..from + len].iter().fold(0u64, |v, &b| v << 8 | u64::from(b));
    match cdb[0] {
        0x28 | 0x2A | 0x35 | 0x41 => (be(2, 4), be(7, 2)),
        0xA8 | 0xAA => (be(2, 4), be(6, 4)),
        0x88 | 0x8A | 0x91 | 0x93 => (be(2, 8), be(10, 4)),
        _ => (0, 0),
    }
}

/// FORCE UNIT ACCESS of a WRITE(10) or WRITE(16): the data are permanent
/// when the command ends.
pub fn forces_unit_access(cdb: &[u8; 16]) -> bool {
    matches!(cdb[0], 0x2A | 0x8A) && cdb[1] & 0x08 != 0
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
        let mut cdb = [0; 16];
        cdb[..10].copy_from_slice(&[0x28, 0, 0, 0, 1, 2, 0, 0, 8, 0]);
        assert_eq!(extent(&cdb), (0x102, 8));
        cdb = [0x88, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0];
        assert_eq!(extent(&cdb), (0x1_0000_0002, 3));
    }
}
