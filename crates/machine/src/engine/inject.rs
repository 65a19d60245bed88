//! Faults of a scenario: decides at an injection point what happens there.

use crate::faults::{Fault, Part};
use crate::scenario::{Condition, FaultEffect, Injection, Operation, Scenario, What};
use fabric::{Effect, Injector, Point, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One fault that waits for operations.
#[derive(Clone, Debug)]
struct Rule {
    step: usize,
    point: &'static str,
    meets: Meets,
    effect: Effect,
    nth: u64,
    times: u64,
    seen: u64,
    after: Option<usize>,
    armed: bool,
    until: Ticks,
}

/// Which operations of its point a fault meets.
#[derive(Clone, Debug)]
enum Meets {
    /// Those that a step's condition names.
    Operation(Operation),
    /// Those that a fault of the catalogue is about.
    Catalogue {
        kinds: &'static [&'static str],
        from: Option<String>,
        pe: Option<u64>,
        with: BTreeMap<String, u64>,
    },
}

impl Meets {
    fn meets(&self, elements: &BTreeMap<String, Vec<u64>>, point: &Point<'_>) -> bool {
        let field = |name: &str| point.fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let known = |from: &str| elements.get(from).map_or(&[][..], Vec::as_slice);
        match self {
            Meets::Operation(op) => {
                let of = op.from.as_ref().map_or(&[][..], |f| known(&f.text));
                operation_matches(op, of, point.kind, field)
            }
            Meets::Catalogue { kinds, from, pe, with } => {
                let element = field("ctx").or_else(|| field("pe"));
                (kinds.is_empty() || kinds.contains(&point.kind))
                    && pe.is_none_or(|pe| element == Some(pe))
                    && from.as_ref().is_none_or(|f| element.is_some_and(|e| known(f).contains(&e)))
                    && with.iter().all(|(name, value)| field(name) == Some(*value))
            }
        }
    }
}

/// A fault that acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// What distinguishes a fault that has waited for operations from one that is
/// new: the rest is the scenario's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stood {
    step: usize,
    effect: Effect,
    seen: u64,
    armed: bool,
    until: Ticks,
}

/// How the faults of a run stand; see [`Faults::standing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    rules: Vec<Stood>,
    elements: BTreeMap<String, Vec<u64>>,
    acted: Vec<Acted>,
}

impl Faults {
    /// How they stand.
    pub fn standing(&self) -> Standing {
        let stood =
            |r: &Rule| Stood { step: r.step, effect: r.effect, seen: r.seen, armed: r.armed, until: r.until };
        Standing {
            rules: self.rules.iter().map(stood).collect(),
            elements: self.elements.clone(),
            acted: self.acted.clone(),
        }
    }
    /// The faults of `scenario` as they stood; nothing if these are of another.
    pub fn stand(scenario: &Scenario, seed: u64, standing: &Standing) -> Option<Faults> {
        let mut faults = Faults::new(scenario, seed);
        let waiting = faults.rules.len();
        let mut armed: BTreeMap<usize, usize> = BTreeMap::new();
        for stood in standing.rules.get(waiting..)? {
            let injection = scenario.steps.get(stood.step)?.inject.as_ref()?;
            let way = Fault::find(&injection.fault.text)?.way(injection.way.as_ref().map(|w| &*w.text))?;
            // A step fires once, and then arms its parts in their order.
            let nth = armed.entry(stood.step).or_default();
            let part = way.parts.iter().filter(|p| matches!(p, Part::At { .. })).nth(*nth)?;
            *nth += 1;
            faults.arm(stood.step, injection, part, None, Ticks(0));
        }
        for (rule, stood) in faults.rules.iter_mut().zip(&standing.rules) {
            if rule.step != stood.step {
                return None;
            }
            (rule.effect, rule.seen, rule.armed, rule.until) =
                (stood.effect, stood.seen, stood.armed, stood.until);
        }
        if standing.acted.iter().any(|a| a.step >= scenario.steps.len()) {
            return None;
        }
        (faults.elements, faults.acted) = (standing.elements.clone(), standing.acted.clone());
        Some(faults)
    }
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
                point: operation.point,
                meets: Meets::Operation(operation.clone()),
                effect,
                nth: *nth,
                times: fault.times,
                seen: 0,
                after: after.as_ref().and_then(|a| scenario.step(&a.text)),
                armed: after.is_none(),
                until: Ticks::NEVER,
            });
        }
        Faults { rules, ..Faults::default() }
    }
    /// Draws anew, from `seed`, what faults do that have met nothing yet.
    pub fn redraw(&mut self, scenario: &Scenario, seed: u64) {
        for rule in self.rules.iter_mut().filter(|r| r.seen == 0) {
            let step = &scenario.steps[rule.step];
            if let Some(FaultEffect::Hold(span)) = step.fault.as_ref().map(|f| f.effect) {
                rule.effect = Effect::Hold(span.draw(seed, &format!("step.{}.hold", step.name)));
            }
        }
    }
    /// Step `step` brings about `part` of a fault at an injection point; false
    /// if that part does not wait for operations.
    pub fn arm(
        &mut self,
        step: usize,
        injection: &Injection,
        part: &Part,
        span: Option<Ticks>,
        now: Ticks,
    ) -> bool {
        let Part::At { point, kinds, does, times } = part else { return false };
        self.rules.push(Rule {
            step,
            point,
            meets: Meets::Catalogue {
                kinds,
                from: injection.from.as_ref().map(|f| f.text.clone()),
                pe: injection.pe,
                with: injection.with.clone(),
            },
            effect: does.effect(span, injection.value),
            nth: injection.nth,
            times: injection.times.unwrap_or(*times),
            seen: 0,
            after: None,
            armed: true,
            until: injection.lasts.map_or(Ticks::NEVER, |t| now + t),
        });
        true
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
        let mut effect = None;
        for rule in self.rules.iter_mut().filter(|r| r.armed && r.point == point.name && now < r.until) {
            if !rule.meets.meets(&self.elements, point) {
                continue;
            }
            rule.seen += 1;
            let acts = rule.seen >= rule.nth && rule.seen - rule.nth < rule.times;
            if acts && effect.is_some() {
                // Two faults cannot meet one operation: this one waits for the next.
                rule.seen -= 1;
            } else if acts {
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
    fn a_fault_of_the_catalogue_is_armed_when_its_step_fires() {
        let text = TEXT.to_owned()
            + "[[step]]\nname = \"late\"\nwhen = { at = \"1s\" }\n\
               inject = { fault = \"sync-delayed\", from = \"p1\", nth = 2, lasts = \"9s\", with = { mode = 0 } }\n";
        let scenario = parse(&text).expect("well formed");
        let injection = scenario.steps[2].inject.as_ref().expect("an injection");
        let mut f = Faults::default();
        f.element("p1", 1);
        let parts = crate::faults::Fault::find("sync-delayed").expect("in the table").ways[0].parts;
        assert!(f.arm(2, injection, &parts[0], Some(Ticks(77)), Ticks(1)));
        assert_eq!(
            [sync(&mut f, 1), sync(&mut f, 2), sync(&mut f, 1)],
            [None, None, Some(Effect::Hold(Ticks(77)))]
        );
        assert_eq!(f.take_acted(), [Acted { step: 2, at: Ticks(5) }]);
        let fields = [("ctx", 1), ("mode", 2)];
        let other = Point { name: "afu-command", kind: "afu-sync", fields: &fields };
        assert!(f.arm(2, injection, &parts[0], Some(Ticks(77)), Ticks(1)));
        assert_eq!(f.at(Ticks(5), &other), None, "another mode");
        assert_eq!(f.at(Ticks::secs(10), &other), None, "too late");
        assert!(!f.arm(2, injection, &Part::Card("x", &[]), None, Ticks(1)), "that one does not wait");
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
