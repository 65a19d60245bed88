//! The saved form of what a run has come to. What the scenario and the kernel
//! say is not in it and comes from them again; oracles are shown again what
//! they were shown.

use super::console::{Console, Trouble};
use super::dialogue::Dialogue;
use super::holder::Holders;
use super::inject::{self, Faults};
use super::progress::{Branching, Progress};
use super::symbols::{ModuleSymbols, SymbolTable};
use super::triggers::Triggers;
use super::watches::Watches;
use super::{Ended, Point};
use crate::guest::GuestReport;
use crate::kernel::KernelImage;
use crate::oracle::Violation;
use crate::oracle::heard::History;
use crate::scenario::Scenario;
use fabric::{BadState, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is saved of a [`Progress`] that stands at its branch point.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    load_addresses: Vec<((String, String), u64)>,
    watches: Watches,
    faults: inject::Standing,
    holders: Holders,
    dialogue: Dialogue,
    triggers: Vec<(bool, u64)>,
    heard: History,
    console: Console,
    seed: u64,
    injected: BTreeMap<usize, u64>,
    due: BTreeSet<(Ticks, usize)>,
    fired: BTreeMap<usize, Ticks>,
    complaints: Vec<Violation>,
    trouble: BTreeMap<Trouble, u64>,
    last_output: Ticks,
    last_sign: Ticks,
    next_look: Ticks,
    ending: Option<(Ticks, Ended)>,
    /// As JSON: fields that say nothing are left out of it, which the other form cannot.
    scene: Option<String>,
}

impl Saved {
    /// Of `p`, whose oracles were shown `heard`.
    pub fn new(p: &Progress<'_>, heard: &History) -> Saved {
        // Every field by name, so that none that comes later is forgotten.
        let Progress {
            table,
            watches,
            // It begins at the branch point, never before.
            observer: _,
            faults,
            holders,
            dialogue,
            triggers,
            judge: _,
            console,
            full: _,
            seed,
            injected,
            due,
            fired,
            complaints,
            trouble,
            last_output,
            last_sign,
            next_look,
            ending,
            queue: _,
            branching: _,
            branched: _,
            scene,
        } = p.clone();
        Saved {
            load_addresses: table.load_addresses().iter().map(|(k, v)| (k.clone(), *v)).collect(),
            faults: faults.standing(),
            triggers: triggers.standing(),
            heard: heard.clone(),
            watches,
            holders,
            dialogue,
            console,
            seed,
            injected,
            due,
            fired,
            complaints,
            trouble,
            last_output,
            last_sign,
            next_look,
            ending,
            scene: scene.map(|s| serde_json::to_string(&s).expect("a report has a JSON form")),
        }
    }
    /// The progress that was saved `at` its branch point, and what its oracles were shown.
    ///
    /// # Errors
    /// It is not of this scenario.
    pub fn restore<'a>(
        self,
        scenario: &Scenario,
        kernel: &'a KernelImage,
        modules: Vec<ModuleSymbols>,
        at: Point,
    ) -> Result<(Progress<'a>, History), BadState> {
        let other = |what: &str| BadState { what: "this scenario", reason: format!("{what} of another") };
        let step = |n: &usize| *n < scenario.steps.len();
        let known = self.injected.keys().all(step)
            && self.fired.keys().all(step)
            && self.due.iter().all(|(_, n)| step(n))
            && self.holders.is_of(scenario.steps.len());
        if !known {
            return Err(other("steps"));
        }
        if !self.watches.is_whole() {
            return Err(other("watched functions"));
        }
        let mut table = SymbolTable::new(&kernel.symbols, modules);
        for ((module, section), address) in &self.load_addresses {
            table.loaded(module, section, *address);
        }
        let mut p = Progress::new(scenario, table, self.seed);
        p.judge.relive(&self.heard);
        p.watches = self.watches;
        p.faults = Faults::stand(scenario, self.seed, &self.faults).ok_or_else(|| other("faults"))?;
        p.triggers = Triggers::stand(scenario, &self.triggers).ok_or_else(|| other("conditions"))?;
        (p.dialogue, p.console, p.holders) = (self.dialogue, self.console, self.holders);
        (p.injected, p.due, p.fired) = (self.injected, self.due, self.fired);
        (p.complaints, p.trouble, p.ending) = (self.complaints, self.trouble, self.ending);
        (p.last_output, p.last_sign, p.next_look) = (self.last_output, self.last_sign, self.next_look);
        let scene = self.scene.map(|s| serde_json::from_str::<GuestReport>(&s)).transpose();
        p.scene = scene.map_err(|_| other("tasks"))?;
        (p.branching, p.branched) = (Branching::Passed, Some(at));
        Ok((p, self.heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::triggers::{Happening, Knowledge};
    use crate::oracle::Judge;
    use crate::scenario::parse;
    use fabric::{Injector, Point as InjectionPoint, Record, Rng, Value};

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
fault = { hold = "3s..9s", times = 2 }
[[step]]
name = "late"
when = { llcmd = "terminate", nth = 3 }
inject = { fault = "sync-delayed", from = "p1", nth = 2 }
[[step]]
name = "drop"
when = { command = "afu-sync", after = "late" }
fault = { drop = true, times = 2 }
[oracle]
must_reach = [{ llcmd = "add", after = "late", nth = 2 }]
"#;

    /// What a run may come by, a little of everything that oracles look at.
    fn record(rng: &mut Rng, at: Ticks) -> Record {
        const KINDS: &[(&str, &[&str])] = &[
            ("llcmd", &["add", "terminate", "remove"]),
            ("llcmd-done", &["add", "terminate", "remove"]),
            ("afu-cntl", &["enable", "reset"]),
            ("afu-cntl-done", &["enable", "reset"]),
            ("afu-command", &["afu-sync", "read"]),
            ("afu-command-done", &["afu-sync", "read"]),
            ("afu-interrupt", &["async", "sync"]),
            ("protocol-error", &["reserved-register", "dma-not-enabled"]),
            ("pci-reset", &[""]),
            ("removal", &[""]),
        ];
        let pick = |rng: &mut Rng, n: usize| rng.below(n as u64) as usize;
        let (kind, texts) = KINDS[pick(rng, KINDS.len())];
        let text = texts[pick(rng, texts.len())];
        let mut fields: Vec<(&'static str, Value)> =
            ["cmd", "what", "kind", "cause"].iter().map(|n| (*n, text.into())).collect();
        for name in
            ["pe", "ctx", "mode", "added", "state", "enabled", "prev_pending", "lisn", "bits", "master"]
        {
            fields.push((name, rng.below(4).into()));
        }
        Record { at, device: 1, kind, fields }
    }

    /// Oracles, conditions and faults of a run.
    #[derive(Clone)]
    struct Run {
        judge: Judge,
        triggers: Triggers,
        faults: Faults,
    }

    impl Run {
        /// Lets the next thing happen and says what came of it.
        fn step(&mut self, scenario: &Scenario, rng: &mut Rng, at: Ticks) -> String {
            let r = record(rng, at);
            let fields: Vec<(&'static str, u64)> =
                r.fields.iter().filter_map(|(n, _)| Some((*n, r.u64(n)?))).collect();
            let point =
                InjectionPoint { name: "afu-command", kind: r.text("kind").unwrap_or(""), fields: &fields };
            let effect = self.faults.at(at, &point);
            self.judge.record(&r);
            self.judge.tick(at);
            let elements = |_: &str| vec![1];
            let known = Knowledge { elements: &elements, full: &BTreeMap::new() };
            let met = self.triggers.happen(&Happening::Record(&r), &known);
            if met.contains(&crate::engine::triggers::Target::Step(1)) {
                let injection = scenario.steps[1].inject.as_ref().expect("an injection");
                let part =
                    &crate::faults::Fault::find("sync-delayed").expect("in the table").ways[0].parts[0];
                self.faults.arm(1, injection, part, Some(Ticks(77)), at);
                self.faults.fired(1);
                self.triggers.arm("late");
            }
            format!("{effect:?} {met:?} {:?} {:?}", self.faults.take_acted(), self.judge.deadline())
        }
        /// What its saved form gives.
        fn saved_and_restored(&mut self, scenario: &Scenario) -> Run {
            let form = (self.faults.standing(), self.triggers.standing(), self.judge.clone().take_history());
            let bytes = postcard::to_stdvec(&form).expect("it has a form");
            let (faults, triggers, heard): (inject::Standing, Vec<(bool, u64)>, History) =
                postcard::from_bytes(&bytes).expect("its own form");
            let mut judge = Judge::new(&[]);
            judge.relive(&heard);
            Run {
                judge,
                // Another seed: what was drawn is in the saved form.
                faults: Faults::stand(scenario, 99, &faults).expect("of this scenario"),
                triggers: Triggers::stand(scenario, &triggers).expect("of this scenario"),
            }
        }
    }

    /// Random runs, saved at a random moment: whatever happens next does the
    /// same to what was restored.
    #[test]
    fn what_is_restored_goes_on_like_what_was_saved() {
        let scenario = parse(TEXT).expect("well formed");
        let (mut acted, mut seen) = (0, 0);
        for seed in 0..48 {
            let mut rng = Rng::named(seed, "saved runs");
            let mut run = Run {
                judge: Judge::new(&[]),
                triggers: Triggers::new(&scenario),
                faults: Faults::new(&scenario, 1),
            };
            run.judge.remember();
            run.faults.element("p1", 1);
            let (cut, mut now) = (rng.below(120), Ticks(0));
            for _ in 0..cut {
                now += Ticks(rng.below(200_000_000));
                run.step(&scenario, &mut rng, now);
            }
            let mut again = run.saved_and_restored(&scenario);
            let mut other = rng.clone();
            for n in 0..120 {
                now += Ticks(rng.below(200_000_000));
                other.below(200_000_000);
                let (a, b) = (run.step(&scenario, &mut rng, now), again.step(&scenario, &mut other, now));
                assert_eq!(a, b, "seed {seed}, saved after {cut}, {n} later");
                acted += u64::from(!a.starts_with("None"));
            }
            run.judge.finish(now);
            again.judge.finish(now);
            assert_eq!(run.judge.violations, again.judge.violations, "seed {seed}");
            assert_eq!(run.judge.findings, again.judge.findings, "seed {seed}");
            assert_eq!(run.judge.removal(), again.judge.removal(), "seed {seed}");
            seen += run.judge.violations.len();
        }
        assert!(acted > 48 && seen > 48, "{acted} faults and {seen} violations prove too little");
    }

    #[test]
    fn what_is_of_another_scenario_is_refused() {
        let scenario = parse(TEXT).expect("well formed");
        let other = parse("schema = 1\nname = \"x\"\n").expect("well formed");
        let (faults, triggers) = (Faults::new(&scenario, 1), Triggers::new(&scenario));
        assert!(Faults::stand(&other, 1, &faults.standing()).is_none());
        assert!(Triggers::stand(&other, &triggers.standing()).is_none());
    }
}
