//! LUN provisioning: AFU command D0 makes and deletes units on a port, and
//! the port's registers say how many there are and what room is left.
//!
//! From `cxlflash_lun_provision` (main.c) and `sisl_ioasa` (sislite.h):
//! CDB byte 1 says what to do, byte 2 which port, bytes 8 to 15 the size in
//! 4 KiB blocks; the unit to delete is in the IOARCB, the one that was made
//! is named in the IOASA.

use super::SisliteAfu;
use super::codes::*;
use super::command::Command;
use super::config::{AfuConfig, PROVISION_BLOCK};
use super::ioarcb::{Endian, Ioasa};
use super::regs::fc;
use crate::flash::{LunConfig, sense};
use crate::port::AfuPort;

/// Why a command was refused: `afu_extra` beside [`AFU_RC_REFUSED`].
/// `Unspecified:` these numbers; the driver only prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// CDB byte 1, or the subcommand, is unknown.
    What = 1,
    /// There is no such port.
    Port = 2,
    /// A size of zero, or not of whole blocks.
    Size = 3,
    /// The port has as many units as it can.
    Units = 4,
    /// The port has less room than that.
    Space = 5,
    /// There is no such unit on that port.
    NoUnit = 6,
    /// The internal units are in use.
    NotNow = 7,
    /// The data do not fit the AFU's buffer.
    Length = 8,
}

impl Refused {
    pub(super) fn status(self) -> Ioasa {
        Ioasa::afu(AFU_RC_REFUSED, self as u8)
    }
}

/// What a D0 asks for.
struct Wish {
    port: u8,
    /// 4 KiB blocks of the unit to make, or the LUN of the one to delete.
    what: Result<u64, u64>,
}

impl Wish {
    fn of(cmd: &Command, config: &AfuConfig) -> Result<Wish, Refused> {
        let cdb = &cmd.rcb.cdb;
        let what = match cdb[1] {
            LUN_PROVISION_CREATE => Ok(Endian::Big.get(&cdb[8..16])),
            LUN_PROVISION_DELETE => Err(cmd.rcb.lun_id),
            _ => return Err(Refused::What),
        };
        let port = cdb[2];
        if usize::from(port) >= config.ports.len() {
            return Err(Refused::Port);
        }
        Ok(Wish { port, what })
    }
}

/// SAM LUN of a number, as the driver writes it (`lun_to_lunid`).
fn lun_id(number: u16) -> u64 {
    u64::from(number) << 48
}

impl SisliteAfu {
    /// Performs an admitted D0.
    pub(super) fn provision(&mut self, cmd: &Command, bus: &mut dyn AfuPort<'_>) -> Ioasa {
        let done = Wish::of(cmd, &self.config).and_then(|wish| {
            if self.target.is_internal() {
                return Err(Refused::NotNow);
            }
            match wish.what {
                Ok(blocks) => self.create_unit(wish.port, blocks, cmd.endian, bus),
                Err(lun) => self.delete_unit(wish.port, lun, bus),
            }
        });
        done.unwrap_or_else(Refused::status)
    }

    fn create_unit(
        &mut self,
        port: u8,
        blocks: u64,
        endian: Endian,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<Ioasa, Refused> {
        let (used, held) = self.space_used(port);
        let (room, most) = self.space(port);
        let size = blocks.checked_mul(PROVISION_BLOCK).filter(|size| *size > 0).ok_or(Refused::Size)?;
        if held >= most {
            return Err(Refused::Units);
        }
        if blocks > room.saturating_sub(used) {
            return Err(Refused::Space);
        }
        let taken = |n: &u16| self.target.find(port, lun_id(*n)).is_some();
        let number = (0..=u16::MAX >> 2).find(|n| !taken(n)).ok_or(Refused::Units)?;
        self.provisioned = self.provisioned.wrapping_add(1);
        let new = LunConfig::new(number, size);
        // A unit is a part of the module that the other units are on.
        let profile = self.config.luns.first().map_or_else(|| new.profile.clone(), |l| l.profile.clone());
        let wwid = self.config.provisioned_name(self.provisioned);
        let config = LunConfig { lun: number, ports: 1 << port, wwid, profile, ..new };
        self.target.add(config);
        self.units_changed(port, number, blocks, bus);
        let id = lun_id(number);
        let mut sa = Ioasa { resid: (id >> 32) as u32, ..Ioasa::default() };
        sa.sense[..4].copy_from_slice(&endian.bytes32(id as u32));
        sa.sense[4..].copy_from_slice(&wwid);
        Ok(sa)
    }

    fn delete_unit(&mut self, port: u8, lun: u64, bus: &mut dyn AfuPort<'_>) -> Result<Ioasa, Refused> {
        let unit = self.target.find(port, lun).ok_or(Refused::NoUnit)?;
        self.end_where(Ioasa::check(sense::NO_LUN), bus, |c| c.unit == Some(unit as u32));
        self.target.remove(unit, port);
        self.shadow.forget(unit as u32, 0, u64::MAX);
        self.units_changed(port, (lun >> 48) as u16, 0, bus);
        Ok(Ioasa::default())
    }

    /// After a unit was made or (with 0 blocks) deleted: the registers tell,
    /// and the other units of the port tell their users (SPC-4 5.14).
    fn units_changed(&mut self, port: u8, number: u16, blocks: u64, bus: &mut dyn AfuPort<'_>) {
        self.tell_space();
        for lun in self.target.luns_mut().iter_mut().filter(|l| l.on_port(port) && l.config.lun != number) {
            lun.attention[usize::from(port & 3)] = Some(sense::LUNS_CHANGED);
        }
        let fields = [("port", port.into()), ("lun", number.into()), ("blocks", blocks)];
        bus.cx().note("lun-provisioned", &fields);
    }

    /// 4 KiB blocks in use on a port, and its units.
    fn space_used(&self, port: u8) -> (u64, u64) {
        let here = self.target.luns().iter().filter(|l| l.on_port(port));
        here.fold((0, 0), |(blocks, units), l| (blocks + l.config.size.div_ceil(PROVISION_BLOCK), units + 1))
    }

    /// 4 KiB blocks of a port, and the most units it can have: what the
    /// scenario put there always fits.
    fn space(&self, port: u8) -> (u64, u64) {
        let limits = self.config.provision;
        let here = self.config.luns.iter().filter(|l| l.ports >> port & 1 != 0);
        let blocks: u64 = here.clone().map(|l| l.size.div_ceil(PROVISION_BLOCK)).sum();
        (limits.blocks.max(blocks), limits.units.max(here.count() as u64))
    }

    /// Puts the space of each port into its registers. `Unspecified:` what
    /// "current" counts; here what is in use, as in the number of units.
    pub(super) fn tell_space(&mut self) {
        if !self.config.can(super::config::INTVER_CAP_LUN_PROVISION) {
            return;
        }
        for port in 0..self.ports.len() as u8 {
            let ((used, held), (room, most)) = (self.space_used(port), self.space(port));
            let Some(p) = self.ports.get_mut(usize::from(port)) else { continue };
            for (register, value) in [
                (fc::FC_MAX_NUM_LUNS, most),
                (fc::FC_CUR_NUM_LUNS, held),
                (fc::FC_MAX_CAP_PORT, room),
                (fc::FC_CUR_CAP_PORT, used),
            ] {
                p.set(register, value);
            }
        }
    }
}
