//! The command engine: submission, the steps of a command, its end.
//!
//! Order at the end of a command, which its clients rely on: data, IOASA,
//! RRQ entry, interrupt.

use super::codes::*;
use super::command::{Area, Command, NO_PORT, Stage};
use super::faults::Storm;
use super::flash_faults::{DataFault, store_piece};
use super::ioarcb::{IOARCB_LEN, Ioarcb, Ioasa};
use super::regs::global;
use super::{CmdMode, SisliteAfu};
use crate::flash::commands::forces_unit_access;
use crate::flash::target::List;
use crate::flash::{Plan, Request, sense};
use crate::port::{AfuPort, DmaError, PageFault};
use fabric::{Effect, Ticks};

/// An event of the AFU, packed into the agenda's 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The next step of a command.
    Step(u64),
    /// The timeout of a command.
    Timeout(u64),
    /// A context reset is over: context, which reset.
    ResetDone(u16, u32),
    /// A port's transition is over: port, which transition.
    Port(u8, u32),
    /// A port may be able to finish its shutdown.
    Shutdown(u8),
    /// The next interrupt of a storm.
    Storm(Storm),
    /// An interrupt that was held: element, LISN.
    Irq(u16, u16),
}

const ID_BITS: u32 = 56;
const ID_MASK: u64 = (1 << ID_BITS) - 1;

impl Event {
    pub(super) fn encode(self) -> u64 {
        match self {
            Event::Step(id) => 1 << ID_BITS | id & ID_MASK,
            Event::Timeout(id) => 2 << ID_BITS | id & ID_MASK,
            Event::ResetDone(pe, which) => 3 << ID_BITS | u64::from(which) << 16 | u64::from(pe),
            Event::Port(port, which) => 4 << ID_BITS | u64::from(which) << 8 | u64::from(port),
            Event::Shutdown(port) => 5 << ID_BITS | u64::from(port),
            Event::Storm(storm) => 6 << ID_BITS | storm.encode(),
            Event::Irq(pe, lisn) => 7 << ID_BITS | u64::from(lisn) << 16 | u64::from(pe),
        }
    }
    pub(super) fn decode(what: u64) -> Option<Event> {
        let id = what & ID_MASK;
        match what >> ID_BITS {
            1 => Some(Event::Step(id)),
            2 => Some(Event::Timeout(id)),
            3 => Some(Event::ResetDone(id as u16, (id >> 16) as u32)),
            4 => Some(Event::Port(id as u8, (id >> 8) as u32)),
            5 => Some(Event::Shutdown(id as u8)),
            6 => Some(Event::Storm(Storm::decode(id))),
            7 => Some(Event::Irq(id as u16, (id >> 16) as u16)),
            _ => None,
        }
    }
}

/// What becomes of a command after a step.
pub(super) enum Flow {
    /// The next step at once.
    Next,
    /// Nothing until an event or an answer.
    Wait,
    /// It is gone, without a response.
    Gone(&'static str),
    /// Its response is written.
    Done,
}

/// Why a step stopped.
pub(super) enum Stop {
    /// The command ends with this status.
    End(Ioasa),
    /// Host memory of `pe` could not be reached.
    Dma(u16, DmaError, Area),
    /// A translation fault there is not to be retried.
    NotRetried(Area),
    /// It goes on this much later.
    Later(Ticks),
}

impl SisliteAfu {
    pub(super) fn fired(&mut self, what: u64, bus: &mut dyn AfuPort<'_>) {
        match Event::decode(what) {
            Some(Event::Step(id)) => self.run(id, bus),
            Some(Event::Timeout(id)) => self.timed_out(id, bus),
            Some(Event::ResetDone(pe, which)) => {
                if let Some(c) = self.context(pe).filter(|c| c.resets == which) {
                    c.resetting = false;
                }
            }
            Some(Event::Port(port, which)) => self.port_arrived(port, which, bus),
            Some(Event::Shutdown(port)) => self.port_shutting(port, bus),
            Some(Event::Storm(storm)) => self.storm(storm, bus),
            Some(Event::Irq(pe, lisn)) => bus.interrupt(pe, lisn),
            None => {}
        }
    }

    /// `ioarrin` was written with the address of an IOARCB.
    pub(super) fn submit(&mut self, pe: u16, ea: u64, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        // Unspecified: what is submitted during a context reset is lost.
        if c.resetting || !bus.is_running(pe) {
            return;
        }
        match c.take_room() {
            Ok(()) => {
                self.start(pe, ea, false, bus);
            }
            Err(bits) => self.raise_sync(pe, bits, bus),
        }
    }

    fn start(&mut self, pe: u16, ea: u64, via_sq: bool, bus: &mut dyn AfuPort<'_>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.commands.insert(id, Command::new(id, pe, ea, via_sq));
        let delay = self.config.latency.fetch.draw(&mut self.rng);
        self.wake(id, delay, bus);
        id
    }

    /// `sq_tail` was written.
    pub(super) fn sq_tail(&mut self, pe: u16, tail: u64, bus: &mut dyn AfuPort<'_>) {
        if self.config.cmd_mode != CmdMode::Sq || !bus.is_running(pe) {
            return;
        }
        let Some(c) = self.context(pe) else { return };
        match &mut c.sq {
            Some(q) if q.has(tail) && !c.resetting => q.tail = tail,
            // Unspecified: a tail that is no slot is an error of the same kind.
            _ => return self.raise_sync(pe, ISTATUS_PERM_ERR_CMDROOM, bus),
        }
        self.sq_next(pe, bus);
    }

    /// Starts the fetch of the next slot, if there is one and place for it.
    pub(super) fn sq_next(&mut self, pe: u16, bus: &mut dyn AfuPort<'_>) {
        let most = self.config.max_active;
        let Some(c) = self.context(pe) else { return };
        let resetting = c.resetting;
        let Some(q) = c.sq.filter(|q| q.head != q.tail && q.fetching.is_none() && !resetting) else { return };
        if c.active >= most {
            return;
        }
        let id = self.start(pe, q.head, true, bus);
        if let Some(q) = self.context(pe).and_then(|c| c.sq.as_mut()) {
            q.fetching = Some(id);
        }
    }

    /// Enters the next step of a command in the agenda.
    pub(super) fn wake(&mut self, id: u64, delay: Ticks, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.commands.get_mut(&id) else { return };
        if let Some(old) = c.event.take() {
            bus.cx().agenda.cancel(old);
        }
        c.event = Some(bus.cx().after(delay, Event::Step(id).encode()));
    }

    /// Performs steps of a command until it has to wait.
    fn run(&mut self, id: u64, bus: &mut dyn AfuPort<'_>) {
        let Some(mut cmd) = self.commands.remove(&id) else { return };
        cmd.event = None;
        loop {
            let flow = match self.step(&mut cmd, bus) {
                Ok(flow) => flow,
                Err(Stop::End(sa)) => end_with(&mut cmd, sa),
                Err(Stop::Dma(pe, error, area)) => self.unreachable(&mut cmd, pe, error, area, bus),
                Err(Stop::NotRetried(area)) => self.page_missed(&mut cmd, area, bus),
                Err(Stop::Later(by)) => {
                    cmd.event = Some(bus.cx().after(by, Event::Step(cmd.id).encode()));
                    Flow::Wait
                }
            };
            match flow {
                Flow::Next => {}
                Flow::Wait => {
                    self.commands.insert(id, cmd);
                    return;
                }
                Flow::Gone(why) => return self.retire(cmd, Some(why), bus),
                Flow::Done => return self.retire(cmd, None, bus),
            }
        }
    }

    fn step(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        match cmd.stage {
            Stage::Fetch => self.fetch(cmd, bus),
            Stage::Translate => {
                let admitted = self.admit(cmd, bus);
                match admitted {
                    Ok(()) | Err(Stop::End(_)) => self.begin(cmd, admitted, bus),
                    Err(other) => Err(other),
                }
            }
            Stage::DataOut => self.data_out(cmd, bus),
            Stage::Busy => self.worked(cmd, bus),
            Stage::Drain => {
                if !cmd.drain.is_empty() {
                    return Ok(Flow::Wait);
                }
                cmd.stage = Stage::Ioasa;
                Ok(Flow::Next)
            }
            Stage::DataIn => self.data_in(cmd, bus),
            Stage::Ioasa => self.write_ioasa(cmd, bus),
            Stage::Rrq => self.write_rrq(cmd, bus),
            Stage::Dropped => Ok(Flow::Wait),
        }
    }

    fn fetch(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        let (most, room) = (self.config.max_active, self.config.cmd_room);
        let pe = cmd.pe;
        let Some(c) = self.context(pe) else { return Ok(Flow::Gone("no-context")) };
        if c.active >= most {
            c.backlog.push_back(cmd.id);
            return Ok(Flow::Wait);
        }
        let endian = c.endian();
        // IOARCBs are 16-byte aligned; others cannot be read.
        if cmd.ea & 15 != 0 || std::mem::take(&mut cmd.address_error) {
            return Err(Stop::Dma(pe, DmaError::BadAddress, Area::Ioarcb));
        }
        self.reaches(cmd, Area::Ioarcb, bus)?;
        let mut raw = [0; IOARCB_LEN];
        bus.dma_read(pe, cmd.ea, &mut raw).map_err(|e| Stop::Dma(pe, e, Area::Ioarcb))?;
        let Some(c) = self.context(pe) else { return Ok(Flow::Gone("no-context")) };
        c.active += 1;
        cmd.fetched = true;
        cmd.endian = endian;
        cmd.rcb = Ioarcb::parse(&raw, endian);
        cmd.stage = Stage::Translate;
        if cmd.via_sq {
            if let Some(q) = &mut c.sq {
                q.fetching = None;
                q.advance();
            }
            self.sq_next(pe, bus);
        } else {
            c.give_room(room);
        }
        if let Some(limit) = cmd.rcb.time_limit() {
            cmd.timeout = Some(bus.cx().after(limit, Event::Timeout(cmd.id).encode()));
        }
        Ok(Flow::Next)
    }

    /// Execution starts, or is refused: says so, asks for faults, and enters
    /// the completion in the agenda.
    fn begin(
        &mut self,
        cmd: &mut Command,
        admitted: Result<(), Stop>,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<Flow, Stop> {
        let kind = cmd.kind();
        bus.cx().note_text("afu-command", ("kind", kind), &cmd.fields());
        cmd.announced = true;
        cmd.stage = Stage::DataOut;
        cmd.address_error = false;
        match admitted {
            Err(Stop::End(sa)) => self.finish_with(cmd, sa),
            _ if cmd.is_sync() => self.sync = Some(cmd.id),
            _ => {}
        }
        let fields = cmd.fields();
        match bus.cx().fault("afu-command", kind, &fields) {
            None => {}
            Some(Effect::Hold(by)) => {
                cmd.hold = by.0;
                bus.cx().note("held", &[("id", cmd.id), ("ns", by.0)]);
            }
            Some(Effect::Drop) => {
                cmd.stage = Stage::Dropped;
                if let Some(timeout) = cmd.timeout.take() {
                    bus.cx().agenda.cancel(timeout);
                }
                return Ok(Flow::Wait);
            }
            // One byte is an afu_rc; more are flags, afu_rc, scsi_rc, fc_rc.
            Some(Effect::Fail(rc) | Effect::Value(rc)) => {
                let [flags, afu_rc, scsi_rc, fc_rc] = (rc as u32).to_be_bytes();
                let sa = if rc <= 0xFF {
                    Ioasa::afu(rc as u8, 0)
                } else {
                    Ioasa { flags, afu_rc, scsi_rc, fc_rc, ..Ioasa::default() }
                };
                self.finish_with(cmd, sa);
            }
        }
        Ok(Flow::Next)
    }

    /// The command ends with `sa`, and moves no data.
    fn finish_with(&mut self, cmd: &mut Command, sa: Ioasa) {
        cmd.sa = Ioasa { port: if cmd.port == NO_PORT { 0 } else { cmd.port }, ..sa };
        cmd.plan = Plan::Done;
        cmd.limit = 0;
    }

    /// Takes the host's data, then lets the target work.
    fn data_out(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        if !cmd.plan.transfer().1 {
            self.take_data(cmd, bus)?;
        }
        self.without_data(cmd, bus)?;
        cmd.stage = Stage::Busy;
        let now = bus.cx().now;
        let delay = self.working_time(cmd, now);
        cmd.event = Some(bus.cx().after(delay, Event::Step(cmd.id).encode()));
        Ok(Flow::Wait)
    }

    /// What the target does without data of the host.
    fn without_data(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let now = bus.cx().now;
        let Some(lun) = cmd.unit.and_then(|u| self.target.unit(u as usize)) else { return Ok(()) };
        let check = |s| Stop::End(Ioasa::check(s));
        match cmd.plan {
            Plan::Flush { immediate } => {
                let done = lun.flush(now).map_err(check)?;
                cmd.ready_at = if immediate { lun.accept_time(now) } else { done };
            }
            Plan::Read { offset, len } => {
                let medium = forces_unit_access(&cmd.rcb.cdb);
                cmd.ready_at = lun.read_time(now, offset, len, medium);
            }
            Plan::Verify { offset, len } => {
                cmd.ready_at = lun.read_time(now, offset, len, true);
                lun.verify(offset, len).map_err(check)?;
            }
            Plan::Compare { offset, len } => cmd.ready_at = lun.read_time(now, offset, len, true),
            Plan::WriteSame { .. } | Plan::List { .. } => cmd.ready_at = lun.accept_time(now),
            Plan::Done | Plan::Reply(_) | Plan::Write { .. } => {}
        }
        Ok(())
    }

    fn take_data(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        if cmd.rcb.is_afu() {
            return self.take_debug(cmd, bus);
        }
        let Some(index) = cmd.unit else { return Ok(()) };
        let data_error = |e| Stop::Dma(cmd.pe, e, Area::Data);
        if std::mem::take(&mut cmd.address_error) {
            return Err(data_error(DmaError::BadAddress));
        }
        self.reaches(cmd, Area::Data, bus)?;
        let (streamed, through) = (cmd.plan.is_streamed(), forces_unit_access(&cmd.rcb.cdb));
        let now = bus.cx().now;
        let mut buffer = vec![0; cmd.piece()];
        while cmd.moved < cmd.limit {
            let n = cmd.piece();
            let ea = cmd.rcb.data_ea.wrapping_add(cmd.moved);
            bus.dma_read(cmd.pe, ea, &mut buffer[..n]).map_err(data_error)?;
            // What the host gave, before an injected error changes it.
            if let (Plan::Write { .. }, Some((lba, block))) = (&cmd.plan, cmd.block_at()) {
                self.shadow.written(index, lba, block, &buffer[..n], cmd.id);
            }
            cmd.spoil(&mut buffer[..n]);
            let piece = &buffer[..n];
            let done = match (&cmd.plan, self.target.unit(index as usize)) {
                (Plan::Write { offset, .. }, Some(lun)) => {
                    store_piece(lun, cmd, now, offset + cmd.moved, piece, through)
                }
                (Plan::Compare { offset, .. }, Some(lun)) => {
                    lun.compare(offset + cmd.moved, cmd.moved, piece).map(|()| now)
                }
                _ => Ok(now),
            };
            cmd.ready_at = cmd.ready_at.max(done.map_err(|s| Stop::End(Ioasa::check(s)))?);
            cmd.moved += n as u64;
            if !streamed {
                break; // parameter lists fit one piece
            }
        }
        if !streamed {
            self.unfollowed(index, cmd);
            let cdb = cmd.rcb.cdb;
            let request = Request { now, port: cmd.port, lun_id: cmd.lun_id, cdb: &cdb, extent: cmd.extent };
            let done = self.target.finish(index as usize, &request, &cmd.plan, &buffer);
            done.map_err(|r| Stop::End(Ioasa::refused(r)))?;
        } else if through && let Some(lun) = self.target.unit(index as usize) {
            lun.sync().map_err(|s| Stop::End(Ioasa::check(s)))?;
        }
        self.count_data(cmd, super::regs::fc::FC_CNT_AFUWR);
        Ok(())
    }

    /// What a command changes without bringing each block's data.
    fn unfollowed(&mut self, unit: u32, cmd: &Command) {
        match cmd.plan {
            Plan::WriteSame { lba, blocks, .. } => self.shadow.forget(unit, lba, blocks),
            Plan::List { list: List::Unmap, .. } => self.shadow.forget(unit, 0, u64::MAX),
            _ => {}
        }
    }

    fn count_data(&mut self, cmd: &Command, counter: u16) {
        if let Some(p) = self.ports.get_mut(usize::from(cmd.port)) {
            p.count(counter, 1);
        }
    }

    fn working_time(&mut self, cmd: &Command, now: Ticks) -> Ticks {
        let times = self.config.latency;
        let work = match cmd.ready_at {
            _ if cmd.rcb.is_afu() => times.afu.draw(&mut self.rng),
            Ticks(0) => times.other.draw(&mut self.rng),
            ready => Ticks(ready.0.saturating_sub(now.0).max(1)),
        };
        work + Ticks(times.per_4k.saturating_mul(cmd.limit / 4096)) + Ticks(cmd.hold)
    }

    /// The target, or the AFU, has done its work.
    fn worked(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        cmd.stage = match () {
            () if cmd.is_sync() && cmd.sa.ioasc() == 0 => Stage::Drain,
            () if cmd.is_provision() && cmd.sa.ioasc() == 0 => {
                cmd.sa = self.provision(cmd, bus);
                Stage::Ioasa
            }
            () if cmd.rcb.is_tmf() && cmd.sa.ioasc() == 0 => {
                self.task_management(cmd, bus);
                Stage::Ioasa
            }
            () => Stage::DataIn,
        };
        Ok(Flow::Next)
    }

    /// Stores the reply, or blocks of the unit, to the host.
    fn data_in(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        if !cmd.early && !cmd.address_error && self.responds_early(cmd, bus)? {
            return Ok(Flow::Wait);
        }
        let data_error = |e| Stop::Dma(cmd.pe, e, Area::Data);
        if std::mem::take(&mut cmd.address_error) {
            return Err(data_error(DmaError::BadAddress));
        }
        if cmd.plan.transfer().1 && cmd.moved < cmd.limit {
            self.reaches(cmd, Area::Data, bus)?;
        }
        let mut buffer = match cmd.plan {
            Plan::Read { .. } => vec![0; cmd.piece()],
            _ => Vec::new(),
        };
        while cmd.plan.transfer().1 && cmd.moved < cmd.limit {
            let (n, from) = (cmd.piece(), cmd.moved as usize);
            let ea = cmd.rcb.data_ea.wrapping_add(cmd.moved);
            let bytes = match (&cmd.plan, cmd.unit.and_then(|u| self.target.unit(u as usize))) {
                (Plan::Reply(reply), _) => reply.get(from..from + n).unwrap_or_default(),
                (Plan::Read { offset, .. }, Some(lun)) => {
                    let stale = cmd.data_fault == Some(DataFault::Stale);
                    let read = lun.read(offset + cmd.moved, &mut buffer[..n], stale);
                    read.map_err(|s| Stop::End(Ioasa::check(s)))?;
                    cmd.spoil(&mut buffer[..n]);
                    self.compare(cmd, &buffer[..n], bus);
                    &buffer[..n]
                }
                _ => break,
            };
            bus.dma_write(cmd.pe, ea, bytes).map_err(data_error)?;
            cmd.moved += n as u64;
        }
        if cmd.moved > 0 && cmd.plan.transfer().1 {
            self.count_data(cmd, super::regs::fc::FC_CNT_AFURD);
        }
        cmd.stage = Stage::Ioasa;
        Ok(Flow::Next)
    }

    /// Records a block that is not what was written and acknowledged.
    fn compare(&self, cmd: &Command, bytes: &[u8], bus: &mut dyn AfuPort<'_>) {
        let (Some(unit), Some((lba, block))) = (cmd.unit, cmd.block_at()) else { return };
        if let Some(lba) = self.shadow.differs(unit, lba, block, bytes) {
            let fields = [("id", cmd.id), ("pe", cmd.pe.into()), ("unit", unit.into()), ("lba", lba)];
            bus.cx().note("data-mismatch", &fields);
        }
    }

    /// Host memory could not be reached.
    fn unreachable(
        &mut self,
        cmd: &mut Command,
        pe: u16,
        error: DmaError,
        area: Area,
        bus: &mut dyn AfuPort<'_>,
    ) -> Flow {
        let (retry, permanent) = consequence(area);
        let retries = self.global.get(global::TABLE, global::AFU_CONFIG) & retry != 0;
        match (error, permanent) {
            (DmaError::Held(fault), _) => self.wait_for(cmd, pe, fault),
            (DmaError::Faulted(fault), _) if retries => self.wait_for(cmd, pe, fault),
            (DmaError::NoContext, _) if pe == cmd.pe => Flow::Gone("no-context"),
            (DmaError::Faulted(_), _) => self.page_missed(cmd, area, bus),
            (_, Err(bits)) => {
                self.raise_sync(cmd.pe, bits, bus);
                Flow::Gone("sync-error")
            }
            (_, Ok(rc)) => self.refuse(cmd, Ioasa::afu(rc, AFU_DMA_ERR_INVALID_EA), bus),
        }
    }

    /// The command goes on when the fault is answered, or the suspension over.
    fn wait_for(&mut self, cmd: &mut Command, pe: u16, fault: PageFault) -> Flow {
        cmd.waits_on = Some((pe, fault));
        self.waiters.entry((pe, fault)).or_default().push(cmd.id);
        Flow::Wait
    }

    /// A page is missing and the access is not retried.
    fn page_missed(&mut self, cmd: &mut Command, area: Area, bus: &mut dyn AfuPort<'_>) -> Flow {
        match consequence(area).1 {
            Err(_) => {
                self.raise_sync(cmd.pe, ISTATUS_TEMP_ERR_PAGEIN, bus);
                Flow::Gone("page-in")
            }
            Ok(rc) => self.refuse(cmd, Ioasa::afu(rc, AFU_DMA_ERR_PAGE_IN), bus),
        }
    }

    /// Ends a command that may not have been announced yet.
    fn refuse(&mut self, cmd: &mut Command, sa: Ioasa, bus: &mut dyn AfuPort<'_>) -> Flow {
        if !cmd.announced {
            return self.begin(cmd, Err(Stop::End(sa)), bus).unwrap_or(Flow::Next);
        }
        end_with(cmd, sa)
    }
}

/// The bit of `afu_config` that has an access to `area` retried, and what an
/// access that fails for good leads to: an `afu_rc`, or bits of `intr_status`.
fn consequence(area: Area) -> (u64, Result<u8, u64>) {
    match area {
        Area::Ioarcb => (AFUCONF_AR_IOARCB, Err(ISTATUS_PERM_ERR_RCB_READ)),
        Area::Ioasa => (AFUCONF_AR_IOASA, Err(ISTATUS_PERM_ERR_SA_WRITE)),
        Area::Rrq => (AFUCONF_AR_RRQ, Err(ISTATUS_PERM_ERR_RRQ_WRITE)),
        Area::Rht => (AFUCONF_AR_RHT, Ok(AFU_RC_RHT_DMA_ERR)),
        Area::Lxt => (AFUCONF_AR_LXT, Ok(AFU_RC_LXT_DMA_ERR)),
        Area::Data => (AFUCONF_AR_DATA, Ok(AFU_RC_DATA_DMA_ERR)),
    }
}

/// Ends a command with a status: only the response is left.
pub(super) fn end_with(cmd: &mut Command, sa: Ioasa) -> Flow {
    cmd.sa = Ioasa { port: if cmd.port == NO_PORT { 0 } else { cmd.port }, ..sa };
    cmd.address_error = false;
    cmd.stage = Stage::Ioasa;
    Flow::Next
}

/// Sense for a buffer whose length does not fit the CDB, with the flags the
/// clients look for.
pub(super) fn length_error(len: u64, data_len: u64) -> Ioasa {
    let flag = if len > data_len { RC_FLAGS_OVERRUN } else { RC_FLAGS_UNDERRUN };
    let sa = Ioasa::check(sense::INVALID_IU);
    Ioasa { flags: sa.flags | flag, resid: len.abs_diff(data_len).min(u32::MAX.into()) as u32, ..sa }
}
