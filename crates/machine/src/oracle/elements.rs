//! Oracles on process elements and linked list commands.

use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::{BTreeMap, BTreeSet};

/// Status of a linked list command that failed.
pub(super) const FAILED: u64 = u64::MAX;
/// How long a host reset may take to excuse what it caused.
const EXCUSE: Ticks = Ticks::secs(5);

/// A process element: device and handle.
pub(super) type Element = (u32, u64);

/// The element that a record names.
pub(super) fn element_of(r: &Record) -> Element {
    (r.device, r.u64("pe").unwrap_or(u64::MAX))
}
/// True if the record says that the AFU, or the whole card, is being reset.
pub(super) fn is_reset(r: &Record) -> bool {
    r.kind == "pci-reset" || r.kind == "afu-cntl" && r.text("what") == Some("reset")
}

/// Which elements are added, which of them are masters or terminated.
#[derive(Clone, Default)]
pub(super) struct Elements {
    masters: BTreeSet<Element>,
    added: BTreeSet<Element>,
    terminated: BTreeSet<Element>,
}

impl Elements {
    /// Follows a record.
    pub fn record(&mut self, r: &Record) {
        if !matches!(r.kind, "llcmd" | "llcmd-done" | "pci-reset") {
            return;
        }
        let pe = element_of(r);
        match (r.kind, r.text("cmd")) {
            ("llcmd", Some("add")) => {
                self.terminated.remove(&pe);
                if r.u64("master").unwrap_or(u64::from(pe.1 == 0)) != 0 {
                    self.masters.insert(pe);
                } else {
                    self.masters.remove(&pe);
                }
            }
            ("llcmd-done", Some("add")) if r.u64("status") != Some(FAILED) => {
                self.added.insert(pe);
            }
            ("llcmd-done", Some("terminate")) if r.u64("status") != Some(FAILED) => {
                self.terminated.insert(pe);
            }
            ("llcmd-done", Some("remove")) => {
                self.added.remove(&pe);
            }
            ("pci-reset", _) => {
                self.added.retain(|e| e.0 != r.device);
                self.terminated.retain(|e| e.0 != r.device);
            }
            _ => {}
        }
    }
    /// True if the element is the driver's own.
    pub fn is_master(&self, pe: Element) -> bool {
        self.masters.contains(&pe)
    }
    /// True if the PSL knows the element.
    pub fn is_added(&self, pe: Element) -> bool {
        self.added.contains(&pe)
    }
    /// True from the acknowledgement of TERMINATE to the next ADD.
    pub fn is_terminated(&self, pe: Element) -> bool {
        self.terminated.contains(&pe)
    }
    /// True if a master element of this device may start transactions.
    pub fn master_runs(&self, device: u32) -> bool {
        let running = |e: &&Element| e.0 == device && !self.terminated.contains(*e);
        self.added.intersection(&self.masters).any(|e| running(&e))
    }
    /// User elements that are added.
    pub fn users(&self) -> impl Iterator<Item = Element> + '_ {
        self.added.iter().copied().filter(|e| !self.masters.contains(e))
    }
}

/// The linked list command of a record: name and element.
pub(super) fn llcmd(r: &Record) -> Option<(&str, Element)> {
    (r.kind == "llcmd").then_some((r.text("cmd")?, (r.device, r.u64("pe")?)))
}

/// O1.
#[derive(Clone, Default)]
pub(super) struct OpenSync {
    elements: Elements,
    /// Open syncs: device and command; the context each is for, the element that sent it.
    open: BTreeMap<(u32, u64), (u64, Option<u64>)>,
}

impl Oracle for OpenSync {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let id = || (r.device, r.u64("id").unwrap_or(u64::MAX));
        match r.kind {
            "afu-command" if r.text("kind") == Some("afu-sync") => {
                let (ctx, mode) = (r.u64("ctx").unwrap_or(0), r.u64("mode"));
                if ctx != 0 && matches!(mode, Some(0 | 1)) {
                    self.open.insert(id(), (ctx, r.u64("pe")));
                }
            }
            "afu-command-done" | "afu-command-aborted" => {
                self.open.remove(&id());
            }
            // The driver has given them up, also if the reset never ends.
            "context-reset" => self.open.retain(|k, (_, by)| k.0 != r.device || *by != r.u64("pe")),
            "afu-cntl" if r.text("what") == Some("reset") => self.open.retain(|k, _| k.0 != r.device),
            "pci-reset" => self.open.retain(|k, _| k.0 != r.device),
            _ => {}
        }
        let Some(("terminate", pe)) = llcmd(r) else { return };
        let cap = r.u64("ctx_cap").unwrap_or(0);
        let open: BTreeSet<u64> =
            self.open.iter().filter(|(k, _)| k.0 == pe.0).map(|(_, (ctx, _))| *ctx).collect();
        if cap != 0 && !open.is_empty() && !self.elements.is_master(pe) {
            let of = open.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let text = format!("TERMINATE(PE {}) with ctx_cap={cap:#x}, C0 of PE {of} still open", pe.1);
            seen.push((r.at, Some(pe.1), text));
        }
    }
}

/// What is left in the control block of the element of a record, in words.
pub(super) fn left(r: &Record) -> Option<String> {
    let set: Vec<String> = ["ctx_cap", "rht_start", "rht_cnt_id"]
        .iter()
        .filter_map(|name| r.u64(name).filter(|v| *v != 0).map(|v| format!("{name}={v:#x}")))
        .collect();
    (!set.is_empty()).then(|| set.join(" "))
}

/// From the start of a removal to the next AFU reset, or until the driver is back.
#[derive(Clone, Default)]
pub(super) struct Mute(pub bool);

impl Mute {
    pub fn record(&mut self, r: &Record) {
        match r.kind {
            "removal" => self.0 = true,
            "afu-cntl" if r.text("what") == Some("reset") => self.0 = false,
            "llcmd" if r.text("cmd") == Some("add") && r.u64("master") == Some(1) => self.0 = false,
            _ => {}
        }
    }
}

/// #8.
#[derive(Clone, Default)]
pub(super) struct ControlBlock {
    elements: Elements,
    mute: Mute,
    /// Seen, and not yet excused by a host reset.
    waiting: Vec<(u32, Seen)>,
}

impl Oracle for ControlBlock {
    fn record(&mut self, r: &Record, _: &mut Vec<Seen>) {
        self.elements.record(r);
        self.mute.record(r);
        let reset = r.kind == "afu-cntl" && r.text("what") == Some("reset") || r.kind == "pci-reset";
        let command = llcmd(r);
        let master_goes = matches!(command, Some(("terminate", pe)) if self.elements.is_master(pe));
        if reset || master_goes {
            self.waiting.retain(|(device, _)| *device != r.device);
        }
        let Some(("remove", pe)) = command else { return };
        if let (Some(left), false, false) = (left(r), self.mute.0, self.elements.is_master(pe)) {
            let text = format!("REMOVE(PE {}) with {left}", pe.1);
            self.waiting.push((r.device, (r.at, Some(pe.1), text)));
        }
    }
    fn tick(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        let due = |s: &Seen| s.0 + EXCUSE <= now;
        seen.extend(self.waiting.iter().filter(|(_, s)| due(s)).map(|(_, s)| s.clone()));
        self.waiting.retain(|(_, s)| !due(s));
    }
    fn deadline(&self) -> Ticks {
        self.waiting.iter().map(|(_, s)| s.0 + EXCUSE).min().unwrap_or(Ticks::NEVER)
    }
    fn finish(&mut self, _: Ticks, seen: &mut Vec<Seen>) {
        seen.extend(self.waiting.drain(..).map(|(_, s)| s));
    }
}

/// T3.
#[derive(Clone, Default)]
pub(super) struct LeftByRemoval {
    elements: Elements,
    mute: Mute,
}

impl Oracle for LeftByRemoval {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        self.mute.record(r);
        let Some(("remove", pe)) = llcmd(r) else { return };
        if let (Some(left), true, false) = (left(r), self.mute.0, self.elements.is_master(pe)) {
            seen.push((r.at, Some(pe.1), format!("REMOVE(PE {}) during removal with {left}", pe.1)));
        }
    }
}
