//! Oracles on stale copies and on data (psl-contract 12, #14 and #15;
//! sislite-contract 22, F7, F33, F46).

use super::Oracle;
use super::elements::is_reset;
use super::rule::{Expect, Mark};
use fabric::{Record, Ticks};

/// A use of a translation that is gone, with the process's tables or
/// without them. Linux clears an entry, then sends the tlbie: the use of the
/// old translation in between is in order.
fn followed_by_tlbie(within: Option<Ticks>, tables: u64) -> Box<dyn Oracle> {
    let within = within.unwrap_or(Ticks::millis(500));
    Box::new(Expect::new(within, move |r: &Record, marks: &mut Vec<Mark>| {
        let key = || (r.device, r.u64("pid").unwrap_or(0), r.u64("ea").unwrap_or(0));
        match r.kind {
            "stale-translation" if r.u64("tables").unwrap_or(1) == tables => {
                let (_, pid, ea) = key();
                let whose = if tables == 0 { "dead process" } else { "process" };
                let text = format!(
                    "{ea:#x} of {whose} {pid} is used through a translation that is gone, and no tlbie comes"
                );
                marks.push(Mark::Open(key(), text));
            }
            // A driver takes the pages of a dying process away first: if the
            // card loses the translation with the element, no tlbie came.
            "translation-dropped" if r.text("by") == Some("remove") => marks.push(Mark::Broken(key())),
            "translation-dropped" => marks.push(Mark::Close(key())),
            "pci-reset" => marks.push(Mark::CloseDevice(r.device)),
            _ => {}
        }
    }))
}

/// #14.
pub(super) fn stale_translation(within: Option<Ticks>) -> Box<dyn Oracle> {
    followed_by_tlbie(within, 1)
}

/// #15.
pub(super) fn process_gone(within: Option<Ticks>) -> Box<dyn Oracle> {
    followed_by_tlbie(within, 0)
}

/// What stock cxl.ko brings about: docs/findings/cxl-fault-hides-cpu-from-flush.md.
pub(super) fn stale_on_cpu(r: &Record) -> Option<String> {
    let n = |name| r.u64(name).unwrap_or(0);
    match r.kind {
        "process-not-flushed" => Some(format!(
            "CPU {} takes up process id {}, which is another process now, and still translates {:#x} as the one before did",
            n("pir"),
            n("pid"),
            n("ea")
        )),
        "actor" if r.text("event") == Some("error") => {
            let (name, text) = (r.text("name")?, r.text("text")?);
            let stale = text.split_whitespace().any(|word| word == "reason=stale");
            stale.then(|| format!("{name} reads a page that it gave back: {text}"))
        }
        _ => None,
    }
}

/// F7. The driver changes an entry, then sends the sync, which may wait for
/// syncs of other contexts.
pub(super) fn stale_table(within: Option<Ticks>) -> Box<dyn Oracle> {
    let within = within.unwrap_or(Ticks::secs(12));
    let expect = Expect::new(within, |r: &Record, marks: &mut Vec<Mark>| {
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
    });
    Box::new(expect.at_end(Ticks::millis(200)))
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
