//! Words to text, by the assembler column of the table.

use crate::operand::{Form, Kind, Operand};
use crate::{Row, decode, rows};

/// The instruction at address `cia` as text; `.long` for an illegal one.
pub fn disassemble(word: u32, cia: u64) -> String {
    match decode(word) {
        Some(op) => disassemble_row(rows()[op.0 as usize], word, cia),
        None => format!(".long {word:#010x}"),
    }
}

/// `word`, which is one of `row`, as text.
pub fn disassemble_row(row: &Row, word: u32, cia: u64) -> String {
    let mut text = row.mnemonic(word);
    let forms = row.operands().unwrap_or_default();
    for (i, form) in forms.into_iter().enumerate() {
        text.push_str(if i == 0 { " " } else { "," });
        text.push_str(&match form {
            Form::Plain(o) => operand(o, word, cia),
            Form::Displaced(d, base) => format!("{}({})", operand(d, word, cia), operand(base, word, cia)),
            Form::Literal(text) => text.to_string(),
        });
    }
    text
}

fn operand(o: &Operand, word: u32, cia: u64) -> String {
    let n = o.extract(word);
    match o.kind {
        Kind::GprOrZero if n == 0 => "0".to_string(),
        Kind::Gpr | Kind::GprOrZero => format!("r{n}"),
        Kind::Fpr => format!("f{n}"),
        Kind::Vr => format!("v{n}"),
        Kind::Vsr => format!("vs{n}"),
        Kind::CrField => format!("cr{n}"),
        Kind::Unsigned => n.to_string(),
        Kind::Signed(scale) => o.extract_signed(word, scale).to_string(),
        Kind::Target => format!("{:#x}", base(word, cia).wrapping_add(o.extract_signed(word, 4) as u64)),
    }
}

/// What a branch displacement is added to: CIA, or 0 if AA=1.
pub(crate) fn base(word: u32, cia: u64) -> u64 {
    if word & 2 != 0 { 0 } else { cia }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: u32, text: &str) {
        assert_eq!(disassemble(word, 0x1000), text);
        assert_eq!(crate::assemble(text, 0x1000), Ok(word));
    }

    #[test]
    fn words_as_the_manual_writes_them() {
        check(0x3861_FFF0, "addi r3,r1,-16");
        check(0x3860_0010, "addi r3,0,16");
        check(0x7C64_2A15, "add. r3,r4,r5");
        check(0x7885_E102, "rldicl r5,r4,60,4");
        check(0x4BFF_FFF8, "b 0xff8");
        check(0x4BFF_FFF9, "bl 0xff8");
        check(0x4800_0102, "ba 0x100");
        check(0x4E80_0020, "bclr 20,0,0");
        check(0xF821_FF91, "stdu r1,-112(r1)");
        check(0x7C00_04AC, "sync 0");
        check(0xF461_0019, "lxv vs35,16(r1)");
        check(0x7C00_066C, "dss 0");
        check(0x7D3E_4AA6, "mfspr r9,318");
        assert_eq!(disassemble(0, 0), ".long 0x00000000");
    }
}
