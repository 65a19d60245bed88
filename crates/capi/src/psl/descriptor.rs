//! The AFU descriptor with its configuration record and error buffer
//! (CAIA 1.0, 11.1). Descriptor words are big-endian, the record is
//! little-endian as configuration space is.

use super::config::{ConfigSpace, Layout};
use serde::{Deserialize, Serialize};

/// Offset of the configuration record in the descriptor.
pub const RECORD_OFFSET: u64 = 0x100;
/// Bytes of the record.
pub const RECORD_SIZE: u64 = 0x100;
/// Offset of the AFU error buffer in the descriptor.
pub const ERROR_OFFSET: u64 = 0x1000;
/// Bytes of the error buffer.
pub const ERROR_SIZE: u64 = 0x1000;
/// Bytes of problem state of one process element.
pub const PER_PROCESS: u64 = 0x10000;

/// Modes in word 0: several modes, AFU-directed.
const MODES: u64 = 0x8004;

/// The descriptor of the one AFU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Interrupts per process: the least a user may ask for.
    interrupts: u16,
    /// Process elements.
    processes: u16,
    record: ConfigSpace,
}

impl Descriptor {
    /// A descriptor after power-on.
    pub fn new(interrupts: u16, processes: u16, afu_device: u16) -> Descriptor {
        let mut record = ConfigSpace::new(Layout::Record);
        record.poke(0x02, &afu_device.to_le_bytes());
        record.poke(0x2E, &afu_device.to_le_bytes());
        Descriptor { interrupts, processes, record }
    }
    /// The 64-bit word at `offset` (a multiple of 8).
    fn word(&self, offset: u64) -> u64 {
        match offset {
            0x00 => u64::from(self.interrupts) << 48 | u64::from(self.processes) << 32 | 1 << 16 | MODES,
            0x20 => RECORD_SIZE / 256,
            0x28 => RECORD_OFFSET,
            // Both kinds of problem state area; length of one in 4 KiB.
            0x30 => 0x0300_0000_0000_0000 | (PER_PROCESS / 4096),
            0x40 => ERROR_SIZE / 4096,
            0x48 => ERROR_OFFSET,
            _ => 0,
        }
    }
    /// A load of `data.len()` bytes at `offset`: 4 or 8, aligned (the caller
    /// sees to it). `error` is what the AFU says of itself.
    pub fn read(&self, offset: u64, data: &mut [u8], error: u64) {
        if (RECORD_OFFSET..RECORD_OFFSET + RECORD_SIZE).contains(&offset) {
            return self.record.read(offset - RECORD_OFFSET, data);
        }
        let base = offset & !7;
        let word = match base {
            ERROR_OFFSET => error,
            _ => self.word(base),
        };
        let bytes = word.to_be_bytes();
        let from = (offset & 7) as usize;
        for (b, v) in data.iter_mut().zip(&bytes[from..]) {
            *b = *v;
        }
    }
    /// A store; false if it is not to the record, and dropped.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> bool {
        let inside = (RECORD_OFFSET..RECORD_OFFSET + RECORD_SIZE).contains(&offset);
        if inside {
            self.record.write(offset - RECORD_OFFSET, data);
        }
        inside
    }
}
