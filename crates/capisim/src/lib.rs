//! The program: files, terminal, wall clock, threads, reports. See
//! ARCHITECTURE.md; [`main_with`] is the whole of it for other programs.
#![forbid(unsafe_code)]

pub mod artifacts;
pub mod boot;
pub mod campaign;
pub mod cli;
pub mod error;
pub mod explain;
pub mod guest;
mod hashes;
pub mod initramfs;
pub mod kbuild;
pub mod lists;
pub mod lunfile;
pub mod output;
pub mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod rundir;
pub mod scenarios;
pub mod shrink;
pub mod snapshots;
pub mod stop;
pub mod terminal;
pub mod verify;

use clap::{CommandFactory, Parser};
use cli::{Cli, Verb, When};
use error::Error;
use machine::executor;
use std::ffi::OsString;
use std::io::IsTerminal;

/// Runs the program with these arguments, the first being its name; gives
/// the exit code.
pub fn main_with(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> i32 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // What clap has to say goes where it says; help is no failure.
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    let color = colored(cli.color);
    match perform(&cli, color) {
        Ok(code) => code,
        Err(e) => {
            let label = if color { "\x1b[1;31merror\x1b[0m" } else { "error" };
            eprintln!("{label}: {}", with_causes(&e));
            if cli.verb.bisects() { bisect_code(&e) } else { e.exit_code() }
        }
    }
}

/// For `git bisect run`: what a commit lacks makes it untestable, a mistake on the command line ends the bisection.
fn bisect_code(e: &Error) -> i32 {
    match e.exit_code() {
        2 => 128,
        _ => 125,
    }
}

fn perform(cli: &Cli, color: bool) -> Result<i32, Error> {
    if let Some(executor) = cli.executor {
        if !executor.available() {
            return Err(Error::Environment(lists::NO_TRANSLATOR.into()));
        }
        executor::choose(executor);
    }
    match &cli.verb {
        Verb::Boot(args) => boot::boot(args),
        Verb::Run(args) => run::run(args, cli.progress, color),
        Verb::Ab(args) => campaign::ab(args, cli.progress, color),
        Verb::Explore(args) => campaign::explore(args, cli.progress, color),
        Verb::Merge(args) => campaign::merge(args, color),
        Verb::Replay(args) => replay::replay(args, cli.progress, color),
        Verb::Explain(args) => explain::explain(args, cli.progress),
        Verb::Report(args) => report::report(args, cli.progress),
        Verb::Shrink(args) => shrink::shrink(args, cli.progress),
        Verb::List(args) => lists::list(args),
        Verb::Check(args) => lists::check(args),
        Verb::VerifySide(args) => verify::side::process(args),
        Verb::Doctor => lists::doctor(),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "capisim", &mut std::io::stdout());
            Ok(0)
        }
    }
}

/// Colours, as asked, as NO_COLOR says, as the terminal allows.
#[allow(clippy::disallowed_methods)] // The program, unlike the model, reads the environment.
fn colored(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            std::env::var("NO_COLOR").is_ok_and(|v| v.is_empty()) | std::env::var("NO_COLOR").is_err()
                && std::io::stdout().is_terminal()
        }
    }
}

/// The error with what it does not itself say of its causes.
fn with_causes(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(c) = cause {
        let more = c.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = c.source();
    }
    text
}
