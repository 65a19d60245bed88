//! Looking into the guest from outside, without side effects: memory,
//! structures of the kernel, its tasks, modules and mutexes. Whatever is read
//! was written by the guest: every pointer is checked, every walk is bounded.

pub mod btf;
pub mod inspect;
mod modules;
mod mutexes;
pub mod offsets;
mod stack;
mod tasks;
#[cfg(test)]
mod tests;

pub use btf::{Btf, BtfError};
pub use inspect::{GuestReport, Inspector, MutexReport, TaskReport};
pub use modules::LoadedModule;
pub use mutexes::{MUTEX_FLAGS, Mutex};
pub use offsets::GuestOffsets;
pub use tasks::{Running, Task};

use crate::machine::Machine;
use cpu::mmu::radix;
use fabric::GuestMemory;

/// Translates `ea` of process `pid` as the guest's tables stand now; sets no
/// reference bit.
pub fn real_address(mem: &GuestMemory, ptcr: u64, pid: u32, ea: u64) -> Option<u64> {
    let pid = if ea >> 62 == 3 { 0 } else { pid };
    radix::peek(mem, ptcr, pid, ea).map(|leaf| leaf.ra(ea))
}

impl Machine {
    /// Real address of kernel address `ea`: by the kernel's tables, or the
    /// linear map while there are none.
    pub fn kernel_address(&self, ea: u64) -> Option<u64> {
        let ptcr = self.nest.ptcr;
        if ptcr == 0 {
            let ra = ea & 0x0FFF_FFFF_FFFF_FFFF;
            return (ra < self.mem.len()).then_some(ra);
        }
        real_address(&self.mem, ptcr, 0, ea)
    }
    /// Reads kernel memory; false if any of it is not mapped.
    pub fn read_kernel(&self, ea: u64, out: &mut [u8]) -> bool {
        let mut done = 0;
        while done < out.len() {
            let at = ea.wrapping_add(done as u64);
            let len = (0x1000 - (at as usize & 0xFFF)).min(out.len() - done);
            let Some(ra) = self.kernel_address(at) else { return false };
            if !self.mem.read_bytes(ra, &mut out[done..done + len]) {
                return false;
            }
            done += len;
        }
        true
    }
    /// A little-endian doubleword of kernel memory.
    pub fn read_kernel_u64(&self, ea: u64) -> Option<u64> {
        let mut b = [0; 8];
        self.read_kernel(ea, &mut b).then(|| u64::from_le_bytes(b))
    }
    /// A little-endian word of kernel memory.
    pub fn read_kernel_u32(&self, ea: u64) -> Option<u32> {
        let mut b = [0; 4];
        self.read_kernel(ea, &mut b).then(|| u32::from_le_bytes(b))
    }
    /// A NUL-terminated string of kernel memory, `max` bytes at most.
    pub fn read_kernel_str(&self, ea: u64, max: usize) -> Option<String> {
        let mut b = vec![0; max];
        let n = (0..max).take_while(|&i| self.read_kernel(ea + i as u64, &mut b[i..=i]) && b[i] != 0).count();
        (n > 0 || self.kernel_address(ea).is_some()).then(|| String::from_utf8_lossy(&b[..n]).into_owned())
    }
}

/// The linked address of kernel code that may run in real mode.
pub fn linked(address: u64) -> u64 {
    if address >> 60 == 0 { address | crate::kernel::LINEAR_MAP } else { address }
}

/// True for an address of the kernel's quadrant.
pub(crate) fn is_kernel(address: u64) -> bool {
    address >> 60 == 0xC
}
