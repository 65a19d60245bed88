//! A boot on our machine: `capisim run` with a scenario written for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use machine::report::{RunReport, Verdict};

use super::console::{Ended, watch};
use super::script::{FINISHED, PATH};
use super::table::DISK_BYTES;
use super::{Prepared, Session};
use crate::test::cargo::root;

/// What the guest loads beside the drivers of the adapter: disks, generic devices, the file system.
pub const MODULES: &[&str] = &["sd_mod", "sg", "crc32c_generic", "ext4"];
/// Kernel command line: the usual one, and every line of ours is kept.
pub const CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1 printk.devkmsg=on";

/// The scenario of a boot. It ends as soon as the last client has: without unmounting, as if the power had gone.
fn scenario(session: &Session, variant: &str) -> String {
    let modules: Vec<String> =
        MODULES.iter().chain(&["cxl", "cxlflash"]).map(|name| format!("\"{name}\"")).collect();
    format!(
        "schema = 1\nname = \"clients-{name}\"\nabout = \"programs of the distribution use a disk of {variant}\"\n\
         [machine]\ncpus = 2\nmemory = \"1GiB\"\ncmdline = \"{CMDLINE}\"\n\
         [guest]\nmodules = [{modules}]\ndisks = 1\nwait = \"60s\"\n\
         [[adapter]]\nvariant = \"{variant}\"\nlun = [{{ size = \"{mib}MiB\", block = {block} }}]\n\
         [[actor]]\nname = \"clients\"\nprogram = \"/bin/sh\"\ndoes = [\"/{PATH}\"]\n\
         [[step]]\nname = \"power-loss\"\nwhen = {{ console = \"{FINISHED}\" }}\nthen = {{ end = true }}\n\
         [oracle]\nmust_reach = [{{ name = \"all clients ended\", console = \"{FINISHED}\" }}]\n\
         [limits]\nvirtual = \"3600s\"\nidle = \"300s\"\n",
        name = session.name,
        block = session.block,
        modules = modules.join(", "),
        mib = DISK_BYTES >> 20,
    )
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
    command.arg("--lun").arg(format!(
        "file={},size={}MiB,block={}",
        disk.display(),
        DISK_BYTES >> 20,
        session.block
    ));
    command.arg("--out").arg(&out);
    let log = std::fs::File::create(&messages).map_err(|error| format!("{}: {error}", messages.display()))?;
    command.stdout(Stdio::piped()).stderr(log);
    let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let console = || newest_console(&out);
    let (stdout, text) = watch(child, console, None, session, &format!("{variant} {}", session.name))?;
    let fault = match serde_json::from_str::<RunReport>(&stdout) {
        Ok(report) if report.verdict == Verdict::Passed => None,
        Ok(report) => Some(format!("{:?}: {}", report.verdict, report.reasons.join("; "))),
        Err(_) => {
            let said = std::fs::read_to_string(&messages).unwrap_or_default();
            Some(format!("no result: {}", said.trim()))
        }
    };
    Ok(Ended { console: text, fault })
}

/// The console of the only run below `out`.
fn newest_console(out: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(out.join("runs")).ok()?;
    let mut found: Vec<PathBuf> =
        runs.flatten().map(|entry| entry.path().join("console.log")).filter(|path| path.is_file()).collect();
    found.sort();
    found.pop()
}
