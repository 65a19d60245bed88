//! The main loop of a run.

use super::console::{Console, Trouble};
use super::dialogue::Dialogue;
use super::inject::Faults;
use super::symbols::SymbolTable;
use super::triggers::{Happening, Knowledge, Target, Triggers};
use super::view::{GuestOffsets, View};
use super::watches::{Hit, Watches};
use super::{Class, Ended, Host, Outcome, Setup, Status, Wish};
use crate::build::{BuildError, MachineConfig};
use crate::machine::{Machine, Stop};
use crate::oracle::{Judge, Removal, Violation};
use crate::scenario::{Scenario, What, check};
use fabric::{Record, Ticks, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Device number of records that the engine writes.
pub const ENGINE: u32 = 0;
/// Time after a panic, or after the verdict is clear, for the console to finish.
const AFTERWARDS: Ticks = Ticks::millis(500);

/// A run in progress.
pub(super) struct Session<'a> {
    pub machine: Machine,
    pub scenario: &'a Scenario,
    pub host: &'a mut dyn Host,
    pub table: SymbolTable<'a>,
    pub watches: Watches,
    pub faults: Faults,
    pub dialogue: Dialogue,
    triggers: Triggers,
    judge: Judge,
    console: Console,
    offsets: GuestOffsets,
    full: BTreeMap<String, String>,
    pub seed: u64,
    slice: Ticks,
    /// How often the fault of each step acted.
    pub injected: BTreeMap<usize, u64>,
    /// Steps that are due, by time and index.
    due: BTreeSet<(Ticks, usize)>,
    fired: BTreeMap<usize, Ticks>,
    complaints: Vec<Violation>,
    trouble: BTreeMap<Trouble, u64>,
    last_output: Ticks,
    last_sign: Ticks,
    pub ending: Option<(Ticks, Ended)>,
    /// Steps whose condition was met and that are to be looked at.
    queue: VecDeque<usize>,
}

/// Runs a scenario to its end.
pub fn run(setup: Setup<'_>, host: &mut dyn Host) -> Result<Outcome, BuildError> {
    let mut session = Session::new(setup, host)?;
    let ended = session.play();
    Ok(session.finish(ended))
}

impl<'a> Session<'a> {
    fn new(setup: Setup<'a>, host: &'a mut dyn Host) -> Result<Session<'a>, BuildError> {
        let Setup { scenario, kernel, modules, offsets, initrd, adapters, seed, slice } = setup;
        let spec = &scenario.machine;
        let config = MachineConfig {
            cpus: spec.cpus,
            memory: spec.memory,
            cmdline: spec.cmdline.clone(),
            seed,
            quantum: spec.quantum,
            initrd,
            adapters,
        };
        let machine = Machine::new(config, kernel)?;
        let table = SymbolTable::new(&kernel.symbols, modules);
        let full = check::symbols(scenario).into_iter();
        let full = full.filter_map(|n| Some((n.text.clone(), table.check(&n.text)?))).collect();
        let require: Vec<_> =
            scenario.oracle.require.iter().map(|r| (r.name.text.clone(), r.within)).collect();
        let mut session = Session {
            watches: Watches::new(scenario, &table),
            faults: Faults::new(scenario, seed),
            dialogue: Dialogue::default(),
            triggers: Triggers::new(scenario),
            judge: Judge::new(&require),
            console: Console::default(),
            machine,
            scenario,
            host,
            table,
            offsets,
            full,
            seed,
            slice,
            injected: BTreeMap::new(),
            due: BTreeSet::new(),
            fired: BTreeMap::new(),
            complaints: vec![],
            trouble: BTreeMap::new(),
            last_output: Ticks(0),
            last_sign: Ticks(0),
            ending: None,
            queue: VecDeque::new(),
        };
        session.start();
        Ok(session)
    }

    fn start(&mut self) {
        self.watches.arm(&mut self.machine, &self.table);
        for (n, step) in self.scenario.steps.iter().enumerate() {
            if let What::At(at) = step.when.what {
                self.due.insert((at, n));
            }
        }
        let tasks =
            self.scenario.conditions().any(|c| matches!(c.what, What::AsleepIn(_) | What::SlowPath { .. }));
        if tasks && !self.offsets.complete() {
            self.complain(
                "the kernel's structure offsets are unknown: conditions on tasks cannot be met".into(),
            );
        }
    }

    /// Virtual time as the CPU that stopped, or the machine, sees it.
    fn now(&self) -> Ticks {
        self.machine.now()
    }

    fn play(&mut self) -> Ended {
        let mut next_look = self.slice;
        loop {
            let now = self.now();
            if let Some((at, ended)) = self.ending
                && now >= at
            {
                return ended;
            }
            if now >= self.scenario.limits.virtual_time {
                return Ended::Limit;
            }
            if now >= self.last_sign + self.scenario.limits.idle {
                self.guest_trouble("no-progress", "no sign of life from the guest");
                return Ended::NoProgress;
            }
            if now >= next_look {
                next_look = Ticks((now.0 / self.slice.0 + 1) * self.slice.0);
                match self.host.poll(&self.status()) {
                    Wish::Continue => {}
                    Wish::Input(bytes) => self.machine.push_input(0, &bytes),
                    Wish::Stop => return Ended::Stopped,
                }
            }
            let stop = self.machine.run(self.limit(next_look), &mut self.faults);
            if let Some(ended) = self.stopped(stop) {
                return ended;
            }
        }
    }

    fn limit(&self, next_look: Ticks) -> Ticks {
        let step = self.due.first().map_or(Ticks::NEVER, |(at, _)| *at);
        let ending = self.ending.map_or(Ticks::NEVER, |(at, _)| at);
        next_look.min(step).min(ending).min(self.judge.deadline()).min(self.scenario.limits.virtual_time)
    }

    fn stopped(&mut self, stop: Stop) -> Option<Ended> {
        if let Stop::Watch { cpu } = stop {
            self.watched(cpu);
        }
        self.collect();
        self.judge.tick(self.now());
        self.fire_due();
        self.decide();
        match stop {
            Stop::PowerOff => {
                self.happen(&Happening::Guest("power-off"));
                Some(Ended::PowerOff)
            }
            Stop::Reboot(_) => {
                self.happen(&Happening::Guest("reboot"));
                Some(Ended::Reboot)
            }
            Stop::Dead => {
                self.guest_trouble("no-progress", "every CPU is idle for ever");
                Some(Ended::NoProgress)
            }
            Stop::Limit | Stop::Activity | Stop::Watch { .. } => None,
        }
    }

    /// Takes everything that waits in the machine.
    fn collect(&mut self) {
        for acted in self.faults.take_acted() {
            match &self.scenario.steps[acted.step].inject {
                Some(injection) => self.injected(acted.step, injection),
                None => self.fire(acted.step, acted.at),
            }
        }
        for record in self.machine.take_records() {
            self.last_sign = self.now();
            self.note(record);
        }
        let output = self.machine.take_output(0);
        if !output.is_empty() {
            self.last_output = self.now();
            self.last_sign = self.now();
            self.host.output(0, &output);
            for line in self.console.receive(&output) {
                self.console_line(&line);
            }
        }
        let channel = self.machine.take_output(1);
        if !channel.is_empty() {
            self.last_sign = self.now();
            self.host.output(1, &channel);
            self.hear(&channel);
        }
        let input = self.dialogue.channel.take_input();
        if !input.is_empty() {
            self.machine.push_input(1, &input);
        }
    }

    fn console_line(&mut self, line: &str) {
        if let Some(trouble) = Console::trouble(line) {
            let first = self.trouble.insert(trouble, 1).is_none();
            let kind = match trouble {
                Trouble::Warn => "warn",
                Trouble::HungTask | Trouble::Lockup => "hung-task",
                Trouble::Oops => "oops",
                Trouble::Panic => "panic",
            };
            // An Oops takes several lines that match; they are one.
            if first || !matches!(trouble, Trouble::Oops | Trouble::Panic) {
                self.guest_trouble(kind, super::strip_time(line));
            }
            if first && matches!(kind, "oops" | "panic") {
                self.happen(&Happening::Guest(kind));
            }
            if trouble == Trouble::Panic && self.ending.is_none() {
                self.ending = Some((self.now() + AFTERWARDS, Ended::Panic));
            }
        }
        self.happen(&Happening::Console(line));
    }

    /// Writes a record of our own.
    pub fn say(&mut self, kind: &'static str, texts: &[(&'static str, &str)]) {
        let fields = texts.iter().map(|(n, t)| (*n, Value::from(*t))).collect();
        self.note(Record { at: self.now(), device: ENGINE, kind, fields });
    }
    fn guest_trouble(&mut self, kind: &str, text: &str) {
        self.say("guest-trouble", &[("trouble", kind), ("text", text)]);
    }
    /// Something that should not be and is nobody's violation.
    pub fn complain(&mut self, text: String) {
        self.say("engine-complaint", &[("text", &text)]);
        let at_ns = self.now().0;
        self.complaints.push(Violation { oracle: "engine".into(), at_ns, pe: None, text });
    }

    fn note(&mut self, record: Record) {
        self.judge.record(&record);
        self.host.record(&record);
        self.happen(&Happening::Record(&record));
    }

    /// Shows the conditions what happened, and does what follows.
    pub fn happen(&mut self, happening: &Happening<'_>) {
        let elements = |actor: &str| self.faults.elements(actor).to_vec();
        let known = Knowledge { elements: &elements, full: &self.full };
        let met = self.triggers.happen(happening, &known);
        for target in met {
            match target {
                Target::Step(n) => {
                    let step = &self.scenario.steps[n];
                    let delay = step.delay.draw(self.seed, &format!("step.{}.delay", step.name));
                    self.due.insert((self.now() + delay, n));
                }
                Target::Reach(n) => {
                    let name = self.scenario.oracle.must_reach[n].name.clone();
                    self.say("reached", &[("name", &name)]);
                }
            }
        }
    }

    fn fire_due(&mut self) {
        while let Some(&(at, step)) = self.due.first() {
            if at > self.now() {
                return;
            }
            self.due.remove(&(at, step));
            self.fire(step, self.now());
        }
    }

    /// A step fires: once.
    fn fire(&mut self, step: usize, at: Ticks) {
        self.queue.push_back(step);
        while let Some(n) = self.queue.pop_front() {
            if self.fired.contains_key(&n) {
                continue;
            }
            self.fired.insert(n, at);
            let scenario = self.scenario;
            let step = &scenario.steps[n];
            self.say("step", &[("name", &step.name.text)]);
            if step.begins_removal {
                self.say("removal", &[("step", &step.name.text)]);
            }
            if let Some(action) = &step.then {
                self.act(action);
            }
            if let Some(injection) = &step.inject {
                self.inject(n, injection);
            }
            self.faults.fired(n);
            self.triggers.arm(&step.name.text);
            self.happen(&Happening::Step(&step.name.text));
        }
    }

    fn watched(&mut self, cpu: usize) {
        for hit in self.watches.hit(&mut self.machine, cpu, &self.offsets, &self.table) {
            match &hit {
                Hit::Symbol { name, returned, under, task } => {
                    let value = returned.map(|v| format!("{:#x}", v)).unwrap_or_default();
                    self.say("symbol", &[("name", name), ("returned", &value), ("task", task)]);
                    self.happen(&Happening::Symbol { name, returned: *returned, under });
                }
                Hit::Asleep { name, task } => {
                    self.say("asleep", &[("in", name), ("task", task)]);
                    self.happen(&Happening::Asleep(name));
                }
                Hit::SlowPath { lock, under, signal_pending, held_by, task } => {
                    if !under.is_empty() {
                        let signal = match signal_pending {
                            Some(true) => "yes",
                            Some(false) => "no",
                            None => "unknown",
                        };
                        let (lock, on, held) = (format!("{lock:#x}"), under.join(" "), held_by.join(" "));
                        let texts = [
                            ("lock", &*lock),
                            ("under", &*on),
                            ("signal", signal),
                            ("held_by", &*held),
                            ("task", &**task),
                        ];
                        self.say("mutex-slow-path", &texts);
                    }
                    let (under, held_by) = (&under[..], &held_by[..]);
                    self.happen(&Happening::SlowPath { under, signal_pending: *signal_pending, held_by });
                }
                Hit::Trouble(what) => self.say("kernel-function", &[("trouble", what)]),
            }
        }
    }

    /// Ends the run when nothing more can be learnt.
    fn decide(&mut self) {
        let bug = &self.scenario.oracle.bug;
        let shown = if bug.is_empty() {
            self.judge.violated("remove-finishes")
        } else {
            bug.iter().all(|name| self.judge.violated(&name.text))
        };
        if shown && self.ending.is_none() {
            self.ending = Some((self.now() + AFTERWARDS, Ended::Decided));
        }
    }

    fn status(&self) -> Status {
        let phase = match (self.dialogue.ready, self.dialogue.hello, self.judge.removal()) {
            (_, _, Removal::Unfinished | Removal::Hung) => "removing",
            (true, ..) => "running",
            (false, true, _) => "loading modules",
            (false, false, _) => "booting",
        };
        Status {
            now: self.now(),
            instructions: self.machine.instructions(),
            idle: self.machine.cpus().iter().all(|c| c.stopped),
            last_output: self.last_output,
            ready: self.dialogue.ready,
            phase,
        }
    }

    fn finish(mut self, ended: Ended) -> Outcome {
        let now = self.now();
        self.judge.finish(now);
        let (class, removal) = (self.class(ended), self.judge.removal());
        let mut findings = std::mem::take(&mut self.judge.findings);
        findings.append(&mut self.complaints);
        let reach = self.scenario.oracle.must_reach.iter().enumerate();
        let step_name = |n: &usize| self.scenario.steps[*n].name.text.clone();
        Outcome {
            class,
            ended,
            violations: std::mem::take(&mut self.judge.violations),
            findings,
            removal,
            oops: self.console.oops().map(str::to_owned),
            reached: reach
                .map(|(n, r)| (r.name.clone(), self.triggers.reached(n)))
                .chain(self.injections())
                .collect(),
            steps: self.fired.iter().map(|(n, at)| (step_name(n), at.0)).collect(),
            now,
            instructions: self.machine.instructions(),
            state_hash: self.machine.state_hash(),
            console: self.console.tail(),
            cpus: (0..self.machine.cpus().len()).map(|n| self.place(n)).collect(),
        }
    }
    /// Where a CPU is, for people.
    fn place(&self, cpu: usize) -> String {
        const CALLERS: usize = 8;
        if self.machine.cpus()[cpu].stopped {
            return format!("cpu {cpu}: idle");
        }
        let view = View::new(&self.machine, &self.offsets, cpu);
        let mut all = vec![view.pc()];
        all.extend(view.back_chain());
        let named: Vec<String> = all.iter().take(CALLERS).map(|a| self.table.describe(*a)).collect();
        format!("cpu {cpu}: {} ({})", named.join(" < "), view.task_name())
    }
    fn class(&self, ended: Ended) -> Class {
        let had = |t: Trouble| self.trouble.contains_key(&t);
        let booted = self.dialogue.hello;
        let in_trouble = !self.trouble.is_empty() && !matches!(ended, Ended::PowerOff | Ended::Scenario);
        match ended {
            _ if in_trouble && !booted => Class::BootFailed,
            _ if had(Trouble::Panic) => Class::Panic,
            _ if had(Trouble::Oops) => Class::Oops,
            _ if had(Trouble::HungTask) || had(Trouble::Lockup) => Class::Hung,
            _ if self.judge.removal() == Removal::Hung => Class::Hung,
            Ended::Stopped => Class::Stopped,
            Ended::NoProgress if booted => Class::NoProgress,
            Ended::Limit if booted => Class::Limit,
            Ended::NoProgress | Ended::Limit => Class::BootFailed,
            _ => Class::Finished,
        }
    }
}
