//! Linked list commands: ADD, TERMINATE, REMOVE and the rest of a process
//! element (CAIA 1.0, 4.3.3 and 4.4). The driver leaves the command in
//! `sw_command_status`, writes PSL_LLCMD_An and polls the word until the
//! PSL has stored the acknowledgement.
//!
//! TERMINATE, REMOVE and SUSPEND do not depend on the AFU's commands or on its
//! being enabled; only a translation fault of that element holds them back.

use super::element::{Element, STATE_SUSPEND, STATE_TERMINATE, STATE_VALID, Spa, malformed};
use super::regs::{self, err_ivte, scntl, serr};
use super::slice::SliceError;
use super::{EVENT_LLCMD, Port, Psl, Running, Slot};
use crate::port::AfuModel;
use fabric::agenda::EventId;
use fabric::memory::Store;
use fabric::{Cx, Effect, Ticks};
use serde::{Deserialize, Serialize};

/// `Unspecified:` how long the PSL takes.
const LLCMD_TIME: Ticks = Ticks::nanos(1500);
/// Stored as the status of a command that failed. `Unspecified:` CAIA also
/// has a form 0x8000 | command, which Linux does not recognise.
const FAILED: u64 = u64::MAX;
/// SCNTL PM: AFU-directed.
const PM_DIRECTED: u64 = 4;

/// Command codes, IBM bits 0..=15 of PSL_LLCMD_An.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Code {
    Terminate,
    Remove,
    Suspend,
    Resume,
    Add,
    Update,
    Unknown,
}

impl Code {
    fn of(value: u64) -> Code {
        match value >> 48 {
            1 => Code::Terminate,
            2 => Code::Remove,
            3 => Code::Suspend,
            4 => Code::Resume,
            5 => Code::Add,
            6 => Code::Update,
            _ => Code::Unknown,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Code::Terminate => "terminate",
            Code::Remove => "remove",
            Code::Suspend => "suspend",
            Code::Resume => "resume",
            Code::Add => "add",
            Code::Update => "update",
            Code::Unknown => "unknown",
        }
    }
}

/// A command that has not been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Command {
    code: Code,
    value: u64,
    pe: u16,
    /// Real address of `sw_command_status` when the command came.
    status_at: u64,
    failed: bool,
    element: Option<Element>,
    /// When the PSL goes on with it; none while a fault, or the scenario,
    /// holds it.
    event: Option<EventId>,
    waits_for_fault: bool,
}

impl Command {
    pub(super) fn take_event(&mut self) -> Option<EventId> {
        self.event.take()
    }
}

/// What the PSL finds when a command comes.
struct Sample {
    code: Code,
    value: u64,
    pe: u16,
    word: u64,
    state: u32,
    links: u32,
    element: Option<Element>,
    malformed: u64,
    /// Another element that has interrupts of this one.
    shares_with: Option<u16>,
    pe_changed: bool,
    added: bool,
    terminated: bool,
    enabled: bool,
    mode: u64,
    prev_pending: bool,
}

impl Psl {
    /// PSL_LLCMD_An was written.
    pub(super) fn write_llcmd(&mut self, value: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let pe = value as u16;
        // Before anything else: an oracle judges the AFU as the driver left it.
        let control = afu.control_block(pe);
        self.p1n.set(regs::LLCMD_AN, value);
        let spa = Spa::decode(self.p1n.get(regs::SPAP_AN));
        let sample = self.sample(value, spa, cx);
        let mut fields = sample.fields();
        fields.extend([
            ("ctx_cap", control.ctx_cap),
            ("rht_start", control.rht_start),
            ("rht_cnt_id", control.rht_cnt_id),
        ]);
        cx.note_text("llcmd", ("cmd", sample.code.name()), &fields);
        sample.note_interrupts(cx);
        sample.note_violations(spa.is_some(), cx);
        // Unspecified: a command that is overtaken is abandoned where it is.
        if let Some(id) = self.command.take().and_then(|mut old| old.take_event()) {
            cx.agenda.cancel(id);
        }
        // Without memory to answer in, the command is lost.
        match spa {
            Some(spa) if self.may_master() => self.start_llcmd(sample, spa, afu, cx),
            Some(_) => self.note_not_enabled(sample.pe, cx),
            None => {}
        }
    }
    fn sample(&self, value: u64, spa: Option<Spa>, cx: &Cx<'_>) -> Sample {
        let (pe, code) = (value as u16, Code::of(value));
        let element = spa.and_then(|s| Element::read(cx.mem, s.element(pe)));
        let slot = self.elements.get(&pe);
        let changed = slot.is_some_and(|s| Some(&s.element) != element.as_ref());
        Sample {
            code,
            value,
            pe,
            word: spa.and_then(|s| cx.mem.read_be64(s.status())).unwrap_or(u64::MAX),
            state: spa.map_or(u32::MAX, |s| s.software_state(cx.mem, pe)),
            links: spa.map_or(0, |s| s.elements().min(u32::from(self.processes))),
            malformed: element.as_ref().map_or(u64::MAX, |e| self.malformed(pe, e)),
            shares_with: element.as_ref().and_then(|e| self.shares_with(pe, e)),
            element,
            pe_changed: changed,
            added: slot.is_some(),
            terminated: slot.is_some_and(|s| s.running == Running::Terminated),
            enabled: self.is_enabled(),
            mode: scntl::PM.get(self.p1n.get(regs::SCNTL_AN)),
            prev_pending: self.command.is_some(),
        }
    }
    /// What is wrong with `element`, by itself and beside the others.
    fn malformed(&self, pe: u16, element: &Element) -> u64 {
        let mut bits = element.malformed();
        let reserved = [
            err_ivte::IVTE.get(self.p1.get(regs::ERR_IVTE)) as u16,
            serr::IVTE.get(self.p1n.get(regs::SERR_AN)) as u16,
            element.ivte_offset(0),
        ];
        if reserved.iter().any(|&ivte| ivte != 0 && element.uses_ivte(ivte)) {
            bits |= malformed::IVTE_SHARED;
        }
        for (_, slot) in self.elements.iter().filter(|(other, _)| **other != pe) {
            if slot.element.ivte_offset(0) != element.ivte_offset(0) {
                bits |= malformed::PSL_IVTE_DIFFERS;
            }
            if slot.element.shares_ivte(element) {
                bits |= malformed::IVTE_SHARED;
            }
        }
        bits
    }
    fn shares_with(&self, pe: u16, element: &Element) -> Option<u16> {
        let other = |(other, slot): &(&u16, &Slot)| **other != pe && slot.element.shares_ivte(element);
        self.elements.iter().find(other).map(|(other, _)| *other)
    }
    fn start_llcmd(&mut self, sample: Sample, spa: Spa, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Sample { code, value, pe, .. } = sample;
        let mut failed = !self.acceptable(&sample);
        if code == Code::Add && !sample.enabled {
            self.slice_error(SliceError::LlcmdDisabled, u64::from(pe), cx);
        }
        let mut wait = Some(LLCMD_TIME);
        match cx.fault("llcmd", code.name(), &[("pe", u64::from(pe))]) {
            Some(Effect::Hold(more)) => wait = Some(LLCMD_TIME + more),
            Some(Effect::Drop) => wait = None,
            Some(Effect::Fail(_) | Effect::Value(_)) => failed = true,
            None => {}
        }
        let event = wait.map(|delay| cx.after(delay, EVENT_LLCMD));
        let element = sample.element.filter(|_| matches!(code, Code::Add | Code::Update));
        let status_at = spa.status();
        self.command =
            Some(Command { code, value, pe, status_at, failed, element, event, waits_for_fault: false });
        match code {
            Code::Terminate if !failed => self.stop_element(pe, afu, cx),
            Code::Suspend if !failed => self.set_running(pe, Running::Suspended),
            _ => {}
        }
    }
    /// TERMINATE and REMOVE are acknowledged whatever the PSL knows of the
    /// element: it may have gone with a reset.
    fn acceptable(&self, sample: &Sample) -> bool {
        let in_range = u32::from(sample.pe) < sample.links;
        match sample.code {
            Code::Add => {
                in_range
                    && sample.enabled
                    && sample.mode == PM_DIRECTED
                    && !sample.added
                    && sample.element.is_some()
            }
            Code::Terminate | Code::Remove => in_range,
            Code::Suspend | Code::Resume => in_range && sample.added && !sample.terminated,
            Code::Update => in_range && sample.added && !sample.terminated && sample.element.is_some(),
            Code::Unknown => false,
        }
    }
    /// No transaction of `pe` starts from now on.
    fn stop_element(&mut self, pe: u16, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Some(slot) = self.elements.get_mut(&pe) else { return };
        if slot.running != Running::Terminated {
            slot.running = Running::Terminated;
            self.forget_queued(pe);
            self.forget_held(Some(pe));
            afu.terminated(pe, &mut Port { psl: self, cx });
        }
    }

    /// The time of the pending command has come.
    pub(super) fn llcmd_due(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Some(command) = &mut self.command else { return };
        command.event = None;
        let (pe, code) = (command.pe, command.code);
        // Their acknowledgement says that nothing of the element is outstanding.
        let drains = matches!(code, Code::Terminate | Code::Remove | Code::Suspend);
        if drains && self.fault_pending(pe) {
            if let Some(command) = &mut self.command {
                command.waits_for_fault = true;
            }
            return;
        }
        self.finish_llcmd(afu, cx);
    }
    /// Goes on with a command that waited for a fault of its element.
    pub(super) fn resume_llcmd(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let waits = self.command.as_ref().filter(|c| c.waits_for_fault).map(|c| c.pe);
        if waits.is_some_and(|pe| !self.fault_pending(pe)) {
            self.finish_llcmd(afu, cx);
        }
    }
    fn finish_llcmd(&mut self, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let Some(command) = self.command.take() else { return };
        let now = Element::read(cx.mem, self.element_address(command.pe));
        let changed = self.element(command.pe).is_some_and(|e| Some(e) != now.as_ref());
        let (code, pe) = (command.code, command.pe);
        let status = if command.failed {
            FAILED
        } else {
            self.apply(&command, afu, cx);
            (command.value & !0x0000_FFFF_FFFF_0000) | (command.value >> 48) << 32
        };
        // One store of 8 bytes: the driver must never see half of it.
        let stored = self.may_master() && cx.mem.write_be64(command.status_at, status) != Store::Outside;
        let fields = [
            ("pe", u64::from(pe)),
            ("status", status),
            ("stored", u64::from(stored)),
            ("pe_changed", u64::from(changed)),
        ];
        cx.note_text("llcmd-done", ("cmd", code.name()), &fields);
    }
    fn element_address(&self, pe: u16) -> u64 {
        Spa::decode(self.p1n.get(regs::SPAP_AN)).map_or(u64::MAX - 0xFFF, |s| s.element(pe))
    }
    fn apply(&mut self, command: &Command, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        let pe = command.pe;
        match command.code {
            Code::Add => {
                let Some(element) = command.element.clone() else { return };
                self.elements.insert(pe, Slot { element, running: Running::Yes });
                afu.added(pe, &mut Port { psl: self, cx });
            }
            Code::Remove => {
                let Some(slot) = self.elements.remove(&pe) else { return };
                self.forget_queued(pe);
                self.forget_held(Some(pe));
                // Every cached copy of the element and its translations goes
                // (CAIA 1.0, 4.4.4).
                self.invalidate(fabric::pci::Invalidate::Pid(slot.element.pid()), "remove", cx);
                afu.removed(pe, &mut Port { psl: self, cx });
            }
            Code::Resume => self.resume_element(pe, afu, cx),
            Code::Update => {
                if let (Some(slot), Some(element)) = (self.elements.get_mut(&pe), &command.element) {
                    slot.element = element.clone();
                }
            }
            // TERMINATE and SUSPEND took effect when they came.
            Code::Terminate | Code::Suspend | Code::Unknown => {}
        }
    }
    fn set_running(&mut self, pe: u16, to: Running) {
        if let Some(slot) = self.elements.get_mut(&pe) {
            slot.running = to;
        }
    }
}

impl Sample {
    fn fields(&self) -> Vec<(&'static str, u64)> {
        let flag = |f: bool| u64::from(f);
        vec![
            ("pe", u64::from(self.pe)),
            ("value", self.value),
            ("word", self.word),
            ("state", u64::from(self.state)),
            ("prev_pending", flag(self.prev_pending)),
            ("enabled", flag(self.enabled)),
            ("added", flag(self.added)),
            ("terminated", flag(self.terminated)),
            ("links", u64::from(self.links)),
            ("mode", self.mode),
            ("malformed", self.malformed),
            ("shares_with", self.shares_with.map_or(u64::MAX, u64::from)),
            ("pe_changed", flag(self.pe_changed)),
            ("master", flag(self.element.as_ref().is_some_and(Element::is_master))),
            ("pid", self.element.as_ref().map_or(0, |e| u64::from(e.pid()))),
            ("sr", self.element.as_ref().map_or(0, Element::sr)),
        ]
    }
    /// The AFU interrupts that an element which is added brings along.
    fn note_interrupts(&self, cx: &mut Cx<'_>) {
        let Some(element) = self.element.as_ref().filter(|_| self.code == Code::Add) else { return };
        for range in (1..4).filter(|&i| element.ivte_range(i) > 0) {
            let (ivte, count) = (element.ivte_offset(range), element.ivte_range(range));
            let fields = [("pe", u64::from(self.pe)), ("ivte", u64::from(ivte)), ("count", u64::from(count))];
            cx.note("element-interrupts", &fields);
        }
    }
    /// Raw facts about what the driver did that the protocol does not allow.
    fn note_violations(&self, spap_valid: bool, cx: &mut Cx<'_>) {
        let is = |code| self.code == code;
        let (add, terminate, remove) = (is(Code::Add), is(Code::Terminate), is(Code::Remove));
        let (suspend, resume) = (is(Code::Suspend), is(Code::Resume));
        let rules = [
            (self.prev_pending, "llcmd-while-pending"),
            (self.word != self.value || self.value & 0x0000_FFFF_FFFF_0000 != 0, "llcmd-word"),
            (u32::from(self.pe) >= self.links, "llcmd-link-range"),
            (is(Code::Unknown), "llcmd-code"),
            (!spap_valid, "llcmd-no-spa"),
            (add && self.mode != PM_DIRECTED, "add-mode"),
            (add && !self.enabled, "add-while-disabled"),
            (add && self.state != STATE_VALID, "add-state"),
            (add && self.added, "add-twice"),
            (add && self.malformed != 0, "add-malformed"),
            (terminate && self.state != STATE_VALID | STATE_TERMINATE, "terminate-state"),
            (terminate && !self.added, "terminate-not-added"),
            (suspend && self.state != STATE_VALID | STATE_SUSPEND, "suspend-state"),
            (resume && self.state != STATE_VALID, "resume-state"),
            ((suspend || resume) && !self.added, "suspend-not-added"),
            (remove && self.state != 0, "remove-state"),
            (remove && self.added && !self.terminated, "remove-before-terminate"),
            ((terminate || remove) && self.pe_changed, "element-changed"),
        ];
        for (_, what) in rules.iter().filter(|(broken, _)| *broken) {
            let fields = [("pe", u64::from(self.pe)), ("value", self.value)];
            cx.note_text("protocol-error", ("what", what), &fields);
        }
    }
}
