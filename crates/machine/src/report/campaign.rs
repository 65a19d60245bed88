//! Campaigns: many schedules of one beginning, on one build or two. A line a
//! schedule, and what all of them come to.

use super::{BYPASS, Build, BuildReport, KernelReport, Role, RunReport, Verdict};
use crate::engine::Point;
use crate::engine::{Class, Ended, Outcome};
use crate::oracle::{Removal, Violation};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one schedule came to: a line of `schedules.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The scenario.
    pub scenario: String,
    /// The build.
    pub driver: String,
    /// Seed of the schedule.
    pub schedule: u64,
    /// Violations of required oracles, the first of each.
    pub violations: Vec<Violation>,
    /// What else was seen, by oracle.
    pub findings: BTreeMap<String, u64>,
    /// It shows the bug under test.
    pub bug: bool,
    /// Why it proves nothing, if so.
    pub undecided: Option<Class>,
    /// Elements terminated past the driver's lock (O1).
    pub bypassed: u64,
    /// How the removal ended.
    pub remove: Removal,
    /// The first Oops.
    pub oops: Option<String>,
    /// Of failures: functions of modules in which tasks slept at the first violation.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sleeps_in: BTreeSet<String>,
    /// How often each thing that must be reached was.
    pub reached: BTreeMap<String, u64>,
    /// Hash of the machine's state at the end, of failures.
    pub state_hash: String,
    /// Points at which a CPU could lose its priority (PCT).
    #[serde(default)]
    pub points: u64,
    /// How often one lost it for keeping others waiting (PCT).
    #[serde(default)]
    pub demotions: u64,
    /// Instructions from the branch point on.
    pub instructions: u64,
    /// Virtual nanoseconds from the branch point on.
    pub virtual_ns: u64,
    /// Wall-clock microseconds it took.
    pub wall_us: u64,
    /// Of those, to put the machine back to the branch point.
    pub restore_us: u64,
}

impl Line {
    /// The line of an outcome whose branch point was `from`; `bug` as in the scenario.
    pub fn new(scenario: &Scenario, driver: &str, schedule: u64, from: Point, outcome: Outcome) -> Line {
        let violated = |name: &str| outcome.violations.iter().any(|v| v.oracle == name);
        let all = scenario.oracle.bug.iter().all(|n| violated(&n.text));
        let bypasses = outcome.violations.iter().filter(|v| v.oracle == BYPASS).count() as u64;
        let mut findings = BTreeMap::new();
        for f in &outcome.findings {
            *findings.entry(f.oracle.clone()).or_default() += 1;
        }
        let mut named = BTreeSet::new();
        let decided = !outcome.violations.is_empty() || conclusive(&outcome);
        Line {
            scenario: scenario.name.clone(),
            driver: driver.to_owned(),
            schedule,
            bug: all && !outcome.violations.is_empty(),
            undecided: (!decided).then_some(outcome.class),
            bypassed: bypasses,
            remove: outcome.removal,
            state_hash: outcome.state_text(),
            points: outcome.points,
            demotions: outcome.demotions,
            instructions: outcome.instructions - from.instructions,
            virtual_ns: (outcome.now - from.now).0,
            violations: outcome.violations.into_iter().filter(|v| named.insert(v.oracle.clone())).collect(),
            findings,
            oops: outcome.oops,
            sleeps_in: outcome.at_violation.map(|scene| scene.sleeps_in()).unwrap_or_default(),
            reached: outcome.reached,
            wall_us: 0,
            restore_us: 0,
        }
    }
    /// What is the same in failures of one kind: the oracles, where the kernel
    /// died, and where in drivers tasks slept at the first violation.
    pub fn signature(&self) -> String {
        let mut parts: Vec<String> = self.violations.iter().map(|v| v.oracle.clone()).collect();
        parts.sort_unstable();
        parts.extend(self.oops.as_deref().map(without_numbers));
        parts.extend(self.sleeps_in.iter().map(|f| format!("asleep in {f}")));
        parts.join(" + ")
    }
    /// True if everything that must be reached was.
    pub fn reached_all(&self) -> bool {
        self.reached.values().all(|n| *n > 0)
    }
}

/// A run without violations proves something only if it came to its end.
fn conclusive(outcome: &Outcome) -> bool {
    let ended = matches!(outcome.ended, Ended::Scenario | Ended::Decided | Ended::PowerOff | Ended::Reboot);
    ended && outcome.removal != Removal::Unfinished
}

/// Addresses and counts differ between failures of one kind.
fn without_numbers(text: &str) -> String {
    let word = |w: &str| !w.chars().any(|c| c.is_ascii_digit());
    text.split_whitespace().filter(|w| word(w)).collect::<Vec<_>>().join(" ")
}

/// What N schedules without a failure say about the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Schedules of the build in question.
    pub schedules: u64,
    /// Of those, failures.
    pub failures: u64,
    /// With 95 % confidence a schedule drawn like these fails with at most
    /// this probability; `None` if one failed.
    pub probability: Option<f64>,
    /// The same in words, with how the schedules were drawn.
    pub text: String,
}

impl Bound {
    /// From `failures` of `schedules`, drawn as `strategy` says.
    pub fn new(schedules: u64, failures: u64, strategy: &str) -> Bound {
        // (1 - p)^n = 0.05: the exact form of the rule of three.
        let probability =
            (failures == 0 && schedules > 0).then(|| 1.0 - 0.05f64.powf(1.0 / schedules as f64));
        let text = match probability {
            Some(p) => format!(
                "no failure in {schedules} schedules ({strategy}): with 95 % confidence such a schedule fails with a probability of at most {p:.2e}"
            ),
            None => format!("{failures} of {schedules} schedules failed ({strategy})"),
        };
        Bound { schedules, failures, probability, text }
    }
}

/// Failures that are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// First oracle that was violated.
    pub oracle: String,
    /// What they have in common.
    pub signature: String,
    /// The build.
    pub driver: String,
    /// Number of schedules.
    pub count: u64,
    /// Seed of the first of them.
    pub schedule: u64,
    /// What it says.
    pub text: String,
    /// Command that replays it.
    pub replay: String,
}

/// The kinds of failures in `lines`, most frequent first; of each its first schedule.
pub fn distinct(lines: &[Line]) -> Vec<Failure> {
    let mut kinds: BTreeMap<(String, String), Failure> = BTreeMap::new();
    for line in lines {
        let Some(first) = line.violations.first() else { continue };
        let key = (line.driver.clone(), line.signature());
        let kind = kinds.entry(key.clone()).or_insert_with(|| Failure {
            oracle: first.oracle.clone(),
            signature: key.1,
            driver: line.driver.clone(),
            count: 0,
            schedule: line.schedule,
            text: first.text.clone(),
            replay: String::new(),
        });
        kind.count += 1;
        if line.schedule < kind.schedule {
            (kind.schedule, kind.text) = (line.schedule, first.text.clone());
        }
    }
    let mut all: Vec<Failure> = kinds.into_values().collect();
    all.sort_by_key(|f| (std::cmp::Reverse(f.count), f.schedule));
    all
}

/// What a build's lines come to; counts are of schedules.
fn fold(build: Build, lines: &[Line]) -> BuildReport {
    let own = || lines.iter().filter(|l| l.driver == build.driver);
    let count = |f: &dyn Fn(&Line) -> bool| own().filter(|l| f(l)).count() as u64;
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for line in own() {
        for (what, n) in &line.reached {
            *reached.entry(what.clone()).or_default() += u64::from(*n > 0);
        }
    }
    let first = own().filter(|l| !l.violations.is_empty()).min_by_key(|l| l.schedule);
    let worst = [Removal::Hung, Removal::Unfinished, Removal::Finished];
    let remove = worst.into_iter().find(|r| own().any(|l| l.remove == *r)).unwrap_or(Removal::NotRun);
    BuildReport {
        state_hash: String::new(),
        instructions: own().map(|l| l.instructions).sum(),
        virtual_seconds: own().map(|l| l.virtual_ns as f64 / 1e9).sum(),
        wall_seconds: own().map(|l| l.wall_us as f64 / 1e6).sum(),
        schedules: own().count() as u64,
        failures: count(&|l| !l.violations.is_empty()),
        bugs: count(&|l| l.bug),
        undecided: count(&|l| l.undecided.is_some()),
        violations: first.map(|l| l.violations.clone()).unwrap_or_default(),
        findings: findings(own()),
        bypassed: count(&|l| l.bypassed > 0),
        remove,
        oops: own().find_map(|l| l.oops.clone()),
        reached,
        class: own().find_map(|l| l.undecided).unwrap_or(Class::Finished),
        steps: BTreeMap::new(),
        console: vec![],
        cpus: vec![],
        at_violation: None,
        guest: Default::default(),
        build,
    }
}

/// What was seen and does not count, an entry an oracle.
fn findings<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<Violation> {
    let mut seen: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in lines {
        for oracle in line.findings.keys() {
            let (count, _) = seen.entry(oracle).or_insert((0, line.schedule));
            *count += 1;
        }
    }
    let entry = |(oracle, (count, first)): (&str, (u64, u64))| Violation {
        oracle: oracle.to_owned(),
        at_ns: 0,
        pe: None,
        text: format!("in {count} schedules, the first is {first}"),
    };
    seen.into_iter().map(entry).collect()
}

/// What a campaign is about.
pub struct Campaign<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Seed up to the branch point.
    pub seed: u64,
    /// The kernel.
    pub kernel: KernelReport,
    /// The builds.
    pub builds: Vec<Build>,
    /// How the schedules were drawn, for people.
    pub strategy: String,
}

impl Campaign<'_> {
    /// The report of these lines.
    pub fn report(self, lines: &[Line]) -> RunReport {
        let builds: Vec<BuildReport> = self.builds.into_iter().map(|b| fold(b, lines)).collect();
        let each = |f: fn(&Line) -> u64| lines.iter().map(f).sum::<u64>() / lines.len().max(1) as u64;
        let met = match each(|l| l.points) {
            0 => String::new(),
            points => format!("; met per schedule: {points} points, {} demotions", each(|l| l.demotions)),
        };
        let strategy = self.strategy + &met;
        let judged = builds.iter().find(|b| b.build.role != Role::Old);
        let bound = judged.map(|b| Bound::new(b.schedules, b.failures, &strategy));
        let (verdict, reasons) = judge(&builds);
        let mut report = RunReport::new(self.scenario, self.seed, self.kernel, builds);
        (report.verdict, report.reasons) = (verdict, reasons);
        (report.bound, report.failures) = (bound, distinct(lines));
        report
    }
}

/// The verdict of a campaign, and the reasons for it.
fn judge(builds: &[BuildReport]) -> (Verdict, Vec<String>) {
    let Some(new) = builds.iter().find(|b| b.build.role != Role::Old) else {
        return (Verdict::Inconclusive, vec!["nothing was run".into()]);
    };
    if new.failures > 0 {
        let text = format!("{}: {} of {} schedules failed", new.build.driver, new.failures, new.schedules);
        return (Verdict::Violated, vec![text]);
    }
    let mut doubts = vec![];
    for b in builds {
        let name = &b.build.driver;
        if b.schedules == 0 {
            doubts.push(format!("{name}: no schedule was run"));
        } else if b.undecided > 0 && b.build.role != Role::Old {
            doubts.push(format!("{name}: {} of {} schedules came to no end", b.undecided, b.schedules));
        }
        let missing = b.reached.iter().filter(|(_, n)| **n == 0);
        doubts.extend(missing.map(|(what, _)| format!("{name}: never reached: {what}")));
        if b.build.role == Role::Old && b.bugs == 0 {
            doubts.push(format!("{name}: the bug did not show"));
        }
    }
    let good = if builds.len() > 1 { Verdict::Confirmed } else { Verdict::Passed };
    (if doubts.is_empty() { good } else { Verdict::Inconclusive }, doubts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(driver: &str, schedule: u64, oracles: &[&str]) -> Line {
        let violation = |o: &&str| Violation {
            oracle: (*o).to_owned(),
            at_ns: 1,
            pe: None,
            text: format!("{o} {schedule}"),
        };
        Line {
            scenario: "s".into(),
            driver: driver.into(),
            schedule,
            violations: oracles.iter().map(violation).collect(),
            findings: BTreeMap::new(),
            bug: !oracles.is_empty(),
            undecided: None,
            bypassed: 0,
            remove: Removal::Finished,
            oops: None,
            sleeps_in: BTreeSet::new(),
            reached: BTreeMap::from([("window".to_owned(), 1)]),
            state_hash: String::new(),
            points: 0,
            demotions: 0,
            instructions: 10,
            virtual_ns: 5,
            wall_us: 2,
            restore_us: 1,
        }
    }

    fn build(driver: &str, role: Role) -> Build {
        Build { driver: driver.into(), path: String::new(), sha256: String::new(), role }
    }

    fn verdict(lines: &[Line]) -> (Verdict, Vec<String>) {
        let builds = [build("a", Role::Old), build("b", Role::New)];
        judge(&builds.map(|b| fold(b, lines)))
    }

    #[test]
    fn the_old_build_has_to_fail_and_the_new_one_not() {
        let good = [line("a", 1, &[]), line("a", 2, &["x"]), line("b", 1, &[]), line("b", 2, &[])];
        assert_eq!(verdict(&good), (Verdict::Confirmed, vec![]));
        assert_eq!(verdict(&good[..1]).0, Verdict::Inconclusive, "the new one was not run");
        let shown = |l: &Line| l.violations.is_empty();
        let none: Vec<Line> = good.iter().filter(|l| shown(l)).cloned().collect();
        assert_eq!(verdict(&none), (Verdict::Inconclusive, vec!["a: the bug did not show".to_owned()]));
        let mut both = good.to_vec();
        both.push(line("b", 3, &["x"]));
        assert_eq!(verdict(&both).0, Verdict::Violated);
        let mut blind = good.to_vec();
        for line in &mut blind[2..] {
            line.reached.insert("window".into(), 0);
        }
        assert_eq!(verdict(&blind), (Verdict::Inconclusive, vec!["b: never reached: window".to_owned()]));
    }

    #[test]
    fn failures_are_told_apart_by_oracles_and_place() {
        let mut lines =
            vec![line("a", 9, &["x"]), line("a", 3, &["x"]), line("a", 5, &["y", "x"]), line("a", 4, &[])];
        lines.push(Line { oops: Some("Oops: Kernel access, sig: 11".into()), ..line("a", 6, &["x"]) });
        lines.push(Line { oops: Some("Oops: Kernel access, sig: 7".into()), ..line("a", 7, &["x"]) });
        let asleep = |f: &str| BTreeSet::from([f.to_owned()]);
        lines.push(Line { sleeps_in: asleep("cxlflash:send_afu_cmd"), ..line("a", 8, &["y"]) });
        lines.push(Line { sleeps_in: asleep("cxlflash:cxlflash_remove"), ..line("a", 10, &["y"]) });
        lines.push(Line { sleeps_in: asleep("cxlflash:send_afu_cmd"), ..line("a", 11, &["y"]) });
        let kinds: Vec<_> =
            distinct(&lines).into_iter().map(|f| (f.signature, f.count, f.schedule)).collect();
        let expected = [
            ("x", 2, 3),
            ("x + Oops: Kernel access, sig:", 2, 6),
            ("y + asleep in cxlflash:send_afu_cmd", 2, 8),
            ("x + y", 1, 5),
            ("y + asleep in cxlflash:cxlflash_remove", 1, 10),
        ];
        assert_eq!(kinds, expected.map(|(s, n, first)| (s.to_owned(), n, first)));
    }

    #[test]
    fn the_bound_is_the_rule_of_three() {
        let p = Bound::new(1000, 0, "random").probability.expect("a bound");
        assert!((p - 0.002_991).abs() < 1e-5, "{p}");
        assert_eq!(Bound::new(1000, 1, "random").probability, None);
        assert_eq!(Bound::new(0, 0, "random").probability, None);
    }
}
