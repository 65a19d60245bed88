//! `docs/oracles.md`, written from the table.

use super::{Definition, Severity, Shown, TABLE};

/// The page.
pub fn docs() -> String {
    let mut text = String::from(
        "# Oracles\n\
         <!-- Written by `cargo xtask docs` from crates/machine/src/oracle/table.rs. -->\n\
         What a correct driver never does, judged over the records of docs/events.md. A violation of a required oracle makes a run fail, a\n\
         finding is shown. `capisim list oracles --format json` prints the same list. Numbers are rows of the PSL contract, section 12.\n\n\
         Classes: S1 memory or data can be corrupted, S2 the protocol is violated, S3 something hangs, S4 a note.\n\n",
    );
    let shown = TABLE.iter().filter(|o| o.shown.scenario().is_some()).count();
    text.push_str(&format!("{} oracles; {shown} are shown to fire on the real kernel.\n", TABLE.len()));
    for oracle in TABLE {
        text.push_str(&entry(oracle));
    }
    text
}

fn entry(o: &Definition) -> String {
    let severity = if o.severity == Severity::Violation { "violation" } else { "finding" };
    let rows: Vec<String> = o.rows.iter().map(|n| format!("#{n}")).collect();
    let rows = if rows.is_empty() { String::new() } else { format!(", {}", rows.join(" ")) };
    let ground = match o.ground {
        super::Ground::Specification => "specification",
        super::Ground::KernelSource => "kernel source",
        super::Ground::Inference => "inference",
    };
    let shown = match o.shown {
        Shown::Driver(scenario, driver) => format!("scenario `{scenario}`, driver `{driver}`"),
        Shown::Stock(scenario) => format!("scenario `{scenario}`, stock drivers"),
        Shown::UnitTest(because) => format!("unit test only: {because}"),
        Shown::Waits(because) => format!("waits: {because}"),
    };
    format!(
        "\n## {} ({:?}, {severity}{rows})\nProves that {}.\n\n- Excuses: {}.\n- Ground: {ground}.\n- Shown by: {shown}.\n",
        o.name, o.class, o.proves, o.exempt
    )
}
