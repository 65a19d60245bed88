//! Privileged behaviour: the payload `firmware/privtest` runs on our machine
//! and on QEMU's `powernv9`, and prints the same lines on both.
//!
//! A line that begins with `?` is one where the two, or hardware, may differ;
//! [`EXEMPT`] says why. `CAPISIM_PRIVTEST=/path` gives another payload,
//! `CAPISIM_NO_QEMU_SYSTEM=1` leaves QEMU out.

use capisim::artifacts::{self, Artifacts};
use fabric::{NoInjection, Ticks};
use isa::Group;
use machine::{KernelImage, Machine, MachineConfig, Stop};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const EXPECTED: &str = include_str!("../../firmware/privtest/expected.txt");
const FIRST: &str = "privtest: begin";

/// Lines that QEMU 7.2 answers differently: how they begin, and why.
///
/// Not tried at all: 32-bit mode (MSR[SF]=0), transactional memory, guests
/// (MSR[HV]=0, LPIDR not 0), storage keys (AMR, IAMR), a segment table; this
/// machine has none of them. The SPR numbers that are not compared are in
/// `firmware/privtest/privilege.c` with their reasons.
const EXEMPT: &[(&str, &str)] = &[
    ("?  heir", "QEMU 7.2 does not set HEIR; Book III 6.5.18 has the instruction there"),
    ("?spr HEIR", "QEMU 7.2 cannot write HEIR"),
    ("?lxsd", "lxsd names a VR, Vector Unavailable (Book I 7.6.3); QEMU 7.2 asks for VSX"),
    ("?spr DSCR user", "QEMU 7.2 has no SPR 3"),
    ("?facility DSCR", "QEMU 7.2 has no SPR 3"),
    ("?trace off", "whether the instruction that ends single step is traced: not here, it is in QEMU"),
    ("?trace branches", "MSR[TE]=0b01 has no effect here: branches are not traced (Book III 6.5.15)"),
    ("?AMR user", "UAMOR decides what SPR 13 writes (Book III 5.7.13.1); QEMU 7.2 drops all of it"),
    (
        "?  unaligned",
        "stcx. to an unaligned address: alignment (Book II 4.6.2); QEMU 7.2 compares reservations first",
    ),
    ("?lmw", "alignment in little-endian mode with DAR set (Book III 6.5.8); QEMU 7.2 does not set DAR"),
    ("?lq unaligned", "an implementation may interrupt or not (Book I 3.3.4)"),
    ("?  rc", "R and C may be set by an access that does not complete (Book III 5.7.12)"),
    ("?  load", "quadrants 1 and 2 belong to a guest's process; this machine has no guests"),
    ("?  store", "as above"),
    ("?  fetch", "as above"),
    ("?pid without a tree", "an empty process-table entry is no translation here, a bad table in QEMU"),
];

/// Rows of the group System that no watched place executes, and why.
const UNWATCHED: &[(&str, &str)] = &[(
    "firmware",
    "the word at the OPAL entry, executed big-endian: every line of the console is such a call",
)];

#[allow(clippy::disallowed_methods)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn artifacts() -> Option<Artifacts> {
    Artifacts::load(&artifacts::cache_dir().ok()?, None).ok()
}

/// The payload, as `cargo xtask guest` built it.
fn payload() -> PathBuf {
    let built = || Some(artifacts()?.programs.get("privtest")?.file.path.clone());
    let path = setting("CAPISIM_PRIVTEST").map(PathBuf::from).or_else(built);
    path.unwrap_or_else(|| {
        panic!("no privtest payload: run `cargo xtask guest`, or set CAPISIM_PRIVTEST=/path/to/it")
    })
}

/// From the first line of the payload to its last; skiboot's own messages,
/// which begin with a time in brackets, are left out.
fn lines(console: &str) -> Vec<String> {
    let text = console.replace('\r', "");
    let mut all: Vec<String> =
        text.lines().skip_while(|l| *l != FIRST).filter(|l| !l.starts_with('[')).map(str::to_owned).collect();
    let end = all.iter().position(|l| l.starts_with("privtest: ") && l.ends_with(" checks"));
    all.truncate(end.map_or(all.len(), |at| at + 1));
    all
}

fn machine(kernel: &KernelImage) -> Machine {
    let config = MachineConfig {
        cpus: 1,
        memory: 512 << 20,
        cmdline: String::new(),
        seed: 1,
        quantum: machine::build::DEFAULT_QUANTUM,
        initrd: vec![],
        adapters: vec![],
    };
    Machine::new(config, kernel).expect("512 MiB hold the payload")
}

/// Runs to power-off; `seen` is told the place of every watch that was hit.
fn run(machine: &mut Machine, mut seen: impl FnMut(&mut Machine, u64)) -> String {
    let mut console = vec![];
    loop {
        let stop = machine.run(Ticks(10_000_000_000), &mut NoInjection);
        console.extend(machine.take_output(0));
        machine.take_records();
        match stop {
            Stop::Activity => {}
            Stop::Watch { cpu } => {
                let at = machine.cpus()[cpu].cia;
                seen(machine, at);
            }
            Stop::PowerOff => return String::from_utf8_lossy(&console).into_owned(),
            other => panic!("privtest ended with {other:?}:\n{}", String::from_utf8_lossy(&console)),
        }
    }
}

fn image() -> KernelImage {
    let path = payload();
    let file = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    KernelImage::parse(&file).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The differing lines of two runs, each with the line that heads its group.
fn differences(a: (&str, &[String]), b: (&str, &[String]), open: bool) -> String {
    let mut text = String::new();
    let mut head = "";
    for i in 0..a.1.len().max(b.1.len()) {
        let (x, y) = (a.1.get(i).map_or("(nothing)", |l| l), b.1.get(i).map_or("(nothing)", |l| l));
        if !x.starts_with(' ') && !x.starts_with('?') {
            head = x;
        }
        if x != y && !(open && x.starts_with('?') && y.starts_with('?')) {
            text += &format!("line {} under `{head}`\n  {:8} {x}\n  {:8} {y}\n", i + 1, a.0, b.0);
        }
    }
    text
}

#[test]
fn privileged_behaviour_is_as_recorded() {
    let found = lines(&run(&mut machine(&image()), |_, _| {}));
    let expected = lines(EXPECTED);
    let differences = differences(("expected", &expected), ("found", &found), false);
    assert!(
        differences.is_empty(),
        "{differences}firmware/privtest/expected.txt differs; if the payload changed, run `cargo xtask guest` first"
    );
}

#[test]
fn every_open_line_has_a_reason() {
    let mut used = BTreeSet::new();
    for line in lines(EXPECTED).iter().filter(|l| l.starts_with('?')) {
        let reason = EXEMPT.iter().find(|(start, _)| line.starts_with(start));
        used.insert(reason.unwrap_or_else(|| panic!("`{line}`: no reason in EXEMPT")).0);
    }
    let unused: Vec<_> = EXEMPT.iter().filter(|(start, _)| !used.contains(start)).collect();
    assert!(unused.is_empty(), "EXEMPT lists what the payload does not print: {unused:?}");
}

#[test]
fn every_system_row_is_executed() {
    let kernel = image();
    let place =
        |name: &str| kernel.symbols.find(name).unwrap_or_else(|| panic!("payload without {name}")).address;
    let mut machine = machine(&kernel);
    let mut rows: BTreeMap<u64, &str> = BTreeMap::new();
    for ea in (place("snippets")..place("buffer")).step_by(4) {
        let ra = ea & !machine::kernel::LINEAR_MAP;
        let word = machine.memory().read::<4>(ra).map_or(0, u32::from_le_bytes);
        if let Some(row) = isa::decode(word).map(|op| isa::rows()[op.0 as usize])
            && row.group == Group::System
        {
            rows.insert(ea & 0xFFFF, row.name);
            machine.watch(ra);
        }
    }
    // The page of the snippets has 64 KiB, wherever it is mapped.
    let mut executed = BTreeSet::new();
    run(&mut machine, |machine, cia| {
        if let Some(name) = rows.get(&(cia & 0xFFFF)) {
            executed.insert(*name);
            machine.unwatch((place("snippets") & !0xFFFF | cia & 0xFFFF) & !machine::kernel::LINEAR_MAP);
        }
    });
    let missing: Vec<&str> = isa::rows()
        .iter()
        .filter(|row| row.group == Group::System && !executed.contains(row.name))
        .map(|row| row.name)
        .filter(|name| !UNWATCHED.iter().any(|(n, _)| n == name))
        .collect();
    assert!(missing.is_empty(), "the payload does not execute {missing:?}");
    println!("{} rows executed", executed.len());
}

/// QEMU for whole machines, and the folder with its firmware if it needs one.
fn qemu() -> Option<(PathBuf, Option<PathBuf>)> {
    if setting("CAPISIM_NO_QEMU_SYSTEM").is_some_and(|v| v == "1") {
        return None;
    }
    let cached = artifacts().and_then(|a| Some((a.qemu_system?.path, a.skiboot.map(|s| s.path))));
    let path = setting("PATH").unwrap_or_default();
    let installed =
        std::env::split_paths(&path).map(|dir| dir.join("qemu-system-ppc64")).find(|p| p.is_file());
    let found = installed.map(|p| (p, None)).or(cached);
    Some(found.unwrap_or_else(|| {
        panic!(
            "no qemu-system-ppc64: install the package qemu-system-ppc, run `cargo xtask guest --with-qemu-system`, \
             or leave the comparison out with CAPISIM_NO_QEMU_SYSTEM=1"
        )
    }))
}

/// What the payload prints on QEMU; two minutes at most.
#[allow(clippy::disallowed_methods)]
fn on_qemu(program: &Path, skiboot: Option<&Path>) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let console = folder.join(format!("privtest-{}.txt", std::process::id()));
    let out = fs::File::create(&console).expect("the target folder is writable");
    let mut command = Command::new(program);
    command.args(["-M", "powernv9", "-m", "1G", "-smp", "1", "-nographic", "-no-reboot", "-net", "none"]);
    if let Some(skiboot) = skiboot {
        command.arg("-L").arg(skiboot.parent().unwrap_or(skiboot)).arg("-bios").arg(skiboot);
    }
    command.arg("-kernel").arg(payload()).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let mut tenths = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break Some(status);
        }
        if tenths == 1200 {
            let _ = child.kill();
            break None;
        }
        tenths += 1;
        std::thread::sleep(Duration::from_millis(100));
    };
    let output = child.wait_with_output().expect("the child is ours");
    let text = String::from_utf8_lossy(&fs::read(&console).unwrap_or_default()).into_owned();
    let _ = fs::remove_file(&console);
    assert!(
        status.is_some_and(|s| s.success()),
        "{}: {status:?}\n{}\nlast of the console:\n{}",
        program.display(),
        String::from_utf8_lossy(&output.stderr),
        text.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    );
    text
}

#[test]
fn privileged_behaviour_is_as_on_qemu() {
    let Some((program, skiboot)) = qemu() else {
        println!("QEMU left out: CAPISIM_NO_QEMU_SYSTEM=1");
        return;
    };
    let theirs = lines(&on_qemu(&program, skiboot.as_deref()));
    let ours = lines(&run(&mut machine(&image()), |_, _| {}));
    let differences = differences(("ours", &ours), ("QEMU", &theirs), true);
    let open = ours.iter().filter(|l| l.starts_with('?')).count();
    println!("{} lines compared, {open} of them open", ours.len());
    assert!(differences.is_empty(), "{differences}");
}
