//! Radix page tables as a hostile guest writes them.

use cpu::mmu::radix;
use fabric::{Access, GuestMemory};

const MEMORY: u64 = 1 << 20;
/// Partition table, process table, and the root of the tree in [`identity`].
const PARTITIONS: u64 = 0x8_0000;
const PROCESSES: u64 = 0x8_1000;
const ROOT: u64 = 0x9_0000;
const LEVEL: u64 = 0xA_0000;
const PAGES: u64 = 0xB_0000;
/// PTCR of [`identity`].
pub const PTCR: u64 = PARTITIONS;

const VALID: u64 = 1 << 63;
const LEAF: u64 = 1 << 62;

/// Processes 0 to 3 see memory at its own addresses in 64 KiB pages, with everything permitted to all.
pub fn identity(mem: &GuestMemory) {
    let put = |ra: u64, value: u64| {
        let _ = mem.write_be64(ra, value);
    };
    // Host radix, then the process table: 2^(0+12) bytes.
    put(PARTITIONS, VALID);
    put(PARTITIONS + 8, PROCESSES);
    for pid in 0..4 {
        // Tree of 52 bits: RTS 21 over 31 in two fields, root of 13 index bits.
        put(PROCESSES + pid * 16, 0x4000_0000_0000_00A0 | ROOT | 13);
    }
    put(ROOT, VALID | LEVEL | 9);
    put(LEVEL, VALID | PAGES | 9);
    // Bits 52-13-9 = 30, 21 left, then 5 bits of 64 KiB pages.
    put(PAGES, VALID | (PAGES + 0x1000) | 5);
    for page in 0..MEMORY >> 16 {
        put(PAGES + 0x1000 + page * 8, VALID | LEAF | page << 16 | 0x187);
    }
}

/// The orderly tree, and what is wrong with it in many ways.
pub fn seeds() -> Vec<Vec<u8>> {
    let entry = |at: u64, value: u64| [at.to_le_bytes(), value.to_le_bytes()].concat();
    let mut all =
        vec![vec![], entry(ROOT, VALID | ROOT | 9), entry(PROCESSES, 0x4000_0000_0000_00A0 | ROOT | 31)];
    for bits in 0..32 {
        all.push(entry(PROCESSES, 0x4000_0000_0000_00A0 | ROOT | bits));
        all.push(entry(ROOT, VALID | LEVEL | bits));
        all.push(entry(PARTITIONS + 8, PROCESSES | bits));
        all.push(entry(PROCESSES, bits << 59 | 0xFF | ROOT));
    }
    all
}

/// Overwrites entries (address, value), then translates whatever could be asked for.
pub fn run(data: &[u8]) {
    let mem = GuestMemory::new(MEMORY).expect("the host has a mebibyte");
    identity(&mem);
    let mut asked = vec![(0, 0, PTCR), (0xC000_0000_0000_0000, 1, PTCR), (0xFFFF_FFFF, 3, PTCR)];
    for step in data.chunks_exact(16) {
        let number = |at: usize| u64::from_le_bytes(step[at..at + 8].try_into().expect("eight bytes"));
        let (at, value) = (number(0), number(8));
        match at >> 60 {
            0..8 => {
                let places = [PARTITIONS, PROCESSES, ROOT, LEVEL, PAGES, PAGES + 0x1000];
                let near = places[(at >> 32) as usize % places.len()] + (at & 0x78);
                let ra = if at < MEMORY { at } else { near };
                let _ = mem.write_be64(ra, value);
            }
            8..12 => asked.push((value, at as u32 & 0xF_FFFF, PTCR)),
            _ => asked.push((at << 4, 0, value)),
        }
    }
    for (ea, pid, ptcr) in asked {
        radix::peek(&mem, ptcr, pid, ea);
        for (access, problem) in [(Access::Read, true), (Access::Write, false), (Access::Execute, true)] {
            if let Ok(leaf) = radix::translate(&mem, ptcr, pid >> 12, pid, ea, access, problem) {
                leaf.ra(ea);
            }
        }
    }
}
