//! The loop: choose, mutate, run, judge.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A fuzzer is about the wall clock.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fabric::Rng;

use crate::mutate;
use crate::targets::Target;
use crate::watchdog::Watchdog;

/// Mutants kept as parents beside the seeds.
const POOL: usize = 64;
/// Runs spent on making a failing input shorter.
const SHRINK_RUNS: usize = 400;

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Fuzzes `target`; the exit code says whether anything was found, and with `floor` whether there were enough executions.
pub fn fuzz(
    target: &'static Target,
    seed: u64,
    seconds: u64,
    executions: Option<u64>,
    floor: bool,
) -> ExitCode {
    catch_messages();
    let watchdog = Watchdog::new(|input, text| store(target, input, text));
    let mut rng = Rng::named(seed, target.name);
    let seeds = (target.seeds)();
    let mut pool: Vec<Vec<u8>> = vec![];
    let (start, limit) = (Instant::now(), Duration::from_secs(seconds));
    let mut done = 0u64;
    while executions.map_or(start.elapsed() < limit, |most| done < most) {
        let input = match seeds.get(done as usize) {
            Some(seed) => seed.clone(),
            None => next_input(&mut rng, &seeds, &pool, target.longest),
        };
        watchdog.begin(&input);
        let failed = failure(target, &input);
        watchdog.end();
        done += 1;
        if let Some(text) = failed {
            println!("fuzz {}: execution {done} of seed {seed} failed", target.name);
            store(target, &shrink(target, input), &text);
            return ExitCode::FAILURE;
        }
        keep(&mut rng, &mut pool, input);
    }
    let took = start.elapsed().as_secs_f64();
    let rate = done as f64 / took;
    println!("fuzz {}: {done} executions, {rate:.0}/s, {took:.1} s, seed {seed}: nothing found", target.name);
    let least = target.floor * seconds;
    if floor && done < least {
        println!("fuzz {}: {done} executions are fewer than the floor of {least}", target.name);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn next_input(rng: &mut Rng, seeds: &[Vec<u8>], pool: &[Vec<u8>], longest: usize) -> Vec<u8> {
    if rng.below(16) == 0 {
        return mutate::random(rng, longest.min(4096));
    }
    let pick = |rng: &mut Rng| -> Vec<u8> {
        let all = (seeds.len() + pool.len()) as u64;
        let n = if rng.below(2) == 0 { rng.below(seeds.len() as u64) } else { rng.below(all) } as usize;
        seeds.get(n).or_else(|| pool.get(n - seeds.len())).cloned().unwrap_or_default()
    };
    let (from, other) = (pick(rng), pick(rng));
    mutate::mutate(rng, &from, &other, longest)
}

fn keep(rng: &mut Rng, pool: &mut Vec<Vec<u8>>, input: Vec<u8>) {
    if pool.len() < POOL {
        pool.push(input);
    } else if rng.below(8) == 0 {
        let n = rng.below(POOL as u64) as usize;
        pool[n] = input;
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
    let folder = PathBuf::from("target/capisim/fuzz");
    let path = folder.join(format!("{}-{:016x}.bin", target.name, fabric::state_hash(input) as u64));
    let stored = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
    println!("{text}");
    match stored {
        Ok(()) => println!("repeat: cargo run -p fuzz -- {} --replay {}", target.name, path.display()),
        Err(error) => println!("{}: cannot store the input: {error}; it is {input:02x?}", path.display()),
    }
}
