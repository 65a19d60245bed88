//! `cargo xtask bench`: our boot beside QEMU's, same kernel, initramfs, command line and CPUs.
//!
//! Measured is wall time from the kernel's entry to init's first line; medians are printed, as a table in Markdown.

#![allow(clippy::disallowed_types)] // A benchmark is about the wall clock.

mod console;
mod iops;
mod peer;
pub mod qemu;
mod snapshots;

use std::process::ExitCode;

use serde::Deserialize;

use crate::clients::Format;
use crate::guest;
use crate::test::cargo::{cargo, output};

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --runs 5 --cpus 1\n  cargo xtask bench --no-qemu\n  cargo xtask bench --iops --format json\n  cargo xtask bench --snapshots --runs 5\n  cargo xtask bench --peer\n  cargo xtask bench --peer --only int,sha256 --scale 10"
)]
#[command(group = clap::ArgGroup::new("tables").args(["iops", "peer"]))]
pub struct Args {
    /// Runs of each; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Numbers of CPUs
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    cpus: Vec<u32>,
    /// Only our own numbers
    #[arg(long)]
    no_qemu: bool,
    /// What reads through the adapter cost instead, beside QEMU's disks
    #[arg(long)]
    iops: bool,
    /// What snapshots of a booted guest cost instead, beside QEMU's
    #[arg(long, conflicts_with = "tables")]
    snapshots: bool,
    /// What programs of the guest cost instead, beside QEMU's machines as they come and counting instructions
    #[arg(long, conflicts_with = "no_qemu")]
    peer: bool,
    /// Workloads of `--peer`: these alone, and no boots
    #[arg(long, value_delimiter = ',', requires = "peer")]
    only: Vec<String>,
    /// Divides the work of `--peer`
    #[arg(long, default_value_t = 1, requires = "peer", value_parser = clap::value_parser!(u64).range(1..))]
    scale: u64,
    /// `--peer` without the machines that count instructions
    #[arg(long, requires = "peer")]
    no_icount: bool,
    /// Reads of a short run of `--iops`; a long one has nine times as many
    #[arg(long, default_value_t = 32768, requires = "iops", value_parser = clap::value_parser!(u64).range(4096..))]
    reads: u64,
    /// How to print the result of `--iops` and `--peer`
    #[arg(long, value_enum, default_value = "human", requires = "tables")]
    format: Format,
}

/// What one boot gave.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Boot {
    seconds: f64,
    #[serde(default)]
    instructions: u64,
    #[serde(default)]
    virtual_seconds: f64,
    /// Guest memory that is not zero.
    #[serde(default)]
    touched: u64,
    /// Most memory the process had.
    #[serde(default)]
    peak: u64,
}

/// What a simulator may have resident beyond what the guest touched.
const MEMORY_LIMIT: u64 = 256 << 20;

/// The task.
pub fn run(args: &Args) -> ExitCode {
    let done = match (args.iops, args.snapshots, args.peer) {
        (true, _, _) => iops::run(args).map(|()| true),
        (_, true, _) => snapshots::run(args).map(|()| true),
        (_, _, true) => peer::run(args).map(|()| true),
        _ => bench(args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(5)
        }
    }
}

fn bench(args: &Args) -> Result<bool, String> {
    let wanted =
        guest::Args { with_qemu_system: !args.no_qemu && !qemu::on_path(), ..guest::Args::default() };
    let artifacts = guest::prepared(&wanted)?;
    let qemu = if args.no_qemu { None } else { Some(qemu::Qemu::find(&artifacts)?) };
    println!("kernel {}; {}", artifacts.kernel, qemu.as_ref().map_or("no QEMU", |qemu| &qemu.version));
    println!("kernel entry to init's first line, median of {}\n", args.runs);
    println!(
        "| CPUs | capisim s | QEMU s | ratio | instructions | MIPS | guest s | resident MiB | touched MiB | QEMU resident MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut small = true;
    for &cpus in &args.cpus {
        let ours = median(args.runs, || ours(cpus))?;
        let theirs =
            qemu.as_ref().map(|qemu| median(args.runs, || qemu.boot(&qemu::DEFAULT[0], cpus))).transpose()?;
        print_row(cpus, &ours, theirs.as_ref());
        small &= ours.peak <= ours.touched + MEMORY_LIMIT;
    }
    println!("\nresident at most touched + {} MiB: {}", MEMORY_LIMIT >> 20, if small { "yes" } else { "NO" });
    Ok(small)
}

fn print_row(cpus: u32, ours: &Boot, theirs: Option<&Boot>) {
    let mips = ours.instructions as f64 / ours.seconds / 1e6;
    let (seconds, ratio, peak) = theirs.map_or(("-".into(), "-".into(), "-".into()), |theirs| {
        let ratio = ours.seconds / theirs.seconds;
        (format!("{:.2}", theirs.seconds), format!("{ratio:.2}"), (theirs.peak >> 20).to_string())
    });
    println!(
        "| {cpus} | {:.2} | {seconds} | {ratio} | {} | {mips:.0} | {:.2} | {} | {} | {peak} |",
        ours.seconds,
        ours.instructions,
        ours.virtual_seconds,
        ours.peak >> 20,
        ours.touched >> 20
    );
}

/// The boot of median time.
fn median(runs: u32, boot: impl Fn() -> Result<Boot, String>) -> Result<Boot, String> {
    let mut all = (0..runs).map(|_| boot()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(all[all.len() / 2])
}

/// One boot of ours, in a process of its own.
fn ours(cpus: u32) -> Result<Boot, String> {
    let number = cpus.to_string();
    let words =
        ["run", "--quiet", "--release", "--package", "it", "--example", "boot", "--", "time", &number];
    let text =
        output(cargo(&words), &format!("cargo {}", words.join(" "))).map_err(|failure| failure.text)?;
    serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))
}
