//! `capisim run`: scenarios on one driver build or two.

use crate::cli::{Format, RunArgs, When};
use crate::error::Error;
use crate::guest::{Guest, Image, Mode};
use crate::lunfile::{FileStore, LunArg};
use crate::output;
use crate::progress::{Meter, Progress};
use crate::rundir::{self, Bundle, FileId, Logs};
use crate::scenarios::{DEFAULT, Source};
use crate::stop::Stop;
use crate::verify::{self, Sides};
use machine::Record;
use machine::adapters::{self, Stores};
use machine::engine::{self, Branch, Host, Setup, Status, Wish};
use machine::executor;
use machine::report::{Build, BuildReport, Role, RunReport};
use machine::scenario::{
    LunSpec, Scenario, check,
    units::{parse_draw, parse_size},
};
use std::path::{Path, PathBuf};

/// A run: scenario, guest and drivers, everything read and checked.
pub struct Job {
    /// Where the scenario comes from.
    pub source: Source,
    /// The scenario with what the command line changed.
    pub scenario: Scenario,
    /// Units as on the command line.
    pub luns: Vec<LunArg>,
    /// Drivers, of two the first is old; empty: the scenario's modules as they are.
    pub drivers: Vec<PathBuf>,
    /// How it goes on beyond its branch point, if another way.
    pub branch: Option<Branch>,
}

/// What the command line changes in a scenario.
pub fn adjust(scenario: &mut Scenario, args: &crate::cli::GuestArgs) -> Result<Vec<LunArg>, Error> {
    let machine = &mut scenario.machine;
    if let Some(cpus) = args.cpus {
        if !(1..=machine::build::MAX_CPUS).contains(&cpus) {
            return Err(machine::BuildError::Cpus(cpus).into());
        }
        machine.cpus = cpus;
    }
    if let Some(memory) = &args.memory {
        machine.memory = parse_size(memory).map_err(|e| Error::Usage(format!("--memory: {e}")))?;
    }
    if let Some(cmdline) = &args.cmdline {
        machine.cmdline.clone_from(cmdline);
    }
    variants(scenario, &args.variant)?;
    args.draw.iter().try_for_each(|d| draw(scenario, d))?;
    let luns = args.lun.iter().map(|l| LunArg::parse(l)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(adapter), false) = (scenario.adapters.first_mut(), luns.is_empty()) {
        let spec =
            |l: &LunArg| LunSpec { profile: l.profile.clone(), ..LunSpec::new(l.size.unwrap_or(0), l.block) };
        adapter.luns = luns.iter().map(spec).collect();
    } else if !luns.is_empty() {
        return Err(Error::Usage("--lun: there is no adapter in this machine".into()));
    }
    Ok(luns)
}

/// Memory of the machine that a scenario will get, in bytes; `None` if the command line is wrong about it, or this
/// host does not have so much.
pub fn memory(args: &crate::cli::GuestArgs, scenario: &Scenario) -> Option<u64> {
    let memory = args.memory.as_ref().map_or(Some(scenario.machine.memory), |text| parse_size(text).ok());
    memory.filter(|memory| crate::lists::whole_memory().is_none_or(|whole| *memory <= whole))
}

/// Gives one of the scenario's draws another range, or one number.
fn draw(scenario: &mut Scenario, text: &str) -> Result<(), Error> {
    let usage = |why: String| Error::Usage(format!("--draw {text}: {why}"));
    let (name, range) = text.split_once('=').ok_or_else(|| usage("write NAME=RANGE".into()))?;
    let range = if range.contains("..") { range.into() } else { format!("{range}..{range}") };
    let drawn = parse_draw(&range).map_err(usage)?;
    let names: Vec<&str> = scenario.draws.keys().map(String::as_str).collect();
    let unknown = match names.as_slice() {
        [] => "the scenario draws no numbers".into(),
        names => format!("the scenario draws {}", names.join(", ")),
    };
    *scenario.draws.get_mut(name).ok_or_else(|| usage(unknown))? = drawn;
    Ok(())
}

/// Gives the adapters other variants; the last adapter is copied for those that the scenario lacks.
fn variants(scenario: &mut Scenario, names: &[String]) -> Result<(), Error> {
    let usage = |why: &str| Err(Error::Usage(format!("--variant: {why}")));
    if names.len() > machine::scenario::check::MAX_ADAPTERS {
        return usage("a machine has at most four adapters");
    }
    let Some(last) = scenario.adapters.last().cloned() else {
        return if names.is_empty() { Ok(()) } else { usage("there is no adapter in this machine") };
    };
    let count = scenario.adapters.len().max(names.len());
    scenario.adapters.resize(count, last);
    for (adapter, name) in scenario.adapters.iter_mut().zip(names) {
        adapter.variant.clone_from(name);
    }
    Ok(())
}

/// Opens the files of units; sizes of files without one go into `scenario`.
pub fn stores(scenario: &mut Scenario, luns: &[LunArg]) -> Result<Stores, Error> {
    let mut stores: Stores = vec![];
    for (n, lun) in luns.iter().enumerate() {
        let Some(file) = &lun.file else { continue };
        let (store, size) = FileStore::open(file, lun.size)?;
        scenario.adapters[0].luns[n].size = size;
        stores.push(((0, n), Box::new(store)));
    }
    Ok(stores)
}

/// One or many seeds, `7` or `1..50`.
pub fn seeds(text: &str) -> Result<Vec<u64>, Error> {
    let wrong = || Error::Usage(format!("--seed {text}: write a number or a range such as 1..50"));
    let number = |t: &str| t.parse::<u64>().map_err(|_| wrong());
    let Some((first, last)) = text.split_once("..") else { return Ok(vec![number(text)?]) };
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first > last || last - first >= 1_000_000 {
        return Err(wrong());
    }
    Ok((first..=last).collect())
}

/// `capisim run`.
pub fn run(args: &RunArgs, progress: When, color: bool) -> Result<i32, Error> {
    let seeds = seeds(&args.seed)?;
    if args.driver.len() > 2 {
        return Err(Error::Usage("--driver: one driver, or two of which the first is old".into()));
    }
    let names = if args.scenario.is_empty() { vec![DEFAULT.to_owned()] } else { args.scenario.clone() };
    let parsed = names.iter().map(|n| Source::find(n).and_then(|s| Ok((s.parse()?, s))));
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    let memory = parsed.first().and_then(|(scenario, _)| memory(&args.guest, scenario));
    // With --verify other processes build the machines.
    let guest = Guest::open_for(&args.guest, memory.filter(|_| !args.verify))?;
    let stop = Stop::install(args.guest.timeout)?;
    let progress = Progress::new(progress);
    let mut reports = vec![];
    for (mut scenario, source) in parsed {
        let luns = adjust(&mut scenario, &args.guest)?;
        let drivers = drivers(args, &guest, &scenario)?;
        let job = Job { source, scenario, luns, drivers, branch: None };
        for &seed in &seeds {
            let report = run_one(&job, &guest, args, seed, &progress, &stop)?;
            if args.format == Format::Human {
                output::human(&report, color);
            }
            reports.push(report);
            if stop.code().is_some() {
                break;
            }
        }
    }
    output::print(&reports, args.format);
    Ok(exit_code(&reports, args.bisect_codes, &stop))
}

/// Exit code of these runs.
pub fn exit_code(reports: &[RunReport], bisect: bool, stop: &Stop) -> i32 {
    match stop.code() {
        // A schedule that takes too long is neither good nor bad.
        Some(124) if bisect => return 125,
        Some(code) => return code,
        None => {}
    }
    match (bisect, worst(reports)) {
        (true, 3) => 125,
        (_, worst) => worst,
    }
}

/// The exit code that stands for all: a violation outweighs doubt, doubt
/// outweighs success.
pub fn worst(reports: &[RunReport]) -> i32 {
    let codes: Vec<i32> = reports.iter().map(|r| r.verdict.exit_code()).collect();
    [1, 3, 0].into_iter().find(|c| codes.contains(c)).unwrap_or(3)
}

/// Which drivers: as given; pre-fix and stock for the default; else stock.
fn drivers(args: &RunArgs, guest: &Guest, scenario: &Scenario) -> Result<Vec<PathBuf>, Error> {
    if !args.driver.is_empty() {
        return args.driver.iter().map(|d| guest.driver(d)).collect();
    }
    if !scenario.guest.modules.iter().any(|m| m == "cxlflash") {
        return Ok(vec![]);
    }
    if args.scenario.is_empty() && args.guest.kbuild.is_none() {
        return Ok(vec![guest.driver("pre-fix")?, guest.driver("stock")?]);
    }
    Ok(if guest.artifacts.is_some() { vec![guest.driver("stock")?] } else { vec![] })
}

/// Runs one scenario with one seed on its builds, in parallel.
fn run_one(
    job: &Job,
    guest: &Guest,
    args: &RunArgs,
    seed: u64,
    progress: &Progress,
    stop: &Stop,
) -> Result<RunReport, Error> {
    let builds = builds(guest, &job.drivers)?;
    preflight(job, guest)?;
    announce(job, guest, seed, &builds);
    let sides = Sides::asked(args, executor::chosen())?;
    check_memory(&job.scenario, if args.verify { 2 } else { builds.len() })?;
    let dir = rundir::create(&args.guest.out, &job.scenario.name, seed)?;
    let recorded = || {
        rundir::write(&dir.join("scenario.toml"), job.source.text.as_bytes())?;
        let mut bundle = bundle(job, guest, &args.guest, seed)?;
        bundle.save(&dir)?;
        let reports = match &sides {
            Some(sides) => verify::execute(job, builds, &dir, sides, progress, stop)?,
            None => execute(job, guest, seed, builds, &dir, progress, stop)?,
        };
        if stop.code().is_none() {
            bundle.state_hash = reports.iter().map(|r| r.state_hash.clone()).collect();
            bundle.save(&dir)?;
        }
        finish(job, guest, seed, reports, &dir)
    };
    recorded().inspect_err(|e| rundir::discard(&dir, e))
}

/// Everything that can be refused before anything is written.
pub fn preflight(job: &Job, guest: &Guest) -> Result<(), Error> {
    if job.drivers.len() > 1 && job.luns.iter().any(|l| l.file.is_some()) {
        return Err(Error::Usage("--lun file=…: two builds cannot share a file; use size=…".into()));
    }
    let one = |driver: Option<&Path>| {
        let image = guest.image(&job.scenario, driver, Mode::Run)?;
        let table = engine::SymbolTable::new(&guest.kernel.symbols, image.symbols.clone());
        let unknown = check::unknown_symbols(&job.scenario, &table);
        if unknown.is_empty() { Ok(()) } else { Err(job.source.problems(&unknown)) }
    };
    if job.drivers.is_empty() {
        return one(None);
    }
    job.drivers.iter().try_for_each(|d| one(Some(d)))
}

/// Puts the report together and writes `result.json`.
pub fn finish(
    job: &Job,
    guest: &Guest,
    seed: u64,
    builds: Vec<BuildReport>,
    dir: &Path,
) -> Result<RunReport, Error> {
    let mut report = RunReport::new(&job.scenario, seed, guest.report.clone(), builds);
    report.replay = format!("capisim replay {}", dir.display());
    let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::Internal(e.to_string()))?;
    rundir::write(&dir.join("result.json"), &text)?;
    if report.builds.iter().any(|b| !b.violations.is_empty()) {
        rundir::write(&dir.join("report.txt"), crate::report::of_run(&report, dir)?.as_bytes())?;
    }
    Ok(report)
}

/// What a guest of ours touches at least, whatever its RAM.
const TOUCHED: u64 = 512 << 20;

/// Refuses to start what the host would kill half-way.
pub fn check_memory(scenario: &Scenario, guests: usize) -> Result<(), Error> {
    let memory = scenario.machine.memory;
    too_little(memory, guests as u64, crate::lists::whole_memory(), crate::lists::available_memory())
        .map_or(Ok(()), |reason| Err(Error::Environment(reason)))
}

/// Why a host with this much memory, and this much of it free, cannot run
/// `guests` guests with `memory` bytes each.
fn too_little(memory: u64, guests: u64, whole: Option<u64>, free: Option<u64>) -> Option<String> {
    if let Some(whole) = whole.filter(|whole| memory > *whole) {
        return Some(format!(
            "too little host memory: a guest of {} MiB does not fit in the {} MiB of this host; give a smaller --memory",
            memory >> 20,
            whole >> 20
        ));
    }
    let needed = guests * memory.min(TOUCHED);
    let free = free.filter(|free| *free < needed)?;
    let cure = if guests > 1 { "--memory, or one --driver at a time" } else { "a smaller --memory" };
    Some(format!(
        "too little host memory: {guests} guest(s) touch about {} MiB, {} MiB are available; give {cure}",
        needed >> 20,
        free >> 20
    ))
}

/// Says on standard error what is about to be run.
pub fn announce(job: &Job, guest: &Guest, seed: u64, builds: &[Build]) {
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    eprintln!(
        "seed {seed}  capisim {}  scenario {} ({})  kernel {} ({}), its structures from {}",
        env!("CARGO_PKG_VERSION"),
        job.scenario.name,
        short(&job.scenario.hash()),
        guest.report.version,
        short(&guest.report.sha256),
        guest.report.structures,
    );
    for b in builds.iter().filter(|b| !b.path.is_empty()) {
        eprintln!("driver {}  sha256 {}  {}", b.driver, b.sha256, b.path);
    }
}

/// The builds under test with their roles.
pub fn builds(guest: &Guest, drivers: &[PathBuf]) -> Result<Vec<Build>, Error> {
    let build = |path: &Path, role| {
        let (driver, sha256) = guest.driver_name(path)?;
        Ok::<_, Error>(Build { driver, path: path.display().to_string(), sha256, role })
    };
    match drivers {
        [] => Ok(vec![Build {
            driver: "none".into(),
            path: String::new(),
            sha256: String::new(),
            role: Role::Single,
        }]),
        [only] => Ok(vec![build(only, Role::Single)?]),
        [old, new, ..] => Ok(vec![build(old, Role::Old)?, build(new, Role::New)?]),
    }
}

/// Hash of the first file system of each build.
pub fn images(job: &Job, guest: &Guest) -> Result<Vec<String>, Error> {
    let hash = |driver: Option<&Path>| {
        let image = guest.image(&job.scenario, driver, Mode::Run)?;
        Ok(machine::report::sha256(&image.initrd))
    };
    if job.drivers.is_empty() {
        return Ok(vec![hash(None)?]);
    }
    job.drivers.iter().map(|d| hash(Some(d))).collect()
}

/// What replays this run; not interactive.
pub fn bundle(job: &Job, guest: &Guest, args: &crate::cli::GuestArgs, seed: u64) -> Result<Bundle, Error> {
    let ids = |paths: &[PathBuf]| paths.iter().map(|p| FileId::of(p)).collect::<Result<Vec<_>, _>>();
    Ok(Bundle {
        schema: 1,
        tool: env!("CARGO_PKG_VERSION").into(),
        scenario: job.source.file.clone(),
        seed,
        interactive: false,
        slice_ns: engine::DEFAULT_SLICE.0,
        cpus: args.cpus,
        memory: args.memory.clone(),
        cmdline: args.cmdline.clone(),
        lun: args.lun.clone(),
        variant: args.variant.clone(),
        draw: args.draw.clone(),
        kernel: FileId::known(&guest.kernel_path, &guest.report.sha256)?,
        kbuild: args
            .kbuild
            .as_deref()
            .map(std::fs::canonicalize)
            .transpose()
            .map_err(Error::io(&guest.kernel_path, "find its folder"))?,
        initrd: guest.initrd.as_deref().map(FileId::of).transpose()?,
        module: ids(&args.module)?,
        driver: ids(&job.drivers)?,
        left_ns: None,
        input: vec![],
        state_hash: vec![],
        image: images(job, guest)?,
        branch: None,
    })
}

/// Runs all builds, each in a thread of its own, into `dir`.
pub fn execute(
    job: &Job,
    guest: &Guest,
    seed: u64,
    builds: Vec<Build>,
    dir: &Path,
    progress: &Progress,
    stop: &Stop,
) -> Result<Vec<BuildReport>, Error> {
    let results = crossbeam::scope(|scope| {
        let threads: Vec<_> = builds
            .into_iter()
            .enumerate()
            .map(|(n, build)| {
                let dir = logs(dir, build.role);
                let driver = job.drivers.get(n).map(PathBuf::as_path);
                let meter = progress.start(&build.driver);
                scope.spawn(move |_| execute_one(job, guest, seed, build, driver, &dir, meter, stop))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|p| Err(panicked(&*p)))).collect::<Vec<_>>()
    });
    results.unwrap_or_else(|p| vec![Err(panicked(&*p))]).into_iter().collect()
}

/// Where the logs of a build's run go.
pub fn logs(dir: &Path, role: Role) -> PathBuf {
    match role {
        Role::Old => dir.join("old"),
        Role::New => dir.join("new"),
        Role::Single => dir.to_owned(),
    }
}

/// A panic of the model as an error.
pub fn panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    Error::Internal(text.unwrap_or_else(|| "the simulator panicked".into()))
}

#[allow(clippy::too_many_arguments)] // One call site; each is a different thing.
fn execute_one(
    job: &Job,
    guest: &Guest,
    seed: u64,
    build: Build,
    driver: Option<&Path>,
    dir: &Path,
    meter: Meter,
    stop: &Stop,
) -> Result<BuildReport, Error> {
    let mut scenario = job.scenario.clone();
    let stores = stores(&mut scenario, &job.luns)?;
    let mut host = Recorder { logs: Logs::create(dir)?, meter, stop };
    let setup = setup(&scenario, guest, driver, seed, stores)?;
    let outcome = engine::run(setup, job.branch.as_ref(), &mut host)?;
    let seconds = host.meter.seconds();
    host.meter.finish();
    Ok(BuildReport::new(build, outcome, seconds))
}

/// What a run of `scenario` with this driver starts from.
pub fn setup<'a>(
    scenario: &'a Scenario,
    guest: &'a Guest,
    driver: Option<&Path>,
    seed: u64,
    stores: Stores,
) -> Result<Setup<'a>, Error> {
    let Image { initrd, symbols } = Image::clone(&*guest.image(scenario, driver, Mode::Run)?);
    Ok(Setup {
        memory: guest.take_memory(scenario.machine.memory),
        scenario,
        kernel: &guest.kernel,
        modules: symbols,
        offsets: guest.offsets,
        initrd,
        adapters: adapters::build(scenario, seed, stores),
        seed,
        slice: engine::DEFAULT_SLICE,
    })
}

/// Writes what happens to files.
struct Recorder<'a> {
    logs: Logs,
    meter: Meter,
    stop: &'a Stop,
}

impl Host for Recorder<'_> {
    fn output(&mut self, terminal: usize, bytes: &[u8]) {
        if terminal == 0 {
            self.logs.console(bytes);
        }
    }
    fn record(&mut self, record: &Record) {
        self.logs.event(record);
    }
    fn poll(&mut self, status: &Status) -> Wish {
        self.meter.show(status);
        if self.stop.wanted() { Wish::Stop } else { Wish::Continue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_too_small_is_told_so() {
        const GIB: u64 = 1 << 30;
        let refused = |memory, guests, whole, free| too_little(memory, guests, whole, free);
        for (memory, guests, whole, free, what) in [
            (GIB, 2, Some(8 * GIB), Some(4 * GIB), None),
            (64 << 40, 1, Some(8 * GIB), Some(4 * GIB), Some("does not fit in the 8192 MiB")),
            (GIB, 2, Some(8 * GIB), Some(GIB - 1), Some("one --driver at a time")),
            (GIB, 1, Some(8 * GIB), Some(GIB / 4), Some("a smaller --memory")),
            (64 << 40, 1, None, None, None),
        ] {
            let said = refused(memory, guests, whole, free);
            assert_eq!(said.is_some(), what.is_some(), "{memory} {guests}: {said:?}");
            assert!(what.is_none_or(|w| said.as_ref().is_some_and(|s| s.contains(w))), "{said:?}");
        }
    }

    #[test]
    fn a_draw_takes_a_number_or_a_range() {
        let text = "schema = 1\nname = \"x\"\n[draw]\ncycles = \"60..60\"\n";
        let scenario = machine::scenario::parse(text).expect("good");
        for (given, low, high) in [("cycles=7", 7, 7), ("cycles=1..9", 1, 9)] {
            let mut scenario = scenario.clone();
            draw(&mut scenario, given).expect("good");
            assert_eq!((scenario.draws["cycles"].low, scenario.draws["cycles"].high), (low, high), "{given}");
        }
        for (bad, why) in [
            ("cycles", "write NAME=RANGE"),
            ("cycles=9..1", "9..1"),
            ("cycles=x", "x..x"),
            ("rounds=1", "the scenario draws cycles"),
        ] {
            let error = draw(&mut scenario.clone(), bad).expect_err(bad);
            assert_eq!(error.exit_code(), 2, "{bad}");
            assert!(error.to_string().contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn seeds_are_numbers_or_ranges() {
        assert_eq!(seeds("7").expect("good"), [7]);
        assert_eq!(seeds("1..3").expect("good"), [1, 2, 3]);
        assert_eq!(seeds("1..=3").expect("good"), [1, 2, 3]);
        for bad in ["", "x", "3..1", "1..", "-1"] {
            assert_eq!(seeds(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
