//! One logical unit: identity, geometry, pending unit attentions, blocks.

use super::cache::Image;
use super::drive::Drive;
use super::profile::Profile;
use super::reservation::Reservations;
use super::sense::{self, Sense};
use super::store::{Backing, LunStore, MemStore, StoreError};
use fabric::{Rng, Ticks};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Description of a logical unit, as a scenario writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LunConfig {
    /// LUN number on every port in `ports`.
    pub lun: u16,
    /// Size in bytes; a multiple of the block size.
    pub size: u64,
    /// Logical block size: 512 or 4096.
    #[serde(default = "four_kib")]
    pub block_size: u32,
    /// World wide name: NAA type 6, 16 bytes (SPC-4 7.8.6.6.5).
    pub wwid: [u8; 16],
    /// Mask of the ports on which the unit is seen.
    #[serde(default = "every_port")]
    pub ports: u8,
    /// Bytes of memory the unit may use for data that is not zero.
    #[serde(default = "two_gib")]
    pub memory_limit: u64,
    /// UNMAP and WRITE SAME with UNMAP are supported.
    #[serde(default = "yes")]
    pub unmap: bool,
    /// The unit refuses writes.
    #[serde(default)]
    pub write_protected: bool,
    /// What the drive is like.
    #[serde(default)]
    pub profile: Profile,
    /// Percentage of the drive's rated life that is over at power on.
    #[serde(default)]
    pub worn: u32,
}

fn four_kib() -> u32 {
    4096
}
fn every_port() -> u8 {
    0xF
}
fn two_gib() -> u64 {
    2 << 30
}
fn yes() -> bool {
    true
}

impl LunConfig {
    /// A unit of `size` bytes in 4 KiB blocks, with a name made from `number`.
    pub fn new(number: u16, size: u64) -> LunConfig {
        // IEEE company id 0x005076 (IBM), as a FlashSystem would show it.
        let mut wwid = [0x60, 0x05, 0x07, 0x68, 0x01, 0x82, 0x86, 0x3C, 0x08, 0, 0, 0, 0, 0, 0, 0];
        wwid[14..].copy_from_slice(&(number + 1).to_be_bytes());
        LunConfig {
            lun: number,
            size,
            block_size: four_kib(),
            wwid,
            ports: every_port(),
            memory_limit: two_gib(),
            unmap: true,
            write_protected: false,
            profile: Profile::default(),
            worn: 0,
        }
    }
    /// Number of blocks; at least one, so that a last LBA exists.
    pub fn blocks(&self) -> u64 {
        (self.size / u64::from(self.block_size.max(512))).max(1)
    }
}

/// Bytes looked at in one go.
const PIECE: u64 = 1 << 16;

/// A logical unit.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lun {
    /// What it is.
    pub config: LunConfig,
    /// Where its blocks are.
    pub backing: Backing,
    /// Pending unit attention of each port's initiator (SAM-5 5.14).
    pub attention: [Option<Sense>; 4],
    /// Who may use it.
    pub reservations: Reservations,
    /// START STOP UNIT stopped it.
    pub stopped: bool,
    /// WRITE CACHE ENABLE of the caching mode page.
    write_cache: bool,
    /// The drive: times, cache, ageing.
    pub drive: Drive,
}

impl Lun {
    /// A unit with its blocks in memory, all zero. What its drive draws comes
    /// from a stream of `seed` with the unit's name.
    pub fn new(config: LunConfig, seed: u64) -> Lun {
        let backing = Backing::Memory(MemStore::new(config.memory_limit));
        let name: String = config.wwid.iter().map(|b| format!("{b:02x}")).collect();
        let rng = Rng::named(seed, &format!("flash.{name}"));
        let block = u64::from(config.block_size.max(512));
        Lun {
            drive: Drive::new(&config.profile, config.size, block, config.worn, rng),
            write_cache: config.profile.cache.volatile,
            config,
            backing,
            attention: [None; 4],
            reservations: Reservations::default(),
            stopped: false,
        }
    }
    /// True while writes are acknowledged before they are permanent.
    pub fn write_cache(&self) -> bool {
        self.write_cache
    }
    /// True if its write cache loses what it holds with the power.
    pub fn has_volatile_cache(&self) -> bool {
        self.config.profile.cache.volatile
    }
    /// Switches the write cache; off, it is emptied first.
    pub fn set_write_cache(&mut self, on: bool, now: Ticks) -> Result<(), Sense> {
        self.flush(now)?;
        self.write_cache = on;
        Ok(())
    }
    /// It refuses writes.
    pub fn is_write_protected(&self) -> bool {
        self.config.write_protected || self.drive.is_worn_out(&self.config.profile)
    }
    /// Degrees Celsius.
    pub fn temperature(&self) -> u8 {
        self.config.profile.temperature
    }
    /// PERCENTAGE USED ENDURANCE INDICATOR (SBC-3 6.4.6.2).
    pub fn percentage_used(&self) -> u8 {
        self.drive.used(&self.config.profile).min(255) as u8
    }
    /// Why it cannot be read or written at `now`.
    pub fn ready(&self, now: Ticks) -> Result<(), Sense> {
        match () {
            () if !self.backing.is_ready() => Err(sense::NOT_READY),
            () if !self.drive.is_ready(now) => Err(sense::BECOMING_READY),
            () if self.stopped => Err(sense::STOPPED),
            () => Ok(()),
        }
    }
    /// Logical block size in bytes.
    pub fn block(&self) -> u64 {
        u64::from(self.config.block_size.max(512))
    }
    /// True if the unit is seen on `port`.
    pub fn on_port(&self, port: u8) -> bool {
        self.config.ports >> port & 1 != 0
    }
    /// Gives every initiator a unit attention.
    pub fn attend(&mut self, sense: Sense) {
        self.attention = [Some(sense); 4];
    }
    /// A reset of the unit, of which every initiator hears as `sense`.
    pub fn reset(&mut self, sense: Sense) {
        self.reservations.reset();
        self.stopped = false;
        self.attend(sense);
    }
    /// Gives every initiator but the one on `port` a unit attention.
    pub fn attend_others(&mut self, port: u8, sense: Sense) {
        for (n, place) in self.attention.iter_mut().enumerate() {
            if n != usize::from(port) {
                *place = Some(sense);
            }
        }
    }
    /// Checks an extent against the capacity.
    pub fn check(&self, lba: u64, blocks: u64) -> Result<(), Sense> {
        match lba.checked_add(blocks) {
            Some(end) if end <= self.config.blocks() && lba < self.config.blocks() => Ok(()),
            _ => Err(sense::LBA_RANGE),
        }
    }
    fn blocks_of(&self, offset: u64, len: usize) -> Range<u64> {
        offset / self.block()..(offset + len as u64).div_ceil(self.block())
    }
    /// When a read that begins `now` has its data; `medium`: not from the cache.
    pub fn read_time(&mut self, now: Ticks, offset: u64, len: u64, medium: bool) -> Ticks {
        self.drive.read(&self.config.profile, now, offset, len, medium)
    }
    /// Reads blocks; `lba` and the length were checked. `stale`: what the
    /// medium has where the cache has something newer, elsewhere zeros.
    pub fn read(&mut self, offset: u64, out: &mut [u8], stale: bool) -> Result<(), Sense> {
        let (blocks, size) = (self.blocks_of(offset, out.len()), self.block() as usize);
        if let Some(bad) = self.drive.bad_block(&self.config.profile, blocks.clone()) {
            return Err(sense::READ_ERROR.at(bad));
        }
        if stale {
            for (block, place) in blocks.zip(out.chunks_mut(size)) {
                let image = self.drive.cache.on_medium(block).map_or(vec![0; size], |i| i.bytes(size));
                place.copy_from_slice(&image[..place.len()]);
            }
            return Ok(());
        }
        self.backing.read(offset, out).map_err(|_| sense::READ_ERROR.at(blocks.start))
    }
    /// Writes blocks; `lba` and the length were checked. The time is when that
    /// may be acknowledged; `through`: not before it is permanent.
    pub fn write(&mut self, now: Ticks, offset: u64, data: &[u8], through: bool) -> Result<Ticks, Sense> {
        let (blocks, size) = (self.blocks_of(offset, data.len()), self.block());
        let (drive, backing, profile) = (&mut self.drive, &mut self.backing, &self.config.profile);
        let mut old = vec![0; size as usize];
        let mut failed = None;
        let mut before = |block: u64| {
            let read = backing.read(block * size, &mut old);
            failed = failed.or(read.err().map(|e| (e, block)));
            Image::of(&old)
        };
        drive.write(profile, now, blocks.clone(), &mut before);
        if let Some((e, block)) = failed {
            drive.cache.forget(blocks);
            return Err(write_sense(e, block));
        }
        backing.write(offset, data).map_err(|e| write_sense(e, blocks.start))?;
        Ok(drive.written(profile, now, blocks, through || !self.write_cache && profile.cache.volatile))
    }
    /// Reads blocks to nowhere; they were checked.
    pub fn verify(&mut self, offset: u64, len: u64) -> Result<(), Sense> {
        let mut piece = vec![0; len.min(PIECE) as usize];
        let mut at = 0;
        while at < len {
            let n = (len - at).min(PIECE) as usize;
            self.read(offset + at, &mut piece[..n], false)?;
            at += n as u64;
        }
        Ok(())
    }
    /// Compares blocks with `data`; the first byte that differs goes into the
    /// INFORMATION field, counted from `before` (SBC-3 5.29: from the start of
    /// the host's data).
    pub fn compare(&mut self, offset: u64, before: u64, data: &[u8]) -> Result<(), Sense> {
        let mut kept = vec![0; data.len()];
        self.read(offset, &mut kept, false)?;
        match kept.iter().zip(data).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(at) => Err(sense::MISCOMPARE.at(before + at as u64)),
        }
    }
    /// Unmaps blocks; `lba` and the length were checked. `Unspecified:` whether
    /// a drive may forget an unmap; here it is permanent at once.
    pub fn unmap(&mut self, lba: u64, blocks: u64) -> Result<(), Sense> {
        self.drive.discard(lba..lba + blocks, true);
        self.backing.unmap(lba * self.block(), blocks * self.block()).map_err(|e| write_sense(e, lba))
    }
    /// Writes `block` to each of `blocks` blocks, past the write cache.
    pub fn write_same(&mut self, lba: u64, blocks: u64, block: &[u8]) -> Result<(), Sense> {
        if block.iter().all(|&b| b == 0) {
            return self.unmap(lba, blocks);
        }
        self.drive.discard(lba..lba + blocks, false);
        let size = self.block();
        let many = block.repeat((PIECE / size).max(1) as usize);
        let (mut at, end) = (lba * size, (lba + blocks) * size);
        while at < end {
            let n = (end - at).min(many.len() as u64);
            self.backing.write(at, &many[..n as usize]).map_err(|e| write_sense(e, at / size))?;
            at += n;
        }
        Ok(())
    }
    /// When a command that changes blocks without their data is acknowledged.
    pub fn accept_time(&mut self, now: Ticks) -> Ticks {
        self.drive.accept(&self.config.profile, now)
    }
    /// Makes the store permanent: what was written survives a crash of the
    /// program that embeds the model.
    pub fn sync(&mut self) -> Result<(), Sense> {
        self.backing.flush().map_err(|_| sense::WRITE_ERROR)
    }
    /// Makes everything written permanent; when the drive has done so.
    pub fn flush(&mut self, now: Ticks) -> Result<Ticks, Sense> {
        self.sync()?;
        Ok(self.drive.flush(&self.config.profile, now))
    }
    /// The power fails and comes back at once. The number of blocks that
    /// lost what was written to them.
    pub fn power_loss(&mut self, now: Ticks) -> Result<u64, StoreError> {
        let back = self.drive.power_loss(&self.config.profile, now);
        let size = self.block();
        for (block, image) in &back {
            self.backing.write(block * size, &image.bytes(size as usize))?;
        }
        self.reservations = Reservations::default();
        self.write_cache = self.has_volatile_cache();
        self.reset(sense::POWER_ON);
        Ok(back.len() as u64)
    }
    /// It has another size from now on, at least one block.
    pub fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        let size = size / self.block() * self.block();
        let size = size.max(self.block());
        self.backing.resize(size)?;
        self.config.size = size;
        self.drive.resize(size);
        self.attend(sense::CAPACITY_CHANGED);
        Ok(())
    }
}

fn write_sense(e: StoreError, lba: u64) -> Sense {
    match e {
        StoreError::Full => sense::SPACE_ALLOCATION.at(lba),
        StoreError::Failed => sense::WRITE_ERROR.at(lba),
    }
}
