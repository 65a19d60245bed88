//! Kernel images and symbols: ELF files in, bytes and addresses out.

use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, elf};
use std::collections::BTreeMap;

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
    /// Nothing to load.
    #[error("no loadable segment")]
    Empty,
    /// No symbol table.
    #[error("no symbol table (stripped): scenarios need the kernel's symbols")]
    Stripped,
}

/// A piece of the image and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Real address.
    pub ra: u64,
    /// Bytes from the file.
    pub bytes: Vec<u8>,
    /// Size in memory, at least `bytes.len()`.
    pub size: u64,
}

/// Symbols by name: all addresses of a name, functions and data alike.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    by_name: BTreeMap<String, Vec<Symbol>>,
    by_address: BTreeMap<u64, String>,
    data: BTreeMap<u64, String>,
}

/// One symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its value: a virtual address, or an offset in a module's section.
    pub address: u64,
    /// Bytes from there to the local entry point (ELFv2 st_other).
    pub local_entry: u64,
    /// Size.
    pub size: u64,
    /// Section it is defined in.
    pub section: usize,
    /// It is a function.
    pub function: bool,
}

impl Symbols {
    /// Reads the table of an ELF file.
    pub fn read(elf: &ElfFile64<'_, Endianness>) -> Symbols {
        let mut symbols = Symbols::default();
        for s in elf.symbols().filter(|s| s.is_definition()) {
            let Ok(name) = s.name() else { continue };
            let section = s.section_index().map_or(0, |i| i.0);
            let other = s.elf_symbol().st_other.0;
            let function = s.kind() == object::SymbolKind::Text && s.size() > 0;
            let (address, local_entry) = (s.address(), local_entry(other));
            let symbol = Symbol { address, local_entry, size: s.size(), section, function };
            symbols.by_name.entry(name.to_owned()).or_default().push(symbol);
            match s.kind() {
                object::SymbolKind::Text => symbols.by_address.insert(s.address(), name.to_owned()),
                object::SymbolKind::Data => symbols.data.insert(s.address(), name.to_owned()),
                _ => None,
            };
        }
        symbols
    }
    /// Symbols at these addresses, for tests.
    #[cfg(test)]
    pub fn of(list: &[(&str, u64)]) -> Symbols {
        let mut symbols = Symbols::default();
        for (name, address) in list {
            let symbol = Symbol { address: *address, local_entry: 0, size: 4, section: 1, function: true };
            symbols.by_name.insert((*name).to_owned(), vec![symbol]);
            symbols.by_address.insert(*address, (*name).to_owned());
        }
        symbols
    }
    /// The first symbol of this name.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.by_name.get(name).and_then(|s| s.first().copied())
    }
    /// The function at or below `address` and the distance.
    pub fn at(&self, address: u64) -> Option<(&str, u64)> {
        let (start, name) = self.by_address.range(..=address).next_back()?;
        Some((name, address - start))
    }
    /// The data object that begins at `address`.
    pub fn data_at(&self, address: u64) -> Option<&str> {
        self.data.get(&address).map(String::as_str)
    }
    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
    /// Number of names.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// Offset of the local entry point from st_other (ELFv2 ABI 1.5, 3.4.1).
fn local_entry(other: u8) -> u64 {
    match other >> 5 {
        0 | 1 | 7 => 0,
        n => 1 << n,
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
    pub fn parse(file: &[u8]) -> Result<KernelImage, KernelError> {
        let elf = ElfFile64::<Endianness>::parse(file).map_err(|e| KernelError::Elf(e.to_string()))?;
        let endian = elf.endian();
        let header = elf.elf_header();
        if header.e_machine.get(endian) != elf::EM_PPC64 || endian != Endianness::Little {
            return Err(KernelError::Machine(format!("{:?}, {endian:?} endian", elf.architecture())));
        }
        let segments = segments(&elf, file)?;
        let symbols = Symbols::read(&elf);
        if symbols.is_empty() {
            return Err(KernelError::Stripped);
        }
        let end = segments.iter().map(|s| s.ra + s.size).max().unwrap_or(0);
        let entry = header.e_entry.get(endian) & !LINEAR_MAP;
        Ok(KernelImage { segments, entry, end, symbols, banner: banner(file) })
    }
}

fn segments(elf: &ElfFile64<'_, Endianness>, file: &[u8]) -> Result<Vec<Segment>, KernelError> {
    let (endian, len) = (elf.endian(), file.len() as u64);
    let mut out = vec![];
    for ph in elf.elf_program_headers().iter().filter(|ph| ph.p_type(endian) == elf::PT_LOAD) {
        let (offset, filesz) = ph.file_range(endian);
        let end = offset.saturating_add(filesz);
        let bytes = file.get(offset as usize..end as usize).ok_or(KernelError::Truncated { end, len })?;
        let (ra, size) = (ph.p_paddr(endian) & !LINEAR_MAP, ph.p_memsz(endian).max(filesz));
        if ra.checked_add(size).is_none() {
            return Err(KernelError::Elf(format!("a segment of {size:#x} bytes at {ra:#x}")));
        }
        out.push(Segment { ra, bytes: bytes.to_vec(), size });
    }
    if out.is_empty() { Err(KernelError::Empty) } else { Ok(out) }
}

fn banner(file: &[u8]) -> String {
    const MARK: &[u8] = b"Linux version ";
    let Some(at) = file.windows(MARK.len()).position(|w| w == MARK) else {
        return String::new();
    };
    let text = &file[at..file.len().min(at + 256)];
    let end = text.iter().position(|&b| b == b'\n' || b == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
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

    #[test]
    fn local_entries_follow_st_other() {
        assert_eq!([0, 1, 2, 3, 4].map(|n: u8| local_entry(n << 5)), [0, 0, 4, 8, 16]);
    }
}
