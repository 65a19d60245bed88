//! IOARCB and IOASA as they lie in host memory (`struct sisl_ioarcb`,
//! `struct sisl_ioasa`), in the byte order of their context.

use super::codes::{REQ_FLAGS_AFU_CMD, REQ_FLAGS_HOST_WRITE, REQ_FLAGS_RES_HNDL, REQ_FLAGS_TMF_CMD};
use crate::flash::sense::{Refusal, SENSE_LEN, Sense};
use fabric::Ticks;
use serde::{Deserialize, Serialize};

/// Bytes of an IOARCB; the IOASA of IOARRIN mode follows it.
pub const IOARCB_LEN: usize = 64;
/// Bytes of an IOASA that the AFU writes; the 32 after them are the host's.
pub const IOASA_LEN: usize = 32;

/// Byte order of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endian {
    /// `SISL_ENDIAN_CTRL_LE`.
    Little,
    /// `SISL_ENDIAN_CTRL_BE`.
    Big,
}

impl Endian {
    /// The number in at most 8 bytes.
    pub fn get(self, bytes: &[u8]) -> u64 {
        let push = |v: u64, &b: &u8| v << 8 | u64::from(b);
        match self {
            Endian::Big => bytes.iter().fold(0, push),
            Endian::Little => bytes.iter().rev().fold(0, push),
        }
    }
    /// Eight bytes of a number.
    pub fn bytes64(self, value: u64) -> [u8; 8] {
        match self {
            Endian::Big => value.to_be_bytes(),
            Endian::Little => value.to_le_bytes(),
        }
    }
    /// Four bytes of a number.
    pub fn bytes32(self, value: u32) -> [u8; 4] {
        match self {
            Endian::Big => value.to_be_bytes(),
            Endian::Little => value.to_le_bytes(),
        }
    }
}

/// A fetched command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ioarcb {
    /// Context the command is for.
    pub ctx_id: u16,
    /// `req_flags`.
    pub req_flags: u16,
    /// `res_hndl`, or `port_sel`.
    pub res_hndl: u32,
    /// `lun_id`.
    pub lun_id: u64,
    /// Length of the host's buffer.
    pub data_len: u32,
    /// Address of the host's buffer.
    pub data_ea: u64,
    /// LISN to send after the RRQ entry; 0 is none.
    pub msi: u8,
    /// Timeout in the unit of the flags.
    pub timeout: u16,
    /// The CDB, always big-endian.
    pub cdb: [u8; 16],
    /// Address of the IOASA, of SQ mode.
    pub ioasa: u64,
}

impl Ioarcb {
    /// Reads an IOARCB.
    pub fn parse(raw: &[u8; IOARCB_LEN], e: Endian) -> Ioarcb {
        let mut cdb = [0; 16];
        cdb.copy_from_slice(&raw[0x28..0x38]);
        Ioarcb {
            ctx_id: e.get(&raw[0x00..0x02]) as u16,
            req_flags: e.get(&raw[0x02..0x04]) as u16,
            res_hndl: e.get(&raw[0x04..0x08]) as u32,
            lun_id: e.get(&raw[0x08..0x10]),
            data_len: e.get(&raw[0x10..0x14]) as u32,
            data_ea: e.get(&raw[0x18..0x20]),
            msi: raw[0x20],
            timeout: e.get(&raw[0x22..0x24]) as u16,
            cdb,
            ioasa: e.get(&raw[0x38..0x40]),
        }
    }
    /// The IOARCB's bytes; for tests and for building command streams.
    pub fn bytes(&self, e: Endian) -> [u8; IOARCB_LEN] {
        let mut raw = [0; IOARCB_LEN];
        let mut put = |at: usize, len: usize, v: u64| match e {
            Endian::Big => raw[at..at + len].copy_from_slice(&v.to_be_bytes()[8 - len..]),
            Endian::Little => raw[at..at + len].copy_from_slice(&v.to_le_bytes()[..len]),
        };
        put(0x00, 2, self.ctx_id.into());
        put(0x02, 2, self.req_flags.into());
        put(0x04, 4, self.res_hndl.into());
        put(0x08, 8, self.lun_id);
        put(0x10, 4, self.data_len.into());
        put(0x18, 8, self.data_ea);
        put(0x20, 1, self.msi.into());
        put(0x22, 2, self.timeout.into());
        put(0x38, 8, self.ioasa);
        raw[0x28..0x38].copy_from_slice(&self.cdb);
        raw
    }
    /// True if any of `flags` is set.
    pub fn has(&self, flags: u16) -> bool {
        self.req_flags & flags != 0
    }
    /// An AFU command.
    pub fn is_afu(&self) -> bool {
        self.has(REQ_FLAGS_AFU_CMD)
    }
    /// A task management function.
    pub fn is_tmf(&self) -> bool {
        !self.is_afu() && self.has(REQ_FLAGS_TMF_CMD)
    }
    /// A SCSI command that names a resource handle.
    pub fn by_handle(&self) -> bool {
        !self.is_afu() && !self.is_tmf() && self.has(REQ_FLAGS_RES_HNDL)
    }
    /// Data moves from the host.
    pub fn host_write(&self) -> bool {
        self.has(REQ_FLAGS_HOST_WRITE)
    }
    /// How long the AFU waits for the target; none for AFU commands, whose
    /// `timeout` only tells the driver how long to wait.
    pub fn time_limit(&self) -> Option<Ticks> {
        if self.timeout == 0 || self.is_afu() {
            return None;
        }
        // Unspecified: the AFU's cycle; we take 250 MHz.
        let unit = [1_000_000_000, 1_000_000, 1_000, 4][usize::from(self.req_flags >> 6 & 3)];
        Some(Ticks(u64::from(self.timeout) * unit))
    }
}

/// Status of a command, as far as the AFU writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ioasa {
    /// `rc.flags`.
    pub flags: u8,
    /// `rc.afu_rc`.
    pub afu_rc: u8,
    /// `rc.scsi_rc`.
    pub scsi_rc: u8,
    /// `rc.fc_rc`.
    pub fc_rc: u8,
    /// Bytes not moved, or too many.
    pub resid: u32,
    /// Port used.
    pub port: u8,
    /// Detail of `afu_rc`.
    pub afu_extra: u8,
    /// Detail of `scsi_rc`.
    pub scsi_extra: u8,
    /// Detail of `fc_rc`.
    pub fc_extra: u8,
    /// Sense data.
    pub sense: [u8; SENSE_LEN],
}

impl Ioasa {
    /// Ends with `afu_rc`.
    pub fn afu(rc: u8, extra: u8) -> Ioasa {
        Ioasa { afu_rc: rc, afu_extra: extra, ..Ioasa::default() }
    }
    /// Ends with `fc_rc`.
    pub fn fc(rc: u8) -> Ioasa {
        Ioasa { fc_rc: rc, ..Ioasa::default() }
    }
    /// Ends with CHECK CONDITION.
    pub fn check(sense: Sense) -> Ioasa {
        Ioasa {
            flags: super::codes::RC_FLAGS_SENSE_VALID,
            scsi_rc: super::codes::SCSI_RC_CHECK,
            sense: sense.bytes(),
            ..Ioasa::default()
        }
    }
    /// Ends with what the target refused a command with.
    pub fn refused(refusal: Refusal) -> Ioasa {
        match refusal {
            Refusal::Check(sense) => Ioasa::check(sense),
            Refusal::Status(status) => Ioasa { scsi_rc: status.0, ..Ioasa::default() },
        }
    }
    /// The four status bytes as one number, `flags` first; 0 is good.
    pub fn ioasc(&self) -> u32 {
        u32::from_be_bytes([self.flags, self.afu_rc, self.scsi_rc, self.fc_rc])
    }
    /// The bytes the AFU writes.
    pub fn bytes(&self, e: Endian) -> [u8; IOASA_LEN] {
        let mut raw = [0; IOASA_LEN];
        raw[..4].copy_from_slice(&self.ioasc().to_be_bytes());
        raw[4..8].copy_from_slice(&e.bytes32(self.resid));
        raw[8..12].copy_from_slice(&[self.port, self.afu_extra, self.scsi_extra, self.fc_extra]);
        raw[12..].copy_from_slice(&self.sense);
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_in_both_byte_orders() {
        let rcb = Ioarcb {
            ctx_id: 0x0102,
            req_flags: 0x8001,
            res_hndl: 0x0A0B_0C0D,
            lun_id: 0x1122_3344_5566_7788,
            data_len: 0x1000,
            data_ea: 0xCAFE_0000_0000_BEEF,
            msi: 2,
            timeout: 5,
            cdb: [0x88; 16],
            ioasa: 0x99,
        };
        for (e, at0, at4) in [(Endian::Big, 0x01, 0x0A), (Endian::Little, 0x02, 0x0D)] {
            let raw = rcb.bytes(e);
            assert_eq!((raw[0], raw[4], raw[0x20], raw[0x28]), (at0, at4, 2, 0x88));
            assert_eq!(Ioarcb::parse(&raw, e), rcb);
        }
    }

    #[test]
    fn time_limits_by_unit() {
        let limit = |flags: u16, timeout| {
            let raw = [0; IOARCB_LEN];
            let rcb = Ioarcb { req_flags: flags, timeout, ..Ioarcb::parse(&raw, Endian::Big) };
            rcb.time_limit().map(|t| t.0)
        };
        assert_eq!(limit(0, 0), None);
        assert_eq!(limit(0, 5), Some(5_000_000_000));
        assert_eq!(limit(0x40, 5), Some(5_000_000));
        assert_eq!(limit(0x80, 5), Some(5_000));
        assert_eq!(limit(0xC0, 5), Some(20));
        assert_eq!(limit(0x0002, 5), None);
    }
}
