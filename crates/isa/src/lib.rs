//! The Power ISA as one table: encoding, assembler form, where it is written.
//!
//! A row of `rows/*.rs` is the only place where an instruction is listed.
//! The decoder, the disassembler, `docs/isa.md`, the random words of the
//! differential test and the handler table of `cpu` all come from it.
//!
//! This crate knows no machine: it says what a word is, not what it does.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[macro_use]
pub mod row;
#[macro_use]
mod rows;
pub mod asm;
pub mod decode;
pub mod disasm;
pub mod docs;
pub mod operand;
pub mod word;

pub use asm::assemble;
pub use decode::{OpId, decode};
pub use disasm::disassemble;
pub use row::{Group, Row};
pub use word::Word;

/// All rows, group by group, in table order; an [`OpId`] indexes it.
pub fn rows() -> &'static [&'static Row] {
    decode::rows()
}
