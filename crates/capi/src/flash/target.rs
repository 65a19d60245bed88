//! The SCSI target behind the ports: finds the unit, checks the command,
//! and says what data has to move. It moves no data itself: the AFU engine
//! does, piece by piece, because each piece may fault.

use super::commands::{self, Does};
use super::internal::{Geometry, Internal};
use super::lun::{Lun, LunConfig};
use super::pages::{self, Identity, MAX_TRANSFER, MAX_UNMAP_DESCRIPTORS, MAX_WRITE_SAME};
use super::reservation::{INITIATORS, OUT_LEN};
use super::sense::{self, Refusal, Sense};
use fabric::Ticks;
use serde::{Deserialize, Serialize};

/// What is left to do for a command that passed its checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// Nothing: good status.
    Done,
    /// Send these bytes.
    Reply(Vec<u8>),
    /// Send `len` bytes from `offset` of the unit.
    Read {
        /// Byte offset on the unit.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Read `len` bytes at `offset` of the unit and send nothing.
    Verify {
        /// Byte offset on the unit.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Take `len` bytes and compare them with those at `offset` of the unit.
    Compare {
        /// Byte offset on the unit.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Take `len` bytes to `offset` of the unit.
    Write {
        /// Byte offset on the unit.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Take `len` bytes, one block, and write them to each of `blocks` blocks;
    /// with `len` 0 write zeros.
    WriteSame {
        /// First block.
        lba: u64,
        /// Number of blocks.
        blocks: u64,
        /// Bytes of the pattern.
        len: u64,
    },
    /// Take a parameter list of `len` bytes and do what it says.
    List {
        /// What it is.
        list: List,
        /// Bytes.
        len: u64,
    },
    /// Make what is in the write cache permanent.
    Flush {
        /// Good status before it is done.
        immediate: bool,
    },
}

/// A parameter list that a command brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum List {
    /// Of UNMAP.
    Unmap,
    /// Of MODE SELECT.
    ModeSelect,
    /// Of PERSISTENT RESERVE OUT.
    PersistentReserveOut,
}

impl Plan {
    /// Bytes to move, and true if towards the host.
    pub fn transfer(&self) -> (u64, bool) {
        match self {
            Plan::Done | Plan::Verify { .. } | Plan::Flush { .. } => (0, true),
            Plan::Reply(bytes) => (bytes.len() as u64, true),
            Plan::Read { len, .. } => (*len, true),
            Plan::Write { len, .. }
            | Plan::Compare { len, .. }
            | Plan::WriteSame { len, .. }
            | Plan::List { len, .. } => (*len, false),
        }
    }
    /// True if the transfer length must equal the host's buffer exactly.
    pub fn is_exact(&self) -> bool {
        matches!(self, Plan::Read { .. } | Plan::Write { .. } | Plan::Compare { .. })
    }
    /// True if data from the host are used piece by piece, as they come.
    pub fn is_streamed(&self) -> bool {
        matches!(self, Plan::Write { .. } | Plan::Compare { .. })
    }
}

/// A command as the target sees it, after translation by the AFU.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// When it arrives.
    pub now: Ticks,
    /// Port it arrives on: the initiator.
    pub port: u8,
    /// SAM logical unit number as a 64-bit value.
    pub lun_id: u64,
    /// The CDB.
    pub cdb: &'a [u8; 16],
    /// LBA and blocks, which replace those of the CDB.
    pub extent: (u64, u64),
}

/// Index of the first internal unit: those before it come and go.
const INTERNAL: usize = 1 << 16;

/// The target and its units.
#[derive(Debug, Serialize, Deserialize)]
pub struct Target {
    identity: Identity,
    luns: Vec<Lun>,
    /// The AFU's own units, once they were asked for.
    internal: Option<Internal>,
    /// Ports lead to the internal units, not to the others.
    use_internal: bool,
    /// Port names of the initiators, by port.
    initiators: [u64; INITIATORS],
    seed: u64,
}

/// LUN number of a 64-bit LUN (SAM-5 4.7): peripheral or flat addressing,
/// one level.
fn lun_number(lun_id: u64) -> Option<u16> {
    let (first, rest) = ((lun_id >> 48) as u16, lun_id << 16);
    match first >> 14 {
        0 | 1 if rest == 0 => Some(first & 0x3FFF),
        _ => None,
    }
}

impl Target {
    /// A target with these units; memory backed, all zero. `seed` is that of
    /// the drives' streams.
    pub fn new(identity: Identity, luns: &[LunConfig], seed: u64) -> Target {
        let luns = luns.iter().cloned().map(|l| Lun::new(l, seed)).collect();
        Target { identity, luns, internal: None, use_internal: false, initiators: [0; INITIATORS], seed }
    }
    /// Says what the ports that lead here are called.
    pub fn name_initiators(&mut self, names: impl IntoIterator<Item = u64>) {
        self.initiators.iter_mut().zip(names).for_each(|(place, name)| *place = name);
    }
    /// Leads the ports to internal units of this geometry, or away from them.
    pub fn set_internal(&mut self, geometry: Option<Geometry>) {
        self.use_internal = geometry.is_some();
        if let Some(g) = geometry
            && self.internal.as_ref().is_none_or(|i| i.geometry() != g)
        {
            self.internal = Some(Internal::new(g, self.seed));
        }
    }
    /// True while the internal units are in use.
    pub fn is_internal(&self) -> bool {
        self.use_internal
    }
    /// The units that the ports lead to, and the index of the first.
    fn reachable(&self) -> (&[Lun], usize) {
        match &self.internal {
            Some(internal) if self.use_internal => (&internal.luns, INTERNAL),
            _ => (&self.luns, 0),
        }
    }
    /// The units.
    pub fn luns(&self) -> &[Lun] {
        &self.luns
    }
    /// The units, to change them.
    pub fn luns_mut(&mut self) -> &mut [Lun] {
        &mut self.luns
    }
    /// Adds a unit, all zero, in the place of a removed one if there is one.
    pub fn add(&mut self, config: LunConfig) {
        let unit = Lun::new(config, self.seed);
        match self.luns.iter_mut().find(|l| l.config.ports == 0) {
            Some(place) => *place = unit,
            None => self.luns.push(unit),
        }
    }
    /// Takes the unit at an index away from a port. What no port leads to
    /// any more keeps its place and loses its blocks.
    pub fn remove(&mut self, index: usize, port: u8) {
        let Some(lun) = self.luns.get_mut(index) else { return };
        lun.config.ports &= !(1 << (port & 7));
        let (config, gone) = (lun.config.clone(), lun.config.ports == 0);
        if gone {
            *lun = Lun::new(config, self.seed);
        }
    }
    /// Index of the unit that `lun_id` names on `port`.
    pub fn find(&self, port: u8, lun_id: u64) -> Option<usize> {
        let number = lun_number(lun_id)?;
        let (units, first) = self.reachable();
        Some(first + units.iter().position(|l| l.config.lun == number && l.on_port(port))?)
    }
    /// The unit at an index that [`Target::find`] gave.
    pub fn unit(&mut self, index: usize) -> Option<&mut Lun> {
        let internal = self.internal.as_mut().map_or(&mut [][..], |i| &mut i.luns);
        match index.checked_sub(INTERNAL) {
            None => self.luns.get_mut(index),
            Some(at) => internal.get_mut(at),
        }
    }
    /// All units, those of the AFU itself too.
    pub fn units(&self) -> impl Iterator<Item = &Lun> {
        self.luns.iter().chain(self.internal.iter().flat_map(|i| &i.luns))
    }
    /// The same, to be changed.
    pub fn units_mut(&mut self) -> impl Iterator<Item = &mut Lun> {
        self.luns.iter_mut().chain(self.internal.iter_mut().flat_map(|i| &mut i.luns))
    }
    /// Block size of the unit at an index, if there is one.
    pub fn block(&mut self, index: usize) -> Option<u64> {
        self.unit(index).map(|l| l.block())
    }

    /// Checks a command and says what data has to move.
    pub fn plan(&mut self, r: &Request<'_>) -> Result<Plan, Refusal> {
        let row = commands::lookup(r.cdb);
        let Some(index) = self.find(r.port, r.lun_id) else {
            return Ok(self.without_unit(r, row?.does)?);
        };
        let Some(lun) = self.unit(index) else { return Err(sense::NO_LUN.into()) };
        let exempt =
            matches!(row, Ok(c) if matches!(c.does, Does::Inquiry | Does::ReportLuns | Does::RequestSense));
        if !exempt && let Some(pending) = lun.attention[usize::from(r.port & 3)].take() {
            return Err(pending.into());
        }
        let row = row?;
        lun.reservations.admit(r.port, row.does, r.cdb)?;
        commands::reserved_bits(row, r.cdb)?;
        if needs_medium(row.does) {
            lun.ready(r.now)?;
        }
        let does = row.does;
        let mut plan = match does {
            Does::Inquiry => self.inquiry(index, r.cdb)?,
            Does::ReportLuns => self.report_luns(r)?,
            Does::PersistentReserveIn => {
                let names = self.initiators;
                let lun = self.unit(index).ok_or(sense::NO_LUN)?;
                Plan::Reply(lun.reservations.report(r.cdb[1] & 0x1F, &names))
            }
            _ => unit_plan(self.unit(index).ok_or(sense::NO_LUN)?, r, does)?,
        };
        if let (Plan::Reply(bytes), Some(limit)) = (&mut plan, allocation_length(does, r.cdb)) {
            bytes.truncate(limit);
        }
        Ok(plan)
    }

    /// A LUN without a unit answers three commands (SPC-4 6.6.2, 6.33, 6.35).
    fn without_unit(&self, r: &Request<'_>, does: Does) -> Result<Plan, Sense> {
        let mut bytes = match does {
            Does::Inquiry if r.cdb[1] & 1 == 0 => pages::inquiry(&self.identity, false),
            Does::ReportLuns if r.lun_id == 0 => return self.report_luns(r),
            Does::RequestSense => sense::NO_LUN.bytes()[..18].to_vec(),
            _ => return Err(sense::NO_LUN),
        };
        bytes.truncate(allocation_length(does, r.cdb).unwrap_or(bytes.len()));
        Ok(Plan::Reply(bytes))
    }

    fn inquiry(&mut self, index: usize, cdb: &[u8; 16]) -> Result<Plan, Sense> {
        match (cdb[1] & 1, cdb[2]) {
            (0, 0) => Ok(Plan::Reply(pages::inquiry(&self.identity, true))),
            (0, _) => Err(sense::INVALID_FIELD.in_cdb(2, None)),
            (_, page) => pages::vpd(self.unit(index).ok_or(sense::NO_LUN)?, page).map(Plan::Reply),
        }
    }

    fn report_luns(&self, r: &Request<'_>) -> Result<Plan, Sense> {
        let limit = be(r.cdb, 6, 4);
        if r.cdb[2] > 2 {
            return Err(sense::INVALID_FIELD.in_cdb(2, None));
        }
        if limit < 16 {
            return Err(sense::INVALID_FIELD.in_cdb(6, None));
        }
        let mut list = Vec::new();
        for lun in self.reachable().0.iter().filter(|l| l.on_port(r.port) && r.cdb[2] != 1) {
            let number = lun.config.lun;
            let method = if number < 256 { 0 } else { 0x4000 };
            list.extend((method | number).to_be_bytes());
            list.extend([0; 6]);
        }
        let mut d = (list.len() as u32).to_be_bytes().to_vec();
        d.extend([0; 4]);
        d.extend(list);
        d.truncate(limit as usize);
        Ok(Plan::Reply(d))
    }

    /// Performs a plan whose data arrived whole: WRITE SAME and parameter
    /// lists. `data` may be shorter than the plan said if the host's buffer was.
    pub fn finish(&mut self, index: usize, r: &Request<'_>, plan: &Plan, data: &[u8]) -> Result<(), Refusal> {
        let Some(lun) = self.unit(index) else { return Err(sense::NO_LUN.into()) };
        match plan {
            Plan::WriteSame { lba, blocks, len: 0 } => Ok(lun.unmap(*lba, *blocks)?),
            Plan::WriteSame { len, .. } if data.len() as u64 != *len => Err(sense::INVALID_IU.into()),
            Plan::WriteSame { lba, blocks, .. } => Ok(lun.write_same(*lba, *blocks, data)?),
            Plan::List { list: List::Unmap, .. } => Ok(unmap_list(lun, data)?),
            Plan::List { list: List::ModeSelect, .. } => {
                if let Some(on) = pages::mode_select(lun, r.cdb, data)?
                    && on != lun.write_cache()
                {
                    lun.set_write_cache(on, r.now)?;
                    lun.attend_others(r.port, sense::MODE_CHANGED);
                }
                Ok(())
            }
            Plan::List { list: List::PersistentReserveOut, .. } => {
                for (other, what) in lun.reservations.change(r.port, r.cdb, data)? {
                    lun.attention[other & 3] = Some(what);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn be(cdb: &[u8; 16], from: usize, len: usize) -> u64 {
    cdb[from..from + len].iter().fold(0, |v, &b| v << 8 | u64::from(b))
}

/// The ALLOCATION LENGTH of commands that have one.
fn allocation_length(does: Does, cdb: &[u8; 16]) -> Option<usize> {
    let n = match (does, cdb[0]) {
        (Does::Inquiry, _) => be(cdb, 3, 2),
        (Does::RequestSense, _) | (Does::ModeSense, 0x1A) => be(cdb, 4, 1),
        (Does::ModeSense | Does::LogSense | Does::PersistentReserveIn, _) => be(cdb, 7, 2),
        (Does::ReadCapacity, 0x9E) => be(cdb, 10, 4),
        (Does::ReportSupportedOpcodes | Does::ReportLuns, _) => be(cdb, 6, 4),
        _ => return None,
    };
    Some(n as usize)
}

/// Commands that a unit refuses while it is not ready.
fn needs_medium(does: Does) -> bool {
    matches!(
        does,
        Does::TestUnitReady
            | Does::ReadCapacity
            | Does::Read
            | Does::Write
            | Does::Verify
            | Does::SynchronizeCache
            | Does::WriteSame
            | Does::Unmap
    )
}

fn unit_plan(lun: &mut Lun, r: &Request<'_>, does: Does) -> Result<Plan, Sense> {
    let cdb = r.cdb;
    match does {
        Does::TestUnitReady => Ok(Plan::Done),
        Does::StartStopUnit => {
            lun.stopped = cdb[4] & 1 == 0;
            // SBC-3 4.10: what is cached is written before the unit stops.
            Ok(if lun.stopped { Plan::Flush { immediate: cdb[1] & 1 != 0 } } else { Plan::Done })
        }
        Does::RequestSense => request_sense(lun, r),
        Does::ModeSense => pages::mode_sense(lun, cdb).map(Plan::Reply),
        Does::ModeSelect => mode_select(cdb),
        Does::LogSense => pages::log_sense(lun, cdb).map(Plan::Reply),
        Does::ReportSupportedOpcodes => pages::report_opcodes(cdb).map(Plan::Reply),
        Does::ReadCapacity if cdb[0] == 0x25 => Ok(Plan::Reply(pages::capacity10(lun))),
        Does::ReadCapacity => Ok(Plan::Reply(pages::capacity16(lun))),
        Does::Reserve | Does::Release => {
            lun.reservations.reserve(r.port, does);
            Ok(Plan::Done)
        }
        Does::PersistentReserveOut => match be(cdb, 5, 4) {
            OUT_LEN => Ok(Plan::List { list: List::PersistentReserveOut, len: OUT_LEN }),
            _ => Err(sense::PARAMETER_LENGTH),
        },
        Does::SynchronizeCache => {
            lun.check(r.extent.0, r.extent.1)?;
            Ok(Plan::Flush { immediate: cdb[1] & 2 != 0 })
        }
        Does::Read | Does::Write => transfer(lun, r, does == Does::Write),
        Does::Verify => verify(lun, r),
        Does::WriteSame => write_same(lun, r),
        Does::Unmap => unmap(lun, r),
        Does::Inquiry | Does::ReportLuns | Does::PersistentReserveIn => Err(sense::INVALID_OPCODE),
    }
}

fn request_sense(lun: &mut Lun, r: &Request<'_>) -> Result<Plan, Sense> {
    if r.cdb[1] & 1 != 0 {
        return Err(sense::INVALID_FIELD.in_cdb(1, Some(0))); // descriptor format
    }
    let pending = lun.attention[usize::from(r.port & 3)].take();
    let now = pending.or_else(|| lun.ready(r.now).err()).unwrap_or(sense::NO_SENSE);
    Ok(Plan::Reply(now.bytes()[..18].to_vec()))
}

fn mode_select(cdb: &[u8; 16]) -> Result<Plan, Sense> {
    let len = if cdb[0] == 0x15 { be(cdb, 4, 1) } else { be(cdb, 7, 2) };
    match (cdb[1] & 0x10, cdb[1] & 1, len) {
        (0, _, _) => Err(sense::INVALID_FIELD.in_cdb(1, Some(4))), // PF
        (_, 1, _) => Err(sense::INVALID_FIELD.in_cdb(1, Some(0))), // SP
        (_, _, 0) => Ok(Plan::Done),
        _ => Ok(Plan::List { list: List::ModeSelect, len }),
    }
}

/// Byte of the CDB at which the number of blocks begins.
fn length_field(cdb: &[u8; 16]) -> u16 {
    match cdb[0] >> 5 {
        0 => 4,
        1 | 2 => 7,
        5 => 6,
        _ => 10,
    }
}

/// Offset and length in bytes of a checked extent of at most [`MAX_TRANSFER`].
fn span(lun: &Lun, r: &Request<'_>) -> Result<(u64, u64), Sense> {
    let (lba, blocks) = r.extent;
    lun.check(lba, blocks)?;
    if blocks > MAX_TRANSFER / lun.block() {
        return Err(sense::INVALID_FIELD.in_cdb(length_field(r.cdb), None));
    }
    Ok((lba * lun.block(), blocks * lun.block()))
}

fn transfer(lun: &Lun, r: &Request<'_>, write: bool) -> Result<Plan, Sense> {
    let (offset, len) = span(lun, r)?;
    if write && lun.is_write_protected() {
        return Err(sense::WRITE_PROTECTED);
    }
    Ok(if write { Plan::Write { offset, len } } else { Plan::Read { offset, len } })
}

fn verify(lun: &Lun, r: &Request<'_>) -> Result<Plan, Sense> {
    let (offset, len) = span(lun, r)?;
    Ok(match r.cdb[1] & 2 {
        0 => Plan::Verify { offset, len },
        _ => Plan::Compare { offset, len }, // BYTCHK
    })
}

fn write_same(lun: &Lun, r: &Request<'_>) -> Result<Plan, Sense> {
    let (lba, blocks) = r.extent;
    let unmap = r.cdb[1] & 0x08 != 0;
    let no_data = r.cdb[0] == 0x93 && r.cdb[1] & 0x01 != 0; // NDOB
    if unmap && !lun.config.unmap {
        return Err(sense::INVALID_FIELD.in_cdb(1, Some(3)));
    }
    if blocks == 0 || blocks > MAX_WRITE_SAME {
        return Err(sense::INVALID_FIELD.in_cdb(length_field(r.cdb), None));
    }
    lun.check(lba, blocks)?;
    if lun.is_write_protected() {
        return Err(sense::WRITE_PROTECTED);
    }
    Ok(Plan::WriteSame { lba, blocks, len: if no_data { 0 } else { lun.block() } })
}

fn unmap(lun: &Lun, r: &Request<'_>) -> Result<Plan, Sense> {
    if !lun.config.unmap {
        return Err(sense::INVALID_OPCODE);
    }
    if lun.is_write_protected() {
        return Err(sense::WRITE_PROTECTED);
    }
    match be(r.cdb, 7, 2) {
        0 => Ok(Plan::Done),
        1..8 => Err(sense::PARAMETER_LENGTH),
        len => Ok(Plan::List { list: List::Unmap, len }),
    }
}

/// SBC-3 5.28.2; nothing is unmapped if any descriptor is wrong.
fn unmap_list(lun: &mut Lun, data: &[u8]) -> Result<(), Sense> {
    if data.len() < 8 {
        return Err(sense::PARAMETER_LENGTH);
    }
    let named = usize::from(u16::from_be_bytes([data[2], data[3]])) & !15;
    let body = &data[8..];
    let body = &body[..named.min(body.len())];
    if body.len() / 16 > MAX_UNMAP_DESCRIPTORS {
        return Err(sense::INVALID_PARAMETER.in_list(2, None));
    }
    let mut extents = Vec::new();
    for d in body.chunks_exact(16) {
        let lba = d[..8].iter().fold(0, |v, &b| v << 8 | u64::from(b));
        let blocks = d[8..12].iter().fold(0, |v, &b| v << 8 | u64::from(b));
        if blocks != 0 {
            lun.check(lba, blocks)?;
            extents.push((lba, blocks));
        }
    }
    extents.into_iter().try_for_each(|(lba, blocks)| lun.unmap(lba, blocks))
}
