//! What a hardware thread is lent while it runs: memory and the platform.

use fabric::pci::Invalidate;
use fabric::{GuestMemory, Ticks};

/// What a hardware thread reaches outside itself and memory.
pub trait Platform {
    /// A load from a real address that is not memory, at `now`; data in
    /// address order.
    fn mmio_read(&mut self, now: Ticks, ra: u64, data: &mut [u8]);
    /// A store to a real address that is not memory.
    fn mmio_write(&mut self, now: Ticks, ra: u64, data: &[u8]);
    /// `msgsnd` to the thread with this PIR (directed hypervisor doorbell).
    fn doorbell(&mut self, pir: u32);
    /// A broadcast `tlbie`: the other threads and the nest hear of it.
    fn tlbie(&mut self, now: Ticks, what: Invalidate);
    /// A thread has flushed process `pid`, which has no tables any more, of itself alone (`tlbiel`): the other threads
    /// hear of it.
    fn process_over(&mut self, pid: u32);
    /// Thread `pir` took up process id `pid`, which is another process than when it had it last, and holds a translation
    /// of `ea` from before.
    fn process_not_flushed(&mut self, now: Ticks, pir: u32, pid: u32, ea: u64);
    /// A random number for `darn`.
    fn random(&mut self) -> u64;
}

/// Memory and platform for the length of one run.
pub struct Env<'a> {
    /// Guest memory.
    pub mem: &'a GuestMemory,
    /// Everything else.
    pub platform: &'a mut dyn Platform,
}

/// A platform with nothing in it: loads read ones, stores vanish.
#[derive(Debug, Default)]
pub struct NoPlatform;

impl Platform for NoPlatform {
    fn mmio_read(&mut self, _now: Ticks, _ra: u64, data: &mut [u8]) {
        data.fill(0xFF);
    }
    fn mmio_write(&mut self, _now: Ticks, _ra: u64, _data: &[u8]) {}
    fn doorbell(&mut self, _pir: u32) {}
    fn tlbie(&mut self, _now: Ticks, _what: Invalidate) {}
    fn process_over(&mut self, _pid: u32) {}
    fn process_not_flushed(&mut self, _now: Ticks, _pir: u32, _pid: u32, _ea: u64) {}
    fn random(&mut self) -> u64 {
        0x0123_4567_89AB_CDEF
    }
}
