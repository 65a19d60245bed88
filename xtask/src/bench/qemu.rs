//! QEMU as the measure: found, started, timed by its console.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use capisim::artifacts::Artifacts;
use capisim::initramfs::{Contents, compose};

use super::Boot;
use crate::test::cargo::root;

const PROGRAM: &str = "qemu-system-ppc64";
/// QEMU's firmware says this just before it jumps to the kernel.
const ENTRY: &str = "INIT: Starting kernel";
/// Init's first words.
const INIT: &str = "capisim guest, mode";
const LIMIT: Duration = Duration::from_secs(300);

/// A QEMU for whole machines, with what it boots.
pub struct Qemu {
    program: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
    /// First line of `--version`.
    pub version: String,
}

/// Whether the host has one installed.
pub fn on_path() -> bool {
    Command::new(PROGRAM).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The host's own, or the one prepared with the artifacts; and the first line of its `--version`.
pub fn program(artifacts: &Artifacts) -> Result<(PathBuf, String), String> {
    let prepared = artifacts.qemu_system.as_ref().map(|artifact| artifact.path.clone());
    let program = if on_path() { Some(PathBuf::from(PROGRAM)) } else { prepared };
    let program = program.ok_or("no qemu-system-ppc64: run `cargo xtask guest --with-qemu-system`")?;
    let output = Command::new(&program).arg("--version").output().map_err(|error| error.to_string())?;
    let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
    Ok((program, version))
}

/// The machine that we measure ourselves against, with its console on stdio and nothing to read from.
pub fn machine(program: &Path, cpus: u32, kernel: &Path, initrd: &Path, cmdline: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-M", "powernv9", "-m", "1G", "-nographic", "-nodefaults", "-serial", "stdio"]);
    command.args(["-smp", &cpus.to_string()]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd).args(["-append", cmdline]);
    command.stdin(Stdio::null());
    command
}

impl Qemu {
    /// What boots on the host's QEMU or the prepared one.
    pub fn find(artifacts: &Artifacts) -> Result<Qemu, String> {
        let (program, version) = program(artifacts)?;
        let init =
            artifacts.programs.get("init").ok_or("no guest program `init`: run `cargo xtask guest`")?;
        let contents = Contents { init: Some(&init.file.path), config: it_config(), ..Contents::default() };
        let image = compose(&contents).map_err(|error| error.to_string())?;
        let initrd = root().join("target/capisim/bench-initrd.cpio");
        let folder = initrd.parent().unwrap_or(&initrd);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&initrd, image))
            .map_err(|error| format!("{}: {error}", initrd.display()))?;
        Ok(Qemu { program, kernel: artifacts.vmlinux.path.clone(), initrd, version })
    }

    /// What boots the same on a machine of this type.
    pub fn command(&self, machine: &str, cpus: u32) -> Command {
        let mut command = self::machine(&self.program, cpus, &self.kernel, &self.initrd, CMDLINE);
        // Of two the last counts.
        command.args(["-M", machine]);
        command
    }

    /// Boots to init's first line, then ends QEMU.
    pub fn boot(&self, cpus: u32) -> Result<Boot, String> {
        let mut command = machine(&self.program, cpus, &self.kernel, &self.initrd, CMDLINE);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let timed = time(&mut child);
        let peak = peak_resident(child.id());
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        timed.map(|seconds| Boot { seconds, peak, ..Boot::default() })
    }
}

/// The same as `it::boot` gives our machine.
const CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1 panic=-1 oops=panic";

fn it_config() -> &'static str {
    "mode probe\nhelper -\n"
}

/// Reads the console until init's first line, and what comes later unseen.
#[allow(clippy::disallowed_methods)] // The task, unlike the model, may have threads.
pub fn wait_for_init(child: &mut Child) -> Result<(), String> {
    let mut out = child.stdout.take().expect("it is piped");
    let reached = until_init(&mut out, |_| ());
    // A console that nobody reads stops the guest.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    reached
}

/// Seconds from the kernel's entry to init's first line.
fn time(child: &mut Child) -> Result<f64, String> {
    let mut out = child.stdout.take().expect("it is piped");
    let mut entry = None;
    until_init(&mut out, |console| {
        if entry.is_none() && console.contains(ENTRY) {
            entry = Some(Instant::now());
        }
    })?;
    let entry = entry.ok_or("QEMU's firmware did not say when it entered the kernel")?;
    Ok(entry.elapsed().as_secs_f64())
}

/// Reads the console until init's first line; `look` sees all there is so far.
fn until_init(out: &mut impl Read, mut look: impl FnMut(&str)) -> Result<(), String> {
    let (begun, mut console, mut buffer) = (Instant::now(), String::new(), [0; 4096]);
    while begun.elapsed() < LIMIT {
        let got = out.read(&mut buffer).map_err(|error| error.to_string())?;
        if got == 0 {
            break;
        }
        console.push_str(&String::from_utf8_lossy(&buffer[..got]));
        look(&console);
        if console.contains(INIT) {
            return Ok(());
        }
    }
    let tail: Vec<&str> = console.lines().rev().take(5).collect();
    Err(format!("QEMU did not reach init; its last lines, newest first: {tail:?}"))
}

fn peak_resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}
