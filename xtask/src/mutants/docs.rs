//! `docs/mutants.md`, written from the table.

use super::exercises::{self, Exercise};
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
    text.push_str(
        "\n## Exercises\n\
         Drivers that make no mistake of their own: they do what the stock one never does, and what the last column says was reached; or they\n\
         repair it, and what an oracle says of the stock one it does not say of them. Every oracle stays silent on them. `cargo xtask mutants`\n\
         runs them too.\n\n\
         | exercise | function | does | scenario | shows |\n|---|---|---|---|---|\n",
    );
    exercises::TABLE.iter().for_each(|e| text.push_str(&exercise(e)));
    text
}

fn row(m: &Mutant) -> String {
    let caught: Vec<String> = m.caught_by.iter().map(|oracle| format!("`{oracle}`")).collect();
    let caught = if caught.is_empty() { "none".to_owned() } else { caught.join(", ") };
    line(m, &caught)
}

fn exercise(e: &Exercise) -> String {
    // What stands in quotes after `name =`.
    let names = e.reaches.iter().filter_map(|entry| entry.split('"').nth(1));
    let reached = names.map(str::to_owned);
    let silenced = e.silences.iter().map(|oracle| format!("silences `{oracle}`"));
    line(&e.driver, &reached.chain(silenced).collect::<Vec<_>>().join(", "))
}

fn line(m: &Mutant, last: &str) -> String {
    let mut words = m.function.split(|c: char| !c.is_alphanumeric() && c != '_');
    let function = words.rfind(|w| !w.is_empty()).unwrap_or("");
    let Mutant { name, file, models, scenario, .. } = m;
    format!("| `{name}` | {} {file}: {function} | {models} | `{scenario}` | {last} |\n", m.module.name())
}
