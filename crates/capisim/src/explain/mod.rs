//! `capisim explain`: a failing run beside the nearest one that passes.
//!
//! Replay is exact and a look has no effect, so both are the runs that they
//! were, with the calls of the driver, its locks and its signals seen.

pub mod columns;
pub mod compare;
pub mod history;
mod simpler;

use crate::campaign::no_branch;
use crate::cli::{ExplainArgs, ExplainFormat, When};
use crate::error::Error;
use crate::guest::Guest;
use crate::output::put;
use crate::progress::Progress;
use crate::replay;
use crate::run::{self, Job};
use crate::rundir::Bundle;
use crate::stop::Stop;
use compare::{At, Comparison};
use history::{Event, Historian, History};
use machine::engine::{Branch, Class, Hashing, NoBranch, Outcome, Strategy, Trunk};
use machine::oracle::Violation;
use machine::report::RunReport;
use machine::scenario::Scenario;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Lines for people, without `--all`.
const LINES: usize = 60;

/// A run with what happened in it.
struct Told {
    driver: String,
    /// Seed from the branch point on, if another.
    branch: Option<Branch>,
    /// What of the scenario was left away.
    without: Option<String>,
    outcome: Outcome,
    history: History,
}

/// How the passing run was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The same build, another schedule from the same branch point.
    Neighbour,
    /// The same build and seed, without something that a step does.
    FewerSteps,
    /// The same schedule, another build.
    OtherBuild,
}

/// `capisim explain`.
pub fn explain(args: &ExplainArgs, progress: When) -> Result<i32, Error> {
    let (bundle, job, guest) = replay::open(&args.run)?;
    if bundle.interactive {
        return Err(Error::Usage(format!("{}: a session has no verdict to explain", args.run.display())));
    }
    let stop = Stop::install(args.timeout)?;
    let mut meter = Progress::new(progress).start("explain");
    let index = failing_build(&args.run, &job.drivers, &guest)?;
    let explainer = Explainer { job: &job, guest: &guest, seed: bundle.seed, stop: &stop };
    let driver = job.drivers.get(index).map(PathBuf::as_path);
    let mut trunk = explainer.grow(&job.scenario, driver)?;
    let failing = explainer.told(&mut trunk, driver, bundle.branch.clone())?;
    if failing.outcome.violations.is_empty() {
        let why = "the run has no violation: nothing to explain";
        return Err(Error::Usage(format!("{}: {why}", args.run.display())));
    }
    if let Some(recorded) = bundle.state_hash.get(index).filter(|h| !h.is_empty())
        && *recorded != failing.outcome.state_text()
    {
        let found = failing.outcome.state_text();
        return Err(Error::Nondeterminism(format!("state {found}, recorded {recorded}")));
    }
    let mut near = Nearest::new(&failing);
    match &args.against {
        Some(other) => near.take(explainer.other(&guest.driver(other)?, &bundle)?, How::OtherBuild),
        None => {
            let mut tell = |n: u64| meter.tell(|wall| format!("{n} runs, {wall:.0} s"));
            explainer.neighbours(&mut trunk, driver, &bundle, args.neighbours, &mut near, &mut tell)?;
            drop(trunk);
            explainer.simpler(driver, &bundle, args.simpler, &failing.outcome, &mut near, &mut tell)?;
            if let Some(other) = explainer.another_build(driver, index, &job.drivers)? {
                match explainer.other(&other, &bundle) {
                    // Whoever was interrupted has no branch point.
                    Err(_) if stop.wanted() => {}
                    told => near.take(told?, How::OtherBuild),
                }
            }
        }
    };
    meter.finish();
    if let Some(code) = stop.code() {
        return Ok(code);
    }
    let Some((passing, how)) = near.best.map(|(_, told, how)| (told, how)) else {
        return Err(Error::Usage(format!(
            "{}: no run that passes was found among {}; try --neighbours, --simpler, or --against DRIVER",
            args.run.display(),
            near.tried
        )));
    };
    let text = Explanation::new(&job, &failing, &passing, how, near.tried, &args.run).text(args);
    put(format_args!("{text}"));
    Ok(0)
}

/// The run that passes and has most in common with the failing one.
struct Nearest<'a> {
    failing: &'a History,
    best: Option<(usize, Told, How)>,
    tried: Tried,
}

/// Runs that were compared with the failing one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Tried {
    neighbours: u64,
    simpler: u64,
    builds: u64,
}

impl std::fmt::Display for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tried { neighbours, simpler, builds } = self;
        write!(f, "{neighbours} neighbouring schedules, {simpler} simpler scenarios, {builds} other builds")
    }
}

impl<'a> Nearest<'a> {
    fn new(failing: &'a Told) -> Nearest<'a> {
        Nearest { failing: &failing.history, best: None, tried: Tried::default() }
    }
    /// A run was made; of two that are as near the first counts.
    fn take(&mut self, told: Told, how: How) {
        *match how {
            How::Neighbour => &mut self.tried.neighbours,
            How::FewerSteps => &mut self.tried.simpler,
            How::OtherBuild => &mut self.tried.builds,
        } += 1;
        if !passes(&told) {
            return;
        }
        let alike = compare::likeness(self.failing, &told.history);
        if self.best.as_ref().is_none_or(|(most, ..)| alike > *most) {
            self.best = Some((alike, told, how));
        }
    }
}

/// Which of the bundle's builds fails: as its result says, else the first.
fn failing_build(dir: &Path, drivers: &[PathBuf], guest: &Guest) -> Result<usize, Error> {
    let result = std::fs::read_to_string(dir.join("result.json")).ok();
    let result = result.and_then(|text| serde_json::from_str::<RunReport>(&text).ok());
    let failing = result.and_then(|r| r.builds.into_iter().find(|b| !b.violations.is_empty()));
    let Some(failing) = failing else { return Ok(0) };
    for (n, driver) in drivers.iter().enumerate() {
        if guest.driver_name(driver)?.1 == failing.build.sha256 {
            return Ok(n);
        }
    }
    Ok(0)
}

struct Explainer<'a> {
    job: &'a Job,
    guest: &'a Guest,
    seed: u64,
    stop: &'a Stop,
}

impl<'a> Explainer<'a> {
    fn name(&self, driver: Option<&Path>) -> Result<String, Error> {
        driver.map_or(Ok("none".into()), |d| Ok(self.guest.driver_name(d)?.0))
    }
    /// Runs to the branch point.
    fn grow<'s>(&self, scenario: &'s Scenario, driver: Option<&Path>) -> Result<(Trunk<'s>, History), Error>
    where
        'a: 's,
    {
        let setup = run::setup(scenario, self.guest, driver, self.seed, vec![])?;
        let over = || self.stop.wanted();
        let mut host = Historian { history: History::default(), over: &over };
        match Trunk::grow(setup, &mut host) {
            Ok(trunk) => Ok((trunk, host.history.beyond_branch())),
            Err(NoBranch::Ended(_)) => Err(Error::Usage(
                "the run ended before its branch point ([explore] from in the scenario): nothing to compare"
                    .into(),
            )),
            Err(e) => Err(no_branch(&self.name(driver)?, e)),
        }
    }
    /// One run from there, looked at.
    fn told(
        &self,
        (trunk, history): &mut (Trunk<'_>, History),
        driver: Option<&Path>,
        branch: Option<Branch>,
    ) -> Result<Told, Error> {
        let lost = |e: machine::BadState| Error::Internal(format!("a snapshot could not be put back: {e}"));
        let over = || self.stop.wanted();
        let mut host = Historian { history: history.clone(), over: &over };
        let outcome = trunk.observe(branch.as_ref(), "cxlflash", Hashing::Always, &mut host).map_err(lost)?;
        Ok(Told { driver: self.name(driver)?, branch, without: None, outcome, history: host.history })
    }
    /// The run on another build.
    fn other(&self, driver: &Path, bundle: &Bundle) -> Result<Told, Error> {
        let mut trunk = self.grow(&self.job.scenario, Some(driver))?;
        self.told(&mut trunk, Some(driver), bundle.branch.clone())
    }
    /// The build to compare with: the other of the run's two, else the stock driver.
    fn another_build(
        &self,
        driver: Option<&Path>,
        index: usize,
        drivers: &[PathBuf],
    ) -> Result<Option<PathBuf>, Error> {
        let Some(driver) = driver else { return Ok(None) };
        if let Some((_, other)) = drivers.iter().enumerate().find(|(n, _)| *n != index) {
            return Ok(Some(other.clone()));
        }
        if self.guest.artifacts.is_none() {
            return Ok(None);
        }
        let stock = self.guest.driver("stock")?;
        let same = self.guest.driver_name(&stock)?.1 == self.guest.driver_name(driver)?.1;
        Ok((!same).then_some(stock))
    }
    /// Runs the schedules with neighbouring seeds.
    fn neighbours(
        &self,
        trunk: &mut (Trunk<'a>, History),
        driver: Option<&Path>,
        bundle: &Bundle,
        most: u64,
        near: &mut Nearest<'_>,
        tell: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let (own, strategy) = bundle.branch.as_ref().map_or((0, Strategy::Random), |b| (b.seed, b.strategy));
        let seeds = (1..).flat_map(|d| [own.checked_add(d), own.checked_sub(d)]).flatten();
        for (n, seed) in (1..=most).zip(seeds) {
            if self.stop.wanted() {
                break;
            }
            tell(n);
            near.take(self.told(trunk, driver, Some(Branch { seed, strategy }))?, How::Neighbour);
        }
        Ok(())
    }
    /// Runs scenarios that lack one thing.
    fn simpler(
        &self,
        driver: Option<&Path>,
        bundle: &Bundle,
        most: u64,
        failing: &Outcome,
        near: &mut Nearest<'_>,
        tell: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        for (n, less) in (1..=most).zip(simpler::simpler(&self.job.scenario, failing)) {
            if self.stop.wanted() {
                break;
            }
            tell(near.tried.neighbours + n);
            let mut trunk = match self.grow(&less.scenario, driver) {
                Ok(trunk) => trunk,
                // Without that it never comes to its branch point.
                Err(Error::Usage(_)) => continue,
                Err(e) => return Err(e),
            };
            let told = self.told(&mut trunk, driver, bundle.branch.clone())?;
            near.take(Told { without: Some(less.without), ..told }, How::FewerSteps);
        }
        Ok(())
    }
}

fn passes(told: &Told) -> bool {
    told.outcome.violations.is_empty()
        && matches!(told.outcome.class, Class::Finished)
        && told.outcome.removal != machine::oracle::Removal::Unfinished
}

/// What is told of a run.
#[derive(Serialize)]
struct RunText {
    driver: String,
    schedule: Option<u64>,
    /// What of the scenario was left away.
    without: Option<String>,
    state: String,
    violations: Vec<Violation>,
    /// Events around the parting, or all that matter.
    events: Vec<EventText>,
}

#[derive(Serialize)]
struct EventText {
    mark: Option<char>,
    #[serde(flatten)]
    event: Event,
}

/// The explanation, as `--format json` prints it.
#[derive(Serialize)]
struct Explanation<'a> {
    schema: u32,
    scenario: String,
    how: How,
    tried: Tried,
    comparison: Comparison,
    replay: String,
    // What is left away here `json` tells as `failing` and `passing`, with texts.
    #[serde(skip)]
    failing: &'a Told,
    // As `failing`.
    #[serde(skip)]
    passing: &'a Told,
    /// Where each run parts, to look at.
    #[serde(skip)]
    here: (At, At),
    // As `failing`.
    #[serde(skip)]
    marks: (columns::Marks, columns::Marks),
}

impl<'a> Explanation<'a> {
    fn new(
        job: &Job,
        failing: &'a Told,
        passing: &'a Told,
        how: How,
        tried: Tried,
        dir: &Path,
    ) -> Explanation<'a> {
        let violation = &failing.outcome.violations[0];
        let culprit = compare::culprit(&failing.history, violation.at_ns);
        let comparison = compare::compare(&failing.history, &passing.history, culprit);
        let (mut f, mut p): (columns::Marks, columns::Marks) = (vec![], vec![]);
        if let Some(r) = &comparison.reordered {
            f.extend([(r.failing.0, 'A'), (r.failing.1, 'B')]);
            p.extend([(r.passing.0, 'A'), (r.passing.1, 'B')]);
        }
        let parting = comparison.parting.as_ref();
        let last = |h: &History| h.events.len().saturating_sub(1);
        let here_f = parting.and_then(|p| p.failing).unwrap_or(last(&failing.history));
        let here_p = parting.and_then(|p| p.passing).unwrap_or(last(&passing.history));
        let mark = |list: &mut columns::Marks, at: At, c: char| {
            if !list.iter().any(|(m, _)| *m == at) {
                list.push((at, c));
            }
        };
        mark(&mut f, here_f, '*');
        mark(&mut p, here_p, '*');
        if let Some(at) = failing.history.at_violation(violation.at_ns) {
            mark(&mut f, at, '!');
        }
        Explanation {
            schema: 1,
            scenario: job.scenario.name.clone(),
            how,
            tried,
            comparison,
            replay: format!("capisim replay {}", dir.display()),
            failing,
            passing,
            here: (here_f, here_p),
            marks: (f, p),
        }
    }
    fn text(&self, args: &ExplainArgs) -> String {
        match args.format {
            ExplainFormat::Human => self.human(args.all),
            ExplainFormat::Json => self.json(args.all),
        }
    }
    /// The events that are shown of the failing and of the passing run.
    fn shown(&self, most: usize, all: bool) -> (Vec<At>, Vec<At>) {
        let pick = |told: &Told, here: At, marks: &columns::Marks| {
            let pair: Vec<At> = marks.iter().map(|(at, _)| *at).collect();
            let matter = columns::relevant(&told.history, &self.comparison, here, &pair);
            let who = self.comparison.parting.as_ref().map_or("", |p| p.who.as_str());
            if all { matter } else { columns::around(&told.history, &matter, who, here, marks, most) }
        };
        (pick(self.failing, self.here.0, &self.marks.0), pick(self.passing, self.here.1, &self.marks.1))
    }
    fn json(&self, all: bool) -> String {
        let (f, p) = self.shown(LINES, all);
        let run = |told: &Told, shown: &[At], marks: &columns::Marks| RunText {
            driver: told.driver.clone(),
            schedule: told.branch.as_ref().map(|b| b.seed),
            without: told.without.clone(),
            state: told.outcome.state_text(),
            violations: told.outcome.violations.clone(),
            events: shown
                .iter()
                .map(|at| {
                    let event = &told.history.events[*at];
                    let mark = marks.iter().find(|(m, _)| m == at).map(|(_, c)| *c);
                    EventText { mark, event: Event { text: told.history.text(event), ..event.clone() } }
                })
                .collect(),
        };
        let mut value = serde_json::to_value(self).expect("explanations have a JSON form");
        let runs = [
            ("failing", run(self.failing, &f, &self.marks.0)),
            ("passing", run(self.passing, &p, &self.marks.1)),
        ];
        for (name, told) in runs {
            value[name] = serde_json::to_value(told).expect("runs have a JSON form");
        }
        serde_json::to_string_pretty(&value).expect("values are text") + "\n"
    }
    fn human(&self, all: bool) -> String {
        let mut out = self.head();
        let room = LINES.saturating_sub(out.len() + 5);
        // Each gap in time takes a line of its own.
        let (f, p) = self.shown(room / 2 - 3, all);
        let cut = |lines: Vec<String>| -> Vec<String> {
            if all { lines } else { lines.into_iter().take(room / 2).collect() }
        };
        out.push(String::new());
        out.push(format!("the failing run ({})", self.title(self.failing)));
        out.extend(cut(columns::lines(&self.failing.history, &f, &self.marks.0)));
        out.push(String::new());
        out.push(format!("the passing run ({})", self.title(self.passing)));
        out.extend(cut(columns::lines(&self.passing.history, &p, &self.marks.1)));
        out.push(format!("replay    {}", self.replay));
        out.join("\n") + "\n"
    }
    fn title(&self, told: &Told) -> String {
        let schedule =
            told.branch.as_ref().map_or("its own schedule".into(), |b| format!("schedule {}", b.seed));
        let without = told.without.as_ref().map(|w| format!(", without {w}")).unwrap_or_default();
        format!("{}, {schedule}{without}", told.driver)
    }
    fn head(&self) -> Vec<String> {
        let v = &self.failing.outcome.violations[0];
        let mut out = vec![
            format!("scenario  {}: {} at {:.6} s: {}", self.scenario, v.oracle, v.at_ns as f64 / 1e9, v.text),
            format!("beside    {}: the nearest that passes of {}", self.title(self.passing), self.tried),
            format!("common    {} events of the driver's tasks", self.comparison.common),
        ];
        let Some(parting) = &self.comparison.parting else {
            out.push("parting   no task does anything else: the runs differ in the adapter alone".into());
            return out;
        };
        out.push(format!(
            "parting   {} (*), after {} events of its own in common",
            parting.who, parting.common
        ));
        let side =
            |told: &Told, at: Option<At>| at.map_or("nothing more".into(), |at| told.history.place(at));
        out.push(format!("  failing {}", side(self.failing, parting.failing)));
        out.push(format!("  passing {}", side(self.passing, parting.passing)));
        if let Some(r) = &self.comparison.reordered {
            let h = &self.failing.history;
            out.push(format!("order     A = {}", h.place(r.failing.0)));
            out.push(format!("          B = {}", h.place(r.failing.1)));
            out.push(
                "          in the failing run A came before B; in the passing run B came before A".into(),
            );
        }
        out.push(format!("contexts  {}", self.failing.history.elements(self.here.0)));
        out.push(format!("locks     {}", self.failing.history.held(self.here.0)));
        let signals = self.failing.history.signals(self.here.0, &parting.who);
        if !signals.is_empty() {
            out.push(format!("signals   {signals}"));
        }
        let others: Vec<&str> = self.comparison.others.iter().take(6).map(|p| p.who.as_str()).collect();
        if !others.is_empty() {
            out.push(format!("also part {}", others.join(", ")));
        }
        out
    }
}
