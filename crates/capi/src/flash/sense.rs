//! How a command may be refused: sense data (SPC-4 4.5) in the fixed format
//! in which SISLite returns it (20 bytes in the IOASA), or a status alone.

use serde::{Deserialize, Serialize};

/// Length of the sense field of an IOASA (`SISL_SENSE_DATA_LEN`).
pub const SENSE_LEN: usize = 20;

/// Why a command ended with CHECK CONDITION.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sense {
    /// Sense key.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Additional sense code qualifier.
    pub ascq: u8,
    /// INFORMATION field, an LBA for medium errors.
    pub info: Option<u32>,
    /// Where the mistake is, for ILLEGAL REQUEST.
    pub pointer: Option<FieldPointer>,
}

/// Field pointer of the sense-key specific bytes (SPC-4 4.5.2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPointer {
    /// In the CDB; otherwise in the parameter list.
    pub in_cdb: bool,
    /// First byte of the field.
    pub byte: u16,
    /// Its leftmost bit that is wrong, 7 to 0, if it is not a field of bytes.
    pub bit: Option<u8>,
}

/// A status without sense data (SAM-5 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status(pub u8);

/// BUSY.
pub const BUSY: Status = Status(0x08);
/// RESERVATION CONFLICT.
pub const RESERVATION_CONFLICT: Status = Status(0x18);
/// TASK SET FULL.
pub const TASK_SET_FULL: Status = Status(0x28);

/// Why a command does not do what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// CHECK CONDITION with these sense data.
    Check(Sense),
    /// This status, no sense data.
    Status(Status),
}

impl From<Sense> for Refusal {
    fn from(sense: Sense) -> Refusal {
        Refusal::Check(sense)
    }
}
impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal::Status(status)
    }
}

/// Declares sense data by key, code and qualifier, and the table of all.
macro_rules! senses {
    ($($(#[$doc:meta])* $name:ident $key:literal $asc:literal $ascq:literal;)*) => {
        $($(#[$doc])* pub const $name: Sense =
            Sense { key: $key, asc: $asc, ascq: $ascq, info: None, pointer: None };)*
        /// All of them by name.
        pub const ALL: &[(&str, Sense)] = &[$((stringify!($name), $name)),*];
    };
}

senses! {
    /// NO SENSE.
    NO_SENSE 0x0 0x00 0x00;
    /// RECOVERED ERROR, RECOVERED DATA WITH ERROR CORRECTION APPLIED.
    CORRECTED 0x1 0x18 0x00;
    /// NOT READY, CAUSE NOT REPORTABLE: the store is not attached.
    NOT_READY 0x2 0x04 0x00;
    /// NOT READY, LOGICAL UNIT IS IN PROCESS OF BECOMING READY.
    BECOMING_READY 0x2 0x04 0x01;
    /// NOT READY, INITIALIZING COMMAND REQUIRED: it was stopped.
    STOPPED 0x2 0x04 0x02;
    /// MEDIUM ERROR, WRITE ERROR.
    WRITE_ERROR 0x3 0x0C 0x00;
    /// MEDIUM ERROR, UNRECOVERED READ ERROR.
    READ_ERROR 0x3 0x11 0x00;
    /// HARDWARE ERROR, INTERNAL TARGET FAILURE: the store of the blocks failed.
    TARGET_FAILURE 0x4 0x44 0x00;
    /// ILLEGAL REQUEST, INVALID FIELD IN COMMAND INFORMATION UNIT: FCP_DL does
    /// not fit the CDB (FCP-4 9.4.2).
    INVALID_IU 0x5 0x0E 0x03;
    /// ILLEGAL REQUEST, PARAMETER LIST LENGTH ERROR.
    PARAMETER_LENGTH 0x5 0x1A 0x00;
    /// ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE.
    INVALID_OPCODE 0x5 0x20 0x00;
    /// ILLEGAL REQUEST, LOGICAL BLOCK ADDRESS OUT OF RANGE.
    LBA_RANGE 0x5 0x21 0x00;
    /// ILLEGAL REQUEST, INVALID FIELD IN CDB.
    INVALID_FIELD 0x5 0x24 0x00;
    /// ILLEGAL REQUEST, LOGICAL UNIT NOT SUPPORTED.
    NO_LUN 0x5 0x25 0x00;
    /// ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST.
    INVALID_PARAMETER 0x5 0x26 0x00;
    /// ILLEGAL REQUEST, INVALID RELEASE OF PERSISTENT RESERVATION.
    INVALID_RELEASE 0x5 0x26 0x04;
    /// ILLEGAL REQUEST, SAVING PARAMETERS NOT SUPPORTED.
    NO_SAVING 0x5 0x39 0x00;
    /// UNIT ATTENTION, POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
    POWER_ON 0x6 0x29 0x00;
    /// UNIT ATTENTION, BUS DEVICE RESET FUNCTION OCCURRED.
    LUN_RESET 0x6 0x29 0x03;
    /// UNIT ATTENTION, MODE PARAMETERS CHANGED.
    MODE_CHANGED 0x6 0x2A 0x01;
    /// UNIT ATTENTION, RESERVATIONS PREEMPTED.
    RESERVATIONS_PREEMPTED 0x6 0x2A 0x03;
    /// UNIT ATTENTION, RESERVATIONS RELEASED.
    RESERVATIONS_RELEASED 0x6 0x2A 0x04;
    /// UNIT ATTENTION, REGISTRATIONS PREEMPTED.
    REGISTRATIONS_PREEMPTED 0x6 0x2A 0x05;
    /// UNIT ATTENTION, CAPACITY DATA HAS CHANGED.
    CAPACITY_CHANGED 0x6 0x2A 0x09;
    /// UNIT ATTENTION, INQUIRY DATA HAS CHANGED.
    INQUIRY_CHANGED 0x6 0x3F 0x03;
    /// UNIT ATTENTION, REPORTED LUNS DATA HAS CHANGED.
    LUNS_CHANGED 0x6 0x3F 0x0E;
    /// DATA PROTECT, WRITE PROTECTED.
    WRITE_PROTECTED 0x7 0x27 0x00;
    /// DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT.
    SPACE_ALLOCATION 0x7 0x27 0x07;
    /// MISCOMPARE, MISCOMPARE DURING VERIFY OPERATION.
    MISCOMPARE 0xE 0x1D 0x00;
}

impl Sense {
    /// With an LBA, or an offset, in the INFORMATION field, if it fits.
    pub fn at(self, lba: u64) -> Sense {
        Sense { info: u32::try_from(lba).ok(), ..self }
    }
    /// With a pointer to a byte of the CDB, and a bit of it.
    pub fn in_cdb(self, byte: u16, bit: Option<u8>) -> Sense {
        Sense { pointer: Some(FieldPointer { in_cdb: true, byte, bit }), ..self }
    }
    /// With a pointer to a byte of the parameter list.
    pub fn in_list(self, byte: u16, bit: Option<u8>) -> Sense {
        Sense { pointer: Some(FieldPointer { in_cdb: false, byte, bit }), ..self }
    }
    /// The same without pointer: key, code and qualifier are what tests compare.
    pub fn code(self) -> (u8, u8, u8) {
        (self.key, self.asc, self.ascq)
    }
    /// Fixed format, current error (SPC-4 4.5.3), padded with zeros.
    pub fn bytes(&self) -> [u8; SENSE_LEN] {
        let mut out = [0; SENSE_LEN];
        out[0] = 0x70;
        out[2] = self.key;
        out[7] = 10;
        out[12] = self.asc;
        out[13] = self.ascq;
        if let Some(info) = self.info {
            out[0] |= 0x80;
            out[3..7].copy_from_slice(&info.to_be_bytes());
        }
        if let Some(p) = self.pointer {
            // SKSV, C/D, BPV, BIT POINTER.
            out[15] = 0x80 | u8::from(p.in_cdb) << 6 | p.bit.map_or(0, |b| 0x08 | b & 7);
            out[16..18].copy_from_slice(&p.byte.to_be_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_format_with_information_and_field_pointer() {
        let bytes = READ_ERROR.at(0x1234).bytes();
        assert_eq!(bytes[..14], [0xF0, 0, 3, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0]);
        assert_eq!(READ_ERROR.at(1 << 32).bytes()[0], 0x70, "does not fit: not valid");
        assert_eq!(INVALID_FIELD.in_cdb(2, None).bytes()[15..18], [0xC0, 0, 2]);
        assert_eq!(INVALID_FIELD.in_cdb(1, Some(4)).bytes()[15..18], [0xCC, 0, 1]);
        assert_eq!(INVALID_PARAMETER.in_list(300, None).bytes()[15..18], [0x80, 1, 44]);
    }

    #[test]
    fn no_two_names_for_one_code() {
        for (i, (name, s)) in ALL.iter().enumerate() {
            assert!(!ALL[..i].iter().any(|(_, other)| other.code() == s.code()), "{name}");
        }
    }
}
