//! Kernel images: ELF files in, bytes and addresses out.

mod symbols;

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadCache, ReadRef, elf};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub use symbols::{Symbol, Symbols};

/// Kernel virtual addresses without the quadrant are linear-map addresses.
pub const LINEAR_MAP: u64 = 0xC000_0000_0000_0000;

/// Why a file is not a kernel this machine can boot.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Not an ELF file, or damaged.
    #[error("not a readable ELF file: {0}; give an uncompressed ppc64le vmlinux")]
    Elf(String),
    /// Another machine or byte order.
    #[error("an ELF file for another machine ({0}); a 64-bit little-endian PowerPC kernel is needed")]
    Machine(String),
    /// A segment reaches past the end of the file.
    #[error("truncated: a segment ends at byte {end}, the file has {len}")]
    Truncated {
        /// Where the segment ends.
        end: u64,
        /// Size of the file.
        len: u64,
    },
    /// The operating system refused.
    #[error("cannot read it: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing to load.
    #[error("no loadable segment")]
    Empty,
    /// No symbol table.
    #[error("no symbol table (stripped): scenarios need the kernel's symbols")]
    Stripped,
}

/// A piece of the image and where it goes.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Real address.
    pub ra: u64,
    /// What to put there.
    pub content: Content,
    /// Size in memory, at least that of the content.
    pub size: u64,
}

/// Bytes of a segment.
#[derive(Clone, Debug)]
pub enum Content {
    /// These.
    Bytes(Vec<u8>),
    /// A part of a file, which is read when it is needed.
    File {
        /// The file.
        file: Arc<File>,
        /// Where the part begins.
        offset: u64,
        /// Its size.
        len: u64,
    },
}

/// Most bytes of a file that are held at a time.
const PIECE: u64 = 1 << 18;

impl Content {
    /// All of a file.
    ///
    /// # Errors
    /// Those of asking for its size.
    pub fn of_file(file: &Arc<File>) -> std::io::Result<Content> {
        Ok(Content::File { file: file.clone(), offset: 0, len: file.metadata()?.len() })
    }
    /// Number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { len, .. } => *len,
        }
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Up to `most` bytes from byte `from` on.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn read(&self, from: u64, most: u64) -> std::io::Result<Vec<u8>> {
        let from = from.min(self.len());
        let len = most.min(self.len() - from);
        match self {
            Content::Bytes(bytes) => Ok(bytes[from as usize..][..len as usize].to_vec()),
            Content::File { file, offset, .. } => {
                let mut bytes = vec![0; len as usize];
                file.read_exact_at(&mut bytes, offset + from)?;
                Ok(bytes)
            }
        }
    }
    /// Gives all bytes to `take`, in pieces, each with its distance from the first.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn pieces(&self, mut take: impl FnMut(u64, &[u8])) -> std::io::Result<()> {
        let (file, offset) = match self {
            Content::Bytes(bytes) => {
                take(0, bytes);
                return Ok(());
            }
            Content::File { file, offset, .. } => (file, offset),
        };
        let mut buffer = vec![0; PIECE.min(self.len()) as usize];
        for from in (0..self.len()).step_by(PIECE as usize) {
            let piece = &mut buffer[..PIECE.min(self.len() - from) as usize];
            file.read_exact_at(piece, offset + from)?;
            take(from, piece);
        }
        Ok(())
    }
}

/// A bootable kernel.
#[derive(Clone, Debug)]
pub struct KernelImage {
    /// What to load.
    pub segments: Vec<Segment>,
    /// Real address of the first instruction.
    pub entry: u64,
    /// Real address after the last byte the kernel owns.
    pub end: u64,
    /// Its symbols.
    pub symbols: Symbols,
    /// `Linux version …` as found in the image, or empty.
    pub banner: String,
}

impl KernelImage {
    /// Reads a vmlinux.
    ///
    /// # Errors
    /// As [`KernelError`] says.
    pub fn parse(file: &[u8]) -> Result<KernelImage, KernelError> {
        let content = |offset: u64, len: u64| {
            let bytes = file.get(offset as usize..offset.checked_add(len)? as usize)?;
            Some(Content::Bytes(bytes.to_vec()))
        };
        KernelImage::of(file, file.len() as u64, content)
    }
    /// The same of a file, of which only headers and symbols are read now: what a machine
    /// gets is read when one is built.
    ///
    /// # Errors
    /// As [`KernelError`] says.
    pub fn of_file(file: &Arc<File>) -> Result<KernelImage, KernelError> {
        let len = file.metadata()?.len();
        let content = |offset: u64, size: u64| part(file, len, offset, size);
        let cache = ReadCache::new(&**file);
        KernelImage::of(&cache, len, content)
    }
    /// What a machine gets of the kernel in a file.
    ///
    /// # Errors
    /// As [`KernelError`] says.
    pub fn segments_of(file: &Arc<File>) -> Result<Vec<Segment>, KernelError> {
        let len = file.metadata()?.len();
        let cache = ReadCache::new(&**file);
        let (header, endian) = header(&cache)?;
        let headers = header.program_headers(endian, &cache).map_err(damaged)?;
        segments(headers, endian, len, &|offset, size| part(file, len, offset, size))
    }
    fn of<'data>(
        file: impl ReadRef<'data>,
        len: u64,
        content: impl Fn(u64, u64) -> Option<Content>,
    ) -> Result<KernelImage, KernelError> {
        let (header, endian) = header(file)?;
        let segments =
            segments(header.program_headers(endian, file).map_err(damaged)?, endian, len, &content)?;
        let sections = header.section_headers(endian, file).map_err(damaged)?;
        let symbols = symbols(sections, endian, &content)?;
        if symbols.is_empty() {
            return Err(KernelError::Stripped);
        }
        let end = segments.iter().map(|s| s.ra + s.size).max().unwrap_or(0);
        let entry = header.e_entry.get(endian) & !LINEAR_MAP;
        let mut image = KernelImage { segments, entry, end, symbols, banner: String::new() };
        let known = image.text("linux_banner").filter(|text| text.starts_with(MARK));
        image.banner = match known {
            Some(text) => text.trim_end().to_owned(),
            None => image.search_banner()?,
        };
        Ok(image)
    }

    /// The text, up to its NUL, that a symbol names; of a long one the first bytes.
    pub fn text(&self, symbol: &str) -> Option<String> {
        let ra = self.symbols.find(symbol)?.address & !LINEAR_MAP;
        let inside = |s: &&Segment| s.ra <= ra && ra - s.ra < s.content.len();
        let segment = self.segments.iter().find(inside)?;
        let bytes = segment.content.read(ra - segment.ra, LONGEST_TEXT).ok()?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The banner of a kernel that has no symbol for it.
    fn search_banner(&self) -> Result<String, KernelError> {
        for segment in &self.segments {
            let mut found = None;
            // A banner in two pieces is not found: nor is it missed by anybody.
            segment.content.pieces(|_, bytes| {
                found = found.take().or_else(|| banner(bytes));
            })?;
            if let Some(text) = found {
                return Ok(text);
            }
        }
        Ok(String::new())
    }
}

/// Begins the banner of every kernel.
const MARK: &str = "Linux version ";
/// Most bytes of a text that are of interest.
const LONGEST_TEXT: u64 = 4096;

type Header = elf::FileHeader64<Endianness>;

fn damaged(e: object::Error) -> KernelError {
    KernelError::Elf(e.to_string())
}
/// The header of a kernel for this machine.
fn header<'data>(file: impl ReadRef<'data>) -> Result<(&'data Header, Endianness), KernelError> {
    let header = Header::parse(file).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine.get(endian);
    if machine != elf::EM_PPC64 || endian != Endianness::Little {
        return Err(KernelError::Machine(format!("ELF machine {}, {endian:?} endian", machine.0)));
    }
    Ok((header, endian))
}
/// A part of a file of `len` bytes, if it has that.
fn part(file: &Arc<File>, len: u64, offset: u64, size: u64) -> Option<Content> {
    let inside = offset.checked_add(size)? <= len;
    inside.then(|| Content::File { file: file.clone(), offset, len: size })
}

/// The symbols of the first table: none if it, or the names it leads to, are not in the file.
fn symbols(
    sections: &[elf::SectionHeader64<Endianness>],
    endian: Endianness,
    content: &impl Fn(u64, u64) -> Option<Content>,
) -> Result<Symbols, KernelError> {
    let Some(table) = sections.iter().find(|s| s.sh_type(endian) == elf::SHT_SYMTAB) else {
        return Ok(Symbols::default());
    };
    let names = sections.get(table.sh_link(endian) as usize);
    let bytes = |s: &elf::SectionHeader64<Endianness>| content(s.sh_offset(endian), s.sh_size(endian));
    let (Some(table), Some(names)) = (bytes(table), names.and_then(bytes)) else {
        return Ok(Symbols::default());
    };
    Ok(Symbols::of_bytes(endian, &table.read(0, u64::MAX)?, names.read(0, u64::MAX)?))
}

fn segments(
    headers: &[elf::ProgramHeader64<Endianness>],
    endian: Endianness,
    len: u64,
    content: &impl Fn(u64, u64) -> Option<Content>,
) -> Result<Vec<Segment>, KernelError> {
    let mut out = vec![];
    for ph in headers.iter().filter(|ph| ph.p_type(endian) == elf::PT_LOAD) {
        let (offset, filesz) = ph.file_range(endian);
        let end = offset.saturating_add(filesz);
        let content = content(offset, filesz).ok_or(KernelError::Truncated { end, len })?;
        let (ra, size) = (ph.p_paddr(endian) & !LINEAR_MAP, ph.p_memsz(endian).max(filesz));
        if ra.checked_add(size).is_none() {
            return Err(KernelError::Elf(format!("a segment of {size:#x} bytes at {ra:#x}")));
        }
        out.push(Segment { ra, content, size });
    }
    if out.is_empty() { Err(KernelError::Empty) } else { Ok(out) }
}

fn banner(bytes: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(bytes, MARK.as_bytes())?;
    let text = &bytes[at..bytes.len().min(at + 256)];
    let end = text.iter().position(|&b| b == b'\n' || b == 0).unwrap_or(text.len());
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kernel_is_refused_with_a_reason() {
        let said = |file: &[u8]| KernelImage::parse(file).map(|_| ()).unwrap_err().to_string();
        assert!(said(b"").contains("not a readable ELF"));
        assert!(said(b"\x7fELF").contains("not a readable ELF"));
        assert!(said(&[0; 4096]).contains("not a readable ELF"));
    }
}
