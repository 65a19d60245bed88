//! The machine and its rounds.
//!
//! In a round every CPU that is not idle retires one quantum, drawn from the
//! seed and cut at the next event, in an order drawn from the seed; then all
//! clocks advance together. When all are idle, time jumps to the next event.

use crate::build::{MachineConfig, hwid};
use crate::bus::{Broadcast, Bus};
use crate::executor::{self, Executor};
use crate::mishap::Slowness;
use crate::nest::NestMmu;
use crate::policy::Policy;
use cpu::{CodeCache, Cpu, Env, Exit};
use fabric::{Agenda, GuestMemory, Injector, Record, Rng, Ticks, Trace};
use powernv::{Action, MemoryLayout, Platform, PlatformConfig, RebootKind};
use serde::{Deserialize, Serialize};

/// Why the machine stopped running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The time asked for is reached.
    Limit,
    /// Something happened that a scenario may react to: records or console
    /// output wait to be taken.
    Activity,
    /// CPU `cpu` is about to execute a watched instruction; run again to go on.
    Watch {
        /// Index of the CPU.
        cpu: usize,
    },
    /// The guest powered off.
    PowerOff,
    /// The guest asked for a reboot.
    Reboot(RebootKind),
    /// Every CPU is idle for ever: nothing is due.
    Dead,
    /// The mark is reached; a run that goes on does as if it had not stopped.
    Mark,
}

/// Where to stop without any effect on the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// When exactly so many instructions have retired, in the middle of a
    /// round if need be: the machine can be looked at there, not saved.
    Instruction(u64),
    /// Between two rounds, when at least so many have retired and nothing
    /// waits to be taken: the machine can be saved there.
    Round(u64),
}

/// Where a round stands when the machine stopped in the middle of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Round {
    quantum: u64,
    order: Vec<usize>,
    /// Position in `order`, and what that CPU has used of its quantum.
    next: usize,
    used: u64,
    /// Most that any CPU used.
    longest: u64,
}

/// What drives the machine: time, what is due, whose turn it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Clockwork {
    started: Vec<bool>,
    agenda: Agenda,
    now: Ticks,
    quantum: (u64, u64),
    schedule: Rng,
    darn: Rng,
    round: Option<Round>,
    hile: bool,
    /// Highest time base value that any CPU has read.
    timebase_floor: u64,
    pub slowness: Slowness,
    pub policy: Policy,
    ended: Option<Stop>,
}

impl Clockwork {
    pub fn reseed(&mut self, seed: u64) {
        self.schedule.branch(seed);
        self.darn.branch(seed);
    }
    /// Draws and forgets, which no run does: for [`crate::engine::Walk::disturb`].
    pub fn draw_once(&mut self) {
        self.schedule.below(2);
    }
}

/// One simulated machine.
pub struct Machine {
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) mem: GuestMemory,
    code: CodeCache,
    pub(crate) platform: Platform,
    pub(crate) nest: NestMmu,
    trace: Trace,
    pub(crate) clock: Clockwork,
    pub(crate) doorbells: Vec<u32>,
    pub(crate) broadcasts: Vec<Broadcast>,
    /// MMIO loads of the current turn that have not been waited for.
    mmio_loads: u64,
    mmio_stores: u64,
    mark: Option<Mark>,
    /// Room for the order of the next round.
    last_order: Vec<usize>,
}

impl Machine {
    pub(crate) fn assemble(
        config: MachineConfig,
        platform_config: PlatformConfig,
        layout: MemoryLayout,
        mem: GuestMemory,
        entry: u64,
    ) -> Machine {
        let mut platform = Platform::new(&platform_config);
        for (n, adapter) in config.adapters.into_iter().enumerate() {
            platform.attach(n, adapter);
        }
        let mut cpus: Vec<Cpu> = (0..config.cpus).map(|n| Cpu::new(hwid(n))).collect();
        for c in &mut cpus {
            c.firmware_entry = layout.opal_entry;
        }
        // OPAL hands over in big-endian mode; r3 is the device tree, r5 = 0
        // says "not Open Firmware".
        cpus[0].start(entry, layout.fdt);
        cpus[0].gpr[8] = layout.opal_base;
        cpus[0].gpr[9] = layout.opal_entry;
        let mut started = vec![false; config.cpus];
        started[0] = true;
        let clock = Clockwork {
            started,
            agenda: Agenda::default(),
            now: Ticks(0),
            quantum: config.quantum,
            schedule: Rng::named(config.seed, "schedule"),
            darn: Rng::named(config.seed, "darn"),
            round: None,
            hile: false,
            timebase_floor: 0,
            slowness: Slowness::default(),
            policy: Policy::default(),
            ended: None,
        };
        Machine {
            cpus,
            mem,
            code: executor::chosen().code_cache(),
            platform,
            nest: NestMmu::default(),
            trace: Trace::default(),
            clock,
            doorbells: vec![],
            broadcasts: vec![],
            mmio_loads: 0,
            mmio_stores: 0,
            mark: None,
            last_order: vec![],
        }
    }

    /// From here on this executes the instructions; no run depends on it.
    /// Watches have to be set again.
    pub fn set_executor(&mut self, executor: Executor) {
        self.code = executor.code_cache();
        self.cpus.iter_mut().for_each(Cpu::forget_views);
    }
    /// Virtual time.
    pub fn now(&self) -> Ticks {
        self.clock.now
    }
    /// Instructions retired by all CPUs.
    pub fn instructions(&self) -> u64 {
        self.cpus.iter().map(|c| c.retired).sum()
    }
    /// The CPUs.
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }
    /// Guest memory.
    pub fn memory(&self) -> &GuestMemory {
        &self.mem
    }
    /// Records since the last call, oldest first.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.trace.take()
    }
    /// True while records or console output wait to be taken.
    pub fn has_activity(&self) -> bool {
        !self.trace.is_empty() || self.platform.has_output()
    }
    /// Forgets what waits to be taken, and what CPUs sent to each other.
    pub(crate) fn drop_activity(&mut self) {
        self.trace.take();
        self.doorbells.clear();
        self.broadcasts.clear();
        self.mmio_loads = 0;
        self.mmio_stores = 0;
    }
    /// Stops there once, with [`Stop::Mark`].
    pub fn set_mark(&mut self, mark: Option<Mark>) {
        self.mark = mark;
    }
    /// Takes the mark if the machine, between two rounds, is at it.
    fn at_mark(&mut self) -> bool {
        let there = match self.mark {
            None => false,
            Some(Mark::Instruction(n)) => self.instructions() >= n,
            Some(Mark::Round(n)) => self.instructions() >= n && !self.has_activity(),
        };
        if there {
            self.mark = None;
        }
        there
    }
    /// What is left of a turn before a mark inside it.
    fn before_mark(&self, left: u64) -> u64 {
        match self.mark {
            Some(Mark::Instruction(n)) => left.min(n.saturating_sub(self.instructions())),
            _ => left,
        }
    }
    /// Console output of a terminal since the last call.
    pub fn take_output(&mut self, terminal: usize) -> Vec<u8> {
        self.platform.take_output(terminal)
    }
    /// Types into a terminal.
    pub fn push_input(&mut self, terminal: usize, bytes: &[u8]) {
        self.platform.push_input(terminal, bytes);
    }
    /// From here on these CPUs run.
    pub fn set_policy(&mut self, policy: Policy) {
        self.clock.policy = policy;
    }
    /// Which CPUs run.
    pub fn policy(&self) -> &Policy {
        &self.clock.policy
    }
    /// CPU `cpu` is at a point at which the policy may let another run: then
    /// its turn ends.
    pub fn point(&mut self, cpu: usize) {
        let turn = self.clock.round.as_ref().and_then(|r| r.order.get(r.next));
        if self.clock.policy.point(cpu) && turn == self.clock.round.as_ref().map(|_| &cpu) {
            self.next_cpu(cpu);
        }
    }
    /// Watches the instruction at real address `ra`.
    pub fn watch(&mut self, ra: u64) {
        self.code.watch(ra);
    }
    /// Stops watching everything.
    pub fn unwatch_all(&mut self) {
        self.code.unwatch_all();
    }
    /// Stops watching it.
    pub fn unwatch(&mut self, ra: u64) {
        self.code.unwatch(ra);
    }

    /// Runs until `limit` or until something happens.
    pub fn run(&mut self, limit: Ticks, inject: &mut dyn Injector) -> Stop {
        loop {
            if let Some(stop) = &self.clock.ended {
                return stop.clone();
            }
            if self.clock.round.is_none() {
                if self.clock.now >= limit {
                    return Stop::Limit;
                }
                if self.at_mark() {
                    return Stop::Mark;
                }
                self.fire_due(inject);
                if !self.start_round(limit) {
                    let Some(stop) = self.jump(limit) else { continue };
                    return stop;
                }
            }
            if let Some(stop) = self.play_round(inject) {
                return stop;
            }
            if self.has_activity() {
                return Stop::Activity;
            }
        }
    }

    /// All idle: to the next event, or the end of all events.
    fn jump(&mut self, limit: Ticks) -> Option<Stop> {
        let next = self.next_event();
        if next == Ticks::NEVER {
            return Some(Stop::Dead);
        }
        self.clock.now = next.max(self.clock.now).min(limit);
        (self.clock.now >= limit).then_some(Stop::Limit)
    }

    /// The next agenda event or decrementer.
    fn next_event(&self) -> Ticks {
        let awake = self.running().filter(|n| !self.clock.slowness.stalls(*n, self.clock.now));
        let dec = awake.map(|n| Ticks::from_timebase(self.cpus[n].dec_due)).min();
        self.clock
            .agenda
            .next_due()
            .min(dec.unwrap_or(Ticks::NEVER))
            .min(self.clock.slowness.next_end(self.clock.now))
    }

    fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.cpus.len()).filter(|&n| self.clock.started[n])
    }

    fn fire_due(&mut self, inject: &mut dyn Injector) {
        while let Some((_, due)) = self.clock.agenda.take_due(self.clock.now) {
            let now = self.clock.now;
            self.bus(inject).with_platform(now, |p, w| p.event(due.device, due.what, w));
        }
        let arrived = self.clock.slowness.arrived(self.clock.now);
        arrived.into_iter().for_each(|pir| self.ring(pir));
    }

    /// Draws quantum and order; false if every CPU is idle.
    fn start_round(&mut self, limit: Ticks) -> bool {
        self.sample_lines();
        for cpu in &mut self.cpus {
            cpu.clock_origin = self.clock.now.0.wrapping_sub(cpu.retired);
        }
        // A round is short: it must not cost an allocation.
        let mut order = std::mem::take(&mut self.last_order);
        order.clear();
        order.extend(self.running().filter(|&n| {
            (!self.cpus[n].stopped || self.cpus[n].wakes()) && !self.clock.slowness.stalls(n, self.clock.now)
        }));
        if order.is_empty() {
            return false;
        }
        let ready = order.len();
        self.clock.policy.choose(&mut order);
        let drawn = self.clock.schedule.range(self.clock.quantum.0, self.clock.quantum.1);
        let until = self.next_event().min(limit);
        let quantum = if until > self.clock.now { drawn.min((until - self.clock.now).0) } else { drawn };
        for i in (1..order.len()).rev() {
            order.swap(i, self.clock.schedule.below(i as u64 + 1) as usize);
        }
        if ready > order.len() {
            self.clock.policy.ran_alone(order[0], quantum);
        }
        self.clock.round = Some(Round { quantum, order, next: 0, used: 0, longest: 0 });
        true
    }

    /// Hypervisor virtualization interrupt lines as the presenter drives them.
    fn sample_lines(&mut self) {
        for (n, cpu) in self.cpus.iter_mut().enumerate() {
            cpu.hvi_line = self.platform.interrupt_pending(n);
        }
    }

    /// Goes on with the current round; `None` when it is complete.
    fn play_round(&mut self, inject: &mut dyn Injector) -> Option<Stop> {
        loop {
            let round = self.clock.round.as_ref().expect("a round is open");
            let Some(&n) = round.order.get(round.next) else {
                self.clock.now += Ticks(round.longest);
                self.last_order = self.clock.round.take().map(|round| round.order).unwrap_or_default();
                return None;
            };
            let left = round.quantum - round.used;
            if matches!(self.mark, Some(Mark::Instruction(_))) && self.at_mark() {
                return Some(Stop::Mark);
            }
            let (exit, used) = self.run_cpu(n, self.before_mark(left), inject);
            if exit == Exit::Budget && used < left {
                self.clock.round.as_mut().expect("a round is open").used += used;
                continue;
            }
            if exit != Exit::Watched {
                self.settle(n);
            }
            let round = self.clock.round.as_mut().expect("a round is open");
            // `firmware_return` retires the trap word after the run: without
            // its count a call that returns to the entry would take no time.
            round.used += used + u64::from(exit == Exit::Firmware);
            let used_up = round.used >= round.quantum;
            match exit {
                Exit::Budget | Exit::Idle => self.next_cpu(n),
                Exit::Firmware => {
                    self.firmware(n, inject);
                    if self.clock.ended.is_some() || used_up {
                        self.next_cpu(n);
                    }
                    if let Some(stop) = &self.clock.ended {
                        return Some(stop.clone());
                    }
                }
                Exit::Watched => {
                    self.cpus[n].step_over_watch();
                    return Some(Stop::Watch { cpu: n });
                }
            }
        }
    }

    /// This CPU's turn is over. Its reservation goes with it: the others may
    /// store before it runs again.
    fn next_cpu(&mut self, n: usize) {
        self.cpus[n].reservation.clear();
        let round = self.clock.round.as_mut().expect("a round is open");
        round.longest = round.longest.max(round.used);
        round.used = 0;
        round.next += 1;
    }

    /// The CPU whose turn it is, or the first.
    pub(crate) fn current_cpu(&self) -> usize {
        self.clock.round.as_ref().and_then(|r| r.order.get(r.next)).copied().unwrap_or(0)
    }

    /// CPU `n` stands still for `span`, from now on: what is left of its turn
    /// in the open round goes with it.
    pub(crate) fn stall(&mut self, n: usize, span: Ticks) {
        self.clock.slowness.stall(n, self.clock.now + span);
        let Some(round) = &mut self.clock.round else { return };
        match round.order.iter().position(|c| *c == n) {
            Some(at) if at == round.next => self.next_cpu(n),
            Some(at) if at > round.next => {
                round.order.remove(at);
            }
            _ => {}
        }
    }

    fn run_cpu(&mut self, n: usize, budget: u64, inject: &mut dyn Injector) -> (Exit, u64) {
        let before = self.cpus[n].retired;
        self.cpus[n].timebase_floor = self.clock.timebase_floor;
        let mut bus = Bus {
            platform: &mut self.platform,
            mem: &self.mem,
            agenda: &mut self.clock.agenda,
            nest: &mut self.nest,
            inject,
            trace: &mut self.trace,
            darn: &mut self.clock.darn,
            doorbells: &mut self.doorbells,
            broadcasts: &mut self.broadcasts,
            mmio_loads: 0,
            mmio_stores: 0,
        };
        let mut env = Env { mem: &self.mem, platform: &mut bus };
        let exit = self.cpus[n].run(&mut env, &mut self.code, budget);
        self.mmio_loads += bus.mmio_loads;
        self.mmio_stores += bus.mmio_stores;
        self.clock.timebase_floor = self.cpus[n].timebase_floor;
        (exit, self.cpus[n].retired - before)
    }

    /// What CPU `n` has done until now reaches the others, and it waits for
    /// its loads. Who only looks at a watched instruction leaves it away, and
    /// has no effect on the run.
    pub fn settle(&mut self, n: usize) {
        let loads = std::mem::take(&mut self.mmio_loads);
        // Deviates: a priority changes at the end of the turn, not at the access in it.
        for _ in 0..loads + std::mem::take(&mut self.mmio_stores) {
            self.clock.policy.point(n);
        }
        if let Some(extra) = self.clock.slowness.mmio_load(self.clock.now).filter(|_| loads > 0) {
            // Deviates: the CPU waits at the end of its quantum for all the
            // loads in it, not at each of them.
            self.clock.slowness.stall(n, self.clock.now + Ticks(extra.0.saturating_mul(loads)));
        }
        self.deliver_queues(n);
    }

    /// A doorbell exception for the CPU with this `pir`.
    fn ring(&mut self, pir: u32) {
        if let Some(c) = self.cpus.iter_mut().find(|c| c.pir == pir) {
            c.doorbell = true;
        }
    }

    /// What CPU `from` sent to the others.
    fn deliver_queues(&mut self, from: usize) {
        if self.doorbells.is_empty() && self.broadcasts.is_empty() {
            return;
        }
        for pir in std::mem::take(&mut self.doorbells) {
            match self.clock.slowness.delays_ipi(pir, self.clock.now) {
                None => self.ring(pir),
                Some(by) => {
                    let fields = vec![("pir", u64::from(pir).into()), ("ns", by.0.into())];
                    self.trace.push(Record { at: self.clock.now, device: 0, kind: "ipi-held", fields });
                }
            }
        }
        for what in self.broadcasts.drain(..) {
            let others = self.cpus.iter_mut().enumerate().filter(|(n, _)| *n != from);
            others.for_each(|(_, c)| match what {
                Broadcast::Invalidate(what) => c.invalidate(what),
                Broadcast::ProcessOver(pid) => c.process_over(pid),
            });
        }
    }

    pub(crate) fn bus<'a>(&'a mut self, inject: &'a mut dyn Injector) -> Bus<'a> {
        Bus {
            platform: &mut self.platform,
            mem: &self.mem,
            agenda: &mut self.clock.agenda,
            nest: &mut self.nest,
            inject,
            trace: &mut self.trace,
            darn: &mut self.clock.darn,
            doorbells: &mut self.doorbells,
            broadcasts: &mut self.broadcasts,
            mmio_loads: 0,
            mmio_stores: 0,
        }
    }

    /// Performs the OPAL call of CPU `n` and returns from it.
    fn firmware(&mut self, n: usize, inject: &mut dyn Injector) {
        let cpu = &self.cpus[n];
        let (now, token) = (cpu.now(), cpu.gpr[0]);
        let args: [u64; 8] = std::array::from_fn(|i| cpu.gpr[3 + i]);
        let done = self.bus(inject).with_platform(now, |p, w| p.opal_call(n, token, args, w));
        self.cpus[n].firmware_return(done.rc as u64);
        if let Some(action) = done.action {
            self.act(n, action);
        }
        self.sample_lines();
    }

    fn act(&mut self, caller: usize, action: Action) {
        match action {
            Action::ReturnCpu => {
                self.clock.started[caller] = false;
                self.cpus[caller].stopped = true;
            }
            Action::StartCpu { hwid, pa } => {
                if let Some(n) = self.cpus.iter().position(|c| c.pir == hwid) {
                    self.cpus[n].hile = self.clock.hile;
                    self.cpus[n].start(pa, hwid as u64);
                    self.clock.started[n] = true;
                }
            }
            Action::SetHile(little) => {
                self.clock.hile = little;
                self.cpus.iter_mut().for_each(|c| c.hile = little);
            }
            Action::SetPtcr(ptcr) => self.nest.ptcr = ptcr,
            Action::PowerOff => self.clock.ended = Some(Stop::PowerOff),
            Action::Reboot { kind } => self.clock.ended = Some(Stop::Reboot(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric::NoInjection;

    /// A guest whose link register is the firmware entry itself calls OPAL
    /// without an instruction in between; time must pass all the same.
    #[test]
    fn calls_that_return_to_the_firmware_entry_take_time() {
        // mtlr r9 · mtctr r9 · li r0,80 · bctr; r9 is the entry, 80 OPAL_CHECK_TOKEN.
        let words = [0x7D28_03A6u32, 0x7D29_03A6, 0x3800_0050, 0x4E80_0420];
        let bytes = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let mut machine = Machine::bare(bytes);
        let limit = Ticks::micros(50);
        while machine.run(limit, &mut NoInjection) != Stop::Limit {
            machine.take_records();
        }
        assert_eq!(machine.now(), limit);
    }
}
