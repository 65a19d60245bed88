//! `docs/mutants.md`, written from the table.

use super::table::{Mutant, TABLE};

/// The page.
pub fn docs() -> String {
    let mut text = String::from(
        "# Mutants\n\
         <!-- Written by `cargo xtask docs` from xtask/src/mutants/table.rs. -->\n\
         Drivers with one changed statement each, built from the kernel's own source and run on the real kernel: they show which mistakes the\n\
         oracles of docs/oracles.md notice. `cargo xtask mutants` builds them, runs each on its scenario and fails if one ends otherwise than\n\
         written here. The pre-fix driver of docs/scenarios.md is one more of this kind.\n\n",
    );
    let caught = TABLE.iter().filter(|m| !m.caught_by.is_empty()).count();
    text.push_str(&format!("{} mutants, {caught} caught.\n\n", TABLE.len()));
    text.push_str("| mutant | function | models | scenario | caught by |\n|---|---|---|---|---|\n");
    TABLE.iter().for_each(|m| text.push_str(&row(m)));
    text
}

fn row(m: &Mutant) -> String {
    let mut words = m.function.split(|c: char| !c.is_alphanumeric() && c != '_');
    let function = words.rfind(|w| !w.is_empty()).unwrap_or("");
    let caught: Vec<String> = m.caught_by.iter().map(|oracle| format!("`{oracle}`")).collect();
    let caught = if caught.is_empty() { "none".to_owned() } else { caught.join(", ") };
    format!(
        "| `{}` | {} {}: {function} | {} | `{}` | {caught} |\n",
        m.name,
        m.module.name(),
        m.file,
        m.models,
        m.scenario
    )
}
