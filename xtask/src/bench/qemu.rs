//! QEMU as the measure: found, started, timed by its console.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A benchmark is about the wall clock.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capisim::artifacts::{Artifacts, write_atomically};
use capisim::initramfs::{Contents, compose};

use super::Boot;
use super::console::{Console, peak_resident};
use crate::test::cargo::root;

const PROGRAM: &str = "qemu-system-ppc64";
/// Init's first words.
pub const INIT: &str = "capisim guest, mode";
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

/// A machine of QEMU's that we measure ourselves against.
pub struct Peer {
    /// As tables name it.
    pub name: &'static str,
    /// For `-M`.
    pub model: &'static str,
    options: &'static [&'static str],
    /// Its firmware, or the kernel's own loader, says this just before the kernel proper begins.
    entry: &'static str,
    /// With more CPUs the kernel does not reach init.
    pub most_cpus: u32,
}

/// `sleep=off` and a clock of the machine: without them QEMU counts instructions, but sleeps like a machine that does not.
const ICOUNT: &[&str] = &["-icount", "shift=0,sleep=off", "-rtc", "base=2025-01-01,clock=vm"];
const POWERNV: Peer = Peer {
    name: "powernv9",
    model: "powernv9",
    options: &[],
    entry: "INIT: Starting kernel",
    most_cpus: u32::MAX,
};
const PSERIES: Peer = Peer {
    name: "pseries",
    model: "pseries",
    options: &[],
    entry: "Booting Linux via __start()",
    most_cpus: u32::MAX,
};

/// QEMU as it comes.
pub const DEFAULT: [Peer; 2] = [POWERNV, PSERIES];
/// QEMU when it counts instructions, and so is deterministic. With two CPUs powernv9 stays in "ftrace: allocating" then.
pub const COUNTING: [Peer; 2] = [
    Peer { name: "powernv9 -icount", options: ICOUNT, most_cpus: 1, ..POWERNV },
    Peer { name: "pseries -icount", options: ICOUNT, ..PSERIES },
];

/// A machine with its console on stdio and nothing to read from.
pub fn machine(
    program: &Path,
    model: &str,
    cpus: u32,
    kernel: &Path,
    initrd: &Path,
    cmdline: &str,
) -> Command {
    let mut command = Command::new(program);
    command.args(["-M", model, "-m", "1G", "-nographic", "-nodefaults", "-serial", "stdio"]);
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
        let contents = Contents { init: Some(&init.file.path), config: CONFIG, ..Contents::default() };
        let image = compose(&contents).map_err(|error| error.to_string())?;
        let initrd = root().join("target/capisim/bench-initrd.cpio");
        write_atomically(&initrd, &image).map_err(|error| error.to_string())?;
        Ok(Qemu { program, kernel: artifacts.vmlinux.path.clone(), initrd, version })
    }

    /// What boots the same on a machine of this model.
    pub fn command(&self, model: &str, cpus: u32) -> Command {
        machine(&self.program, model, cpus, &self.kernel, &self.initrd, CMDLINE)
    }

    /// What boots `initrd` on `peer`.
    pub fn with(&self, peer: &Peer, cpus: u32, initrd: &Path, cmdline: &str) -> Command {
        let mut command = machine(&self.program, peer.model, cpus, &self.kernel, initrd, cmdline);
        command.args(peer.options);
        command
    }

    /// Boots `peer` to init's first line, then ends it.
    pub fn boot(&self, peer: &Peer, cpus: u32) -> Result<Boot, String> {
        let mut command = self.with(peer, cpus, &self.initrd, CMDLINE);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let timed = time(&mut Console::of(&mut child, LIMIT), peer.entry);
        let peak = peak_resident(child.id());
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        let seconds = timed.map_err(|text| format!("QEMU {}: {text}", peer.name))?;
        Ok(Boot { seconds, peak, ..Boot::default() })
    }
}

/// The same as `it::boot` gives our machine.
pub const CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1 panic=-1 oops=panic";

const CONFIG: &str = "mode probe\nhelper -\n";

/// Seconds from the kernel's entry to init's first line.
fn time(console: &mut Console, entry: &str) -> Result<f64, String> {
    console.until(entry)?;
    let entered = Instant::now();
    console.until(INIT)?;
    Ok(entered.elapsed().as_secs_f64())
}
