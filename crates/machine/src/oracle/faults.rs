//! Oracles on translation faults and their answers (psl-contract 12, #13,
//! #18 to #20, #31).

use super::elements::{Elements, element_of, is_reset};
use super::rule::{Expect, Mark, protocol_error};
use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::{BTreeMap, BTreeSet};

/// Bits of DSISR and TFC (psl-contract 8.1, 5).
const TF: u64 = 1 << 60;
const AE: u64 = 1 << 58;
const TFC_A: u64 = 1 << 35;
const TFC_AE: u64 = 1 << 33;
const TFC_R: u64 = 1 << 32;
const TFC_BITS: u64 = 0xF << 32;
const STORE: u64 = 0x0200_0000;

/// True if nothing can, or need, answer an event of this device any more.
fn ends_events(r: &Record) -> bool {
    is_reset(r) || matches!(r.kind, "purge" | "psl-fault-end")
}

/// #13.
#[derive(Clone, Default)]
pub(super) struct KernelAddresses {
    elements: Elements,
}

impl Oracle for KernelAddresses {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let pe = element_of(r);
        let text = if let Some(text) = protocol_error(r, &["kernel-low-address"]) {
            text
        } else if r.kind == "psl-fault"
            && r.u64("dsisr").unwrap_or(0) & TF != 0
            && self.elements.is_master(pe)
        {
            format!("the driver's own element faults at {:#x}", r.u64("ea").unwrap_or(0))
        } else {
            return;
        };
        seen.push((r.at, Some(pe.1), text));
    }
}

/// #18.
#[derive(Clone, Default)]
pub(super) struct Answers {
    /// Devices whose event went with a reset or a purge: an answer that was
    /// on its way finds nothing.
    overtaken: BTreeSet<u32>,
}

impl Oracle for Answers {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        if ends_events(r) {
            self.overtaken.insert(r.device);
        }
        if r.kind == "psl-fault" {
            self.overtaken.remove(&r.device);
        }
        if r.kind != "tfc" {
            return;
        }
        let (value, dsisr) = (r.u64("value").unwrap_or(0), r.u64("dsisr").unwrap_or(0));
        let pending = r.u64("pending") == Some(1);
        let translation = dsisr & TF != 0;
        let rules = [
            (pending || self.overtaken.contains(&r.device), "no event waits for it"),
            ((value & TFC_BITS).count_ones() == 1 && value & !TFC_BITS == 0, "not one answer"),
            (
                !pending || translation || value & (TFC_R | TFC_AE) == 0,
                "R or AE where nothing was translated",
            ),
            (!pending || !translation || value & TFC_A == 0, "A to a translation fault"),
        ];
        for (_, text) in rules.iter().filter(|(good, _)| !good) {
            seen.push((r.at, Some(element_of(r).1), format!("PSL_TFC_An = {value:#x}: {text}")));
        }
    }
}

/// #19.
pub(super) fn answered(within: Option<Ticks>) -> Box<dyn Oracle> {
    let within = within.unwrap_or(Ticks::secs(2));
    Box::new(Expect::new(within, |r: &Record, marks: &mut Vec<Mark>| match r.kind {
        "psl-fault" if r.u64("dsisr").unwrap_or(0) & (TF | AE) != 0 => {
            let text = format!("the event at {:#x} gets no answer in PSL_TFC_An", r.u64("ea").unwrap_or(0));
            marks.push(Mark::Open((r.device, 0, 0), text));
        }
        "tfc" => marks.push(Mark::Close((r.device, 0, 0))),
        // The driver may not reach the card.
        "eeh-freeze" | "eeh-fence" => marks.push(Mark::CloseAll),
        _ if ends_events(r) => marks.push(Mark::CloseDevice(r.device)),
        _ => {}
    }))
}

/// How often one page may fault within [`AGAIN`] although each time the
/// driver said that it is there. Two CPUs that reclaim and touch do less.
const OFTEN: u64 = 32;
const AGAIN: Ticks = Ticks::secs(1);

/// A page of an element, in one direction.
type Page = (u32, u64, u64, bool);

/// #20.
#[derive(Clone, Default)]
pub(super) struct Resolved {
    /// Faults answered with R: how many, since when.
    retried: BTreeMap<Page, (u64, Ticks)>,
    current: BTreeMap<u32, Page>,
}

/// Most pages that are followed; a process may fault at any number of them.
const PAGES: usize = 4096;

impl Oracle for Resolved {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        match r.kind {
            "psl-fault" => {
                let store = r.u64("dsisr").unwrap_or(0) & STORE != 0;
                let page = (r.device, element_of(r).1, r.u64("ea").unwrap_or(0) >> 12, store);
                self.current.insert(r.device, page);
            }
            "tfc" => {
                let Some(page) = self.current.remove(&r.device) else { return };
                if r.u64("value").unwrap_or(0) & TFC_R == 0 {
                    self.retried.remove(&page);
                    return;
                }
                if self.retried.len() >= PAGES {
                    self.retried.retain(|_, (_, since)| r.at <= *since + AGAIN);
                }
                let entry = self.retried.entry(page).or_insert((0, r.at));
                if r.at > entry.1 + AGAIN {
                    *entry = (0, r.at);
                }
                entry.0 += 1;
                if entry.0 == OFTEN {
                    let text = format!(
                        "page {:#x} faults again after {OFTEN} answers that it is there",
                        page.2 << 12
                    );
                    seen.push((r.at, Some(page.1), text));
                }
            }
            _ if is_reset(r) => self.current.clear(),
            _ => {}
        }
    }
}

/// #31, over records: what the model itself must never do.
#[derive(Clone, Default)]
pub(super) struct Model {
    elements: Elements,
    /// Events in the registers.
    pending: BTreeMap<u32, u64>,
    /// Commands without acknowledgement.
    commands: BTreeMap<u32, Option<u64>>,
}

impl Oracle for Model {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let pe = element_of(r);
        let mut say = |text: String| seen.push((r.at, Some(pe.1), text));
        match r.kind {
            "psl-fault" => {
                if let Some(ea) = self.pending.insert(r.device, r.u64("ea").unwrap_or(0)) {
                    say(format!("an event replaces the one at {ea:#x} that has no answer"));
                }
                if pe.1 > 0xFFFF {
                    say(format!("PEHandle has upper bits: {:#x}", pe.1));
                }
            }
            "tfc" => {
                self.pending.remove(&r.device);
            }
            "llcmd" => {
                self.commands.insert(r.device, r.u64("value"));
            }
            "llcmd-done" => {
                let command = self.commands.remove(&r.device);
                let done = |value: u64| value & 0xFFFF_0000_0000_FFFF | (value >> 48) << 32;
                let good = |s: u64| match command {
                    None => false,
                    Some(value) => s == super::elements::FAILED || value.is_none_or(|v| s == done(v)),
                };
                if r.u64("status").is_some_and(|s| !good(s)) {
                    say("an acknowledgement that no command asked for".into());
                }
            }
            "afu-irq" if !self.elements.is_added(pe) => {
                say("an interrupt of an element that is not added".into())
            }
            _ if is_reset(r) => {
                self.pending.remove(&r.device);
                if r.kind == "pci-reset" {
                    self.commands.remove(&r.device);
                }
            }
            _ if ends_events(r) => {
                self.pending.remove(&r.device);
            }
            _ => {}
        }
    }
}
