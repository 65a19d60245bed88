//! The slice: AFU_Cntl (enable, disable, reset), purge, slice errors.

use super::regs::{self, Reg, afu_cntl, scntl, serr};
use super::{EVENT_AFU_CNTL, EVENT_PURGE, Port, Psl};
use crate::port::{AfuModel, FaultAnswer};
use fabric::bits::b64;
use fabric::pci::Invalidate;
use fabric::{Cx, Ticks};
use serde::{Deserialize, Serialize};

/// AFU_Cntl ES: enabled.
pub(super) const ES_ENABLED: u64 = 0b100;
const RS_PENDING: u64 = 0b01;
const RS_COMPLETE: u64 = 0b10;
const PS_PENDING: u64 = 0b01;
const PS_COMPLETE: u64 = 0b11;

/// `Unspecified:` how long the card takes; all are far below the driver's 5 s.
const ENABLE_TIME: Ticks = Ticks::micros(2);
const RESET_TIME: Ticks = Ticks::micros(20);
const PURGE_TIME: Ticks = Ticks::micros(2);

/// What AFU_Cntl is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Control {
    Enable,
    Disable,
    Reset,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Control::Enable => "enable",
            Control::Disable => "disable",
            Control::Reset => "reset",
        }
    }
    fn time(self) -> Ticks {
        if self == Control::Reset { RESET_TIME } else { ENABLE_TIME }
    }
}

/// A slice error: IBM bit of its status in PSL_SERR_An (CAIA 1.0, 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SliceError {
    /// Problem state access while the AFU is disabled.
    AfuDisabled = 1,
    /// Interrupt source beyond the element's ranges.
    BadSource = 3,
    /// A handle that is not added.
    BadContext = 4,
    /// Linked list command while the AFU is disabled.
    LlcmdDisabled = 5,
}

impl Psl {
    /// AFU_Cntl: E on and off, RA. A store with RA ignores E.
    pub(super) fn write_afu_cntl(&mut self, reg: &Reg, value: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let resetting = matches!(self.afu_control, Some((Control::Reset, _)));
        let value = self.p2n.store(reg, value);
        let wants_on = afu_cntl::E.get(value) == 1;
        let enabled = self.is_enabled();
        let enabling = matches!(self.afu_control, Some((Control::Enable, _)));
        if afu_cntl::RA.get(value) == 1 {
            if !resetting {
                self.start_reset(afu, cx);
            }
        } else if resetting {
            // Unspecified: E means nothing while a reset runs.
        } else if wants_on && !enabled && !enabling {
            self.start_control(Control::Enable, cx);
        } else if !wants_on && (enabled || enabling) {
            self.start_control(Control::Disable, cx);
        }
    }
    fn start_control(&mut self, what: Control, cx: &mut Cx<'_>) {
        let added = self.elements.len() as u64;
        let (enabled, spap) = (u64::from(self.is_enabled()), self.p1n.get(regs::SPAP_AN));
        let mode = scntl::PM.get(self.p1n.get(regs::SCNTL_AN));
        let fields = [("added", added), ("enabled", enabled), ("spap", spap), ("mode", mode)];
        cx.note_text("afu-cntl", ("what", what.name()), &fields);
        let wait = match cx.fault("afu-cntl", what.name(), &[]) {
            Some(fabric::Effect::Hold(more)) => what.time() + more,
            Some(_) => return,
            None => what.time(),
        };
        if let Some((_, old)) = self.afu_control.take() {
            cx.agenda.cancel(old);
        }
        let id = cx.after(wait, EVENT_AFU_CNTL);
        self.afu_control = Some((what, id));
    }
    /// RA: the AFU stops at once; RS leaves "complete" before it can be read
    /// again, since the driver's first poll would accept a stale one.
    fn start_reset(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let was_enabled = self.is_enabled();
        self.start_control(Control::Reset, cx);
        let cntl = self.p2n.get(regs::AFU_CNTL_AN);
        let cntl = afu_cntl::RS.with(afu_cntl::ES.with(cntl, 0), RS_PENDING);
        self.p2n.set(regs::AFU_CNTL_AN, cntl);
        self.forget_faults(cx);
        self.forget_held(None);
        self.p2n.set(regs::ERRSTAT_AN, 0);
        if was_enabled {
            afu.set_enabled(false, &mut Port { psl: self, cx });
        }
        afu.reset(&mut Port { psl: self, cx });
        self.resume_llcmd(afu, cx);
    }
    pub(super) fn afu_cntl_due(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Some((what, _)) = self.afu_control.take() else { return };
        let cntl = self.p2n.get(regs::AFU_CNTL_AN);
        let (cntl, tell) = match what {
            Control::Enable => (afu_cntl::ES.with(cntl, ES_ENABLED), Some(true)),
            Control::Disable => (afu_cntl::ES.with(cntl, 0), Some(false)),
            Control::Reset => {
                let cntl = afu_cntl::E.with(afu_cntl::RA.with(cntl, 0), 0);
                (afu_cntl::RS.with(cntl, RS_COMPLETE), None)
            }
        };
        self.p2n.set(regs::AFU_CNTL_AN, cntl);
        if let Some(on) = tell {
            afu.set_enabled(on, &mut Port { psl: self, cx });
        }
        cx.note_text("afu-cntl-done", ("what", what.name()), &[]);
    }

    /// PSL_SCNTL_An: purge starts with Pc and its status ends with it.
    pub(super) fn write_scntl(&mut self, reg: &Reg, value: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let old = self.p1n.get(regs::SCNTL_AN);
        let mut new = self.p1n.store(reg, value);
        let (was, is) = (scntl::PC.get(old) == 1, scntl::PC.get(new) == 1);
        if is && !was {
            let fields = [("enabled", u64::from(self.is_enabled())), ("added", self.elements.len() as u64)];
            cx.note("purge", &fields);
            new = scntl::PS.with(new, PS_PENDING);
            self.purge = Some(cx.after(PURGE_TIME, EVENT_PURGE));
        } else if !is && was {
            new = scntl::PS.with(new, 0);
            cx.note("purge-end", &[("enabled", u64::from(self.is_enabled()))]);
            if let Some(id) = self.purge.take() {
                cx.agenda.cancel(id);
            }
        }
        self.write_suspend(old, new, afu, cx);
        if scntl::PM.get(old) != scntl::PM.get(new) {
            let fields = [("mode", scntl::PM.get(new)), ("added", self.elements.len() as u64)];
            cx.note("scntl", &fields);
        }
    }
    /// The purge ends: pending faults are gone (CAIA 1.0, 8.1), translations
    /// too. `Unspecified:` elements stay added; an AFU that still waits for a
    /// fault, or for the end of a suspension, hears of an address error.
    pub(super) fn purge_due(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        self.purge = None;
        let mut waiting = self.forget_faults(cx);
        waiting.extend(self.forget_held(None));
        self.invalidate(Invalidate::All, "purge", cx);
        let done = scntl::PS.with(self.p1n.get(regs::SCNTL_AN), PS_COMPLETE);
        self.p1n.set(regs::SCNTL_AN, done);
        for (pe, fault) in waiting {
            if self.is_running(pe) {
                afu.fault_answered(pe, fault, FaultAnswer::AddressError, &mut Port { psl: self, cx });
            }
        }
        self.resume_llcmd(afu, cx);
    }

    /// Raises a slice error: status, and an interrupt on its first moment
    /// unless it is masked or has no IVTE.
    pub(super) fn slice_error(&mut self, error: SliceError, pe: u64, cx: &mut Cx<'_>) {
        let status = b64(error as u32);
        let old = self.p1n.get(regs::SERR_AN);
        if old & status != 0 {
            return;
        }
        self.p1n.set(regs::SERR_AN, old | status);
        let masked = old & (status >> 32) != 0;
        let ivte = serr::IVTE.get(old);
        let name = match error {
            SliceError::AfuDisabled => "afudis",
            SliceError::BadSource => "badsrc",
            SliceError::BadContext => "badctx",
            SliceError::LlcmdDisabled => "llcmdis",
        };
        let fields = [("pe", pe), ("ivte", ivte), ("masked", u64::from(masked))];
        cx.note_text("slice-error", ("error", name), &fields);
        if !masked && ivte != 0 {
            cx.irq(ivte as u16);
        }
    }
    /// A problem state access while the AFU is disabled.
    pub(crate) fn problem_state_refused(&mut self, cx: &mut Cx<'_>) {
        self.slice_error(SliceError::AfuDisabled, u64::MAX, cx);
    }
}
