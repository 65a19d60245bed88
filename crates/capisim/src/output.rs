//! Results on standard output: a table for people, JSON, KTAP, JUnit.

use crate::cli::Format;
use machine::guest::GuestReport;
use machine::oracle::{Removal, Violation};
use machine::report::{BuildReport, RunReport, Verdict};
use std::io::Write;

/// Puts a text on standard output.
pub fn put(text: std::fmt::Arguments<'_>) {
    // A reader that has gone wants no more.
    let _ = std::io::stdout().write_fmt(text);
}

/// Prints what is not for people, all runs at once.
pub fn print(reports: &[RunReport], format: Format) {
    let text = match format {
        Format::Human => return,
        Format::Json => json(reports),
        Format::Ktap => ktap(reports),
        Format::Junit => junit(reports),
    };
    put(format_args!("{text}"));
}

/// One run: the object; several: a list of them.
fn json(reports: &[RunReport]) -> String {
    let text = match reports {
        [one] => serde_json::to_string_pretty(one),
        many => serde_json::to_string_pretty(many),
    };
    text.expect("reports have a JSON form") + "\n"
}

/// One run as a table.
pub fn human(report: &RunReport, color: bool) {
    let _ = std::io::stdout().write_all(table(report, color).as_bytes());
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "FIX CONFIRMED",
        Verdict::Passed => "PASSED",
        Verdict::Violated => "VIOLATED",
        Verdict::Inconclusive => "INCONCLUSIVE",
    }
}

fn paint(text: &str, verdict: Verdict, color: bool) -> String {
    let code = match verdict {
        Verdict::Confirmed | Verdict::Passed => 32,
        Verdict::Violated => 31,
        Verdict::Inconclusive => 33,
    };
    if color { format!("\x1b[1;{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn removal(r: Removal) -> &'static str {
    match r {
        Removal::NotRun => "-",
        Removal::Finished => "finished",
        Removal::Hung => "hung",
        Removal::Unfinished => "unfinished",
    }
}

fn table(report: &RunReport, color: bool) -> String {
    let mut out = format!(
        "scenario  {}   seed {}   {} vCPUs   kernel {}\n",
        report.scenario, report.seed, report.cpus, report.kernel.version
    );
    let width = report.builds.iter().map(|b| b.build.driver.len()).max().unwrap_or(0).max(8);
    out += &format!("{:width$}  bypassed  remove      oops  first violation\n", "driver");
    for b in &report.builds {
        let first = b
            .violations
            .first()
            .map_or("-".into(), |v| format!("{}, t={:.2} s", v.text, v.at_ns as f64 / 1e9));
        let oops = if b.oops.is_some() { "yes" } else { "no" };
        out += &format!(
            "{:width$}  {:<8}  {:<10}  {:<4}  {first}\n",
            b.build.driver,
            b.bypassed,
            removal(b.remove),
            oops
        );
        out += &details(b, width);
    }
    out += &format!("verdict   {}\n", paint(words(report.verdict), report.verdict, color));
    for reason in &report.reasons {
        out += &format!("          {reason}\n");
    }
    for b in report.builds.iter().filter(|b| needs_console(b, report.verdict)) {
        out += &format!("last console lines ({}, {}):\n", b.build.driver, class(b));
        for line in b.console.iter().rev().take(12).rev() {
            out += &format!("  | {line}\n");
        }
        b.cpus.iter().for_each(|cpu| out += &format!("  {cpu}\n"));
        if let Some(scene) = &b.at_violation {
            out += &format!(
                "tasks ({}) at the first violation, t={:.3} s:\n",
                b.build.driver,
                scene.at_ns as f64 / 1e9
            );
            out += &guest(scene);
        }
        if !b.guest.is_empty() {
            out +=
                &format!("tasks ({}) at the end, t={:.3} s:\n", b.build.driver, b.guest.at_ns as f64 / 1e9);
            out += &guest(&b.guest);
        }
    }
    out + &format!("replay    {}\n", report.replay)
}

/// Tasks of processes and those that wait for a mutex, and the mutexes.
fn guest(g: &GuestReport) -> String {
    const CALLERS: usize = 6;
    let mut out = String::new();
    for t in &g.tasks {
        let signals: Vec<String> = t.signals.iter().map(u32::to_string).collect();
        let pending = match (t.signal_pending, signals.is_empty()) {
            (_, false) => format!("  signals pending: {}", signals.join(" ")),
            (true, true) => "  told to look for signals".into(),
            (false, true) => String::new(),
        };
        let waits = t.waits_for.as_ref().map(|m| format!("  waits for mutex {m}")).unwrap_or_default();
        let cpu = t.cpu.map(|c| format!(" on cpu {c}")).unwrap_or_default();
        out += &format!("  task {}/{} {}{cpu}{pending}{waits}\n", t.name, t.pid, t.state);
        let stack: Vec<&str> = t.stack.iter().take(CALLERS).map(String::as_str).collect();
        if !stack.is_empty() {
            out += &format!("       {}\n", stack.join(" < "));
        }
    }
    for m in &g.mutexes {
        let name = m.name.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
        let owner = m.owner.as_deref().unwrap_or("nobody");
        out += &format!("  mutex {}{name}: {owner} has it, waiting: {}\n", m.address, m.waiters.join(" "));
    }
    out
}

/// A campaign as a table.
pub fn campaign(report: &RunReport, color: bool) {
    let _ = std::io::stdout().write_all(campaign_table(report, color).as_bytes());
}

fn campaign_table(report: &RunReport, color: bool) -> String {
    let mut out = format!(
        "scenario  {}   seed {}   {} vCPUs   kernel {}\n",
        report.scenario, report.seed, report.cpus, report.kernel.version
    );
    let width = report.builds.iter().map(|b| b.build.driver.len()).max().unwrap_or(0).max(8);
    out += &format!(
        "{:width$}  schedules  bug shown  violated  bypassed  undecided  first violation\n",
        "driver"
    );
    for b in &report.builds {
        let first = b.violations.first().map_or("-".into(), |v| v.text.clone());
        out += &format!(
            "{:width$}  {:>9}  {:>9}  {:>8}  {:>8}  {:>9}  {first}\n",
            b.build.driver, b.schedules, b.bugs, b.failures, b.bypassed, b.undecided
        );
        for (what, n) in &b.reached {
            out += &format!("{:width$}  reached in {n} of {}: {what}\n", "", b.schedules);
        }
        let each = |total: f64| total / (b.schedules.max(1)) as f64;
        out += &format!(
            "{:width$}  each {:.2} s virtual, {:.1} M instructions, {:.0} ms\n",
            "",
            each(b.virtual_seconds),
            each(b.instructions as f64 / 1e6),
            each(b.wall_seconds * 1e3)
        );
    }
    out += &format!("verdict   {}\n", paint(words(report.verdict), report.verdict, color));
    report.reasons.iter().for_each(|reason| out += &format!("          {reason}\n"));
    if let Some(bound) = &report.bound {
        out += &format!("bound     {}\n", bound.text);
    }
    for f in &report.failures {
        out += &format!("failure   {} x {}: {}\n          {}\n", f.count, f.driver, f.signature, f.replay);
    }
    out
}

fn class(b: &BuildReport) -> String {
    let text = serde_json::to_value(b.class).ok().and_then(|v| v.as_str().map(str::to_owned));
    text.unwrap_or_default()
}

/// The console is shown when something is wrong that was not asked for.
fn needs_console(b: &BuildReport, verdict: Verdict) -> bool {
    use machine::engine::Class;
    b.class != Class::Finished && !(verdict == Verdict::Confirmed && b.class == Class::Hung)
}

fn details(b: &BuildReport, width: usize) -> String {
    let mut out = String::new();
    for v in b.violations.iter().skip(1).take(4) {
        out += &format!("{:width$}  also: {}: {}, t={:.2} s\n", "", v.oracle, v.text, v.at_ns as f64 / 1e9);
    }
    let t3 = b.findings.iter().filter(|f| f.oracle == "control-blocks-left-by-removal").count();
    if t3 > 0 {
        out += &format!("{:width$}  finding T3: {t3} control blocks left set by the removal\n", "");
    }
    for f in b.findings.iter().filter(|f| f.oracle != "control-blocks-left-by-removal").take(6) {
        out += &format!("{:width$}  finding {}: {}\n", "", f.oracle, f.text);
    }
    if let Some(oops) = &b.oops {
        out += &format!("{:width$}  oops: {oops}\n", "");
    }
    let reached: Vec<String> = b.reached.iter().map(|(k, n)| format!("{k}: {n}")).collect();
    if !reached.is_empty() {
        out += &format!("{:width$}  reached {}\n", "", reached.join("; "));
    }
    out += &format!(
        "{:width$}  {:.2} s virtual, {} instructions, {:.1} s wall, state {}\n",
        "",
        b.virtual_seconds,
        b.instructions,
        b.wall_seconds,
        b.state_hash.get(..16).unwrap_or("")
    );
    out
}

/// KTAP version 1: a test a run, a subtest a build.
fn ktap(reports: &[RunReport]) -> String {
    let mut out = format!("KTAP version 1\n1..{}\n", reports.len());
    for (n, r) in reports.iter().enumerate() {
        out += &format!("    KTAP version 1\n    1..{}\n", r.builds.len());
        for (m, b) in r.builds.iter().enumerate() {
            for v in &b.violations {
                out += &format!("    # {} {}: {}\n", b.build.driver, v.oracle, v.text);
            }
            let word = if b.violations.is_empty() { "ok" } else { "not ok" };
            out += &format!("    {word} {} {}\n", m + 1, b.build.driver);
        }
        r.reasons.iter().for_each(|reason| out += &format!("# {reason}\n"));
        replays(r).iter().for_each(|replay| out += &format!("# replay: {replay}\n"));
        let name = format!("{} {} seed {}", n + 1, r.scenario, r.seed);
        out += &match r.verdict {
            Verdict::Confirmed | Verdict::Passed => format!("ok {name}\n"),
            Verdict::Violated => format!("not ok {name}\n"),
            Verdict::Inconclusive => format!("ok {name} # SKIP inconclusive\n"),
        };
    }
    out
}

/// What repeats the failures of a run or of a campaign.
fn replays(r: &RunReport) -> Vec<String> {
    if r.failures.is_empty() && r.verdict == Verdict::Violated {
        return vec![r.replay.clone()];
    }
    r.failures.iter().map(|f| format!("{} ({} x {})", f.replay, f.count, f.driver)).collect()
}

fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|v| format!("{}: {}", v.oracle, v.text)).collect::<Vec<_>>().join("\n")
}

/// A test suite a run, a test case a build and one for the verdict.
fn junit(reports: &[RunReport]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for r in reports {
        let failed = usize::from(r.verdict == Verdict::Violated);
        let skipped = usize::from(r.verdict == Verdict::Inconclusive);
        let suite = xml(&r.scenario);
        out += &format!(
            "  <testsuite name=\"{suite}\" tests=\"1\" failures=\"{failed}\" skipped=\"{skipped}\">\n    <testcase classname=\"{suite}\" name=\"seed {}\" time=\"{:.3}\">\n",
            r.seed,
            r.builds.iter().map(|b| b.wall_seconds).fold(0.0, f64::max)
        );
        let replays = replays(r).into_iter().map(|replay| format!("replay: {replay}"));
        let reasons = xml(&r.reasons.iter().cloned().chain(replays).collect::<Vec<_>>().join("\n"));
        match r.verdict {
            Verdict::Violated => out += &format!("      <failure message=\"{reasons}\"/>\n"),
            Verdict::Inconclusive => out += &format!("      <skipped message=\"{reasons}\"/>\n"),
            _ => {}
        }
        for b in &r.builds {
            let text = listed(&b.violations);
            out +=
                &format!("      <system-out>{}</system-out>\n", xml(&format!("{}: {text}", b.build.driver)));
        }
        out += "    </testcase>\n  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

#[cfg(test)]
mod tests;
