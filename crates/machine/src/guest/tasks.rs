//! The tasks of the guest.

use super::Inspector;
use std::collections::BTreeSet;

/// So many tasks are listed at most.
const MAX_TASKS: usize = 32_768;
/// So many links of lists are followed for them: a leader is in two lists.
pub(super) const MAX_LINKS: usize = 4 * MAX_TASKS;
/// Size of `task_struct.comm` (TASK_COMM_LEN).
const COMM: usize = 16;

/// Whether a CPU runs a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// This one does.
    On(usize),
    /// None does.
    No,
}

/// A task, as the guest's memory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Address of its `task_struct`.
    pub address: u64,
    /// Id as a thread.
    pub pid: u32,
    /// Id as a process.
    pub tgid: u32,
    /// Name.
    pub comm: String,
    /// `__state`.
    pub state: u32,
    /// `exit_state`.
    pub exit_state: u32,
    /// True for a thread of the kernel.
    pub kernel: bool,
    /// Whether it runs.
    pub running: Running,
    /// CPU it runs on or ran on last, if the kernel's layout tells.
    pub cpu: Option<u32>,
    /// Signals for it alone, bit n-1 for signal n.
    pub private_signals: u64,
    /// Signals for its process.
    pub shared_signals: u64,
    /// TIF_SIGPENDING: it is told to look for signals.
    pub signal_pending: bool,
    /// Lowest address of its kernel stack.
    pub stack: Option<u64>,
}

impl Task {
    /// One letter as in ps(1): R runs or could, S and D sleep, I is an idle
    /// thread of the kernel, T is stopped, X and Z are dead.
    pub fn letter(&self) -> char {
        // Values of TASK_* and EXIT_* in include/linux/sched.h, the same since Linux 4.14.
        const NOLOAD: u32 = 0x400;
        match (self.exit_state, self.state) {
            (e, _) if e & 0x20 != 0 => 'Z',
            (e, _) if e != 0 => 'X',
            (_, 0) => 'R',
            (_, s) if s & 1 != 0 => 'S',
            (_, s) if s & 2 != 0 && s & NOLOAD != 0 => 'I',
            (_, s) if s & 2 != 0 => 'D',
            (_, s) if s & 0xC != 0 => 'T',
            _ => '?',
        }
    }
}

impl Inspector<'_> {
    /// All tasks, processes in the order of the kernel's list, each followed
    /// by its other threads; first those that CPUs run while idle. `None` if
    /// the kernel's layout is not known or it has not come that far.
    pub fn tasks(&self) -> Option<Vec<Task>> {
        self.tasks_within(&mut { MAX_LINKS })
    }

    /// The same with as many links of lists as `left` has left.
    pub(super) fn tasks_within(&self, left: &mut usize) -> Option<Vec<Task>> {
        let init = self.symbols.find("init_task")?.address;
        let mut seen = BTreeSet::new();
        let mut all = vec![];
        let mut add = |address: u64, all: &mut Vec<Task>| {
            if all.len() < MAX_TASKS && seen.insert(address) {
                all.extend(self.task(address));
            }
        };
        add(init, &mut all);
        (0..self.machine.cpus().len()).filter_map(|cpu| self.current(cpu)).for_each(|t| add(t, &mut all));
        for leader in self.list(init.wrapping_add(self.offsets.tasks?), self.offsets.tasks?, left) {
            add(leader, &mut all);
            let mut threads = || {
                let head = self.u64(leader, self.offsets.signal)?.wrapping_add(self.offsets.thread_head?);
                Some(self.list(head, self.offsets.thread_node?, left))
            };
            threads().into_iter().flatten().for_each(|thread| add(thread, &mut all));
        }
        // init_task itself says nothing where CPU 0 is past its start.
        (all.len() > 1 || !all.is_empty() && self.current(0).is_some()).then_some(all)
    }

    /// The task that a CPU runs: HSPRG0 has the address of its PACA.
    pub fn current(&self, cpu: usize) -> Option<u64> {
        let paca = self.machine.cpus()[cpu].sprs.hsprg0;
        self.pointer(paca, self.offsets.current)
    }

    /// One task.
    pub fn task(&self, address: u64) -> Option<Task> {
        let o = self.offsets;
        if !super::is_kernel(address) {
            return None;
        }
        let cpus = 0..self.machine.cpus().len();
        let running = cpus.into_iter().find(|cpu| self.current(*cpu) == Some(address));
        let shared = || self.u64(self.pointer(address, o.signal)?, o.shared_signals);
        let flag = || Some(self.u64(address, o.thread_flags)? >> o.sigpending?.min(63) & 1 != 0);
        Some(Task {
            address,
            pid: self.u32(address, o.pid)?,
            tgid: self.u32(address, o.tgid)?,
            comm: self.machine.read_kernel_str(address.wrapping_add(o.comm?), COMM)?,
            state: self.u32(address, o.state)?,
            exit_state: self.u32(address, o.exit_state).unwrap_or(0),
            kernel: self.u64(address, o.mm)? == 0 && self.u32(address, o.exit_state).unwrap_or(0) == 0,
            running: running.map_or(Running::No, Running::On),
            cpu: self.u32(address, o.thread_cpu),
            private_signals: self.u64(address, o.private_signals).unwrap_or(0),
            shared_signals: shared().unwrap_or(0),
            signal_pending: flag().unwrap_or(false),
            stack: self.pointer(address, o.stack),
        })
    }

    /// Structures of a list by their link at `offset`, without the head's own;
    /// what `left` allows of them.
    pub(super) fn list(&self, head: u64, offset: u64, left: &mut usize) -> Vec<u64> {
        let mut found = vec![];
        let mut link = self.machine.read_kernel_u64(head);
        while let Some(at) = link.filter(|at| *at != head && super::is_kernel(*at)) {
            let structure = at.wrapping_sub(offset);
            // A list that never comes back to its head is broken or not yet made.
            if *left == 0 || found.len() >= MAX_TASKS {
                break;
            }
            *left -= 1;
            found.push(structure);
            link = self.machine.read_kernel_u64(at);
        }
        found
    }
}
