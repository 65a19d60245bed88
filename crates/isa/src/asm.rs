//! Text to words: the inverse of the disassembler, for tests and for the
//! code that runs inside the differential test.

use crate::disasm::base;
use crate::operand::{Form, Kind, Operand};
use crate::{Row, rows};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every mnemonic with the row it belongs to and the suffix bits it sets.
static MNEMONICS: LazyLock<BTreeMap<String, (&'static Row, u32)>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for row in rows() {
        let suffixes = row.suffixes();
        for choice in 0..1u32 << suffixes.len() {
            let bits = suffixes.iter().enumerate().filter(|(i, _)| choice >> i & 1 != 0);
            let word = bits.fold(row.value, |w, (_, (_, bit))| w | 1 << (31 - bit));
            all.entry(row.mnemonic(word)).or_insert((*row, word));
        }
    }
    all
});

/// Assembles one instruction for address `cia`, in the syntax that
/// [`crate::disassemble`] writes.
pub fn assemble(text: &str, cia: u64) -> Result<u32, String> {
    let (mnemonic, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (row, mut word) = *MNEMONICS.get(mnemonic).ok_or_else(|| format!("{text}: no such instruction"))?;
    let forms = row.operands().map_err(|name| format!("{text}: unknown operand form {name}"))?;
    let given: Vec<&str> = rest.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
    if given.len() != forms.len() {
        return Err(format!("{text}: {} takes {} operands ({})", mnemonic, forms.len(), row.asm));
    }
    for (form, given) in forms.iter().zip(given) {
        word = match form {
            Form::Plain(o) => put(word, o, given, cia),
            Form::Displaced(d, base) => match given.strip_suffix(')').and_then(|g| g.split_once('(')) {
                Some((d_text, base_text)) => {
                    put(word, d, d_text, cia).and_then(|word| put(word, base, base_text, cia))
                }
                None => Err("expected displacement(base)".to_string()),
            },
            Form::Literal(text) if *text == given => Ok(word),
            Form::Literal(text) => Err(format!("expected {text}")),
        }
        .map_err(|why| format!("{text}: operand {given}: {why}"))?;
    }
    Ok(word)
}

/// Inserts the operand written as `text`.
fn put(word: u32, o: &Operand, text: &str, cia: u64) -> Result<u32, String> {
    let digits = match o.kind {
        Kind::Gpr => text.strip_prefix('r'),
        Kind::GprOrZero if text == "0" => Some(text),
        Kind::GprOrZero => text.strip_prefix('r').filter(|t| *t != "0"),
        Kind::Fpr => text.strip_prefix('f'),
        Kind::Vr => text.strip_prefix('v'),
        Kind::Vsr => text.strip_prefix("vs"),
        Kind::CrField => text.strip_prefix("cr"),
        _ => Some(text),
    };
    let value = number(digits.ok_or("wrong kind of register")?).ok_or("not a number")?;
    let (scaled, signed) = match o.kind {
        Kind::Signed(scale) => (exact(value, scale)?, true),
        Kind::Target => (exact(value.wrapping_sub(base(word, cia) as i64), 4)?, true),
        _ => (value, false),
    };
    let fits = if signed {
        let half = 1i64 << (o.width() - 1);
        (-half..half).contains(&scaled)
    } else {
        (0..1i64 << o.width()).contains(&scaled)
    };
    if fits { Ok(o.insert(word, scaled as u32)) } else { Err("out of range".to_string()) }
}

fn exact(value: i64, scale: i64) -> Result<i64, String> {
    if value % scale == 0 { Ok(value / scale) } else { Err(format!("not a multiple of {scale}")) }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|v| v as i64),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disasm::disassemble_row;

    /// For every row: the text of a word assembles to the word, reserved bits cleared.
    #[test]
    fn text_round_trips() {
        let mut seed = 1u64;
        for row in rows() {
            let fields = row.field_bits();
            for _ in 0..50 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let word = row.value | (seed >> 32) as u32 & fields;
                let text = disassemble_row(row, word, 0x2000_0000);
                assert_eq!(assemble(&text, 0x2000_0000), Ok(word), "{text} {word:#010x}");
            }
        }
    }
}
