//! `boot hash N`: boots the prepared guest for N instructions and prints the state's hash again and again; `cargo xtask test`
//! compares the lines of the debug and the release build. `boot time CPUS`: boots to init and prints numbers for
//! `cargo xtask bench`. `boot snapshot RUNS`: keeps a booted guest in a file and comes back to it, for
//! `cargo xtask bench --snapshots`. One program, because linking a second one costs a minute.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_types)] // It measures wall time.

use std::time::Instant;

use capisim::cli::GuestArgs;
use capisim::scenarios::Source;
use capisim::snapshots::Keep;
use fabric::{NoInjection, Ticks};
use it::boot::{Guest, samples};
use machine::engine::{Branch, Hashing, Host, Status, Strategy, Trunk, Wish};
use machine::snapshot_file::Facts;
use machine::{Record, Stop};

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = words.get(1).and_then(|text| text.parse::<u64>().ok());
    if let Some(name) = words.get(2) {
        machine::executor::choose(name.parse()?);
    }
    match (words.first().map(String::as_str), number) {
        (Some("hash"), Some(instructions)) => hash(instructions),
        (Some("time"), Some(cpus)) => time(cpus as usize),
        (Some("snapshot"), Some(runs)) => snapshot(runs).map_err(|e| e.to_string()),
        _ => Err("usage: boot hash INSTRUCTIONS [EXECUTOR] | boot time CPUS [EXECUTOR] | boot snapshot RUNS"
            .into()),
    }
}

/// Boots for some instructions, on one CPU and on two, and prints the state's hash again and again.
fn hash(instructions: u64) -> Result<(), String> {
    let guest = Guest::prepared()?;
    for cpus in [1, 2] {
        for sample in samples(&mut guest.machine(cpus, 1)?, instructions / 2) {
            println!("{cpus} {:10} {:12} {:032x}", sample.instructions, sample.now.0, sample.hash);
        }
    }
    Ok(())
}

/// Init's first words on the console.
const INIT: &[u8] = b"capisim guest, mode";

/// Boots to init's first line and prints one line of numbers.
fn time(cpus: usize) -> Result<(), String> {
    let guest = Guest::prepared()?;
    let mut machine = guest.machine(cpus, 1)?;
    drop(guest);
    let (start, mut console) = (Instant::now(), vec![]);
    while !console.windows(INIT.len()).any(|text| text == INIT) {
        let stop = machine.run(Ticks::secs(600), &mut NoInjection);
        let fresh = machine.take_output(0);
        console.drain(..console.len().saturating_sub(INIT.len()));
        console.extend(fresh);
        machine.take_records();
        if stop != Stop::Activity && !console.windows(INIT.len()).any(|text| text == INIT) {
            return Err(format!("the guest ended before init: {stop:?}"));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let touched = machine.memory().touched_bytes();
    let virtual_seconds = machine.now().as_secs_f64();
    println!(
        "{{\"seconds\":{seconds:.3},\"instructions\":{},\"virtual_seconds\":{virtual_seconds:.3},\"touched\":{touched},\
         \"peak\":{}}}",
        machine.instructions(),
        peak_resident()
    );
    Ok(())
}

/// A host that lets a run go on.
struct Idle;

impl Host for Idle {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, _: &Record) {}
    fn poll(&mut self, _: &Status) -> Wish {
        Wish::Continue
    }
}

/// Boots the default scenario to its branch point, then measures again and again: a line of numbers each, seconds and bytes.
fn snapshot(runs: u64) -> Result<(), Box<dyn std::error::Error>> {
    let guest = capisim::guest::Guest::open(&GuestArgs::default())?;
    let scenario = Source::find("release-during-remove")?.parse()?;
    let driver = guest.driver("stock")?;
    let setup = || capisim::run::setup(&scenario, &guest, Some(&driver), 1, vec![]);
    let mut trunk = Trunk::grow(setup()?, &mut Idle)?;
    let file = std::env::temp_dir().join(format!("capisim-bench-{}.snapshot", std::process::id()));
    let (keep, facts) = (Keep::File(file.clone()), Facts::default());
    for seed in 0..runs {
        // The first schedule finds nothing decoded and is not what the others are.
        trunk.run(&Branch { seed, strategy: Strategy::Random }, Hashing::OfFailures, &mut Idle)?;
        let begun = Instant::now();
        trunk.rewind()?;
        let rewind = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        keep.keep("", &facts, trunk.point())?;
        let save = begun.elapsed().as_secs_f64();
        let (fresh, again) = (setup()?, setup()?);
        let begun = Instant::now();
        let point = keep.find("", &facts, &fresh)?.0.ok_or("the file is gone")?;
        let load = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let planted = Trunk::plant(again, point)?;
        let plant = begun.elapsed().as_secs_f64();
        let (bytes, touched) = (std::fs::metadata(&file)?.len(), planted.point().snapshot().memory_bytes());
        println!(
            "{{\"save\":{save:.5},\"load\":{load:.5},\"plant\":{plant:.5},\"rewind\":{rewind:.6},\
             \"bytes\":{bytes},\"touched\":{touched}}}"
        );
    }
    std::fs::remove_file(&file)?;
    Ok(())
}

/// Most bytes this process had in memory.
fn peak_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}
