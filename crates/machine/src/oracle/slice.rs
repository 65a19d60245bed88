//! Oracles on the slice and the card as a whole: enable, reset, purge,
//! errors, registers (psl-contract 12, #16, #17, #21 to #27, #30).

use super::elements::{Elements, element_of};
use super::rule::{Expect, Mark, protocol_error};
use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::BTreeSet;

const DIRECTED: u64 = 4;

/// #16.
#[derive(Clone, Default)]
pub(super) struct Sources {
    elements: Elements,
}

impl Oracle for Sources {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let refused = (r.kind == "irq-refused").then(|| {
            format!("interrupt {:#x} has no source that the card may raise", r.u64("ivte").unwrap_or(0))
        });
        let own = || self.elements.is_master(element_of(r));
        let bad = || protocol_error(r, &["afu-irq-bad-source"]).filter(|_| own());
        if let Some(text) = refused.or_else(bad) {
            seen.push((r.at, r.u64("pe"), text));
        }
    }
}

/// #17.
#[derive(Clone, Default)]
pub(super) struct Vectors {
    /// Slices that were reset and not yet enabled again: the driver gives
    /// them their interrupt in between.
    starting: BTreeSet<u32>,
}

impl Oracle for Vectors {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        match (r.kind, r.text("what")) {
            ("afu-cntl", Some("reset")) | ("pci-reset", _) => {
                self.starting.insert(r.device);
            }
            ("afu-cntl-done", Some("enable")) => {
                self.starting.remove(&r.device);
            }
            _ => {}
        }
        let heard = r.u64("ivte") != Some(0) || r.u64("masked") == Some(1);
        let error = matches!(r.kind, "slice-error" | "adapter-error");
        if error && !heard && !self.starting.contains(&r.device) {
            let what = r.text("error").unwrap_or("adapter");
            seen.push((r.at, None, format!("error {what} is not masked and has no interrupt")));
        }
    }
}

/// Error status, of the slice or of the AFU, that the driver clears.
pub(super) fn acknowledged(within: Option<Ticks>) -> Box<dyn Oracle> {
    let mut elements = Elements::default();
    let within = within.unwrap_or(Ticks::secs(1));
    Box::new(Expect::new(within, move |r: &Record, marks: &mut Vec<Mark>| {
        elements.record(r);
        let asynchronous = r.text("cause") == Some("async");
        // Async status is one register; sync errors have one each element.
        let place = if asynchronous { u64::MAX } else { element_of(r).1 };
        let bits = || (0..64).filter(|bit| r.u64("bits").unwrap_or(0) >> bit & 1 != 0);
        match r.kind {
            "afu-interrupt" if r.u64("lisn") != Some(0) && elements.is_master(element_of(r)) => {
                for bit in bits() {
                    let text =
                        format!("{} interrupt bit {bit} is not cleared", r.text("cause").unwrap_or(""));
                    marks.push(Mark::Open((r.device, place, bit), text));
                }
            }
            "afu-interrupt-clear" => marks.extend(bits().map(|bit| Mark::Close((r.device, place, bit)))),
            "slice-error" if r.u64("masked") != Some(1) && r.u64("ivte") != Some(0) => {
                let text = format!("slice error {} is not cleared", r.text("error").unwrap_or(""));
                marks.push(Mark::Open((r.device, u64::MAX - 1, 0), text));
            }
            "slice-error-clear" => marks.push(Mark::Close((r.device, u64::MAX - 1, 0))),
            "eeh-freeze" | "eeh-fence" => marks.push(Mark::CloseAll),
            "pci-reset" => marks.push(Mark::CloseDevice(r.device)),
            "afu-cntl" if r.text("what") == Some("reset") => marks.push(Mark::CloseDevice(r.device)),
            "llcmd" if r.text("cmd") == Some("terminate") && elements.is_master(element_of(r)) => {
                marks.push(Mark::CloseDevice(r.device));
            }
            _ => {}
        }
    }))
}

/// #21.
pub(super) fn mode_first(r: &Record) -> Option<String> {
    let enable = r.kind == "afu-cntl" && r.text("what") == Some("enable");
    let (spap, mode) = (r.u64("spap")?, r.u64("mode")?);
    (enable && (spap & 1 == 0 || mode != DIRECTED))
        .then(|| format!("the AFU is enabled with PSL_SPAP_An = {spap:#x} and mode {mode}"))
}

/// #22.
pub(super) fn nobody_at_reset(r: &Record) -> Option<String> {
    let stops = r.kind == "afu-cntl" && matches!(r.text("what"), Some("reset" | "disable"));
    let added = r.u64("added").filter(|n| *n > 0 && stops)?;
    Some(format!("AFU {} while {added} elements are added", r.text("what").unwrap_or("")))
}

/// #23.
#[derive(Clone, Default)]
pub(super) struct Modes {
    purging: BTreeSet<u32>,
}

impl Oracle for Modes {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        let added = r.u64("added").unwrap_or(0);
        let broken = match r.kind {
            "purge" => {
                self.purging.insert(r.device);
                (r.u64("enabled") == Some(1)).then(|| "purge of a slice whose AFU is enabled".to_owned())
            }
            "purge-end" | "pci-reset" => {
                self.purging.remove(&r.device);
                None
            }
            "afu-cntl" if r.text("what") == Some("enable") => self
                .purging
                .contains(&r.device)
                .then(|| "the AFU is enabled while SCNTL.Pc is set".to_owned()),
            "scntl" | "spap" => {
                (added > 0).then(|| format!("{} changes while {added} elements are added", r.kind))
            }
            _ => protocol_error(r, &["id-with-elements"]),
        };
        seen.extend(broken.map(|text| (r.at, None, text)));
    }
}

/// #24.
pub(super) fn registers(r: &Record) -> Option<String> {
    protocol_error(r, &["reserved-register", "register-size", "access-after-mode-switch"])
}

/// #25.
pub(super) fn dma_allowed(r: &Record) -> Option<String> {
    protocol_error(r, &["dma-not-enabled"])
}

/// #26.
#[derive(Clone, Default)]
pub(super) struct Fenced {
    /// Between a reset of the card and the first answer it gives again.
    resetting: bool,
}

impl Oracle for Fenced {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        match r.kind {
            "pci-reset" => self.resetting = true,
            "afu-cntl" => self.resetting = false,
            "capi-mode" if r.u64("on") == Some(1) => self.resetting = false,
            "mmio-lost" if self.resetting && r.u64("store") != Some(0) => {
                let at = r.u64("pci").unwrap_or(0);
                seen.push((r.at, None, format!("a store to {at:#x} before the card is configured again")));
            }
            _ => {}
        }
    }
}

/// #27.
#[derive(Clone, Default)]
pub(super) struct Perst {
    /// An error of the bridge is being recovered from.
    recovering: bool,
}

impl Oracle for Perst {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        match r.kind {
            // The kernel freezes a PE that it is about to reset, too.
            "eeh-freeze" if r.u64("asked") == Some(1) => {}
            "eeh-freeze" | "eeh-fence" => self.recovering = true,
            // The reset itself takes the card out of CAPI mode.
            "capi-mode" if r.u64("on") == Some(1) => self.recovering = false,
            "pci-reset" if !self.recovering => {
                let added = r.u64("added").filter(|n| *n > 0);
                seen.extend(
                    added.map(|n| (r.at, None, format!("reset of the card while {n} elements are added"))),
                );
            }
            _ => {}
        }
    }
}

/// #30.
pub(super) fn descriptor(r: &Record) -> Option<String> {
    protocol_error(r, &["descriptor-store", "descriptor-size"])
}
