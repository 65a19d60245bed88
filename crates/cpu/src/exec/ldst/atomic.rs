//! Load and reserve, store conditional (Book II 4.6.2), atomic memory
//! operations (Book II 4.5).

use super::integer::{pair, set_pair};
use super::{ea, require_aligned};
use crate::env::Env;
use crate::exec::Step;
use crate::interrupt::{Trap, vector};
use crate::state::Cpu;
use isa::Word;

/// DSISR: no such atomic memory operation.
const DSISR_BAD_AMO: u64 = 4;

/// Integers in the byte order of MSR[LE].
macro_rules! reserving {
    ($($load:ident $store:ident $t:ty, $get:expr, $set:expr;)*) => {$(
        #[doc = stringify!($load)]
        pub fn $load(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let bytes = c.load_reserve(env, ea::x(c, w))?;
            let value = if c.little_endian() { <$t>::from_le_bytes(bytes) } else { <$t>::from_be_bytes(bytes) };
            $set(c, w.rt(), value);
            Ok(())
        }
        #[doc = stringify!($store)]
        pub fn $store(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let value: $t = $get(c, w.rs());
            let bytes = if c.little_endian() { value.to_le_bytes() } else { value.to_be_bytes() };
            let stored = c.store_conditional(env, ea::x(c, w), bytes)?;
            let so = c.so();
            c.set_crf(0, (stored as u32) << 1 | so);
            Ok(())
        }
    )*};
}
reserving! {
    lbarx stbcx u8, |c: &Cpu, r: usize| c.gpr[r] as u8, |c: &mut Cpu, r: usize, v| c.gpr[r] = v as u64;
    lharx sthcx u16, |c: &Cpu, r: usize| c.gpr[r] as u16, |c: &mut Cpu, r: usize, v| c.gpr[r] = v as u64;
    lwarx stwcx u32, |c: &Cpu, r: usize| c.gpr[r] as u32, |c: &mut Cpu, r: usize, v| c.gpr[r] = v as u64;
    ldarx stdcx u64, |c: &Cpu, r: usize| c.gpr[r], |c: &mut Cpu, r: usize, v| c.gpr[r] = v;
    lqarx stqcx u128, |c: &Cpu, r: usize| pair(c, r), |c: &mut Cpu, r: usize, v| set_pair(c, r, v);
}

/// What the arithmetic of an operation sees: `len` bytes, 4 or 8.
struct Operands {
    len: u64,
    memory: u64,
    /// RT+1 of loads, RS of stores.
    operand: u64,
}

impl Operands {
    fn signed(&self, value: u64) -> i64 {
        if self.len == 4 { value as i32 as i64 } else { value as i64 }
    }
    /// New contents of memory by the function codes that loads and stores share.
    fn common(&self, fc: usize) -> Option<u64> {
        let (m, x) = (self.memory, self.operand);
        Some(match fc {
            0 => m.wrapping_add(x),
            1 => m ^ x,
            2 => m | x,
            3 => m & x,
            4 => m.max(x),
            5 => {
                if self.signed(m) > self.signed(x) {
                    m
                } else {
                    x
                }
            }
            6 => m.min(x),
            7 => {
                if self.signed(m) < self.signed(x) {
                    m
                } else {
                    x
                }
            }
            _ => return None,
        })
    }
}

fn load(c: &mut Cpu, env: &mut Env<'_>, ea: u64, len: u64) -> Result<u64, Trap> {
    if len == 4 { c.load_u32(env, ea).map(u64::from) } else { c.load_u64(env, ea) }
}
fn store(c: &mut Cpu, env: &mut Env<'_>, ea: u64, len: u64, value: u64) -> Step {
    if len == 4 { c.store_u32(env, ea, value as u32) } else { c.store_u64(env, ea, value) }
}
fn truncate(value: u64, len: u64) -> u64 {
    if len == 4 { value as u32 as u64 } else { value }
}
fn bad_function(c: &mut Cpu, ea: u64) -> Step {
    c.sprs.dar = ea;
    c.sprs.dsisr = DSISR_BAD_AMO;
    Err(c.raise(vector::DATA_STORAGE, 0))
}

/// lwat, ldat: RT = memory, memory = f(memory, RT+1, RT+2).
fn atomic_load(c: &mut Cpu, env: &mut Env<'_>, w: Word, len: u64) -> Step {
    let (ea, fc) = (c.ra0(w.ra()), w.fc());
    require_aligned(c, ea, len)?;
    let register = |n: usize| truncate(c.gpr[(w.rt() + n) & 31], len);
    let (first, second) = (register(1), register(2));
    let memory = load(c, env, ea, len)?;
    let (result, new) = match fc {
        8 => (memory, first),
        16 => (memory, if memory != first { second } else { memory }),
        24 | 25 | 28 => return conditional_step(c, env, w, len),
        _ => match (Operands { len, memory, operand: first }).common(fc) {
            Some(new) => (memory, new),
            None => return bad_function(c, ea),
        },
    };
    store(c, env, ea, len, new)?;
    c.gpr[w.rt()] = result;
    Ok(())
}

/// Fetch and increment bounded (24) or equal (25), fetch and decrement
/// bounded (28): the neighbour in memory is the bound.
fn conditional_step(c: &mut Cpu, env: &mut Env<'_>, w: Word, len: u64) -> Step {
    let (ea, fc) = (c.ra0(w.ra()), w.fc());
    let neighbour = if fc == 28 { ea.wrapping_sub(len) } else { ea.wrapping_add(len) };
    let (memory, bound) = (load(c, env, ea, len)?, load(c, env, neighbour, len)?);
    let allowed = if fc == 25 { memory == bound } else { memory != bound };
    let new = if fc == 28 { memory.wrapping_sub(1) } else { memory.wrapping_add(1) };
    store(c, env, ea, len, if allowed { new } else { memory })?;
    c.gpr[w.rt()] = if allowed { memory } else { 1 << (8 * len - 1) };
    Ok(())
}

/// stwat, stdat: memory = f(memory, RS).
fn atomic_store(c: &mut Cpu, env: &mut Env<'_>, w: Word, len: u64) -> Step {
    let (ea, fc) = (c.ra0(w.ra()), w.fc());
    require_aligned(c, ea, len)?;
    let first = truncate(c.gpr[w.rs()], len);
    let memory = load(c, env, ea, len)?;
    if fc == 24 {
        // Store twin: both or neither.
        let twin = ea.wrapping_add(len);
        if load(c, env, twin, len)? == memory {
            store(c, env, twin, len, first)?;
            store(c, env, ea, len, first)?;
        }
        return Ok(());
    }
    match (Operands { len, memory, operand: first }).common(fc) {
        Some(new) => store(c, env, ea, len, new),
        None => bad_function(c, ea),
    }
}

/// lwat
pub fn lwat(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    atomic_load(c, env, w, 4)
}
/// ldat
pub fn ldat(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    atomic_load(c, env, w, 8)
}
/// stwat
pub fn stwat(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    atomic_store(c, env, w, 4)
}
/// stdat
pub fn stdat(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    atomic_store(c, env, w, 8)
}
