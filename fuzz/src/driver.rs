//! The loop: choose, mutate, run, judge.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A fuzzer is about the wall clock.

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fabric::Rng;

use crate::coverage::{self, Seen};
use crate::limits::{self, Limits};
use crate::targets::Target;
use crate::{corpus, mutate};

/// Mutants kept as parents beside the seeds: by chance without coverage, those that reached something new with it.
const POOL: usize = 64;
const POOL_COVERED: usize = 8192;
/// Runs spent on making a failing input shorter.
const SHRINK_RUNS: usize = 400;

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What was asked for.
pub struct Options {
    /// Seed of the mutations.
    pub seed: u64,
    /// Wall-clock seconds.
    pub seconds: u64,
    /// Executions instead.
    pub executions: Option<u64>,
    /// Whether the floors of the target hold.
    pub floor: bool,
    /// Folder of more inputs, to which those are added that reach something new.
    pub grow: Option<PathBuf>,
    /// File that gets a line about the run.
    pub ledger: Option<PathBuf>,
}

/// One run.
struct Session<'a> {
    target: &'static Target,
    options: &'a Options,
    limits: Limits,
    seen: Seen,
    rng: Rng,
    pool: Vec<Vec<u8>>,
    done: u64,
}

/// Fuzzes `target`; the exit code says whether anything was found, and with `floor` whether it was enough.
pub fn fuzz(target: &'static Target, options: &Options) -> io::Result<ExitCode> {
    catch_messages();
    let mut parents = (target.seeds)();
    for folder in [Some(&corpus::folder(target)), options.grow.as_ref()].into_iter().flatten() {
        parents.extend(corpus::load(folder)?);
    }
    let mut session = Session {
        target,
        options,
        limits: Limits::new(|input, text| store(target, input, text)),
        seen: Seen::default(),
        rng: Rng::named(options.seed, target.name),
        pool: vec![],
        done: 0,
    };
    let start = Instant::now();
    let mut sound = parents
        .iter()
        .try_fold(true, |sound, input| Ok::<_, io::Error>(sound && session.run(input.clone(), false)?))?;
    let replayed = session.seen.reached();
    let limit = Duration::from_secs(options.seconds);
    while sound && options.executions.map_or(start.elapsed() < limit, |most| session.done < most) {
        let input = session.next_input(&parents);
        sound = session.run(input, true)?;
    }
    let cpu = limits::cpu_time(start).as_secs_f64();
    session.report(start, cpu, sound)?;
    let enough = sound && (!options.floor || session.enough(cpu, replayed));
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Session<'_> {
    /// Runs one input and keeps it if it is worth it; whether it did no harm.
    fn run(&mut self, input: Vec<u8>, new: bool) -> io::Result<bool> {
        self.limits.begin(&input);
        coverage::clear();
        let failed = failure(self.target, &input);
        let failed = failed.or(self.limits.end());
        self.done += 1;
        if let Some(text) = failed {
            println!(
                "fuzz {}: execution {} of seed {} failed",
                self.target.name, self.done, self.options.seed
            );
            store(self.target, &shrink(self.target, input), &text);
            return Ok(false);
        }
        let found = self.seen.add();
        if new {
            self.keep(input, found)?;
        }
        Ok(true)
    }

    fn next_input(&mut self, parents: &[Vec<u8>]) -> Vec<u8> {
        let (rng, pool, longest) = (&mut self.rng, &self.pool, self.target.longest);
        if rng.below(64) == 0 {
            return mutate::random(rng, longest.min(4096));
        }
        let pick = |rng: &mut Rng| -> Vec<u8> {
            let n = rng.below((parents.len() + pool.len()) as u64) as usize;
            parents.get(n).or_else(|| pool.get(n - parents.len())).cloned().unwrap_or_default()
        };
        let (from, other) = (pick(rng), pick(rng));
        mutate::mutate(rng, &from, &other, self.target)
    }

    fn keep(&mut self, input: Vec<u8>, found: bool) -> io::Result<()> {
        let most = if coverage::counters() == 0 { POOL } else { POOL_COVERED };
        let worth =
            if coverage::counters() == 0 { self.pool.len() < POOL || self.rng.below(8) == 0 } else { found };
        if !worth {
            return Ok(());
        }
        if let Some(folder) = &self.options.grow {
            corpus::store(folder, &input)?;
        }
        if self.pool.len() < most {
            self.pool.push(input);
        } else {
            let n = self.rng.below(most as u64) as usize;
            self.pool[n] = input;
        }
        Ok(())
    }

    /// Says what was done, on the terminal and in the ledger.
    fn report(&self, start: Instant, cpu: f64, sound: bool) -> io::Result<()> {
        let (name, done, seed) = (self.target.name, self.done, self.options.seed);
        let took = start.elapsed().as_secs_f64();
        let reached = self.seen.reached();
        let covered = match coverage::counters() {
            0 => "no coverage measured".to_owned(),
            _ => format!("{reached} counters, {} features reached", self.seen.features()),
        };
        let found = if sound { "nothing found" } else { "FOUND" };
        println!(
            "fuzz {name}: {done} executions, {:.0} a CPU second, {cpu:.1} s of {took:.1} s, {covered}, {} MiB, seed {seed}: {found}",
            done as f64 / cpu,
            limits::peak_kib() >> 10,
        );
        let Some(path) = &self.options.ledger else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        // At once: several runs may append to one ledger.
        let line = format!("{name},{seed},{cpu:.0},{done},{reached},{}\n", u8::from(!sound));
        file.write_all(line.as_bytes())
    }

    /// Whether the floors of the target were reached; `replayed` counters by seeds and corpus alone.
    fn enough(&self, cpu: f64, replayed: usize) -> bool {
        let Target { name, floor, counters, .. } = self.target;
        let least = (*floor as f64 * cpu) as u64;
        if self.done < least {
            println!("fuzz {name}: {} executions are fewer than the floor of {least}", self.done);
        }
        if replayed < *counters {
            println!(
                "fuzz {name}: corpus and seeds reach {replayed} counters, fewer than the floor of {counters}"
            );
        }
        self.done >= least && replayed >= *counters
    }
}

/// Panics go into [`PANIC`] instead of the terminal.
fn catch_messages() {
    std::panic::set_hook(Box::new(|info| PANIC.with(|text| *text.borrow_mut() = info.to_string())));
}

/// Runs one input; the panic's message if there was one.
fn failure(target: &Target, input: &[u8]) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).err()?;
    Some(PANIC.with(|text| text.borrow().clone()))
}

/// A shorter input that fails at the same place.
fn shrink(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let place = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let Some(wanted) = failure(target, &input).map(|text| place(&text)) else { return input };
    let (mut piece, mut runs) = (input.len() / 2, 0);
    while piece > 0 && runs < SHRINK_RUNS {
        let mut at = 0;
        while at < input.len() && runs < SHRINK_RUNS {
            let mut less = input.clone();
            less.drain(at..(at + piece).min(input.len()));
            runs += 1;
            match failure(target, &less) {
                Some(text) if place(&text) == wanted => input = less,
                _ => at += piece,
            }
        }
        piece /= 2;
    }
    input
}

/// Keeps a failing input and prints how to run it again.
fn store(target: &Target, input: &[u8], text: &str) {
    let folder = Path::new("target/capisim/fuzz");
    let stored = corpus::store(&folder.join(target.name), input);
    println!("{text}");
    match stored {
        Ok(path) => println!("repeat: cargo run -p fuzz -- {} --replay {}", target.name, path.display()),
        Err(error) => println!("{}: cannot store the input: {error}; it is {input:02x?}", folder.display()),
    }
}
