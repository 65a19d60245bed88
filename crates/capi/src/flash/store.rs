//! What a logical unit keeps its blocks in.
//!
//! The model has no file I/O. A LUN is either held in memory, sparse, or in
//! a store that the embedding program supplies; of the latter the state
//! hash sees a running digest of everything written, not the content.

use fabric::hash::StateHasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Why a store could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is full: the unit answers DATA PROTECT, SPACE ALLOCATION
    /// FAILED WRITE PROTECT (SBC-3 4.7.3.6).
    #[error("no space left in the store")]
    Full,
    /// The store failed: the unit answers MEDIUM ERROR.
    #[error("the store failed")]
    Failed,
}

/// Blocks of one logical unit, supplied by the embedding program.
///
/// Offsets and lengths are in bytes, multiples of the block size and inside
/// the unit: the target has checked them. Bytes never written, or unmapped,
/// read as zero (the unit reports LBPRZ).
pub trait LunStore: Send {
    /// Reads `out.len()` bytes at `offset`.
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError>;
    /// Writes `data` at `offset`.
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError>;
    /// Forgets `len` bytes at `offset`.
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError>;
    /// Makes everything written so far permanent.
    fn flush(&mut self) -> Result<(), StoreError>;
    /// The unit has `size` bytes from now on; those beyond are forgotten.
    fn resize(&mut self, size: u64) -> Result<(), StoreError>;
}

const CHUNK: u64 = 4096;

/// One chunk of memory; a byte string, not a sequence, in its saved form.
#[derive(Clone, PartialEq, Eq)]
struct Chunk(Box<[u8]>);

impl Chunk {
    fn zero() -> Chunk {
        Chunk(vec![0; CHUNK as usize].into_boxed_slice())
    }
}

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Chunk, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Chunk;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{CHUNK} bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<Chunk, E> {
                if v.len() as u64 != CHUNK {
                    return Err(E::invalid_length(v.len(), &self));
                }
                Ok(Chunk(v.into()))
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

/// Sparse memory: 4 KiB chunks, and only those that are not all zero.
#[derive(Clone, Serialize, Deserialize)]
pub struct MemStore {
    chunks: BTreeMap<u64, Chunk>,
    max_chunks: u64,
}

impl MemStore {
    /// Empty memory that keeps at most `limit` bytes that are not zero.
    pub fn new(limit: u64) -> MemStore {
        MemStore { chunks: BTreeMap::new(), max_chunks: limit / CHUNK }
    }
    /// Bytes kept now.
    pub fn resident(&self) -> u64 {
        self.chunks.len() as u64 * CHUNK
    }
    fn write_piece(&mut self, chunk: u64, at: usize, data: &[u8]) -> Result<(), StoreError> {
        let zero = data.iter().all(|&b| b == 0);
        let Some(kept) = self.chunks.get_mut(&chunk) else {
            if zero {
                return Ok(());
            }
            if self.chunks.len() as u64 >= self.max_chunks {
                return Err(StoreError::Full);
            }
            let mut new = Chunk::zero();
            new.0[at..at + data.len()].copy_from_slice(data);
            self.chunks.insert(chunk, new);
            return Ok(());
        };
        kept.0[at..at + data.len()].copy_from_slice(data);
        if zero && kept.0.iter().all(|&b| b == 0) {
            self.chunks.remove(&chunk);
        }
        Ok(())
    }
}

/// Splits `len` bytes at `offset` into (chunk, offset in chunk, length).
fn pieces(offset: u64, len: u64) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + len;
    let mut at = offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let inside = at % CHUNK;
        let n = (CHUNK - inside).min(end - at);
        let piece = (at / CHUNK, inside as usize, n as usize);
        at += n;
        Some(piece)
    })
}

impl LunStore for MemStore {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let mut rest = out;
        for (chunk, at, n) in pieces(offset, rest.len() as u64) {
            let (now, later) = rest.split_at_mut(n);
            match self.chunks.get(&chunk) {
                Some(kept) => now.copy_from_slice(&kept.0[at..at + n]),
                None => now.fill(0),
            }
            rest = later;
        }
        Ok(())
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        let mut rest = data;
        for (chunk, at, n) in pieces(offset, data.len() as u64) {
            let (now, later) = rest.split_at(n);
            self.write_piece(chunk, at, now)?;
            rest = later;
        }
        Ok(())
    }
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
        let end = offset + len;
        let (first, last) = (offset.div_ceil(CHUNK), end / CHUNK);
        if first >= last {
            return pieces(offset, len).try_for_each(|(c, at, n)| self.write_piece(c, at, &vec![0; n]));
        }
        let gone: Vec<u64> = self.chunks.range(first..last).map(|(at, _)| *at).collect();
        for at in gone {
            self.chunks.remove(&at);
        }
        for (c, at, n) in
            pieces(offset, first * CHUNK - offset).chain(pieces(last * CHUNK, end - last * CHUNK))
        {
            self.write_piece(c, at, &vec![0; n])?;
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        drop(self.chunks.split_off(&size.div_ceil(CHUNK)));
        Ok(())
    }
}

/// Where the blocks of a unit are.
#[derive(Serialize, Deserialize)]
pub enum Backing {
    /// In memory; the content is part of the state.
    Memory(MemStore),
    /// In a store of the embedding program. `digest` covers every change made
    /// through it, in order, and stands for the content in the state hash.
    /// After a state is loaded the store is absent until attached again.
    External {
        /// Running digest of all changes.
        digest: u128,
        /// The store; not saved.
        #[serde(skip)]
        store: Option<Box<dyn LunStore>>,
    },
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backing::Memory(m) => write!(f, "Memory({} bytes)", m.resident()),
            Backing::External { digest, store } => {
                write!(f, "External(digest {digest:032x}, attached {})", store.is_some())
            }
        }
    }
}

impl Backing {
    /// A store of the embedding program.
    pub fn external(store: Box<dyn LunStore>) -> Backing {
        Backing::External { digest: 0, store: Some(store) }
    }
    /// Attaches `store` again after the state was loaded; memory becomes external.
    pub fn attach(&mut self, store: Box<dyn LunStore>) {
        match self {
            Backing::External { store: place, .. } => *place = Some(store),
            Backing::Memory(_) => *self = Backing::external(store),
        }
    }
    /// True if the blocks are not in the saved form.
    pub fn is_outside(&self) -> bool {
        matches!(self, Backing::External { .. })
    }
    /// False while an external store is missing.
    pub fn is_ready(&self) -> bool {
        !matches!(self, Backing::External { store: None, .. })
    }
    fn note(&mut self, what: u8, offset: u64, len: u64, data: &[u8]) {
        if let Backing::External { digest, .. } = self {
            let mut h = StateHasher::new();
            h.state(&(*digest, what, offset, len));
            h.bytes(data);
            *digest = h.finish();
        }
    }
    fn store(&mut self) -> Result<&mut dyn LunStore, StoreError> {
        match self {
            Backing::Memory(m) => Ok(m),
            Backing::External { store, .. } => store.as_deref_mut().map(|s| s as _).ok_or(StoreError::Failed),
        }
    }
}

impl LunStore for Backing {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.store()?.read(offset, out)
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.note(1, offset, data.len() as u64, data);
        self.store()?.write(offset, data)
    }
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
        self.note(2, offset, len, &[]);
        self.store()?.unmap(offset, len)
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        self.store()?.flush()
    }
    fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        self.note(3, size, 0, &[]);
        self.store()?.resize(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_sparse_and_unmap_reads_zero() {
        let mut m = MemStore::new(8 * CHUNK);
        m.write(4000, &[7; 5000]).expect("fits");
        assert_eq!(m.resident(), 3 * CHUNK);
        m.unmap(4096, 4096).expect("memory");
        assert_eq!(m.resident(), 2 * CHUNK);
        let mut out = [1; 5002];
        m.read(3999, &mut out).expect("memory");
        assert_eq!(
            (out[0], out[1], out[96], out[97], out[4192], out[4193], out[5000], out[5001]),
            (0, 7, 7, 0, 0, 7, 7, 0)
        );
        m.unmap(0, 1 << 50).expect("memory");
        assert_eq!(m.resident(), 0);
    }

    #[test]
    fn zeros_cost_nothing_and_the_limit_holds() {
        let mut m = MemStore::new(2 * CHUNK);
        m.write(0, &vec![0; 1 << 20]).expect("zeros");
        assert_eq!(m.resident(), 0);
        assert_eq!(m.write(0, &[1; 3 * CHUNK as usize]), Err(StoreError::Full));
        assert_eq!(m.resident(), 2 * CHUNK);
    }

    #[test]
    fn the_digest_of_an_external_store_tells_histories_apart() {
        let run = |writes: &[(u64, u8)]| {
            let mut b = Backing::external(Box::new(MemStore::new(1 << 20)));
            for &(at, byte) in writes {
                b.write(at, &[byte; 512]).expect("memory");
            }
            fabric::state_hash(&b)
        };
        assert_eq!(run(&[(0, 1)]), run(&[(0, 1)]));
        assert_ne!(run(&[(0, 1)]), run(&[(512, 1)]));
        assert_ne!(run(&[(0, 1)]), run(&[(0, 1), (0, 1)]));
    }
}
