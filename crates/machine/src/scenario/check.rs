//! Names in a scenario: actors, steps, oracles, kinds and symbols exist.

use super::problem::{Name, Problem};
use super::{Action, Condition, Injection, Scenario, What};
use crate::engine::symbols::SymbolTable;
use crate::faults::{self, Fault, Way};
use crate::oracle;
pub use powernv::map::MAX_ADAPTERS;

/// Kinds of AFU commands that are not SCSI commands, and the reset of a
/// context (docs/events.md).
const OWN_KINDS: &[&str] =
    &["afu-sync", "lun-provision", "afu-debug", "afu-other", "tmf", "scsi-other", "context-reset"];

/// Kinds of AFU commands the adapter reports.
pub fn command_kinds() -> Vec<&'static str> {
    let mut kinds = OWN_KINDS.to_vec();
    kinds.extend(capi::flash::commands::COMMANDS.iter().map(|c| c.name));
    kinds
}

/// Adds a problem for each name that stands for nothing.
pub fn names(s: &Scenario, problems: &mut Vec<Problem>) {
    let actors: Vec<&str> = s.actors.iter().map(|a| a.name.text.as_str()).collect();
    let jobs = s.steps.iter().filter_map(|s| match &s.then {
        Some(Action::Job(job)) => Some(job.name.as_str()),
        _ => None,
    });
    let workers: Vec<&str> = actors.iter().copied().chain(jobs).collect();
    let steps: Vec<&str> = s.steps.iter().map(|s| s.name.text.as_str()).collect();
    let known = Known { actors: &actors, workers: &workers, steps: &steps };
    duplicates("actor", s.actors.iter().map(|a| &a.name), problems);
    duplicates("step", s.steps.iter().map(|s| &s.name), problems);
    s.actors.iter().for_each(|a| actor_name(&a.name, problems));
    s.conditions().for_each(|c| known.condition(c, problems));
    for action in s.steps.iter().filter_map(|s| s.then.as_ref()) {
        match action {
            Action::Go(actor) | Action::Tell(actor, _) => known.one("actor", actor, &actors, problems),
            Action::Kill(target, _) => known.one("actor or job", target, &workers, problems),
            _ => {}
        }
    }
    for inject in s.steps.iter().filter_map(|s| s.inject.as_ref()) {
        known.injection(inject, s.adapters.len(), problems);
    }
    let oracles: Vec<&str> = oracle::TABLE.iter().map(|o| o.name).collect();
    let required = s.oracle.require.iter().map(|r| &r.name);
    for name in required.chain(&s.oracle.bug) {
        known.one("oracle", name, &oracles, problems);
    }
    if s.adapters.len() > MAX_ADAPTERS {
        problems.push(Problem::at(Default::default(), "a machine has at most four adapters"));
    }
}

struct Known<'a> {
    actors: &'a [&'a str],
    workers: &'a [&'a str],
    steps: &'a [&'a str],
}

impl Known<'_> {
    fn one(&self, what: &str, name: &Name, known: &[&str], problems: &mut Vec<Problem>) {
        if !known.contains(&name.text.as_str()) {
            problems.push(Problem::unknown(name.place, what, &name.text, known.iter().copied()));
        }
    }
    fn injection(&self, i: &Injection, adapters: usize, problems: &mut Vec<Problem>) {
        if let Some(from) = &i.from {
            self.one("actor", from, self.actors, problems);
        }
        let Some(fault) = Fault::find(&i.fault.text) else {
            let names = faults::TABLE.iter().map(|f| f.name);
            problems.push(Problem::unknown(i.fault.place, "fault", &i.fault.text, names));
            return;
        };
        if fault.ways.is_empty() {
            problems.push(Problem::at(i.fault.place, format!("`{}` cannot be injected yet", fault.name)));
        }
        if let Some(way) = &i.way
            && fault.way(Some(&way.text)).is_none()
        {
            let what = format!("way of `{}`", fault.name);
            problems.push(Problem::unknown(way.place, &what, &way.text, fault.ways.iter().map(|w| w.name)));
        }
        let by_guest = |w: &faults::Way| w.parts.iter().any(|p| matches!(p, faults::Part::Guest(_)));
        if fault.way(i.way.as_ref().map(|w| w.text.as_str())).is_some_and(by_guest) {
            let message =
                format!("a program of the guest brings `{}` about; nothing is injected", fault.name);
            problems.push(Problem::at(i.fault.place, message));
        }
        let wanted = fault.way(i.way.as_ref().map(|w| w.text.as_str())).is_some_and(Way::names_a_mutex);
        match &i.mutex {
            None if wanted => {
                let message = format!("this way of `{}` needs `mutex`: whose owner?", fault.name);
                problems.push(Problem::at(i.fault.place, message));
            }
            Some(mutex) if !wanted => {
                let message = format!("this way of `{}` is not about the owner of a mutex", fault.name);
                problems.push(Problem::at(mutex.place, message));
            }
            _ => {}
        }
        if i.adapter >= adapters {
            let message = format!("there is no adapter {}: the scenario has {adapters}", i.adapter);
            problems.push(Problem::at(i.fault.place, message));
        }
    }
    fn condition(&self, c: &Condition, problems: &mut Vec<Problem>) {
        if let Some(after) = &c.after {
            self.one("step", after, self.steps, problems);
        }
        match &c.what {
            What::Step(step) => self.one("step", step, self.steps, problems),
            What::Actor { actor, .. } if actor.text != "init" => {
                self.one("actor or job", actor, self.workers, problems);
            }
            What::Operation(op) => {
                if op.point == "afu-command" {
                    self.one("command", &op.kind, &command_kinds(), problems);
                }
                if let Some(from) = &op.from {
                    self.one("actor", from, self.actors, problems);
                }
            }
            _ => {}
        }
    }
}

fn duplicates<'a>(what: &str, names: impl Iterator<Item = &'a Name>, problems: &mut Vec<Problem>) {
    let mut seen: Vec<&str> = vec![];
    for name in names {
        if seen.contains(&name.text.as_str()) {
            problems.push(Problem::at(name.place, format!("a second {what} `{name}`")));
        }
        seen.push(&name.text);
    }
}

/// docs/guest-protocol.md section 2.
fn actor_name(name: &Name, problems: &mut Vec<Problem>) {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let reserved = ["init", "shell", "power"].contains(&name.text.as_str()) || name.text.starts_with('_');
    if name.text.is_empty() || name.text.len() > 31 || !name.text.chars().all(good) || reserved {
        let message = format!(
            "`{name}` is no name for an actor: 1 to 31 of A-Z a-z 0-9 _ . -, not init, shell, power or _…"
        );
        problems.push(Problem::at(name.place, message));
    }
}

/// The symbols a scenario names.
pub fn symbols(s: &Scenario) -> Vec<&Name> {
    let mut found = vec![];
    for c in s.conditions() {
        match &c.what {
            What::Symbol { symbol, under, .. } => {
                found.push(symbol);
                found.extend(under);
            }
            What::AsleepIn(symbol) => found.push(symbol),
            What::SlowPath { under, held_by, .. } | What::Waits { under, held_by, .. } => {
                found.extend(under);
                found.extend(held_by);
            }
            _ => {}
        }
    }
    found
}

/// Symbols that are neither in the kernel nor in the modules.
pub fn unknown_symbols(s: &Scenario, table: &SymbolTable<'_>) -> Vec<Problem> {
    let unknown = |name: &&Name| table.check(&name.text).is_none();
    symbols(s).into_iter().filter(unknown).map(|name| table.problem(name)).collect()
}
