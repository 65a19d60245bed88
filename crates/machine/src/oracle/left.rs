//! #28: nothing of a driver that has gone is left.

use super::elements::{Elements, llcmd};
use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::{BTreeMap, BTreeSet};

/// After this long a master that went away is not being restarted.
const RESTART: Ticks = Ticks::secs(10);
/// So long after its master's end an element's interrupts are still being freed.
const FREEING: Ticks = Ticks::millis(50);
/// Priority of a source that is masked (OPAL_SET_XIVE).
const MASKED: u64 = 0xFF;

/// Something of a device that should be gone.
#[derive(Clone)]
struct Suspect {
    device: u32,
    pe: u64,
    at: Ticks,
    text: String,
}

/// A reset of the host by the driver also removes the master with users
/// added: it adds it again. A removal that the scenario begins has no such
/// excuse.
#[derive(Clone, Default)]
pub(super) struct Left {
    elements: Elements,
    /// AFU interrupts of each device, and the element that had them last.
    interrupts: BTreeMap<(u32, u16), u64>,
    /// Sources that the kernel has not masked, by the number the card knows.
    bound: BTreeSet<u16>,
    removing: bool,
    /// When the interrupts of which device are to be looked at.
    looks: Vec<(u32, Ticks)>,
    suspects: Vec<Suspect>,
}

impl Left {
    fn report(&mut self, due: impl Fn(&Suspect) -> bool, seen: &mut Vec<Seen>) {
        seen.extend(self.suspects.extract_if(.., |s| due(s)).map(|s| (s.at, Some(s.pe), s.text)));
    }
    /// The interrupts of `device` that are still bound become suspects.
    fn look(&mut self, device: u32, at: Ticks) {
        let left = self.interrupts.iter().filter(|((d, ivte), _)| *d == device && self.bound.contains(ivte));
        let suspects = left.map(|((_, ivte), pe)| {
            let text = format!("interrupt {ivte:#x} of PE {pe} is still bound after the master is removed");
            Suspect { device, pe: *pe, at, text }
        });
        self.suspects.extend(suspects);
        self.interrupts.retain(|(d, _), _| *d != device);
    }
    fn looks_until(&mut self, now: Ticks) {
        let due: Vec<(u32, Ticks)> = self.looks.extract_if(.., |(_, at)| *at <= now).collect();
        due.into_iter().for_each(|(device, at)| self.look(device, at));
    }
    fn master_is_back(&mut self, device: u32, seen: &mut Vec<Seen>) {
        if self.removing {
            self.report(|s| s.device == device, seen);
        }
        self.removing = false;
        self.looks.retain(|(d, _)| *d != device);
        self.suspects.retain(|s| s.device != device);
    }
    fn follow_sources(&mut self, r: &Record) {
        // Only 16 bits of a source's number reach the card.
        let number = |name: &str| r.u64(name).unwrap_or(0);
        match (r.kind, r.text("call")) {
            ("opal", Some("OPAL_SET_XIVE")) if number("a2") == MASKED => {
                self.bound.remove(&(number("a0") as u16));
            }
            ("opal", Some("OPAL_SET_XIVE")) => {
                self.bound.insert(number("a0") as u16);
            }
            ("element-interrupts", _) => {
                let (first, count) = (number("ivte") as u16, number("count") as u16);
                let range = (0..count).map(|n| ((r.device, first.wrapping_add(n)), number("pe")));
                self.interrupts.extend(range);
            }
            _ => {}
        }
    }
}

impl Oracle for Left {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        self.tick(r.at, seen);
        if !matches!(r.kind, "llcmd" | "llcmd-done" | "pci-reset" | "removal" | "opal" | "element-interrupts")
        {
            return;
        }
        self.elements.record(r);
        self.follow_sources(r);
        self.removing |= r.kind == "removal";
        if matches!(llcmd(r), Some(("add", _))) && r.u64("master") == Some(1) {
            self.master_is_back(r.device, seen);
        }
        let master = (r.device, r.u64("pe").unwrap_or(u64::MAX));
        let gone =
            r.kind == "llcmd-done" && r.text("cmd") == Some("remove") && self.elements.is_master(master);
        if gone {
            let users = self.elements.users().filter(|e| e.0 == r.device);
            self.suspects.extend(users.map(|(device, pe)| {
                let text = format!("PE {pe} is still added when the master is removed");
                Suspect { device, pe, at: r.at, text }
            }));
            self.looks.push((r.device, r.at + FREEING));
        }
    }
    fn tick(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        self.looks_until(now);
        self.report(|s| s.at + RESTART <= now, seen);
    }
    fn deadline(&self) -> Ticks {
        let restarts = self.suspects.iter().map(|s| s.at + RESTART);
        restarts.chain(self.looks.iter().map(|(_, at)| *at)).min().unwrap_or(Ticks::NEVER)
    }
    fn finish(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        self.looks_until(now);
        self.report(|_| true, seen);
    }
}
