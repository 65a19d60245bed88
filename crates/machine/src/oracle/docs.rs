//! `docs/oracles.md` and `docs/what-a-verdict-rests-on.md`, written from the table.

use super::{Definition, Ground, Severity, Shown, TABLE};

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
    let ground = words(o.ground);
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

fn words(ground: Ground) -> &'static str {
    match ground {
        Ground::Specification => "specification",
        Ground::KernelSource => "kernel source",
        Ground::Inference => "inference",
    }
}

/// What a verdict does not rest on, and so cannot show.
const LIMITS: &str = "\
## What a verdict cannot show
- **Execution is sequentially consistent.** One CPU runs at a time, and what it stores is seen by the others at once and in order. A missing
  memory barrier stays invisible, and so does a race that only a weaker order makes.
- **Only schedules that were run.** A run without a violation says something about its schedule; a campaign says how many there were and what
  bound follows from that (docs/campaigns.md). PCT places threads through the guest's own scheduler: its bound is one over CPUs.
- **Only what was reached.** `must_reach` says what has to happen for a run to count; what a scenario does not name may not have happened.
- **The adapter is a model.** It was written from the driver's source and from public documents, not from the hardware. `Deviates:` and
  `Unspecified:` in the code mark where it parts from hardware or nobody knows; docs/deviations.md lists what the real kernel contradicted.
- **The pre-fix build is the stock source with one line changed back**, compiled here; the stock build is Debian's own file.

";

/// The page on grounds.
pub fn grounds() -> String {
    let mut text = String::from(
        "# What a verdict rests on\n\
         <!-- Written by `cargo xtask docs` from crates/machine/src/oracle/docs.rs. -->\n\
         A verdict is that an oracle spoke, or that none did. An oracle is as good as its ground:\n\
         a *specification* that says so, the *kernel's source* that does so or relies on it, or an *inference* from how such hardware has to\n\
         work. The default run's verdict rests on `no-terminate-under-open-sync` and `remove-finishes`.\n\n",
    );
    text.push_str(LIMITS);
    text.push_str("## Grounds of the oracles\n| ground | oracles |\n|---|---|\n");
    for ground in [Ground::Specification, Ground::KernelSource, Ground::Inference] {
        let names: Vec<String> =
            TABLE.iter().filter(|o| o.ground == ground).map(|o| format!("`{}`", o.name)).collect();
        text.push_str(&format!("| {} ({}) | {} |\n", words(ground), names.len(), names.join(", ")));
    }
    text
}
