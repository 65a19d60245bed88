//! Oracles on linked list commands and on the elements they name
//! (psl-contract 12, #1 to #7, #9).

use super::elements::{Elements, element_of, is_reset, left, llcmd};
use super::rule::{Expect, Mark};
use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::BTreeSet;

/// Software states of an element (psl-contract 6.2).
const STATE_VALID: u64 = 0x8000_0000;
const STATE_TERMINATE: u64 = 0x8000_0001;
const STATE_SUSPEND: u64 = 0x8000_0002;
/// PSL mode: AFU-directed.
const DIRECTED: u64 = 4;
/// Bits of `malformed` that say that the element itself is wrong.
const MALFORMED: u64 = 0x7F;
/// Bits of `malformed` that say that its interrupts are not its own.
const SHARED: u64 = 0x180;

/// A number of the record is what it should be, or is not told.
fn is(r: &Record, name: &str, value: u64) -> bool {
    r.u64(name).is_none_or(|v| v == value)
}
fn not(r: &Record, name: &str, value: u64) -> bool {
    r.u64(name).is_none_or(|v| v != value)
}
/// `TERMINATE(PE 3): ` and the first rule of these that is broken.
fn broken(r: &Record, rules: &[(bool, &str)]) -> Option<String> {
    let (command, pe) = llcmd(r)?;
    let (_, text) = rules.iter().find(|(good, _)| !good)?;
    Some(format!("{}(PE {}): {text}", command.to_uppercase(), pe.1))
}

/// #1.
pub(super) fn one_at_a_time(r: &Record) -> Option<String> {
    broken(r, &[(not(r, "prev_pending", 1), "the previous command is not done")])
}

/// #2.
pub(super) fn word(r: &Record) -> Option<String> {
    let (command, pe) = llcmd(r)?;
    let same = r.u64("word").is_none_or(|word| is(r, "value", word));
    let in_range = r.u64("links").is_none_or(|links| pe.1 < links);
    // The stock driver uses three of the six (CAIA 1.0, 4.3.3).
    let known = command != "unknown";
    broken(
        r,
        &[
            (same, "sw_command_status does not hold the command"),
            (in_range, "element out of range"),
            (known, "no command of the CAIA"),
        ],
    )
}

/// #3.
pub(super) fn add_when_ready(r: &Record) -> Option<String> {
    llcmd(r).filter(|(command, _)| *command == "add")?;
    broken(
        r,
        &[
            (is(r, "enabled", 1), "the AFU is not enabled"),
            (is(r, "mode", DIRECTED), "the mode is not AFU-directed"),
            (is(r, "state", STATE_VALID), "software_state does not say valid"),
            (is(r, "added", 0), "the element is added already"),
        ],
    )
}

/// #5.
pub(super) fn well_formed(r: &Record) -> Option<String> {
    llcmd(r).filter(|(command, _)| *command == "add")?;
    let good = r.u64("malformed").is_none_or(|bits| bits & MALFORMED == 0);
    broken(r, &[(good, "malformed element")])
}

/// #6.
pub(super) fn unchanged(r: &Record) -> Option<String> {
    let until_acknowledged = matches!(
        (r.kind, r.text("cmd")),
        ("llcmd" | "llcmd-done", Some("terminate" | "remove")) if r.u64("pe_changed") == Some(1)
    );
    let pe = r.u64("pe").unwrap_or(u64::MAX);
    until_acknowledged.then(|| format!("element {pe} in memory is not what ADD read"))
}

/// #4.
#[derive(Clone, Default)]
pub(super) struct InOrder {
    /// Devices whose elements a reset may have taken away.
    reset: BTreeSet<u32>,
}

impl Oracle for InOrder {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        if is_reset(r) {
            self.reset.insert(r.device);
        }
        let Some((command, pe)) = llcmd(r) else { return };
        let excused = self.reset.contains(&r.device);
        let (terminate, remove) = (command == "terminate", command == "remove");
        let (suspend, resume) = (command == "suspend", command == "resume");
        let rules = [
            (!terminate || is(r, "state", STATE_TERMINATE), "software_state does not say terminate"),
            (!suspend || is(r, "state", STATE_SUSPEND), "software_state does not say suspend"),
            (!resume || is(r, "state", STATE_VALID), "software_state does not say valid"),
            (!(terminate || suspend || resume) || excused || is(r, "added", 1), "the element is not added"),
            (!remove || is(r, "state", 0), "software_state still says valid"),
            (!remove || is(r, "added", 0) || is(r, "terminated", 1), "before TERMINATE"),
        ];
        if let Some(text) = broken(r, &rules) {
            seen.push((r.at, Some(pe.1), text));
        }
    }
}

/// #7.
pub(super) fn own_interrupts() -> Box<dyn Oracle> {
    let mut elements = Elements::default();
    Box::new(Expect::new(Ticks::secs(5), move |r: &Record, marks: &mut Vec<Mark>| {
        elements.record(r);
        match llcmd(r) {
            Some(("add", pe)) if r.u64("malformed").is_some_and(|m| m != u64::MAX && m & SHARED != 0) => {
                let other = r.u64("shares_with").unwrap_or(u64::MAX);
                let text = if other == u64::MAX {
                    format!("ADD(PE {}): its interrupts are the adapter's, the slice's or the PSL's", pe.1)
                } else {
                    format!("ADD(PE {}): its interrupts are those of PE {other}", pe.1)
                };
                marks.push(Mark::Open((r.device, other, 0), text));
            }
            Some(("terminate", pe)) if elements.is_master(pe) => marks.push(Mark::Close((pe.0, pe.1, 0))),
            _ => {}
        }
    }))
}

/// #9.
pub(super) fn clear_at_add(r: &Record) -> Option<String> {
    llcmd(r).filter(|(command, _)| *command == "add")?;
    // The master's own block: a new driver finds what the old one left.
    if r.u64("master") == Some(1) {
        return None;
    }
    let left = left(r)?;
    Some(format!("ADD(PE {}) while {left} is left of an earlier owner", element_of(r).1))
}
