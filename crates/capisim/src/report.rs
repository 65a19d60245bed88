//! `capisim report`: a failed run in at most sixty lines of plain text, to be
//! put into a mail.

use crate::cli::{ReportArgs, When};
use crate::error::Error;
use crate::explain::history::{Told, outside};
use crate::output::put;
use crate::replay;
use crate::rundir::{self, Bundle};
use machine::engine::strip_time;
use machine::guest::{GuestReport, TaskReport};
use machine::oracle::{Ground, TABLE, Violation};
use machine::report::{BuildReport, RunReport};
use std::collections::BTreeMap;
use std::path::Path;

/// Lines at most.
pub const LINES: usize = 60;
/// Columns where it is possible: a function's name is not broken.
pub const COLUMNS: usize = 75;
/// Of these, lines of the boundary trace.
const TRACE: usize = 18;
/// Oracles that are told in full.
const ORACLES: usize = 2;
/// Tasks that are told.
const TASKS: usize = 4;
/// Names in a list.
const NAMES: usize = 4;
/// Mutexes that are told.
const MUTEXES: usize = 3;
/// Functions of a stack.
const FRAMES: usize = 7;
/// Lines of the console.
const CONSOLE: usize = 6;

/// `capisim report`.
pub fn report(args: &ReportArgs, progress: When) -> Result<i32, Error> {
    let path = args.run.join("report.txt");
    let text = match std::fs::read_to_string(args.run.join("result.json")) {
        Ok(json) => {
            let found: RunReport = serde_json::from_str(&json).map_err(|e| {
                Error::Environment(format!("{}: not a result of this version: {e}", args.run.display()))
            })?;
            of_run(&found, &args.run)?
        }
        // A failure of a campaign is a bundle alone: what happened comes from its replay.
        Err(_) => {
            let (found, dir) = replay::again(&args.run, progress, args.timeout)?;
            of_run(&found, &dir)?
        }
    };
    rundir::write(&path, text.as_bytes())?;
    put(format_args!("{text}"));
    Ok(0)
}

/// The report of the run in `dir`, of its first build with a violation.
pub fn of_run(found: &RunReport, dir: &Path) -> Result<String, Error> {
    let Some(build) = found.builds.iter().find(|b| !b.violations.is_empty()) else {
        return Err(Error::Usage(format!("{}: the run has no violation: nothing to report", dir.display())));
    };
    let logs = crate::run::logs(dir, build.build.role);
    let read = |name: &str| std::fs::read_to_string(logs.join(name)).unwrap_or_default();
    let bundle = Bundle::load(dir).ok();
    let seed = bundle.and_then(|b| b.branch).map(|b| format!(", schedule {}", b.seed)).unwrap_or_default();
    Ok(compose(found, build, &seed, &read("events.jsonl"), &read("console.log")))
}

/// A paragraph: a label in the first line, the text in lines of [`COLUMNS`].
fn paragraph(out: &mut Vec<String>, label: &str, text: &str) {
    const INDENT: usize = 10;
    let mut line = format!("{label:INDENT$}");
    for word in text.split_whitespace() {
        if line.len() > INDENT && line.len() + word.len() >= COLUMNS {
            out.push(line.trim_end().to_owned());
            line = " ".repeat(INDENT);
        }
        if line.len() > INDENT {
            line.push(' ');
        }
        line += word;
    }
    out.push(line.trim_end().to_owned());
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// The text, from what the run left behind.
pub fn compose(
    found: &RunReport,
    build: &BuildReport,
    schedule: &str,
    events: &str,
    console: &str,
) -> String {
    let mut head = vec![];
    let driver = &build.build;
    let what: Vec<&str> = build.violations.iter().map(|v| v.oracle.as_str()).collect();
    paragraph(&mut head, "capisim:", &format!("{}: {}", found.scenario, some(&unique(&what), NAMES)));
    head.push(String::new());
    let (seed, cpus) = (found.seed, found.cpus);
    paragraph(
        &mut head,
        "scenario",
        &format!("{} ({}), seed {seed}{schedule}, {cpus} vCPUs", found.scenario, short(&found.scenario_hash)),
    );
    paragraph(
        &mut head,
        "kernel",
        &format!("{} (sha256 {})", found.kernel.version, short(&found.kernel.sha256)),
    );
    paragraph(&mut head, "driver", &format!("{} (sha256 {})", driver.driver, short(&driver.sha256)));
    for other in found.builds.iter().filter(|b| b.build.role != driver.role) {
        let how = if other.violations.is_empty() { "no violation" } else { "violated too" };
        paragraph(
            &mut head,
            "other",
            &format!("{} (sha256 {}): {how}", other.build.driver, short(&other.build.sha256)),
        );
    }
    paragraph(
        &mut head,
        "capisim",
        &format!("{}, state {}", found.tool, build.state_hash.get(..16).unwrap_or("")),
    );
    head.push(String::new());
    violations(&mut head, &build.violations);
    let first = &build.violations[0];
    let mut tail = vec![];
    let trouble = trouble(console);
    if !trouble.is_empty() {
        tail.push("console".to_owned());
        tail.extend(trouble);
    }
    // One line, to be copied.
    tail.push(format!("{:10}{}", "replay", found.replay));
    let names = names(events);
    let mut body = vec![];
    if let Some(guest) = build.at_violation.as_ref().filter(|g| !g.is_empty()) {
        tasks(&mut body, guest, first.at_ns, &names);
    } else if !build.guest.is_empty() {
        tasks(&mut body, &build.guest, first.at_ns, &names);
    }
    // The boundary keeps its place, however many tasks there are.
    let room = LINES.saturating_sub(head.len() + tail.len());
    let for_tasks = room.saturating_sub(TRACE);
    if body.len() > for_tasks {
        body.truncate(for_tasks.saturating_sub(1));
        body.push("  [...]".to_owned());
    }
    body.extend(trace(events, first.at_ns, room.saturating_sub(body.len()).min(TRACE)));
    let mut all = head;
    all.extend(body);
    all.extend(tail);
    all.join("\n") + "\n"
}

/// The first of these names.
fn some(names: &[&str], most: usize) -> String {
    let rest = names.len().saturating_sub(most);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    names.iter().take(most).copied().collect::<Vec<_>>().join(", ") + &more
}

fn unique<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut out: Vec<&str> = vec![];
    names.iter().for_each(|n| {
        if !out.contains(n) {
            out.push(n);
        }
    });
    out
}

fn ground(oracle: &str) -> String {
    let Some(row) = TABLE.iter().find(|d| d.name == oracle) else { return String::new() };
    let ground = match row.ground {
        Ground::Specification => "a public specification",
        Ground::KernelSource => "the kernel's source",
        Ground::Inference => "inference from how such hardware has to work",
    };
    format!("rule: {} (ground: {ground})", row.proves.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn violations(out: &mut Vec<String>, all: &[Violation]) {
    let mut told: Vec<&str> = vec![];
    for v in all {
        if told.contains(&v.oracle.as_str()) {
            continue;
        }
        told.push(&v.oracle);
        if told.len() > ORACLES {
            continue;
        }
        paragraph(out, "violated", &format!("{} at {:.6} s: {}", v.oracle, v.at_ns as f64 / 1e9, v.text));
        paragraph(out, "", &ground(&v.oracle));
    }
    if told.len() > ORACLES {
        paragraph(out, "and", &some(&told[ORACLES..], NAMES));
    }
}

/// What the scenario calls its processes, by pid.
fn names(events: &str) -> BTreeMap<u32, String> {
    let named = |line: &str| {
        let told = Told::read(line).filter(|t| t.kind == "actor")?;
        Some((told.word("text").strip_prefix("pid=")?.parse().ok()?, told.word("name").to_owned()))
    };
    events.lines().filter_map(named).collect()
}

/// Functions in which every task that sleeps is.
const SLEEP: &[&str] = &["__switch_to", "__schedule", "schedule"];

fn tasks(out: &mut Vec<String>, guest: &GuestReport, at_ns: u64, names: &BTreeMap<u32, String>) {
    // Looked at in the turn in which the violation was seen.
    let when = if guest.at_ns.abs_diff(at_ns) < 1_000_000 { "at the violation" } else { "at the end" };
    out.push(format!("tasks {when}, t={:.6} s", guest.at_ns as f64 / 1e9));
    // First those that are held up or about to be ended.
    let mut all: Vec<&TaskReport> =
        guest.tasks.iter().filter(|t| !t.stack.is_empty() || t.signal_pending).collect();
    let owners: Vec<&str> = guest.mutexes.iter().filter_map(|m| m.owner.as_deref()).collect();
    let owns = |t: &TaskReport| owners.contains(&format!("{}/{}", t.name, t.pid).as_str());
    let in_module = |t: &TaskReport| t.stack.iter().any(|f| f.contains(':'));
    // Who neither waits nor is in a driver has no part in it, if others have.
    if all.iter().any(|t| in_module(t)) {
        all.retain(|t| in_module(t) || owns(t) || t.waits_for.is_some() || t.signal_pending);
    }
    all.sort_by_key(|t| {
        let concerned = owns(t) || t.waits_for.is_some();
        (!(concerned || t.signal_pending && in_module(t)), !in_module(t), !t.signal_pending, t.pid)
    });
    let count = all.len();
    for t in all.into_iter().take(TASKS) {
        let signals: Vec<String> = t.signals.iter().map(u32::to_string).collect();
        let pending = match (signals.is_empty(), t.signal_pending) {
            (false, _) => format!(", signals pending: {}", signals.join(" ")),
            (true, true) => ", a signal pending".into(),
            _ => String::new(),
        };
        let cpu = t.cpu.map(|c| format!(" on cpu {c}")).unwrap_or_default();
        let mutex = t.waits_for.as_ref().map(|m| {
            let name = guest.mutexes.iter().find(|x| x.address == *m).and_then(|x| x.name.clone());
            format!(", waits for mutex {}", name.unwrap_or_else(|| m.clone()))
        });
        let called =
            names.get(&t.pid).filter(|n| **n != t.name).map(|n| format!(" ({n})")).unwrap_or_default();
        let mutex = mutex.unwrap_or_default();
        out.push(format!("  {}/{}{called} {}{cpu}{pending}{mutex}", t.name, t.pid, t.state));
        let mut line = String::from("   ");
        let sleeps = |f: &&String| SLEEP.contains(&f.split('+').next().unwrap_or(""));
        for f in t.stack.iter().skip_while(sleeps).take(FRAMES) {
            if line.len() > 3 && line.len() + f.len() + 3 > COLUMNS {
                out.push(std::mem::replace(&mut line, "   ".into()));
            }
            line += &format!(" {f}");
        }
        if line.len() > 3 {
            out.push(line);
        }
    }
    if count > TASKS {
        out.push(format!("  and {} tasks more", count - TASKS));
    }
    for m in guest.mutexes.iter().take(MUTEXES) {
        let waiters: Vec<&str> = m.waiters.iter().map(String::as_str).collect();
        let (name, owner) = (m.name.as_deref().unwrap_or(&m.address), m.owner.as_deref().unwrap_or("nobody"));
        out.push(format!("  mutex {name}: owner {owner}, waiting: {}", some(&waiters, NAMES)));
    }
}

/// The boundary around a moment: two thirds before it.
fn trace(events: &str, at_ns: u64, most: usize) -> Vec<String> {
    if most < 4 {
        return vec![];
    }
    let all: Vec<(u64, String)> = events.lines().filter_map(boundary).collect();
    let after = all.iter().position(|(at, _)| *at > at_ns).unwrap_or(all.len());
    let last = (after + (most - 1) / 3).min(all.len());
    let first = last.saturating_sub(most - 1);
    let mut out = vec!["hardware boundary (seconds; > marks the violation's moment)".to_owned()];
    for (n, (at, text)) in all.iter().enumerate().take(last).skip(first) {
        let mark = if n + 1 == after { '>' } else { ' ' };
        let line = format!("{mark} {:.6} {text}", *at as f64 / 1e9);
        out.push(line.chars().take(COLUMNS).collect());
    }
    out
}

/// A line of `events.jsonl` for people.
fn boundary(line: &str) -> Option<(u64, String)> {
    let told = Told::read(line)?;
    outside(&told).map(|(_, text)| (told.at_ns, text))
}

/// What the kernel said of its trouble.
fn trouble(console: &str) -> Vec<String> {
    const MARKS: &[&str] = &[
        "Oops",
        "BUG:",
        "INFO: task",
        "blocked for more than",
        "Kernel panic",
        "NIP ",
        "Call Trace",
        "WARNING:",
        "Unable to handle",
        "watchdog:",
    ];
    let line = |l: &str| -> String { format!("  {}", strip_time(l.trim())).chars().take(COLUMNS).collect() };
    let hits = console.lines().filter(|l| MARKS.iter().any(|m| l.contains(m)));
    hits.take(CONSOLE).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULT: &str = include_str!("report_fixture/result.json");
    const EVENTS: &str = include_str!("report_fixture/events.jsonl");
    const CONSOLE: &str =
        "[ 1.0] cxlflash 0000:01:00.0: probed\n[ 2.1] Oops: Kernel access of bad area, sig: 11 [#1]\n";

    /// The run `release-during-remove`, seed 1, on the pre-fix driver.
    #[test]
    fn the_report_of_a_real_failure_is_as_expected() {
        let found: RunReport = serde_json::from_str(RESULT).expect("a result of this version");
        let text = compose(&found, &found.builds[0], "", EVENTS, CONSOLE);
        let expected = include_str!("report_fixture/expected.txt");
        assert_eq!(text, expected, "the report is now\n{text}");
    }

    /// However much there is to tell.
    #[test]
    fn a_report_has_at_most_sixty_lines() {
        let mut found: RunReport = serde_json::from_str(RESULT).expect("a result of this version");
        let build = &mut found.builds[0];
        let more = build.violations[0].clone();
        for n in 0..50 {
            build.violations.push(Violation { oracle: format!("oracle-{n}"), ..more.clone() });
        }
        let tasks = build.at_violation.as_mut().expect("tasks");
        let task = tasks.tasks[0].clone();
        tasks.tasks.extend((0..500).map(|pid| TaskReport { pid, signal_pending: true, ..task.clone() }));
        let console = CONSOLE.repeat(100);
        let text = compose(&found, &found.builds[0], ", schedule 7", &EVENTS.repeat(10), &console);
        assert!(text.lines().count() <= LINES, "{} lines:\n{text}", text.lines().count());
        assert!(
            text.contains("schedule 7") && text.contains("\nreplay ") && text.contains("TERMINATE PE 2"),
            "{text}"
        );
        let long = text.lines().filter(|l| l.len() > COLUMNS && !l.starts_with("replay")).count();
        assert!(long <= 1, "{long} lines are too long:\n{text}");
    }

    #[test]
    fn paragraphs_are_broken_at_words() {
        let mut out = vec![];
        paragraph(&mut out, "label", &"word ".repeat(30));
        assert!(out.len() > 1 && out.iter().all(|l| l.len() <= COLUMNS), "{out:?}");
        assert!(out[0].starts_with("label     word") && out[1].starts_with("          word"));
    }
}
