//! The running kernel as it is seen from outside, and the report of it.

use super::modules::LoadedModule;
use super::mutexes::Mutex;
use super::offsets::GuestOffsets;
use super::tasks::{Running, Task};
use crate::kernel::Symbols;
use crate::machine::Machine;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// No function is longer than this.
const LONGEST_FUNCTION: u64 = 1 << 16;

/// Reads the structures of a running kernel; never changes anything.
#[derive(Clone, Copy)]
pub struct Inspector<'a> {
    pub(super) machine: &'a Machine,
    pub(super) offsets: &'a GuestOffsets,
    pub(super) symbols: &'a Symbols,
}

/// A task for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Id as a thread.
    pub pid: u32,
    /// Id as a process.
    pub tgid: u32,
    /// Name.
    pub name: String,
    /// Letter of ps(1): R S D I T X Z.
    pub state: char,
    /// CPU that runs it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<usize>,
    /// A thread of the kernel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kernel: bool,
    /// Pending signals by number, its own and its process's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<u32>,
    /// It is told to look for signals (TIF_SIGPENDING).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signal_pending: bool,
    /// Address of the mutex that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Functions from the innermost out.
    pub stack: Vec<String>,
}

/// A mutex that somebody waits for, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutexReport {
    /// Its address.
    pub address: String,
    /// Its name, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `name/pid` of the task that has it.
    pub owner: Option<String>,
    /// The same of those that wait, first come first.
    pub waiters: Vec<String>,
}

/// What the tasks of a guest do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestReport {
    /// When that was.
    pub at_ns: u64,
    /// Processes, running tasks, and kernel threads that wait for something
    /// other than work.
    pub tasks: Vec<TaskReport>,
    /// Mutexes that somebody waits for.
    pub mutexes: Vec<MutexReport>,
}

impl GuestReport {
    /// Where tasks sleep in modules: of each that does the innermost function
    /// of a module on its stack, without the distance. A task that runs is
    /// somewhere else a few instructions later, so it says nothing that another
    /// schedule would say too.
    pub fn sleeps_in(&self) -> BTreeSet<String> {
        let inside = |t: &TaskReport| {
            if t.cpu.is_some() || t.state == 'R' {
                return None;
            }
            let frame = t.stack.iter().find(|f| f.contains(':'))?;
            Some(frame.split('+').next().unwrap_or(frame).to_owned())
        };
        self.tasks.iter().filter_map(inside).collect()
    }
    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.mutexes.is_empty()
    }
}

impl<'a> Inspector<'a> {
    /// Looks at a machine that runs the kernel with these structures and symbols.
    pub fn new(machine: &'a Machine, offsets: &'a GuestOffsets, symbols: &'a Symbols) -> Inspector<'a> {
        Inspector { machine, offsets, symbols }
    }

    pub(super) fn u64(&self, structure: u64, offset: Option<u64>) -> Option<u64> {
        self.machine.read_kernel_u64(structure.wrapping_add(offset?))
    }
    pub(super) fn u32(&self, structure: u64, offset: Option<u64>) -> Option<u32> {
        self.machine.read_kernel_u32(structure.wrapping_add(offset?))
    }
    /// A field that is a pointer into the kernel.
    pub(super) fn pointer(&self, structure: u64, offset: Option<u64>) -> Option<u64> {
        self.u64(structure, offset).filter(|p| super::is_kernel(*p))
    }

    /// An address for people: function and distance, or the number.
    pub fn describe(&self, address: u64, modules: &[LoadedModule]) -> String {
        let near = |start: u64| address - start < LONGEST_FUNCTION;
        if let Some((name, distance)) = self.symbols.at(address)
            && near(address - distance)
        {
            return format!("{name}+{distance:#x}");
        }
        let below = |m: &'_ LoadedModule| {
            let (start, name) = m.symbols.range(..=address).next_back()?;
            near(*start).then(|| (*start, format!("{}:{name}+{:#x}", m.name, address - start)))
        };
        let best = modules.iter().filter_map(below).max_by_key(|(start, _)| *start);
        best.map_or_else(|| format!("{address:#x}"), |(_, text)| text)
    }

    /// What the guest's tasks do; mutexes by the names in `names` or, if they
    /// are static, by their symbols.
    pub fn report(&self, names: &BTreeMap<u64, String>) -> GuestReport {
        let Some(tasks) = self.tasks() else { return GuestReport::default() };
        let (mutexes, modules) = (self.contended(&tasks), self.modules());
        let concerned: BTreeSet<u64> =
            mutexes.iter().flat_map(|m| m.owner.into_iter().chain(m.waiters.iter().copied())).collect();
        let shown = |t: &&Task| {
            let idle = t.pid == 0;
            let busy = !t.kernel || t.running != Running::No || t.letter() == 'D';
            concerned.contains(&t.address) || !idle && busy
        };
        let tasks_shown = tasks.iter().filter(shown).map(|t| self.task_report(t, &mutexes, &modules));
        GuestReport {
            at_ns: self.machine.now().0,
            tasks: tasks_shown.collect(),
            mutexes: mutexes.iter().map(|m| self.mutex_report(m, &tasks, names)).collect(),
        }
    }

    fn task_report(&self, task: &Task, mutexes: &[Mutex], modules: &[LoadedModule]) -> TaskReport {
        let pending = task.private_signals | task.shared_signals;
        let waits = mutexes.iter().find(|m| m.waiters.contains(&task.address));
        TaskReport {
            pid: task.pid,
            tgid: task.tgid,
            name: task.comm.clone(),
            state: task.letter(),
            cpu: match task.running {
                Running::On(cpu) => Some(cpu),
                Running::No => None,
            },
            kernel: task.kernel,
            signals: (1..=64).filter(|n| pending >> (n - 1) & 1 != 0).collect(),
            signal_pending: task.signal_pending,
            waits_for: waits.map(|m| format!("{:#x}", m.address)),
            stack: self.stack(task).iter().map(|a| self.describe(*a, modules)).collect(),
        }
    }

    fn mutex_report(&self, m: &Mutex, tasks: &[Task], names: &BTreeMap<u64, String>) -> MutexReport {
        let who = |address: &u64| {
            let task = tasks.iter().find(|t| t.address == *address);
            task.map_or_else(|| format!("{address:#x}"), |t| format!("{}/{}", t.comm, t.pid))
        };
        let fixed = || self.symbols.data_at(m.address).map(str::to_owned);
        MutexReport {
            address: format!("{:#x}", m.address),
            name: names.get(&m.address).cloned().or_else(fixed),
            owner: m.owner.as_ref().map(who),
            waiters: m.waiters.iter().map(who).collect(),
        }
    }
}
