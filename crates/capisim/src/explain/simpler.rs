//! Runs with a little less in them than the failing one: the scenario without
//! what one step does, or with one of its parameters as if it were not there.
//!
//! The step itself stays, so conditions that wait for it are still met.

use machine::Ticks;
use machine::engine::{Outcome, Point};
use machine::scenario::{Action, Scenario, Span, Step};
use std::ops::RangeInclusive;

/// A scenario that lacks one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Simpler {
    /// What is left.
    pub scenario: Scenario,
    /// What is not there, for people.
    pub without: String,
}

/// Virtual time that such a run may take longer than the failing one did.
const LONGER: Ticks = Ticks::secs(15);

/// All of them, those first that should have most in common with `failing`: a
/// step that fired late, before the violation, changes what comes after it.
pub fn simpler(scenario: &Scenario, failing: &Outcome) -> Vec<Simpler> {
    let branched = failing.branched.map_or(0, |Point { now, .. }| now.0);
    let violated = failing.violations.first().map_or(u64::MAX, |v| v.at_ns);
    let mut all = candidates(scenario, |name| failing.steps.get(name).copied(), branched..=violated);
    for Simpler { scenario, .. } in &mut all {
        scenario.limits.virtual_time = scenario.limits.virtual_time.min(failing.now + LONGER);
    }
    all
}

/// Without what each step does that `fired` within this time.
fn candidates(
    scenario: &Scenario,
    fired: impl Fn(&str) -> Option<u64>,
    within: RangeInclusive<u64>,
) -> Vec<Simpler> {
    let steps = scenario.steps.iter().enumerate();
    let at = steps.filter_map(|(n, step)| Some((fired(&step.name.text)?, n)));
    let mut concerned: Vec<(u64, usize)> = at.filter(|(at, _)| within.contains(at)).collect();
    concerned.sort_unstable_by(|a, b| b.cmp(a));
    let mut all = vec![];
    for edit in EDITS {
        for &(_, n) in &concerned {
            let mut less = scenario.clone();
            if let Some(what) = edit(&mut less.steps[n]) {
                let without = format!("{what} of step {}", scenario.steps[n].name);
                all.push(Simpler { scenario: less, without });
            }
        }
    }
    all
}

/// One thing to leave away; says what it was, if the step has it.
type Edit = fn(&mut Step) -> Option<&'static str>;

/// What is tried, in this order: whole actions first.
const EDITS: &[Edit] = &[action, delay, nth, span];

fn action(step: &mut Step) -> Option<&'static str> {
    // A run that nothing ends would tell nothing.
    if matches!(step.then, Some(Action::End)) {
        return None;
    }
    let had = (step.then.take().is_some(), step.inject.take().is_some() | step.fault.take().is_some());
    step.begins_removal = false;
    match had {
        (true, false) => Some("the action"),
        (false, true) => Some("the fault"),
        (true, true) => Some("action and fault"),
        (false, false) => None,
    }
}

fn delay(step: &mut Step) -> Option<&'static str> {
    (std::mem::take(&mut step.delay) != Span::default()).then_some("the delay")
}

fn nth(step: &mut Step) -> Option<&'static str> {
    (std::mem::replace(&mut step.when.nth, 1) != 1).then_some("`nth`")
}

fn span(step: &mut Step) -> Option<&'static str> {
    step.inject.as_mut().and_then(|i| i.span.take()).map(|_| "the span")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
schema = 1
name = "x"
[[adapter]]
variant = "corsa"
[[actor]]
name = "p"
[[step]]
name = "early"
when = { guest = "ready", delay = "1ms" }
then = { go = "p" }
[[step]]
name = "hold"
when = { command = "afu-sync", nth = 2 }
fault = { hold = "1s" }
[[step]]
name = "late"
when = { step = "hold" }
then = { kill = "p" }
[[step]]
name = "stalls"
when = { step = "hold" }
inject = { fault = "cpu-stall", span = "3ms" }
[[step]]
name = "end"
when = { step = "late" }
then = { end = true }
"#;

    /// What is left away: nothing that came before the branch point, after the
    /// violation, or never; the latest first, whole actions before parameters.
    #[test]
    fn what_came_last_is_left_away_first() {
        let scenario = machine::scenario::parse(TEXT).expect("well formed");
        let steps = [("early", 1), ("hold", 10), ("stalls", 12), ("late", 15), ("end", 18)];
        let cases: [(u64, u64, &[&str]); 3] = [
            (
                5,
                20,
                &[
                    "the action of step late",
                    "the fault of step stalls",
                    "the fault of step hold",
                    "`nth` of step hold",
                    "the span of step stalls",
                ],
            ),
            (5, 11, &["the fault of step hold", "`nth` of step hold"]),
            (0, 9, &["the action of step early", "the delay of step early"]),
        ];
        for (branched, violated, expected) in cases {
            let all = of(&scenario, &steps, branched, violated);
            let said: Vec<&str> = all.iter().map(|s| s.without.as_str()).collect();
            assert_eq!(said, expected, "from {branched} to {violated}");
            assert!(all.iter().all(|s| s.scenario.steps.len() == 5 && s.scenario != scenario));
        }
    }

    fn of(scenario: &Scenario, steps: &[(&str, u64)], branched: u64, violated: u64) -> Vec<Simpler> {
        let steps: Vec<(String, u64)> = steps.iter().map(|(n, at)| ((*n).to_owned(), *at)).collect();
        candidates(
            scenario,
            |name| steps.iter().find(|(n, _)| n == name).map(|(_, at)| *at),
            branched..=violated,
        )
    }
}
