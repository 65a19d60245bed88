//! Kernel stacks.

use super::Inspector;
use super::tasks::{Running, Task};

/// Deepest stack that is followed.
const MAX_FRAMES: usize = 64;
/// MSR[PR]: the CPU executes a program (Book III 4.2.1).
const MSR_PR: u64 = 1 << 14;

impl Inspector<'_> {
    /// Code addresses from the innermost out, as the kernel is linked: where
    /// it is, if it runs, then the callers. Empty for a task in user space.
    pub fn stack(&self, task: &Task) -> Vec<u64> {
        match task.running {
            Running::On(cpu) => self.running_stack(cpu),
            Running::No => self.sleeping_stack(task).unwrap_or_default(),
        }
    }

    fn running_stack(&self, cpu: usize) -> Vec<u64> {
        let thread = &self.machine.cpus()[cpu];
        if thread.msr & MSR_PR != 0 {
            return vec![];
        }
        let mut chain = vec![super::linked(thread.cia), super::linked(thread.lr)];
        let frame = thread.gpr[1];
        // The stack may be that of an interrupt: no bounds but the chain's own.
        self.follow(frame, frame..u64::MAX, &mut chain);
        // Before a function's frame is there, LR is its caller; later it is whom it called last.
        if chain.get(2) == chain.get(1) {
            chain.remove(1);
        }
        chain
    }

    fn sleeping_stack(&self, task: &Task) -> Option<Vec<u64>> {
        let ksp = self.u64(task.address, self.offsets.ksp)?;
        let mut chain = vec![];
        self.follow(ksp, self.stack_range(task)?, &mut chain);
        Some(chain)
    }

    /// Addresses of a task's kernel stack.
    pub(super) fn stack_range(&self, task: &Task) -> Option<std::ops::Range<u64>> {
        let size = self.offsets.stack_size.filter(|size| *size <= 1 << 20)?;
        let low = task.stack.filter(|low| super::is_kernel(*low))?;
        Some(low..low.checked_add(size)?)
    }

    /// Appends the LR save words of the frames from `frame` on, as long as
    /// the back chain rises inside `bounds` (ELFv2 ABI 2.2.2.1).
    fn follow(&self, mut frame: u64, bounds: std::ops::Range<u64>, chain: &mut Vec<u64>) {
        while chain.len() < MAX_FRAMES && bounds.contains(&frame) {
            let Some(next) = self.machine.read_kernel_u64(frame) else { return };
            if next <= frame || !super::is_kernel(next) || !bounds.contains(&next) {
                return;
            }
            let Some(lr) = self.machine.read_kernel_u64(next.wrapping_add(16)) else { return };
            // The first frame of a thread has no caller.
            if super::is_kernel(lr) {
                chain.push(lr);
            }
            frame = next;
        }
    }
}
