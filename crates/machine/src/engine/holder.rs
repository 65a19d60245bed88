//! Stalls of whoever owns a mutex: the CPU that runs its owner stands still.
//!
//! From the step on, a CPU is looked at when it may have come to run an owner:
//! when a function that takes a mutex returns, and when it changes to another
//! task. Only the owner of record counts (`mutex.owner`), so a trylock that
//! failed or a wait that a signal ended is none.

use super::locks::{MAX_NAME, is_called};
use super::observe::{LOCKS, LockOp};
use super::progress::Progress;
use super::session::Session;
use super::symbols::{Function, SymbolTable};
use super::view::View;
use super::watches::{Hit, Purpose, Watches};
use crate::guest::{GuestOffsets, Inspector};
use crate::machine::Machine;
use crate::policy::PATIENCE;
use crate::scenario::Injection;
use fabric::Ticks;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stall that waits for an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Index of the step.
    pub step: usize,
    /// What the scenario calls the mutex.
    pub mutex: String,
    /// How long the CPU stands still.
    pub span: Ticks,
    /// The first owner that it acts on, counted from 1, and on how many.
    pub owners: (u64, u64),
    /// Until when owners are awaited.
    pub until: Ticks,
    /// Owners so far.
    pub seen: u64,
}

impl Wanted {
    fn waits(&self, now: Ticks) -> bool {
        let (first, many) = self.owners;
        now < self.until && self.seen < (first - 1).saturating_add(many)
    }
}

/// Stalls of owners, and what keeps them from stopping the guest for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    wanted: Vec<Wanted>,
    /// What each CPU had retired when it was stalled last.
    stalled: BTreeMap<usize, u64>,
    /// How often one was not stalled because it had just been.
    withheld: u64,
}

/// What comes of a CPU that runs an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody waits for that.
    Nothing,
    /// It stands still for a time, as a step wants.
    Stall(usize, Ticks),
    /// It would, and has stood still a moment ago.
    Withheld(usize),
}

impl Holders {
    /// A step's stall waits from now on.
    pub fn want(&mut self, wanted: Wanted) {
        self.wanted.push(wanted);
    }
    /// True if a stall waits.
    pub fn any_waits(&self, now: Ticks) -> bool {
        self.wanted.iter().any(|w| w.waits(now))
    }
    /// Steps whose stall has met no owner on whom it would have acted.
    pub fn in_vain(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().filter(|w| w.seen < w.owners.0)
    }
    /// True if every step in it is one of `steps`.
    pub fn is_of(&self, steps: usize) -> bool {
        self.wanted.iter().all(|w| w.step < steps && w.owners.0 > 0)
    }
    /// `cpu`, which has retired so many instructions, runs the owner of the
    /// mutex of this name.
    ///
    /// Liveness: a loop that takes a mutex again and again would be stalled at
    /// every turn, and whoever waits for it with it. So a CPU that was stalled
    /// runs for as long as one with the highest priority may keep others
    /// waiting before it is stalled again.
    pub fn owner_runs(&mut self, cpu: usize, retired: u64, name: &str, now: Ticks) -> Verdict {
        let Some(w) = self.wanted.iter_mut().find(|w| w.waits(now) && is_called(name, &w.mutex)) else {
            return Verdict::Nothing;
        };
        if w.seen + 1 < w.owners.0 {
            w.seen += 1;
            return Verdict::Nothing;
        }
        if self.stalled.get(&cpu).is_some_and(|then| retired.saturating_sub(*then) < PATIENCE) {
            self.withheld += 1;
            return Verdict::Withheld(w.step);
        }
        w.seen += 1;
        self.stalled.insert(cpu, retired);
        Verdict::Stall(w.step, w.span)
    }
}

/// Kernel functions that take mutexes.
pub(super) fn takers() -> impl Iterator<Item = &'static str> {
    let takes = |(name, op): &&(&str, LockOp)| name.starts_with("mutex") && *op != LockOp::Leave;
    LOCKS.iter().filter(takes).map(|(name, _)| *name)
}

/// Entries of functions after which a CPU may run an owner, with what is to be looked at there.
fn owners_show_at(table: &SymbolTable<'_>) -> impl Iterator<Item = (u64, Purpose)> {
    let taking = takers().filter_map(|name| table.find(name)).map(|f| (f.entry, Purpose::Taking));
    taking.chain(task_switches(table).map(|f| (f.entry, Purpose::Switched)))
}

/// A CPU that runs the owner of a mutex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Which CPU.
    pub cpu: usize,
    /// Name of the mutex.
    pub mutex: String,
    /// The task.
    pub task: String,
}

impl Watches {
    /// From here on it is told when a CPU runs the owner of this mutex.
    pub fn seek_owners(&mut self, machine: &mut Machine, table: &SymbolTable<'_>, mutex: &str) {
        if !self.sought.iter().any(|m| m == mutex) {
            self.sought.push(mutex.to_owned());
        }
        owners_show_at(table).for_each(|(entry, purpose)| self.add(machine, entry, purpose));
    }
    /// Nobody seeks owners any more.
    pub fn forget_owners(&mut self, machine: &mut Machine, table: &SymbolTable<'_>) {
        self.sought.clear();
        owners_show_at(table).for_each(|(entry, own)| self.drop_purposes(machine, entry, |p| *p == own));
    }
    /// True if owners are sought.
    pub fn seeks_owners(&self) -> bool {
        !self.sought.is_empty()
    }
    fn is_sought(&self, name: &str) -> bool {
        self.sought.iter().any(|mutex| is_called(name, mutex))
    }
    /// A task takes a mutex: if its owners are sought, what comes of it is watched.
    pub(super) fn taking(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
    ) {
        let view = View::new(machine, offsets, cpu);
        let (lock, sp, back) = (view.gpr(3), view.gpr(1), view.caller());
        if self.locks.name(lock, table).is_some_and(|name| self.is_sought(&name)) {
            self.add(machine, back, Purpose::Taken(lock, sp));
        }
    }
    /// It is back, with the mutex or without.
    pub(super) fn taken(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
        (pc, lock, sp): (u64, u64, u64),
    ) -> Option<Hit> {
        let view = View::new(machine, offsets, cpu);
        let (own, task) = (view.gpr(1) == sp, view.task_name());
        let has = view.mutex_owner(lock).is_some_and(|owner| Some(owner) == view.task());
        if !own {
            return None;
        }
        self.drop_purposes(machine, pc, |p| *p == Purpose::Taken(lock, sp));
        let mutex = self.locks.name(lock, table).filter(|name| has && self.is_sought(name))?;
        Some(Hit::Owns(Owner { cpu, mutex, task }))
    }
    /// The sought mutex that `task`, which `cpu` runs, owns.
    pub(super) fn owner(&self, view: &View<'_>, cpu: usize, task: u64) -> Option<Owner> {
        let mut sought = self.locks.names().iter().filter(|(_, name)| self.is_sought(name));
        let (_, mutex) = sought.find(|(lock, _)| view.mutex_owner(**lock) == Some(task))?;
        Some(Owner { cpu, mutex: mutex.clone(), task: view.name_of(task) })
    }
}

/// The ends of a change to another task: a compiler may leave a suffix in their names.
pub(super) fn task_switches(table: &SymbolTable<'_>) -> impl Iterator<Item = Function> {
    const NAME: &str = "finish_task_switch";
    let whole = |f: &Function| f.name.split('.').next() == Some(NAME);
    table.kernel_functions(NAME).into_iter().filter(whole)
}

impl Session<'_, '_> {
    /// The stall of step `step` waits for an owner; one that runs now will do.
    pub fn stall_holder(&mut self, step: usize, injection: &Injection, span: Ticks, lasts: Ticks) {
        // The scenario's check has found it.
        let Some(mutex) = &injection.mutex else { return };
        self.state.holders.want(Wanted {
            step,
            mutex: mutex.text.chars().take(MAX_NAME).collect(),
            span,
            owners: (injection.nth, injection.times.unwrap_or(1)),
            until: self.machine.now() + injection.lasts.unwrap_or(lasts),
            seen: 0,
        });
        let Progress { watches, table, .. } = &mut self.state;
        watches.seek_owners(&mut self.machine, table, &mutex.text);
        for owner in self.owners_that_run() {
            self.owner_runs(&owner);
        }
    }
    /// The owners of wanted mutexes that CPUs run now.
    fn owners_that_run(&self) -> Vec<Owner> {
        let look = Inspector::new(&self.machine, &self.offsets, self.state.table.kernel());
        let cpus = (0..self.machine.cpus().len()).filter_map(|cpu| Some((cpu, look.current(cpu)?)));
        let owner = |(cpu, task)| {
            let view = View::new(&self.machine, &self.offsets, cpu);
            self.state.watches.owner(&view, cpu, task)
        };
        cpus.filter_map(owner).collect()
    }
    /// A CPU runs an owner: it stands still if a step wants that.
    pub fn owner_runs(&mut self, owner: &Owner) {
        let now = self.machine.now();
        let retired = self.machine.cpus()[owner.cpu].retired;
        let (step, kind, span) = match self.state.holders.owner_runs(owner.cpu, retired, &owner.mutex, now) {
            Verdict::Nothing => return,
            Verdict::Stall(step, span) => (step, "holder-stalled", span),
            Verdict::Withheld(step) => (step, "stall-withheld", Ticks(0)),
        };
        let scenario = self.scenario;
        let (cpu, ns) = (owner.cpu.to_string(), span.0.to_string());
        let name = &*scenario.steps[step].name.text;
        let texts =
            [("step", name), ("mutex", &*owner.mutex), ("task", &*owner.task), ("cpu", &*cpu), ("ns", &*ns)];
        self.say(kind, &texts);
        if let (true, Some(injection)) = (span > Ticks(0), &scenario.steps[step].inject) {
            self.machine.stall(owner.cpu, span);
            self.injected(step, injection);
        }
    }
    /// Stops looking for owners once no stall waits for one.
    pub fn forget_owners(&mut self) {
        let now = self.machine.now();
        let Progress { watches, table, holders, .. } = &mut self.state;
        if watches.seeks_owners() && !holders.any_waits(now) {
            watches.forget_owners(&mut self.machine, table);
        }
    }
    /// Says which stalls have met no owner, about which the run proves nothing,
    /// and how many the rule of liveness kept from happening.
    pub fn tell_of_holders(&mut self) {
        let mut told: Vec<String> = self
            .state
            .holders
            .in_vain()
            .map(|w| {
                let step = &self.scenario.steps[w.step].name;
                let (seen, first) = (w.seen, w.owners.0);
                format!("step {step}: no CPU ran an owner of {} in time ({seen} of {first})", w.mutex)
            })
            .collect();
        if self.state.holders.withheld > 0 {
            let n = self.state.holders.withheld;
            told.push(format!("{n} stalls of owners withheld: their CPU had just stood still"));
        }
        told.into_iter().for_each(|text| self.complain(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(owners: (u64, u64)) -> Wanted {
        let (step, span, until) = (3, Ticks(50), Ticks(1000));
        Wanted { step, mutex: "list_mutex".into(), span, owners, until, seen: 0 }
    }

    #[test]
    fn the_nth_owner_in_time_is_stalled() {
        let mut h = Holders::default();
        assert_eq!(h.owner_runs(0, 0, "cfg->list_mutex", Ticks(1)), Verdict::Nothing);
        h.want(wanted((2, 1)));
        assert_eq!(h.owner_runs(0, 5, "ctxi->mutex", Ticks(1)), Verdict::Nothing);
        assert_eq!(h.owner_runs(0, 5, "cfg->list_mutex", Ticks(2)), Verdict::Nothing, "the first");
        assert_eq!(h.in_vain().count(), 1);
        assert_eq!(h.owner_runs(1, 5, "cfg->list_mutex", Ticks(3)), Verdict::Stall(3, Ticks(50)));
        assert_eq!(h.owner_runs(0, 5, "cfg->list_mutex", Ticks(4)), Verdict::Nothing, "once");
        assert_eq!((h.in_vain().count(), h.any_waits(Ticks(4))), (0, false));
    }

    #[test]
    fn who_comes_too_late_is_not_stalled_and_that_is_known() {
        let mut h = Holders::default();
        h.want(wanted((1, 1)));
        assert!(h.any_waits(Ticks(999)));
        assert_eq!(h.owner_runs(0, 5, "cfg->list_mutex", Ticks(1000)), Verdict::Nothing);
        assert_eq!(h.in_vain().map(|w| w.step).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_cpu_runs_between_two_stalls() {
        let mut h = Holders::default();
        h.want(wanted((1, 3)));
        let mut at = |cpu, retired| h.owner_runs(cpu, retired, "list_mutex", Ticks(9));
        assert_eq!(at(0, 7), Verdict::Stall(3, Ticks(50)));
        assert_eq!(at(0, 6 + PATIENCE), Verdict::Withheld(3));
        assert_eq!(at(1, 8), Verdict::Stall(3, Ticks(50)), "another CPU");
        assert_eq!(at(0, 7 + PATIENCE), Verdict::Stall(3, Ticks(50)));
        assert_eq!(at(0, 9 + 3 * PATIENCE), Verdict::Nothing, "three were wanted");
    }

    #[test]
    fn functions_that_take_mutexes_come_from_the_one_list() {
        let all: Vec<&str> = takers().collect();
        assert!(all.contains(&"mutex_lock") && all.contains(&"mutex_trylock"), "{all:?}");
        assert!(!all.iter().any(|n| n.contains("unlock") || n.starts_with("down")), "{all:?}");
    }
}
