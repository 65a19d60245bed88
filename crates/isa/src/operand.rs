//! The assembler column of the table: mnemonic with suffixes, then operands.
//!
//! `add{o}{r} RT,RA,RB`: a name in braces is a one-bit field of the pattern
//! that adds a suffix (list [`SUFFIXES`]); every other operand is a name of
//! the list [`OPERANDS`], a displacement form `D(RA|0)`, or a number that
//! is printed as it stands.

use std::collections::BTreeSet;

/// How an operand is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `r4`.
    Gpr,
    /// `r4`, or `0` for the value zero: (RA|0).
    GprOrZero,
    /// `f4`.
    Fpr,
    /// `v4`.
    Vr,
    /// `vs4`.
    Vsr,
    /// `cr4`: a field of the condition register or of FPSCR.
    CrField,
    /// A number without sign.
    Unsigned,
    /// A number with sign, times a scale.
    Signed(i64),
    /// A branch target: printed as an address, relative unless AA=1.
    Target,
}

/// One operand: its names in the assembler column, how it is written, and
/// its bits (first, last), most significant piece first. The manual uses a
/// name for several places; the pattern tells which is meant.
#[derive(Debug)]
pub struct Operand {
    /// Names.
    pub names: &'static [&'static str],
    /// Form.
    pub kind: Kind,
    /// Bits, IBM numbers.
    pub bits: &'static [(u32, u32)],
}

macro_rules! operands {
    ($($($name:literal)+ => $kind:expr, $($from:literal..$to:literal)+;)*) => {
        /// All operand names.
        pub const OPERANDS: &[Operand] = &[$(
            Operand { names: &[$($name),+], kind: $kind, bits: &[$(($from, $to)),+] },
        )*];
    };
}

#[rustfmt::skip]
mod table {
    use super::Kind::*;
    use super::Operand;
    operands! {
        "RT" "RS" "RTp" "RSp" => Gpr, 6..10;
        "RA" => Gpr, 11..15;
        "RA|0" => GprOrZero, 11..15;
        "RB" => Gpr, 16..20;
        "RC" => Gpr, 21..25;
        "FRT" "FRS" "FRTp" "FRSp" => Fpr, 6..10;
        "FRA" "FRAp" => Fpr, 11..15;
        "FRB" "FRBp" => Fpr, 16..20;
        "FRC" => Fpr, 21..25;
        "VRT" "VRS" => Vr, 6..10;
        "VRA" => Vr, 11..15;
        "VRB" => Vr, 16..20;
        "VRC" => Vr, 21..25;
        "XT" "XS" => Vsr, 31..31 6..10;
        "XT" "XS" => Vsr, 28..28 6..10;
        "XA" => Vsr, 29..29 11..15;
        "XB" => Vsr, 30..30 16..20;
        "XC" => Vsr, 28..28 21..25;
        "BF" => CrField, 6..8;
        "BFA" => CrField, 11..13;
        "BT" "BO" "TO" "TH" => Unsigned, 6..10;
        "BI" "BA" => Unsigned, 11..15;
        "BB" "NB" "FC" => Unsigned, 16..20;
        "BC" => Unsigned, 21..25;
        "BH" => Unsigned, 19..20;
        "SH" => Unsigned, 16..20;
        "SH" => Unsigned, 30..30 16..20;
        "MB" => Unsigned, 21..25;
        "ME" => Unsigned, 26..30;
        "MB" "ME" => Unsigned, 26..26 21..25;
        "L" => Unsigned, 6..6;
        "L" "WC" "STRM" => Unsigned, 9..10;
        "L" => Unsigned, 10..10;
        "L" => Unsigned, 14..15;
        "L" "R" "W" "EX" => Unsigned, 15..15;
        "CT" => Unsigned, 7..10;
        "EH" => Unsigned, 31..31;
        "FXM" => Unsigned, 12..19;
        "FLM" => Unsigned, 7..14;
        "U" => Unsigned, 16..19;
        "DRM" => Unsigned, 18..20;
        "RM" => Unsigned, 19..20;
        "RMC" => Unsigned, 21..22;
        "UIM" => Unsigned, 11..15;
        "UIM" => Unsigned, 12..15;
        "UIM" => Unsigned, 13..15;
        "UIM" => Unsigned, 14..15;
        "SIM" => Signed(1), 11..15;
        "IMM8" => Unsigned, 13..20;
        "SHB" => Unsigned, 22..25;
        "ST" => Unsigned, 16..16;
        "SIX" => Unsigned, 17..20;
        "PS" => Unsigned, 22..22;
        "DM" "SHW" => Unsigned, 22..23;
        "DCMX" => Unsigned, 9..15;
        "DCMX" => Unsigned, 25..25 29..29 11..15;
        "SI" => Signed(1), 16..31;
        "UI" => Unsigned, 16..31;
        "DX" => Signed(1), 16..25 11..15 31..31;
        "D" => Signed(1), 16..31;
        "DS" => Signed(4), 16..29;
        "DQ" => Signed(16), 16..27;
        "target" => Target, 6..29;
        "target" => Target, 16..29;
        "SPR" "TBR" => Unsigned, 16..20 11..15;
        "LEV" => Unsigned, 20..26;
        "RIC" => Unsigned, 12..13;
        "PRS" => Unsigned, 14..14;
        "IH" => Unsigned, 8..10;
    }
}
pub use table::OPERANDS;

/// Suffix of a field in braces when it is 1.
pub const SUFFIXES: &[(char, &str)] =
    &[('r', "."), ('o', "o"), ('k', "l"), ('A', "a"), ('x', "t"), ('e', "x"), ('z', "all"), ('e', "x")];

/// One operand of a row's assembler form.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A single operand.
    Plain(&'static Operand),
    /// `D(RA|0)`: displacement and base.
    Displaced(&'static Operand, &'static Operand),
    /// Printed as it stands.
    Literal(&'static str),
}

impl Operand {
    /// Width in bits.
    pub fn width(&self) -> u32 {
        self.bits.iter().map(|(from, to)| to - from + 1).sum()
    }
    /// The bits of the word that the operand occupies.
    pub fn mask(&self) -> u32 {
        self.insert(0, u32::MAX)
    }
    /// The field's value in `word`.
    pub fn extract(&self, word: u32) -> u32 {
        self.bits.iter().fold(0, |value, (from, to)| {
            let len = to - from + 1;
            value << len | word >> (31 - to) & ((1 << len) - 1)
        })
    }
    /// `word` with the field set to the low bits of `value`.
    pub fn insert(&self, word: u32, value: u32) -> u32 {
        let mut rest = value;
        self.bits.iter().rev().fold(word, |word, (from, to)| {
            let len = to - from + 1;
            let mask = ((1 << len) - 1) << (31 - to);
            let out = word & !mask | rest << (31 - to) & mask;
            rest >>= len;
            out
        })
    }
    /// The field sign-extended and scaled.
    pub fn extract_signed(&self, word: u32, scale: i64) -> i64 {
        let unused = 64 - self.width();
        ((self.extract(word) as i64) << unused >> unused) * scale
    }
}

impl crate::Row {
    /// Mnemonic with suffix fields, and operands.
    fn parts(&self) -> (&'static str, &'static str) {
        self.asm.split_once(' ').unwrap_or((self.asm, ""))
    }
    /// The one-bit fields that add a suffix: letter, bit (IBM number).
    pub fn suffixes(&self) -> Vec<(char, u32)> {
        let letters = self.parts().0.split('{').skip(1).filter_map(|s| s.chars().next());
        letters.filter_map(|l| self.fields().into_iter().find(|f| f.0 == l).map(|f| (l, f.1))).collect()
    }
    /// The mnemonic of `word`, which is one of this row.
    pub fn mnemonic(&self, word: u32) -> String {
        let mut name = String::new();
        for part in self.parts().0.split(['{', '}']).enumerate() {
            match part {
                (i, text) if i % 2 == 0 => name.push_str(text),
                (_, letter) => name.push_str(self.suffix(letter, word)),
            }
        }
        name
    }
    fn suffix(&self, letter: &str, word: u32) -> &'static str {
        let known = SUFFIXES.iter().find(|(l, _)| letter.starts_with(*l));
        let set =
            self.suffixes().iter().any(|(l, bit)| letter.starts_with(*l) && word >> (31 - bit) & 1 != 0);
        known.filter(|_| set).map_or("", |(_, text)| text)
    }
    /// The operands, or the first name that [`OPERANDS`] does not have at
    /// the bits of this pattern.
    pub fn operands(&self) -> Result<Vec<Form>, &'static str> {
        self.parts().1.split(',').filter(|s| !s.is_empty()).map(|text| self.form(text)).collect()
    }
    fn form(&self, text: &'static str) -> Result<Form, &'static str> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Form::Literal(text));
        }
        match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            Some((d, base)) => Ok(Form::Displaced(self.find(d)?, self.find(base)?)),
            None => self.find(text).map(Form::Plain),
        }
    }
    /// The operand of this name that is made of whole fields of the pattern,
    /// and of the fewest.
    fn find(&self, name: &'static str) -> Result<&'static Operand, &'static str> {
        let named = OPERANDS.iter().filter(|o| o.names.contains(&name));
        let fitting = named.filter_map(|o| self.fields_within(o.mask()).map(|count| (count, o)));
        fitting.min_by_key(|(count, _)| *count).map(|(_, o)| o).ok_or(name)
    }
    /// The number of fields that make up `mask`, if they do exactly.
    fn fields_within(&self, mask: u32) -> Option<usize> {
        let letters: BTreeSet<char> = self.fields().iter().map(|f| f.0).collect();
        let touched = letters.iter().map(|l| self.letter_bits(*l)).filter(|bits| bits & mask != 0);
        let (count, bits) = touched.fold((0, 0), |(count, sum), bits| (count + 1, sum | bits));
        (bits == mask).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a pattern are its operands and suffixes, each once.
    #[test]
    fn assembler_column_covers_the_pattern() {
        let mut wrong = vec![];
        for row in crate::rows() {
            let forms = match row.operands() {
                Ok(forms) => forms,
                Err(name) => {
                    wrong.push(format!("{}: operand::OPERANDS has no {name} with these bits", row.name));
                    continue;
                }
            };
            let operands = forms.iter().flat_map(|form| match form {
                Form::Plain(o) => vec![o.mask()],
                Form::Displaced(d, base) => vec![d.mask(), base.mask()],
                Form::Literal(_) => vec![],
            });
            let suffixes = row.suffixes();
            let masks = operands.chain(suffixes.iter().map(|(_, bit)| 1 << (31 - bit)));
            let (mut covered, mut twice) = (0, 0);
            masks.for_each(|mask| {
                twice |= covered & mask;
                covered |= mask;
            });
            let fields = row.field_bits();
            if covered != fields || twice != 0 {
                wrong.push(format!(
                    "{}: \"{}\" covers {covered:08x}, of it twice {twice:08x}, the fields are {fields:08x}",
                    row.name, row.asm
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
