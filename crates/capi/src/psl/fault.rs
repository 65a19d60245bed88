//! Translation faults and other PSL interrupts: one event at a time in
//! DSISR, DAR and PEHandle, held until the driver writes TFC; the rest
//! waits (CAIA 1.0, 8.1).

use super::regs::{self, dsisr, err_ivte, tfc};
use super::{Port, Psl};
use crate::port::{AfuModel, FaultAnswer, PageFault};
use fabric::{Access, Cx, Mishap, NotDone};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// `Unspecified:` how many faults wait at most; an AFU has fewer commands.
pub(super) const MOST_FAULTS: usize = 4096;
/// The checkout response of a missing or forbidding radix entry.
pub(super) const CO_NO_PTE: u64 = 0x94;
/// The checkout response of unusable tables.
pub(super) const CO_BAD_TABLES: u64 = 0xB4;

/// One event for the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    pub pe: u16,
    pub dar: u64,
    pub dsisr: u64,
    pub errstat: u64,
}

impl Event {
    fn is_translation(&self) -> bool {
        dsisr::TF.get(self.dsisr) == 1
    }
    /// What the AFU knows it by.
    fn fault(&self) -> PageFault {
        PageFault::at(self.dar, dsisr::S.get(self.dsisr) == 1)
    }
    fn same_fault(&self, other: &Event) -> bool {
        self.pe == other.pe && self.dsisr == other.dsisr && (self.dar ^ other.dar) >> 12 == 0
    }
}

/// The event in the registers, and those behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Faults {
    current: Option<Event>,
    queue: VecDeque<Event>,
}

/// PSL interrupts that nothing in the model causes; a scenario may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PslError {
    /// DSISR.PE with this ErrStat, which must not be zero.
    Psl(u64),
    /// DSISR.AE: the AFU's error register tells more.
    Afu,
    /// The adapter itself: PSL_ErrIVTE with its time base error bit. No
    /// element is concerned.
    Adapter,
}

impl PslError {
    /// The error that a mishap of this name is; `None` if it is none of the PSL's.
    pub(crate) fn named(what: &Mishap<'_>) -> Result<Option<PslError>, NotDone> {
        let value = what.get("value").unwrap_or_default();
        match what.name {
            "psl-error" if value == 0 => Err(NotDone::Field { field: "value", must: "an ErrStat, not 0" }),
            "psl-error" => Ok(Some(PslError::Psl(value))),
            "afu-error" => Ok(Some(PslError::Afu)),
            "adapter-error" => Ok(Some(PslError::Adapter)),
            _ => Ok(None),
        }
    }
}

impl Psl {
    /// True if an event of `pe` is in the registers.
    pub(super) fn fault_pending(&self, pe: u16) -> bool {
        self.faults.current.is_some_and(|e| e.pe == pe)
    }
    /// True if the fault queue cannot take another.
    pub(super) fn faults_full(&self) -> bool {
        self.faults.queue.len() >= MOST_FAULTS
    }
    /// Shows an event to the driver, or queues it.
    pub(super) fn raise(&mut self, event: Event, cx: &mut Cx<'_>) {
        let Faults { current, queue } = &mut self.faults;
        if current.iter().chain(queue.iter()).any(|e| e.same_fault(&event)) {
            return;
        }
        // While the queue moves on, what an AFU raises anew goes to its end.
        if current.is_none() && queue.is_empty() {
            self.present(event, cx);
        } else if queue.len() < MOST_FAULTS {
            queue.push_back(event);
        }
    }
    /// Raises an error on behalf of a scenario; false if nobody would hear
    /// of it (`pe` is not added, no interrupt is set).
    pub(crate) fn raise_error(&mut self, error: PslError, pe: u16, cx: &mut Cx<'_>) -> bool {
        let (dsisr, errstat) = match error {
            PslError::Psl(errstat) => (dsisr::PE.mask(), errstat),
            PslError::Afu => (dsisr::AE.mask(), 0),
            PslError::Adapter => return self.adapter_error(cx),
        };
        // The driver clears PE only if ErrStat is not zero.
        if !self.is_added(pe) || (error == PslError::Psl(0)) {
            return false;
        }
        if let PslError::Psl(_) = error {
            self.note_in_fir();
        }
        self.raise(Event { pe, dar: 0, dsisr, errstat }, cx);
        true
    }
    /// `Unspecified:` which bit of the fault isolation register stands for what; ours is the first.
    fn note_in_fir(&mut self) {
        self.p1.set(regs::FIR1, self.p1.get(regs::FIR1) | 1 << 63);
    }
    fn adapter_error(&mut self, cx: &mut Cx<'_>) -> bool {
        self.note_in_fir();
        let register = self.p1.get(regs::ERR_IVTE);
        let ivte = err_ivte::IVTE.get(register);
        self.p1.set(regs::ERR_IVTE, register | err_ivte::TBERROR.mask());
        cx.note("adapter-error", &[("ivte", ivte)]);
        if ivte != 0 {
            cx.irq(ivte as u16);
        }
        ivte != 0
    }
    fn present(&mut self, event: Event, cx: &mut Cx<'_>) {
        self.faults.current = Some(event);
        self.p2n.set(regs::DSISR_AN, event.dsisr);
        self.p2n.set(regs::DAR_AN, event.dar);
        self.p2n.set(regs::PEHANDLE_AN, u64::from(event.pe));
        self.p2n.set(regs::ERRSTAT_AN, self.p2n.get(regs::ERRSTAT_AN) | event.errstat);
        let pe = u64::from(event.pe);
        cx.note("psl-fault", &[("pe", pe), ("ea", event.dar), ("dsisr", event.dsisr)]);
        // LISN 0 is the PSL's own.
        if let Some(ivte) = self.element(event.pe).map(|e| e.ivte_offset(0)) {
            cx.note("psl-irq", &[("pe", pe), ("lisn", 0), ("ivte", u64::from(ivte))]);
            cx.irq(ivte);
        }
    }
    /// PSL_TFC_An: the driver's answer to the event in the registers.
    /// `Unspecified:` of several bits AE counts before R before the rest; an
    /// answer of the wrong kind still ends the event, a translation fault
    /// then as an address error.
    pub(super) fn write_tfc(&mut self, value: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let bits = [(tfc::AE, "AE"), (tfc::R, "R"), (tfc::A, "A"), (tfc::C, "C")];
        let Some((_, answer)) = bits.iter().find(|(f, _)| f.get(value) == 1) else { return };
        let pending = self.faults.current;
        let pe = pending.map_or(u64::MAX, |e| u64::from(e.pe));
        let fields = [
            ("pe", pe),
            ("value", value),
            ("pending", u64::from(pending.is_some())),
            ("dsisr", pending.map_or(0, |e| e.dsisr)),
        ];
        cx.note_text("tfc", ("answer", answer), &fields);
        let Some(event) = pending else { return };
        self.end_event();
        if event.is_translation() && self.is_added(event.pe) {
            let retry = *answer == "R" && self.is_running(event.pe);
            let answer = if retry { FaultAnswer::Retry } else { FaultAnswer::AddressError };
            afu.fault_answered(event.pe, event.fault(), answer, &mut Port { psl: self, cx });
        }
        self.next_event(afu, cx);
        self.resume_llcmd(afu, cx);
    }
    /// PSL_DSISR_An: a store without PE clears PE, which ends that event
    /// without a TFC; the other bits are the PSL's.
    pub(super) fn write_dsisr(&mut self, value: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let ends = self.faults.current.is_some_and(|e| dsisr::PE.get(e.dsisr) == 1);
        if ends && dsisr::PE.get(value) == 0 {
            self.note_end(cx);
            self.end_event();
            self.next_event(afu, cx);
            self.resume_llcmd(afu, cx);
        }
    }
    /// Records that the event in the registers ends without an answer.
    fn note_end(&self, cx: &mut Cx<'_>) {
        if let Some(event) = self.faults.current {
            cx.note("psl-fault-end", &[("pe", u64::from(event.pe)), ("dsisr", event.dsisr)]);
        }
    }
    /// DSISR's status goes, DAR and PEHandle stay as they were.
    fn end_event(&mut self) {
        self.faults.current = None;
        self.p2n.set(regs::DSISR_AN, 0);
    }
    /// Shows the next event that still needs the driver. A fault whose page
    /// has come in the meantime is answered here.
    fn next_event(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let mut probes = self.faults.queue.len();
        while self.faults.current.is_none() {
            let Some(event) = self.faults.queue.pop_front() else { return };
            if !self.is_added(event.pe) {
                continue;
            }
            let probe = probes > 0 && event.is_translation();
            probes = probes.saturating_sub(1);
            if probe && self.resolved(&event, cx) {
                afu.fault_answered(event.pe, event.fault(), FaultAnswer::Retry, &mut Port { psl: self, cx });
            } else {
                self.present(event, cx);
            }
        }
    }
    fn resolved(&mut self, event: &Event, cx: &mut Cx<'_>) -> bool {
        let access = if dsisr::S.get(event.dsisr) == 1 { Access::Write } else { Access::Read };
        let Some(element) = self.element(event.pe) else { return false };
        let (space, usable) = (element.space(), element.relocated() && element.radix());
        usable && self.translate(space, event.dar, access, cx).is_ok()
    }
    /// Forgets queued faults of an element that is being terminated.
    pub(super) fn forget_queued(&mut self, pe: u16) {
        self.faults.queue.retain(|e| e.pe != pe);
    }
    /// Forgets every event; those that an AFU may wait for, in order.
    pub(super) fn forget_faults(&mut self, cx: &mut Cx<'_>) -> Vec<(u16, PageFault)> {
        self.note_end(cx);
        let Faults { current, queue } = std::mem::take(&mut self.faults);
        self.p2n.set(regs::DSISR_AN, 0);
        self.p2n.set(regs::PEHANDLE_AN, 0);
        let open = current.iter().chain(queue.iter());
        open.filter(|e| e.is_translation()).map(|e| (e.pe, e.fault())).collect()
    }
}
