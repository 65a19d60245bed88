//! Oracles on stale copies and on data (psl-contract 12, #14 and #15;
//! sislite-contract 22, F7, F33, F46).

use super::Oracle;
use super::elements::is_reset;
use super::rule::{Expect, Mark, protocol_error};
use fabric::{Record, Ticks};

/// #14. Linux clears an entry, then sends the tlbie: the use of the old
/// translation in between is in order.
pub(super) fn stale_translation(within: Option<Ticks>) -> Box<dyn Oracle> {
    let within = within.unwrap_or(Ticks::millis(500));
    Box::new(Expect::new(within, |r: &Record, marks: &mut Vec<Mark>| {
        let key = || (r.device, r.u64("pid").unwrap_or(0), r.u64("ea").unwrap_or(0));
        match r.kind {
            "stale-translation" => {
                let (_, pid, ea) = key();
                let text = format!(
                    "{ea:#x} of process {pid} is used through a translation that is gone, and no tlbie comes"
                );
                marks.push(Mark::Open(key(), text));
            }
            "translation-dropped" => marks.push(Mark::Close(key())),
            "pci-reset" => marks.push(Mark::CloseDevice(r.device)),
            _ => {}
        }
    }))
}

/// #15.
pub(super) fn process_gone(r: &Record) -> Option<String> {
    protocol_error(r, &["process-without-tables"])
}

/// F7. The driver changes an entry, then sends the sync, which may wait for
/// syncs of other contexts.
pub(super) fn stale_table(within: Option<Ticks>) -> Box<dyn Oracle> {
    let within = within.unwrap_or(Ticks::secs(12));
    Box::new(Expect::new(within, |r: &Record, marks: &mut Vec<Mark>| {
        let key = || (r.device, r.u64("ctx").unwrap_or(0), r.u64("handle").unwrap_or(0));
        match r.kind {
            "stale-table" => {
                let (_, ctx, handle) = key();
                let text = format!(
                    "context {ctx}, handle {handle}: the AFU uses an entry that the driver has changed without a sync"
                );
                marks.push(Mark::Open(key(), text));
            }
            "afu-command" if r.text("kind") == Some("afu-sync") => marks.push(Mark::Close(key())),
            _ if is_reset(r) => marks.push(Mark::CloseDevice(r.device)),
            _ => {}
        }
    }))
}

/// F33, F46.
pub(super) fn data(r: &Record) -> Option<String> {
    (r.kind == "data-mismatch").then(|| {
        let n = |name| r.u64(name).unwrap_or(0);
        format!(
            "unit {}, block {:#x}: a read gives other data than was written and acknowledged",
            n("unit"),
            n("lba")
        )
    })
}
