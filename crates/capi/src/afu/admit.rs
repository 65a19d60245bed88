//! May it, and whereto: rights of the context, resource handle and LBA
//! translation, choice of a port, length rules. The order of the checks is
//! the order in which clients see the errors.

use super::SisliteAfu;
use super::codes::*;
use super::command::{Area, Command};
use super::config::{CONTEXTS, TableCache};
use super::engine::{Stop, length_error};
use super::ioarcb::{Endian, Ioasa};
use super::regs::{ctrl, fc, global};
use super::tables::{LXT_ENTRY, Lxt, RHT_ENTRY, Resource, RhtRaw, rht_perm, rht_resource};
use crate::flash::commands::{self, Does};
use crate::flash::{Plan, Request, sense};
use crate::port::{AfuPort, DmaError};
use crate::ports::{Injected, Shutdown};
use fabric::Effect;

const PERM_READ: u8 = 1;
const PERM_WRITE: u8 = 2;
/// Largest transfer through an LXT.
const MAX_VIRTUAL: u64 = 4096;

fn end<T>(rc: u8, extra: u8) -> Result<T, Stop> {
    Err(Stop::End(Ioasa::afu(rc, extra)))
}

/// What a CDB needs: permission bits, and whether handles of plain users
/// reach the target with it.
fn direction(cdb: &[u8; 16]) -> (u8, bool) {
    let for_users = matches!(cdb[0], 0x28 | 0x2A | 0x88 | 0x8A | 0x93);
    match commands::lookup(cdb).map(|c| c.does) {
        Ok(Does::Write | Does::WriteSame | Does::Unmap) => (PERM_WRITE, for_users),
        Ok(Does::ModeSelect | Does::PersistentReserveOut) => (PERM_WRITE, false),
        _ => (PERM_READ, for_users),
    }
}

impl SisliteAfu {
    /// Checks a fetched command and finds its target.
    pub(super) fn admit(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let cap = self.rights(cmd)?;
        if cmd.rcb.is_afu() {
            self.need(cap, CTX_CAP_AFU_CMD)?;
            return self.afu_command(cmd, bus);
        }
        cmd.extent = commands::extent(&cmd.rcb.cdb);
        let (perm, for_users) = direction(&cmd.rcb.cdb);
        let plain = for_users || perm == PERM_WRITE || cmd.kind() == "read";
        let enough = if perm == PERM_WRITE { CTX_CAP_WRITE_CMD } else { CTX_CAP_READ_CMD };
        if cmd.rcb.by_handle() {
            self.need(cap, if for_users { enough } else { CTX_CAP_GSCSI_CMD })?;
            self.by_handle(cmd, perm, for_users, bus)?;
        } else {
            self.need(cap, CTX_CAP_REAL_MODE)?;
            let ok = cap & CTX_CAP_GSCSI_CMD != 0 || plain && cap & enough != 0;
            self.need(u64::from(ok), 1)?;
            cmd.lun_id = cmd.rcb.lun_id;
            let mask = cmd.rcb.res_hndl;
            self.choose_port(cmd, mask as u8)?;
        }
        self.at_port(cmd, bus)
    }

    /// The capabilities that count: of the named context, which is the
    /// issuing one unless both are proxies.
    fn rights(&self, cmd: &Command) -> Result<u64, Stop> {
        let cap_of = |ctx: u16| self.contexts.get(usize::from(ctx)).map_or(0, |c| c.cap());
        let (issuer, named) = (cap_of(cmd.pe), cap_of(cmd.rcb.ctx_id));
        let proxy = issuer & CTX_CAP_PROXY_ISSUE != 0 && named & CTX_CAP_PROXY_TARGET != 0;
        if cmd.rcb.ctx_id != cmd.pe && !proxy {
            return end(AFU_RC_CAP_VIOLATION, cap_extra(issuer));
        }
        Ok(named)
    }

    pub(super) fn need(&self, cap: u64, bits: u64) -> Result<(), Stop> {
        if cap & bits == bits { Ok(()) } else { end(AFU_RC_CAP_VIOLATION, cap_extra(cap)) }
    }

    fn table_endian(&self) -> Endian {
        let little = self.global.get(global::TABLE, global::AFU_CONFIG) & AFUCONF_ENDIAN_LE != 0;
        if little { Endian::Little } else { Endian::Big }
    }

    fn by_handle(
        &mut self,
        cmd: &mut Command,
        perm: u8,
        for_users: bool,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<(), Stop> {
        let ctx = cmd.rcb.ctx_id;
        let Some(c) = self.contexts.get(usize::from(ctx)) else { return end(AFU_RC_CAP_VIOLATION, 0) };
        let (start, cnt_id) = (c.ctrl(ctrl::RHT_START), c.ctrl(ctrl::RHT_CNT_ID));
        let (count, owner) = (cnt_id >> 48, (cnt_id >> 32) as u16);
        if u64::from(cmd.rcb.res_hndl) >= count {
            return end(AFU_RC_RHT_OUT_OF_BOUNDS, 0);
        }
        let host_xlate = |c: &super::Context| c.cap() & CTX_CAP_HOST_XLATE != 0;
        if owner >= CONTEXTS || !self.contexts.get(usize::from(owner)).is_some_and(host_xlate) {
            return end(AFU_RC_NOT_XLATE_HOST, 0);
        }
        if start & (RHT_ENTRY - 1) != 0 {
            return end(AFU_RC_RHT_UNALIGNED, 0);
        }
        let raw = self.rht_entry(cmd, start, owner, bus)?;
        if rht_perm(&raw) & perm == 0 {
            return end(AFU_RC_RHT_RW_PERM, 0);
        }
        match rht_resource(&raw, self.table_endian()) {
            None => end(AFU_RC_RHT_INVALID, 0),
            Some(Resource::Physical { lun_id, port_sel }) => {
                cmd.lun_id = lun_id;
                self.choose_port(cmd, port_sel)
            }
            Some(Resource::Virtual { .. }) if !for_users => end(AFU_RC_CAP_VIOLATION, 0),
            Some(Resource::Virtual { lxt_start, lxt_cnt, nmask }) => {
                self.by_lxt(cmd, perm, (lxt_start, lxt_cnt, nmask), owner, bus)
            }
        }
    }

    fn rht_entry(
        &mut self,
        cmd: &mut Command,
        start: u64,
        owner: u16,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<RhtRaw, Stop> {
        let (ctx, handle) = (cmd.rcb.ctx_id, cmd.rcb.res_hndl);
        if let Some(raw) = cmd.rht {
            return Ok(raw); // fetched before an LXT fault
        }
        let strict = self.config.cache == TableCache::Strict;
        let at = start.wrapping_add(u64::from(handle) * RHT_ENTRY);
        if let Some(raw) = self.copies.rht(ctx, handle).filter(|_| strict) {
            note_stale(cmd, owner, at, &raw, bus);
            cmd.rht = Some(raw);
            cmd.address_error = false;
            return Ok(raw);
        }
        let mut raw = [0; RHT_ENTRY as usize];
        self.fetch_table(cmd, owner, at, &mut raw, Area::Rht, bus)?;
        cmd.rht = Some(raw);
        if strict {
            self.copies.keep_rht(ctx, handle, raw);
        }
        Ok(raw)
    }

    fn fetch_table(
        &self,
        cmd: &mut Command,
        owner: u16,
        ea: u64,
        raw: &mut [u8],
        area: Area,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<(), Stop> {
        if std::mem::take(&mut cmd.address_error) {
            return Err(Stop::Dma(owner, DmaError::BadAddress, area));
        }
        self.reaches(cmd, area, bus)?;
        match bus.dma_read(owner, ea, raw) {
            // The master has gone; the command itself has not.
            Err(DmaError::NoContext) => Err(Stop::Dma(owner, DmaError::BadAddress, area)),
            Err(e) => Err(Stop::Dma(owner, e, area)),
            Ok(()) => Ok(()),
        }
    }

    fn by_lxt(
        &mut self,
        cmd: &mut Command,
        perm: u8,
        (lxt_start, lxt_cnt, nmask): (u64, u32, u8),
        owner: u16,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<(), Stop> {
        let (vlba, blocks) = cmd.extent;
        let index = vlba.checked_shr(nmask.into()).unwrap_or(0);
        let inside = vlba & 1u64.checked_shl(nmask.into()).map_or(u64::MAX, |chunk| chunk - 1);
        if index >= u64::from(lxt_cnt) {
            return end(AFU_RC_LXT_OUT_OF_BOUNDS, 0);
        }
        if lxt_start & (LXT_ENTRY - 1) != 0 {
            return end(AFU_RC_LXT_UNALIGNED, 0);
        }
        let ea = lxt_start.wrapping_add(index * LXT_ENTRY);
        let lxt = self.lxt_entry(cmd, index, ea, owner, bus)?;
        if lxt.perm() & perm == 0 {
            return end(AFU_RC_LXT_RW_PERM, 0);
        }
        self.choose_port(cmd, lxt.port_sel())?;
        let port = usize::from(cmd.port);
        cmd.lun_id = self.port_luns.get(port).and_then(|t| t.get(lxt.lun_index())).copied().unwrap_or(0);
        cmd.extent = (lxt.base().wrapping_add(inside), blocks);
        let unit = self.target.find(cmd.port, cmd.lun_id);
        let block = unit.and_then(|i| self.target.block(i)).unwrap_or(MAX_VIRTUAL);
        // Clients see anything above one 4 KiB unit refused like this.
        let crosses = nmask < 64 && blocks > 0 && vlba.saturating_add(blocks - 1) >> nmask != index;
        if blocks.saturating_mul(block) > MAX_VIRTUAL || crosses {
            return end(AFU_RC_LXT_OUT_OF_BOUNDS, 0);
        }
        Ok(())
    }

    fn lxt_entry(
        &mut self,
        cmd: &mut Command,
        index: u64,
        ea: u64,
        owner: u16,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<Lxt, Stop> {
        let (ctx, handle) = (cmd.rcb.ctx_id, cmd.rcb.res_hndl);
        let strict = self.config.cache == TableCache::Strict;
        if let Some(raw) = self.copies.lxt(ctx, handle, index).filter(|_| strict) {
            note_stale(cmd, owner, ea, &self.table_endian().bytes64(raw), bus);
            return Ok(Lxt(raw));
        }
        let mut raw = [0; LXT_ENTRY as usize];
        self.fetch_table(cmd, owner, ea, &mut raw, Area::Lxt, bus)?;
        let value = self.table_endian().get(&raw);
        if strict {
            self.copies.keep_lxt(ctx, handle, index, value);
        }
        Ok(Lxt(value))
    }

    /// Unspecified: which of several usable ports; we take them in turn.
    fn choose_port(&mut self, cmd: &mut Command, requested: u8) -> Result<(), Stop> {
        let enabled = self.global.get(global::TABLE, global::AFU_PORT_SEL) as u8;
        let up = self.ports.iter().rev().fold(0u8, |m, p| m << 1 | u8::from(p.is_up()));
        // The internal units need no link.
        let up = if self.target.is_internal() { 1 } else { up };
        let (available, count) = (enabled & up, self.ports.len() as u8);
        let usable = available & requested;
        let turn = (0..count).map(|i| (self.next_port + i) % count).find(|p| usable >> p & 1 != 0);
        let Some(port) = turn else {
            return end(AFU_RC_NO_CHANNELS, (available & 3) << 2 | requested & 3);
        };
        self.next_port = (port + 1) % count;
        cmd.port = port;
        Ok(())
    }

    /// The command has reached its port.
    fn at_port(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let Some(p) = self.ports.get(usize::from(cmd.port)) else { return end(AFU_RC_NO_CHANNELS, 0) };
        if p.shutdown() != Shutdown::No {
            return Err(Stop::End(Ioasa::fc(FC_RC_SHUTDOWN)));
        }
        cmd.unit = self.target.find(cmd.port, cmd.lun_id).map(|i| i as u32);
        if cmd.rcb.is_tmf() {
            return self.check_task_management(cmd);
        }
        self.at_unit(cmd, bus)?;
        let cdb = cmd.rcb.cdb;
        let now = bus.cx().now;
        let request = Request { now, port: cmd.port, lun_id: cmd.lun_id, cdb: &cdb, extent: cmd.extent };
        let plan = self.target.plan(&request).map_err(|r| Stop::End(Ioasa::refused(r)))?;
        self.fit(cmd, plan)?;
        self.frame_lost(cmd, bus)?;
        self.lie_of_data(cmd);
        self.inject_error(cmd, bus)
    }

    /// The exchange with the target may fail.
    fn frame_lost(&self, cmd: &Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let fields = [("port", cmd.port.into()), ("pe", cmd.pe.into()), ("lun", cmd.lun_id)];
        match bus.cx().fault("fc", cmd.kind(), &fields) {
            Some(Effect::Fail(fc_rc) | Effect::Value(fc_rc)) => Err(Stop::End(Ioasa::fc(fc_rc as u8))),
            _ => Ok(()),
        }
    }

    /// Errors that the port's own registers ask for.
    fn inject_error(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let write = match cmd.plan {
            Plan::Read { .. } => false,
            Plan::Write { .. } => true,
            _ => return Ok(()),
        };
        let (lba, blocks) = cmd.extent;
        let Some(p) = self.ports.get_mut(usize::from(cmd.port)) else { return Ok(()) };
        match p.inject(write, lba, blocks) {
            None => Ok(()),
            Some(Injected::Medium { lba, status }) => {
                let error = if write { sense::WRITE_ERROR } else { sense::READ_ERROR };
                // Unspecified: where the device's status shows.
                Err(Stop::End(Ioasa { scsi_extra: status as u8, ..Ioasa::check(error.at(lba)) }))
            }
            Some(Injected::BadData(at)) => {
                let block = cmd.limit / blocks.max(1);
                cmd.spoiled = Some(at.saturating_sub(lba).saturating_mul(block));
                Ok(())
            }
            // Unspecified: the codes of these two; the driver retries both.
            Some(Injected::Transfer) => Err(Stop::End(Ioasa::fc(FC_RC_RESIDERR))),
            Some(Injected::Parity) => {
                p.count(fc::FC_CNT_OTHERERR, 1);
                self.async_error(cmd.port, ASTATUS_OTHER, bus);
                Err(Stop::End(Ioasa::fc(FC_RC_ABORTOK)))
            }
        }
    }

    /// Compares what the target would move with the host's buffer.
    pub(super) fn fit(&self, cmd: &mut Command, plan: Plan) -> Result<(), Stop> {
        let (len, to_host) = plan.transfer();
        let data_len = u64::from(cmd.rcb.data_len);
        if len > 0 && data_len > 0 && to_host == cmd.rcb.host_write() {
            let sa = Ioasa { afu_rc: self.config.direction_afu_rc, ..Ioasa::fc(FC_RC_ABORTOK) };
            return Err(Stop::End(sa));
        }
        if plan.is_exact() && len > 0 && len != data_len {
            return Err(Stop::End(length_error(len, data_len)));
        }
        cmd.limit = len.min(data_len);
        cmd.plan = plan;
        cmd.sa.resid = len.abs_diff(data_len) as u32;
        let flag = match len.cmp(&data_len) {
            std::cmp::Ordering::Greater => RC_FLAGS_OVERRUN,
            std::cmp::Ordering::Less if !cmd.rcb.has(REQ_FLAGS_SUP_UNDERRUN) => RC_FLAGS_UNDERRUN,
            _ => 0,
        };
        // "blocks = 0" is good whatever the buffer, the tests say.
        if flag != 0 && !(cmd.plan.is_exact() && len == 0) {
            cmd.sa.flags = flag;
            cmd.sa.fc_rc = FC_RC_RESID;
        }
        cmd.sa.port = cmd.port;
        Ok(())
    }
}

/// Records the use of a copy that is no longer what memory holds. A sync
/// may be on its way: an oracle waits for it.
fn note_stale(cmd: &Command, owner: u16, ea: u64, copy: &[u8], bus: &mut dyn AfuPort<'_>) {
    let mut now = [0; RHT_ENTRY as usize];
    let Some(now) = now.get_mut(..copy.len()) else { return };
    // A page that is not there is no news about its content, and asking for
    // it must not raise a fault: these tables are the kernel's own.
    if bus.look(owner, ea, now) && now != copy {
        let (ctx, handle) = (cmd.rcb.ctx_id.into(), cmd.rcb.res_hndl.into());
        let fields = [("pe", cmd.pe.into()), ("ctx", ctx), ("handle", handle), ("ea", ea)];
        bus.cx().note("stale-table", &fields);
    }
}

/// `afu_extra` of a capability violation: top and bottom bits of `ctx_cap`.
fn cap_extra(cap: u64) -> u8 {
    (cap >> 56) as u8 & 0xF0 | cap as u8 & 0x0F
}
