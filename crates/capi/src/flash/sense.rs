//! Sense data (SPC-4 4.5): key, additional code and qualifier, and the fixed
//! format in which SISLite returns it (20 bytes in the IOASA).

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
}

const fn sense(key: u8, asc: u8, ascq: u8) -> Sense {
    Sense { key, asc, ascq, info: None }
}

/// NO SENSE.
pub const NO_SENSE: Sense = sense(0x0, 0x00, 0x00);
/// NOT READY, CAUSE NOT REPORTABLE: the store is not attached.
pub const NOT_READY: Sense = sense(0x2, 0x04, 0x00);
/// MEDIUM ERROR, UNRECOVERED READ ERROR.
pub const READ_ERROR: Sense = sense(0x3, 0x11, 0x00);
/// MEDIUM ERROR, WRITE ERROR.
pub const WRITE_ERROR: Sense = sense(0x3, 0x0C, 0x00);
/// ILLEGAL REQUEST, INVALID FIELD IN COMMAND INFORMATION UNIT: FCP_DL does
/// not fit the CDB (FCP-4 9.4.2).
pub const INVALID_IU: Sense = sense(0x5, 0x0E, 0x03);
/// ILLEGAL REQUEST, PARAMETER LIST LENGTH ERROR.
pub const PARAMETER_LENGTH: Sense = sense(0x5, 0x1A, 0x00);
/// ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE.
pub const INVALID_OPCODE: Sense = sense(0x5, 0x20, 0x00);
/// ILLEGAL REQUEST, LOGICAL BLOCK ADDRESS OUT OF RANGE.
pub const LBA_RANGE: Sense = sense(0x5, 0x21, 0x00);
/// ILLEGAL REQUEST, INVALID FIELD IN CDB.
pub const INVALID_FIELD: Sense = sense(0x5, 0x24, 0x00);
/// ILLEGAL REQUEST, LOGICAL UNIT NOT SUPPORTED.
pub const NO_LUN: Sense = sense(0x5, 0x25, 0x00);
/// ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST.
pub const INVALID_PARAMETER: Sense = sense(0x5, 0x26, 0x00);
/// ILLEGAL REQUEST, SAVING PARAMETERS NOT SUPPORTED.
pub const NO_SAVING: Sense = sense(0x5, 0x39, 0x00);
/// UNIT ATTENTION, POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
pub const POWER_ON: Sense = sense(0x6, 0x29, 0x00);
/// UNIT ATTENTION, BUS DEVICE RESET FUNCTION OCCURRED.
pub const LUN_RESET: Sense = sense(0x6, 0x29, 0x03);
/// DATA PROTECT, WRITE PROTECTED.
pub const WRITE_PROTECTED: Sense = sense(0x7, 0x27, 0x00);
/// DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT.
pub const SPACE_ALLOCATION: Sense = sense(0x7, 0x27, 0x07);

impl Sense {
    /// With an LBA in the INFORMATION field, if it fits.
    pub fn at(self, lba: u64) -> Sense {
        Sense { info: u32::try_from(lba).ok(), ..self }
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
        out
    }
}
