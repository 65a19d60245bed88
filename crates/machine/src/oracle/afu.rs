//! Oracles on contexts and commands of the AFU (psl-contract 12, #10 to
//! #12; sislite-contract 22).

use super::elements::{Elements, Mute, element_of, is_reset};
use super::rule::protocol_error;
use super::{Oracle, Seen};
use fabric::Record;
use std::collections::BTreeSet;

/// #10.
#[derive(Clone, Default)]
pub(super) struct ControlWrites {
    elements: Elements,
}

impl Oracle for ControlWrites {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let name = match r.kind {
            "ctx-cap" => "ctx_cap",
            "rht" if r.u64("reg") == Some(8) => "rht_cnt_id",
            "rht" => "rht_start",
            _ => return,
        };
        let ctx = (r.device, r.u64("ctx").unwrap_or(u64::MAX));
        if !self.elements.is_added(ctx) {
            let value = r.u64("value").unwrap_or(0);
            seen.push((
                r.at,
                Some(ctx.1),
                format!("{name} = {value:#x} for PE {}, which is not added", ctx.1),
            ));
        }
    }
}

/// #11.
#[derive(Clone, Default)]
pub(super) struct Pages {
    mute: Mute,
}

impl Oracle for Pages {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.mute.record(r);
        // The kernel zaps mappings after the bridge has told it.
        if matches!(r.kind, "eeh-freeze" | "eeh-fence" | "pci-reset") {
            self.mute.0 = true;
        }
        if let Some(text) = protocol_error(r, &["page-not-added"])
            && !self.mute.0
        {
            seen.push((r.at, r.u64("pe"), text));
        }
    }
}

/// #12.
#[derive(Clone, Default)]
pub(super) struct Silent {
    elements: Elements,
}

impl Oracle for Silent {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let pe = element_of(r);
        let what = match r.kind {
            "afu-irq" | "psl-irq" | "psl-fault" | "afu-command" | "afu-command-done" => r.kind,
            "protocol-error" if r.text("what") == Some("afu-irq-no-context") => "interrupt",
            _ => return,
        };
        if self.elements.is_terminated(pe) {
            seen.push((r.at, Some(pe.1), format!("{what} of PE {} after its TERMINATE", pe.1)));
        }
    }
}

/// Which commands are open: device and number.
type Open = BTreeSet<(u32, u64)>;

fn follow(open: &mut Open, r: &Record) {
    let id = (r.device, r.u64("id").unwrap_or(u64::MAX));
    match r.kind {
        "afu-command" => {
            open.insert(id);
        }
        "afu-command-done" | "afu-command-aborted" => {
            open.remove(&id);
        }
        _ => {}
    }
}

/// F5, F10.
#[derive(Clone, Default)]
pub(super) struct OneResponse {
    open: Open,
}

impl Oracle for OneResponse {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        let id = (r.device, r.u64("id").unwrap_or(u64::MAX));
        if r.kind == "afu-command-done" && !self.open.contains(&id) {
            let text = format!("a response for command {}, which is not open", id.1);
            seen.push((r.at, r.u64("pe"), text));
        }
        follow(&mut self.open, r);
    }
}

/// F11.
pub(super) fn response_last(r: &Record) -> Option<String> {
    if r.kind != "afu-command-done" {
        return None;
    }
    let good = r.u64("rc").is_none_or(|rc| rc == 0);
    let missing = match (r.u64("ioasa"), r.u64("left")) {
        (Some(0), _) => "its IOASA".to_owned(),
        (_, Some(left)) if left > 0 && good => format!("{left} bytes of its data"),
        _ => return None,
    };
    Some(format!("command {} was answered before {missing}", r.u64("id").unwrap_or(0)))
}

/// C0 while another is open.
#[derive(Clone, Default)]
pub(super) struct OneSync {
    open: Open,
}

impl Oracle for OneSync {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        if r.kind == "afu-command" {
            if r.text("kind") != Some("afu-sync") {
                return;
            }
            if let Some((_, other)) = self.open.iter().find(|(device, _)| *device == r.device) {
                let text = format!("an AFU sync is sent while command {other} is another");
                seen.push((r.at, r.u64("pe"), text));
            }
        }
        if is_reset(r) {
            self.open.retain(|(device, _)| *device != r.device);
        }
        follow(&mut self.open, r);
    }
}

/// Codes that say that tables the driver keeps cannot be used: RHT and LXT
/// unaligned or not to be read, owner without HOST_XLATE (sislite 10, 11).
const BROKEN_TABLES: [u64; 5] = [0x02, 0x04, 0x12, 0x14, 0x1A];

/// Tables of the driver.
#[derive(Clone, Default)]
pub(super) struct Tables {
    elements: Elements,
}

impl Oracle for Tables {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        if r.kind != "afu-command-done" || !self.elements.master_runs(r.device) {
            return;
        }
        let code = r.u64("rc").unwrap_or(0) >> 16 & 0xFF;
        if BROKEN_TABLES.contains(&code) {
            let text = format!(
                "afu_rc {code:#04x}: the driver's tables for context {} cannot be used",
                r.u64("ctx").unwrap_or(0)
            );
            seen.push((r.at, r.u64("pe"), text));
        }
    }
}

/// The driver's own commands have the rights they need.
#[derive(Clone, Default)]
pub(super) struct OwnRights {
    elements: Elements,
}

impl Oracle for OwnRights {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let pe = element_of(r);
        let refused = r.kind == "afu-command-done" && r.u64("rc").unwrap_or(0) >> 16 & 0xFF == 0x21;
        if refused && self.elements.is_master(pe) {
            seen.push((r.at, Some(pe.1), "a command of the driver is refused for want of rights".into()));
        }
    }
}

/// READ and WRITE of ctx_cap (sislite 11).
const USER_RIGHTS: u64 = 3;

/// What users may do.
#[derive(Clone, Default)]
pub(super) struct UserRights {
    elements: Elements,
}

impl Oracle for UserRights {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.elements.record(r);
        let ctx = (r.device, r.u64("ctx").unwrap_or(u64::MAX));
        let value = r.u64("value").unwrap_or(0);
        if r.kind == "ctx-cap" && value & !USER_RIGHTS != 0 && !self.elements.is_master(ctx) {
            seen.push((r.at, Some(ctx.1), format!("PE {}, no master, gets the rights {value:#x}", ctx.1)));
        }
    }
}
