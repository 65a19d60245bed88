//! O2: a removal comes to its end.

use super::elements::Elements;
use super::{Oracle, Removal, Seen};
use fabric::{Record, Ticks};

/// How far a removal has come.
#[derive(Clone, Default)]
pub(super) struct Follow {
    elements: Elements,
    begun: Option<Ticks>,
    /// Since when no user element is left.
    alone: Option<Ticks>,
    finished: bool,
}

impl Follow {
    pub fn record(&mut self, r: &Record) {
        self.elements.record(r);
        if r.kind == "removal" && self.begun.is_none() {
            self.begun = Some(r.at);
        }
        if self.begun.is_none() {
            return;
        }
        let pe = (r.device, r.u64("pe").unwrap_or(u64::MAX));
        if r.kind == "llcmd" && r.text("cmd") == Some("terminate") && self.elements.is_master(pe) {
            self.finished = true;
        }
        let alone = self.elements.users().next().is_none();
        self.alone = match (alone, self.alone) {
            (false, _) => None,
            (true, since) => since.or(Some(r.at)),
        };
    }
    pub fn state(&self) -> Removal {
        match (self.begun, self.finished) {
            (None, _) => Removal::NotRun,
            (Some(_), true) => Removal::Finished,
            (Some(_), false) => Removal::Unfinished,
        }
    }
}

/// O2.
#[derive(Clone)]
pub(super) struct Finishes {
    follow: Follow,
    within: Ticks,
    told: bool,
}

impl Finishes {
    pub fn new(within: Ticks) -> Finishes {
        Finishes { follow: Follow::default(), within, told: false }
    }
}

impl Oracle for Finishes {
    fn record(&mut self, r: &Record, _: &mut Vec<Seen>) {
        self.follow.record(r);
    }
    fn tick(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        if self.deadline() > now {
            return;
        }
        self.told = true;
        let began = self.follow.begun.unwrap_or_default().as_secs_f64();
        let text = format!(
            "removal begun at {began:.3} s: no user element is left, and TERMINATE of the master has not come within {}",
            crate::scenario::units::show_duration(self.within)
        );
        seen.push((now, None, text));
    }
    fn deadline(&self) -> Ticks {
        match self.follow.alone {
            Some(since) if !self.told && !self.follow.finished => since + self.within,
            _ => Ticks::NEVER,
        }
    }
}
