//! What random words and states need so that the instruction stays inside
//! its window and its stub, and what the two sides may differ in.

use super::program::{PADS, Vector};
use super::state::{State, integer, pick};
use fabric::rng::Rng;
use isa::operand::{Form, Operand};
use isa::{Group, Row, assemble};

/// Rows that are not compared, and why.
pub const NOT_COMPARED: &[(&str, &str)] = &[
    ("darn", "random by definition; unit test"),
    ("wait", "QEMU halts the thread"),
    ("icbt", "QEMU has it for embedded processors only"),
    ("copy", "QEMU has no copy and paste"),
    ("paste", "QEMU has no copy and paste"),
    ("cp_abort", "QEMU has no copy and paste"),
    ("lmw", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
    ("stmw", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
    ("lswi", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
    ("lswx", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
    ("stswi", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
    ("stswx", "alignment interrupt in little-endian mode, at which QEMU's user mode aborts"),
];

/// System rows that problem state may execute, and the registers they may name.
const SYSTEM: &[(&str, &[u32])] = &[("mfspr", &[1, 8, 9]), ("mtspr", &[1, 8, 9])];

/// What may differ.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// These bits of FPSCR.
    Fpscr(u64),
    /// These bits of CR.
    Cr(u32),
    /// VSCR.
    Vscr,
    /// RT.
    Rt,
    /// Doubleword 1 of XT, VRT or FRT.
    Doubleword1,
    /// VRT.
    Target,
    /// VRT if CR6 says that an operand was invalid.
    InvalidDecimal,
    /// All: the vector is not compared.
    Everything,
}

/// A known difference.
pub struct Exempt {
    /// Row names.
    pub rows: &'static [&'static str],
    /// In these cases.
    pub when: fn(word: u32, input: &State) -> bool,
    /// This part.
    pub part: Part,
    /// Because.
    pub reason: &'static str,
}

/// Known differences: QEMU's mistakes and results that the ISA leaves open.
#[rustfmt::skip]
pub const EXEMPT: &[Exempt] = &[
    Exempt {
        rows: &["divde"],
        when: divde_overflow,
        part: Part::Everything,
        reason: "QEMU misses the overflow of a quotient between 2^63 and 2^64",
    },
    Exempt {
        rows: &["lxsdx", "lxsspx", "lxsiwax", "lxsiwzx", "lxsibzx", "lxsihzx"],
        when: |_, _| true,
        part: Part::Doubleword1,
        reason: "left open by the ISA: we clear it, QEMU keeps it",
    },
    Exempt {
        rows: &["lwat", "stwat"],
        when: |word, _| matches!(word >> 11 & 31, 5 | 7),
        part: Part::Everything,
        reason: "signed maximum and minimum of words: QEMU compares them as unsigned",
    },
    Exempt {
        rows: &["lwat", "ldat"],
        when: |word, _| matches!(word >> 11 & 31, 24 | 25 | 28),
        part: Part::Rt,
        reason: "what says that nothing was done: QEMU gives -2^31 for both sizes",
    },
    Exempt {
        rows: &["dcbf"],
        when: |word, _| word >> 22 & 1 != 0,
        part: Part::Everything,
        reason: "QEMU knows only L=0 and 1",
    },
    Exempt {
        rows: &["dst", "dstst"],
        when: |word, _| word >> 16 & 31 == 0,
        part: Part::Everything,
        reason: "QEMU takes RA=0 for invalid",
    },
];

fn divde_overflow(word: u32, s: &State) -> bool {
    let (a, b) = (s.gpr[word as usize >> 16 & 31] as i64, s.gpr[word as usize >> 11 & 31] as i64);
    let quotient = ((a as i128) << 64).checked_div(b as i128);
    a.unsigned_abs() < b.unsigned_abs() && quotient.is_some_and(|q| i64::try_from(q).is_err())
}

/// True if the row is compared at all.
pub fn is_compared(row: &Row) -> bool {
    let listed = NOT_COMPARED.iter().any(|(name, _)| *name == row.name);
    !listed && (row.group != Group::System || SYSTEM.iter().any(|(name, _)| *name == row.name))
}

/// The word and state of a vector under construction.
struct Draft<'a> {
    r: &'a mut Rng,
    row: &'a Row,
    v: Vector,
    forms: Vec<Form>,
}

/// A vector of `row` for `slot` of the batch.
pub fn vector(r: &mut Rng, row: &'static Row, index: usize, number: u64, slot: u64) -> Vector {
    let word = row.value | r.next_u64() as u32 & row.field_bits();
    let mut input = State::random(r);
    super::float::prepare(r, row.name, word, &mut input);
    let forms = row.operands().expect("tested in isa");
    let v = Vector { row: index, number, word, prefix: vec![], input, slot };
    let mut d = Draft { r, row, v, forms };
    d.relate_operands();
    match row.group {
        Group::Branch => d.branch(),
        Group::Ldst => d.ldst(),
        _ => {}
    }
    d.special_rows();
    d.v
}

impl Draft<'_> {
    fn operand(&self, name: &str) -> Option<&'static Operand> {
        self.forms.iter().find_map(|form| match form {
            Form::Plain(o) if o.names.contains(&name) => Some(*o),
            _ => None,
        })
    }
    fn get(&self, name: &str) -> usize {
        self.operand(name).map_or(0, |o| o.extract(self.v.word) as usize)
    }
    fn set(&mut self, name: &str, value: u32) {
        let o = self.operand(name).expect("the row has this operand");
        self.v.word = o.insert(self.v.word, value);
    }
    fn ra(&self) -> usize {
        (self.v.word >> 16 & 31) as usize
    }
    fn rb(&self) -> usize {
        (self.v.word >> 11 & 31) as usize
    }
    fn rt(&self) -> usize {
        (self.v.word >> 21 & 31) as usize
    }
    fn set_field(&mut self, shift: u32, value: usize) {
        self.v.word = self.v.word & !(31 << shift) | (value as u32) << shift;
    }
    fn set_ra(&mut self, value: usize) {
        self.set_field(16, value);
    }

    /// Equal and neighbouring operands are rare by chance and common in life.
    fn relate_operands(&mut self) {
        let (a, b) = (self.ra(), self.rb());
        match self.r.below(8) {
            0 => self.v.input.gpr[b] = self.v.input.gpr[a],
            1 => self.v.input.gpr[b] = self.v.input.gpr[a].wrapping_add(self.r.below(3)).wrapping_sub(1),
            2 => self.v.input.gpr[b] = self.r.below(128),
            3 => {
                for half in [0, 32] {
                    self.v.input.vsr[b + half] = self.v.input.vsr[a + half];
                }
            }
            _ => {}
        }
    }

    fn branch(&mut self) {
        let pad = self.v.cia().wrapping_add_signed(pick(self.r, &PADS));
        let low = self.r.below(4);
        match self.row.name {
            "b" | "bc" => {
                let absolute = self.row.name == "b" && self.v.word & 2 != 0;
                let from = if absolute { 0 } else { self.v.cia() };
                self.v.word &= !2 | if absolute { 2 } else { 0 };
                self.set("target", (pad.wrapping_sub(from) as i64 / 4) as u32);
            }
            "bclr" => self.v.input.lr = pad | low,
            "bcctr" => {
                // Forms that decrement CTR are invalid.
                self.v.word |= 4 << 21;
                self.v.input.ctr = pad | low;
            }
            "bctar" => {
                let pad = self.v.cia().wrapping_add_signed(pick(self.r, &PADS[..3]));
                let reg = self.r.below(32) as usize;
                self.v.input.gpr[reg] = pad | low;
                self.prefix(&format!("mtspr 815,r{reg}"));
            }
            _ => {}
        }
    }
    fn prefix(&mut self, text: &str) {
        self.v.prefix.push(assemble(text, 0).expect("a prefix assembles"));
    }

    /// Points the base registers into the window.
    fn ldst(&mut self) {
        let align = self.alignment();
        let address = self.v.window() + self.r.range(64, 384) / align * align;
        let displaced = self.forms.iter().find_map(|form| match form {
            Form::Displaced(d, base) => Some((*d, *base)),
            _ => None,
        });
        if let Some((d, base)) = displaced {
            let ra = self.register_but(&self.loaded());
            self.set_ra(ra.max(1));
            let _ = base;
            let offset = self.displacement(d);
            let ra = self.ra();
            self.v.input.gpr[ra] = address.wrapping_sub(offset);
        } else if self.operand("RB").is_some() {
            self.indexed(address);
        } else if self.operand("RA|0").is_some() {
            let ra = self.register_but(&self.loaded()).max(1);
            self.set_ra(ra);
            self.v.input.gpr[ra] = address;
        }
        self.reservations();
    }
    /// Registers that a load writes and that must not be its base.
    fn loaded(&self) -> Vec<usize> {
        let pair = self.operand("RTp").is_some();
        match self.operand("RT") {
            Some(_) if pair => vec![0, self.rt() & 30, self.rt() | 1],
            Some(_) => vec![0, self.rt()],
            None => vec![0],
        }
    }
    fn displacement(&self, d: &Operand) -> u64 {
        let scale = match d.kind {
            isa::operand::Kind::Signed(scale) => scale,
            _ => 1,
        };
        d.extract_signed(self.v.word, scale) as u64
    }
    fn register_but(&mut self, not: &[usize]) -> usize {
        loop {
            let reg = self.r.below(32) as usize;
            if !not.contains(&reg) {
                return reg;
            }
        }
    }
    fn indexed(&mut self, address: u64) {
        // RTp = RA is an invalid form, to QEMU even if both are 0.
        let may_be_zero = self.row.asm.contains("RA|0") && self.operand("RTp").is_none();
        let not = self.loaded();
        let ra = if may_be_zero && self.r.below(8) == 0 { 0 } else { self.register_but(&not) };
        let rb = self.register_but(&[&not[1..], &[ra]].concat());
        self.set_ra(ra);
        self.set_field(11, rb);
        let base = if ra == 0 { 0 } else { integer(self.r) };
        self.v.input.gpr[ra] = if ra == 0 { self.v.input.gpr[0] } else { base };
        self.v.input.gpr[rb] = address.wrapping_sub(base);
    }
    /// Natural alignment where the instruction insists, now and then not.
    fn alignment(&mut self) -> u64 {
        let name = self.row.name;
        let size = match name.as_bytes() {
            [b'l', b'q', ..] | [b's', b't', b'q', ..] => 16,
            _ if name.ends_with("at") && !name.starts_with("lfi") => {
                if name.contains('d') {
                    8
                } else {
                    4
                }
            }
            [b'l', size, b'a', b'r', b'x'] | [b's', b't', size, b'c', b'x'] => match size {
                b'h' => 2,
                b'w' => 4,
                b'd' => 8,
                _ => 1,
            },
            _ => return 1,
        };
        // Without a reservation QEMU does not look at the alignment of stcx.
        if name.ends_with("arx") && self.r.below(8) == 0 { 1 } else { size }
    }
    /// Half of the store conditionals follow a load and reserve; not stqcx.,
    /// which always fails in QEMU.
    fn reservations(&mut self) {
        let Some(size) = self.row.name.strip_prefix("st").and_then(|n| n.strip_suffix("cx")) else { return };
        if size == "q" || self.r.below(2) == 0 {
            return;
        }
        let (ra, rb, rs) = (self.ra(), self.rb(), self.rt());
        let rt = self.register_but(&[ra, rb, rs]);
        let ra = if ra == 0 { "0".to_string() } else { format!("r{ra}") };
        self.prefix(&format!("l{size}arx r{rt},{ra},r{rb},0"));
    }

    /// Operands of single rows.
    fn special_rows(&mut self) {
        if ["RTp", "RSp", "FRTp", "FRSp"].iter().any(|name| self.row.asm.contains(name)) {
            self.v.word &= !(1 << 21);
        }
        match self.row.name {
            "mfspr" | "mtspr" => {
                let (_, numbers) = SYSTEM.iter().find(|(name, _)| *name == self.row.name).expect("listed");
                let number = pick(self.r, numbers);
                self.set("SPR", number);
                if number == 1 {
                    // Reserved bits of XER: QEMU keeps them.
                    let rs = self.rt();
                    self.v.input.gpr[rs] &= cpu::state::xer::WRITABLE;
                }
            }
            "mfocrf" | "mtocrf" => {
                let one = 1 << self.r.below(8);
                self.set("FXM", one);
            }
            "cbcdtd" => {
                let rs = self.get("RS");
                self.v.input.gpr[rs] = (0..16).fold(0, |n, _| n << 4 | self.r.below(10));
            }
            "lxvl" | "lxvll" | "stxvl" | "stxvll" => {
                let (ra, rb) = (self.ra().max(1), self.rb());
                self.set_ra(ra);
                let rb = if ra == rb { (rb + 1) % 32 } else { rb };
                self.set_field(11, rb);
                self.v.input.gpr[ra] = self.v.window() + self.r.range(64, 384);
                self.v.input.gpr[rb] = self.r.below(20) << 56 | self.r.below(1 << 56);
            }
            "lwat" | "ldat" => {
                let code = pick(self.r, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 25, 28]);
                self.set("FC", code);
                self.repeat_memory();
            }
            "stwat" | "stdat" => {
                let code = pick(self.r, &[0, 1, 2, 3, 4, 5, 6, 7, 24]);
                self.set("FC", code);
                self.repeat_memory();
            }
            _ => {}
        }
    }
    /// Makes equal neighbours in memory, and memory equal to registers, likely.
    fn repeat_memory(&mut self) {
        let window = &mut self.v.input.window;
        match self.r.below(3) {
            0 => window.fill(self.r.below(256) as u8),
            1 => {
                let value = self.v.input.gpr[((self.v.word as usize >> 21 & 31) + 1) & 31];
                window.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&value.to_le_bytes()));
            }
            _ => {}
        }
    }
}
