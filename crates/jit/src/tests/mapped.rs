//! Random programs of a kernel and three processes, with translation on:
//! calls and returns within pages and across them, returns to where nobody
//! called from, system calls and returns from them, changes of process, pages
//! that are mapped elsewhere meanwhile, and code that stores to code.

use super::{setting, translates};
use crate::Threshold;
use cpu::env::NoPlatform;
use cpu::{CodeCache, Cpu, Env, Exit, msr};
use fabric::hash::StateHasher;
use fabric::memory::Store;
use fabric::pci::Invalidate;
use fabric::{GuestMemory, Rng};

/// 32 pages of 4 KiB: 8 of the kernel's code, 8 of user code, tables, data.
const MEMORY: u64 = 32 << 12;
const CODE_PAGES: u64 = 16;
const KERNEL_PAGES: u64 = 8;
const PARTITIONS: u64 = 24 << 12;
const PROCESSES: u64 = 25 << 12;
const TREES: u64 = 26 << 12;
const DATA_PAGE: u64 = 28;
/// The kernel's addresses: memory from 0 on.
const KERNEL: u64 = 3 << 62;
const PIDS: u64 = 4;
/// Pages of a process: those of code, then two of data.
const USER_CODE: u64 = 12;
const SLICES: u64 = 60;

const VALID: u64 = 1 << 63;
const LEAF: u64 = 1 << 62;
/// Readable, writable, executable; for the kernel alone.
const ALL: u64 = 7;
const PRIVILEGED: u64 = 8;

const SUPERVISOR: u64 = msr::SF | msr::HV | msr::ME | msr::LE | msr::IR | msr::DR;
const USER: u64 = SUPERVISOR | msr::PR | msr::EE;

fn put(mem: &GuestMemory, at: u64, value: u64) {
    assert_eq!(mem.write_be64(at, value), Store::Done);
}
/// Where the leaf of page `n` of a process is.
fn leaf(pid: u64, n: u64) -> u64 {
    TREES + 0x800 * pid + 0x300 + 8 * n
}
/// The leaf of a page of a process; the same page is elsewhere in each.
fn user_leaf(rng: &mut Rng, n: u64) -> u64 {
    let page = match n {
        0..USER_CODE => KERNEL_PAGES + rng.below(CODE_PAGES - KERNEL_PAGES),
        _ => DATA_PAGE + rng.below(4),
    };
    if rng.below(64) == 0 { 0 } else { VALID | LEAF | page << 12 | ALL }
}
fn trees(mem: &GuestMemory, rng: &mut Rng) {
    put(mem, PARTITIONS + 8, PROCESSES);
    for pid in 0..PIDS {
        let root = TREES + 0x800 * pid;
        // 52 bits are mapped, 13 of them by the root; then three tables of nine.
        put(mem, PROCESSES + 16 * pid, 2 << 61 | 5 << 5 | root | 13);
        put(mem, root, VALID | (root + 0x100) | 9);
        put(mem, root + 0x100, VALID | (root + 0x200) | 9);
        put(mem, root + 0x200, VALID | (root + 0x300) | 9);
        for n in 0..MEMORY >> 12 {
            let kernel = VALID | LEAF | n << 12 | ALL | PRIVILEGED;
            let user = if n < USER_CODE + 2 { user_leaf(rng, n) } else { 0 };
            put(mem, leaf(pid, n), if pid == 0 { kernel } else { user });
        }
    }
}

fn spr(number: u64, to: bool, register: u64) -> u32 {
    let opcode = if to { 0x7C00_03A6 } else { 0x7C00_02A6 };
    opcode | (register << 21 | (number & 31) << 16 | (number >> 5) << 11) as u32
}
fn branch(rng: &mut Rng, at: u64, links: bool) -> u32 {
    // To the same page or a near one; often to the start of something.
    let pages = [0, 0, 0, 1, 2, 0xF][rng.below(6) as usize];
    let to = (at & !0xFFF).wrapping_add(pages << 12) & 0xFFFF | (4 * rng.below(32)) << (3 * rng.below(2));
    0x4800_0000 | to.wrapping_sub(at) as u32 & 0x03FF_FFFC | u32::from(links)
}
const LR: u64 = 8;
const CTR: u64 = 9;
const BLR: u32 = 0x4E80_0020;
const RFID: u32 = 0x4C00_0024;
const RFSCV: u32 = 0x4C00_00A4;
const SC: u32 = 0x4400_0002;
const SCV: u32 = 0x4400_0001;

/// What user code and the kernel do. Registers: 0 to 6 results, 7 a count, 8
/// to 11 user code, 12 to 15 the kernel's, 16 to 19 MSRs, 20 to 23 data, 24 a
/// process for tlbie, 25 a page for it, 26 a process, 27 on what calls save.
fn common(rng: &mut Rng, at: u64, code: u64) -> Vec<u32> {
    let pick = |rng: &mut Rng, from: u64| from + rng.below(4);
    let result = rng.below(7) << 21;
    let address = rng.below(0x40) * 8;
    let one = match rng.below(40) {
        0..=4 => 0x3800_0000 | (result | rng.below(8) << 16 | rng.below(64)) as u32, // addi
        5..=8 => branch(rng, at, true),
        9..=12 => {
            let kept = 29 + rng.below(3);
            return vec![spr(LR, false, kept), branch(rng, at + 4, true), spr(LR, true, kept)];
        }
        13 | 14 => branch(rng, at, false),
        15..=23 => return back(rng, code),
        24 => 0x4D82_0020,                                               // beqlr
        25 => 0x4C82_0020,                                               // bnelr
        26 => [0x4E80_0021, 0x429F_0005][rng.below(2) as usize],         // blrl, bcl 20,31,$+4
        27 => return vec![spr(CTR, true, pick(rng, code)), 0x4E80_0421], // bctrl
        28 => return vec![spr(CTR, true, pick(rng, code)), 0x4E80_0420], // bctr
        29 => spr(LR, true, pick(rng, code)),
        30 => spr(1, true, rng.below(8)), // mtxer
        31 | 32 => 0x2C20_0000 | (rng.below(8) << 16 | rng.below(4)) as u32, // cmpdi
        33 | 34 => 0xE800_0000 | (result | pick(rng, 20) << 16 | address) as u32, // ld
        35 | 36 => 0xF800_0000 | (result | pick(rng, 20) << 16 | address) as u32, // std
        37 => {
            // lwarx, addi, at times from another place, stwcx., isync
            let (value, place) = (rng.below(7), pick(rng, 20));
            let other = if rng.below(8) == 0 { pick(rng, 20) } else { place };
            let larx = 0x7C00_0028 | (value << 21 | place << 11) as u32;
            let stcx = 0x7C00_012D | (value << 21 | other << 11) as u32;
            let mut words = vec![larx, 0x3800_0001 | (value << 21 | value << 16) as u32, stcx, 0x4C00_012C];
            if rng.below(8) == 0 {
                // addi place,place,1 or 2: not aligned until the next slice.
                words.insert(0, 0x3800_0001 | (place << 21 | place << 16 | rng.below(2)) as u32);
            }
            return words;
        }
        38 => SCV,
        _ => SC,
    };
    vec![one]
}
/// blr; each 16th time to what a register of code holds, so that no loop lasts.
fn back(rng: &mut Rng, code: u64) -> Vec<u32> {
    let other = code + rng.below(4);
    if rng.below(24) == 0 {
        return vec![BLR];
    }
    // addi r7,r7,1; andi. r0,r7,15; bne $+8
    let mut words = vec![0x38E7_0001, 0x70E0_000F, 0x4082_0008, spr(LR, true, other), BLR];
    if other < 12 {
        // Elsewhere next time: addi other,other,148; andi. other,other,0xBFFC
        let other = (other << 21 | other << 16) as u32;
        words.splice(0..0, [0x3800_0094 | other, 0x7000_BFFC | other]);
    }
    words
}
fn kernel(rng: &mut Rng, at: u64) -> Vec<u32> {
    if rng.below(5) != 0 {
        return common(rng, at, 12);
    }
    let pick = |rng: &mut Rng, from: u64| from + rng.below(4);
    let to = [8, 8, 12][rng.below(3) as usize];
    match rng.below(14) {
        0..=2 => vec![spr(26, true, pick(rng, to)), spr(27, true, pick(rng, 16)), RFID],
        3..=5 => vec![spr(LR, true, pick(rng, to)), spr(CTR, true, pick(rng, 16)), RFSCV],
        6 => vec![spr(314, true, pick(rng, to)), spr(315, true, pick(rng, 16)), 0x4C00_0224], // hrfid
        7 => vec![RFID],
        8 => vec![RFSCV],
        9 => vec![0x4C00_012C],                                 // isync
        10 => vec![0x7C03_0224 | (24 << 21 | 25 << 11) as u32], // tlbiel
        11 => vec![spr(48, true, 26)],                          // PIDR
        12 => vec![0x7C00_0164 | (pick(rng, 16) << 21) as u32 | (rng.below(2) as u32) << 16], // mtmsrd
        _ => vec![0x9000_0000 | (rng.below(8) << 21 | pick(rng, 12) << 16) as u32], // stw to code
    }
}

fn program(rng: &mut Rng) -> Vec<u32> {
    let mut words = vec![];
    while words.len() < (CODE_PAGES << 10) as usize {
        let at = 4 * words.len() as u64;
        let privileged = at < KERNEL_PAGES << 12;
        words.extend(if privileged { kernel(rng, at) } else { common(rng, at, 8) });
    }
    words.truncate((CODE_PAGES << 10) as usize);
    // Handlers: what is saved is not for them; system calls come back.
    for vector in [0x300, 0x380, 0x400, 0x480, 0x500, 0x700, 0x900, 0xE40, 0xE80, 0xF60] {
        words[(0x4000 + vector) / 4] = spr(LR, true, 12 + rng.below(4));
    }
    let call = |rng: &mut Rng, at: u64| branch(rng, at, true);
    let (lr, ctr) = (spr(LR, true, 27), spr(CTR, true, 28));
    let scv = [spr(LR, false, 27), spr(CTR, false, 28), call(rng, 0x3008), lr, ctr, RFSCV];
    words[0x3000 / 4..][..6].copy_from_slice(&scv);
    let sc = [spr(LR, false, 27), call(rng, 0x4C04), lr, RFID];
    words[0x4C00 / 4..][..4].copy_from_slice(&sc);
    words
}

struct Bench {
    cpu: Cpu,
    mem: GuestMemory,
    code: CodeCache,
}

impl Bench {
    fn new(seed: u64, threshold: Option<Threshold>) -> Bench {
        let rng = &mut Rng::named(seed, "mapped");
        let mut bench = Bench::of(&program(rng), rng, threshold);
        // Seldom no AIL, or no scv.
        if rng.below(8) == 0 {
            bench.cpu.sprs.lpcr = 0;
        }
        if rng.below(8) == 0 {
            bench.cpu.sprs.fscr = 0;
        }
        bench
    }
    /// A kernel about to run `program`, in process 1.
    fn of(program: &[u32], rng: &mut Rng, threshold: Option<Threshold>) -> Bench {
        let mem = GuestMemory::new(MEMORY).expect("128 KiB");
        for (i, word) in program.iter().enumerate() {
            assert_eq!(mem.write(4 * i as u64, word.to_le_bytes()), Store::Done);
        }
        trees(&mem, rng);
        let mut cpu = Cpu::new(0);
        cpu.hile = true;
        cpu.sprs.ptcr = PARTITIONS;
        // AIL 3; scv allowed.
        (cpu.sprs.lpcr, cpu.sprs.fscr) = (3 << 23, 1 << 12);
        cpu.set_msr(SUPERVISOR);
        cpu.micro.switch_process(0, 1);
        (cpu.sprs.pidr, cpu.cia) = (1, KERNEL);
        let mut code = CodeCache::new();
        code.set_translator(threshold.map(translates));
        Bench { cpu, mem, code }
    }
    /// What the outside does between two slices.
    fn disturb(&mut self, rng: &mut Rng) {
        let user = |rng: &mut Rng| rng.below(USER_CODE) << 12 | (4 * rng.below(64));
        let kernel = |rng: &mut Rng| KERNEL | rng.below(KERNEL_PAGES) << 12 | (4 * rng.below(64));
        for r in 8..12 {
            self.cpu.gpr[r] = user(rng);
            self.cpu.gpr[r + 4] = kernel(rng);
            let odd = [USER | SE, USER & !msr::LE, SUPERVISOR & !msr::IR, SUPERVISOR | msr::EE];
            self.cpu.gpr[r + 8] = match rng.below(12) {
                0 => odd[rng.below(4) as usize],
                n if n < 9 => USER,
                _ => SUPERVISOR,
            };
            let data = (USER_CODE + rng.below(2)) << 12;
            let tables = KERNEL | leaf(rng.below(PIDS), 0);
            self.cpu.gpr[r + 12] = if rng.below(8) == 0 { tables } else { data };
        }
        let pid = rng.below(PIDS);
        (self.cpu.gpr[24], self.cpu.gpr[26]) = (pid << 32, 1 + rng.below(PIDS - 1));
        self.cpu.gpr[25] = rng.below(USER_CODE) << 12;
        match rng.below(14) {
            0..=3 => {
                let (msr, cia) =
                    if rng.below(4) == 0 { (SUPERVISOR, kernel(rng)) } else { (USER, user(rng)) };
                self.cpu.set_msr(msr);
                (self.cpu.cia, self.cpu.nia) = (cia, cia);
            }
            4 | 5 => {
                let (pid, n) = (1 + rng.below(PIDS - 1), rng.below(USER_CODE));
                let pte = user_leaf(rng, n);
                put(&self.mem, leaf(pid, n), pte);
                if rng.below(3) != 0 {
                    let ea = n << 12;
                    self.cpu.invalidate(Invalidate::Page { pid: pid as u32, ea, page_shift: 12 });
                }
            }
            6 => self.code.watch(4 * rng.below(CODE_PAGES << 10)),
            7 => self.code.unwatch_all(),
            8 => drop(self.mem.write(4 * rng.below(CODE_PAGES << 10), BLR.to_le_bytes())),
            9 => self.cpu.dec_due = self.cpu.timebase() + rng.below(500),
            10 => self.cpu.dec_due = u64::MAX,
            11 => self.cpu.doorbell = true,
            _ => {}
        }
    }
    fn slice(&mut self, budget: u64) -> (Exit, u128, u128) {
        let mut env = Env { mem: &self.mem, platform: &mut NoPlatform };
        let exit = self.cpu.run(&mut env, &mut self.code, budget);
        if exit == Exit::Watched {
            self.cpu.step_over_watch();
        }
        self.cpu.stopped = false;
        let (mut cpu, mut mem) = (StateHasher::new(), StateHasher::new());
        cpu.state(&self.cpu);
        self.mem.hash_into(&mut mem);
        (exit, cpu.finish(), mem.finish())
    }
}

/// The single-step bit of MSR[TE].
const SE: u64 = 1 << 10;

#[test]
fn calls_and_system_calls_do_not_tell_which_executor_runs_them() {
    let first = setting("CAPISIM_JIT_SEED", 1);
    for seed in first..first + setting("CAPISIM_JIT_PROGRAMS", 200) {
        let threshold = if seed.is_multiple_of(2) { Threshold::Times(0) } else { Threshold::Drawn(seed) };
        let mut benches = [Bench::new(seed, None), Bench::new(seed, Some(threshold))];
        for n in 0..SLICES {
            let budget = 1 + Rng::named(seed ^ n << 32, "budget").below(600);
            let [i, t] = benches.each_mut().map(|bench| {
                bench.disturb(&mut Rng::named(seed ^ n << 32, "disturb"));
                (bench.cpu.cia, bench.slice(budget))
            });
            let [a, b] = benches.each_ref().map(|bench| (bench.cpu.cia, bench.cpu.retired, bench.cpu.msr));
            assert_eq!(
                i, t,
                "slice {n}: CIA, retired, MSR {a:x?} {b:x?}; CAPISIM_JIT_SEED={seed} CAPISIM_JIT_PROGRAMS=1 repeats it"
            );
        }
    }
}

/// Words at addresses, in a program of nothing else.
fn placed(words: &[(usize, u32)]) -> Vec<u32> {
    let mut program = vec![0; (CODE_PAGES << 10) as usize];
    words.iter().for_each(|(at, word)| program[at / 4] = *word);
    program
}
/// `addi r3,r3,value`
fn add(value: u32) -> u32 {
    0x3863_0000 | value
}
/// `b` or `bl`, by a distance.
fn jump(by: i32, links: bool) -> u32 {
    0x4800_0000 | by as u32 & 0x03FF_FFFC | u32::from(links)
}

/// The kernel calls at an address of the process, and meanwhile there is
/// another: the return comes to the same address, and to other code.
#[test]
fn a_return_goes_to_the_page_that_is_there_now() {
    let program = placed(&[
        (0x8000, jump(0x100, true)),
        (0x8004, add(1)),
        (0x8008, jump(0, false)),
        (0x8100, spr(48, true, 26)),
        (0x8104, RFID),
        (0x8108, BLR),
        (0x9004, add(100)),
        (0x9008, jump(0, false)),
        (0x9108, BLR),
    ]);
    let [i, t] = [None, Some(Threshold::Times(0))].map(|threshold| {
        let mut bench = Bench::of(&program, &mut Rng::named(1, "trees"), threshold);
        for pid in [1, 2] {
            put(&bench.mem, leaf(pid, 1), VALID | LEAF | (7 + pid) << 12 | ALL);
        }
        let turns = [1, 1, 2, 2, 2].into_iter().map(|process| {
            bench.cpu.gpr[26] = process;
            let old = std::mem::replace(&mut bench.cpu.sprs.pidr, 1);
            bench.cpu.micro.switch_process(old, 1);
            bench.cpu.set_msr(SUPERVISOR);
            (bench.cpu.cia, bench.cpu.nia) = (0x1000, 0x1000);
            (bench.cpu.sprs.srr0, bench.cpu.sprs.srr1) = (0x1108, USER);
            bench.slice(100)
        });
        let turns: Vec<_> = turns.collect();
        assert_eq!(bench.cpu.gpr[3], 302);
        turns
    });
    assert_eq!(i, t);
}

/// A function in another page is changed between two calls of it.
#[test]
fn a_call_to_another_page_finds_the_code_that_is_there_now() {
    let program = placed(&[(0, jump(0x1000, true)), (4, jump(-4, false)), (0x1000, add(1)), (0x1004, BLR)]);
    let [i, t] = [None, Some(Threshold::Times(0))].map(|threshold| {
        let mut bench = Bench::of(&program, &mut Rng::named(1, "trees"), threshold);
        let turns = (0..4).map(|turn| {
            let first = bench.slice(400);
            assert_eq!(bench.mem.write(0x1000, add(1 << turn).to_le_bytes()), Store::CodeChanged);
            (first, bench.cpu.gpr[3])
        });
        turns.collect::<Vec<_>>()
    });
    assert_eq!(i, t);
}

/// A store to a page of code whose table entry was changed before makes the TLB take the new one:
/// what looks at context and code again goes on in the other page.
#[test]
fn what_looks_at_code_again_finds_the_page_that_is_there_now() {
    const ISYNC: u32 = 0x4C00_012C;
    // mtmsrd r8,1
    for looks in [ISYNC, 0x7D01_0164] {
        // std r4,0(r5); isync; std r4,0(r7)
        let words = [0xF885_0000, ISYNC, 0xF887_0000, looks, add(1), jump(0, false)];
        let mut placed_words: Vec<_> =
            words.iter().enumerate().map(|(i, word)| (0x1000 + 4 * i, *word)).collect();
        placed_words.extend([(0x2010, add(100)), (0x2014, jump(0, false))]);
        let [i, t] = [None, Some(Threshold::Times(0))].map(|threshold| {
            let mut bench = Bench::of(&placed(&placed_words), &mut Rng::named(1, "trees"), threshold);
            let other = VALID | LEAF | 2 << 12 | ALL | PRIVILEGED;
            let gpr = &mut bench.cpu.gpr;
            (gpr[4], gpr[5], gpr[7], gpr[8]) = (other.to_be(), KERNEL | leaf(0, 1), KERNEL | 0x1800, 2);
            (bench.cpu.cia, bench.cpu.nia) = (KERNEL | 0x1000, KERNEL | 0x1000);
            (bench.slice(60), bench.cpu.gpr[3])
        });
        assert_eq!(i, t);
        assert_eq!(i.1, 100);
    }
}
