//! Floating point and vectors inline against the interpreter: every row that
//! has an emitter, on edge operands, in all rounding modes, with exceptions
//! enabled and not; FPSCR and CR are read after every instruction.
//!
//! `CAPISIM_JIT_OPERANDS=100000000`: sets of operands for each row.
//! `CAPISIM_JIT_ROWS=xv`: rows whose names contain this. `CAPISIM_JIT_CLASS=float`: those of `emit::float`; so
//! for scalar, vector, lanes and elements.
//! `CAPISIM_JIT_SEED=7`.

use super::*;
use crate::emit::simd_rows;
use std::cell::Cell;

thread_local! {
    /// Calls of interpreter's functions out of emitted code: of rows under
    /// test, and of all.
    static CALLS: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
    static ROW: Cell<u32> = const { Cell::new(u32::MAX) };
}
/// Emitted code calls the function of row `op`.
pub fn count_call(op: u32) {
    let [row, all] = CALLS.get();
    CALLS.set([row + u64::from(op == ROW.get()), all + 1]);
}

/// Instructions under test in a program.
const TESTED: usize = 12;
/// First instruction.
const START: u64 = 0x2000;

const F64: &[u64] = &[
    0,
    1,
    2,
    0x000F_FFFF_FFFF_FFFF,
    0x0010_0000_0000_0000,
    0x0010_0000_0000_0001,
    0x0020_0000_0000_0000,
    0x0350_0000_0000_0000,
    0x07B0_0000_0000_0000,
    0x1FF0_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x36A0_0000_0000_0000,
    0x380F_FFFF_FFFF_FFFF,
    0x380F_FFFF_E000_0000,
    0x3810_0000_0000_0000,
    0x3810_0000_2000_0000,
    0x3CA0_0000_0000_0000,
    0x3E60_0000_0000_0000,
    0x3FE0_0000_0000_0000,
    0x3FEF_FFFF_FFFF_FFFF,
    0x3FF0_0000_0000_0000,
    0x3FF0_0000_0000_0001,
    0x3FF0_0000_1000_0000,
    0x3FF0_0000_1000_0001,
    0x3FF0_0000_2000_0000,
    0x3FF0_0000_3000_0000,
    0x3FF8_0000_0000_0000,
    0x4000_0000_0000_0000,
    0x4008_0000_0000_0000,
    0x41DF_FFFF_FFC0_0000,
    0x41E0_0000_0000_0000,
    0x41EF_FFFF_FFE0_0000,
    0x41EF_FFFF_FFF0_0000,
    0x41F0_0000_0000_0000,
    0x43DF_FFFF_FFFF_FFFF,
    0x43E0_0000_0000_0000,
    0x43EF_FFFF_FFFF_FFFF,
    0x43F0_0000_0000_0000,
    0x47EF_FFFF_E000_0000,
    0x47EF_FFFF_EFFF_FFFF,
    0x47EF_FFFF_F000_0000,
    0x47F0_0000_0000_0000,
    0x5FE0_0000_0000_0000,
    0x7FDF_FFFF_FFFF_FFFF,
    0x7FEF_FFFF_FFFF_FFFF,
    0x7FF0_0000_0000_0000,
    0x7FF0_0000_0000_0001,
    0x7FF4_0000_2000_0000,
    0x7FF8_0000_0000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
];
const F32: &[u32] = &[
    0,
    1,
    0x007F_FFFF,
    0x0080_0000,
    0x0080_0001,
    0x0100_0000,
    0x1F80_0000,
    0x2000_0000,
    0x3380_0000,
    0x3F7F_FFFF,
    0x3F80_0000,
    0x3F80_0001,
    0x3FC0_0000,
    0x4000_0000,
    0x4EFF_FFFF,
    0x4F00_0000,
    0x5F00_0000,
    0x7EFF_FFFF,
    0x7F7F_FFFF,
    0x7F80_0000,
    0x7F80_0001,
    0x7FC0_0000,
    0x7FFF_FFFF,
];

fn one_of<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    list[rng.below(list.len() as u64) as usize]
}
/// A double: an edge, a number near others, a single, or anything.
fn double(rng: &mut Rng) -> u64 {
    let sign = rng.next_u64() & 1 << 63;
    let near = (1023 - 40 + rng.below(80)) << 52;
    let fraction = rng.next_u64() >> 12;
    sign | match rng.below(9) {
        8 => 0,
        0 | 1 => one_of(rng, F64),
        2 => one_of(rng, F64).wrapping_add(rng.below(5)).wrapping_sub(2) & !(1 << 63),
        // Few significant bits: exact results, ties.
        3 => near | fraction >> rng.below(52) << 48 & 0xF_FFFF_FFFF_FFFF,
        4 => near | fraction >> 28 << 28,
        // As a single, or in the middle of two.
        5 => near | fraction >> 29 << 29,
        6 => near | fraction,
        _ => rng.next_u64() >> 1,
    }
}
fn single(rng: &mut Rng) -> u32 {
    let sign = rng.next_u64() as u32 & 1 << 31;
    let (near, fraction) = ((127 - 20 + rng.below(40) as u32) << 23, rng.next_u64() as u32 >> 9);
    sign | match rng.below(7) {
        6 => 0,
        0 | 1 => one_of(rng, F32),
        2 => near | fraction >> 12 << 12,
        3 | 4 => near | fraction,
        _ => rng.next_u64() as u32 >> 1,
    }
}
fn register(rng: &mut Rng) -> u128 {
    let double = |rng: &mut Rng| u128::from(double(rng));
    let single = |rng: &mut Rng| u128::from(single(rng));
    match rng.below(6) {
        // All elements alike: none of them keeps the others from being inline.
        4 => single(rng) * 0x1_0000_0001_0000_0001_0000_0001,
        5 => double(rng) * 0x1_0000_0000_0000_0001,
        0 => single(rng) << 96 | single(rng) << 64 | single(rng) << 32 | single(rng),
        1 => u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()),
        _ => double(rng) << 64 | double(rng),
    }
}
/// Sticky bits, and mostly the mode that is inline.
fn fpscr(rng: &mut Rng) -> u64 {
    let sticky = if rng.below(2) == 0 { 0 } else { rng.next_u64() & 0xFFFF_FF00 };
    sticky | if rng.below(6) == 0 { rng.below(256) } else { 0 }
}

/// Numbers of the source registers of the `n`th instruction.
type Sources<'a> = &'a dyn Fn(&mut Rng, u32) -> [u32; 3];

/// The `n`th word of `row`: the target is register 8 + n.
fn word_of(row: &isa::Row, n: u32, sources: Sources<'_>, rng: &mut Rng) -> u32 {
    let mut bits = rng.next_u64() as u32;
    let [a, b, c] = sources(rng, n);
    let mut put = |shift: u32, value: u32| bits = bits & !(31 << shift) | value << shift;
    put(21, 8 + n);
    if !row.asm.contains("SIM") {
        put(16, a);
    }
    put(11, b);
    if row.asm.contains("FRC") || row.asm.contains("VRC") {
        put(6, c);
    }
    if row.group == isa::Group::Vsx || row.group == isa::Group::Float && rng.below(16) != 0 {
        bits &= !1;
    }
    row.value | bits & !row.mask
}
/// Twelve instructions; after each, or after most, the FPSCR and CR are read,
/// and sometimes XX and FX cleared.
fn program(row: &isa::Row, sources: Sources<'_>, rng: &mut Rng) -> Vec<u32> {
    let mut program = vec![];
    let observed = rng.below(4) != 0;
    for n in 0..TESTED as u32 {
        program.push(word_of(row, n, sources, rng));
        if observed && rng.below(4) != 0 {
            program.push(0xFC00_048E | (20 + n) << 21); // mffs
            program.push(0x7C00_0026 | (20 + n) << 21); // mfcr
        }
        if observed && rng.below(4) == 0 {
            program.push(0xFC00_008C | 6 << 21); // mtfsb0 XX
            program.push(0xFC00_008C); // mtfsb0 FX
        }
    }
    program.push(0x4800_0000); // b . : the program is executed once
    program
}

/// A machine with `program` at START.
fn bench(program: &[u32], threshold: Option<Threshold>) -> Bench {
    let bench = Bench::new(&[], threshold.map(super::translates));
    for (i, word) in program.iter().enumerate() {
        assert_eq!(bench.mem.write(START + 4 * i as u64, word.to_le_bytes()), Store::Done);
    }
    bench
}
/// One pass over the program with the state that `rng` gives.
fn pass(bench: &mut Bench, len: u64, mut rng: Rng, fill: &dyn Fn(&mut Rng, usize) -> u128) -> Exit {
    let cpu = &mut bench.cpu;
    let facilities = if rng.below(64) == 0 { rng.next_u64() } else { u64::MAX };
    let traps = if rng.below(8) == 0 { msr::FE0 } else { 0 };
    cpu.set_msr(msr::SF | msr::HV | msr::ME | msr::LE | traps | facilities & (msr::FP | msr::VEC | msr::VSX));
    (cpu.cia, cpu.nia, cpu.stopped) = (START, START, false);
    cpu.fpscr = 0;
    let mut value = fpscr(&mut rng);
    // Through the instruction, so that the summaries are right.
    if value & 0xFF != 0 && traps != 0 {
        value &= 0xFF;
    }
    cpu.set_vsr(0, u128::from(value) << 64);
    let saved = cpu.msr;
    cpu.set_msr(saved & !msr::FE0 | msr::FP);
    let mtfsf = isa::Word(0xFE00_058E);
    let mut env = Env { mem: &bench.mem, platform: &mut NoPlatform };
    assert_eq!(cpu::exec::handler_of(mtfsf)(cpu, &mut env, mtfsf), Ok(()));
    cpu.set_msr(saved);
    cpu.gpr = std::array::from_fn(|_| rng.next_u64());
    cpu.cr = rng.next_u64() as u32;
    (0..64).for_each(|n| cpu.set_vsr(n, fill(&mut rng, n)));
    cpu.run(&mut env, &mut bench.code, len)
}
/// What both are compared by.
fn seen(cpu: &Cpu) -> impl PartialEq + std::fmt::Debug {
    let vsrs: Vec<u128> = (0..64).map(|n| cpu.vsr(n)).collect();
    (vsrs, cpu.gpr, cpu.cr, cpu.fpscr, cpu.vscr, cpu.msr, cpu.cia, cpu.retired)
}
fn difference(name: &str, program: &[u32], seed: u64, i: &Cpu, t: &Cpu) -> String {
    use std::fmt::Write;
    let mut text = format!("{name}, seed {seed}: ");
    for n in (0..64).filter(|n| i.vsr(*n) != t.vsr(*n)) {
        let _ = write!(text, "vs{n} {:#034x} {:#034x}, ", i.vsr(n), t.vsr(n));
    }
    for n in (0..32).filter(|n| i.gpr[*n] != t.gpr[*n]) {
        let _ = write!(text, "r{n} {:#x} {:#x}, ", i.gpr[n], t.gpr[n]);
    }
    let _ = write!(text, "fpscr {:#x} {:#x}, cr {:#x} {:#x}, ", i.fpscr, t.fpscr, i.cr, t.cr);
    let _ = writeln!(text, "cia {:#x} {:#x}, retired {} {}", i.cia, t.cia, i.retired, t.retired);
    for word in program {
        let _ = write!(text, "{} ", isa::disassemble(*word, 0));
    }
    text
}
/// Runs passes of one program on both.
fn compare_passes(
    row: &isa::Row,
    seed: u64,
    passes: u64,
    sources: Sources<'_>,
    fill: &dyn Fn(u64, &mut Rng, usize) -> u128,
) {
    let program = program(row, sources, &mut Rng::named(seed, row.name));
    let mut interpreted = bench(&program, None);
    let mut translated = bench(&program, Some(Threshold::Times(0)));
    // All of it: a block that is longer than the budget is interpreted.
    let len = program.len() as u64;
    for n in 0..passes {
        let rng = || Rng::named(seed ^ n << 32, "operands");
        let fill = |rng: &mut Rng, register: usize| fill(n, rng, register);
        let a = pass(&mut interpreted, len, rng(), &fill);
        let b = pass(&mut translated, len, rng(), &fill);
        let same = a == b && seen(&interpreted.cpu) == seen(&translated.cpu);
        assert!(same, "{}", difference(row.name, &program, seed, &interpreted.cpu, &translated.cpu));
    }
}
fn rows() -> Vec<&'static isa::Row> {
    let (class, wanted) = (text("CAPISIM_JIT_CLASS"), text("CAPISIM_JIT_ROWS"));
    let classes = simd_rows().into_iter().filter(|(name, _)| class.is_empty() || *name == class);
    let inline: Vec<_> = classes.flat_map(|(_, rows)| rows).collect();
    let chosen = |row: &&isa::Row| inline.contains(&row.name) && row.name.contains(&wanted);
    isa::rows().iter().copied().filter(chosen).collect()
}
#[allow(clippy::disallowed_methods, reason = "which rows is up to the user")]
fn text(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn anything(rng: &mut Rng, _: u32) -> [u32; 3] {
    [0; 3].map(|_| rng.below(8) as u32)
}

#[test]
fn random_operands_do_not_tell_which_executor_computes() {
    const PASSES: u64 = 40;
    let sets = setting("CAPISIM_JIT_OPERANDS", 2 * PASSES * TESTED as u64);
    for row in rows() {
        let first = setting("CAPISIM_JIT_SEED", 1);
        for seed in 0..sets.div_ceil(PASSES * TESTED as u64) {
            compare_passes(row, first + seed, PASSES, &anything, &|_, rng, _| register(rng));
        }
    }
}

/// Every pair of edges, and for multiply-adds every triple of some.
#[test]
fn edges_do_not_tell_which_executor_computes() {
    let all: Vec<u64> = F64.iter().flat_map(|x| [*x, *x | 1 << 63]).collect();
    // A product of two that differs from the third by less than the least denormal.
    let cancelling = [0x20B0_0000_0000_0001, 0x8170_0000_0000_0002];
    let few: Vec<u64> = all.iter().copied().step_by(7).chain(cancelling).collect();
    let singles = F32.iter().flat_map(|x| [*x, *x | 1 << 31]);
    let singles: Vec<u64> = singles.map(|x| u64::from(x) * 0x1_0000_0001).collect();
    let thorough = setting("CAPISIM_JIT_OPERANDS", 0) >= 1 << 20;
    for row in rows().into_iter().filter(|row| row.group != isa::Group::Vmx) {
        let triples = row.name.contains("madd") || row.name.contains("msub");
        let packed = row.name.starts_with("xv");
        let edges = match (packed && row.name.contains("sp"), triples && !thorough) {
            (true, _) => &singles,
            (_, true) => &few,
            _ => &all,
        };
        let n = edges.len() as u64;
        // The first operand is in register 0, the second in one of seven, the
        // third in the target; as the passes go on all combinations come up.
        let rounds = n.div_ceil(7);
        let sources = |_: &mut Rng, k: u32| [0, 1 + k % 7, 8 + k];
        let fill = |p: u64, _: &mut Rng, register: usize| {
            let r = register as u64 % 32;
            let edge = match r {
                0 => p % n,
                1..8 => (p / n % rounds * 7 + r - 1) % n,
                _ => (p / n / rounds + r) % n,
            };
            // Elements alike, since one that is given up takes the others with it.
            let other = if packed { edge } else { edge * 5 % n };
            u128::from(edges[edge as usize]) << 64 | u128::from(edges[other as usize])
        };
        let passes = n * rounds * if triples { n } else { 1 };
        compare_passes(row, 0, passes, &sources, &fill);
    }
}

/// Else the tests above would compare the interpreter with itself.
#[test]
fn ordinary_operands_are_computed_inline() {
    for row in rows() {
        let number = isa::rows().iter().position(|r| r.name == row.name).expect("a row");
        ROW.set(number as u32);
        let scalar = row.group == isa::Group::Float;
        let mut rng = Rng::named(1, row.name);
        let words = (0..TESTED as u32).map(|n| word_of(row, n, &anything, &mut rng));
        let mut program: Vec<u32> = words.map(|word| if scalar { word & !1 } else { word }).collect();
        // Compares of floating-point elements that record are calls.
        let records = |word: &&u32| row.name.starts_with("xvcmp") && **word & 1 << 10 != 0;
        let allowed = program.iter().filter(records).count() as u64;
        // A call in any case: it shows that the block was executed.
        program.extend([0xFFE0_048E, 0x4800_0000]);
        let mut translated = bench(&program, Some(Threshold::Times(0)));
        translated.cpu.fpscr = 0x8202_0000;
        for n in 0..3 {
            CALLS.set([0; 2]);
            let cpu = &mut translated.cpu;
            (cpu.cia, cpu.nia) = (START, START);
            // Doubles near 4, singles near 2, or positive integers.
            (0..64)
                .for_each(|r| cpu.set_vsr(r, (0x4010_0000_4010_0000 + r as u128) * 0x1_0000_0000_0000_0001));
            let mut env = Env { mem: &translated.mem, platform: &mut NoPlatform };
            cpu.run(&mut env, &mut translated.code, program.len() as u64);
            let [calls, all] = CALLS.get();
            assert!(all > calls, "{}: the block was not executed", row.name);
            assert!(calls <= allowed, "{}: {calls} calls in pass {n}, {allowed} expected", row.name);
        }
    }
}
