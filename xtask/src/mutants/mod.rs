//! `cargo xtask mutants`: drivers with one mistake each, and what the oracles say of them. They show that oracles fire on a
//! real driver on a real kernel; that they are silent on the stock driver is shown by `cargo xtask falsepos`.

pub mod docs;
pub mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use machine::report::RunReport;
use serde::Serialize;

use crate::guest::{self, Format, mutate};
use crate::run::program;
use table::{Mutant, TABLE};

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask mutants\n  cargo xtask mutants keep-capability skip-remove\n  \
                        cargo xtask mutants --format json > mutants.json\n  cargo xtask mutants --list\n\n\
                        Exit code 0: every mutant ends as the table says."
)]
pub struct Args {
    /// Only these mutants
    names: Vec<String>,
    /// Only build them
    #[arg(long)]
    build_only: bool,
    /// Only list them
    #[arg(long)]
    list: bool,
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

/// What the stock driver does in a scenario proves nothing there.
const OF_STOCK: &[(&str, &str)] = &[("lun-mode-change", "nobody-at-afu-reset")];

/// What became of a mutant.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    module: mutate::Module,
    file: &'static str,
    function: &'static str,
    models: &'static str,
    scenario: &'static str,
    /// Oracles that the table names.
    expected: &'static [&'static str],
    /// Oracles that reported, findings too.
    caught_by: BTreeSet<String>,
    caught: bool,
    verdict: String,
    /// As the table says.
    good: bool,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    let unknown: Vec<&String> = args.names.iter().filter(|n| !TABLE.iter().any(|m| m.name == **n)).collect();
    if !unknown.is_empty() {
        eprintln!("no such mutant: {unknown:?}; `cargo xtask mutants --list` names them");
        return ExitCode::from(2);
    }
    let chosen: Vec<&Mutant> =
        TABLE.iter().filter(|m| args.names.is_empty() || args.names.iter().any(|n| n == m.name)).collect();
    if args.list {
        chosen.iter().for_each(|m| println!("{:30} {:9} {}", m.name, m.module.name(), m.models));
        return ExitCode::SUCCESS;
    }
    let changes: Vec<mutate::Change> = chosen.iter().map(|m| m.change()).collect();
    let guest = guest::Args { offline: args.offline, ..guest::Args::default() };
    let files = match mutate::build(&guest, &changes) {
        Ok(files) => files,
        Err(error) => {
            let code = error.exit_code();
            eprintln!("{:?}", miette::Report::new(error));
            return ExitCode::from(code);
        }
    };
    if args.build_only {
        files.iter().for_each(|file| println!("{}", file.display()));
        return ExitCode::SUCCESS;
    }
    let human = args.format == Format::Human;
    if human {
        println!("{:30} {:22} {:12} {:5} caught by", "mutant", "scenario", "verdict", "");
    }
    let mut rows = vec![];
    for (mutant, file) in chosen.iter().zip(&files) {
        let row = match run_one(mutant, file, args.seed) {
            Ok(report) => judge(mutant, &report),
            Err(text) => {
                eprintln!("{}: {text}", mutant.name);
                return ExitCode::from(5);
            }
        };
        if human {
            print_row(&row);
        }
        rows.push(row);
    }
    let bad = rows.iter().filter(|row| !row.good).count();
    if human {
        let caught = rows.iter().filter(|row| row.caught).count();
        println!("{} mutants, {caught} caught, {bad} not as the table says", rows.len());
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

fn run_one(mutant: &Mutant, file: &Path, seed: u64) -> Result<RunReport, String> {
    let mut command = program();
    command.args(["run", mutant.scenario, "--format", "json", "--seed", &seed.to_string()]);
    match mutant.module {
        mutate::Module::Cxl => command.args(["--driver", "stock", "--module"]).arg(file),
        mutate::Module::Cxlflash => command.arg("--driver").arg(file),
    };
    let output = command.output().map_err(|e| format!("cannot start cargo: {e}"))?;
    serde_json::from_slice(&output.stdout).map_err(|e| {
        let told = String::from_utf8_lossy(&output.stderr);
        format!("exit code {:?}, no result: {e}\n{told}", output.status.code())
    })
}

fn judge(mutant: &Mutant, report: &RunReport) -> Row {
    let seen = report.builds.iter().flat_map(|b| b.violations.iter().chain(&b.findings));
    let caught_by: BTreeSet<String> = seen
        .map(|v| v.oracle.clone())
        // What the engine complains of is nobody's violation.
        .filter(|oracle| oracle != "engine")
        .filter(|oracle| !OF_STOCK.contains(&(mutant.scenario, oracle.as_str())))
        .collect();
    let wanted = mutant.caught_by.iter().all(|oracle| caught_by.contains(*oracle));
    let honest = !mutant.caught_by.is_empty() || caught_by.is_empty();
    Row {
        name: mutant.name,
        module: mutant.module,
        file: mutant.file,
        function: mutant.function,
        models: mutant.models,
        scenario: mutant.scenario,
        expected: mutant.caught_by,
        caught: !caught_by.is_empty(),
        caught_by,
        verdict: format!("{:?}", report.verdict).to_lowercase(),
        good: wanted && honest,
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
