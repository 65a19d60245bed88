//! Loads and stores by effective address: fast path here, the rest in `mmu`.
//!
//! Byte arrays are in address order; the integer forms apply MSR[LE].

use crate::env::Env;
use crate::interrupt::{Trap, dsisr, vector};
use crate::mmu::CACHE_INHIBITED;
use crate::state::Cpu;
use fabric::Access;
use fabric::memory::Store;

/// What a completed store gives the instruction.
pub type Stored = Result<(), Trap>;

macro_rules! integers {
    ($($load:ident $store:ident $t:ty;)*) => {
        $(
        /// Loads an integer in the byte order of MSR[LE].
        #[inline(always)]
        pub fn $load(&mut self, env: &mut Env<'_>, ea: u64) -> Result<$t, Trap> {
            let bytes = self.load_bytes::<{ size_of::<$t>() }>(env, ea)?;
            Ok(if self.little_endian() { <$t>::from_le_bytes(bytes) } else { <$t>::from_be_bytes(bytes) })
        }
        /// Stores an integer in the byte order of MSR[LE].
        #[inline(always)]
        pub fn $store(&mut self, env: &mut Env<'_>, ea: u64, value: $t) -> Stored {
            let bytes = if self.little_endian() { value.to_le_bytes() } else { value.to_be_bytes() };
            self.store_bytes(env, ea, bytes)
        }
        )*
    };
}

impl Cpu {
    integers! {
        load_u8 store_u8 u8;
        load_u16 store_u16 u16;
        load_u32 store_u32 u32;
        load_u64 store_u64 u64;
        load_u128 store_u128 u128;
    }

    /// Loads `N` bytes in address order.
    #[inline(always)]
    pub fn load_bytes<const N: usize>(&mut self, env: &mut Env<'_>, ea: u64) -> Result<[u8; N], Trap> {
        if let Some(ra) = self.micro.read(ea, N as u64)
            && let Some(bytes) = env.mem.read::<N>(ra)
        {
            return Ok(bytes);
        }
        self.load_slow(env, ea)
    }

    /// Stores `N` bytes in address order. If decoded code changed, the run
    /// loop looks before the next instruction and finds the page stale.
    #[inline(always)]
    pub fn store_bytes<const N: usize>(&mut self, env: &mut Env<'_>, ea: u64, bytes: [u8; N]) -> Stored {
        if let Some(ra) = self.micro.write(ea, N as u64) {
            match env.mem.write(ra, bytes) {
                Store::Done => return Ok(()),
                Store::CodeChanged => {
                    self.look_soon();
                    return Ok(());
                }
                Store::Outside => {}
            }
        }
        self.store_slow(env, ea, bytes)
    }

    #[cold]
    #[inline(never)]
    fn load_slow<const N: usize>(&mut self, env: &mut Env<'_>, ea: u64) -> Result<[u8; N], Trap> {
        let mut bytes = [0; N];
        self.each_page(ea, N, |cpu, ea, range| {
            let ra = cpu.translate_data(env, ea, Access::Read)?;
            let part = &mut bytes[range];
            if !env.mem.read_bytes(ra & !CACHE_INHIBITED, part) {
                let epoch = env.mem.code_epoch();
                env.platform.mmio_read(cpu.now(), ra & !CACHE_INHIBITED, part);
                cpu.look_if_code_changed(env, epoch);
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    #[cold]
    #[inline(never)]
    fn store_slow<const N: usize>(&mut self, env: &mut Env<'_>, ea: u64, bytes: [u8; N]) -> Stored {
        // Both pages of a straddling store must be writable before any byte is.
        self.each_page(ea, N, |cpu, ea, _| cpu.translate_data(env, ea, Access::Write).map(|_| ()))?;
        self.each_page(ea, N, |cpu, ea, range| {
            let ra = cpu.translate_data(env, ea, Access::Write)? & !CACHE_INHIBITED;
            match env.mem.write_bytes(ra, &bytes[range.clone()]) {
                Store::Done => {}
                Store::CodeChanged => cpu.look_soon(),
                Store::Outside => {
                    let epoch = env.mem.code_epoch();
                    env.platform.mmio_write(cpu.now(), ra, &bytes[range]);
                    cpu.look_if_code_changed(env, epoch);
                }
            }
            Ok(())
        })
    }

    /// A device may have stored to decoded code because of an access to it.
    fn look_if_code_changed(&mut self, env: &Env<'_>, epoch: u64) {
        if env.mem.code_epoch() != epoch {
            self.look_soon();
        }
    }

    /// Calls `f` for each part of `ea..ea+len` within one 4 KiB page.
    fn each_page(
        &mut self,
        ea: u64,
        len: usize,
        mut f: impl FnMut(&mut Cpu, u64, std::ops::Range<usize>) -> Result<(), Trap>,
    ) -> Result<(), Trap> {
        let first = len.min(0x1000 - (ea as usize & 0xFFF));
        f(self, ea, 0..first)?;
        if first < len { f(self, ea.wrapping_add(first as u64), first..len) } else { Ok(()) }
    }

    /// larx: `N` must divide `ea`, else alignment interrupt; memory only.
    pub fn load_reserve<const N: usize>(&mut self, env: &mut Env<'_>, ea: u64) -> Result<[u8; N], Trap> {
        let ra = self.atomic_address(env, ea, N, Access::Read)?;
        let bytes = env.mem.read::<N>(ra).expect("atomic_address checked the range");
        self.reservation.set(ra, N);
        Ok(bytes)
    }

    /// stcx.: true if stored. Same conditions as [`Self::load_reserve`].
    pub fn store_conditional<const N: usize>(
        &mut self,
        env: &mut Env<'_>,
        ea: u64,
        bytes: [u8; N],
    ) -> Result<bool, Trap> {
        let ra = self.atomic_address(env, ea, N, Access::Write)?;
        let held = self.reservation.take(ra, N);
        if held && env.mem.write(ra, bytes) == Store::CodeChanged {
            self.look_soon();
        }
        Ok(held)
    }

    fn atomic_address(
        &mut self,
        env: &mut Env<'_>,
        ea: u64,
        len: usize,
        access: Access,
    ) -> Result<u64, Trap> {
        if ea & (len as u64 - 1) != 0 {
            self.sprs.dar = ea;
            return Err(self.raise(vector::ALIGNMENT, 0));
        }
        // The views know only what the TLB translates and is all memory.
        let known = match access {
            Access::Write => self.micro.write(ea, len as u64),
            _ => self.micro.read(ea, len as u64),
        };
        if let Some(ra) = known {
            return Ok(ra);
        }
        let ra = self.translate_data(env, ea, access)?;
        if ra & CACHE_INHIBITED != 0 || !env.mem.contains(ra, len as u64) {
            self.sprs.dar = ea;
            self.sprs.dsisr = dsisr::BAD_STORAGE;
            return Err(self.raise(vector::DATA_STORAGE, 0));
        }
        Ok(ra)
    }

    /// Clears the 128-byte block at `ea` (dcbz).
    pub fn zero_block(&mut self, env: &mut Env<'_>, ea: u64) -> Stored {
        let block = ea & !127;
        for i in 0..8 {
            self.store_bytes(env, block + 16 * i, [0u8; 16])?;
        }
        Ok(())
    }
}
