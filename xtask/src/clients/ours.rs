//! A boot on our machine: `capisim run` with a scenario written for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use machine::oracle::TABLE;
use machine::report::{RunReport, Verdict};

use super::console::{Ended, watch};
use super::script::{BEGINS, FINISHED, PATH};
use super::table::DISK_BYTES;
use super::{Prepared, Session};
use crate::test::cargo::{cargo, output, root};

/// What the guest loads beside the drivers of the adapter: disks, generic devices, the file system.
pub const MODULES: &[&str] = &["sd_mod", "sg", "crc32c_generic", "ext4"];
/// Kernel command line: the usual one, and every line of ours is kept.
pub const CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1 printk.devkmsg=on";

/// The drive of the one disk: its cache forgets what was not flushed when the power fails.
const PROFILE: &str = "client";

/// The scenario of a boot. It ends as soon as the last client has, or a while later with the power of the drive: without
/// unmounting.
fn scenario(session: &Session, variant: &str) -> String {
    let modules: Vec<String> =
        MODULES.iter().chain(&["cxl", "cxlflash"]).map(|name| format!("\"{name}\"")).collect();
    let one = format!("{{ size = \"{}MiB\", block = {} }}", DISK_BYTES >> 20, session.block);
    let mut text = format!(
        "schema = 1\nname = \"clients-{name}\"\nabout = \"programs of the distribution use a disk of {variant}\"\n\
         [machine]\ncpus = 2\nmemory = \"1GiB\"\ncmdline = \"{CMDLINE}\"\n\
         [guest]\nmodules = [{modules}]\ndisks = {disks}\nwait = \"60s\"\n\
         [[adapter]]\nvariant = \"{variant}\"\nlun = [{units}]\n\
         [[actor]]\nname = \"clients\"\nprogram = \"/bin/sh\"\ndoes = [\"/{PATH}\", \"{variant}\"]\n",
        name = session.name,
        modules = modules.join(", "),
        disks = if session.units.is_some() { 2 } else { 1 },
        units = session.units.unwrap_or(&one),
    );
    let runs = |name: &str| session.clients.iter().any(|client| client.name == name);
    for (name, fault) in session.faults.iter().filter(|(name, _)| runs(name)) {
        text.push_str(&format!(
            "[[step]]\nname = \"{name}\"\nwhen = {{ console = \"{BEGINS}{name}\" }}\ninject = {{ {fault} }}\n"
        ));
    }
    let mut reached = format!("{{ name = \"all clients ended\", console = \"{FINISHED}\" }}");
    if session.loses_power {
        text.push_str(&format!(
            "[[step]]\nname = \"power-loss\"\nwhen = {{ console = \"{FINISHED}\", delay = \"100ms..900ms\" }}\n\
             inject = {{ fault = \"power-loss\" }}\n\
             [[step]]\nname = \"end\"\nwhen = {{ record = \"flash-mishap\", where = {{ what = \"power-loss\" }} }}\nthen = {{ end = true }}\n"
        ));
        reached.push_str(
            ", { name = \"the power failed\", record = \"flash-mishap\", where = { what = \"power-loss\" } }",
        );
    } else {
        text.push_str(&format!(
            "[[step]]\nname = \"end\"\nwhen = {{ console = \"{FINISHED}\" }}\nthen = {{ end = true }}\n"
        ));
    }
    // None named are all: an oracle that is not required speaks, and the run goes on.
    let required = TABLE.iter().map(|oracle| oracle.name).filter(|name| !session.violates.contains(name));
    let required: Vec<String> = match session.violates {
        [] => vec![],
        _ => required.map(|name| format!("{{ name = \"{name}\" }}")).collect(),
    };
    text.push_str(&format!(
        "[oracle]\nrequire = [{}]\nmust_reach = [{reached}]\n[limits]\nvirtual = \"3600s\"\nidle = \"300s\"\n",
        required.join(", ")
    ));
    text
}

/// Builds the program.
pub fn build() -> Result<(), String> {
    let build = ["build", "--quiet", "--release", "--package", "capisim"];
    output(cargo(&build), "cargo build --release --package capisim").map(drop).map_err(|failure| failure.text)
}

/// The program, as `cargo build --release` beside this one left it.
pub fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.parent().and_then(Path::parent).ok_or("this program is not in a folder of cargo's")?;
    Ok(target.join("release").join(format!("capisim{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a boot; `disk` is the file of the unit. Gives the console's text and how it ended.
pub fn run(
    program: &Path,
    one: &Prepared,
    variant: &str,
    disk: &Path,
    folder: &Path,
) -> Result<Ended, String> {
    let session = &one.session;
    let file = folder.join(format!("{}.toml", session.name));
    std::fs::write(&file, scenario(session, variant))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let out = folder.join(session.name);
    let messages = folder.join(format!("{}.messages", session.name));
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .arg("run")
        .arg(&file)
        .arg("--initrd")
        .arg(&one.ours)
        .args(["--driver", "stock", "--format", "json"]);
    if session.units.is_none() {
        command.arg("--lun").arg(format!(
            "file={},size={}MiB,block={},profile={PROFILE}",
            disk.display(),
            DISK_BYTES >> 20,
            session.block
        ));
    }
    command.arg("--out").arg(&out);
    let log = std::fs::File::create(&messages).map_err(|error| format!("{}: {error}", messages.display()))?;
    command.stdout(Stdio::piped()).stderr(log);
    let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let console = || newest_console(&out);
    let (stdout, text) = watch(child, console, None, session, &format!("{variant} {}", session.name))?;
    let fault = match serde_json::from_str::<RunReport>(&stdout) {
        Ok(report) if as_wanted(&report, session) => None,
        Ok(report) if report.verdict == Verdict::Passed => {
            Some(format!("these oracles did not all speak: {}", session.violates.join(", ")))
        }
        Ok(report) => Some(format!("{:?}: {}", report.verdict, report.reasons.join("; "))),
        Err(_) => {
            let said = std::fs::read_to_string(&messages).unwrap_or_default();
            Some(format!("no result: {}", said.trim()))
        }
    };
    Ok(Ended { console: text, fault })
}

/// Whether the run passed, and its faults were seen.
fn as_wanted(report: &RunReport, session: &Session) -> bool {
    let seen = |name: &&str| {
        report.builds.iter().flat_map(|build| &build.findings).any(|finding| finding.oracle == **name)
    };
    report.verdict == Verdict::Passed && session.violates.iter().all(seen)
}

/// The console of the only run below `out`.
fn newest_console(out: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(out.join("runs")).ok()?;
    let mut found: Vec<PathBuf> =
        runs.flatten().map(|entry| entry.path().join("console.log")).filter(|path| path.is_file()).collect();
    found.sort();
    found.pop()
}
