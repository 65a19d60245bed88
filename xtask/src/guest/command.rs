//! Running other programs: their output is kept and shown when they fail.

use std::process::{Command, Output, Stdio};

use super::error::{GuestError, Result};

/// Runs `command` to its end and returns its standard output; a failure carries both outputs.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| not_started(command, &source))?;
    finish(command, &output)
}

/// Judges a finished program.
pub fn finish(command: &Command, output: &Output) -> Result<String> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let text = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    Err(GuestError::Command {
        command: name(command),
        status: output.status.to_string(),
        output: tail(&text),
    })
}

/// The error for a program that could not be started: nearly always it is not installed.
pub fn not_started(command: &Command, source: &std::io::Error) -> GuestError {
    if source.kind() == std::io::ErrorKind::NotFound {
        let cure = "install it with the host's package manager";
        return GuestError::NoProgram { program: name(command), cure };
    }
    GuestError::Command { command: name(command), status: "not started".into(), output: source.to_string() }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The last lines: the cause stands there.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
