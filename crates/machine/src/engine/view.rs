//! The guest's kernel structures, seen from outside and never changed.

use crate::machine::Machine;

/// Offsets and constants of one kernel, compiled from its own headers by
/// `xtask guest`. A kernel without them can be booted, but conditions on
/// tasks cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestOffsets {
    /// `paca_struct.current`.
    pub current: Option<u64>,
    /// `task_struct.thread_info.flags`.
    pub thread_flags: Option<u64>,
    /// `TIF_SIGPENDING`, a bit number.
    pub sigpending: Option<u64>,
    /// `task_struct.__state`.
    pub state: Option<u64>,
    /// `task_struct.pid`.
    pub pid: Option<u64>,
    /// `task_struct.comm`.
    pub comm: Option<u64>,
    /// `mutex.owner`.
    pub mutex_owner: Option<u64>,
}

impl GuestOffsets {
    /// Takes what `get` knows, by the keys of `offsets.toml`.
    pub fn lookup(get: impl Fn(&str) -> Option<u64>) -> GuestOffsets {
        GuestOffsets {
            current: get("paca_struct.current"),
            thread_flags: get("task_struct.thread_info.flags"),
            sigpending: get("TIF_SIGPENDING"),
            state: get("task_struct.__state"),
            pid: get("task_struct.pid"),
            comm: get("task_struct.comm"),
            mutex_owner: get("mutex.owner"),
        }
    }
    /// True if tasks and mutexes can be read.
    pub fn complete(&self) -> bool {
        let all = [self.current, self.thread_flags, self.sigpending, self.state, self.mutex_owner];
        all.iter().all(Option::is_some)
    }
}

/// Deepest stack that is followed.
const MAX_FRAMES: usize = 48;
/// Low bits of `mutex.owner` that are flags (MUTEX_FLAGS, kernel/locking).
const MUTEX_FLAGS: u64 = 7;

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
    /// Address of the current task.
    pub fn task(&self) -> Option<u64> {
        self.machine.read_kernel_u64(self.gpr(13).wrapping_add(self.offsets.current?))
    }
    /// Whether a signal is pending for the current task.
    pub fn signal_pending(&self) -> Option<bool> {
        let flags = self.task()?.wrapping_add(self.offsets.thread_flags?);
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
        Some(owner & !MUTEX_FLAGS)
    }
    /// Name of the current task and its pid, for people.
    pub fn task_name(&self) -> String {
        let Some(task) = self.task() else { return "?".into() };
        let comm = self.offsets.comm.and_then(|o| self.machine.read_kernel_str(task.wrapping_add(o), 16));
        let pid = self.offsets.pid.and_then(|o| self.machine.read_kernel_u32(task.wrapping_add(o)));
        let pid = pid.map(|p| format!("/{p}")).unwrap_or_default();
        format!("{}{pid}", comm.unwrap_or_else(|| "?".into()))
    }
}

/// The linked address of kernel code that may run in real mode.
pub fn linked(address: u64) -> u64 {
    if address >> 60 == 0 { address | crate::kernel::LINEAR_MAP } else { address }
}
