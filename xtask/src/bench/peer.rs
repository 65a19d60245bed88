//! `cargo xtask bench --peer`: the programs of `firmware/bench` and the boot itself, on our machine and on QEMU's, in turn.
//!
//! Both boot the same kernel with the same initramfs and command line. A workload costs the processor time that the
//! simulator's process takes from the line `BEGIN` to the line `END` on the guest's console; a boot takes wall time, from the
//! kernel's entry to init's first line.

#![allow(clippy::disallowed_types)] // A benchmark is about the wall clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use capisim::artifacts::{Artifacts, write_atomically};
use capisim::initramfs::{Contents, compose};
use serde::Serialize;

use super::console::{Console, peak_resident, processor_of};
use super::qemu::{self, COUNTING, DEFAULT, Peer, Qemu};
use super::{Args, Boot};
use crate::clients::{Format, ours};
use crate::guest;
use crate::test::cargo::root;

/// A workload, and how many times QEMU's time ours has to be: the better of QEMU's default machines counts.
struct Workload {
    name: &'static str,
    target: f64,
}

/// In the order of `firmware/bench/main.c`.
const WORKLOADS: &[Workload] = &[
    Workload { name: "int", target: 1.2 },
    Workload { name: "call", target: 1.2 },
    Workload { name: "indir", target: 1.2 },
    Workload { name: "sha256", target: 1.2 },
    Workload { name: "memcpy", target: 5.0 },
    Workload { name: "chase", target: 1.2 },
    Workload { name: "syscall", target: 3.0 },
    Workload { name: "fork", target: 3.0 },
    Workload { name: "exec", target: 3.0 },
    Workload { name: "pipe", target: 3.0 },
    Workload { name: "matmul", target: 5.0 },
    Workload { name: "fpmix", target: 5.0 },
    Workload { name: "vsx", target: 5.0 },
    Workload { name: "pgfault", target: 3.0 },
    Workload { name: "atomic", target: 5.0 },
    Workload { name: "str", target: 1.2 },
];
/// The same for a boot to init.
const BOOT_TARGET: f64 = 2.0;
/// A run that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(1800);
/// The guest's script, without a leading slash.
const SCRIPT: &str = "etc/bench.sh";
const OURS: &str = "capisim";

/// What one run of one workload gave.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    seconds: f64,
    checksum: Option<u64>,
}

/// Everything measured: by workload, then by machine.
type Samples = BTreeMap<String, BTreeMap<&'static str, Vec<Sample>>>;

/// A line of the result: a workload on ours and on one peer.
#[derive(Debug, Serialize)]
struct Row {
    workload: String,
    ours_s: f64,
    /// Largest less smallest of our runs, as a part of the median.
    ours_spread: f64,
    peer: &'static str,
    /// Nothing where the peer does not boot.
    peer_s: Option<f64>,
    peer_spread: Option<f64>,
    ratio: Option<f64>,
    checksum_equal: Option<bool>,
    target: f64,
}

/// What both sides boot.
struct Image {
    initrd: PathBuf,
    cmdline: String,
}

/// Measures everything and prints it.
pub fn run(args: &Args) -> Result<(), String> {
    let wanted = guest::Args { with_qemu_system: !qemu::on_path(), ..guest::Args::default() };
    let artifacts = guest::prepared(&wanted)?;
    ours::build()?;
    let names = chosen(&args.only)?;
    let (image, qemu) = (image(&artifacts, &names, args.scale)?, Qemu::find(&artifacts)?);
    eprintln!("kernel {}; {}", artifacts.kernel, qemu.version);
    let mut measured = Measured::default();
    for round in 1..=args.runs {
        // In turn, so that what else the host does hits all of them.
        eprintln!("round {round} of {}", args.runs);
        measured.once(OURS, our_command(&image)?, &names)?;
        for peer in peers(args) {
            measured.peer(peer, qemu.with(peer, 1, &image.initrd, &image.cmdline), &names);
        }
        if args.only.is_empty() {
            boots(args, &qemu, &mut measured)?;
        }
    }
    let rows = rows(&measured.samples, args);
    match args.format {
        Format::Json => {
            println!("{}", serde_json::to_string_pretty(&rows).expect("rows have a form in JSON"))
        }
        _ => print(&rows, &measured, args),
    }
    differing(&rows)
}

fn peers(args: &Args) -> impl Iterator<Item = &'static Peer> {
    let counting: &[Peer] = if args.no_icount { &[] } else { &COUNTING };
    DEFAULT.iter().chain(counting)
}

/// The workloads named, or all of them, in the order in which the program runs them.
fn chosen(only: &[String]) -> Result<Vec<&'static str>, String> {
    let known = || WORKLOADS.iter().map(|workload| workload.name);
    match only.iter().find(|name| known().all(|known| known != name.as_str())) {
        Some(name) => {
            Err(format!("no workload {name}; there are {}", known().collect::<Vec<_>>().join(", ")))
        }
        None => {
            Ok(known().filter(|known| only.is_empty() || only.iter().any(|name| name == known)).collect())
        }
    }
}

/// Writes the initramfs: init, the benchmarks, a shell, and a script that runs what is wanted.
fn image(artifacts: &Artifacts, names: &[&str], scale: u64) -> Result<Image, String> {
    let program = |name: &str| {
        let program = artifacts.programs.get(name);
        program
            .map(|p| p.file.path.clone())
            .ok_or(format!("no guest program `{name}`: run `cargo xtask guest`"))
    };
    let (init, bench) = (program("init")?, program("bench")?);
    // Without a shell between them the program's parent is init everywhere: `syscall` adds up its number.
    let script = format!("#!/bin/sh\nexec >/dev/console 2>&1\nexec /bin/bench {} {scale}\n", names.join(","));
    let contents = Contents {
        init: Some(&init),
        programs: vec![("bench", &bench)],
        modules: &[],
        busybox: Some(&artifacts.busybox.path),
        config: &format!("mode run\nhelper -\ncommand spawn bench - /bin/sh /{SCRIPT}\n"),
        files: vec![(SCRIPT, 0o755, script.into_bytes())],
    };
    let image = compose(&contents).map_err(|error| error.to_string())?;
    let initrd = root().join("target/capisim/bench-peer.cpio");
    write_atomically(&initrd, &image).map_err(|error| error.to_string())?;
    Ok(Image { initrd, cmdline: qemu::CMDLINE.to_owned() })
}

fn our_command(image: &Image) -> Result<Command, String> {
    let mut command = Command::new(ours::program()?);
    command.args(["boot", "--no-adapter", "--cpus", "1", "--memory", "1GiB", "--initrd"]).arg(&image.initrd);
    command.args(["--cmdline", &image.cmdline, "--out"]).arg(root().join("target/capisim/bench"));
    command.stdin(Stdio::null());
    Ok(command)
}

/// What the rounds gave so far.
#[derive(Default)]
struct Measured {
    samples: Samples,
    /// Most bytes that each machine's process had.
    resident: BTreeMap<&'static str, u64>,
    /// Peers that do not get there, and how they ended; they are not tried again.
    failed: BTreeMap<&'static str, String>,
}

impl Measured {
    /// A round of a peer. One that does not boot is a gap in the table, told at its end.
    fn peer(&mut self, peer: &Peer, command: Command, names: &[&str]) {
        if self.failed.contains_key(peer.name) {
            return;
        }
        if let Err(text) = self.once(peer.name, command, names) {
            eprintln!("{text}");
            self.samples.values_mut().for_each(|machines| drop(machines.remove(peer.name)));
            self.resident.remove(peer.name);
            self.failed.insert(peer.name, text);
        }
    }

    /// Boots once and takes the workloads' times.
    fn once(&mut self, machine: &'static str, mut command: Command, names: &[&str]) -> Result<(), String> {
        let errors = root().join("target/capisim/bench-peer.err");
        let file =
            std::fs::File::create(&errors).map_err(|error| format!("{}: {error}", errors.display()))?;
        command.stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        let mut console = Console::of(&mut child, LIMIT);
        let timed = names.iter().try_for_each(|name| {
            let sample = time(&mut console, child.id(), name)?;
            self.samples.entry((*name).to_owned()).or_default().entry(machine).or_default().push(sample);
            Ok::<_, String>(())
        });
        let peak = peak_resident(child.id());
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        let most = self.resident.entry(machine).or_default();
        *most = peak.max(*most);
        timed.map_err(|text| {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            format!("{machine}: {text}; it says {:?}", said.lines().last().unwrap_or_default())
        })
    }
}

/// From `BEGIN name` to `END name iters=N ns=N chk=HEX`.
fn time(console: &mut Console, process: u32, name: &str) -> Result<Sample, String> {
    console.until(&format!("BEGIN {name}"))?;
    let begun = processor_of(process)?;
    let end = console.until(&format!("END {name} "))?;
    let seconds = processor_of(process)? - begun;
    let checksum = checksum(&end).ok_or_else(|| format!("no checksum in {end:?}"))?;
    Ok(Sample { seconds, checksum: Some(checksum) })
}

fn checksum(line: &str) -> Option<u64> {
    let hex = line.split_whitespace().find_map(|word| word.strip_prefix("chk="))?;
    u64::from_str_radix(hex, 16).ok()
}

/// A boot of every machine with every number of CPUs.
fn boots(args: &Args, qemu: &Qemu, all: &mut Measured) -> Result<(), String> {
    for &cpus in &args.cpus {
        let row = all.samples.entry(boot_name(cpus)).or_default();
        let mut add = |name, boot: Boot| {
            row.entry(name).or_default().push(Sample { seconds: boot.seconds, checksum: None });
        };
        add(OURS, super::ours(cpus)?);
        let booting = |peer: &&Peer| cpus <= peer.most_cpus && !all.failed.contains_key(peer.name);
        for peer in peers(args).filter(booting) {
            add(peer.name, qemu.boot(peer, cpus)?);
        }
    }
    Ok(())
}

fn boot_name(cpus: u32) -> String {
    format!("boot, {cpus} CPU{}", if cpus == 1 { "" } else { "s" })
}

/// The lines, workloads as in the table, boots first.
fn rows(all: &Samples, args: &Args) -> Vec<Row> {
    let boots = args.cpus.iter().map(|&cpus| (boot_name(cpus), BOOT_TARGET));
    let workloads = WORKLOADS.iter().map(|workload| (workload.name.to_owned(), workload.target));
    let measured = boots.chain(workloads).filter_map(|(name, target)| Some((all.get(&name)?, name, target)));
    measured
        .flat_map(|(machines, name, target)| {
            peers(args).map(move |peer| row(name.clone(), target, machines, peer.name))
        })
        .collect()
}

fn row(
    workload: String,
    target: f64,
    machines: &BTreeMap<&'static str, Vec<Sample>>,
    peer: &'static str,
) -> Row {
    let ours = &machines[OURS];
    let theirs = machines.get(peer);
    let (ours_s, peer_s) = (median(ours), theirs.map(|all| median(all)));
    let checksums = |all: &[Sample]| all.iter().map(|sample| sample.checksum).collect::<Vec<_>>();
    let compared = ours[0].checksum.is_some();
    Row {
        workload,
        ours_s,
        ours_spread: spread(ours),
        peer,
        peer_s,
        peer_spread: theirs.map(|all| spread(all)),
        ratio: peer_s.map(|seconds| seconds / ours_s),
        checksum_equal: theirs.filter(|_| compared).map(|all| checksums(all) == checksums(ours)),
        target,
    }
}

fn median(all: &[Sample]) -> f64 {
    let mut seconds: Vec<f64> = all.iter().map(|sample| sample.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn spread(all: &[Sample]) -> f64 {
    let seconds = || all.iter().map(|sample| sample.seconds);
    (seconds().fold(0.0, f64::max) - seconds().fold(f64::INFINITY, f64::min)) / median(all)
}

fn print(rows: &[Row], measured: &Measured, args: &Args) {
    println!(
        "seconds, medians of {}, work divided by {}; in brackets the spread of the runs\n",
        args.runs, args.scale
    );
    let titles = |of: &[Peer]| of.iter().map(|peer| format!(" {} |", peer.name)).collect::<String>();
    let counting = !args.no_icount;
    let more =
        if counting { format!("{} QEMU counting / capisim |", titles(&COUNTING)) } else { String::new() };
    println!("| workload | capisim |{} QEMU / capisim | target |{more} checksums |", titles(&DEFAULT));
    println!(
        "|---|---|{}---|---|{}---|",
        "---|".repeat(2),
        if counting { "---|".repeat(3) } else { String::new() }
    );
    for of in rows.chunk_by(|a, b| a.workload == b.workload) {
        let seconds = |row: &Row| match (row.peer_s, row.peer_spread) {
            (Some(seconds), Some(spread)) => format!(" {seconds:.2} ({:.0} %) |", 100.0 * spread),
            _ => " n/a |".to_owned(),
        };
        let (default, counted) = of.split_at(DEFAULT.len());
        let met = match least(default) {
            Some(ratio) if ratio >= of[0].target => "met",
            Some(_) => "below",
            None => "not known",
        };
        let ratio = |of: &[Row]| least(of).map_or("n/a".to_owned(), |ratio| format!("{ratio:.2}"));
        let all = |of: &[Row]| of.iter().map(seconds).collect::<String>();
        let more = if counting { format!("{} {} |", all(counted), ratio(counted)) } else { String::new() };
        let equal = match of.iter().filter_map(|row| row.checksum_equal).reduce(|a, b| a && b) {
            Some(true) => "equal",
            Some(false) => "DIFFER",
            None => "-",
        };
        println!(
            "| {} | {:.2} ({:.0} %) |{} {} | {} {met} |{more} {equal} |",
            of[0].workload,
            of[0].ours_s,
            100.0 * of[0].ours_spread,
            all(default),
            ratio(default),
            of[0].target,
        );
    }
    let resident = |(name, bytes): (&&str, &u64)| format!("{name} {}", bytes >> 20);
    println!(
        "\nmost resident, MiB: {}",
        measured.resident.iter().map(resident).collect::<Vec<_>>().join(", ")
    );
    measured.failed.values().for_each(|text| println!("n/a: {text}"));
}

/// The ratio of the faster peer.
fn least(of: &[Row]) -> Option<f64> {
    of.iter().filter_map(|row| row.ratio).min_by(f64::total_cmp)
}

/// An error if a checksum differs: then the times are of different work.
fn differing(rows: &[Row]) -> Result<(), String> {
    let differ = rows.iter().filter(|row| row.checksum_equal == Some(false));
    let names: Vec<String> = differ.map(|row| format!("{} on {}", row.workload, row.peer)).collect();
    if names.is_empty() { Ok(()) } else { Err(format!("checksums differ: {}", names.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = include_str!("../../../firmware/bench/main.c");

    #[test]
    fn the_workloads_are_those_of_the_program_in_its_order() {
        let table =
            SOURCE.split_once("}T[]={").and_then(|(_, rest)| rest.split_once("};")).expect("a table").0;
        let names: Vec<&str> = table.split("{\"").skip(1).filter_map(|row| row.split('"').next()).collect();
        assert_eq!(names, WORKLOADS.iter().map(|workload| workload.name).collect::<Vec<_>>());
    }

    #[test]
    fn only_known_workloads_are_chosen() {
        assert_eq!(chosen(&[]).expect("all").len(), WORKLOADS.len());
        assert_eq!(chosen(&["str", "int"].map(str::to_owned)), Ok(vec!["int", "str"]));
        let error = chosen(&["strings".to_owned()]).expect_err("there is none");
        assert!(error.contains("strings") && error.contains("sha256"), "{error}");
    }

    fn samples(seconds: &[f64], checksum: u64) -> Vec<Sample> {
        seconds.iter().map(|&seconds| Sample { seconds, checksum: Some(checksum) }).collect()
    }

    #[test]
    fn a_row_has_medians_and_says_if_the_work_was_the_same() {
        let line = "END int iters=400000 ns=12 chk=33b2";
        assert_eq!(checksum(line), Some(0x33B2));
        let machines = BTreeMap::from([
            (OURS, samples(&[1.0, 3.0, 2.0], 0x33B2)),
            ("powernv9", samples(&[6.0, 8.0, 7.0], 0x33B2)),
            ("pseries", samples(&[6.0, 8.0, 7.0], 0x33B3)),
        ]);
        let same = row("int".to_owned(), 1.2, &machines, "powernv9");
        assert_eq!((same.ours_s, same.ours_spread, same.ratio), (2.0, 1.0, Some(3.5)));
        assert_eq!(same.checksum_equal, Some(true));
        let other = row("int".to_owned(), 1.2, &machines, "pseries");
        assert_eq!(other.checksum_equal, Some(false));
        assert!(differing(&[same, other]).is_err_and(|text| text.contains("int on pseries")));
        let none = row("int".to_owned(), 1.2, &machines, "powernv9 -icount");
        assert_eq!((none.ratio, none.checksum_equal), (None, None));
        assert!(differing(&[none]).is_ok());
    }
}
