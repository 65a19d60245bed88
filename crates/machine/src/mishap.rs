//! What goes wrong by itself: in a card, in its host bridge, or in the
//! machine around them.

use crate::faults::Part;
use crate::machine::Machine;
use fabric::{Injector, Mishap, NotDone, Ticks};
use serde::{Deserialize, Serialize};

/// CPUs that stand still and accesses that take long.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Slowness {
    /// Until when each CPU stands still; CPUs beyond the list do not.
    stalled: Vec<Ticks>,
    /// What each MMIO load takes longer, and until when.
    mmio: Option<(Ticks, Ticks)>,
    /// How many IPIs to come are late, and by how much.
    late: (u64, Ticks),
    /// Late IPIs on their way: when they arrive, and where.
    on_the_way: Vec<(Ticks, u32)>,
}

/// Most IPIs that are late at a time; what is more arrives at once.
const MOST_LATE: usize = 1024;

impl Slowness {
    /// True if CPU `n` stands still at `now`.
    pub fn stalls(&self, n: usize, now: Ticks) -> bool {
        self.stalled.get(n).is_some_and(|until| now < *until)
    }
    /// When the next CPU goes on, or the next late IPI arrives.
    pub fn next_end(&self, now: Ticks) -> Ticks {
        let stalled = self.stalled.iter().copied().filter(|until| *until > now);
        stalled.chain(self.on_the_way.iter().map(|(at, _)| *at)).min().unwrap_or(Ticks::NEVER)
    }
    /// An IPI to the CPU with this `pir`: how much it is late, if it is.
    pub fn delays_ipi(&mut self, pir: u32, now: Ticks) -> Option<Ticks> {
        let (left, by) = self.late;
        if left == 0 || self.on_the_way.len() >= MOST_LATE {
            return None;
        }
        self.late.0 = left - 1;
        self.on_the_way.push((now + by, pir));
        Some(by)
    }
    /// Late IPIs that have arrived.
    pub fn arrived(&mut self, now: Ticks) -> Vec<u32> {
        if self.on_the_way.is_empty() {
            return vec![];
        }
        self.on_the_way.extract_if(.., |(at, _)| *at <= now).map(|(_, pir)| pir).collect()
    }
    /// CPU `n` stands still until `until`, or longer if it already does.
    pub fn stall(&mut self, n: usize, until: Ticks) {
        if self.stalled.len() <= n {
            self.stalled.resize(n + 1, Ticks(0));
        }
        self.stalled[n] = self.stalled[n].max(until);
    }
    /// How much longer one MMIO load takes at `now`.
    pub fn mmio_load(&self, now: Ticks) -> Option<Ticks> {
        self.mmio.filter(|(_, until)| now < *until).map(|(extra, _)| extra)
    }
}

fn span(what: &Mishap<'_>) -> Result<Ticks, NotDone> {
    what.get("span").map(Ticks).ok_or(NotDone::Field { field: "span", must: "a length of time" })
}

impl Machine {
    /// Something goes wrong by itself: in the card of `adapter`, in its host
    /// bridge, or in the machine around them.
    pub fn mishap(
        &mut self,
        adapter: usize,
        part: &Part,
        fields: &[(&str, u64)],
        inject: &mut dyn Injector,
    ) -> Result<(), NotDone> {
        let now = self.now();
        let (name, own) = match *part {
            Part::At { .. } => return Err(NotDone::NotNow("it waits for operations")),
            Part::Holder { .. } => return Err(NotDone::NotNow("it waits for the owner of a mutex")),
            Part::Guest(_) => return Err(NotDone::NotNow("a program of the guest does it")),
            Part::Card(name, own) | Part::Bridge(name, own) | Part::Machine(name, own) => (name, own),
        };
        let all: Vec<(&str, u64)> = fields.iter().chain(own).copied().collect();
        let what = Mishap { name, fields: &all };
        match part {
            Part::Card(..) => self
                .bus(inject)
                .with_platform(now, |p, w| p.with_function(adapter, w, |f, cx| f.mishap(&what, cx)))
                .unwrap_or(Err(NotDone::NotNow("there is no such adapter"))),
            Part::Bridge(..) => self.bus(inject).with_platform(now, |p, w| p.mishap(adapter, &what, w)),
            _ => self.mishap_here(&what),
        }
    }

    fn mishap_here(&mut self, what: &Mishap<'_>) -> Result<(), NotDone> {
        match what.name {
            "stall" => {
                let n = what.get("cpu").map_or_else(|| self.current_cpu(), |n| n as usize);
                if n >= self.cpus.len() {
                    return Err(NotDone::Field { field: "cpu", must: "a CPU of this machine" });
                }
                self.stall(n, span(what)?);
                Ok(())
            }
            "mmio-slow" => {
                let lasts = Ticks(what.get("lasts").unwrap_or(u64::MAX));
                self.clock.slowness.mmio = Some((span(what)?, self.now() + lasts));
                Ok(())
            }
            "ipi-late" => {
                self.clock.slowness.late = (what.get("times").unwrap_or(1), span(what)?);
                Ok(())
            }
            other => Err(NotDone::Unknown(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_ends_and_the_longer_one_counts() {
        let mut s = Slowness::default();
        assert_eq!((s.stalls(0, Ticks(0)), s.next_end(Ticks(0))), (false, Ticks::NEVER));
        s.stall(1, Ticks(50));
        s.stall(1, Ticks(20));
        assert_eq!(s.next_end(Ticks(0)), Ticks(50));
        assert!(s.stalls(1, Ticks(49)) && !s.stalls(0, Ticks(49)) && !s.stalls(1, Ticks(50)));
        assert_eq!(s.next_end(Ticks(50)), Ticks::NEVER);
    }

    #[test]
    fn as_many_ipis_are_late_as_was_said() {
        let mut s = Slowness { late: (1, Ticks(30)), ..Slowness::default() };
        assert_eq!(s.delays_ipi(5, Ticks(100)), Some(Ticks(30)));
        assert_eq!(s.delays_ipi(5, Ticks(101)), None, "only one");
        assert_eq!((s.next_end(Ticks(100)), s.arrived(Ticks(129))), (Ticks(130), vec![]));
        assert_eq!((s.arrived(Ticks(130)), s.next_end(Ticks(130))), (vec![5], Ticks::NEVER));
    }
}
