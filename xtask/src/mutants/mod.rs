//! `cargo xtask mutants`: drivers with one mistake each, and what the oracles say of them. They show that oracles fire on a
//! real driver on a real kernel; that they are silent on the stock driver is shown by `cargo xtask falsepos`. The exercises
//! among them make no mistake.

pub mod docs;
pub mod exercises;
mod runs;
pub mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;

use crate::guest::{self, Format, mutate};
use table::{Mutant, TABLE};

/// Mutants and exercises.
fn drivers() -> impl Iterator<Item = &'static Mutant> {
    TABLE.iter().chain(exercises::TABLE.iter().map(|exercise| &exercise.driver))
}
/// The exercise of this name.
fn exercise(name: &str) -> Option<&'static exercises::Exercise> {
    exercises::TABLE.iter().find(|exercise| exercise.driver.name == name)
}

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask mutants\n  cargo xtask mutants keep-capability skip-remove\n  \
                        cargo xtask mutants --format json > mutants.json\n  cargo xtask mutants --list\n\n\
                        Exit code 0: every mutant ends as the table says."
)]
pub struct Args {
    /// Only these mutants or exercises
    names: Vec<String>,
    /// Only build them
    #[arg(long)]
    build_only: bool,
    /// Only list them
    #[arg(long)]
    list: bool,
    /// Run again what this program has a result of in target/capisim/mutants
    #[arg(long)]
    fresh: bool,
    /// Runs at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Seed of the runs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fetch nothing
    #[arg(long)]
    offline: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// What became of a mutant.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    module: mutate::Module,
    file: &'static str,
    function: &'static str,
    models: &'static str,
    scenario: &'static str,
    /// It makes no mistake.
    exercise: bool,
    /// Oracles that the table names.
    expected: &'static [&'static str],
    /// Oracles that reported, findings too.
    caught_by: BTreeSet<String>,
    caught: bool,
    verdict: String,
    /// Seconds that the run took.
    wall_s: f64,
    /// As the table says.
    good: bool,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    let unknown: Vec<&String> = args.names.iter().filter(|n| !drivers().any(|m| m.name == **n)).collect();
    if !unknown.is_empty() {
        eprintln!("no such mutant: {unknown:?}; `cargo xtask mutants --list` names them");
        return ExitCode::from(2);
    }
    let chosen: Vec<&Mutant> =
        drivers().filter(|m| args.names.is_empty() || args.names.iter().any(|n| n == m.name)).collect();
    if args.list {
        chosen.iter().for_each(|m| println!("{:30} {:9} {}", m.name, m.module.name(), m.models));
        return ExitCode::SUCCESS;
    }
    let changes: Vec<mutate::Change> = chosen.iter().map(|m| m.change()).collect();
    let guest = guest::Args { offline: args.offline, ..guest::Args::default() };
    let files = match mutate::build(&guest, &changes) {
        Ok(files) => files,
        Err(error) => return guest::failed(error),
    };
    if args.build_only {
        files.iter().for_each(|file| println!("{}", file.display()));
        return ExitCode::SUCCESS;
    }
    let human = args.format == Format::Human;
    if human {
        println!("{:30} {:22} {:12} {:5} caught by", "mutant", "scenario", "verdict", "");
    }
    let rows = match runs::all(&chosen, &files, args, |row| {
        if human {
            print_row(row)
        }
    }) {
        Ok(rows) => rows,
        Err(text) => {
            eprintln!("mutants: {text}");
            return ExitCode::from(5);
        }
    };
    let bad = rows.iter().filter(|row| !row.good).count();
    if human {
        let (exercises, mutants): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.exercise);
        let caught = mutants.iter().filter(|row| row.caught).count();
        let minutes = rows.iter().map(|row| row.wall_s).sum::<f64>() / 60.0;
        println!(
            "{} mutants, {caught} caught; {} exercises; {bad} not as the tables say; {minutes:.1} minutes of runs",
            mutants.len(),
            exercises.len()
        );
    } else {
        println!("{}", serde_json::to_string_pretty(&rows).expect("rows have a form in JSON"));
    }
    ExitCode::from(u8::from(bad > 0))
}

fn print_row(row: &Row) {
    let caught: Vec<&str> = row.caught_by.iter().map(String::as_str).collect();
    let caught = if caught.is_empty() { "none".to_owned() } else { caught.join(", ") };
    let good = if row.good { "good" } else { "WRONG" };
    println!("{:30} {:22} {:12} {good:5} {caught}", row.name, row.scenario, row.verdict);
    if !row.good {
        println!("{:30} expected {:?}", "", row.expected);
    }
}

/// `stock` is what the stock drivers are told of in this scenario: it proves nothing there.
fn judge(mutant: &Mutant, run: &runs::Run, stock: &BTreeSet<String>) -> Row {
    let caught_by: BTreeSet<String> = run.seen.difference(stock).cloned().collect();
    let wanted = mutant.caught_by.iter().all(|oracle| caught_by.contains(*oracle));
    let honest = !mutant.caught_by.is_empty() || caught_by.is_empty();
    let exercise = exercise(mutant.name);
    let silenced = |oracle: &&str| stock.contains(*oracle) && !run.seen.contains(*oracle);
    let done = exercise.is_none_or(|e| run.verdict == "passed" && e.silences.iter().all(silenced));
    Row {
        name: mutant.name,
        module: mutant.module,
        file: mutant.file,
        function: mutant.function,
        models: mutant.models,
        scenario: mutant.scenario,
        exercise: exercise.is_some(),
        expected: mutant.caught_by,
        caught: !caught_by.is_empty(),
        caught_by,
        verdict: run.verdict.clone(),
        wall_s: run.wall_s,
        good: wanted && honest && done,
    }
}

#[cfg(test)]
mod tests {
    use super::table::TABLE;
    use machine::oracle::{self, Shown};

    #[test]
    fn what_the_oracles_are_shown_by_is_a_mutant_that_they_catch() {
        for o in oracle::TABLE {
            let Shown::Driver(scenario, driver) = o.shown else { continue };
            if driver == "pre-fix" {
                continue;
            }
            let mutant = TABLE.iter().find(|m| m.name == driver);
            let mutant = mutant.unwrap_or_else(|| panic!("{}: there is no mutant `{driver}`", o.name));
            assert_eq!(mutant.scenario, scenario, "{driver} of {}", o.name);
            assert!(mutant.caught_by.contains(&o.name), "{driver} is not said to be caught by {}", o.name);
        }
    }

    #[test]
    fn mutants_are_caught_by_oracles_that_exist() {
        for mutant in TABLE {
            for name in mutant.caught_by {
                assert!(oracle::TABLE.iter().any(|o| o.name == *name), "{}: {name}", mutant.name);
            }
            assert!(mutant.caught_by.is_sorted(), "{}", mutant.name);
        }
    }
}
