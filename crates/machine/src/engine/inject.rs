//! Faults of a scenario: decides at an injection point what happens there.

use crate::scenario::{Condition, FaultEffect, Operation, Scenario, What};
use fabric::{Effect, Injector, Point, Ticks};
use std::collections::BTreeMap;

/// One fault step.
#[derive(Clone, Debug)]
struct Rule {
    step: usize,
    operation: Operation,
    effect: Effect,
    nth: u64,
    times: u64,
    seen: u64,
    after: Option<usize>,
    armed: bool,
}

/// A fault that acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// Index of the step.
    pub step: usize,
    /// When.
    pub at: Ticks,
}

/// All fault steps of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    /// Process elements by actor.
    elements: BTreeMap<String, Vec<u64>>,
    acted: Vec<Acted>,
}

impl Faults {
    /// The faults of `scenario`, with what is drawn taken from `seed`.
    pub fn new(scenario: &Scenario, seed: u64) -> Faults {
        let mut rules = vec![];
        for (n, step) in scenario.steps.iter().enumerate() {
            let (Some(fault), Condition { what: What::Operation(operation), nth, after }) =
                (&step.fault, &step.when)
            else {
                continue;
            };
            let effect = match fault.effect {
                FaultEffect::Hold(span) => Effect::Hold(span.draw(seed, &format!("step.{}.hold", step.name))),
                FaultEffect::Drop => Effect::Drop,
                FaultEffect::Fail(code) => Effect::Fail(code),
            };
            rules.push(Rule {
                step: n,
                operation: operation.clone(),
                effect,
                nth: *nth,
                times: fault.times,
                seen: 0,
                after: after.as_ref().and_then(|a| scenario.step(&a.text)),
                armed: after.is_none(),
            });
        }
        Faults { rules, ..Faults::default() }
    }
    /// A process element of `actor` became known.
    pub fn element(&mut self, actor: &str, pe: u64) {
        self.elements.entry(actor.to_owned()).or_default().push(pe);
    }
    /// The elements of `actor`.
    pub fn elements(&self, actor: &str) -> &[u64] {
        self.elements.get(actor).map_or(&[], Vec::as_slice)
    }
    /// A step has fired: faults that waited for it are armed.
    pub fn fired(&mut self, step: usize) {
        for rule in self.rules.iter_mut().filter(|r| r.after == Some(step)) {
            rule.armed = true;
        }
    }
    /// Faults that acted since the last call.
    pub fn take_acted(&mut self) -> Vec<Acted> {
        std::mem::take(&mut self.acted)
    }
}

/// True if an operation with these fields is the one meant.
pub fn operation_matches(
    op: &Operation,
    elements: &[u64],
    kind: &str,
    field: impl Fn(&str) -> Option<u64>,
) -> bool {
    // What a command concerns is its `ctx`: the kernel sends syncs for a user
    // context through its own element.
    let element = field("ctx").or_else(|| field("pe"));
    kind == op.kind.text
        && op.mode.is_none_or(|m| field("mode") == Some(m))
        && op.pe.is_none_or(|pe| element == Some(pe))
        && (op.from.is_none() || element.is_some_and(|e| elements.contains(&e)))
}

impl Injector for Faults {
    fn at(&mut self, now: Ticks, point: &Point<'_>) -> Option<Effect> {
        let field = |name: &str| point.fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let mut effect = None;
        for rule in self.rules.iter_mut().filter(|r| r.armed && r.operation.point == point.name) {
            let from = rule.operation.from.as_ref().map(|f| f.text.as_str());
            let elements = from.and_then(|f| self.elements.get(f)).map_or(&[][..], Vec::as_slice);
            if !operation_matches(&rule.operation, elements, point.kind, field) {
                continue;
            }
            rule.seen += 1;
            let acts = rule.seen >= rule.nth && rule.seen - rule.nth < rule.times;
            if acts && effect.is_none() {
                effect = Some(rule.effect);
                if rule.seen == rule.nth {
                    self.acted.push(Acted { step: rule.step, at: now });
                }
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    const TEXT: &str = r#"
schema = 1
name = "x"
[[adapter]]
variant = "corsa"
[[actor]]
name = "p1"
[[step]]
name = "hold"
when = { command = "afu-sync", from = "p1", nth = 2 }
fault = { hold = "3s..9s" }
[[step]]
name = "drop"
when = { command = "afu-sync", after = "hold" }
fault = { drop = true, times = 2 }
"#;

    fn sync(f: &mut Faults, ctx: u64) -> Option<Effect> {
        let fields = [("pe", 0), ("ctx", ctx), ("mode", 0)];
        f.at(Ticks(5), &Point { name: "afu-command", kind: "afu-sync", fields: &fields })
    }

    #[test]
    fn a_fault_acts_on_the_nth_of_its_actor_and_then_no_more() {
        let scenario = parse(TEXT).expect("well formed");
        let mut f = Faults::new(&scenario, 7);
        assert_eq!(sync(&mut f, 1), None, "the element is not known yet");
        f.element("p1", 1);
        assert_eq!(sync(&mut f, 1), None);
        assert_eq!(sync(&mut f, 2), None, "another element");
        let Some(Effect::Hold(held)) = sync(&mut f, 1) else { panic!("held") };
        assert!((3_000_000_000..=9_000_000_000).contains(&held.0));
        assert_eq!(f.take_acted(), [Acted { step: 0, at: Ticks(5) }]);
        assert_eq!(sync(&mut f, 1), None);
        f.fired(0);
        assert_eq!(
            [sync(&mut f, 9), sync(&mut f, 9), sync(&mut f, 9)],
            [Some(Effect::Drop), Some(Effect::Drop), None]
        );
        let wrong = Point { name: "llcmd", kind: "afu-sync", fields: &[] };
        assert_eq!(f.at(Ticks(5), &wrong), None);
    }
}
