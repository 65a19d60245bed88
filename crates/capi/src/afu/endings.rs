//! Commands that do not simply complete: answers to translation faults,
//! timeouts, early ends, aborts, context resets.

use super::SisliteAfu;
use super::codes::{AFU_RC_TIMED_OUT, AFU_RC_TIMED_OUT_PRE_FC};
use super::command::{Command, Stage};
use super::engine::{Event, end_with};
use super::ioarcb::Ioasa;
use super::regs::fc;
use crate::port::{AfuPort, FaultAnswer, PageFault};
use fabric::{Effect, Ticks};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

impl SisliteAfu {
    /// The driver answered a translation fault: every command that met it
    /// tries again, or ends with an address error.
    pub(super) fn answer(&mut self, fault: (u16, PageFault), answer: FaultAnswer, bus: &mut dyn AfuPort<'_>) {
        let waiting = self.waiters.remove(&fault).unwrap_or_default();
        if waiting.is_empty() {
            return;
        }
        let delay = self.config.latency.fault_retry.draw(&mut self.rng);
        for id in waiting {
            let Some(cmd) = self.commands.get_mut(&id) else { continue };
            cmd.waits_on = None;
            cmd.address_error = answer == FaultAnswer::AddressError;
            self.wake(id, delay, bus);
        }
    }

    /// Nobody will answer the faults of `pe` any more.
    pub(super) fn retry_all(&mut self, pe: u16, bus: &mut dyn AfuPort<'_>) {
        let open: Vec<_> = self.waiters.range(faults_of(pe)).map(|(f, _)| *f).collect();
        for fault in open {
            self.answer(fault, FaultAnswer::Retry, bus);
        }
    }

    pub(super) fn timed_out(&mut self, id: u64, bus: &mut dyn AfuPort<'_>) {
        let Some(cmd) = self.commands.get_mut(&id) else { return };
        cmd.timeout = None;
        let rc = match cmd.stage {
            Stage::Fetch | Stage::Translate => AFU_RC_TIMED_OUT_PRE_FC,
            Stage::DataOut | Stage::Busy | Stage::Drain | Stage::DataIn => AFU_RC_TIMED_OUT,
            Stage::Ioasa | Stage::Rrq | Stage::Dropped => return,
        };
        let port = cmd.port;
        self.end_where(Ioasa::afu(rc, 0), bus, |c| c.id == id);
        if let Some(p) = self.ports.get_mut(usize::from(port)) {
            p.count(fc::FC_CNT_TIMEOUT, 1);
        }
    }

    /// Ends commands early with a status; not those that already respond, nor
    /// those that were dropped.
    pub(super) fn end_where(
        &mut self,
        sa: Ioasa,
        bus: &mut dyn AfuPort<'_>,
        which: impl Fn(&Command) -> bool,
    ) {
        let hit = |c: &&mut Command| c.stage < Stage::Ioasa && which(c);
        let mut ids = Vec::new();
        for cmd in self.commands.values_mut().filter(hit) {
            end_with(cmd, sa);
            if let Some(fault) = cmd.waits_on.take() {
                drop_waiter(&mut self.waiters, fault, cmd.id);
            }
            ids.push(cmd.id);
        }
        for id in ids {
            self.announce_late(id, bus);
            self.wake(id, Ticks::micros(1), bus);
        }
    }

    /// A command that ends before it was announced.
    fn announce_late(&mut self, id: u64, bus: &mut dyn AfuPort<'_>) {
        if let Some(cmd) = self.commands.get_mut(&id).filter(|c| !c.announced) {
            cmd.announced = true;
            bus.cx().note_text("afu-command", ("kind", cmd.kind()), &cmd.fields());
        }
    }

    /// Takes commands away without response, data or interrupt.
    pub(super) fn abort_where(
        &mut self,
        why: &'static str,
        bus: &mut dyn AfuPort<'_>,
        which: impl Fn(&Command) -> bool,
    ) {
        // A retired command may let the next slot of its SQ be fetched: that
        // one goes in the next round, and with it the rest of the queue.
        loop {
            let ids: Vec<u64> = self.commands.values().filter(|c| which(c)).map(|c| c.id).collect();
            if ids.is_empty() {
                return;
            }
            for id in ids {
                if let Some(cmd) = self.commands.remove(&id) {
                    self.retire(cmd, Some(why), bus);
                }
            }
        }
    }

    /// A command is gone: gives back what it held, starts what waited for it.
    pub(super) fn retire(&mut self, cmd: Command, aborted: Option<&'static str>, bus: &mut dyn AfuPort<'_>) {
        if let Some(why) = aborted {
            let fields = [("id", cmd.id), ("pe", cmd.pe.into())];
            bus.cx().note_text("afu-command-aborted", ("why", why), &fields);
            if let Some(p) = self.ports.get_mut(usize::from(cmd.port)) {
                p.count(fc::FC_CNT_AFUABORT, 1);
            }
        }
        for event in [cmd.event, cmd.timeout].into_iter().flatten() {
            bus.cx().agenda.cancel(event);
        }
        if let Some(fault) = cmd.waits_on {
            drop_waiter(&mut self.waiters, fault, cmd.id);
        }
        if self.sync == Some(cmd.id) {
            self.sync = None;
        }
        self.release(&cmd, bus);
        let Some(sync) = self.sync.and_then(|id| self.commands.get_mut(&id)) else { return };
        if sync.drain.remove(&cmd.id) && sync.drain.is_empty() && sync.stage == Stage::Drain {
            let id = sync.id;
            self.wake(id, Ticks::micros(1), bus);
        }
    }

    /// Gives back the command's place in its context.
    fn release(&mut self, cmd: &Command, bus: &mut dyn AfuPort<'_>) {
        let (room, fetch) = (self.config.cmd_room, self.config.latency.fetch);
        let Some(c) = self.context(cmd.pe) else { return };
        if cmd.fetched {
            c.active = c.active.saturating_sub(1);
        } else {
            c.backlog.retain(|&id| id != cmd.id);
            match &mut c.sq {
                // What follows an IOARCB that cannot be read is not fetched.
                Some(q) if cmd.via_sq => (q.fetching, q.tail) = (None, q.head),
                _ => c.give_room(room),
            }
        }
        if let Some(next) = c.backlog.pop_front() {
            let delay = fetch.draw(&mut self.rng);
            self.wake(next, delay, bus);
        }
        self.sq_next(cmd.pe, bus);
    }

    /// 1 was written to `ioarrin`, or to `sq_ctx_reset`.
    pub(super) fn context_reset(&mut self, pe: u16, bus: &mut dyn AfuPort<'_>) {
        let span = self.config.latency.context_reset;
        let Some(c) = self.context(pe).filter(|c| !c.resetting) else { return };
        c.resetting = true;
        c.resets = c.resets.wrapping_add(1);
        let which = c.resets;
        bus.cx().note("context-reset", &[("pe", pe.into())]);
        let mut delay = span.draw(&mut self.rng);
        match bus.cx().fault("afu-command", "context-reset", &[("pe", pe.into()), ("ctx", pe.into())]) {
            Some(Effect::Hold(by)) => delay += by,
            // Stuck: bit 0 stays, and what was open may still complete.
            Some(Effect::Drop | Effect::Fail(_) | Effect::Value(_)) => return,
            None => {}
        }
        self.abort_where("context-reset", bus, |c| c.pe == pe);
        if let Some(q) = self.context(pe).and_then(|c| c.sq.as_mut()) {
            q.tail = q.head;
        }
        bus.cx().after(delay, Event::ResetDone(pe, which).encode());
    }
}

type Waiters = BTreeMap<(u16, PageFault), Vec<u64>>;

/// Every fault that `pe` can have.
fn faults_of(pe: u16) -> RangeInclusive<(u16, PageFault)> {
    (pe, PageFault { ea: 0, store: false })..=(pe, PageFault { ea: u64::MAX, store: true })
}

fn drop_waiter(waiters: &mut Waiters, fault: (u16, PageFault), id: u64) {
    if let Some(list) = waiters.get_mut(&fault) {
        list.retain(|&w| w != id);
        if list.is_empty() {
            waiters.remove(&fault);
        }
    }
}
