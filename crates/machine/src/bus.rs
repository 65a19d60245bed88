//! What a CPU reaches outside itself: the platform, the other CPUs' queues.

use crate::nest::NestMmu;
use cpu::Platform as CpuPlatform;
use fabric::pci::Invalidate;
use fabric::{Agenda, GuestMemory, Injector, Record, Rng, Ticks, Trace};
use powernv::{Platform, World};
use serde::Serialize;

/// What a thread tells all others.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Broadcast {
    /// tlbie.
    Invalidate(Invalidate),
    /// Process `0` is over: see [`CpuPlatform::process_over`].
    ProcessOver(u32),
}

/// Everything a CPU's access may touch, for the length of one run.
pub(crate) struct Bus<'a> {
    pub platform: &'a mut Platform,
    pub mem: &'a GuestMemory,
    pub agenda: &'a mut Agenda,
    pub nest: &'a mut NestMmu,
    pub inject: &'a mut dyn Injector,
    pub trace: &'a mut Trace,
    pub darn: &'a mut Rng,
    /// Doorbells sent to other threads.
    pub doorbells: &'a mut Vec<u32>,
    /// What the other threads have not heard yet.
    pub broadcasts: &'a mut Vec<Broadcast>,
    /// MMIO loads through this bus.
    pub mmio_loads: u64,
    /// MMIO stores through this bus.
    pub mmio_stores: u64,
}

impl Bus<'_> {
    /// Calls the platform with the world at `now`.
    pub fn with_platform<R>(&mut self, now: Ticks, f: impl FnOnce(&mut Platform, &mut World<'_>) -> R) -> R {
        let mut world = World {
            now,
            mem: self.mem,
            agenda: self.agenda,
            translate: self.nest,
            inject: &mut *self.inject,
            trace: self.trace,
        };
        f(self.platform, &mut world)
    }
}

impl CpuPlatform for Bus<'_> {
    fn mmio_read(&mut self, now: Ticks, ra: u64, data: &mut [u8]) {
        self.mmio_loads += 1;
        self.with_platform(now, |p, w| p.mmio_read(ra, data, w));
    }
    fn mmio_write(&mut self, now: Ticks, ra: u64, data: &[u8]) {
        self.mmio_stores += 1;
        self.with_platform(now, |p, w| p.mmio_write(ra, data, w));
    }
    fn doorbell(&mut self, pir: u32) {
        self.doorbells.push(pir);
    }
    fn tlbie(&mut self, now: Ticks, what: Invalidate) {
        self.broadcasts.push(Broadcast::Invalidate(what));
        self.with_platform(now, |p, w| p.snoop(what, w));
    }
    fn process_over(&mut self, pid: u32) {
        self.broadcasts.push(Broadcast::ProcessOver(pid));
    }
    fn process_not_flushed(&mut self, now: Ticks, pir: u32, pid: u32, ea: u64) {
        let fields = vec![("pir", u64::from(pir).into()), ("pid", u64::from(pid).into()), ("ea", ea.into())];
        self.trace.push(Record { at: now, device: 0, kind: "process-not-flushed", fields });
    }
    fn random(&mut self) -> u64 {
        self.darn.next_u64()
    }
}
