//! Error injection by the port's own registers, as the adapter's tools use
//! them: FC_ERRINJ with FC_ERRINJ_DATA, FC_PE_ERRINJ with its data.
//!
//! FC_ERRINJ: 0x8000_0000 on, 0x1_0000 inject, 0x2_0000 again and again,
//! the type in 23:20, in 15:0 how many commands to let pass first.
//! FC_ERRINJ_DATA: status in 63:32, LBA in 31:0.

use super::FcPort;
use crate::afu::regs::fc;

const ON: u64 = 0x8000_0000;
const INJECT: u64 = 0x1_0000;
const PERMANENT: u64 = 0x2_0000;

/// What becomes of a command that an injection hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The medium fails at this block; the status is the device's.
    Medium {
        /// Block that fails.
        lba: u64,
        /// From FC_ERRINJ_DATA.
        status: u32,
    },
    /// This block's data are changed on their way, and nobody is told.
    BadData(u64),
    /// The transfer between device and AFU fails.
    Transfer,
    /// A parity error in the AFU's write buffer.
    Parity,
}

impl FcPort {
    /// A read or write of `blocks` from `lba` passes the port: the error
    /// that hits it, if there is one.
    pub fn inject(&mut self, write: bool, lba: u64, blocks: u64) -> Option<Injected> {
        if write && self.register(fc::FC_PE_ERRINJ) & 1 != 0 {
            // Unspecified: one write, then it is over.
            self.set(fc::FC_PE_ERRINJ, 0);
            return Some(Injected::Parity);
        }
        let (control, data) = (self.register(fc::FC_ERRINJ), self.register(fc::FC_ERRINJ_DATA));
        if control & (ON | INJECT) != ON | INJECT {
            return None;
        }
        let (at, status) = (data & 0xFFFF_FFFF, (data >> 32) as u32);
        let there = (lba..lba.saturating_add(blocks)).contains(&at);
        let medium = Injected::Medium { lba: at, status };
        let (hit, what) = match (control >> 20 & 0xF, write) {
            (1, true) | (2, false) => (there, medium),
            (3, true) | (4, false) => (there, Injected::BadData(at)),
            // Unspecified: whether the LBA counts here; the type is enough.
            (7, false) | (8, true) => (true, Injected::Transfer),
            _ => return None,
        };
        if !hit {
            return None;
        }
        if self.passed < control & 0xFFFF {
            self.passed += 1;
            return None;
        }
        self.passed = 0;
        if control & PERMANENT == 0 {
            self.set(fc::FC_ERRINJ, control & !ON);
        }
        Some(what)
    }

    /// Sets bits of FC_ERROR; the first error is captured. True if a bit
    /// that FC_ERRMSK lets through became set.
    pub fn error(&mut self, bits: u64) -> bool {
        let old = self.register(fc::FC_ERROR);
        self.set(fc::FC_ERROR, old | bits);
        if self.register(fc::FC_ERRCAP) == 0 {
            self.set(fc::FC_ERRCAP, bits);
        }
        bits & !old & !self.register(fc::FC_ERRMSK) != 0
    }

    /// Counts CRC errors; true if the threshold, if any, was passed by them.
    pub fn crc_errors(&mut self, count: u64) -> bool {
        let before = self.register(fc::FC_CNT_CRCERR);
        for counter in [fc::FC_CNT_CRCERR, fc::FC_CNT_CRCERR_RO, fc::FC_CNT_CRCTOT] {
            self.count(counter, count);
        }
        let threshold = self.register(fc::FC_CRC_THRESH);
        threshold != 0 && before <= threshold && before.saturating_add(count) > threshold
    }
}

#[cfg(test)]
mod tests {
    use super::super::PortConfig;
    use super::*;
    use crate::afu::regs::Word;

    fn port(control: u64, data: u64) -> FcPort {
        let mut p = FcPort::new(PortConfig { wwpn: 1, plugged: true }, 0);
        p.store(fc::FC_ERRINJ, Word::full(control));
        p.store(fc::FC_ERRINJ_DATA, Word::full(data));
        p
    }

    #[test]
    fn types_directions_and_places() {
        let medium = Some(Injected::Medium { lba: 9, status: 0x281 });
        // Type, then what hits a read and a write of 4 blocks from 8.
        for (kind, read, write) in [
            (1, None, medium),
            (2, medium, None),
            (3, None, Some(Injected::BadData(9))),
            (4, Some(Injected::BadData(9)), None),
            (7, Some(Injected::Transfer), None),
            (8, None, Some(Injected::Transfer)),
            (9, None, None),
        ] {
            for (is_write, want) in [(false, read), (true, write)] {
                let control = ON | INJECT | kind << 20;
                let mut p = port(control, 0x281 << 32 | 9);
                assert_eq!(p.inject(is_write, 10, 4), want.filter(|_| kind > 4), "elsewhere");
                let mut p = port(control, 0x281 << 32 | 9);
                assert_eq!(p.inject(is_write, 8, 4), want, "type {kind} write {is_write}");
                assert_eq!(p.inject(is_write, 8, 4), None, "once");
                let mut p = port(control & !ON, 9);
                assert_eq!(p.inject(is_write, 8, 4), None, "off");
            }
        }
    }

    #[test]
    fn interval_and_permanence() {
        let mut p = port(ON | INJECT | PERMANENT | 2 << 20 | 2, 5);
        let hits: Vec<bool> = (0..7).map(|_| p.inject(false, 5, 1).is_some()).collect();
        assert_eq!(hits, [false, false, true, false, false, true, false]);
        p.store(fc::FC_PE_ERRINJ_DATA, Word::full(0x10_0400));
        p.store(fc::FC_PE_ERRINJ, Word::full(1));
        assert_eq!(p.inject(false, 0, 1), None);
        assert_eq!(p.inject(true, 0, 1), Some(Injected::Parity));
        assert_eq!(p.inject(true, 0, 1), None);
    }

    #[test]
    fn thresholds_and_masks() {
        let mut p = port(0, 0);
        assert!(!p.crc_errors(500), "no threshold");
        assert_eq!((p.load(fc::FC_CNT_CRCERR), p.load(fc::FC_CNT_CRCERR)), (500, 0));
        p.store(fc::FC_CRC_THRESH, Word::full(100));
        assert!(!p.crc_errors(100));
        assert!(p.crc_errors(1));
        assert!(!p.crc_errors(1), "said once");
        assert_eq!((p.load(fc::FC_CNT_CRCERR_RO), p.load(fc::FC_CNT_CRCTOT)), (602, 602));
        assert!(!p.error(1), "masked after reset");
        p.store(fc::FC_ERRMSK, Word::full(0));
        assert!(p.error(1 << 20) && !p.error(1 << 20));
        assert_eq!((p.load(fc::FC_ERROR), p.load(fc::FC_ERRCAP)), (1 << 20 | 1, 1));
    }
}
