//! `cargo xtask tidy`: rules of this project that no lint knows. Each finding names the file and the rule.

mod arrows;
mod files;
mod generated;
mod pages;
mod sizes;

use std::process::ExitCode;

use files::{File, tracked};

/// What was looked at and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Rules that hold everywhere.
    pub good: u64,
    /// What does not hold.
    pub findings: Vec<String>,
}

/// One rule over all files.
type Rule = fn(&[File]) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("architecture page", pages::architecture),
    ("paths in pages", pages::paths),
    ("words that name a machine", pages::words),
    ("dependency arrows", arrows::arrows),
    ("unsafe code", arrows::unsafe_code),
    ("length of files", sizes::files),
    ("length of functions", sizes::functions),
    ("skipped state", sizes::skipped),
    ("generated pages", generated::pages),
];

/// Applies all rules.
pub fn check() -> Report {
    let mut report = Report::default();
    let files = match tracked() {
        Ok(files) => files,
        Err(reason) => return Report { good: 0, findings: vec![reason] },
    };
    for (name, rule) in RULES {
        let found = rule(&files);
        report.good += u64::from(found.is_empty());
        report.findings.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    }
    report
}

/// The task.
pub fn run() -> ExitCode {
    let report = check();
    report.findings.iter().for_each(|finding| println!("{finding}"));
    println!("{} rules hold, {} findings", report.good, report.findings.len());
    if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes the generated pages.
pub fn docs() -> ExitCode {
    match generated::write() {
        Ok(written) => {
            println!("{written} pages written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
