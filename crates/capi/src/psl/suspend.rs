//! Suspension: of one element (SUSPEND and RESUME; CAIA 1.0, 4.4.5 and 4.4.6) and of the whole slice (PSL_SCNTL_An Sc).
//!
//! A suspended element starts no transaction. What its AFU asks for meanwhile is held here, and asked for again when the
//! element goes on: a command of the AFU takes longer and does not fail. CAIA has the PSL tell the AFU, which then stops
//! by itself; at the boundary the two look alike.

use super::regs::{self, scntl};
use super::{EVENT_SUSPEND, MOST_FAULTS, Port, Psl, Running};
use crate::port::{AfuModel, DmaError, FaultAnswer, PageFault};
use fabric::{Access, Cx, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `Unspecified:` how long the slice takes. A translation fault that the driver has to answer does not hold it up.
const SUSPEND_TIME: Ticks = Ticks::micros(2);
/// SCNTL Ss.
const PENDING: u64 = 0b01;
const COMPLETE: u64 = 0b11;

/// What an element may do when it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    accesses: BTreeSet<PageFault>,
    /// LISNs. `Unspecified:` that interrupts wait too; CAIA speaks of transactions.
    interrupts: BTreeSet<u16>,
}

impl Psl {
    /// True if `pe` starts no transaction for now.
    pub fn is_suspended(&self, pe: u16) -> bool {
        self.slice_suspended() || self.elements.get(&pe).is_some_and(|s| s.running == Running::Suspended)
    }
    fn slice_suspended(&self) -> bool {
        scntl::SC.get(self.p1n.get(regs::SCNTL_AN)) == 1
    }

    /// Keeps an access of a suspended element for later.
    pub(super) fn hold_access(&mut self, pe: u16, ea: u64, access: Access, cx: &mut Cx<'_>) -> DmaError {
        let place = PageFault::at(ea, access == Access::Write);
        let held = self.held.entry(pe).or_default();
        if held.accesses.len() >= MOST_FAULTS {
            return DmaError::BadAddress;
        }
        if held.accesses.insert(place) {
            let fields = [("pe", u64::from(pe)), ("ea", place.ea), ("store", u64::from(place.store))];
            cx.note_text("held", ("what", "access"), &fields);
        }
        DmaError::Held(place)
    }
    /// Keeps an interrupt of a suspended element for later; one that is kept already is the same edge.
    pub(super) fn hold_interrupt(&mut self, pe: u16, lisn: u16, cx: &mut Cx<'_>) {
        if self.held.entry(pe).or_default().interrupts.insert(lisn) {
            let fields = [("pe", u64::from(pe)), ("lisn", u64::from(lisn))];
            cx.note_text("held", ("what", "interrupt"), &fields);
        }
    }

    /// RESUME: `pe` goes on, unless the slice is suspended.
    pub(super) fn resume_element(&mut self, pe: u16, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        if let Some(slot) = self.elements.get_mut(&pe).filter(|slot| slot.running == Running::Suspended) {
            slot.running = Running::Yes;
        }
        if !self.is_suspended(pe) {
            self.release(pe, afu, cx);
        }
    }
    fn release(&mut self, pe: u16, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Some(held) = self.held.remove(&pe) else { return };
        let fields = [
            ("pe", u64::from(pe)),
            ("accesses", held.accesses.len() as u64),
            ("interrupts", held.interrupts.len() as u64),
        ];
        cx.note("released", &fields);
        for lisn in held.interrupts {
            self.afu_interrupt(pe, lisn, cx);
        }
        for place in held.accesses {
            afu.fault_answered(pe, place, FaultAnswer::Retry, &mut Port { psl: self, cx });
        }
    }
    /// Forgets what is held: that of `pe`, or all. The accesses, in order.
    pub(super) fn forget_held(&mut self, pe: Option<u16>) -> Vec<(u16, PageFault)> {
        let gone = match pe {
            Some(pe) => self.held.remove(&pe).map(|held| (pe, held)).into_iter().collect(),
            None => std::mem::take(&mut self.held),
        };
        gone.into_iter().flat_map(|(pe, held)| held.accesses.into_iter().map(move |a| (pe, a))).collect()
    }

    /// PSL_SCNTL_An was stored to: Sc begins and ends a suspension of the slice. `new` is what is to be in the register;
    /// it is there when everybody goes on.
    pub(super) fn write_suspend(&mut self, old: u64, new: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let (was, is) = (scntl::SC.get(old) == 1, scntl::SC.get(new) == 1);
        let status = match (was, is) {
            (false, true) => PENDING,
            (true, true) => scntl::SS.get(old),
            (_, false) => 0,
        };
        self.p1n.set(regs::SCNTL_AN, scntl::SS.with(new, status));
        if is && !was {
            cx.note("suspend", &[("added", self.elements.len() as u64)]);
            self.suspension = Some(cx.after(SUSPEND_TIME, EVENT_SUSPEND));
        } else if was && !is {
            cx.note("suspend-end", &[("added", self.elements.len() as u64)]);
            if let Some(id) = self.suspension.take() {
                cx.agenda.cancel(id);
            }
            let able: Vec<u16> = self.held.keys().copied().filter(|&pe| !self.is_suspended(pe)).collect();
            able.into_iter().for_each(|pe| self.release(pe, afu, cx));
        }
    }
    pub(super) fn suspend_due(&mut self) {
        self.suspension = None;
        let done = scntl::SS.with(self.p1n.get(regs::SCNTL_AN), COMPLETE);
        self.p1n.set(regs::SCNTL_AN, done);
    }
}
