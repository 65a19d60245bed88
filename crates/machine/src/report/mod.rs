//! What a run or a pair of runs came to: `result.json`, schema 1, and the
//! verdict with its exit code.

pub mod campaign;
#[cfg(test)]
mod tests;

use crate::engine::{Class, Outcome};
use crate::guest::GuestReport;
use crate::oracle::{Removal, Violation};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of `result.json`.
pub const SCHEMA: u32 = 1;

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Which side of a comparison a build is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The build that has the bug, supposedly.
    Old,
    /// The build that has not.
    New,
    /// The only one.
    Single,
}

/// What the runs show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Two builds: the old one has the bug, the new one has not.
    Confirmed,
    /// One build: every oracle held, everything was reached.
    Passed,
    /// An oracle was violated; of two builds, by the new one.
    Violated,
    /// The runs prove nothing.
    Inconclusive,
}

impl Verdict {
    /// Exit code of the program (product.md).
    pub fn exit_code(self) -> i32 {
        match self {
            Verdict::Confirmed | Verdict::Passed => 0,
            Verdict::Violated => 1,
            Verdict::Inconclusive => 3,
        }
    }
}

/// The kernel of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelReport {
    /// Its release.
    pub version: String,
    /// Hash of the image.
    pub sha256: String,
    /// Where the layout of its structures is known from: `BTF`, `headers`, or
    /// `nowhere`, and then its tasks are not.
    #[serde(default)]
    pub structures: String,
}

/// A driver build of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// `pre-fix`, `stock` or the file's stem.
    pub driver: String,
    /// The file; empty if the scenario loads no driver.
    pub path: String,
    /// Hash of the file.
    pub sha256: String,
    /// Which side it is on.
    pub role: Role,
}

/// One build's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildReport {
    /// The build.
    #[serde(flatten)]
    pub build: Build,
    /// Hash of the machine's state at the end.
    pub state_hash: String,
    /// Instructions retired.
    pub instructions: u64,
    /// Virtual time at the end.
    pub virtual_seconds: f64,
    /// Wall-clock time it took.
    pub wall_seconds: f64,
    /// Runs that these numbers stand for.
    pub schedules: u64,
    /// Of those, the ones with a violation.
    pub failures: u64,
    /// Of those, the ones that show the bug under test: all its oracles.
    #[serde(default)]
    pub bugs: u64,
    /// Schedules that prove nothing: their time was over, the guest stood still.
    #[serde(default)]
    pub undecided: u64,
    /// Violations of required oracles.
    pub violations: Vec<Violation>,
    /// What does not count.
    pub findings: Vec<Violation>,
    /// Elements terminated past the driver's lock (O1).
    pub bypassed: u64,
    /// How the removal ended.
    pub remove: Removal,
    /// The first Oops.
    pub oops: Option<String>,
    /// How often each thing that must be reached was.
    pub reached: BTreeMap<String, u64>,
    /// What became of the guest.
    pub class: Class,
    /// When each step fired, in nanoseconds.
    pub steps: BTreeMap<String, u64>,
    /// Last lines of the console.
    pub console: Vec<String>,
    /// Where each CPU was at the end.
    #[serde(default)]
    pub cpus: Vec<String>,
    /// What the guest's tasks did when the first required oracle was violated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_violation: Option<GuestReport>,
    /// What the guest's tasks did at the end, if all was not well.
    #[serde(default, skip_serializing_if = "GuestReport::is_empty")]
    pub guest: GuestReport,
}

/// Name of the oracle whose violations are bypasses.
const BYPASS: &str = "no-terminate-under-open-sync";

impl BuildReport {
    /// The report of one run.
    pub fn new(build: Build, outcome: Outcome, wall_seconds: f64) -> BuildReport {
        let bypasses = outcome.violations.iter().chain(&outcome.findings).filter(|v| v.oracle == BYPASS);
        BuildReport {
            bypassed: bypasses.count() as u64,
            state_hash: outcome.state_text(),
            instructions: outcome.instructions,
            virtual_seconds: outcome.now.as_secs_f64(),
            wall_seconds,
            schedules: 1,
            failures: u64::from(!outcome.violations.is_empty()),
            bugs: 0,
            undecided: 0,
            violations: outcome.violations,
            findings: outcome.findings,
            remove: outcome.removal,
            oops: outcome.oops,
            reached: outcome.reached,
            class: outcome.class,
            steps: outcome.steps,
            console: outcome.console,
            cpus: outcome.cpus,
            at_violation: outcome.at_violation,
            guest: outcome.guest,
            build,
        }
    }
    /// What should have happened and did not.
    fn not_reached(&self) -> Vec<String> {
        let missing = self.reached.iter().filter(|(_, n)| **n == 0);
        missing.map(|(what, _)| format!("{}: not reached: {what}", self.build.driver)).collect()
    }
    /// Why this run proves nothing, if so.
    fn doubts(&self) -> Vec<String> {
        let mut doubts = self.not_reached();
        let name = &self.build.driver;
        let class = match self.class {
            Class::BootFailed => "the guest did not come up",
            Class::Limit => "the time limit of the scenario ended the run",
            Class::Stopped => "the run was stopped",
            Class::NoProgress => "the guest showed no sign of life",
            _ => "",
        };
        if !class.is_empty() {
            doubts.push(format!("{name}: {class}"));
        }
        if self.remove == Removal::Unfinished {
            doubts.push(format!("{name}: the run ended before the removal was decided"));
        }
        doubts
    }
    /// True if this run shows the bug: all oracles of `bug`, or any.
    fn shows(&self, bug: &[String]) -> bool {
        let violated = |name: &String| self.violations.iter().any(|v| v.oracle == *name);
        if bug.is_empty() { !self.violations.is_empty() } else { bug.iter().all(violated) }
    }
}

/// The verdict on one or two builds, and the reasons for it.
pub fn judge(builds: &[BuildReport], bug: &[String]) -> (Verdict, Vec<String>) {
    let by = |role: Role| builds.iter().find(|b| b.build.role == role);
    let Some(new) = by(Role::New).or(by(Role::Single)) else {
        return (Verdict::Inconclusive, vec!["nothing was run".into()]);
    };
    // A guest that never came up says nothing about the driver.
    let came_up = new.class != Class::BootFailed;
    if let Some(first) = new.violations.first().filter(|_| came_up) {
        return (Verdict::Violated, vec![format!("{}: {}: {}", new.build.driver, first.oracle, first.text)]);
    }
    let mut doubts = new.doubts();
    let Some(old) = by(Role::Old) else {
        let verdict = if doubts.is_empty() { Verdict::Passed } else { Verdict::Inconclusive };
        return (verdict, doubts);
    };
    if old.shows(bug) {
        // How its run ended does not matter then.
        doubts.extend(old.not_reached());
    } else {
        doubts.extend(old.doubts());
        let what =
            if bug.is_empty() { "no violation".into() } else { format!("not all of {}", bug.join(", ")) };
        doubts.push(format!("{}: the bug did not show: {what}", old.build.driver));
    }
    let verdict = if doubts.is_empty() { Verdict::Confirmed } else { Verdict::Inconclusive };
    (verdict, doubts)
}

/// `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of this format.
    pub schema: u32,
    /// Version of the program.
    pub tool: String,
    /// What the runs show.
    pub verdict: Verdict,
    /// Why, or what is missing.
    pub reasons: Vec<String>,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// Hash of what it says.
    pub scenario_hash: String,
    /// Number of vCPUs.
    pub cpus: usize,
    /// The kernel.
    pub kernel: KernelReport,
    /// The builds.
    pub builds: Vec<BuildReport>,
    /// What many schedules without a failure say about the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<campaign::Bound>,
    /// Failures of a campaign that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<campaign::Failure>,
    /// Command that replays the run.
    pub replay: String,
}

impl RunReport {
    /// Puts a report together and judges.
    pub fn new(scenario: &Scenario, seed: u64, kernel: KernelReport, builds: Vec<BuildReport>) -> RunReport {
        let bug: Vec<String> = scenario.oracle.bug.iter().map(|n| n.text.clone()).collect();
        let (verdict, reasons) = judge(&builds, &bug);
        RunReport {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            verdict,
            reasons,
            seed,
            scenario: scenario.name.clone(),
            scenario_hash: scenario.hash(),
            cpus: scenario.machine.cpus,
            kernel,
            builds,
            bound: None,
            failures: vec![],
            replay: String::new(),
        }
    }
}
