//! The runs of the mutants: some at a time, each result kept in a file of its own, so that what was interrupted goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use capisim::artifacts::{hash_bytes, write_atomically};
use capisim::scenarios::Source;
use machine::oracle::{self, Severity};
use machine::report::RunReport;
use serde::{Deserialize, Serialize};

use super::table::Mutant;
use super::{Args, Row, exercise, judge};
use crate::guest::mutate::Module;
use crate::test::cargo::{cargo, root};

/// What one run showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Program, module, scenario and seed of it.
    key: String,
    /// Oracles that reported, findings too.
    pub seen: BTreeSet<String>,
    pub verdict: String,
    pub wall_s: f64,
}

/// A run to be made: a mutant, or the stock drivers in a scenario of one.
struct Task<'a> {
    name: String,
    scenario: &'a str,
    module: Option<(Module, &'a Path)>,
    /// Oracles that are expected: the run ends when all of them have reported.
    expected: &'static [&'static str],
    /// What it has to reach beside the scenario's own, line by line.
    reaches: &'static [&'static str],
}

/// Runs the mutants, and the stock drivers in each of their scenarios; `told` hears of each row. Rows are in the order of
/// `mutants`.
pub fn all(
    mutants: &[&Mutant],
    files: &[PathBuf],
    args: &Args,
    told: impl Fn(&Row) + Sync,
) -> Result<Vec<Row>, String> {
    let bench = Bench::new(args)?;
    let scenarios: BTreeSet<&str> = mutants.iter().map(|m| m.scenario).collect();
    let stock: Vec<Task> = scenarios
        .iter()
        .map(|scenario| Task {
            name: format!("stock-in-{scenario}"),
            scenario,
            module: None,
            expected: &[],
            reaches: &[],
        })
        .collect();
    let baseline: BTreeMap<&str, BTreeSet<String>> = scenarios
        .iter()
        .copied()
        .zip(bench.each(&stock, |_, _| ())?.into_iter().map(|run| run.seen))
        .collect();
    let tasks: Vec<Task> = mutants
        .iter()
        .zip(files)
        .map(|(m, file)| Task {
            name: m.name.to_owned(),
            scenario: m.scenario,
            module: Some((m.module, file)),
            expected: m.caught_by,
            reaches: exercise(m.name).map_or(&[], |e| e.reaches),
        })
        .collect();
    let row = |n: usize, run: &Run| judge(mutants[n], run, &baseline[mutants[n].scenario]);
    let runs = bench.each(&tasks, |n, run| told(&row(n, run)))?;
    Ok(runs.iter().enumerate().map(|(n, run)| row(n, run)).collect())
}

/// What all runs have in common.
struct Bench {
    program: PathBuf,
    /// Hash of the program, which has the scenarios in it.
    hash: String,
    folder: PathBuf,
    seed: u64,
    jobs: usize,
    fresh: bool,
}

impl Bench {
    fn new(args: &Args) -> Result<Bench, String> {
        let built = cargo(&["build", "--quiet", "--release", "--package", "capisim"]).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err("`cargo build --release --package capisim` failed".into());
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
        let program = target.join("release/capisim");
        let bytes = fs::read(&program).map_err(|e| format!("{}: {e}", program.display()))?;
        let folder = root().join("target/capisim/mutants");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let hash = hash_bytes(&bytes);
        Ok(Bench { program, hash, folder, seed: args.seed, jobs: args.jobs.max(1), fresh: args.fresh })
    }
    /// The results of all tasks, in their order; `done` hears of each when it is there.
    fn each(&self, tasks: &[Task], done: impl Fn(usize, &Run) + Sync) -> Result<Vec<Run>, String> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Run, String>>>> =
            tasks.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(tasks.len()) {
                scope.spawn(|| {
                    while let Some((n, task)) = claim(&next, tasks) {
                        let run = self.one(task);
                        if let Ok(run) = &run {
                            done(n, run);
                        }
                        *results[n].lock().expect("no worker panics") = Some(run);
                    }
                });
            }
        });
        let result = |r: Mutex<Option<Result<Run, String>>>| {
            r.into_inner().expect("no worker panics").expect("every task was claimed")
        };
        results.into_iter().map(result).collect()
    }
    fn one(&self, task: &Task) -> Result<Run, String> {
        let module = task.module.map_or_else(|| "stock".to_owned(), |(_, file)| file.display().to_string());
        let key = hash_bytes(
            format!(
                "{}\n{module}\n{}\n{:?}\n{:?}\n{}",
                self.hash, task.scenario, task.expected, task.reaches, self.seed
            )
            .as_bytes(),
        );
        let file = self.folder.join(format!("{}-{}.json", task.name, self.seed));
        let known = || serde_json::from_slice::<Run>(&fs::read(&file).ok()?).ok();
        if let Some(run) = known().filter(|run| run.key == key && !self.fresh) {
            return Ok(run);
        }
        let run = self.start(task, key)?;
        let text = serde_json::to_vec_pretty(&run).expect("a run has a form in JSON");
        write_atomically(&file, &text).map_err(|e| e.to_string())?;
        Ok(run)
    }
    /// The scenario, as a file in which the expected violations are the bug: the run ends with them.
    fn scenario(&self, task: &Task) -> Result<PathBuf, String> {
        let text = Source::find(task.scenario).map_err(|e| e.to_string())?.text;
        let counts = |name: &&&str| {
            oracle::TABLE.iter().any(|o| o.name == **name && o.severity == Severity::Violation)
        };
        let bug: Vec<&&str> = task.expected.iter().filter(counts).collect();
        let others = text.lines().filter(|line| !line.starts_with("bug = "));
        let reach = "must_reach = [";
        if !task.reaches.is_empty() && !text.lines().any(|line| line == reach) {
            return Err(format!("{}: no line `{reach}` in the scenario {}", task.name, task.scenario));
        }
        let lines: Vec<String> = others
            .map(|line| match line {
                "[oracle]" => format!("[oracle]\nbug = {bug:?}"),
                line if line == reach => {
                    std::iter::once(line).chain(task.reaches.iter().copied()).collect::<Vec<_>>().join("\n")
                }
                other => other.to_owned(),
            })
            .collect();
        let file = self.folder.join(format!("{}.toml", task.name));
        write_atomically(&file, (lines.join("\n") + "\n").as_bytes()).map_err(|e| e.to_string())?;
        Ok(file)
    }
    fn start(&self, task: &Task, key: String) -> Result<Run, String> {
        let mut command = Command::new(&self.program);
        let scenario = self.scenario(task)?;
        command
            .arg("run")
            .arg(scenario)
            .args(["--format", "json", "--progress", "never"])
            .current_dir(root());
        command.arg("--seed").arg(self.seed.to_string());
        command.arg("--out").arg(self.folder.join("runs").join(&task.name));
        match task.module {
            Some((Module::Cxl, file)) => command.args(["--driver", "stock", "--module"]).arg(file),
            Some((Module::Cxlflash, file)) => command.arg("--driver").arg(file),
            None => command.args(["--driver", "stock"]),
        };
        let output = command.output().map_err(|e| format!("cannot start {}: {e}", self.program.display()))?;
        let report: RunReport = serde_json::from_slice(&output.stdout).map_err(|e| {
            let told = String::from_utf8_lossy(&output.stderr);
            format!("{}: exit code {:?}, no result: {e}\n{told}", task.name, output.status.code())
        })?;
        let seen = report.builds.iter().flat_map(|b| b.violations.iter().chain(&b.findings));
        Ok(Run {
            key,
            // What the engine complains of is nobody's violation.
            seen: seen.map(|v| v.oracle.clone()).filter(|oracle| oracle != "engine").collect(),
            verdict: format!("{:?}", report.verdict).to_lowercase(),
            wall_s: report.builds.iter().map(|b| b.wall_seconds).sum(),
        })
    }
}

fn claim<'t, 'a>(next: &AtomicUsize, tasks: &'t [Task<'a>]) -> Option<(usize, &'t Task<'a>)> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    Some((n, tasks.get(n)?))
}
