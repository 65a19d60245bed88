//! Random programs on the interpreter alone and with the translator: the same
//! state after every slice, memory and all.
//!
//! `CAPISIM_JIT_PROGRAMS=100000` (how many), `CAPISIM_JIT_SEED=7` (of the first).

use crate::tier::Tier;
use crate::{Threshold, translator};
use cpu::env::NoPlatform;
use cpu::{CodeCache, Cpu, Env, Exit, Progress, Translator, msr};
use fabric::hash::StateHasher;
use fabric::memory::Store;
use fabric::{GuestMemory, Rng};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

mod mapped;
mod simd;

pub use simd::count_call;

const MEMORY: u64 = 1 << 17;
/// Interrupt vectors lie in the code, so that every trap goes on with it.
const CODE_WORDS: u64 = 0x4000 / 4;
const SLICES: u64 = 24;

#[allow(clippy::disallowed_methods, reason = "how many programs is up to the user")]
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty());
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text} is not a number")))
}

/// Rows that lead away for good, or stop the thread.
const RARE: &[&str] = &["rfid", "hrfid", "rfscv", "mtmsr", "mtmsrd", "stop", "scv", "sc", "firmware"];

/// What loops are made of.
const TIGHT: &[&str] = &[
    "addi", "add", "subf", "or", "and", "rlwinm", "rldicl", "andi", "cmp", "cmpi", "cmpl", "cmpli", "cmp",
    "cmpi", "isel", "bc", "bc", "bc", "b", "lbz", "lwz", "ld", "ldu", "stb", "stw", "std", "stdu", "ld",
    "std", "or", "mcrf", "mfcr", "cror", "mfspr", "mtspr", "twi",
];

/// A word of a loop over few registers and two CR fields, with short branches.
fn tight(rng: &mut Rng) -> u32 {
    let name = TIGHT[rng.below(TIGHT.len() as u64) as usize];
    let row = isa::rows().iter().find(|row| row.name == name).expect("a row of this name");
    let mut bits = rng.next_u64() as u32;
    // GPRs 0 to 7 in each of the three places; small displacements.
    bits &= !(0x18 << 21 | 0x18 << 16 | if name.starts_with("rl") { 0 } else { 0x18 << 11 });
    match name {
        "b" => bits = 4 * rng.below(12) as u32,
        "bc" => {
            let back = rng.below(3) == 0;
            let kind = [4, 12, 16, 0, 8, 20][rng.below(8).min(5) as usize];
            let bi = [0, 1, 2, 3, 4, 6][rng.below(6) as usize];
            let distance = 4 * (1 + rng.below(16) as u32);
            let displacement = if back { distance.wrapping_neg() & 0xFFFC } else { distance };
            bits = kind << 21 | bi << 16 | displacement;
        }
        "lbz" | "lwz" | "ld" | "ldu" | "stb" | "stw" | "std" | "stdu" | "addi" if rng.below(8) != 0 => {
            // Near the base: accesses then share probes.
            bits = bits & !0xFF80 | if rng.below(3) == 0 { 0xFF80 } else { 0 };
        }
        "cmp" | "cmpl" | "cmpi" | "cmpli" => bits = bits & !(7 << 23) | (bits >> 3 & 1) << 23,
        "mfspr" | "mtspr" => bits = bits & !0x001F_F800 | (8 + (bits & 1)) << 16,
        _ => {}
    }
    row.value | bits & !row.mask
}

/// A branch over one instruction, on one bit or a compare, at times with
/// accesses about it whose base the instruction moves.
fn skip_one(rng: &mut Rng) -> Vec<u32> {
    let mut gpr = || 1 + rng.below(7);
    let (a, b, c, d) = (gpr(), gpr(), gpr(), gpr());
    let skipped = [
        format!("addi r{a},r{b},-9"),
        format!("add r{a},r{b},r{c}"),
        format!("xor r{a},r{a},r{c}"),
        format!("subf r{a},r{b},r{c}"),
        format!("or r{a},r{c},r{c}"),
        format!("andc r{a},r{b},r{a}"),
        format!("rlwinm r{a},r{b},7,3,29"),
        format!("extsw r{a},r{b}"),
    ];
    let test = match rng.below(2) {
        0 => format!("andi. r{d},r{b},{}", 1 << rng.below(16)),
        _ => format!("cmpi cr0,1,r{b},{}", rng.below(2)),
    };
    let branch = format!("bc {},{},8", [4, 12][rng.below(2) as usize], rng.below(3));
    let texts = match rng.below(3) {
        0 => vec![test, branch, skipped[rng.below(8) as usize].clone(), format!("cmpi cr0,1,r{d},1")],
        1 => vec![test, branch, skipped[rng.below(8) as usize].clone()],
        _ => {
            let near = |rng: &mut Rng| 8 * rng.below(4);
            let access = ["ld", "std"][rng.below(2) as usize];
            let (first, last) = (near(rng), near(rng));
            vec![
                format!("{access} r{c},{first}(r{a})"),
                test,
                branch,
                format!("addi r{a},r{a},8"),
                format!("{access} r{d},{last}(r{a})"),
            ]
        }
    };
    let word = |text: &String| isa::assemble(text, 0).unwrap_or_else(|e| panic!("{text}: {e}"));
    texts.iter().map(word).collect()
}

/// A word of a random row; loads and stores stay near their base, branches
/// near themselves.
fn word(rng: &mut Rng) -> u32 {
    let rows = isa::rows();
    let row = loop {
        let row = rows[rng.below(rows.len() as u64) as usize];
        let fixed = matches!(row.group, isa::Group::Fixed | isa::Group::Branch | isa::Group::Ldst);
        if (fixed || rng.below(16) == 0) && (!RARE.contains(&row.name) || rng.below(16) == 0) {
            break row;
        }
    };
    let mut bits = rng.next_u64() as u32;
    if matches!(row.value >> 26, 32..=62) && rng.below(8) != 0 {
        // D and DS forms: a small displacement.
        bits &= !0xFF00;
    }
    match row.name {
        "b" => bits = bits & !0x03FF_0000 | if bits >> 25 & 1 != 0 { 0x03FF_0000 } else { 0 },
        "bc" => bits = bits & !0xFE02 | if bits & 0x8000 != 0 { 0xFE00 } else { 0 },
        _ => {}
    }
    row.value | bits & !row.mask
}

/// A word, or a few that belong together: random ones would seldom meet.
fn words(rng: &mut Rng) -> Vec<u32> {
    if rng.below(32) != 0 { vec![word(rng)] } else { atomic(rng) }
}

/// larx, at times something that may take the reservation or the address away, stcx., and what
/// usually follows.
fn atomic(rng: &mut Rng) -> Vec<u32> {
    const SIZES: [&str; 4] = ["b", "h", "w", "d"];
    let load = SIZES[rng.below(4) as usize];
    // Seldom of another size.
    let store = if rng.below(8) == 0 { SIZES[rng.below(4) as usize] } else { load };
    let (base, value, other) = (1 + rng.below(7), rng.below(8), 1 + rng.below(7));
    let mut texts = vec![];
    if rng.below(8) != 0 {
        texts.push(format!("rldicr r{base},r{base},0,60"));
    }
    let ra = if rng.below(8) == 0 { format!("r{other}") } else { "0".to_owned() };
    texts.push(format!("l{load}arx r{value},{ra},r{base},0"));
    match rng.below(12) {
        0 => texts.push(format!("addi r{base},r{base},{}", 8 * rng.below(2))),
        1 => texts.push(format!("cmpi cr0,1,r{value},{}", rng.below(3))),
        2 => texts.extend([format!("cmpi cr0,1,r{value},0"), format!("bc 12,{},12", rng.below(3))]),
        3 => texts.push(format!("bc 4,{},8", rng.below(3))),
        4 => texts.push(format!("l{load}arx r{value},0,r{other},0")),
        5 => texts.push(format!("st{store}cx. r{other},0,r{other}")),
        6 => texts.push(format!("ld r{value},8(r{other})")),
        7 => texts.push(format!("std r{value},8(r{base})")),
        8 => texts.extend([format!("or r{other},r{base},r{base}"), format!("addi r{base},r{other},0")]),
        _ => texts.push(format!("add r{value},r{value},r{other}")),
    }
    texts.push(format!("st{store}cx. r{value},{ra},r{base}"));
    if rng.below(2) == 0 {
        texts.push(format!(
            "bc {},2,{}",
            [4, 6, 12][rng.below(3) as usize],
            [-4, -8, -12][rng.below(3) as usize]
        ));
    }
    match rng.below(4) {
        0 => texts.push("isync".to_owned()),
        1 => texts.push(format!("cmpi cr0,1,r{value},1")),
        2 => texts.push(format!("st{store}cx. r{other},{ra},r{base}")),
        _ => {}
    }
    texts.iter().map(|text| isa::assemble(text, 0).unwrap_or_else(|e| panic!("{text}: {e}"))).collect()
}

/// A thread in a memory full of code.
struct Bench {
    cpu: Cpu,
    mem: GuestMemory,
    code: CodeCache,
}

impl Bench {
    fn new(program: &[u32], translator: Option<Box<dyn Translator>>) -> Bench {
        let mem = GuestMemory::new(MEMORY).expect("128 KiB");
        for (i, word) in program.iter().enumerate() {
            assert_eq!(mem.write(4 * i as u64, word.to_le_bytes()), Store::Done);
        }
        let mut cpu = Cpu::new(0);
        cpu.set_msr(msr::SF | msr::HV | msr::ME | msr::LE | msr::FP | msr::VEC | msr::VSX);
        cpu.hile = true;
        let mut code = CodeCache::new();
        code.set_translator(translator);
        Bench { cpu, mem, code }
    }
    /// Runs a slice; the exit, then hashes of CPU and memory.
    fn slice(&mut self, rng: &mut Rng) -> (Exit, u128, u128) {
        let mut env = Env { mem: &self.mem, platform: &mut NoPlatform };
        let exit = self.cpu.run(&mut env, &mut self.code, 1 + rng.below(400));
        match exit {
            Exit::Firmware => self.cpu.firmware_return(1),
            Exit::Idle => self.cpu.doorbell = true,
            Exit::Watched => self.cpu.step_over_watch(),
            Exit::Budget => {}
        }
        let mut cpu = StateHasher::new();
        cpu.state(&self.cpu);
        let mut mem = StateHasher::new();
        self.mem.hash_into(&mut mem);
        (exit, cpu.finish(), mem.finish())
    }
    /// What the outside does between two slices, from a generator of its own.
    fn disturb(&mut self, mut rng: Rng) {
        for gpr in &mut self.cpu.gpr {
            *gpr = match rng.below(12) {
                0..=2 => 0x100 + rng.below(MEMORY - 0x200),
                // About the end of a page of 64 KiB, or of one of 4 KiB.
                3 => MEMORY / 2 - 64 + rng.below(128),
                4 => 0x1000 * (1 + rng.below(20)) - 64 + rng.below(128),
                _ => *gpr,
            };
        }
        if rng.below(4) == 0 {
            self.cpu.cia = 4 * rng.below(CODE_WORDS);
            self.cpu.nia = self.cpu.cia;
            let facilities =
                [msr::FP, msr::VEC, msr::VSX].into_iter().filter(|_| rng.below(6) != 0).sum::<u64>();
            self.cpu.set_msr(msr::SF | msr::HV | msr::ME | msr::LE | facilities);
            self.cpu.stopped = false;
        }
        let place = 4 * rng.below(CODE_WORDS);
        match rng.below(8) {
            0 => self.code.watch(place),
            1 => self.code.unwatch_all(),
            2 => drop(self.mem.write(place, word(&mut rng).to_le_bytes())),
            _ => {}
        }
        if rng.below(8) == 0 {
            self.cpu.dec_due = self.cpu.timebase() + rng.below(300);
        }
    }
}

fn translates(threshold: Threshold) -> Box<dyn Translator> {
    translator(threshold).expect("this host has a translator")
}

/// Runs one program on both.
fn compare(seed: u64, make: fn(Threshold) -> Box<dyn Translator>) -> Result<(), String> {
    let mut rng = Rng::named(seed, "program");
    let mut program = vec![];
    while program.len() < CODE_WORDS as usize {
        if seed % 4 < 2 {
            program.extend(words(&mut rng));
        } else if rng.below(24) == 0 {
            program.extend(skip_one(&mut rng));
        } else if rng.below(24) == 0 {
            program.extend(atomic(&mut rng));
        } else {
            program.push(tight(&mut rng));
        }
    }
    program.truncate(CODE_WORDS as usize);
    let threshold = if seed.is_multiple_of(2) { Threshold::Times(0) } else { Threshold::Drawn(seed) };
    let mut interpreted = Bench::new(&program, None);
    let mut translated = Bench::new(&program, Some(make(threshold)));
    for n in 0..SLICES {
        let fork = |name: &str| Rng::named(seed ^ n << 32, name);
        interpreted.disturb(fork("disturb"));
        translated.disturb(fork("disturb"));
        let start = interpreted.cpu.cia;
        let (a, b) = (interpreted.slice(&mut fork("budget")), translated.slice(&mut fork("budget")));
        if a != b {
            let (i, t) = (&interpreted.cpu, &translated.cpu);
            let gprs: Vec<_> =
                (0..32).filter(|&r| i.gpr[r] != t.gpr[r]).map(|r| (r, i.gpr[r], t.gpr[r])).collect();
            let vsrs: Vec<_> =
                (0..64).filter(|&r| i.vsr(r) != t.vsr(r)).map(|r| (r, i.vsr(r), t.vsr(r))).collect();
            return Err(format!(
                "seed {seed}, slice {n} from {start:#x}: exits {:?} {:?}, memory equal: {}, GPRs {gprs:x?}, VSRs {vsrs:x?}, \
                 fpscr {:#x} {:#x}, \
                 cia {:#x} {:#x}, retired {} {}, cr {:#x} {:#x}, xer {:#x} {:#x}, lr {:#x} {:#x}, ctr {:#x} {:#x}",
                a.0,
                b.0,
                a.2 == b.2,
                i.fpscr,
                t.fpscr,
                i.cia,
                t.cia,
                i.retired,
                t.retired,
                i.cr,
                t.cr,
                i.xer,
                t.xer,
                i.lr,
                t.lr,
                i.ctr,
                t.ctr
            ));
        }
    }
    Ok(())
}

#[test]
fn random_programs_do_not_tell_which_executor_runs_them() {
    let first = setting("CAPISIM_JIT_SEED", 1);
    for seed in first..first + setting("CAPISIM_JIT_PROGRAMS", 200) {
        compare(seed, translates).unwrap_or_else(|text| {
            panic!("{text}\nCAPISIM_JIT_SEED={seed} CAPISIM_JIT_PROGRAMS=1 repeats it")
        });
    }
}

/// A page of host code, stubs included: blocks are cut, and everything is forgotten all the time.
#[test]
fn a_block_that_takes_too_much_is_cut() {
    let small = |threshold| -> Box<dyn Translator> {
        Box::new(Tier::with_room(threshold, 4096, usize::MAX).expect("this host has a translator"))
    };
    (1..9).for_each(|seed| compare(seed, small).unwrap_or_else(|text| panic!("{text}")));
}

/// Counts how often the interpreter has to go on.
struct Counting(Box<dyn Translator>, Arc<AtomicU64>);

impl Translator for Counting {
    fn execute(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, code: &CodeCache, page: u32) -> Progress {
        let progress = self.0.execute(cpu, env, code, page);
        if matches!(progress, Progress::Interpret { .. }) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        progress
    }
    fn forget(&mut self, page: u32) {
        self.0.forget(page);
    }
}

#[test]
fn the_rest_of_a_budget_is_not_interpreted() {
    let mut program = vec![isa::assemble("addi r3,r3,1", 0).expect("assembles"); 21];
    program.push(isa::assemble("b -84", 0).expect("assembles"));
    let count = Arc::new(AtomicU64::new(0));
    let translator = Counting(translates(Threshold::Times(0)), count.clone());
    let mut bench = Bench::new(&program, Some(Box::new(translator)));
    let mut rng = Rng::named(1, "budget");
    let mut retired = 0;
    for slice in 0..200 {
        if slice == 100 {
            count.store(0, Ordering::Relaxed);
        }
        let mut env = Env { mem: &bench.mem, platform: &mut NoPlatform };
        let budget = 1 + rng.below(400);
        retired += budget;
        assert_eq!(bench.cpu.run(&mut env, &mut bench.code, budget), Exit::Budget);
        assert_eq!((bench.cpu.retired, bench.cpu.gpr[3]), (retired, retired - retired / 22));
    }
    assert_eq!(count.load(Ordering::Relaxed), 0, "places that were missed before have a block");
}
