//! Project tasks: `cargo xtask <task>`.
#![forbid(unsafe_code)]

mod ab;
mod bench;
mod clients;
mod falsepos;
mod faults;
mod fuzz;
mod guest;
mod licences;
mod mutants;
mod replays;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the capisim project.
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prepare what the guest is made of: kernel, modules, both driver builds, tools, guest programs
    Guest(guest::Args),
    /// Judge the fix, or run a scenario: artifacts, then `capisim run`
    Run(run::Args),
    /// Run the same schedules on the pre-fix and the stock driver
    Ab(ab::Args),
    /// Run everything that proves the project
    Test(test::Args),
    /// Run every scenario of the fault catalogue on the stock driver
    Faults(faults::Args),
    /// Fuzz, with coverage
    Fuzz(fuzz::Args),
    /// Check the project's own rules
    Tidy,
    /// Write the generated pages
    Docs,
    /// Run real programs on the disks of our adapters and on QEMU's, and compare
    Clients(clients::Args),
    /// Build drivers with one mistake each and see which oracle catches them
    Mutants(mutants::Args),
    /// Run the stock driver with many seeds: every oracle has to stay silent
    Falsepos(falsepos::Args),
    /// Run schedules from a snapshot in memory, from its file and from power-on, and compare
    Replays(replays::Args),
    /// Measure our boot, or our snapshots, beside QEMU's
    Bench(bench::Args),
}

fn main() -> ExitCode {
    if let Some(code) = fuzz::as_compiler() {
        return code;
    }
    let outcome = match Cli::parse().task {
        Task::Guest(args) => guest::run(&args),
        Task::Run(args) => return run::run(&args),
        Task::Ab(args) => return ab::run(&args),
        Task::Test(args) => return test::run(&args),
        Task::Faults(args) => return faults::run(&args),
        Task::Fuzz(args) => return fuzz::run(&args),
        Task::Tidy => return tidy::run(),
        Task::Docs => return tidy::docs(),
        Task::Clients(args) => return clients::run(&args),
        Task::Mutants(args) => return mutants::run(&args),
        Task::Falsepos(args) => return falsepos::run(&args),
        Task::Replays(args) => return replays::run(&args),
        Task::Bench(args) => return bench::run(&args),
    };
    outcome.map_or_else(guest::failed, |()| ExitCode::SUCCESS)
}
