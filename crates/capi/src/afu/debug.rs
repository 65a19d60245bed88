//! Debug: AFU command E0. Its 12 bytes of subcommand are the AFU's own
//! matter, the driver passes them through (`cxlflash_afu_debug`, main.c).
//!
//! `Unspecified:` every subcommand; no program that used them is known. Ours
//! are those of [`SUBCOMMANDS`]. Numbers in replies are big-endian.

use super::SisliteAfu;
use super::command::Area;
use super::command::Command;
use super::engine::Stop;
use super::ioarcb::Endian;
use super::provision::Refused;
use super::regs::global;
use crate::flash::Plan;
use crate::port::{AfuPort, DmaError};

/// Bytes of the AFU's debug buffer, and the most that one command moves
/// (`HT_CXLFLASH_AFU_DEBUG_MAX_DATA_LEN`).
pub const BUFFER: usize = 256 << 10;

/// A subcommand.
pub struct Subcommand {
    /// Byte 4 of the CDB.
    pub code: u8,
    /// What it does.
    pub doc: &'static str,
}

/// All of them.
pub const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { code: NOTHING, doc: "nothing: shows that the AFU answers" },
    Subcommand {
        code: IDENTIFY,
        doc: "reads 32 bytes: afu_version (8), interface_version (8), number of ports (8), number of units (8)",
    },
    Subcommand {
        code: HEALTH,
        doc: "reads 24 bytes for each unit: mask of its ports (2), LUN (2), degrees Celsius (2), percentage used (2), WWID (16)",
    },
    Subcommand {
        code: ENVIRONMENT,
        doc: "sets what a unit says of itself, until power off: CDB byte 5 degrees Celsius, byte 6 percentage used, byte 7 which of \
              them (1, 2), bytes 8 to 11 the unit's place in what 0x02 reads",
    },
    Subcommand {
        code: BUFFER_AT,
        doc: "reads or writes the debug buffer of 256 KiB from the offset in CDB bytes 8 to 11; an AFU reset clears it",
    },
];
const NOTHING: u8 = 0x00;
const IDENTIFY: u8 = 0x01;
const HEALTH: u8 = 0x02;
const ENVIRONMENT: u8 = 0x03;
const BUFFER_AT: u8 = 0x10;
/// CDB byte 7 of [`ENVIRONMENT`].
const SET_TEMPERATURE: u8 = 1;
const SET_USED: u8 = 2;

impl SisliteAfu {
    /// Checks an E0 and says what data have to move.
    pub(super) fn check_debug(&mut self, cmd: &mut Command) -> Result<(), Stop> {
        let plan = match cmd.rcb.cdb[4] {
            ENVIRONMENT => self.set_environment(cmd),
            _ => self.debug_plan(cmd),
        };
        let plan = plan.map_err(|r| Stop::End(r.status()))?;
        self.fit(cmd, plan)?;
        cmd.sa.port = 0;
        Ok(())
    }

    fn debug_plan(&self, cmd: &Command) -> Result<Plan, Refused> {
        let (cdb, len) = (&cmd.rcb.cdb, cmd.rcb.data_len as usize);
        if len > BUFFER {
            return Err(Refused::Length);
        }
        match cdb[4] {
            NOTHING => Ok(Plan::Done),
            IDENTIFY => Ok(Plan::Reply(self.identify())),
            HEALTH => Ok(Plan::Reply(self.health())),
            BUFFER_AT => {
                let offset = Endian::Big.get(&cdb[8..12]) as usize;
                if offset.checked_add(len).is_none_or(|end| end > BUFFER) {
                    return Err(Refused::Length);
                }
                if cmd.rcb.host_write() {
                    return Ok(Plan::Write { offset: offset as u64, len: len as u64 });
                }
                let mut bytes: Vec<u8> = self.debug.iter().copied().skip(offset).take(len).collect();
                bytes.resize(len, 0);
                Ok(Plan::Reply(bytes))
            }
            _ => Err(Refused::What),
        }
    }

    /// Temperature and wear of a unit, as `worn` and the profile give them at power on.
    fn set_environment(&mut self, cmd: &Command) -> Result<Plan, Refused> {
        let cdb = &cmd.rcb.cdb;
        let (degrees, used, which) = (cdb[5], cdb[6], cdb[7]);
        let place = Endian::Big.get(&cdb[8..12]) as usize;
        let unit = self.target.luns_mut().iter_mut().filter(|l| l.config.ports != 0).nth(place);
        let Some(lun) = unit.filter(|_| which != 0 && which & !(SET_TEMPERATURE | SET_USED) == 0) else {
            return Err(Refused::What);
        };
        if which & SET_TEMPERATURE != 0 {
            lun.config.profile.temperature = degrees;
        }
        if which & SET_USED != 0 {
            lun.drive.age_to(&lun.config.profile, used.into());
        }
        Ok(Plan::Done)
    }

    fn identify(&self) -> Vec<u8> {
        let register = |at| self.global.get(global::TABLE, at);
        let units = self.target.luns().iter().filter(|l| l.config.ports != 0).count() as u64;
        [register(global::AFU_VERSION), register(global::INTERFACE_VERSION), self.ports.len() as u64, units]
            .iter()
            .flat_map(|v| v.to_be_bytes())
            .collect()
    }

    fn health(&self) -> Vec<u8> {
        let mut out = vec![];
        for lun in self.target.luns().iter().filter(|l| l.config.ports != 0) {
            let ports = u16::from(lun.config.ports) & ((1 << self.ports.len()) - 1);
            let state = [ports, lun.config.lun, lun.temperature().into(), lun.percentage_used().into()];
            out.extend(state.iter().flat_map(|v| v.to_be_bytes()));
            out.extend(lun.config.wwid);
        }
        out.truncate(BUFFER);
        out
    }

    /// Takes the data of an E0 into the debug buffer.
    pub(super) fn take_debug(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let Plan::Write { offset, .. } = cmd.plan else { return Ok(()) };
        let data_error = |e| Stop::Dma(cmd.pe, e, Area::Data);
        if std::mem::take(&mut cmd.address_error) {
            return Err(data_error(DmaError::BadAddress));
        }
        while cmd.moved < cmd.limit {
            let from = (offset + cmd.moved) as usize;
            let to = (from + cmd.piece()).min(BUFFER);
            if self.debug.len() < to {
                self.debug.resize(to, 0);
            }
            let Some(place) = self.debug.get_mut(from..to).filter(|p| !p.is_empty()) else { break };
            bus.dma_read(cmd.pe, cmd.rcb.data_ea.wrapping_add(cmd.moved), place).map_err(data_error)?;
            cmd.moved += (to - from) as u64;
        }
        Ok(())
    }
}
