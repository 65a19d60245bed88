//! What a row of the table says.

/// Which file of `cpu::exec` holds the meaning of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Fixed-point arithmetic, logic, compare, rotate, trap, select.
    Fixed,
    /// Branches and condition-register logic.
    Branch,
    /// Fixed-point and floating loads and stores, atomics, cache and barriers.
    Ldst,
    /// System: SPRs, MSR, interrupts, TLB, doorbells.
    System,
    /// Scalar floating point (Book I chapter 4).
    Float,
    /// Vector facility, VMX (Book I chapter 6).
    Vmx,
    /// Vector-scalar facility, VSX (Book I chapter 7).
    Vsx,
}

/// One instruction.
#[derive(Debug)]
pub struct Row {
    /// Name of the handler: the mnemonic without `.`.
    pub name: &'static str,
    /// The encoding as the manual draws it, 32 characters besides blanks:
    /// `0`/`1` fixed, a letter names an operand field, `/` is reserved and ignored.
    pub pattern: &'static str,
    /// Assembler form, for example `add{o}{r} RT,RA,RB`: `{r}` is `.` if the
    /// field `r` is 1, `{o}` is `o` if the field `o` is 1.
    pub asm: &'static str,
    /// Power ISA 3.0B book and section.
    pub section: &'static str,
    /// Group.
    pub group: Group,
    /// Bits that `pattern` fixes.
    pub mask: u32,
    /// Their values.
    pub value: u32,
}

impl Row {
    /// True if `word` is this instruction.
    pub const fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }
    /// The bits of the word that belong to operand fields.
    pub fn field_bits(&self) -> u32 {
        self.fields().iter().fold(0, |m, f| m | self.letter_bits(f.0))
    }
    /// The bits of the fields named by a letter.
    pub fn letter_bits(&self, letter: char) -> u32 {
        let bits = self.pattern.chars().filter(|c| *c != ' ');
        bits.fold(0, |m, c| m << 1 | (c == letter) as u32)
    }
    /// The fields in order of first appearance: letter, first bit (IBM
    /// numbers), length. A letter that appears in two runs gives two entries.
    pub fn fields(&self) -> Vec<(char, u32, u32)> {
        let mut out: Vec<(char, u32, u32)> = vec![];
        for (bit, c) in self.pattern.chars().filter(|c| *c != ' ').enumerate() {
            let bit = bit as u32;
            if !c.is_ascii_alphabetic() {
                continue;
            }
            match out.last_mut() {
                Some((l, from, len)) if *l == c && *from + *len == bit => *len += 1,
                _ => out.push((c, bit, 1)),
            }
        }
        out
    }
}

/// Mask and value of a pattern; does not compile unless it has 32 bits.
pub const fn parse(pattern: &str) -> (u32, u32) {
    let bytes = pattern.as_bytes();
    let (mut mask, mut value, mut bits, mut i) = (0u32, 0u32, 0, 0);
    while i < bytes.len() {
        let c = bytes[i];
        i += 1;
        if c == b' ' {
            continue;
        }
        bits += 1;
        mask <<= 1;
        value <<= 1;
        match c {
            b'0' => mask |= 1,
            b'1' => {
                mask |= 1;
                value |= 1;
            }
            _ => assert!(c == b'/' || c.is_ascii_alphabetic(), "pattern: 0, 1, / or a letter"),
        }
    }
    assert!(bits == 32, "a pattern has 32 bits");
    (mask, value)
}

/// Turns a group of rows into a constant slice; callback of `rows_*!`.
#[macro_export]
#[doc(hidden)]
macro_rules! row_slice {
    ($group:ident; $($name:ident $pattern:literal $asm:literal $section:literal;)*) => {
        &[$($crate::row::Row {
            name: stringify!($name),
            pattern: $pattern,
            asm: $asm,
            section: $section,
            group: $crate::row::Group::$group,
            mask: const { $crate::row::parse($pattern).0 },
            value: const { $crate::row::parse($pattern).1 },
        }),*]
    };
}
