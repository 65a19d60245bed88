//! The one radix walker (Book III 5.7.10). Pure: memory and addresses in,
//! leaf or fault out; reference and change bits are set as it goes.

use fabric::{Access, GuestMemory, TranslateFault};

/// Entry valid, in every level.
const VALID: u64 = 1 << 63;
/// Leaf rather than directory.
const LEAF: u64 = 1 << 62;
/// Next-level base of a directory entry; process and partition tables too.
const BASE: u64 = 0x0FFF_FFFF_FFFF_FF00;
/// Real page number of a leaf.
const RPN: u64 = 0x01FF_FFFF_FFFF_F000;
/// Reference.
pub const R: u64 = 0x100;
/// Change.
pub const C: u64 = 0x80;
/// Memory attributes; 0x20 and 0x30 are cache-inhibited.
pub const ATT_CI: u64 = 0x20;
/// Encoded access authority: privileged only.
pub const EAA_PRIV: u64 = 8;
/// Read.
pub const EAA_READ: u64 = 4;
/// Read and write.
pub const EAA_WRITE: u64 = 2;
/// Execute.
pub const EAA_EXEC: u64 = 1;

/// The bits of a leaf that say where and which accesses lead.
pub const MEANING: u64 = RPN | 0x30 | EAA_PRIV | EAA_READ | EAA_WRITE | EAA_EXEC;

/// A translated page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf entry, R and C as updated.
    pub pte: u64,
    /// log2 of the page size.
    pub shift: u32,
}

impl Leaf {
    /// Real address of `ea`.
    pub fn ra(&self, ea: u64) -> u64 {
        let offset = (1u64 << self.shift) - 1;
        self.pte & RPN & !offset | ea & offset
    }
}

/// Effective address bits, root and its index bits from a table descriptor.
struct Root {
    bits: u32,
    base: u64,
    index_bits: u32,
}

fn root(descriptor: u64) -> Option<Root> {
    // RTS: two bits at 1:2 above three at 56:58; the tree maps 31 + RTS bits.
    let rts = (descriptor >> 61 & 3) << 3 | descriptor >> 5 & 7;
    let index_bits = (descriptor & 0x1F) as u32;
    let bits = 31 + rts as u32;
    (bits == 52 && index_bits == 13).then_some(Root { bits, base: descriptor & BASE, index_bits })
}

/// First doubleword of process-table entry `pid` of partition `lpid`, or a fault.
fn process_descriptor(mem: &GuestMemory, ptcr: u64, lpid: u32, pid: u32) -> Result<u64, TranslateFault> {
    let bad = TranslateFault::BadTable;
    let partitions = 1u64 << ((ptcr & 0x1F) + 12 - 4);
    if lpid as u64 >= partitions {
        return Err(bad);
    }
    let pate = (ptcr & 0x0FFF_FFFF_FFFF_F000) + lpid as u64 * 16;
    let dw1 = mem.read_be64(pate + 8).ok_or(bad)?;
    let processes = 1u64 << ((dw1 & 0x1F) + 12 - 4);
    if pid as u64 >= processes {
        return Err(TranslateFault::NoTranslation);
    }
    let prte = (dw1 & 0x0FFF_FFFF_FFFF_F000) + pid as u64 * 16;
    let dw0 = mem.read_be64(prte).ok_or(bad)?;
    if dw0 == 0 {
        return Err(TranslateFault::NoTranslation);
    }
    Ok(dw0)
}

/// The tree of process `pid` of partition `lpid`, or a fault.
fn process_root(mem: &GuestMemory, ptcr: u64, lpid: u32, pid: u32) -> Result<Root, TranslateFault> {
    root(process_descriptor(mem, ptcr, lpid, pid)?).ok_or(TranslateFault::BadTable)
}

/// Whether a leaf permits an access from problem state or not.
pub fn permits(pte: u64, access: Access, problem: bool) -> bool {
    if problem && pte & EAA_PRIV != 0 {
        return false;
    }
    match access {
        Access::Read => pte & (EAA_READ | EAA_WRITE) != 0,
        Access::Write => pte & EAA_WRITE != 0,
        Access::Execute => pte & EAA_EXEC != 0,
    }
}

/// Translates `ea` (without its quadrant bits) of process `pid`.
pub fn translate(
    mem: &GuestMemory,
    ptcr: u64,
    lpid: u32,
    pid: u32,
    ea: u64,
    access: Access,
    problem: bool,
) -> Result<Leaf, TranslateFault> {
    let (at, pte, shift) = find(mem, ptcr, lpid, pid, ea)?;
    leaf(mem, at, pte, shift, access, problem)
}

/// The leaf of `ea` of process `pid` of the host, whatever it permits;
/// changes nothing.
pub fn peek(mem: &GuestMemory, ptcr: u64, pid: u32, ea: u64) -> Option<Leaf> {
    let (_, pte, shift) = find(mem, ptcr, 0, pid, ea).ok()?;
    Some(Leaf { pte, shift })
}

/// The first doubleword of the process table entry of process `pid` of the host, if it has tables.
pub fn tables(mem: &GuestMemory, ptcr: u64, pid: u32) -> Option<u64> {
    process_descriptor(mem, ptcr, 0, pid).ok()
}

/// True if process `pid` of the host has tables.
pub fn has_tables(mem: &GuestMemory, ptcr: u64, pid: u32) -> bool {
    process_root(mem, ptcr, 0, pid).is_ok()
}

/// Walks to a leaf: its address, itself, log2 of its page size.
fn find(
    mem: &GuestMemory,
    ptcr: u64,
    lpid: u32,
    pid: u32,
    ea: u64,
) -> Result<(u64, u64, u32), TranslateFault> {
    let Root { bits, mut base, mut index_bits } = process_root(mem, ptcr, lpid, pid)?;
    let ea = ea & 0x3FFF_FFFF_FFFF_FFFF;
    if ea >> bits != 0 {
        return Err(TranslateFault::NoTranslation);
    }
    let mut remaining = bits;
    loop {
        remaining -= index_bits;
        let index = ea >> remaining & ((1 << index_bits) - 1);
        let at = base + index * 8;
        let entry = mem.read_be64(at).ok_or(TranslateFault::BadTable)?;
        if entry & VALID == 0 {
            return Err(TranslateFault::NoTranslation);
        }
        if entry & LEAF != 0 {
            return Ok((at, entry, remaining));
        }
        base = entry & BASE;
        index_bits = (entry & 0x1F) as u32;
        // The sizes that POWER9 knows (User's Manual 4.10.4.1); the walk ends.
        if !matches!((remaining, index_bits), (39 | 30 | 21, 9) | (21, 5)) {
            return Err(TranslateFault::BadTable);
        }
    }
}

fn leaf(
    mem: &GuestMemory,
    at: u64,
    pte: u64,
    shift: u32,
    access: Access,
    problem: bool,
) -> Result<Leaf, TranslateFault> {
    if !matches!(shift, 12 | 16 | 21 | 30) {
        return Err(TranslateFault::BadTable);
    }
    if !permits(pte, access, problem) {
        return Err(TranslateFault::Protection);
    }
    let updated = pte | R | if access == Access::Write { C } else { 0 };
    if updated != pte {
        // Within memory: it was read just now. Tables are not code.
        let _ = mem.write_be64(at, updated);
    }
    Ok(Leaf { pte: updated, shift })
}
