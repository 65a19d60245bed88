//! Looks at a run without any effect on it: calls of the driver's functions,
//! its locks, signals, and when the tasks that come by there sleep and run.
//!
//! What is observed is watched like what a scenario asks for, but nothing
//! follows from it: the machine goes on in the middle of its turn.

use super::holder::task_switches;
use super::symbols::SymbolTable;
use super::view::View;
use super::watches::Watches;
use crate::guest::{GuestOffsets, Inspector, LoadedModule};
use crate::machine::Machine;
use fabric::Ticks;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something that a CPU did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// Virtual time as this CPU sees it.
    pub at: Ticks,
    /// CPU.
    pub cpu: usize,
    /// Current task: name and pid.
    pub task: String,
    /// It is an interrupt that came to this task.
    pub interrupt: bool,
    /// What.
    pub seen: Seen,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Seen {
    /// A function of the module was entered.
    Enter {
        /// Its full name.
        function: String,
    },
    /// It returned.
    Return {
        /// Its full name.
        function: String,
        /// r3.
        value: u64,
    },
    /// A module asks for a lock, or lets it go.
    Lock {
        /// The kernel's function.
        function: &'static str,
        /// What it does.
        op: LockOp,
        /// Address of the lock.
        lock: u64,
        /// Its name, of mutexes: as the kernel was told it.
        name: Option<String>,
        /// Function of the module, if it is known.
        caller: String,
        /// Task that owns it, of mutexes.
        owner: Option<String>,
        /// A signal is pending for the current task.
        pending: Option<bool>,
    },
    /// The lock's function returned.
    Locked {
        /// The kernel's function.
        function: &'static str,
        /// What it does.
        op: LockOp,
        /// Address of the lock.
        lock: u64,
        /// Function of the module, if it is known.
        caller: String,
        /// Whether the lock was taken.
        taken: bool,
        /// r3.
        value: u64,
    },
    /// A signal is sent.
    Signal {
        /// Its number.
        number: u64,
        /// Task that gets it.
        to: String,
    },
    /// The task ends.
    Exit {
        /// Argument of do_exit: status or signal.
        code: u64,
    },
    /// The task calls the scheduler to sleep.
    Sleeps,
    /// It runs again.
    Runs,
}

/// What a function does with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum LockOp {
    /// Waits for it.
    Take,
    /// Waits for it unless a signal comes: 0 if it was taken.
    TakeUnlessSignal,
    /// Takes it if it is free: 1 if it was.
    Try,
    /// Lets it go.
    Leave,
}

/// Kernel functions for locks that may be slept for.
pub(super) const LOCKS: &[(&str, LockOp)] = &[
    ("mutex_lock", LockOp::Take),
    ("mutex_lock_interruptible", LockOp::TakeUnlessSignal),
    ("mutex_lock_killable", LockOp::TakeUnlessSignal),
    ("mutex_trylock", LockOp::Try),
    ("mutex_unlock", LockOp::Leave),
    ("down_read", LockOp::Take),
    ("down_read_killable", LockOp::TakeUnlessSignal),
    ("down_read_interruptible", LockOp::TakeUnlessSignal),
    ("down_read_trylock", LockOp::Try),
    ("up_read", LockOp::Leave),
    ("down_write", LockOp::Take),
    ("down_write_killable", LockOp::TakeUnlessSignal),
    ("down_write_trylock", LockOp::Try),
    ("up_write", LockOp::Leave),
];

/// Where a signal is sent, by kernel: argument registers of number and task.
const SIGNALS: &[(&str, usize, usize)] =
    &[("__send_signal_locked", 3, 5), ("__send_signal", 3, 5), ("complete_signal", 3, 4)];

/// Most calls that are followed to their return at a time.
const MOST_OPEN: usize = 4096;

/// Why an address is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Function(String),
    /// With the stack pointer of the caller.
    Return(String, u64),
    Lock(&'static str, LockOp),
    LockReturn {
        function: &'static str,
        op: LockOp,
        lock: u64,
        caller: String,
        sp: u64,
    },
    Signal {
        number: usize,
        task: usize,
    },
    Exit,
    Schedule,
    Switched,
}

/// What is observed in a run.
#[derive(Clone, Default)]
pub struct Observer {
    roles: BTreeMap<u64, Vec<Role>>,
    open: usize,
    /// Tasks that were in the module.
    known: BTreeSet<u64>,
    asleep: BTreeSet<u64>,
    /// The module that is observed, and what it calls its functions.
    modules: Vec<LoadedModule>,
}

impl Observer {
    /// Begins to observe the functions of `module` and its use of the kernel.
    pub fn arm(
        &mut self,
        module: &str,
        machine: &mut Machine,
        watches: &mut Watches,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
    ) {
        self.modules = Inspector::new(machine, offsets, table.kernel()).modules();
        self.modules.retain(|m| m.name == module);
        let loaded: Vec<(u64, String)> =
            self.modules.iter().flat_map(|m| m.symbols.iter().map(|(at, n)| (*at, n.clone()))).collect();
        for (address, name) in loaded {
            if let Some(local_entry) = table.local_entry(module, &name) {
                self.add(machine, watches, address + local_entry, Role::Function(format!("{module}:{name}")));
            }
        }
        let mut kernel = |name: &str, role: Role| {
            let found = table.find(name);
            found.map(|f| self.add(machine, watches, f.entry, role)).is_some()
        };
        for (name, op) in LOCKS {
            kernel(name, Role::Lock(name, *op));
        }
        // The first that the kernel has: the others are its older names.
        let _ = SIGNALS.iter().any(|&(name, number, task)| kernel(name, Role::Signal { number, task }));
        kernel("do_exit", Role::Exit);
        kernel("schedule", Role::Schedule);
        for f in task_switches(table) {
            self.add(machine, watches, f.entry, Role::Switched);
        }
    }
    fn add(&mut self, machine: &mut Machine, watches: &mut Watches, ea: u64, role: Role) {
        let roles = self.roles.entry(ea).or_default();
        if !roles.contains(&role) {
            roles.push(role);
        }
        watches.hold(machine, ea);
    }
    fn remove(&mut self, machine: &mut Machine, watches: &mut Watches, ea: u64, role: &Role) {
        let Some(roles) = self.roles.get_mut(&ea) else { return };
        roles.retain(|r| r != role);
        if roles.is_empty() {
            self.roles.remove(&ea);
            watches.release(machine, ea);
        }
    }
    /// CPU `cpu` stands at a watched instruction: what is to be seen there.
    pub fn look(
        &mut self,
        machine: &mut Machine,
        watches: &mut Watches,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
    ) -> Vec<Sighting> {
        let view = View::new(machine, offsets, cpu);
        let pc = view.pc();
        let Some(roles) = self.roles.get(&pc).cloned() else { return vec![] };
        let (at, task) = (machine.cpus()[cpu].now(), view.task_name());
        let mut out = vec![];
        for role in roles {
            let Some(seen) = self.see(machine, watches, cpu, offsets, table, role) else { continue };
            let interrupt = View::new(machine, offsets, cpu).in_interrupt();
            out.push(Sighting { at, cpu, task: task.clone(), interrupt, seen });
        }
        out
    }
    fn see(
        &mut self,
        machine: &mut Machine,
        watches: &mut Watches,
        cpu: usize,
        offsets: &GuestOffsets,
        table: &SymbolTable<'_>,
        role: Role,
    ) -> Option<Seen> {
        let view = View::new(machine, offsets, cpu);
        let (caller, sp, r3) = (view.caller(), view.gpr(1), view.gpr(3));
        let current = view.task();
        match role {
            Role::Function(function) => {
                self.known.extend(current);
                self.follow(machine, watches, caller, Role::Return(function.clone(), sp));
                Some(Seen::Enter { function })
            }
            Role::Return(ref function, at) => (at == sp).then(|| {
                let seen = Seen::Return { function: function.clone(), value: r3 };
                self.returned(machine, watches, cpu, offsets, &role);
                seen
            }),
            Role::Lock(function, op) => {
                let by = Inspector::new(machine, offsets, table.kernel()).describe(caller, &self.modules);
                if !by.contains(':') {
                    return None;
                }
                let owner = view.mutex_owner(r3).filter(|o| *o != 0 && function.starts_with("mutex"));
                let owner = owner.map(|task| view.name_of(task));
                let pending = view.signal_pending();
                if op != LockOp::Leave {
                    let back = Role::LockReturn { function, op, lock: r3, caller: by.clone(), sp };
                    self.follow(machine, watches, caller, back);
                }
                let name = watches.locks.name(r3, table);
                Some(Seen::Lock { function, op, lock: r3, name, caller: by, owner, pending })
            }
            Role::LockReturn { function, op, lock, caller: ref by, sp: at } => (at == sp).then(|| {
                let taken = match op {
                    LockOp::TakeUnlessSignal => r3 as u32 == 0,
                    LockOp::Try => r3 as u32 != 0,
                    LockOp::Take | LockOp::Leave => true,
                };
                let seen = Seen::Locked { function, op, lock, caller: by.clone(), taken, value: r3 };
                self.returned(machine, watches, cpu, offsets, &role);
                seen
            }),
            Role::Signal { number, task } => {
                Some(Seen::Signal { number: view.gpr(number), to: view.name_of(view.gpr(task)) })
            }
            Role::Exit => Some(Seen::Exit { code: r3 }),
            Role::Schedule => {
                let task = current.filter(|t| self.known.contains(t))?;
                (view.going_to_sleep() == Some(true) && self.asleep.insert(task)).then_some(Seen::Sleeps)
            }
            Role::Switched => self.asleep.remove(&current?).then_some(Seen::Runs),
        }
    }
    /// Waits for the return of a call.
    fn follow(&mut self, machine: &mut Machine, watches: &mut Watches, to: u64, role: Role) {
        if self.open < MOST_OPEN {
            self.open += 1;
            self.add(machine, watches, to, role);
        }
    }
    fn returned(
        &mut self,
        machine: &mut Machine,
        watches: &mut Watches,
        cpu: usize,
        offsets: &GuestOffsets,
        role: &Role,
    ) {
        let pc = View::new(machine, offsets, cpu).pc();
        self.open = self.open.saturating_sub(1);
        self.remove(machine, watches, pc, role);
    }
}
