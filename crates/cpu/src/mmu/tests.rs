//! The views hold nothing that the TLB does not hold, whatever a guest does
//! to tables, process ids, MSR and TLB, in whatever order.

use super::*;
use crate::env::{NoPlatform, Platform};
use fabric::memory::Store;
use fabric::pci::Invalidate;
use fabric::{Rng, Ticks};

const MEMORY: u64 = 8 << 20;
const VALID: u64 = 1 << 63;
const LEAF: u64 = 1 << 62;
const PARTITIONS: u64 = 0x1_0000;
const PROCESSES: u64 = 0x1_1000;
const PIDS: u64 = 4;
/// Tables of a process: a root of 64 KiB, then the lower ones.
const TABLES: u64 = 0x10_0000;
const TABLES_SIZE: u64 = 0x2_0000;
/// First effective addresses of what the second, third and fourth entry of a
/// table of 2 MiB regions map: pages of 64 KiB, of 4 KiB, and one of 2 MiB.
const REGIONS: [(u64, u32); 3] = [(0, 16), (1 << 21, 12), (2 << 21, 21)];

fn tables(pid: u64) -> u64 {
    TABLES + pid * TABLES_SIZE
}
fn put(mem: &GuestMemory, at: u64, value: u64) {
    assert_eq!(mem.write_be64(at, value), Store::Done);
}
/// Trees of all processes without a page.
fn trees(mem: &GuestMemory) {
    put(mem, PARTITIONS + 8, PROCESSES);
    for pid in 0..PIDS {
        let root = tables(pid);
        let [second, third, pages, small] = [0x1_0000, 0x1_1000, 0x1_2000, 0x1_3000].map(|x| root + x);
        // 52 bits are mapped, 13 of them by the root.
        put(mem, PROCESSES + 16 * pid, 2 << 61 | 5 << 5 | root | 13);
        put(mem, root, VALID | second | 9);
        put(mem, second, VALID | third | 9);
        put(mem, third, VALID | pages | 5);
        put(mem, third + 8, VALID | small | 9);
    }
}

/// Some page of some process: where its leaf is, its address, its size.
fn page(rng: &mut Rng, small: bool) -> (u64, u64, u64, u32) {
    let pid = rng.below(PIDS);
    let (first, shift) = REGIONS[[0, 0, 2, usize::from(small)][rng.below(4) as usize]];
    let n = if shift == 21 { 0 } else { rng.below(6) };
    let at = tables(pid) + [0x1_2000, 0x1_3000, 0x1_1010][(first >> 21) as usize] + 8 * n;
    (pid, at, first + (n << shift), shift)
}
fn address(rng: &mut Rng, small: bool) -> u64 {
    let (_, _, ea, shift) = page(rng, small);
    let quadrant = if rng.below(2) == 0 { 0 } else { 3 << 62 };
    quadrant | ea | rng.below(1 << shift) & !0xFF
}

/// One thing that a guest may do.
fn act(rng: &mut Rng, small: bool, cpu: &mut Cpu, mem: &GuestMemory) {
    let mut env = Env { mem, platform: &mut NoPlatform };
    match rng.below(24) {
        0..=2 => {
            let (_, at, _, shift) = page(rng, small);
            let rpn = ((4 << 20) + rng.below(4 << 20)) & !((1 << shift) - 1);
            let leaf = VALID | LEAF | rpn | rng.below(16) | rng.below(4) << 7;
            put(mem, at, if rng.below(6) == 0 { 0 } else { leaf });
        }
        3 | 4 => {
            cpu.set_process(&mut env, rng.below(PIDS));
        }
        5 | 6 => {
            let on = msr::PR | msr::IR | msr::DR;
            let off = [0, msr::PR, msr::PR | msr::DR, msr::PR | msr::IR][rng.below(4) as usize];
            cpu.set_msr(cpu.msr & !on | on & !off);
        }
        7 => {
            let (pid, _, ea, page_shift) = page(rng, small);
            cpu.invalidate(match rng.below(8) {
                0 => Invalidate::All,
                1 | 2 => Invalidate::Pid(pid as u32),
                3 => Invalidate::Page { pid: pid as u32, ea: ea & !0x1F_FFFF, page_shift: 21 },
                _ => Invalidate::Page { pid: pid as u32, ea, page_shift },
            });
        }
        n => {
            let ea = address(rng, small);
            let _ = match n % 3 {
                0 => cpu.translate_data(&mut env, ea, Access::Read).map(|_| ()),
                1 => cpu.translate_data(&mut env, ea, Access::Write).map(|_| ()),
                _ => cpu.translate_fetch(&mut env, ea).map(|ra| cpu.micro.fill_code(ea, (ra >> 12) as u32)),
            };
        }
    }
}

/// What the views say of `ea`, the TLB has to say.
fn check(cpu: &Cpu, ea: u64) {
    let pid = if ea >> 62 == 3 { 0 } else { cpu.sprs.pidr as u32 };
    let tlb = |access| {
        let entry = cpu.tlb.find(ea, pid).filter(|e| e.permits(access, cpu.msr));
        entry.filter(|e| access != Access::Write || e.changed()).map(|e| e.ra(ea))
    };
    let real = |bit: u64, access| if cpu.msr & bit == 0 { Some(ea & REAL_MODE_MASK) } else { tlb(access) };
    for (access, said) in [(Access::Read, cpu.micro.read(ea, 1)), (Access::Write, cpu.micro.write(ea, 1))] {
        assert!(said.is_none() || said == real(msr::DR, access), "{ea:#x} {access:?}: {said:x?}");
    }
    let said = cpu.micro.code_page(ea);
    let holds = real(msr::IR, Access::Execute).map(|ra| (ra >> 12) as u32);
    assert!(said.is_none() || said == holds, "{ea:#x} fetch: {said:x?}");
}

#[test]
fn the_views_hold_nothing_that_the_tlb_does_not() {
    let mut hits = 0;
    for seed in 0..40 {
        let mut rng = Rng::named(seed, "views");
        let mem = GuestMemory::new(MEMORY).expect("8 MiB");
        trees(&mem);
        let mut cpu = Cpu::new(0);
        cpu.sprs.ptcr = PARTITIONS;
        cpu.set_msr(cpu.msr | msr::LE | msr::IR | msr::DR);
        for _ in 0..3000 {
            act(&mut rng, seed % 2 == 1, &mut cpu, &mem);
            for _ in 0..8 {
                let ea = address(&mut rng, seed % 2 == 1);
                check(&cpu, ea);
                hits += u32::from(cpu.micro.read(ea, 1).is_some());
            }
        }
    }
    assert!(hits > 20_000, "{hits} hits: too few to mean anything");
}

/// Who heard of what.
#[derive(Default)]
struct Heard {
    over: Vec<u32>,
    left: Vec<(u32, u64)>,
}

impl Platform for Heard {
    fn mmio_read(&mut self, _: Ticks, _: u64, _: &mut [u8]) {}
    fn mmio_write(&mut self, _: Ticks, _: u64, _: &[u8]) {}
    fn doorbell(&mut self, _: u32) {}
    fn tlbie(&mut self, _: Ticks, _: Invalidate) {}
    fn process_over(&mut self, pid: u32) {
        self.over.push(pid);
    }
    fn process_not_flushed(&mut self, _: Ticks, _: u32, pid: u32, ea: u64) {
        self.left.push((pid, ea));
    }
    fn random(&mut self) -> u64 {
        0
    }
}

/// A thread that has run process 2, with a translation of its page 3, and runs process 1 now.
fn after_two() -> (GuestMemory, Cpu) {
    let mem = GuestMemory::new(MEMORY).expect("8 MiB");
    trees(&mem);
    put(&mem, tables(2) + 0x1_2000 + 8 * 3, VALID | LEAF | 4 << 20 | 0x87);
    let mut cpu = Cpu::new(0);
    cpu.sprs.ptcr = PARTITIONS;
    cpu.set_msr(cpu.msr | msr::LE | msr::IR | msr::DR);
    let mut env = Env { mem: &mem, platform: &mut NoPlatform };
    cpu.set_process(&mut env, 2);
    assert!(cpu.translate_data(&mut env, 3 << 16, Access::Read).is_ok());
    cpu.set_process(&mut env, 1);
    (mem, cpu)
}

/// What is heard when the thread takes up process 2 after `between`.
fn taken_up(between: impl FnOnce(&mut Cpu, &GuestMemory)) -> Vec<(u32, u64)> {
    let (mem, mut cpu) = after_two();
    between(&mut cpu, &mem);
    let mut heard = Heard::default();
    let mut env = Env { mem: &mem, platform: &mut heard };
    cpu.set_process(&mut env, 2);
    cpu.set_process(&mut env, 1);
    cpu.set_process(&mut env, 2);
    heard.left
}

/// Another process has the id, with tables of its own.
fn reused(mem: &GuestMemory) {
    put(mem, PROCESSES + 16 * 2, 2 << 61 | 5 << 5 | tables(3) | 13);
}

#[test]
fn a_process_id_with_translations_of_another_process_is_noticed_once() {
    let left = [(2, 3 << 16)];
    assert_eq!(taken_up(|_, mem| reused(mem)), left);
    assert_eq!(taken_up(|cpu, _| cpu.process_over(2)), left, "the same root, for another process");
    assert_eq!(taken_up(|_, _| ()), []);
    assert_eq!(taken_up(|cpu, _| cpu.process_over(3)), []);
    let flushed = |cpu: &mut Cpu, mem: &GuestMemory| {
        reused(mem);
        cpu.invalidate(Invalidate::Pid(2));
    };
    assert_eq!(taken_up(flushed), []);
    let guest = |cpu: &mut Cpu, mem: &GuestMemory| {
        reused(mem);
        cpu.sprs.lpidr = 1;
    };
    assert_eq!(taken_up(guest), []);
}

#[test]
fn a_local_flush_of_a_process_without_tables_is_told_to_the_others() {
    // tlbiel r3,r4, of all of a process: IS=1 in RB, RIC=2, PRS, R.
    let tlbiel = isa::Word(31 << 26 | 4 << 21 | 2 << 18 | 1 << 17 | 1 << 16 | 3 << 11 | 274 << 1);
    let over = |tables: bool, local: bool| {
        let (mem, mut cpu) = after_two();
        if !tables {
            put(&mem, PROCESSES + 16 * 2, 0);
        }
        (cpu.gpr[3], cpu.gpr[4]) = (1 << 10, 2 << 32);
        let mut heard = Heard::default();
        cpu.tlb_invalidate(&mut Env { mem: &mem, platform: &mut heard }, tlbiel, local);
        heard.over
    };
    assert_eq!(over(false, true), [2]);
    assert!(over(true, true).is_empty());
    assert!(over(false, false).is_empty(), "tlbie: they drop it themselves");
}
