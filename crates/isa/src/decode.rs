//! From words to rows.

use crate::row::Row;
use std::sync::LazyLock;

/// Index into [`crate::rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub u16);

static GROUPS: [&[Row]; 7] = [
    rows_fixed!(row_slice),
    rows_branch!(row_slice),
    rows_ldst!(row_slice),
    rows_system!(row_slice),
    rows_float!(row_slice),
    rows_vmx!(row_slice),
    rows_vsx!(row_slice),
];

struct Decoder {
    rows: Vec<&'static Row>,
    /// Candidates by primary opcode and bits 21..30 (the XO field or part of it).
    buckets: Vec<Vec<u16>>,
}

const XO_MASK: u32 = 0x7FE;

fn bucket(word: u32) -> usize {
    ((word >> 26) << 10 | (word & XO_MASK) >> 1) as usize
}

static DECODER: LazyLock<Decoder> = LazyLock::new(|| {
    let rows: Vec<&'static Row> = GROUPS.iter().flat_map(|g| g.iter()).collect();
    let mut buckets = vec![vec![]; 64 << 10];
    for (id, row) in rows.iter().enumerate() {
        for xo in 0..1024u32 {
            let probe = row.value & !XO_MASK | xo << 1;
            if (probe ^ row.value) & row.mask & XO_MASK == 0 {
                buckets[bucket(probe)].push(id as u16);
            }
        }
    }
    Decoder { rows, buckets }
});

/// All rows in table order.
pub fn rows() -> &'static [&'static Row] {
    &DECODER.rows
}

/// The row that `word` matches, or `None` for an illegal instruction.
pub fn decode(word: u32) -> Option<OpId> {
    let d = &*DECODER;
    d.buckets[bucket(word)].iter().copied().find(|&id| d.rows[id as usize].matches(word)).map(OpId)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows overlap if no bit that both fix differs.
    #[test]
    fn no_word_matches_two_rows() {
        let rows = rows();
        for (i, a) in rows.iter().enumerate() {
            for b in &rows[i + 1..] {
                let both = a.mask & b.mask;
                assert!(
                    (a.value ^ b.value) & both != 0,
                    "{} and {} match the word {:#010x}",
                    a.name,
                    b.name,
                    a.value | b.value
                );
            }
        }
    }

    #[test]
    fn every_row_decodes_to_itself() {
        for (id, row) in rows().iter().enumerate() {
            for fill in [0, u32::MAX, 0xAAAA_AAAA, 0x5555_5555] {
                let word = row.value | fill & !row.mask;
                assert_eq!(decode(word), Some(OpId(id as u16)), "{} {word:#010x}", row.name);
            }
        }
    }

    #[test]
    fn zero_is_illegal() {
        assert_eq!(decode(0), None);
    }
}
