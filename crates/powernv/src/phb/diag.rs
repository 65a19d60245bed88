//! The diagnostic data of a PHB4 (OPAL_PCI_GET_PHB_DIAG_DATA2).

use super::{Phb, eeh};
use crate::map;

const VERSION: u32 = 1;
const TYPE_PHB4: u32 = 3;
/// Three common words, bridge control, five status and eight AER words, a
/// word of padding, 39 registers; then two 64-bit words for each PE.
const PEST_A: usize = 0x48 + 39 * 8;
const PEST_B: usize = PEST_A + 8 * map::NUM_PES as usize;
const PEST_STOPPED: u64 = 1 << 63;

impl Phb {
    /// The data as the kernel prints it. Unspecified: the error registers
    /// read zero; only the frozen PEs are told.
    pub(crate) fn diag_data(&self) -> Vec<u8> {
        let mut out = vec![0; map::DIAG_BYTES];
        let common = [VERSION, TYPE_PHB4, map::DIAG_BYTES as u32];
        for (i, word) in common.into_iter().enumerate() {
            out[4 * i..4 * i + 4].copy_from_slice(&word.to_be_bytes());
        }
        for (pe, bits) in self.errors.all_frozen() {
            let places = [(PEST_A, eeh::FREEZE_MMIO), (PEST_B, eeh::FREEZE_DMA)];
            for (at, bit) in places.map(|(pest, bit)| (pest + 8 * usize::from(pe), bit)) {
                if bits & bit != 0 {
                    out[at..at + 8].copy_from_slice(&PEST_STOPPED.to_be_bytes());
                }
            }
        }
        out
    }
}

const _: () = assert!(PEST_B + 8 * map::NUM_PES as usize == map::DIAG_BYTES);
