//! Commands that the AFU itself performs: syncs, task management, and the
//! way to LUN provisioning and debug.

use super::SisliteAfu;
use super::codes::*;
use super::command::{Command, NO_PORT, Stage};
use super::config::{INTVER_CAP_DEBUG, INTVER_CAP_LUN_PROVISION};
use super::engine::Stop;
use super::ioarcb::Ioasa;
use super::regs::global;
use crate::flash::sense;
use crate::port::AfuPort;
use std::collections::BTreeSet;

/// FCP_RSP_INFO codes (FCP-4 9.5.15).
const RSP_TMF_REJECTED: u8 = 0x04;
const RSP_WRONG_LUN: u8 = 0x09;

fn rsp_code(code: u8) -> Stop {
    Stop::End(Ioasa { flags: RC_FLAGS_FCP_RSP_CODE_VALID, fc_extra: code, ..Ioasa::default() })
}

impl SisliteAfu {
    /// Checks an AFU command. A sync takes effect here: what is fetched from
    /// now on is new; it completes when nothing uses what was old.
    pub(super) fn afu_command(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        match cmd.rcb.cdb[0] {
            AFU_CMD_SYNC if cmd.mode() <= AFU_GSYNC => {}
            AFU_CMD_LUN_PROVISION if self.config.can(INTVER_CAP_LUN_PROVISION) => return Ok(()),
            AFU_CMD_DEBUG if self.config.can(INTVER_CAP_DEBUG) => return self.check_debug(cmd),
            // Unspecified: the answer to commands and modes the AFU has not got.
            _ => return Err(Stop::End(Ioasa::afu(AFU_RC_CAP_VIOLATION, 0))),
        }
        if self.sync.is_some() {
            return Err(Stop::End(Ioasa::afu(AFU_RC_SYNC_IN_PROGRESS, 0)));
        }
        let (ctx, handle) = (cmd.subject(), cmd.handle());
        if cmd.mode() == AFU_GSYNC {
            let enabled = self.global.get(global::TABLE, global::AFU_PORT_SEL);
            let old = |c: &Command| c.port != NO_PORT && enabled >> c.port & 1 == 0;
            cmd.drain = self.ids_of(old);
            return Ok(());
        }
        let fields = [("ctx", ctx.into()), ("mode", cmd.mode().into())];
        if bus.cx().fault("sync-effect", "forget", &fields).is_none() {
            self.copies.forget(ctx, handle);
        }
        if cmd.mode() == AFU_HW_SYNC {
            cmd.drain = self.ids_of(|c| {
                c.rcb.by_handle() && c.subject() == ctx && c.handle() == handle && c.rht.is_some()
            });
        }
        Ok(())
    }

    fn ids_of(&self, which: impl Fn(&Command) -> bool) -> BTreeSet<u64> {
        self.commands.values().filter(|c| which(c)).map(|c| c.id).collect()
    }

    /// Checks a task management function (`TMF_*`; the CDB is a number in the
    /// context's byte order).
    pub(super) fn check_task_management(&self, cmd: &Command) -> Result<(), Stop> {
        match tmf(cmd) {
            _ if cmd.unit.is_none() => Err(rsp_code(RSP_WRONG_LUN)),
            TMF_LUN_RESET | TMF_CLEAR_ACA => Ok(()),
            _ => Err(rsp_code(RSP_TMF_REJECTED)),
        }
    }

    /// Performs a task management function.
    pub(super) fn task_management(&mut self, cmd: &Command, bus: &mut dyn AfuPort<'_>) {
        let Some(unit) = cmd.unit.filter(|_| tmf(cmd) == TMF_LUN_RESET) else { return };
        let victim = |c: &Command| c.unit == Some(unit) && c.stage != Stage::Dropped && !c.rcb.is_tmf();
        self.end_where(Ioasa::fc(FC_RC_TGTABORT), bus, victim);
        if let Some(lun) = self.target.unit(unit as usize) {
            lun.reset(sense::LUN_RESET);
        }
    }
}

fn tmf(cmd: &Command) -> u8 {
    cmd.endian.get(&cmd.rcb.cdb[..8]) as u8
}
