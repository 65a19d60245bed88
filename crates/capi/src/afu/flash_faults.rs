//! Where a scenario's faults enter the target and its drives. Asked once for
//! each SCSI command that reaches a unit, at the point `scsi`, with the
//! command's name as kind; `docs/events.md` lists the fields.

use super::SisliteAfu;
use super::codes::{
    FC_RC_RESID, FC_RC_RESIDERR, RC_FLAGS_OVERRUN, RC_FLAGS_SENSE_VALID, RC_FLAGS_UNDERRUN, SCSI_RC_CHECK,
};
use super::command::Command;
use super::engine::Stop;
use super::ioarcb::Ioasa;
use crate::flash::{Lun, Sense, StoreError, sense};
use crate::port::AfuPort;
use fabric::{Effect, Mishap, NotDone, Ticks};
use serde::{Deserialize, Serialize};

/// What is done to a command's data, or said of it; the numbers are those of
/// `value` in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataFault {
    /// 1: good status, and nothing was written.
    Lost,
    /// 2: the first half of the blocks was written; of one block, its first
    /// eighth.
    Torn,
    /// 3: written to the blocks that follow, or before the last to those before.
    Misdirected,
    /// 4: what the medium has under the write cache is read, zeros without that.
    Stale,
    /// 5: one bit in the middle is wrong.
    Flipped,
    /// 6: one block less was moved than asked for, the status says.
    Short,
    /// 7: one block more, the status says.
    Long,
    /// 8: the residual disagrees with the flags.
    Mismatch,
}

/// Longer than any run, in nanoseconds.
const FOR_EVER: u64 = 1 << 60;

/// By number, from 1.
const DATA_FAULTS: [DataFault; 8] = [
    DataFault::Lost,
    DataFault::Torn,
    DataFault::Misdirected,
    DataFault::Stale,
    DataFault::Flipped,
    DataFault::Short,
    DataFault::Long,
    DataFault::Mismatch,
];

impl SisliteAfu {
    /// A command has reached its unit: whether it is refused there, late, or
    /// spoiled. `Fail` is status, sense key, code and qualifier, a byte each.
    pub(super) fn at_unit(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let Some(lun) = cmd.unit.and_then(|u| self.target.unit(u as usize)).map(|l| l.config.lun) else {
            return Ok(());
        };
        let (lba, blocks) = cmd.extent;
        let fields = [
            ("lun", lun.into()),
            ("lba", lba),
            ("blocks", blocks),
            ("opcode", cmd.rcb.cdb[0].into()),
            ("port", cmd.port.into()),
            ("pe", cmd.pe.into()),
            ("ctx", cmd.subject().into()),
        ];
        match bus.cx().fault("scsi", cmd.kind(), &fields) {
            None => {}
            Some(Effect::Hold(by)) => cmd.hold = cmd.hold.saturating_add(by.0),
            // The unit never answers; the AFU's own timeout still runs.
            Some(Effect::Drop) => cmd.hold = FOR_EVER,
            Some(Effect::Fail(code)) => return Err(Stop::End(refusal(code as u32, lba))),
            Some(Effect::Value(n)) => cmd.data_fault = DATA_FAULTS.get((n as usize).wrapping_sub(1)).copied(),
        }
        Ok(())
    }

    /// What the status says of the data, if it is to lie.
    pub(super) fn lie_of_data(&mut self, cmd: &mut Command) {
        let block = cmd.unit.and_then(|u| self.target.block(u as usize)).unwrap_or(0) as u32;
        match cmd.data_fault {
            Some(DataFault::Short) => {
                cmd.limit = cmd.limit.saturating_sub(block.into());
                (cmd.sa.flags, cmd.sa.fc_rc, cmd.sa.resid) = (RC_FLAGS_UNDERRUN, FC_RC_RESID, block);
            }
            Some(DataFault::Long) => {
                (cmd.sa.flags, cmd.sa.fc_rc, cmd.sa.resid) = (RC_FLAGS_OVERRUN, FC_RC_RESID, block);
            }
            Some(DataFault::Mismatch) => (cmd.sa.fc_rc, cmd.sa.resid) = (FC_RC_RESIDERR, block),
            Some(DataFault::Flipped) => cmd.spoiled = Some(cmd.limit / 2),
            _ => {}
        }
    }

    /// Something goes wrong in the flash by itself: `power-loss`, or to unit
    /// `lun` `capacity`, `bad-block`, `worn-out`, `stuck`, `lun-gone`,
    /// `lun-back`, `wwid`. `docs/events.md` has the fields.
    pub fn flash_mishap(&mut self, what: &Mishap<'_>, bus: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        let now = bus.cx().now;
        if what.name == "power-loss" {
            return self.power_loss(bus);
        }
        let number = what.get("lun").unwrap_or(0);
        let units = self.target.luns_mut();
        let at = units.iter().position(|l| u64::from(l.config.lun) == number);
        let at = at.ok_or(NotDone::Field { field: "lun", must: "the number of a unit" })?;
        let lun = &mut units[at];
        let failed = |_: StoreError| NotDone::NotNow("the store of the unit failed");
        match what.name {
            "capacity" => {
                let must = NotDone::Field { field: "value", must: "the new size in bytes" };
                lun.resize(what.get("value").ok_or(must)?).map_err(failed)?;
            }
            "bad-block" => {
                let lba = what.get("lba").unwrap_or(0);
                (lba..lba + what.get("value").unwrap_or(1).min(64)).for_each(|b| lun.drive.spoil(b));
            }
            "worn-out" => lun.config.write_protected = true,
            "stuck" => {
                lun.drive.stick(Ticks(now.0.saturating_add(what.get("span").unwrap_or(1_000_000_000))))
            }
            "lun-gone" | "lun-back" => {
                let ports = what.get("port").map_or(0xF, |p| 1u8 << (p & 3));
                lun.config.ports = match what.name {
                    "lun-gone" => lun.config.ports & !ports,
                    _ => lun.config.ports | ports,
                };
                units.iter_mut().for_each(|l| l.attend(sense::LUNS_CHANGED));
            }
            "wwid" => {
                let other = what.get("value").unwrap_or(0);
                let from = units.iter().find(|l| u64::from(l.config.lun) == other).map(|l| l.config.wwid);
                let must =
                    NotDone::Field { field: "value", must: "the number of the unit whose name it takes" };
                units[at].config.wwid = from.ok_or(must)?;
                units[at].attend(sense::INQUIRY_CHANGED);
            }
            other => return Err(NotDone::Unknown(other.to_owned())),
        }
        bus.cx().note_text("flash-mishap", ("what", what.name), &[("lun", number)]);
        Ok(())
    }

    /// The drives lose their power and get it back: commands there end with
    /// the link, unwritten blocks of volatile caches may be lost.
    fn power_loss(&mut self, bus: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        for port in 0..self.ports.len() as u8 {
            self.cable(port, false, bus);
        }
        let now = bus.cx().now;
        for n in 0..self.target.luns().len() {
            let lun = &mut self.target.luns_mut()[n];
            let number = lun.config.lun;
            let lost = lun.power_loss(now).map_err(|_| NotDone::NotNow("the store of a unit failed"))?;
            let fields = [("lun", number.into()), ("lost", lost)];
            bus.cx().note_text("flash-mishap", ("what", "power-loss"), &fields);
        }
        for port in 0..self.ports.len() as u8 {
            self.cable(port, true, bus);
        }
        Ok(())
    }
}

/// Writes a piece of a command's data to the unit, at byte `at`, as the
/// command's fault has it.
pub(super) fn store_piece(
    lun: &mut Lun,
    cmd: &Command,
    now: Ticks,
    at: u64,
    piece: &[u8],
    through: bool,
) -> Result<Ticks, Sense> {
    let (block, total) = (lun.block(), cmd.limit);
    match cmd.data_fault {
        Some(DataFault::Lost) => Ok(lun.accept_time(now)),
        Some(DataFault::Torn) => {
            let kept = if total > block { total / block / 2 * block } else { block / 8 };
            let n = kept.saturating_sub(cmd.moved).min(piece.len() as u64) as usize;
            let mut mixed = vec![0; n.next_multiple_of(block as usize)];
            if mixed.is_empty() {
                return Ok(lun.accept_time(now));
            }
            lun.read(at, &mut mixed, false)?;
            mixed[..n].copy_from_slice(&piece[..n]);
            lun.write(now, at, &mixed, through)
        }
        Some(DataFault::Misdirected) => {
            let end = at - cmd.moved + 2 * total;
            let fits = end <= lun.config.blocks() * block;
            lun.write(now, if fits { at + total } else { at.saturating_sub(total) }, piece, through)
        }
        _ => lun.write(now, at, piece, through),
    }
}

/// Status, sense key, code and qualifier as an IOASA. Without a key there are
/// no sense data; without a status there are sense data alone.
fn refusal(code: u32, lba: u64) -> Ioasa {
    let [status, key, asc, ascq] = code.to_be_bytes();
    let sense = Sense { key, asc, ascq, ..sense::NO_SENSE };
    let sense = if matches!(key, 1 | 3) { sense.at(lba) } else { sense };
    let sa = Ioasa { scsi_rc: status, ..Ioasa::default() };
    match (status, key) {
        (SCSI_RC_CHECK, 1..) => Ioasa::check(sense),
        (_, 0) => sa,
        _ => Ioasa { flags: RC_FLAGS_SENSE_VALID, sense: sense.bytes(), ..sa },
    }
}
