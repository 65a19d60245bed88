//! The main loop of a run.

use super::branch::{Branch, Hashing};
use super::console::{Console, Trouble};
use super::locks::Contention;
use super::observe::Observer;
use super::progress::{Branching, Progress};
use super::symbols::SymbolTable;
use super::triggers::{Happening, Knowledge, Target};
use super::view::View;
use super::watches::{Hit, NAMING};
use super::{Class, Ended, Host, Outcome, Point, Setup, Status, Wish};
use crate::build::{BuildError, Loaded, MachineConfig};
use crate::guest::{GuestOffsets, GuestReport, Inspector};
use crate::kernel::KernelImage;
use crate::machine::{Machine, Stop};
use crate::oracle::{Removal, Violation};
use crate::scenario::{Condition, Scenario, Step, What};
use fabric::{PciFunction, Record, Ticks, Value};

/// Device number of records that the engine writes.
pub const ENGINE: u32 = 0;
/// Time after a panic, or after the verdict is clear, for the console to finish.
const AFTERWARDS: Ticks = Ticks::millis(500);

/// A run in progress.
pub(super) struct Session<'a, 'h> {
    pub machine: Machine,
    pub scenario: &'a Scenario,
    pub host: &'h mut dyn Host,
    pub offsets: GuestOffsets,
    pub slice: Ticks,
    pub state: Progress<'a>,
    /// The limit of the turn that a mark has interrupted.
    pub turn: Option<Ticks>,
}

/// Why a run stands still.
pub(super) enum Pause {
    /// It is at its branch point.
    Branch,
    /// The machine is at its mark.
    Mark,
    /// It is over.
    Ended(Ended),
}

/// Runs a scenario to its end. At its branch point it goes on as `branch`
/// says, if that says anything.
pub fn run(setup: Setup<'_>, branch: Option<&Branch>, host: &mut dyn Host) -> Result<Outcome, BuildError> {
    let mut session = Session::new(setup, host)?;
    loop {
        match (session.play(), branch) {
            (Pause::Ended(ended), _) => return Ok(session.finish(ended, Hashing::Always).0),
            (Pause::Branch, Some(branch)) => session.branch(branch),
            (Pause::Branch, None) | (Pause::Mark, _) => {}
        }
    }
}

/// The machine of a scenario, about to boot.
pub(super) fn machine(
    scenario: &Scenario,
    kernel: &KernelImage,
    seed: u64,
    initrd: Vec<u8>,
    adapters: Vec<Box<dyn PciFunction>>,
    memory: Option<Loaded>,
) -> Result<Machine, BuildError> {
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
    Machine::with(config, kernel, memory)
}

impl<'a, 'h> Session<'a, 'h> {
    /// A run about to begin.
    pub fn new(setup: Setup<'a>, host: &'h mut dyn Host) -> Result<Session<'a, 'h>, BuildError> {
        let mut session = Session::still(setup, host)?;
        session.start();
        Ok(session)
    }
    /// A run that [`Session::start`] begins.
    pub fn still(setup: Setup<'a>, host: &'h mut dyn Host) -> Result<Session<'a, 'h>, BuildError> {
        let Setup { scenario, kernel, modules, offsets, seed, slice, .. } = setup;
        let machine = machine(scenario, kernel, seed, setup.initrd, setup.adapters, setup.memory)?;
        let table = SymbolTable::new(&kernel.symbols, modules);
        let state = Progress::new(scenario, table, seed);
        Ok(Session { machine, scenario, host, offsets, slice, state, turn: None })
    }

    /// Begins it.
    pub fn start(&mut self) {
        self.state.next_look = self.slice;
        self.state.watches.arm(&mut self.machine, &self.state.table);
        for (n, step) in self.scenario.steps.iter().enumerate() {
            if let What::At(at) = step.when.what {
                self.state.due.insert((at, n));
            }
        }
        let conditions = self
            .scenario
            .conditions()
            .any(|c| matches!(c.what, What::AsleepIn(_) | What::SlowPath { .. } | What::Waits { .. }));
        let tasks = conditions || self.scenario.steps.iter().any(seeks_owner);
        if tasks && !self.offsets.complete() {
            self.complain(
                "the kernel's structure offsets are unknown: conditions on tasks cannot be met".into(),
            );
        }
        self.complain_of_nameless_locks();
    }

    /// Conditions on mutexes need their names.
    fn complain_of_nameless_locks(&mut self) {
        let named = |c: &Condition| matches!(c.what, What::SlowPath { .. } | What::Waits { .. });
        let named = self.scenario.conditions().any(named) || self.scenario.steps.iter().any(seeks_owner);
        if named && self.state.table.find(NAMING).is_none() {
            self.complain(format!("the kernel has no {NAMING}: nothing about mutexes can be met"));
        }
    }

    /// Virtual time as the CPU that stopped, or the machine, sees it.
    fn now(&self) -> Ticks {
        self.machine.now()
    }

    /// Goes on to the mark, the branch point or the end.
    pub fn play(&mut self) -> Pause {
        loop {
            if let Some(limit) = self.turn.take()
                && let Some(pause) = self.turn(limit)
            {
                return pause;
            }
            if let Some(ended) = self.over() {
                return Pause::Ended(ended);
            }
            // What a step did here may wait to be taken: then after the next turn.
            if self.state.branching == Branching::Due && !self.machine.has_activity() {
                self.state.branching = Branching::Passed;
                let (now, instructions) = (self.now(), self.machine.instructions());
                self.state.branched = Some(Point { now, instructions });
                return Pause::Branch;
            }
            let now = self.now();
            if now >= self.state.next_look {
                self.state.next_look = Ticks((now.0 / self.slice.0 + 1) * self.slice.0);
                match self.host.poll(&self.status()) {
                    Wish::Continue => {}
                    Wish::Input(bytes) => self.machine.push_input(0, &bytes),
                    Wish::Stop => return Pause::Ended(Ended::Stopped),
                }
            }
            self.turn = Some(self.limit());
        }
    }

    /// One turn of the machine, or what was left of it at a mark.
    fn turn(&mut self, limit: Ticks) -> Option<Pause> {
        loop {
            match self.machine.run(limit, &mut self.state.faults) {
                Stop::Mark => {
                    self.turn = Some(limit);
                    return Some(Pause::Mark);
                }
                // Whoever only looks has no effect: the turn goes on.
                Stop::Watch { cpu } if self.only_observed(cpu) => {}
                stop => return self.stopped(stop).map(Pause::Ended),
            }
        }
    }

    /// Observes every function of `module` from here on.
    pub fn observe(&mut self, module: &str) {
        let Progress { watches, table, .. } = &mut self.state;
        let mut observer = Observer::default();
        observer.arm(module, &mut self.machine, watches, &self.offsets, table);
        self.state.observer = Some(observer);
    }

    /// Shows the observer what CPU `cpu` is about to do; true if nobody else
    /// watches for it.
    fn only_observed(&mut self, cpu: usize) -> bool {
        let Progress { watches, table, observer: Some(observer), .. } = &mut self.state else { return false };
        let pc = View::new(&self.machine, &self.offsets, cpu).pc();
        let only = watches.only_held(pc);
        for sighting in observer.look(&mut self.machine, watches, cpu, &self.offsets, table) {
            self.host.sighting(&sighting);
        }
        only
    }

    /// Whether the run has come to its end.
    fn over(&mut self) -> Option<Ended> {
        let now = self.now();
        if let Some((at, ended)) = self.state.ending
            && now >= at
        {
            return Some(ended);
        }
        if now >= self.scenario.limits.virtual_time {
            return Some(Ended::Limit);
        }
        if now >= self.state.last_sign + self.scenario.limits.idle {
            self.guest_trouble("no-progress", "no sign of life from the guest");
            return Some(Ended::NoProgress);
        }
        None
    }

    fn limit(&self) -> Ticks {
        let state = &self.state;
        let step = state.due.first().map_or(Ticks::NEVER, |(at, _)| *at);
        let ending = state.ending.map_or(Ticks::NEVER, |(at, _)| at);
        let times =
            [state.next_look, step, ending, state.judge.deadline(), self.scenario.limits.virtual_time];
        times.into_iter().min().unwrap_or(Ticks::NEVER)
    }

    fn stopped(&mut self, stop: Stop) -> Option<Ended> {
        if let Stop::Watch { cpu } = stop {
            self.machine.settle(cpu);
            self.watched(cpu);
        }
        self.collect();
        self.state.judge.tick(self.now());
        if self.state.scene.is_none() && !self.state.judge.violations.is_empty() {
            self.state.scene = Some(self.guest());
        }
        self.fire_due();
        self.forget_owners();
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
            Stop::Limit | Stop::Activity | Stop::Mark | Stop::Watch { .. } => None,
        }
    }

    /// Takes everything that waits in the machine.
    fn collect(&mut self) {
        for acted in self.state.faults.take_acted() {
            match &self.scenario.steps[acted.step].inject {
                Some(injection) => self.injected(acted.step, injection),
                None => self.fire(acted.step, acted.at),
            }
        }
        for record in self.machine.take_records() {
            self.state.last_sign = self.now();
            self.note(record);
        }
        let output = self.machine.take_output(0);
        if !output.is_empty() {
            self.state.last_output = self.now();
            self.state.last_sign = self.now();
            self.host.output(0, &output);
            for line in self.state.console.receive(&output) {
                self.console_line(&line);
            }
        }
        let channel = self.machine.take_output(1);
        if !channel.is_empty() {
            self.state.last_sign = self.now();
            self.host.output(1, &channel);
            self.hear(&channel);
        }
        let input = self.state.dialogue.channel.take_input();
        if !input.is_empty() {
            self.machine.push_input(1, &input);
        }
    }

    fn console_line(&mut self, line: &str) {
        if let Some(trouble) = Console::trouble(line) {
            let first = self.state.trouble.insert(trouble, 1).is_none();
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
            if trouble == Trouble::Panic && self.state.ending.is_none() {
                self.state.ending = Some((self.now() + AFTERWARDS, Ended::Panic));
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
        self.state.complaints.push(Violation { oracle: "engine".into(), at_ns, pe: None, text });
    }

    fn note(&mut self, record: Record) {
        self.state.judge.record(&record);
        self.host.record(&record);
        self.happen(&Happening::Record(&record));
    }

    /// Shows the conditions what happened, and does what follows.
    pub fn happen(&mut self, happening: &Happening<'_>) {
        let faults = &self.state.faults;
        let elements = |actor: &str| faults.elements(actor).to_vec();
        let known = Knowledge { elements: &elements, full: &self.state.full };
        let met = self.state.triggers.happen(happening, &known);
        for target in met {
            match target {
                Target::Step(n) => {
                    let step = &self.scenario.steps[n];
                    let delay = step.delay.draw(self.state.seed, &format!("step.{}.delay", step.name));
                    self.state.due.insert((self.now() + delay, n));
                }
                Target::Reach(n) => {
                    let name = self.scenario.oracle.must_reach[n].name.clone();
                    self.say("reached", &[("name", &name)]);
                }
                Target::Branch => {
                    self.say("branch-point", &[]);
                    self.state.branching = Branching::Due;
                }
            }
        }
    }

    fn fire_due(&mut self) {
        while let Some(&(at, step)) = self.state.due.first() {
            if at > self.now() {
                return;
            }
            self.state.due.remove(&(at, step));
            self.fire(step, self.now());
        }
    }

    /// A step fires: once.
    fn fire(&mut self, step: usize, at: Ticks) {
        self.state.queue.push_back(step);
        while let Some(n) = self.state.queue.pop_front() {
            if self.state.fired.contains_key(&n) {
                continue;
            }
            self.state.fired.insert(n, at);
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
            self.state.faults.fired(n);
            self.state.triggers.arm(&step.name.text);
            self.happen(&Happening::Step(&step.name.text));
        }
    }

    fn watched(&mut self, cpu: usize) {
        for hit in self.state.watches.hit(&mut self.machine, cpu, &self.offsets, &self.state.table) {
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
                Hit::SlowPath(c) => {
                    if !c.under.is_empty() {
                        self.say_contention("mutex-slow-path", c);
                    }
                    self.happen(&Happening::SlowPath(c));
                }
                Hit::Waits(c) => {
                    self.say_contention("mutex-wait", c);
                    self.happen(&Happening::Waits(c));
                }
                Hit::Owns(owner) => self.owner_runs(owner),
                Hit::Point => self.machine.point(cpu),
                Hit::Trouble(what) => self.say("kernel-function", &[("trouble", what)]),
            }
        }
    }

    fn say_contention(&mut self, kind: &'static str, c: &Contention) {
        let (lock, on, held) = (format!("{:#x}", c.lock), c.under.join(" "), c.held_by.join(" "));
        let texts = [
            ("lock", &*lock),
            ("name", &c.name),
            ("under", &on),
            ("signal", yes_or_no(c.signal_pending)),
            ("held_by", &held),
            ("task", &c.task),
        ];
        self.say(kind, &texts);
    }

    /// Ends the run when nothing more can be learnt.
    fn decide(&mut self) {
        let bug = &self.scenario.oracle.bug;
        let shown = if bug.is_empty() {
            self.state.judge.violated("remove-finishes")
        } else {
            bug.iter().all(|name| self.state.judge.violated(&name.text))
        };
        if shown && self.state.ending.is_none() {
            self.state.ending = Some((self.now() + AFTERWARDS, Ended::Decided));
        }
    }

    fn status(&self) -> Status {
        let phase = match (self.state.dialogue.ready, self.state.dialogue.hello, self.state.judge.removal()) {
            (_, _, Removal::Unfinished | Removal::Hung) => "removing",
            (true, ..) => "running",
            (false, true, _) => "loading modules",
            (false, false, _) => "booting",
        };
        Status {
            now: self.now(),
            instructions: self.machine.instructions(),
            idle: self.machine.cpus().iter().all(|c| c.stopped),
            last_output: self.state.last_output,
            ready: self.state.dialogue.ready,
            phase,
        }
    }

    /// What the run showed, and the machine as it left it.
    pub fn finish(mut self, ended: Ended, hashing: Hashing) -> (Outcome, Machine) {
        let now = self.now();
        self.state.judge.finish(now);
        self.tell_of_holders();
        let (class, removal) = (self.class(ended), self.state.judge.removal());
        let wanted = hashing == Hashing::Always || !self.state.judge.violations.is_empty();
        let well = class == Class::Finished && self.state.judge.violations.is_empty();
        let mut findings = std::mem::take(&mut self.state.judge.findings);
        findings.append(&mut self.state.complaints);
        let reach = self.scenario.oracle.must_reach.iter().enumerate();
        let step_name = |n: &usize| self.scenario.steps[*n].name.text.clone();
        let outcome = Outcome {
            class,
            ended,
            violations: std::mem::take(&mut self.state.judge.violations),
            findings,
            removal,
            oops: self.state.console.oops().map(str::to_owned),
            reached: reach
                .map(|(n, r)| (r.name.clone(), self.state.triggers.reached(n)))
                .chain(self.injections())
                .collect(),
            steps: self.state.fired.iter().map(|(n, at)| (step_name(n), at.0)).collect(),
            branched: self.state.branched,
            points: self.machine.policy().counts().0,
            demotions: self.machine.policy().counts().1,
            now,
            instructions: self.machine.instructions(),
            state_hash: wanted.then(|| self.machine.state_hash()),
            console: self.state.console.tail(),
            cpus: (0..self.machine.cpus().len()).map(|n| self.place(n)).collect(),
            at_violation: self.state.scene.take(),
            guest: if well { GuestReport::default() } else { self.guest() },
        };
        (outcome, self.machine)
    }
    /// What the guest's tasks do now.
    pub fn guest(&self) -> GuestReport {
        let symbols = self.state.table.kernel();
        Inspector::new(&self.machine, &self.offsets, symbols).report(self.state.watches.locks.names())
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
        let named: Vec<String> = all.iter().take(CALLERS).map(|a| self.state.table.describe(*a)).collect();
        format!("cpu {cpu}: {} ({})", named.join(" < "), view.task_name())
    }
    fn class(&self, ended: Ended) -> Class {
        let had = |t: Trouble| self.state.trouble.contains_key(&t);
        let booted = self.state.dialogue.hello;
        let in_trouble =
            !self.state.trouble.is_empty() && !matches!(ended, Ended::PowerOff | Ended::Scenario);
        match ended {
            _ if in_trouble && !booted => Class::BootFailed,
            _ if had(Trouble::Panic) => Class::Panic,
            _ if had(Trouble::Oops) => Class::Oops,
            _ if had(Trouble::HungTask) || had(Trouble::Lockup) => Class::Hung,
            _ if self.state.judge.removal() == Removal::Hung => Class::Hung,
            Ended::Stopped => Class::Stopped,
            Ended::NoProgress if booted => Class::NoProgress,
            Ended::Limit if booted => Class::Limit,
            Ended::NoProgress | Ended::Limit => Class::BootFailed,
            _ => Class::Finished,
        }
    }
}

/// True if a step is about the owner of a mutex.
fn seeks_owner(step: &Step) -> bool {
    step.inject.as_ref().is_some_and(|i| i.mutex.is_some())
}

fn yes_or_no(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
