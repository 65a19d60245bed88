//! Steps that bring about a fault of the catalogue.

use super::session::Session;
use crate::faults::{Fault, Part};
use crate::scenario::Injection;
use fabric::NotDone;

impl Session<'_, '_> {
    /// Begins the fault of step `step`: what waits for operations is armed,
    /// what happens by itself happens now.
    pub fn inject(&mut self, step: usize, injection: &Injection) {
        // The scenario's check has found both.
        let Some(fault) = Fault::find(&injection.fault.text) else { return };
        let Some(way) = fault.way(injection.way.as_ref().map(|w| w.text.as_str())) else { return };
        let name = &self.scenario.steps[step].name;
        let span = injection.span.map(|s| s.draw(self.state.seed, &format!("step.{name}.span")));
        let now = self.machine.now();
        for part in way.parts {
            if self.state.faults.arm(step, injection, part, span, now) {
                continue;
            }
            if let Part::Holder { span: usual, lasts } = part {
                self.stall_holder(step, injection, span.unwrap_or(*usual), *lasts);
                continue;
            }
            match self.mishap(injection, part, span.map(|t| t.0)) {
                Ok(()) => self.injected(step, injection),
                Err(e) => self.complain(format!("step {name}: {} did not happen: {e}", fault.name)),
            }
        }
    }
    fn mishap(&mut self, injection: &Injection, part: &Part, span: Option<u64>) -> Result<(), NotDone> {
        let mut fields: Vec<(&str, u64)> = injection.with.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        let own = [
            ("span", span),
            ("value", injection.value),
            ("pe", injection.pe),
            ("times", injection.times),
            ("lasts", injection.lasts.map(|t| t.0)),
        ];
        fields.extend(own.iter().filter_map(|(n, v)| Some((*n, (*v)?))));
        self.machine.mishap(injection.adapter, part, &fields, &mut self.state.faults)
    }
    /// The fault of step `step` has acted.
    pub fn injected(&mut self, step: usize, injection: &Injection) {
        *self.state.injected.entry(step).or_default() += 1;
        let scenario = self.scenario;
        let texts = [("fault", &*injection.fault.text), ("step", &*scenario.steps[step].name.text)];
        self.say("fault-injected", &texts);
    }
    /// How often the fault of each step acted: a run in which one never did
    /// proves nothing about it.
    pub fn injections(&self) -> Vec<(String, u64)> {
        let steps = self.scenario.steps.iter().enumerate();
        let faulty = steps.filter_map(|(n, s)| Some((n, &s.name, s.inject.as_ref()?)));
        faulty
            .map(|(n, step, i)| {
                (
                    format!("fault {} of step {step}", i.fault),
                    self.state.injected.get(&n).copied().unwrap_or(0),
                )
            })
            .collect()
    }
}
