//! The file form of a snapshot: what it was made of, the state of everything
//! but the memory, the pages that are not zero. Little-endian:
//! ```text
//! magic[8]  version u32  length of the file u64  XXH3-128 of what follows u128
//! facts:  blocks of the postcard form of [`Facts`]
//! state:  blocks of bytes
//! memory: size u64, groups u32, each: pages u32, their numbers u32 each, one block
//! blocks: number u32, each: length u32, length of its LZ4 form u32, that form
//! ```
//! A file may come from anywhere: every size in it is checked against what is
//! there before anything is allocated for it.

use fabric::MemoryImage;
use fabric::hash::StateHasher;
use fabric::memory::PAGE;
use lz4_flex::block::{compress, decompress_into};
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 8] = *b"capisnap";
/// Version of the format. Whatever a state consists of is told by the hash of
/// the program, which is one of the [`Facts`].
pub const VERSION: u32 = 1;
/// Bytes before those that the checksum is about.
const HEAD: usize = 36;
/// Bytes of a block before compression, at most.
const BLOCK: usize = 1 << 20;
/// Pages of a group, at most.
const GROUP: usize = BLOCK / PAGE;
/// Most that facts and state may be.
const MOST: usize = 1 << 30;

/// What a snapshot was made of, by name, most telling first. Two are the same
/// if all of it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts(pub Vec<(String, String)>);

impl Facts {
    /// The first fact that is another in `file`.
    fn differs(&self, file: &Facts) -> Option<BadSnapshot> {
        let of = |facts: &Facts, name: &str| facts.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let names = self.0.iter().chain(&file.0).map(|(name, _)| name);
        names.into_iter().find_map(|name| {
            let (here, there) = (of(self, name), of(file, name));
            (here != there).then(|| BadSnapshot::Differs {
                what: name.clone(),
                // Whoever wrote it may have written anything.
                file: there.map_or("not told".into(), |t| t.escape_debug().to_string()),
                here: here.unwrap_or_else(|| "not told".into()),
            })
        })
    }
}

/// Why bytes are not a snapshot that can be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// Something else.
    #[error("not a snapshot")]
    NotOne,
    /// Another version of the format.
    #[error("a snapshot of format {0}, this program reads format {VERSION}")]
    Version(u32),
    /// Its end is missing, or something follows it.
    #[error("a snapshot of {says} bytes of which {has} are there")]
    Length {
        /// As it says.
        says: u64,
        /// As it is.
        has: u64,
    },
    /// The checksum is wrong.
    #[error("damaged: its checksum does not fit its contents")]
    Damaged,
    /// Made of something else.
    #[error("its {what} is {file}, here it is {here}")]
    Differs {
        /// Which fact.
        what: String,
        /// In the file.
        file: String,
        /// Here.
        here: String,
    },
    /// Whole, and yet it makes no sense.
    #[error("its contents make no sense: {0}")]
    Contents(String),
}

fn nonsense(what: &str) -> BadSnapshot {
    BadSnapshot::Contents(what.to_owned())
}

/// The file form.
///
/// # Errors
/// The state is larger than a file may hold.
pub fn encode(facts: &Facts, state: &[u8], memory: &MemoryImage) -> Result<Vec<u8>, BadSnapshot> {
    if state.len() > MOST {
        return Err(nonsense("the state is larger than 1 GiB"));
    }
    let mut out = vec![];
    let facts = postcard::to_stdvec(facts).expect("facts are texts");
    put_blocks(&mut out, &facts);
    put_blocks(&mut out, state);
    out.extend(memory.len().to_le_bytes());
    let pages: Vec<u32> = memory.pages().collect();
    put_count(&mut out, pages.len().div_ceil(GROUP));
    for (numbers, bytes) in pages.chunks(GROUP).zip(memory.bytes().chunks(BLOCK)) {
        put_count(&mut out, numbers.len());
        numbers.iter().for_each(|n| out.extend(n.to_le_bytes()));
        put_block(&mut out, bytes);
    }
    Ok(sealed(&out))
}

/// The file with this body: a head that fits it in front.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + body.len());
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(((HEAD + body.len()) as u64).to_le_bytes());
    out.extend(checksum(body).to_le_bytes());
    out.extend(body);
    out
}

/// State and memory of a file made of `facts`, with `memory` bytes of memory.
///
/// # Errors
/// The bytes are not such a file.
pub fn decode(bytes: &[u8], facts: &Facts, memory: u64) -> Result<(Vec<u8>, MemoryImage), BadSnapshot> {
    let mut reader = body(bytes)?;
    let made_of: Facts =
        postcard::from_bytes(&reader.blocks()?).map_err(|_| nonsense("what it was made of"))?;
    if let Some(differs) = facts.differs(&made_of) {
        return Err(differs);
    }
    let state = reader.blocks()?;
    if reader.u64()? != memory {
        return Err(nonsense("another amount of memory"));
    }
    let mut image = MemoryImage::new(memory);
    for _ in 0..reader.u32()? {
        reader.group(&mut image)?;
    }
    if reader.rest.is_empty() { Ok((state, image)) } else { Err(nonsense("more than a snapshot")) }
}

/// What a file was made of, nothing else of it looked at.
///
/// # Errors
/// The bytes are not a snapshot.
pub fn facts(bytes: &[u8]) -> Result<Facts, BadSnapshot> {
    postcard::from_bytes(&body(bytes)?.blocks()?).map_err(|_| nonsense("what it was made of"))
}

fn checksum(bytes: &[u8]) -> u128 {
    let mut h = StateHasher::new();
    h.bytes(bytes);
    h.finish()
}

/// The bytes behind the head, which is found to be right.
fn body(bytes: &[u8]) -> Result<Reader<'_>, BadSnapshot> {
    let mut head = Reader { rest: bytes };
    if head.take(8).map_or(true, |magic| magic != MAGIC) {
        return Err(BadSnapshot::NotOne);
    }
    // A head that is cut off is the start of a snapshot.
    let cut = |_| BadSnapshot::Length { says: HEAD as u64, has: bytes.len() as u64 };
    let version = head.u32().map_err(cut)?;
    if version != VERSION {
        return Err(BadSnapshot::Version(version));
    }
    let says = head.u64().map_err(cut)?;
    let sum = head.take(16).map_err(cut)?;
    if says != bytes.len() as u64 {
        return Err(BadSnapshot::Length { says, has: bytes.len() as u64 });
    }
    if checksum(head.rest).to_le_bytes() != sum {
        return Err(BadSnapshot::Damaged);
    }
    Ok(head)
}

fn put_count(out: &mut Vec<u8>, n: usize) {
    out.extend(u32::try_from(n).expect("sizes are bounded above").to_le_bytes());
}

fn put_block(out: &mut Vec<u8>, bytes: &[u8]) {
    let small = compress(bytes);
    put_count(out, bytes.len());
    put_count(out, small.len());
    out.extend(small);
}

fn put_blocks(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len().div_ceil(BLOCK));
    bytes.chunks(BLOCK).for_each(|block| put_block(out, block));
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], BadSnapshot> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(|| nonsense("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }
    fn u32(&mut self) -> Result<u32, BadSnapshot> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }
    fn u64(&mut self) -> Result<u64, BadSnapshot> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("8 bytes")))
    }
    /// A block, into the beginning of `room`, which is of the greatest size.
    fn block<'r>(&mut self, room: &'r mut [u8]) -> Result<&'r [u8], BadSnapshot> {
        let (length, small) = (self.u32()? as usize, self.u32()? as usize);
        let small = self.take(small)?;
        let room = room.get_mut(..length).ok_or_else(|| nonsense("a block is too long"))?;
        match decompress_into(small, room) {
            Ok(n) if n == length => Ok(room),
            _ => Err(nonsense("a block cannot be unpacked")),
        }
    }
    fn blocks(&mut self) -> Result<Vec<u8>, BadSnapshot> {
        let (mut out, mut room) = (vec![], vec![0; BLOCK]);
        for _ in 0..self.u32()? {
            let block = self.block(&mut room)?;
            if out.len() + block.len() > MOST {
                return Err(nonsense("more than 1 GiB of state"));
            }
            out.extend_from_slice(block);
        }
        Ok(out)
    }
    fn group(&mut self, image: &mut MemoryImage) -> Result<(), BadSnapshot> {
        let count = self.u32()? as usize;
        if count > GROUP {
            return Err(nonsense("a group is too long"));
        }
        let numbers = self.take(4 * count)?;
        let mut room = vec![0; BLOCK];
        let (pages, rest) = self.block(&mut room)?.as_chunks::<PAGE>();
        if pages.len() != count || !rest.is_empty() {
            return Err(nonsense("a group has pages without numbers"));
        }
        let numbers = numbers.as_chunks::<4>().0.iter().map(|n| u32::from_le_bytes(*n));
        let good = numbers.zip(pages).all(|(n, page)| image.push(n, page));
        if good { Ok(()) } else { Err(nonsense("its pages are out of order")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 4 << 20;

    fn made_of() -> Facts {
        let fact = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Facts([("kernel", "6.1"), ("seed", "1")].iter().map(fact).collect())
    }

    /// More than one group of pages, more than one block of state.
    fn contents() -> (Vec<u8>, MemoryImage) {
        let mut image = MemoryImage::new(SIZE);
        for page in (0..600u32).filter(|p| p % 3 != 1) {
            let mut contents = [0; PAGE];
            contents[..4].copy_from_slice(&page.to_le_bytes());
            contents[PAGE - 1] = 1;
            image.push(page, &contents);
        }
        ((0..BLOCK as u32 + 99).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect(), image)
    }

    fn file() -> Vec<u8> {
        let (state, memory) = contents();
        encode(&made_of(), &state, &memory).expect("small")
    }

    #[test]
    fn what_was_written_is_read() {
        let (state, memory) = contents();
        let (state_again, memory_again) = decode(&file(), &made_of(), SIZE).expect("its own file");
        assert!(state == state_again && memory.bytes() == memory_again.bytes());
        assert!(memory.pages().eq(memory_again.pages()) && memory.len() == memory_again.len());
        assert_eq!(facts(&file()).expect("its own file"), made_of());
    }

    #[test]
    fn what_is_not_whole_is_refused_and_says_why() {
        let (file, has) = (file(), file().len() as u64);
        let refused = |bytes: &[u8]| decode(bytes, &made_of(), SIZE).map(|_| ()).expect_err("refused");
        let with = |at: usize, byte: u8| {
            let mut bytes = file.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(refused(b""), BadSnapshot::NotOne);
        assert_eq!(refused(&with(0, b'C')), BadSnapshot::NotOne);
        assert_eq!(refused(&with(8, 9)), BadSnapshot::Version(9));
        assert_eq!(refused(&file[..20]), BadSnapshot::Length { says: HEAD as u64, has: 20 });
        for cut in [HEAD, HEAD + 1, file.len() / 2, file.len() - 1] {
            assert_eq!(refused(&file[..cut]), BadSnapshot::Length { says: has, has: cut as u64 });
        }
        assert_eq!(refused(&[&file[..], b"x"].concat()), BadSnapshot::Length { says: has, has: has + 1 });
        for at in [20, HEAD, HEAD + 9, file.len() / 2, file.len() - 1] {
            assert_eq!(refused(&with(at, file[at] ^ 4)), BadSnapshot::Damaged, "bit of byte {at}");
        }
    }

    #[test]
    fn what_was_made_of_something_else_is_refused_by_name() {
        let mut here = made_of();
        here.0[1].1 = "2".into();
        let refused = decode(&file(), &here, SIZE).map(|_| ()).expect_err("another seed");
        assert_eq!(refused.to_string(), "its seed is 1, here it is 2");
        let refused = decode(&file(), &Facts::default(), SIZE).map(|_| ()).expect_err("more facts");
        assert_eq!(refused.to_string(), "its kernel is 6.1, here it is not told");
        let refused = decode(&file(), &made_of(), SIZE * 2).map(|_| ()).expect_err("less memory");
        assert_eq!(refused.to_string(), "its contents make no sense: another amount of memory");
    }

    /// Whoever writes the checksum as well cannot make it take more than it has.
    #[test]
    fn sizes_in_a_file_are_not_believed() {
        let mut image = MemoryImage::new(SIZE);
        [3, 4, 9].iter().for_each(|n| assert!(image.push(*n, &[1; PAGE])));
        let file = encode(&made_of(), b"state", &image).expect("small");
        for at in HEAD..file.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = file.clone();
                bytes[at] = value;
                // It may still be one: a page may have any contents.
                let _ = decode(&sealed(&bytes[HEAD..]), &made_of(), SIZE);
            }
        }
        let small: Vec<u8> = encode(&made_of(), &[], &MemoryImage::new(SIZE)).expect("small");
        for cut in HEAD..small.len() {
            assert!(decode(&sealed(&small[HEAD..cut]), &made_of(), SIZE).is_err(), "cut at {cut}");
        }
    }
}
