//! Project tasks: `cargo xtask <task>`.
#![forbid(unsafe_code)]

mod guest;

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
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Guest(args) => {
            guest::run(&args).map_err(|error| (error.exit_code(), miette::Report::new(error)))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, report)) => {
            eprintln!("{report:?}");
            ExitCode::from(code)
        }
    }
}
