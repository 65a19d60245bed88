//! What each row of the table means: one function per instruction, in the
//! file of its group, under the row's name.

pub mod branch;
pub mod fixed;
pub mod float;
pub mod ldst;
pub mod system;
pub mod vmx;
pub mod vsx;

use crate::env::Env;
use crate::interrupt::Trap;
use crate::state::Cpu;
use isa::{OpId, Word};
use std::sync::LazyLock;

/// Outcome of an instruction.
pub type Step = Result<(), Trap>;
/// The meaning of an instruction. `cpu.cia` is its address and `cpu.nia` is
/// `cia + 4` on entry; with `Err(Trap::Branched)` it goes on at `cpu.nia`. On `Err(Trap::Interrupt)` nothing
/// architected but the interrupt's own registers may have changed.
pub type Handler = fn(&mut Cpu, &mut Env<'_>, Word) -> Step;

macro_rules! handlers {
    (Fixed; $($row:tt)*) => { names!(fixed; $($row)*) };
    (Branch; $($row:tt)*) => { names!(branch; $($row)*) };
    (Ldst; $($row:tt)*) => { names!(ldst; $($row)*) };
    (System; $($row:tt)*) => { names!(system; $($row)*) };
    (Float; $($row:tt)*) => { names!(float; $($row)*) };
    (Vmx; $($row:tt)*) => { names!(vmx; $($row)*) };
    (Vsx; $($row:tt)*) => { names!(vsx; $($row)*) };
}
macro_rules! names {
    ($module:ident; $($name:ident $p:literal $a:literal $s:literal;)*) => { &[$($module::$name as Handler),*] };
}

use isa::{rows_branch, rows_fixed, rows_float, rows_ldst, rows_system, rows_vmx, rows_vsx};

static GROUPS: [&[Handler]; 7] = [
    rows_fixed!(handlers),
    rows_branch!(handlers),
    rows_ldst!(handlers),
    rows_system!(handlers),
    rows_float!(handlers),
    rows_vmx!(handlers),
    rows_vsx!(handlers),
];

static HANDLERS: LazyLock<Vec<Handler>> = LazyLock::new(|| GROUPS.concat());

/// The meanings of all rows, by [`OpId`].
pub fn handlers() -> &'static [Handler] {
    &HANDLERS
}

/// The meaning of row `op`.
pub fn handler(op: OpId) -> Handler {
    HANDLERS[op.0 as usize]
}

/// The meaning of a word; illegal words raise HEAI.
pub fn handler_of(word: Word) -> Handler {
    isa::decode(word.0).map_or(illegal as Handler, handler)
}

/// The meaning of every word that no row matches.
pub fn illegal(cpu: &mut Cpu, _env: &mut Env<'_>, w: Word) -> Step {
    Err(cpu.illegal(w))
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_handler_per_row() {
        assert_eq!(super::HANDLERS.len(), isa::rows().len());
    }
}
