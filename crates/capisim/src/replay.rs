//! `capisim replay`: a recorded run again, and whether it is the same.

use crate::cli::{Format, GuestArgs, ReplayArgs, When};
use crate::error::Error;
use crate::guest::Guest;
use crate::progress::{Meter, Progress};
use crate::run::{self, Job};
use crate::rundir::{self, Bundle, Input};
use crate::scenarios::Source;
use crate::stop::Stop;
use crate::{boot, output};
use machine::Record;
use machine::engine::{Host, Status, Wish};
use machine::report::RunReport;
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `capisim replay`.
pub fn replay(args: &ReplayArgs, progress: When, color: bool) -> Result<i32, Error> {
    let (bundle, job, guest) = open(&args.run)?;
    let stop = Stop::install(args.timeout)?;
    let progress = Progress::new(progress);
    if bundle.interactive {
        return session(&bundle, &job, &guest, &progress, &stop);
    }
    let (report, _) = repeat(&args.run, &bundle, &job, &guest, &progress, &stop)?;
    let hashes: Vec<String> = report.builds.iter().map(|r| r.state_hash.clone()).collect();
    if args.format == Format::Human {
        output::human(&report, color);
    }
    let code = report.verdict.exit_code();
    output::print(&[report], args.format);
    if let Some(code) = stop.code() {
        return Ok(code);
    }
    compare(&bundle.state_hash, &hashes)?;
    Ok(code)
}

/// A bundle with its files unchanged, its job and its guest.
pub fn open(run: &Path) -> Result<(Bundle, Job, Guest), Error> {
    let bundle = Bundle::load(run)?;
    let files = bundle.driver.iter().chain(&bundle.module).chain(&bundle.initrd);
    files.chain([&bundle.kernel]).try_for_each(rundir::FileId::verify)?;
    if bundle.lun.iter().any(|l| l.contains("file=")) {
        return Err(Error::Environment(
            "the run had units in files, whose content at its start is gone: it cannot be replayed".into(),
        ));
    }
    let (job, guest) = prepare(&bundle, run)?;
    same_image(&bundle, &job, &guest)?;
    Ok((bundle, job, guest))
}

/// Runs a bundle again, into a folder of its own.
fn repeat(
    run: &Path,
    bundle: &Bundle,
    job: &Job,
    guest: &Guest,
    progress: &Progress,
    stop: &Stop,
) -> Result<(RunReport, PathBuf), Error> {
    let builds = run::builds(guest, &job.drivers)?;
    let dir = rundir::create(run, "replay", bundle.seed)?;
    let reports = run::execute(job, guest, bundle.seed, builds, &dir, progress, stop)?;
    Ok((run::finish(job, guest, bundle.seed, reports, &dir)?, dir))
}

/// Runs a bundle again for what it shows; the same run or an error.
pub fn again(run: &Path, progress: When, timeout: Option<u64>) -> Result<(RunReport, PathBuf), Error> {
    let (bundle, job, guest) = open(run)?;
    if bundle.interactive {
        return Err(Error::Usage(format!("{}: a session has no verdict", run.display())));
    }
    let stop = Stop::install(timeout)?;
    let (mut report, dir) = repeat(run, &bundle, &job, &guest, &Progress::new(progress), &stop)?;
    let hashes: Vec<String> = report.builds.iter().map(|r| r.state_hash.clone()).collect();
    if stop.code().is_none() {
        compare(&bundle.state_hash, &hashes)?;
    }
    report.replay = format!("capisim replay {}", run.display());
    Ok((report, dir))
}

/// Refuses a guest whose programs are not those of the recorded run.
pub fn same_image(bundle: &Bundle, job: &Job, guest: &Guest) -> Result<(), Error> {
    if bundle.image.is_empty() || run::images(job, guest)? == bundle.image {
        return Ok(());
    }
    Err(Error::Environment(
        "the programs in the guest have changed since the run: replay it with the version of capisim that recorded it (`cargo xtask guest` there first)".into(),
    ))
}

/// The job and the guest of a bundle.
pub fn prepare(bundle: &Bundle, dir: &Path) -> Result<(Job, Guest), Error> {
    let path = dir.join("scenario.toml");
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "read it"))?;
    let source = Source { file: bundle.scenario.clone(), text };
    let mut scenario = source.parse()?;
    let args = GuestArgs {
        kernel: bundle.kbuild.is_none().then(|| bundle.kernel.path.display().to_string()),
        kbuild: bundle.kbuild.clone(),
        module: bundle.module.iter().map(|m| m.path.clone()).collect(),
        initrd: bundle.initrd.as_ref().map(|i| i.path.clone()),
        cmdline: bundle.cmdline.clone(),
        cpus: bundle.cpus,
        memory: bundle.memory.clone(),
        lun: bundle.lun.clone(),
        variant: bundle.variant.clone(),
        draw: bundle.draw.clone(),
        ..GuestArgs::default()
    };
    let guest = Guest::open(&args)?;
    if bundle.interactive && bundle.initrd.is_some() && bundle.driver.is_empty() && bundle.module.is_empty() {
        scenario.guest.modules.clear();
        scenario.guest.disks = 0;
    }
    let luns = run::adjust(&mut scenario, &args)?;
    let drivers = bundle.driver.iter().map(|d| d.path.clone()).collect();
    Ok((Job { source, scenario, luns, drivers, branch: bundle.branch.clone() }, guest))
}

fn compare(recorded: &[String], found: &[String]) -> Result<(), Error> {
    if recorded.is_empty() {
        eprintln!("the recorded run did not come to its end: nothing to compare");
        return Ok(());
    }
    if recorded != found {
        let (recorded, found) = (recorded.join(", "), found.join(", "));
        return Err(Error::Nondeterminism(format!("state {found}, recorded {recorded}")));
    }
    eprintln!("same state hash as recorded: {}", found.join(", "));
    Ok(())
}

/// An interactive session: what was typed is typed again at the same times.
fn session(
    bundle: &Bundle,
    job: &Job,
    guest: &Guest,
    progress: &Progress,
    stop: &Stop,
) -> Result<i32, Error> {
    let input: VecDeque<Input> = bundle.input.clone().into();
    let mut host = Typist { input, left_ns: bundle.left_ns, meter: progress.start("replay"), stop };
    let outcome = boot::start(job, guest, bundle.seed, &mut host)?;
    host.meter.finish();
    eprintln!("\nreplayed {} inputs, t={:.3} s", bundle.input.len(), outcome.now.as_secs_f64());
    if let Some(code) = stop.code() {
        return Ok(code);
    }
    compare(&bundle.state_hash, &[outcome.state_text()])?;
    Ok(0)
}

struct Typist<'a> {
    input: VecDeque<Input>,
    left_ns: Option<u64>,
    meter: Meter,
    stop: &'a Stop,
}

impl Host for Typist<'_> {
    fn output(&mut self, terminal: usize, bytes: &[u8]) {
        if terminal == 0 {
            // A closed pipe ends nothing.
            let _ = std::io::stdout().write_all(bytes);
        }
    }
    fn record(&mut self, _: &Record) {}
    fn poll(&mut self, status: &Status) -> Wish {
        self.meter.show(status);
        // In the order of the session: it looked for input before it ended.
        match self.input.pop_front_if(|i| status.now.0 >= i.at_ns) {
            _ if self.stop.wanted() => Wish::Stop,
            Some(typed) => Wish::Input(typed.bytes()),
            None if self.left_ns.is_some_and(|end| status.now.0 >= end) => Wish::Stop,
            None => Wish::Continue,
        }
    }
}
