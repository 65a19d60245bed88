//! `cargo xtask bench --snapshots`: what it costs to keep a booted guest in a file and to come back to it, beside QEMU's
//! savevm and loadvm with the same kernel and as much RAM.

#![allow(clippy::disallowed_types)] // A benchmark is about the wall clock.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::console::Console;
use super::{Args, qemu};
use crate::guest;
use crate::test::cargo::{cargo, output, root};

/// QEMU's monitor says this when it is done.
const PROMPT: &[u8] = b"(qemu) ";
/// An answer that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(120);
/// From init's first line until the guest does nothing any more.
const SETTLE: Duration = Duration::from_secs(5);
const TAG: &str = "measured";

/// One measurement of ours; `tests/examples/boot.rs` prints it.
#[derive(Debug, Deserialize)]
struct Ours {
    save: f64,
    load: f64,
    plant: f64,
    rewind: f64,
    bytes: u64,
    touched: u64,
}

/// Measures and prints a table in Markdown.
pub fn run(args: &Args) -> Result<(), String> {
    let wanted =
        guest::Args { with_qemu_system: !args.no_qemu && !qemu::on_path(), ..guest::Args::default() };
    let artifacts = guest::prepared(&wanted)?;
    let runs = args.runs.to_string();
    let words =
        ["run", "--quiet", "--release", "--package", "it", "--example", "boot", "--", "snapshot", &runs];
    let text = output(cargo(&words), &format!("cargo {}", words.join(" "))).map_err(|e| e.text)?;
    let all: Vec<Ours> = text
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}")))
        .collect::<Result<_, _>>()?;
    println!("kernel {}, 1 GiB, medians of {}\n", artifacts.kernel, all.len());
    println!("| what | save s | load s | size MiB |\n|---|---|---|---|");
    let of = |get: fn(&Ours) -> f64| median(all.iter().map(get).collect());
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!(
        "| capisim, file | {:.3} | {:.3} | {:.1} |",
        of(|o| o.save),
        of(|o| o.load + o.plant),
        mib(of(|o| o.bytes as f64))
    );
    if !args.no_qemu {
        let qemu = qemu::Qemu::find(&artifacts)?;
        for machine in ["pseries", "powernv9"] {
            let (save, load, size) = peer(&qemu, machine, args.runs)?;
            println!("| {}, {machine}, savevm and loadvm | {save:.3} | {load:.3} | {size} |", qemu.version);
        }
    }
    println!(
        "\nof our load, reading and unpacking: {:.3} s; into a new machine: {:.3} s",
        of(|o| o.load),
        of(|o| o.plant)
    );
    println!("back to the branch point after a schedule, in memory: {:.2} ms", of(|o| o.rewind) * 1e3);
    println!("memory in the file, before compression: {:.1} MiB", mib(of(|o| o.touched as f64)));
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Medians of savevm and loadvm in seconds, and the size as QEMU tells it.
fn peer(qemu: &qemu::Qemu, machine: &str, runs: u32) -> Result<(f64, f64, String), String> {
    let folder = root().join("target/capisim/bench-snapshots");
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let (disk, socket) = (folder.join("state.qcow2"), folder.join("monitor"));
    std::fs::write(&disk, empty_qcow2()).map_err(failed)?;
    let _ = std::fs::remove_file(&socket);
    let mut command = qemu.command(machine, 1);
    command.arg("-drive").arg(format!("if=none,id=state,format=qcow2,file={}", disk.display()));
    command.arg("-monitor").arg(format!("unix:{},server=on,wait=off", socket.display()));
    // It stays when the guest has powered off.
    command.arg("-no-shutdown").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("QEMU: {e}"))?;
    let measured = measure(&mut child, &socket, runs);
    let _ = child.kill();
    let _ = child.wait();
    measured.map_err(|text| format!("QEMU {machine}: {text}"))
}

fn measure(child: &mut Child, socket: &Path, runs: u32) -> Result<(f64, f64, String), String> {
    Console::of(child, LIMIT).until(qemu::INIT)?;
    std::thread::sleep(SETTLE);
    let mut monitor = Monitor::open(socket)?;
    monitor.say("stop")?;
    let (mut saves, mut loads) = (vec![], vec![]);
    for _ in 0..runs {
        saves.push(monitor.say(&format!("savevm {TAG}"))?.0);
        loads.push(monitor.say(&format!("loadvm {TAG}"))?.0);
    }
    let said = monitor.say("info snapshots")?.1;
    let row = said.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).find(|w| w.get(1) == Some(&TAG));
    let size = row.and_then(|w| Some(format!("{} {}", w.get(2)?, w.get(3)?)));
    let size = size.ok_or_else(|| format!("no snapshot was made: {said}"))?;
    Ok((median(saves), median(loads), size.trim_end_matches(" MiB").to_owned()))
}

/// QEMU's monitor for people.
struct Monitor {
    stream: UnixStream,
}

impl Monitor {
    fn open(socket: &Path) -> Result<Monitor, String> {
        let stream = UnixStream::connect(socket).map_err(|e| format!("monitor: {e}"))?;
        stream.set_read_timeout(Some(LIMIT)).map_err(|e| format!("monitor: {e}"))?;
        let mut monitor = Monitor { stream };
        monitor.until_prompt()?;
        Ok(monitor)
    }
    /// Gives a command; seconds it took, and the answer.
    fn say(&mut self, command: &str) -> Result<(f64, String), String> {
        let begun = Instant::now();
        self.stream.write_all(format!("{command}\n").as_bytes()).map_err(|e| format!("monitor: {e}"))?;
        let said = self.until_prompt()?;
        if said.contains("Error") {
            return Err(format!("{command}: {said}"));
        }
        Ok((begun.elapsed().as_secs_f64(), said))
    }
    fn until_prompt(&mut self) -> Result<String, String> {
        let (mut said, mut buffer) = (vec![], [0; 4096]);
        while !said.ends_with(PROMPT) {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the monitor is gone".into()),
                Ok(n) => said.extend_from_slice(&buffer[..n]),
                Err(e) => return Err(format!("monitor: {e}")),
            }
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

/// An empty disk of 1 GiB that QEMU can keep snapshots in (docs/interop/qcow2.txt of QEMU, version 2): header, refcount
/// table, refcount block and L1 table, a cluster of 64 KiB each.
fn empty_qcow2() -> Vec<u8> {
    const CLUSTER: usize = 1 << 16;
    const SIZE: u64 = 1 << 30;
    let cluster = |n: usize| ((n * CLUSTER) as u64).to_be_bytes();
    let mut header = b"QFI\xfb".to_vec();
    header.extend(2u32.to_be_bytes());
    header.extend([0; 12]); // no backing file
    header.extend(16u32.to_be_bytes()); // cluster bits
    header.extend(SIZE.to_be_bytes());
    header.extend(0u32.to_be_bytes()); // not encrypted
    header.extend(2u32.to_be_bytes()); // L1 entries: 512 MiB each
    header.extend(cluster(3));
    header.extend(cluster(1));
    header.extend(1u32.to_be_bytes()); // clusters of the refcount table
    header.extend([0; 12]); // no snapshots
    let mut disk = vec![0; 4 * CLUSTER];
    disk[..header.len()].copy_from_slice(&header);
    disk[CLUSTER..CLUSTER + 8].copy_from_slice(&cluster(2));
    for n in 0..4 {
        disk[2 * CLUSTER + 2 * n + 1] = 1;
    }
    disk
}
