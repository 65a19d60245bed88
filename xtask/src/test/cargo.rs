//! Running cargo (and what it builds) as a stage: output goes to the terminal, test counts are read from it.

#![allow(clippy::disallowed_methods)] // The environment tells which cargo started us.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Counts, Failure};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// A cargo command in the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(program);
    command.current_dir(root()).args(args).stdin(Stdio::null());
    command
}

/// Runs cargo; its success counts as one case.
pub fn check(args: &[&str]) -> Result<Counts, Failure> {
    let repeat = format!("cargo {}", args.join(" "));
    println!("$ {repeat}");
    match cargo(args).status() {
        Ok(status) if status.success() => Ok(Counts::passed(1)),
        Ok(status) => Err(Failure::one(format!("{status}"), repeat)),
        Err(error) => Err(Failure::one(format!("cannot start cargo: {error}"), repeat)),
    }
}

/// Runs `cargo test …` and counts its cases.
pub fn test(args: &[&str]) -> Result<Counts, Failure> {
    test_with(args, &[])
}

/// The same with these variables in its environment.
pub fn test_with(args: &[&str], variables: &[(&str, &str)]) -> Result<Counts, Failure> {
    let set: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    let repeat = format!("{set}cargo {}", args.join(" "));
    println!("$ {repeat}");
    let failure = |counts, text: String| Failure { counts, text, repeat: repeat.clone() };
    let mut child = cargo(args)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::one(format!("cannot start cargo: {error}"), &*repeat))?;
    let mut counts = Counts::default();
    let out = child.stdout.take().expect("it is piped");
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        if let Some(found) = result_line(&line) {
            counts += found;
        }
        if worth_showing(&line) {
            println!("{line}");
        }
    }
    match child.wait() {
        Ok(status) if status.success() && counts.failed == 0 => Ok(counts),
        Ok(status) => Err(failure(counts, format!("{} cases failed ({status})", counts.failed))),
        Err(error) => Err(failure(counts, format!("cargo was lost: {error}"))),
    }
}

/// Runs a command and returns its standard output; standard error goes to the terminal.
pub fn output(mut command: Command, repeat: &str) -> Result<String, Failure> {
    eprintln!("$ {repeat}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::one(format!("cannot start it: {error}"), repeat))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    print!("{text}");
    Err(Failure::one(format!("{}", output.status), repeat))
}

/// Thousands of `test … ok` lines hide what matters.
fn worth_showing(line: &str) -> bool {
    let quiet = line.is_empty() || line.starts_with("running ") || line.ends_with("... ok");
    let nothing = result_line(line) == Some(Counts::default());
    !(quiet || nothing)
}

/// `test result: ok. 12 passed; 0 failed; …`
fn result_line(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| -> Option<u64> {
        let part = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(what))?;
        part.trim().parse().ok()
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_the_result_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.10s";
        assert_eq!(result_line(line), Some(Counts { passed: 12, failed: 3 }));
        assert_eq!(result_line("12 passed; 3 failed"), None);
        assert!(worth_showing(line) && worth_showing("test a::b ... FAILED"));
        assert!(!worth_showing("test a::b ... ok") && !worth_showing("running 3 tests"));
    }
}
