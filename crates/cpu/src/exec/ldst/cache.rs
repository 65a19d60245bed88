//! Cache management, copy and paste, barriers (Book II 4.3, 4.4, 4.6).
//!
//! Caches hold nothing that memory does not: hints and write-backs have no
//! effect, and instruction fetch sees every store (see `code`).

use super::ea;
use crate::env::Env;
use crate::exec::Step;
use crate::interrupt::Trap;
use crate::state::Cpu;
use fabric::Access;
use isa::Word;

/// Instructions without an effect on this machine.
macro_rules! no_effect {
    ($($name:ident)*) => {$(
        #[doc = concat!(stringify!($name), ": no effect here.")]
        pub fn $name(_: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
            Ok(())
        }
    )*};
}
// dst, dstst, dss left the ISA with 2.07; POWER9 and Linux (dssall at every
// switch of address space) still take them as hints. wait may end at any time.
no_effect! { icbt dcbt dcbtst dst dstst dss cp_abort eieio wait }

/// Cache operations that are a load to translation and protection.
macro_rules! touches {
    ($($name:ident)*) => {$(
        #[doc = concat!(stringify!($name), ": translated as a load.")]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.translate_data(env, ea::x(c, w), Access::Read).map(|_| ())
        }
    )*};
}
touches! { icbi dcbst dcbf }

/// dcbz: 128 bytes.
pub fn dcbz(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.zero_block(env, ea::x(c, w))
}
/// sync: hwsync, lwsync, ptesync. The thread is in order and alone in its quantum.
pub fn sync(_: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    Ok(())
}
/// isync: the loop looks again at context and code.
pub fn isync(_: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    Err(Trap::Resync)
}
/// copy; `Deviates:` nothing accepts a paste, so nothing is kept.
pub fn copy(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.translate_data(env, ea::x(c, w), Access::Read).map(|_| ())
}
/// paste.: CR0 says that nothing took the block.
pub fn paste(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    let so = c.so();
    c.set_crf(0, so);
    Ok(())
}
