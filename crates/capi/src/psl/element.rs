//! Process elements and the scheduled process area (CAIA 1.0, 4.3; layout
//! as in Linux's `struct cxl_process_element`): big-endian, in guest
//! memory, hostile until proved otherwise.

use super::regs::spap;
use fabric::bits::{b32, b64, field64};
use fabric::{GuestMemory, TranslationSpace};
use serde::{Deserialize, Serialize};

/// Bytes of a process element.
pub const ELEMENT_SIZE: u64 = 128;
/// Offset of `software_state` in an element.
pub const SOFTWARE_STATE: u64 = 0x7C;
/// `software_state`: valid.
pub const STATE_VALID: u32 = b32(0);
/// `software_state`: suspension requested.
pub const STATE_SUSPEND: u32 = b32(30);
/// `software_state`: terminate requested.
pub const STATE_TERMINATE: u32 = b32(31);

/// Where the scheduled process area lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spa {
    base: u64,
    elements: u32,
}

impl Spa {
    /// Decodes PSL_SPAP_An; nothing if it is not valid. The number of
    /// elements follows from the size alone (CAIA 1.0, 4.3).
    pub fn decode(register: u64) -> Option<Spa> {
        if spap::V.get(register) == 0 {
            return None;
        }
        let size = (spap::SIZE.get(register) + 1) * 4096;
        Some(Spa { base: register & spap::BASE.mask(), elements: ((size / 8 - 96) / 17) as u32 })
    }
    /// Number of elements that fit.
    pub fn elements(&self) -> u32 {
        self.elements
    }
    /// Real address of element `pe`.
    pub fn element(&self, pe: u16) -> u64 {
        self.base + ELEMENT_SIZE * u64::from(pe)
    }
    /// Real address of `sw_command_status`.
    pub fn status(&self) -> u64 {
        self.base + (u64::from(self.elements) + 3) * ELEMENT_SIZE
    }
    /// `software_state` of `pe`; all ones where there is no memory.
    pub fn software_state(&self, mem: &GuestMemory, pe: u16) -> u32 {
        mem.read_be32(self.element(pe) + SOFTWARE_STATE).unwrap_or(u32::MAX)
    }
}

/// A process element as the PSL read it, without `software_state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    words: [u64; 16],
}

/// What is wrong with an element at ADD, as bits of the trace field `malformed`.
pub mod malformed {
    #![allow(missing_docs)]
    pub const RANGE0_NOT_ONE: u64 = 1 << 0;
    pub const PSL_IVTE_ZERO: u64 = 1 << 1;
    pub const RESERVED_NOT_ZERO: u64 = 1 << 2;
    pub const PROBLEM_STATE_AND_PID: u64 = 1 << 3;
    pub const NOT_RADIX: u64 = 1 << 4;
    pub const NOT_HYPERVISOR: u64 = 1 << 5;
    pub const LPID_NOT_ZERO: u64 = 1 << 6;
    pub const PSL_IVTE_DIFFERS: u64 = 1 << 7;
    pub const IVTE_SHARED: u64 = 1 << 8;
}

impl Element {
    /// Reads an element at `ra`; nothing if it is not all memory.
    pub fn read(mem: &GuestMemory, ra: u64) -> Option<Element> {
        let mut words = [0; 16];
        for (i, word) in words.iter_mut().enumerate() {
            *word = mem.read_be64(ra + 8 * i as u64)?;
        }
        words[15] &= !u64::from(u32::MAX);
        Some(Element { words })
    }
    fn half(&self, offset: usize) -> u32 {
        let word = self.words[offset / 8];
        if offset.is_multiple_of(8) { (word >> 32) as u32 } else { word as u32 }
    }
    /// State register.
    pub fn sr(&self) -> u64 {
        self.words[0]
    }
    /// SR.MP: this is the master.
    pub fn is_master(&self) -> bool {
        self.sr() & b64(62) != 0
    }
    /// SR.PR: problem state.
    pub fn problem_state(&self) -> bool {
        self.sr() & b64(49) != 0
    }
    /// SR.R: addresses are translated.
    pub fn relocated(&self) -> bool {
        self.sr() & b64(59) != 0
    }
    /// SR.XLAT says radix host, radix tables.
    pub fn radix(&self) -> bool {
        field64(self.sr(), 5, 6) == 3
    }
    /// Logical partition.
    pub fn lpid(&self) -> u32 {
        self.half(0x34)
    }
    /// Process id: the index of the process table.
    pub fn pid(&self) -> u32 {
        self.half(0x3C)
    }
    /// Work element descriptor; it lies unaligned.
    pub fn wed(&self) -> u64 {
        (self.words[14] << 32) | (self.words[15] >> 32)
    }
    /// `ivte_offsets[i]`.
    pub fn ivte_offset(&self, i: usize) -> u16 {
        self.packed(0x24, i)
    }
    /// `ivte_ranges[i]`.
    pub fn ivte_range(&self, i: usize) -> u16 {
        self.packed(0x2C, i)
    }
    fn packed(&self, offset: usize, i: usize) -> u16 {
        let half = self.half(offset + (i / 2) * 4);
        if i.is_multiple_of(2) { (half >> 16) as u16 } else { half as u16 }
    }
    /// The address space of the element's addresses.
    pub fn space(&self) -> TranslationSpace {
        TranslationSpace { lpid: self.lpid(), pid: self.pid(), problem_state: self.problem_state() }
    }
    /// The IVTE of interrupt `lisn` by a walk over the four ranges (CAIA
    /// 1.0, 10.1.15); nothing beyond their sum.
    pub fn ivte(&self, lisn: u16) -> Option<u16> {
        let mut rest = lisn;
        for i in 0..4 {
            let count = self.ivte_range(i);
            if rest < count {
                return Some(self.ivte_offset(i).wrapping_add(rest));
            }
            rest -= count;
        }
        None
    }
    /// True if an AFU interrupt (ranges 1 to 3) could use `ivte`.
    pub fn uses_ivte(&self, ivte: u16) -> bool {
        (1..4).any(|i| ivte.wrapping_sub(self.ivte_offset(i)) < self.ivte_range(i))
    }
    /// True if AFU interrupt ranges of the two elements meet.
    pub fn shares_ivte(&self, other: &Element) -> bool {
        (1..4).any(|i| {
            let (first, count) = (self.ivte_offset(i), self.ivte_range(i));
            count != 0
                && (other.uses_ivte(first)
                    || (1..4).any(|j| {
                        other.ivte_range(j) != 0 && other.ivte_offset(j).wrapping_sub(first) < count
                    }))
        })
    }
    /// What is wrong with the element by itself: bits of [`malformed`].
    pub fn malformed(&self) -> u64 {
        use malformed::*;
        let rules = [
            (self.ivte_range(0) != 1, RANGE0_NOT_ONE),
            (self.ivte_offset(0) == 0, PSL_IVTE_ZERO),
            // haurp, ctxtime, csrp
            (self.words[3] != 0 || self.half(0x20) != 0 || self.words[8] != 0, RESERVED_NOT_ZERO),
            (self.problem_state() == (self.pid() == 0), PROBLEM_STATE_AND_PID),
            (!self.radix() || !self.relocated(), NOT_RADIX),
            (self.sr() & b64(3) == 0, NOT_HYPERVISOR),
            (self.lpid() != 0, LPID_NOT_ZERO),
        ];
        rules.iter().filter(|(wrong, _)| *wrong).fold(0, |bits, (_, bit)| bits | bit)
    }
}
