//! `capisim run --verify`: every build twice, in two processes, compared at
//! marks; a difference is followed to the instruction that makes it.

pub mod bisect;
pub mod executors;
pub mod perturb;
pub mod side;

use crate::error::Error;
use crate::progress::Progress;
use crate::run::{self, Job};
use crate::rundir;
use crate::stop::Stop;
use bisect::{Compared, Divergence, Pair, Side};
pub use executors::Sides;
use machine::report::{Build, BuildReport};
use side::{Answer, Ask};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Instructions between two marks.
pub const STEP: u64 = 10_000_000;

/// Runs every build of `job`, whose bundle is in `dir`, twice.
///
/// # Errors
/// [`Error::Nondeterminism`] if the runs differ; where is in `divergence.txt`.
pub fn execute(
    job: &Job,
    builds: Vec<Build>,
    dir: &Path,
    sides: &Sides,
    progress: &Progress,
    stop: &Stop,
) -> Result<Vec<BuildReport>, Error> {
    if job.luns.iter().any(|l| l.file.is_some()) {
        return Err(Error::Usage("--verify: two runs cannot share a file; use --lun size=…".into()));
    }
    let mut reports = vec![];
    for (n, build) in builds.into_iter().enumerate() {
        let mut meter = progress.start(&format!("verify {}", build.driver));
        let start = |side| Process::start(&sides.arguments(side, dir, n));
        let mut pair = Pair { first: start(0)?, second: start(1)? };
        sides.confirm(&mut pair)?;
        let compared = pair.compare(STEP, |at| {
            meter.tell(|wall| {
                let (millions, t) = (at.instructions / 1_000_000, at.now_ns as f64 / 1e9);
                format!("equal to t={t:.2}s, {millions} M instructions, {wall:.0} s")
            });
            !stop.wanted()
        });
        // Both get the same Ctrl-C; then what they still say does not matter.
        if stop.code().is_some() {
            return Ok(reports);
        }
        match compared? {
            Compared::Stopped => return Ok(reports),
            Compared::Differ(divergence) => {
                let text = describe(&build.driver, &divergence, sides, dir);
                rundir::write(&dir.join("divergence.txt"), text.as_bytes())?;
                return Err(Error::Nondeterminism(text));
            }
            Compared::Equal(marks) => {
                let seconds = meter.seconds();
                meter.finish();
                eprintln!(
                    "verified {}: two processes, {sides}, equal at {marks} marks, the last at the end ({seconds:.1} s)",
                    build.driver
                );
                let place = run::logs(dir, build.role);
                pair.first.ask(&Ask::Finish(place, build))?;
                match pair.first.answer()? {
                    Answer::Report(report) => reports.push(BuildReport { wall_seconds: seconds, ..*report }),
                    other => return Err(Error::Internal(format!("a verifying run answered {other:?}"))),
                }
            }
        }
    }
    Ok(reports)
}

/// A side in a process of its own.
struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[OsString]) -> Result<Process, Error> {
        let failed = |e: std::io::Error| Error::Environment(format!("cannot start a second process: {e}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        let mut child =
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = (to, from) else {
            return Err(Error::Internal("a process without pipes".into()));
        };
        Ok(Process { child, to, from: BufReader::new(from) })
    }
}

impl Side for Process {
    fn ask(&mut self, ask: &Ask) -> Result<(), Error> {
        let text = serde_json::to_string(ask).map_err(|e| Error::Internal(e.to_string()))?;
        let gone = |e| Error::Internal(format!("a verifying process has gone: {e}"));
        writeln!(self.to, "{text}").and_then(|()| self.to.flush()).map_err(gone)
    }
    fn answer(&mut self) -> Result<Answer, Error> {
        let mut line = String::new();
        let read = self.from.read_line(&mut line);
        match read
            .map_err(|e| e.to_string())
            .and_then(|_| serde_json::from_str(&line).map_err(|e| e.to_string()))
        {
            Ok(answer) => Ok(answer),
            Err(why) => Err(Error::Internal(format!("a verifying process has ended ({why})"))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to save, and it may be in the middle of a long turn.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

/// A divergence for people, with what to send us.
pub fn describe(driver: &str, d: &Divergence, sides: &Sides, dir: &Path) -> String {
    let mut out = format!("two runs of the same inputs differ (driver {driver})\n");
    // Writing to a String cannot fail.
    let [first, second] = sides.executors;
    let _ = writeln!(out, "executors   first run {first}, second run {second}");
    let _ = writeln!(out, "equal       after {} instructions, t={:.9} s", d.equal, d.now_ns as f64 / 1e9);
    let _ = writeln!(out, "different   after {} instructions: {}", d.unequal, d.parts.join(", "));
    if d.fleeting {
        out += "            the difference did not come again when both runs were repeated: no closer\n";
    }
    if let Some((cpu, place)) = &d.place {
        let _ = writeln!(
            out,
            "instruction cpu {cpu}, its number {}: {:#x} {}: {}",
            place.retired + 1,
            place.address,
            place.symbol,
            place.text
        );
    }
    for (path, first, second) in &d.values {
        let _ = writeln!(out, "value       {path}: {first}, second run {second}");
    }
    if d.values_in_all > d.values.len() {
        let _ = writeln!(out, "            and {} values more", d.values_in_all - d.values.len());
    }
    if let Some(page) = &d.page {
        let base = page.address & !(machine::PAGE as u64 - 1);
        let _ = writeln!(
            out,
            "memory      page {base:#x}, first at {:#x} ({} pages in all)\n            first run  {}\n            second run {}",
            page.address,
            d.pages_in_all,
            bytes(&page.first),
            bytes(&page.second)
        );
    }
    if let Some((n, first, second)) = &d.record {
        let text = |r: &Option<String>| r.clone().unwrap_or_else(|| "none".into());
        let _ = writeln!(
            out,
            "event       record {n}\n            first run  {}\n            second run {}",
            text(first),
            text(second)
        );
    }
    let _ = write!(
        out,
        "This is a bug of capisim. Send us the folder {} (bundle.toml, scenario.toml, divergence.txt) with the output of\n`capisim --version` and `capisim doctor`; no verdict of this version can be trusted for this scenario.",
        dir.display()
    );
    out
}
