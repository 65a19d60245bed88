//! The result of a whole run, kept in the repository: `cargo xtask clients --record` writes it, `docs/clients.md` shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use machine::scenario::shape::VARIANTS;
use serde::{Deserialize, Serialize};

use super::compare::{Outcome, Row};
use super::table::BOOTS;
use crate::test::cargo::{output, root};

/// Where it is kept.
const PATH: &str = "xtask/src/clients/results.json";
const KEPT: &str = include_str!("results.json");

/// A whole run.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Commit of the working tree.
    commit: String,
    /// Release of the guest's kernel.
    kernel: String,
    /// By variant, the names of those that passed with blanks between them.
    passed: BTreeMap<String, String>,
    /// By variant and client: what came of it, for all that did not pass.
    others: BTreeMap<String, BTreeMap<String, String>>,
}

/// Keeps `rows`, which must be of a run of every client on every variant.
pub fn keep(rows: &[Row], kernel: &str) -> Result<(), String> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root()).args(["rev-parse", "--short", "HEAD"]);
    let commit = output(git, "git rev-parse HEAD").map_err(|failure| failure.text)?;
    let mut record = Record {
        commit: commit.trim().to_owned(),
        kernel: kernel.to_owned(),
        passed: BTreeMap::new(),
        others: BTreeMap::new(),
    };
    for row in rows {
        if row.result == Outcome::Pass {
            let list = record.passed.entry(row.variant.clone()).or_default();
            list.push_str(if list.is_empty() { "" } else { " " });
            list.push_str(&row.client);
        } else {
            let reason = row.detail.split("; see ").next().unwrap_or_default();
            let result = format!("{}: {reason}", row.result.word());
            record.others.entry(row.variant.clone()).or_default().insert(row.client.clone(), result);
        }
    }
    let text = serde_json::to_string_pretty(&record).map_err(|error| error.to_string())? + "\n";
    let path = root().join(PATH);
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Boots by variants, and what did not pass.
pub fn section() -> String {
    let record: Record = match serde_json::from_str(KEPT) {
        Ok(record) => record,
        Err(error) => return format!("\n{PATH} cannot be read: {error}\n"),
    };
    let passed = |variant: &str, client: &str| {
        record.passed.get(variant).is_some_and(|list| list.split(' ').any(|name| name == client))
    };
    let mut text = format!(
        "\n## Result\n\nOne run of `cargo xtask clients --record` at {}, kernel {}: clients that passed, of those there are.\n\n\
         | boot | {} |\n|---|{}\n",
        record.commit,
        record.kernel,
        VARIANTS.join(" | "),
        "---|".repeat(VARIANTS.len()),
    );
    for boot in BOOTS {
        let cells: Vec<String> = VARIANTS
            .iter()
            .map(|variant| {
                let good = boot.clients.iter().filter(|client| passed(variant, client.name)).count();
                format!("{good} of {}", boot.clients.len())
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {} |", boot.name, cells.join(" | "));
    }
    for (variant, others) in &record.others {
        for (client, result) in others {
            let _ = writeln!(text, "\nNot passed: `{client}` on {variant}, {result}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_read_and_names_only_clients_there_are() {
        let record: Record = serde_json::from_str(KEPT).expect("the kept result");
        for (variant, clients) in &record.passed {
            assert!(VARIANTS.contains(&variant.as_str()), "{variant}");
            for name in clients.split(' ') {
                assert!(BOOTS.iter().any(|b| b.clients.iter().any(|c| c.name == name)), "{name}");
            }
        }
    }
}
