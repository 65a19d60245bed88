//! Watched functions: entries, returns, sleeping tasks, mutex slow paths.

use super::holder::Owner;
use super::locks::{Contention, Locks, MAX_NAME, Waiting, is_called};
use super::symbols::{Function, SymbolTable};
use super::view::View;
use crate::guest::{GuestOffsets, is_kernel};
use crate::machine::Machine;
use crate::scenario::{Scenario, What};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Why an instruction is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// A function named by a condition is entered.
    Entry(usize),
    /// A call of it returns to here with this stack pointer.
    Return(usize, u64),
    /// A task calls the scheduler.
    Schedule,
    /// A mutex's slow path.
    SlowPath,
    /// The kernel reports trouble, by index into [`TROUBLE`].
    Trouble(usize),
    /// A priority may change.
    Point(Whose),
    /// A mutex gets its name.
    Naming,
    /// A slow path that somebody waits for returns, with this stack pointer.
    SlowReturn(u64),
    /// A task is told of a signal.
    Signal,
    /// A task takes a mutex whose owner is sought.
    Taking,
    /// It comes back from there: mutex and stack pointer.
    Taken(u64, u64),
    /// A CPU has changed to another task, which may be such an owner.
    Switched,
    /// An observer looks there.
    Held,
}

impl Purpose {
    /// It comes with a call and goes when that returns.
    fn follows(&self) -> bool {
        matches!(self, Purpose::Return(..) | Purpose::SlowReturn(_) | Purpose::Taken(..))
    }
}

/// What a watched instruction told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A function was entered (`None`) or returned a value.
    Symbol {
        /// Full name.
        name: String,
        /// What it returned.
        returned: Option<u64>,
        /// Which of the named functions are on the back chain.
        under: Vec<String>,
        /// Whose call it is.
        task: String,
    },
    /// A task went to sleep for a mutex.
    Asleep {
        /// In which function.
        name: String,
        /// Which task.
        task: String,
    },
    /// A task entered a mutex's slow path.
    SlowPath(Contention),
    /// A task sleeps for a mutex, or is told of a signal while it does.
    Waits(Contention),
    /// A CPU runs the owner of a mutex that is sought.
    Owns(Owner),
    /// The kernel entered one of its trouble functions.
    Trouble(&'static str),
    /// A priority may change.
    Point,
}

/// Whose calls of a function count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Whose {
    /// Those that a module makes.
    Module,
    /// Those of a task that is in a module.
    InModule,
    /// All.
    Any,
}

/// A function that conditions name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    /// Where it is, while it is loaded.
    function: Option<Function>,
    /// A condition counts its entries or returns.
    symbol: bool,
    /// A condition waits for a task asleep in it.
    asleep: bool,
}

/// All watches of a run.
#[derive(Clone, Serialize, Deserialize)]
pub struct Watches {
    named: Vec<Named>,
    slow_path_wanted: bool,
    /// Mutexes for which conditions await a waiting task.
    waited_for: Vec<String>,
    /// Mutexes by name.
    pub locks: Locks,
    /// What scenarios call the mutexes whose owners are sought.
    pub(super) sought: Vec<String>,
    /// Functions that make up the slow path of mutexes.
    slow_functions: Vec<Function>,
    purposes: BTreeMap<u64, Vec<Purpose>>,
    /// How many of them follow a call.
    followed: usize,
    /// Tasks inside a function in which one may fall asleep.
    inside: Vec<(usize, u64)>,
    /// Of those, the ones that sleep or slept in this call.
    asleep: BTreeSet<(usize, u64)>,
}

/// Kernel functions at whose entry a priority may change: lock operations of
/// modules, tasks that give up their CPU in a module, interrupts.
const POINTS: &[(&str, Whose)] = &[
    ("mutex_lock", Whose::Module),
    ("mutex_lock_interruptible", Whose::Module),
    ("mutex_trylock", Whose::Module),
    ("mutex_unlock", Whose::Module),
    ("down_read", Whose::Module),
    ("up_read", Whose::Module),
    ("down_write", Whose::Module),
    ("up_write", Whose::Module),
    ("_raw_spin_lock", Whose::Module),
    ("_raw_spin_lock_irqsave", Whose::Module),
    ("_raw_spin_unlock_irqrestore", Whose::Module),
    ("__raw_spin_unlock", Whose::Module),
    ("schedule", Whose::InModule),
    ("schedule_preempt_disabled", Whose::InModule),
    ("__handle_irq_event_percpu", Whose::Any),
];

/// Initialises a mutex: its address and the text of the argument.
pub const NAMING: &str = "__mutex_init";
/// Wakes a task, its first argument, that has just been told of a signal
/// (`signal_wake_up_state`, which the compiler may have inlined); others use it too.
const SIGNALLING: &str = "wake_up_state";
/// So many calls are followed to their return, and so many tasks into
/// functions, at a time: a guest can call for ever and never return.
const MOST_FOLLOWED: usize = 1 << 16;
/// Kernel functions whose entry is trouble.
const TROUBLE: &[(&str, &str)] = &[("panic", "panic"), ("die", "oops"), ("__warn", "warn")];

impl Watches {
    /// The watches that `scenario` needs.
    pub fn new(scenario: &Scenario, table: &SymbolTable<'_>) -> Watches {
        let mut w = Watches {
            named: vec![],
            slow_path_wanted: false,
            waited_for: vec![],
            locks: Locks::default(),
            sought: vec![],
            slow_functions: table.kernel_functions("__mutex_lock"),
            purposes: BTreeMap::new(),
            followed: 0,
            inside: vec![],
            asleep: BTreeSet::new(),
        };
        for c in scenario.conditions() {
            match &c.what {
                What::Symbol { symbol, under, .. } => {
                    w.name(table, &symbol.text).symbol = true;
                    if let Some(u) = under {
                        w.name(table, &u.text);
                    }
                }
                What::AsleepIn(symbol) => w.name(table, &symbol.text).asleep = true,
                What::SlowPath { under, held_by, .. } | What::Waits { under, held_by, .. } => {
                    w.slow_path_wanted = true;
                    if let What::Waits { lock, .. } = &c.what {
                        w.waited_for.push(lock.clone());
                    }
                    if let Some(u) = under {
                        w.name(table, &u.text);
                    }
                    held_by.iter().for_each(|h| w.name(table, &h.text).asleep = true);
                }
                _ => {}
            }
        }
        w
    }
    fn name(&mut self, table: &SymbolTable<'_>, text: &str) -> &mut Named {
        let name = table.check(text).unwrap_or_else(|| text.to_owned());
        let at = self.named.iter().position(|n| n.name == name).unwrap_or_else(|| {
            self.named.push(Named { name, function: None, symbol: false, asleep: false });
            self.named.len() - 1
        });
        &mut self.named[at]
    }
    /// Sections whose load address is needed, by module.
    pub fn sections(&self, table: &SymbolTable<'_>) -> BTreeSet<(String, String)> {
        self.named.iter().filter_map(|n| table.section_of(&n.name)).collect()
    }
    /// Sets the watches on every function whose address is known now.
    pub fn arm(&mut self, machine: &mut Machine, table: &SymbolTable<'_>) {
        let entries: Vec<u64> = self.purposes.keys().copied().collect();
        for ea in entries {
            self.drop_purposes(machine, ea, |p| matches!(p, Purpose::Entry(_)));
        }
        for n in 0..self.named.len() {
            self.named[n].function = table.find(&self.named[n].name);
            let Named { function: Some(f), symbol, asleep, .. } = &self.named[n] else { continue };
            let entry = f.entry;
            if *symbol || *asleep {
                self.add(machine, entry, Purpose::Entry(n));
            }
        }
        if self.slow_path_wanted {
            for entry in slow_path_entries(&self.slow_functions) {
                self.add(machine, entry, Purpose::SlowPath);
            }
        }
        if let Some(f) = table.find(NAMING) {
            self.add(machine, f.entry, Purpose::Naming);
        }
        for (n, (name, _)) in TROUBLE.iter().enumerate() {
            if let Some(f) = table.find(name) {
                self.add(machine, f.entry, Purpose::Trouble(n));
            }
        }
        if self.named.iter().any(|n| n.asleep) {
            // Armed only while a task is inside; here their addresses are learnt.
            self.schedulers(table);
        }
    }
    /// Watches the functions at which a priority may change.
    pub fn add_points(&mut self, machine: &mut Machine, table: &SymbolTable<'_>) {
        for (name, whose) in POINTS {
            if let Some(function) = table.find(name) {
                self.add(machine, function.entry, Purpose::Point(*whose));
            }
        }
    }
    /// Sets these watches, and no others, on a machine that has gone another way.
    pub fn set_again(&self, machine: &mut Machine) {
        machine.unwatch_all();
        let known: Vec<u64> = self.purposes.keys().filter_map(|ea| machine.kernel_address(*ea)).collect();
        known.into_iter().for_each(|ra| machine.watch(ra));
    }
    /// True if everything in it is there, as it may not be in one that was read from a file.
    pub fn is_whole(&self) -> bool {
        let named = |n: usize| n < self.named.len();
        let known = |p: &Purpose| match p {
            Purpose::Entry(n) | Purpose::Return(n, _) => named(*n),
            Purpose::Trouble(n) => *n < TROUBLE.len(),
            Purpose::Naming | Purpose::SlowReturn(_) | Purpose::Signal => true,
            Purpose::Taking | Purpose::Taken(..) | Purpose::Switched => true,
            Purpose::Schedule | Purpose::SlowPath | Purpose::Point(_) | Purpose::Held => true,
        };
        let follow = self.purposes.values().flatten().filter(|p| p.follows()).count();
        self.purposes.values().flatten().all(known)
            && self.followed == follow
            && self.inside.iter().chain(&self.asleep).all(|(n, _)| named(*n))
    }
    /// Watches it for an observer.
    pub fn hold(&mut self, machine: &mut Machine, ea: u64) {
        self.add(machine, ea, Purpose::Held);
    }
    /// The observer looks there no more.
    pub fn release(&mut self, machine: &mut Machine, ea: u64) {
        self.drop_purposes(machine, ea, |p| *p == Purpose::Held);
    }
    /// True if nobody but an observer watches it.
    pub fn only_held(&self, ea: u64) -> bool {
        self.purposes.get(&ea).is_none_or(|list| list.iter().all(|p| *p == Purpose::Held))
    }
    fn schedulers(&self, table: &SymbolTable<'_>) -> Vec<u64> {
        ["schedule", "schedule_preempt_disabled"]
            .iter()
            .filter_map(|n| table.find(n))
            .map(|f| f.entry)
            .collect()
    }
    pub(super) fn add(&mut self, machine: &mut Machine, ea: u64, purpose: Purpose) {
        let follows = purpose.follows();
        if follows && self.followed >= MOST_FOLLOWED {
            return;
        }
        let list = self.purposes.entry(ea).or_default();
        if list.contains(&purpose) {
            return;
        }
        self.followed += usize::from(follows);
        list.push(purpose);
        if let Some(ra) = machine.kernel_address(ea) {
            machine.watch(ra);
        }
    }
    pub(super) fn drop_purposes(&mut self, machine: &mut Machine, ea: u64, which: impl Fn(&Purpose) -> bool) {
        let Some(list) = self.purposes.get_mut(&ea) else { return };
        self.followed -= list.iter().filter(|p| p.follows() && which(p)).count();
        list.retain(|p| !which(p));
        if list.is_empty() {
            self.purposes.remove(&ea);
            if let Some(ra) = machine.kernel_address(ea) {
                machine.unwatch(ra);
            }
        }
    }
    /// CPU `cpu` stands at a watched instruction: what that tells.
    pub fn hit(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
    ) -> Vec<Hit> {
        let pc = View::new(machine, offsets, cpu).pc();
        let purposes = self.purposes.get(&pc).cloned().unwrap_or_default();
        let mut hits = vec![];
        for purpose in purposes {
            match purpose {
                Purpose::Entry(n) => hits.extend(self.entered(machine, cpu, offsets, table, n)),
                Purpose::Return(n, sp) => {
                    hits.extend(self.returned(machine, cpu, offsets, table, (pc, n, sp)))
                }
                Purpose::Schedule => hits.extend(self.scheduled(&View::new(machine, offsets, cpu), table)),
                Purpose::SlowPath => {
                    hits.push(self.slow_path(&View::new(machine, offsets, cpu), table));
                    self.await_sleep(machine, cpu, offsets, table);
                }
                Purpose::SlowReturn(sp) => self.slow_return(machine, cpu, offsets, table, (pc, sp)),
                Purpose::Signal => hits.extend(self.signal(&View::new(machine, offsets, cpu), table)),
                Purpose::Naming => {
                    let view = View::new(machine, offsets, cpu);
                    let text = machine.read_kernel_str(view.gpr(4), MAX_NAME);
                    self.locks.named(view.gpr(3), &text.unwrap_or_default());
                }
                Purpose::Trouble(n) => hits.push(Hit::Trouble(TROUBLE[n].1)),
                Purpose::Held => {}
                Purpose::Taking => self.taking(machine, cpu, offsets, table),
                Purpose::Taken(lock, sp) => {
                    hits.extend(self.taken(machine, cpu, offsets, table, (pc, lock, sp)))
                }
                Purpose::Switched => {
                    let view = View::new(machine, offsets, cpu);
                    let owner = view.task().and_then(|task| self.owner(&view, cpu, task));
                    hits.extend(owner.map(Hit::Owns));
                }
                Purpose::Point(whose) => {
                    let chain = || View::new(machine, offsets, cpu).back_chain();
                    let counts = match whose {
                        Whose::Any => true,
                        Whose::Module => table.in_module(chain()[0]),
                        // Back chains end in user addresses, which belong to no module.
                        Whose::InModule => chain().iter().any(|at| is_kernel(*at) && table.in_module(*at)),
                    };
                    hits.extend(counts.then_some(Hit::Point));
                }
            }
        }
        hits
    }
    /// Which named functions a chain of return addresses passes.
    fn under(&self, chain: &[u64]) -> Vec<String> {
        let on = |n: &&Named| n.function.as_ref().is_some_and(|f| chain.iter().any(|a| f.holds_return(*a)));
        self.named.iter().filter(on).map(|n| n.name.clone()).collect()
    }
    fn entered(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
        n: usize,
    ) -> Option<Hit> {
        let view = View::new(machine, offsets, cpu);
        let (chain, sp, task) = (view.back_chain(), view.gpr(1), view.task());
        let name = view.task_name();
        self.add(machine, chain[0], Purpose::Return(n, sp));
        if let (true, Some(task)) = (self.named[n].asleep, task) {
            if self.inside.len() < MOST_FOLLOWED && !self.inside.contains(&(n, task)) {
                self.inside.push((n, task));
            }
            for ea in self.schedulers(table) {
                self.add(machine, ea, Purpose::Schedule);
            }
        }
        self.named[n].symbol.then(|| Hit::Symbol {
            name: self.named[n].name.clone(),
            returned: None,
            under: self.under(&chain),
            task: name,
        })
    }
    fn returned(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
        (pc, n, sp): (u64, usize, u64),
    ) -> Option<Hit> {
        let view = View::new(machine, offsets, cpu);
        if view.gpr(1) != sp {
            return None;
        }
        let (value, task, name, chain) = (view.gpr(3), view.task(), view.task_name(), view.back_chain());
        self.drop_purposes(machine, pc, |p| *p == Purpose::Return(n, sp));
        if let Some(task) = task {
            self.inside.retain(|i| *i != (n, task));
            self.asleep.remove(&(n, task));
        }
        if self.inside.is_empty() && !self.locks.any_waits() {
            for ea in self.schedulers(table) {
                self.drop_purposes(machine, ea, |p| *p == Purpose::Schedule);
            }
        }
        self.named[n].symbol.then(|| Hit::Symbol {
            name: self.named[n].name.clone(),
            returned: Some(value),
            under: self.under(&chain),
            task: name,
        })
    }
    /// A task that declared to sleep calls the scheduler from a mutex's slow path.
    fn scheduled(&mut self, view: &View<'_>, table: &SymbolTable<'_>) -> Vec<Hit> {
        let Some(task) = view.task() else { return vec![] };
        let here: Vec<usize> = self.inside.iter().filter(|(_, t)| *t == task).map(|(n, _)| *n).collect();
        if here.is_empty() && !self.locks.waits(task) || view.going_to_sleep() != Some(true) {
            return vec![];
        }
        let chain = view.back_chain();
        if !self.slow_functions.iter().any(|f| chain.iter().any(|a| f.holds_return(*a))) {
            return vec![];
        }
        let on = self.under(&chain);
        let mut hits = vec![];
        for n in here {
            let name = self.named[n].name.clone();
            if on.contains(&name) && self.asleep.insert((n, task)) {
                hits.push(Hit::Asleep { name, task: view.task_name() });
            }
        }
        let waiting = self.locks.sleeps(task);
        hits.extend(waiting.and_then(|w| self.waits(view, table, task, w, view.signal_pending())));
        hits
    }
    /// In which of the named functions the owner of a mutex sleeps.
    fn held_by(&self, view: &View<'_>, lock: u64) -> Vec<String> {
        let owner = view.mutex_owner(lock).filter(|o| *o != 0);
        let holds = |(_, task): &&(usize, u64)| Some(*task) == owner;
        self.asleep.iter().filter(holds).map(|(n, _)| self.named[*n].name.clone()).collect()
    }
    fn slow_path(&self, view: &View<'_>, table: &SymbolTable<'_>) -> Hit {
        let lock = view.gpr(3);
        Hit::SlowPath(Contention {
            lock,
            name: self.locks.name(lock, table).unwrap_or_default(),
            under: self.under(&view.back_chain()),
            signal_pending: view.signal_pending(),
            held_by: self.held_by(view, lock),
            task: view.task_name(),
        })
    }
    /// A task came to a slow path: if a condition is about its mutex, what it
    /// does there is watched until it comes back.
    fn await_sleep(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
    ) {
        let view = View::new(machine, offsets, cpu);
        let (lock, sp, chain) = (view.gpr(3), view.gpr(1), view.back_chain());
        let name = self.locks.name(lock, table).unwrap_or_default();
        let (Some(task), true) = (view.task(), self.waited_for.iter().any(|w| is_called(&name, w))) else {
            return;
        };
        self.add(machine, chain[0], Purpose::SlowReturn(sp));
        if self.locks.wait(task, lock, self.under(&chain)) {
            for ea in self.schedulers(table) {
                self.add(machine, ea, Purpose::Schedule);
            }
            if let Some(f) = table.find(SIGNALLING) {
                self.add(machine, f.entry, Purpose::Signal);
            }
        }
    }
    fn slow_return(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
        (pc, sp): (u64, u64),
    ) {
        let view = View::new(machine, offsets, cpu);
        let (Some(task), true) = (view.task(), view.gpr(1) == sp) else { return };
        self.drop_purposes(machine, pc, |p| *p == Purpose::SlowReturn(sp));
        if !self.locks.done(task) {
            return;
        }
        if let Some(f) = table.find(SIGNALLING) {
            self.drop_purposes(machine, f.entry, |p| *p == Purpose::Signal);
        }
        if self.inside.is_empty() {
            for ea in self.schedulers(table) {
                self.drop_purposes(machine, ea, |p| *p == Purpose::Schedule);
            }
        }
    }
    /// A task is told of a signal; it is the function's first argument.
    fn signal(&self, view: &View<'_>, table: &SymbolTable<'_>) -> Option<Hit> {
        let task = view.gpr(3);
        let waiting = self.locks.asleep(task)?;
        let pending = view.signal_pending_of(task).filter(|pending| *pending)?;
        self.waits(view, table, task, waiting, Some(pending))
    }
    fn waits(
        &self,
        view: &View<'_>,
        table: &SymbolTable<'_>,
        task: u64,
        Waiting { lock, under, .. }: Waiting,
        signal_pending: Option<bool>,
    ) -> Option<Hit> {
        let name = self.locks.name(lock, table)?;
        let (held_by, task) = (self.held_by(view, lock), view.name_of(task));
        Some(Hit::Waits(Contention { lock, name, under, signal_pending, held_by, task }))
    }
}

/// Where every waiter passes: the common function of all variants, if the
/// compiler kept one, else each variant's own.
fn slow_path_entries(functions: &[Function]) -> Vec<u64> {
    let common = |f: &&Function| f.name == "__mutex_lock" || f.name.starts_with("__mutex_lock.");
    let entries: Vec<u64> = functions.iter().filter(common).map(|f| f.entry).collect();
    if !entries.is_empty() {
        return entries;
    }
    functions.iter().filter(|f| f.name.contains("_slowpath")).map(|f| f.entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{LINEAR_MAP, Symbols};
    use crate::scenario::parse;

    /// A guest that calls for ever, each time from elsewhere, and never returns.
    #[test]
    fn calls_that_never_return_are_followed_up_to_a_bound() {
        let scenario = parse("schema = 1\nname = \"x\"\n").expect("well formed");
        let symbols = Symbols::default();
        let table = SymbolTable::new(&symbols, vec![]);
        let mut machine = Machine::bare(vec![0; 16]);
        let mut w = Watches::new(&scenario, &table);
        let place = |n: u64| LINEAR_MAP + 4 * n;
        let calls = MOST_FOLLOWED as u64 + 9;
        (0..calls).for_each(|n| w.add(&mut machine, place(n), Purpose::Return(0, n)));
        w.add(&mut machine, place(0), Purpose::Return(0, 0));
        w.add(&mut machine, place(1), Purpose::SlowPath);
        assert_eq!((w.followed, w.purposes.len()), (MOST_FOLLOWED, MOST_FOLLOWED));
        (0..calls).for_each(|n| w.drop_purposes(&mut machine, place(n), |p| *p == Purpose::Return(0, n)));
        assert_eq!((w.followed, w.purposes.len()), (0, 1), "what does not follow a call stays");
    }
}
