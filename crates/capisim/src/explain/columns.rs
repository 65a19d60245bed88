//! Two runs side by side in time: a column per CPU, one for the adapter.

use super::compare::{At, Comparison};
use super::history::{Event, History, Kind, Lane};
use std::collections::BTreeSet;

/// Width of a line.
const WIDTH: usize = 118;
/// Of it, time and mark.
const MARGIN: usize = 14;

/// What marks an event.
pub type Marks = Vec<(At, char)>;

/// Events that matter: those of the task that parts, of the locks that it
/// uses around there, of the pair, of the adapter and of the scenario.
pub fn relevant(history: &History, found: &Comparison, here: At, pair: &[At]) -> Vec<At> {
    /// How far from the parting a lock of the task still counts.
    const NEAR: usize = 400;
    let who = found.parting.as_ref().map_or("", |p| p.who.as_str());
    let near = |at: At| at.abs_diff(here) < NEAR;
    let locks: BTreeSet<u64> = history
        .events
        .iter()
        .enumerate()
        .filter(|(at, e)| e.who == who && near(*at) || pair.contains(at))
        .filter_map(|(_, e)| e.lock)
        .collect();
    let matters = |(at, e): &(At, &Event)| {
        pair.contains(at)
            || *at == here
            || e.who == who && e.kind != Kind::Return
            || e.lock.is_some_and(|l| locks.contains(&l))
            || e.kind == Kind::Outside
            || matches!(e.kind, Kind::Turn)
                && e.key.starts_with("signal")
                && e.key.ends_with(&format!("to {who}"))
    };
    history.events.iter().enumerate().filter(matters).map(|(at, _)| at).collect()
}

/// Of these the ones around `here`, at most `most`: the marked ones, and those
/// of `who` rather than others.
pub fn around(history: &History, all: &[At], who: &str, here: At, marks: &Marks, most: usize) -> Vec<At> {
    /// An event of another task counts as so many times as far away.
    const FOREIGN: usize = 3;
    let (own, foreign): (Vec<At>, Vec<At>) = all.iter().partition(|at| history.events[**at].who == who);
    let marked = |at: At| marks.iter().any(|(m, _)| *m == at);
    let mut by_distance: Vec<(usize, At)> = vec![];
    for (list, times) in [(own, 1), (foreign, FOREIGN)] {
        let centre = list.partition_point(|at| *at < here);
        let far = |(n, at): (usize, &At)| (if marked(*at) { 0 } else { 1 + n.abs_diff(centre) * times }, *at);
        by_distance.extend(list.iter().enumerate().map(far));
    }
    by_distance.sort_unstable();
    let mut shown: Vec<At> = by_distance.into_iter().take(most).map(|(_, at)| at).collect();
    shown.sort_unstable();
    shown
}

fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    text.chars().take(width.saturating_sub(1)).chain(['~']).collect()
}

/// These events as lines.
pub fn lines(history: &History, shown: &[At], marks: &Marks) -> Vec<String> {
    let mut cpus: BTreeSet<usize> = BTreeSet::new();
    for at in shown {
        if let Lane::Cpu(n) = history.events[*at].lane {
            cpus.insert(n);
        }
    }
    let cpus: Vec<usize> = cpus.into_iter().collect();
    let width = (WIDTH - MARGIN) / (cpus.len() + 1);
    let title = |name: String| fit(&name, width);
    let mut heads: Vec<String> = cpus.iter().map(|n| title(format!("cpu {n}"))).collect();
    heads.push("adapter".into());
    let mut out = vec![format!("{:MARGIN$}{}", "  t [s]", heads.concat()).trim_end().to_owned()];
    let mut before: Option<At> = None;
    for &at in shown {
        let e = &history.events[at];
        if before.is_some_and(|b| e.at_ns > history.events[b].at_ns + 50_000_000) {
            let gap = (e.at_ns - before.map_or(0, |b| history.events[b].at_ns)) as f64 / 1e9;
            out.push(format!("{:MARGIN$}... {gap:.3} s later", ""));
        }
        before = Some(at);
        let mark = marks.iter().find(|(m, _)| *m == at).map_or(' ', |(_, c)| *c);
        let text = history.text(e);
        let text = if e.who.is_empty() { text } else { format!("{}: {text}", e.who) };
        let body = match e.lane {
            Lane::Cpu(n) => {
                let column = cpus.iter().position(|c| *c == n).unwrap_or(0);
                format!("{}{}", " ".repeat(column * width), fit(&text, WIDTH - MARGIN - column * width))
            }
            Lane::Adapter => format!("{}{}", " ".repeat(cpus.len() * width), fit(&text, width)),
            Lane::Scenario => format!("-- {}", fit(&text, WIDTH - MARGIN - 3)),
        };
        out.push(format!("{mark} {:<11.6} {}", e.at_ns as f64 / 1e9, body.trim_end()));
    }
    out
}
