//! Differential test: every problem-state row of the table, with random
//! words and states, on our CPU and on QEMU's user mode (CPU power9); and
//! the same on our CPU with the translator, where everything has to be equal.
//!
//! `CAPISIM_ORACLE_ROWS=add,Vsx` (row names, prefixes ending in `*`, or
//! groups), `CAPISIM_ORACLE_VECTORS=1000` (per row), `CAPISIM_ORACLE_SEED=2`.

mod float;
mod ours;
mod program;
mod qemu;
mod rules;
mod state;
mod unknown;

use cpu::CodeCache;
use fabric::rng::Rng;
use isa::{Row, disassemble};
use machine::executor::Executor;
use ours::Ours;
use program::Vector;
use rules::{EXEMPT, Exempt, Part};
use state::{End, State};
use std::collections::BTreeMap;

const BATCH: usize = 2048;
/// An enabled floating-point exception changes FPSCR before it traps.
const SIGFPE: u32 = 8;
/// Differences shown per row.
const SHOWN: usize = 3;

#[allow(clippy::disallowed_methods)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}: {v} is not a number")))
}

/// Does the filter choose this row?
fn chosen(row: &Row, filter: &str) -> bool {
    filter.split(',').any(|f| match f.strip_suffix('*') {
        Some(prefix) => row.name.starts_with(prefix),
        None => f == row.name || f == format!("{:?}", row.group),
    })
}

/// What became of the vectors of a row.
#[derive(Default)]
struct Tally {
    completed: u64,
    trapped: u64,
    exempt: u64,
    /// The translator did the same.
    translated: u64,
    different: u64,
    shown: Vec<String>,
}

#[test]
fn rows_mean_what_qemu_means() {
    let seed = number("CAPISIM_ORACLE_SEED", 1);
    let per_row = number("CAPISIM_ORACLE_VECTORS", 64);
    let filter = setting("CAPISIM_ORACLE_ROWS");
    let rows: Vec<(usize, &'static Row)> = isa::rows()
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, row)| rules::is_compared(row) && filter.as_ref().is_none_or(|f| chosen(row, f)))
        .collect();
    assert!(!rows.is_empty(), "CAPISIM_ORACLE_ROWS chooses nothing");
    let qemu = qemu::Qemu::find();

    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    let (mut ours, mut translating) = (Ours::new(BATCH), Ours::new(BATCH));
    let mut translator = translator();
    let total = rows.len() * per_row as usize;
    for first in (0..total).step_by(BATCH) {
        let batch: Vec<Vector> = (first..total.min(first + BATCH))
            .map(|i| {
                let (index, row) = rows[i / per_row as usize];
                let number = i as u64 % per_row;
                let mut r = Rng::named(seed, &format!("{}/{number}", row.name));
                rules::vector(&mut r, row, index, number, (i - first) as u64)
            })
            .collect();
        let theirs = qemu.run(&batch);
        for (v, (their_state, their_end)) in batch.iter().zip(theirs) {
            let (our_state, our_end) = ours.run(v);
            let tally = tallies.entry(v.row).or_default();
            judge(tally, v, (&our_state, our_end), (&their_state, their_end));
            if let Some(code) = &mut translator {
                alike(tally, v, (&our_state, our_end), translating.run_from_memory(code, v));
            }
        }
    }
    report(&tallies, per_row, seed);
}

/// Code that is translated at once, where this host has a translator. Interrupts lead to a watched place.
fn translator() -> Option<CodeCache> {
    let executor: Executor = "jit:0".parse().ok().filter(|e: &Executor| e.available())?;
    let mut code = executor.code_cache();
    (0x100..0x1000).step_by(0x20).for_each(|vector| code.watch(vector));
    Some(code)
}

/// The translator does what the instruction's function did.
fn alike(tally: &mut Tally, v: &Vector, ours: (&State, End), translated: (State, End)) {
    if (ours.0, ours.1) == (&translated.0, translated.1) {
        tally.translated += 1;
        return;
    }
    let mut differences = vec![format!(
        "our own translator, below called QEMU, ends {:x?}, the function {:x?}",
        translated.1, ours.1
    )];
    compare(&mut differences, ours.0, &translated.0);
    tally.different += 1;
    if tally.shown.len() < SHOWN {
        tally.shown.push(describe(v, &differences));
    }
}

/// All known differences.
fn exempt() -> impl Iterator<Item = &'static Exempt> {
    EXEMPT.iter().chain(float::EXEMPT)
}
/// Is the row in the list, itself or by a prefix ending in `*`?
fn named(rows: &[&str], name: &str) -> bool {
    rows.iter().any(|r| r.strip_suffix('*').map_or(*r == name, |prefix| name.starts_with(prefix)))
}

/// Compares the two outcomes of a vector.
fn judge(tally: &mut Tally, v: &Vector, ours: (&State, End), theirs: (&State, End)) {
    let name = isa::rows()[v.row].name;
    let exempt = exempt().filter(|e| named(e.rows, name) && (e.when)(v.word, &v.input));
    let mut their_state = theirs.0.clone();
    let (ours, theirs) = (ours, (&mut their_state, theirs.1));
    for e in exempt {
        match e.part {
            Part::Fpscr(bits) => theirs.0.fpscr ^= (theirs.0.fpscr ^ ours.0.fpscr) & bits,
            Part::Cr(bits) => theirs.0.cr ^= (theirs.0.cr ^ ours.0.cr) & bits,
            Part::Vscr => theirs.0.vscr = ours.0.vscr,
            Part::Rt => {
                let rt = v.word as usize >> 21 & 31;
                theirs.0.gpr[rt] = ours.0.gpr[rt];
            }
            Part::Doubleword1 => {
                for half in [0, 32] {
                    let target = half + (v.word as usize >> 21 & 31);
                    let low = ours.0.vsr[target] as u64 as u128;
                    theirs.0.vsr[target] = theirs.0.vsr[target] >> 64 << 64 | low;
                }
            }
            Part::InvalidDecimal if theirs.0.cr >> 4 & 1 == 0 => {}
            Part::Target | Part::InvalidDecimal => {
                let vrt = 32 + (v.word as usize >> 21 & 31);
                theirs.0.vsr[vrt] = ours.0.vsr[vrt];
            }
            Part::Everything => {
                tally.exempt += 1;
                return;
            }
        }
    }
    // QEMU may deliver what an earlier instruction left pending.
    let none_enabled = v.input.fpscr & 0xF8 == 0;
    if matches!((ours.1, theirs.1), (End::At(_), End::Signal(8))) && none_enabled && name.starts_with('x') {
        tally.exempt += 1;
        return;
    }
    let mut differences = vec![];
    if ours.1 != theirs.1 {
        differences.push(format!("ends {:x?}, QEMU {:x?}", ours.1, theirs.1));
    }
    if let (End::At(_), End::At(_)) = (ours.1, theirs.1) {
        tally.completed += 1;
        compare(&mut differences, ours.0, theirs.0);
    } else {
        tally.trapped += 1;
        if matches!(ours.1, End::Signal(n) if n != SIGFPE) && v.prefix.is_empty() && *ours.0 != v.input {
            differences.push("the instruction trapped and changed state".to_string());
        }
    }
    if !differences.is_empty() {
        tally.different += 1;
        if tally.shown.len() < SHOWN {
            tally.shown.push(describe(v, &differences));
        }
    }
}

fn compare(out: &mut Vec<String>, ours: &State, theirs: &State) {
    for (i, (a, b)) in ours.gpr.iter().zip(&theirs.gpr).enumerate().filter(|(_, (a, b))| a != b) {
        out.push(format!("r{i} {a:#x}, QEMU {b:#x}"));
    }
    for (i, (a, b)) in ours.vsr.iter().zip(&theirs.vsr).enumerate().filter(|(_, (a, b))| a != b) {
        out.push(format!("vs{i} {a:#034x}, QEMU {b:#034x}"));
    }
    let words = [
        ("cr", ours.cr as u64, theirs.cr as u64),
        ("xer", ours.xer, theirs.xer),
        ("ctr", ours.ctr, theirs.ctr),
        ("lr", ours.lr, theirs.lr),
        ("fpscr", ours.fpscr, theirs.fpscr),
        ("vscr", ours.vscr as u64, theirs.vscr as u64),
    ];
    for (name, a, b) in words.into_iter().filter(|(_, a, b)| a != b) {
        out.push(format!("{name} {a:#x}, QEMU {b:#x} (differ in {:#x})", a ^ b));
    }
    if let Some(at) = (0..state::WINDOW).find(|&i| ours.window[i] != theirs.window[i]) {
        let part = |s: &State| s.window[at..].iter().take(16).map(|b| format!("{b:02x}")).collect::<String>();
        out.push(format!("memory at window+{at:#x}: {}, QEMU {}", part(ours), part(theirs)));
    }
}

/// The vector for a reader: what it executes and the registers it names.
fn describe(v: &Vector, differences: &[String]) -> String {
    let row = isa::rows()[v.row];
    let before = v.prefix.iter().map(|w| format!("{}; ", disassemble(*w, 0))).collect::<String>();
    let s = &v.input;
    let mut text = format!(
        "  {}/{}: {before}{}  [{:#010x}]\n",
        row.name,
        v.number,
        disassemble(v.word, v.cia()),
        v.word
    );
    let field = |shift: u32| (v.word >> shift & 31) as usize;
    for (name, i) in [("t", field(21)), ("a", field(16)), ("b", field(11)), ("c", field(6))] {
        text += &format!(
            "    {name}: r{i}={:#x} vs{i}={:#034x} vs{}={:#034x}\n",
            s.gpr[i],
            s.vsr[i],
            i + 32,
            s.vsr[i + 32]
        );
    }
    text += &format!(
        "    cr={:#x} xer={:#x} ctr={:#x} lr={:#x} fpscr={:#x} vscr={:#x} cia={:#x} window={:#x}\n",
        s.cr,
        s.xer,
        s.ctr,
        s.lr,
        s.fpscr,
        s.vscr,
        v.cia(),
        v.window()
    );
    differences.iter().for_each(|d| text += &format!("    -> {d}\n"));
    text
}

/// Prints the coverage and fails on differences and rows without a result.
fn report(tallies: &BTreeMap<usize, Tally>, per_row: u64, seed: u64) {
    let mut failures = String::new();
    for (&index, t) in tallies {
        let name = isa::rows()[index].name;
        if t.completed == 0 {
            failures +=
                &format!("{name}: no vector completed ({} trapped, {} exempt)\n", t.trapped, t.exempt);
        }
        if t.different > 0 {
            failures += &format!("{name}: {} of {per_row} vectors differ\n{}", t.different, t.shown.concat());
        }
    }
    let sum = |f: fn(&Tally) -> u64| tallies.values().map(f).sum::<u64>();
    let bad: Vec<&str> =
        tallies.iter().filter(|(_, t)| t.different > 0).map(|(i, _)| isa::rows()[*i].name).collect();
    let summary = format!(
        "{} rows x {per_row} vectors: {} completed, {} trapped, {} exempt, {} the same translated, {} different in {} rows: {}",
        tallies.len(),
        sum(|t| t.completed),
        sum(|t| t.trapped),
        sum(|t| t.exempt),
        sum(|t| t.translated),
        sum(|t| t.different),
        bad.len(),
        bad.join(" "),
    );
    println!("{summary}");
    for e in exempt() {
        println!("exempt: {} ({:?}): {}", e.rows.join(" "), e.part, e.reason);
    }
    assert!(
        failures.is_empty(),
        "\n{failures}{summary}\nrepeat: CAPISIM_ORACLE_SEED={seed} CAPISIM_ORACLE_VECTORS={per_row} \
         CAPISIM_ORACLE_ROWS=<row> cargo test -p it oracle"
    );
}
