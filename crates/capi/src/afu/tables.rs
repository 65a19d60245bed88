//! RHT and LXT entries, and the AFU's copies of them.
//!
//! The driver changes an entry in memory and then sends a sync. A copy may
//! live until that sync; in strict mode it does live that long, so that a
//! missing sync shows as a stale translation.

use super::ioarcb::Endian;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of an RHT entry.
pub const RHT_ENTRY: u64 = 16;
/// Bytes of an LXT entry.
pub const LXT_ENTRY: u64 = 8;
/// Bit 0 of `sisl_rht_entry_f1.valid`.
const F1_VALID: u8 = 0x80;

/// An RHT entry as fetched (`struct sisl_rht_entry`, `sisl_rht_entry_f1`).
pub type RhtRaw = [u8; RHT_ENTRY as usize];

/// What an RHT entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Format 0: blocks through an LXT.
    Virtual {
        /// Address of the LXT.
        lxt_start: u64,
        /// Its entries.
        lxt_cnt: u32,
        /// log2 of the blocks per entry.
        nmask: u8,
    },
    /// Format 1: a whole unit.
    Physical {
        /// SAM LUN.
        lun_id: u64,
        /// Ports that may be used.
        port_sel: u8,
    },
}

/// Permissions of an entry: 1 read, 2 write.
pub fn rht_perm(raw: &RhtRaw) -> u8 {
    raw[14] & 3
}

/// Reads an entry; `None` for an unknown format or one that is not valid.
pub fn rht_resource(raw: &RhtRaw, e: Endian) -> Option<Resource> {
    match raw[14] >> 4 {
        0 => Some(Resource::Virtual {
            lxt_start: e.get(&raw[0..8]),
            lxt_cnt: e.get(&raw[8..12]) as u32,
            nmask: raw[15],
        }),
        1 if raw[8] & F1_VALID != 0 => {
            Some(Resource::Physical { lun_id: e.get(&raw[0..8]), port_sel: raw[15] & 0xF })
        }
        _ => None,
    }
}

/// An LXT entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lxt(pub u64);

impl Lxt {
    /// First block of the chunk on the unit.
    pub fn base(self) -> u64 {
        self.0 & !0xFFFF
    }
    /// Index of the unit in the LUN table of the port.
    pub fn lun_index(self) -> usize {
        (self.0 >> 8 & 0xFF) as usize
    }
    /// 1 read, 2 write.
    pub fn perm(self) -> u8 {
        (self.0 >> 4 & 3) as u8
    }
    /// Ports that may be used.
    pub fn port_sel(self) -> u8 {
        (self.0 & 0xF) as u8
    }
}

// Unspecified: how much a real AFU keeps. The limits only keep a guest from
// filling the host's memory; reaching one forgets a context, then all.
const MAX_RHT: usize = 1 << 16;
const MAX_LXT: usize = 1 << 18;

/// Copies of entries, by context and handle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copies {
    rht: BTreeMap<(u16, u32), RhtRaw>,
    lxt: BTreeMap<(u16, u32, u64), u64>,
}

impl Copies {
    /// The copy of an RHT entry.
    pub fn rht(&self, ctx: u16, handle: u32) -> Option<RhtRaw> {
        self.rht.get(&(ctx, handle)).copied()
    }
    /// The copy of an LXT entry.
    pub fn lxt(&self, ctx: u16, handle: u32, index: u64) -> Option<u64> {
        self.lxt.get(&(ctx, handle, index)).copied()
    }
    /// Keeps an RHT entry.
    pub fn keep_rht(&mut self, ctx: u16, handle: u32, raw: RhtRaw) {
        if self.rht.len() >= MAX_RHT {
            self.forget_context(ctx);
            if self.rht.len() >= MAX_RHT {
                self.rht.clear();
            }
        }
        self.rht.insert((ctx, handle), raw);
    }
    /// Keeps an LXT entry.
    pub fn keep_lxt(&mut self, ctx: u16, handle: u32, index: u64, raw: u64) {
        if self.lxt.len() >= MAX_LXT {
            self.forget_context(ctx);
            if self.lxt.len() >= MAX_LXT {
                self.lxt.clear();
            }
        }
        self.lxt.insert((ctx, handle, index), raw);
    }
    /// A sync of one handle.
    pub fn forget(&mut self, ctx: u16, handle: u32) {
        self.rht.remove(&(ctx, handle));
        take_range(&mut self.lxt, (ctx, handle, 0), (ctx, handle, u64::MAX));
    }
    /// The context or its tables changed.
    pub fn forget_context(&mut self, ctx: u16) {
        take_range(&mut self.rht, (ctx, 0), (ctx, u32::MAX));
        take_range(&mut self.lxt, (ctx, 0, 0), (ctx, u32::MAX, u64::MAX));
    }
    /// AFU reset.
    pub fn clear(&mut self) {
        self.rht.clear();
        self.lxt.clear();
    }
}

fn take_range<K: Ord + Copy, V>(map: &mut BTreeMap<K, V>, from: K, to: K) {
    while let Some(key) = map.range(from..=to).next().map(|(k, _)| *k) {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_as_the_driver_builds_them() {
        // rlba_base: aun << 16 | index << 8 | 3 << 4 | port mask
        let lxt = Lxt(0x12 << 16 | 0x34 << 8 | 3 << 4 | 2);
        assert_eq!((lxt.base(), lxt.lun_index(), lxt.perm(), lxt.port_sel()), (0x12_0000, 0x34, 3, 2));
        let mut f1 = [0; 16];
        f1[..8].copy_from_slice(&0x0001_0000_0000_0000u64.to_le_bytes());
        (f1[8], f1[14], f1[15]) = (0x80, 0x13, 3);
        let physical = Resource::Physical { lun_id: 0x0001_0000_0000_0000, port_sel: 3 };
        assert_eq!((rht_perm(&f1), rht_resource(&f1, Endian::Little)), (3, Some(physical)));
        f1[8] = 0;
        assert_eq!(rht_resource(&f1, Endian::Little), None);
    }

    #[test]
    fn a_sync_forgets_one_handle() {
        let mut c = Copies::default();
        for handle in 0..3 {
            c.keep_rht(7, handle, [1; 16]);
            c.keep_lxt(7, handle, 5, 9);
        }
        c.forget(7, 1);
        assert_eq!((c.rht(7, 1), c.lxt(7, 1, 5)), (None, None));
        assert!(c.rht(7, 0).is_some() && c.lxt(7, 2, 5).is_some());
        c.forget_context(7);
        assert_eq!(c, Copies::default());
    }
}
