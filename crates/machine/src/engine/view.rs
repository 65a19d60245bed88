//! The guest's kernel structures, seen from outside and never changed.

use crate::guest::{GuestOffsets, linked};
use crate::machine::Machine;

/// Deepest stack that is followed.
const MAX_FRAMES: usize = 48;

/// What one CPU is doing.
pub struct View<'a> {
    machine: &'a Machine,
    offsets: &'a GuestOffsets,
    cpu: usize,
}

impl<'a> View<'a> {
    /// Looks at CPU `cpu`.
    pub fn new(machine: &'a Machine, offsets: &'a GuestOffsets, cpu: usize) -> View<'a> {
        View { machine, offsets, cpu }
    }
    /// A general-purpose register.
    pub fn gpr(&self, n: usize) -> u64 {
        self.machine.cpus()[self.cpu].gpr[n]
    }
    /// Address of the instruction about to be executed, as the kernel is linked.
    pub fn pc(&self) -> u64 {
        linked(self.machine.cpus()[self.cpu].cia)
    }
    /// Return addresses from the innermost out: LR, then the LR save word of
    /// each frame that the back chain names (ELFv2 ABI 2.2.2.1). Valid at a
    /// function's entry, before it has a frame of its own.
    pub fn back_chain(&self) -> Vec<u64> {
        let mut chain = vec![linked(self.machine.cpus()[self.cpu].lr)];
        let mut frame = self.gpr(1);
        while chain.len() < MAX_FRAMES {
            let Some(next) = self.machine.read_kernel_u64(frame) else { break };
            // Stacks grow down: a chain that does not rise is at its end or broken.
            if next <= frame || next >> 60 != 0xC {
                break;
            }
            let Some(lr) = self.machine.read_kernel_u64(next + 16) else { break };
            chain.push(lr);
            frame = next;
        }
        chain
    }
    /// Address to which the function that is being entered returns.
    pub fn caller(&self) -> u64 {
        linked(self.machine.cpus()[self.cpu].lr)
    }
    /// Address of the current task.
    pub fn task(&self) -> Option<u64> {
        self.machine.read_kernel_u64(self.gpr(13).wrapping_add(self.offsets.current?))
    }
    /// Whether a signal is pending for the current task.
    pub fn signal_pending(&self) -> Option<bool> {
        self.signal_pending_of(self.task()?)
    }
    /// Whether a signal is pending for a task.
    pub fn signal_pending_of(&self, task: u64) -> Option<bool> {
        let flags = task.wrapping_add(self.offsets.thread_flags?);
        let bit = self.offsets.sigpending?.min(63);
        Some(self.machine.read_kernel_u64(flags)? >> bit & 1 != 0)
    }
    /// Whether the current task has declared that it will sleep.
    pub fn going_to_sleep(&self) -> Option<bool> {
        let state = self.task()?.wrapping_add(self.offsets.state?);
        Some(self.machine.read_kernel_u32(state)? != 0)
    }
    /// The task that owns a mutex; 0 if none does.
    pub fn mutex_owner(&self, mutex: u64) -> Option<u64> {
        let owner = self.machine.read_kernel_u64(mutex.wrapping_add(self.offsets.mutex_owner?))?;
        Some(owner & !crate::guest::MUTEX_FLAGS)
    }
    /// Name of the current task and its pid, for people.
    pub fn task_name(&self) -> String {
        self.task().map_or_else(|| "?".into(), |task| self.name_of(task))
    }
    /// True if the stack is not the current task's own: an interrupt is being
    /// served, which the kernel does on stacks of its own.
    pub fn in_interrupt(&self) -> bool {
        let stack = || {
            let low = self.machine.read_kernel_u64(self.task()?.wrapping_add(self.offsets.stack?))?;
            Some(low..low.checked_add(self.offsets.stack_size?)?)
        };
        stack().is_some_and(|range| !range.contains(&self.gpr(1)))
    }
    /// Name of a task and its pid, for people.
    pub fn name_of(&self, task: u64) -> String {
        let comm = self.offsets.comm.and_then(|o| self.machine.read_kernel_str(task.wrapping_add(o), 16));
        let pid = self.offsets.pid.and_then(|o| self.machine.read_kernel_u32(task.wrapping_add(o)));
        let pid = pid.map(|p| format!("/{p}")).unwrap_or_default();
        format!("{}{pid}", comm.unwrap_or_else(|| "?".into()))
    }
}
