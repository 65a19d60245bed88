//! Words that no row matches must be illegal to QEMU too: what the table
//! lacks shows here.

use super::program::Vector;
use super::qemu::Qemu;
use super::state::{End, State};
use fabric::rng::Rng;
use std::collections::BTreeMap;

const BATCH: usize = 4096;
const SIGILL: u32 = 4;

/// What QEMU's power9 executes and we take for illegal: mask, value, reason.
#[rustfmt::skip]
const NOT_MODELLED: &[(u32, u32, &str)] = &[
    (0xFC00_003C, 59 << 26 | 4, "decimal floating point: nothing in the guest uses it"),
    (0xFC00_003C, 63 << 26 | 4, "decimal floating point: nothing in the guest uses it"),
    (0xFC00_073E, 31 << 26 | 0x61C, "tabort*: the guest is not offered transactional memory"),
    (0xFC00_073E, 31 << 26 | 0x524, "hashst, hashchk: of ISA 3.1, QEMU does not check the level"),
    (0xFC00_07FF, 4 << 26 | 0x1CD, "vclrrb: of ISA 3.1, QEMU does not check the level"),
    (0xFC18_07FF, 4 << 26 | 0x18_0642, "vcntmb*: of ISA 3.1, QEMU does not check the level"),
    (0xFC00_003E, 19 << 26, "mcrf: QEMU ignores the upper half of the extended opcode"),
    (0xFC00_02F8, 60 << 26 | 0x2D8, "no instruction: QEMU decodes too little of the extended opcode"),
];

/// Words of all primary and extended opcodes that do not decode; where RA
/// selects instructions, with every RA.
fn words(r: &mut Rng) -> Vec<u32> {
    let mut out = vec![];
    for opcode in (0..64u32).filter(|op| *op != 17) {
        for extended in 0..2048u32 {
            let registers = (r.next_u64() as u32 & 31) << 21 | (r.next_u64() as u32 & 31) << 11;
            let some = r.next_u64() as u32 & 31;
            let selects = matches!(opcode, 4 | 60 | 63);
            let ra = (0..32).filter(|ra| selects || *ra == 0 || *ra == some);
            out.extend(ra.map(|ra| opcode << 26 | registers | ra << 16 | extended));
        }
    }
    // QEMU overlooks bit 31 of many forms.
    out.retain(|w| isa::decode(*w).is_none() && isa::decode(*w ^ 1).is_none());
    out
}

#[test]
fn unknown_words_are_illegal_to_qemu() {
    let mut r = Rng::named(1, "unknown words");
    let words = words(&mut r);
    let qemu = Qemu::find();
    let mut executed: BTreeMap<(u32, u32), (u64, u32, End)> = BTreeMap::new();
    for chunk in words.chunks(BATCH) {
        let batch: Vec<Vector> = chunk
            .iter()
            .enumerate()
            .map(|(slot, word)| {
                let (input, slot) = (State::random(&mut r), slot as u64);
                let mut v = Vector { row: 0, number: 0, word: *word, prefix: vec![], input, slot };
                v.input.gpr = [v.window() + 256; 32];
                v
            })
            .collect();
        for (v, (_, end)) in batch.iter().zip(qemu.run(&batch)) {
            let known = NOT_MODELLED.iter().any(|(mask, value, _)| v.word & mask == *value);
            if end != End::Signal(SIGILL) && !known {
                let e = executed.entry((v.word >> 26, v.word & 0x7FF)).or_insert((0, v.word, end));
                e.0 += 1;
            }
        }
    }
    let lines: Vec<String> = executed
        .iter()
        .map(|((op, xo), (n, word, end))| {
            format!("opcode {op}, bits 21..31 {xo:#05x}: {n} words, such as {word:#010x}: {end:x?}")
        })
        .collect();
    println!("{} words that no row matches", words.len());
    assert!(lines.is_empty(), "QEMU executes what the table lacks:\n{}", lines.join("\n"));
}
