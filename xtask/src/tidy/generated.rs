//! Pages that code writes: `cargo xtask docs` writes them, tidy compares.

use std::fs;

use super::files::File;
use crate::test::cargo::root;

/// A page and what it must say.
type Page = (&'static str, fn() -> String);

const PAGES: &[Page] = &[
    ("docs/clients.md", crate::clients::docs::page),
    ("docs/faults.md", machine::faults::markdown),
    ("docs/fuzzing.md", crate::fuzz::ledger::page),
    ("docs/isa.md", isa::docs::docs),
    ("docs/mutants.md", crate::mutants::docs::docs),
    ("docs/oracles.md", machine::oracle::docs::docs),
    ("docs/scenario.schema.json", schema),
    ("docs/what-a-verdict-rests-on.md", machine::oracle::docs::grounds),
];

fn schema() -> String {
    let text = machine::scenario::schema::json_schema();
    if text.ends_with('\n') { text } else { format!("{text}\n") }
}

/// Every page says what the code says.
pub fn pages(files: &[File]) -> Vec<String> {
    let stale = PAGES.iter().filter(|(path, text)| {
        let found = files.iter().find(|file| file.path == *path);
        found.is_none_or(|file| file.text != text())
    });
    stale.map(|(path, _)| format!("{path} is not what the code says; run `cargo xtask docs`")).collect()
}

/// Writes all pages and counts them.
pub fn write() -> Result<usize, String> {
    for (path, text) in PAGES {
        fs::write(root().join(path), text()).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(PAGES.len())
}
