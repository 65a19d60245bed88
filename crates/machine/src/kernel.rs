//! Kernel images and symbols: ELF files in, bytes and addresses out.

use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, elf};
use std::ops::Range;

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
///
/// A kernel has 200,000: sorted once, with their names in one text.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    text: String,
    /// Sorted by name, which is a part of `text`; those of one name in the order of the table.
    named: Vec<(Range<u32>, Symbol)>,
    /// Addresses of functions, ascending, with places in `named`; of several names the last of the table.
    functions: Vec<(u64, u32)>,
    /// The same for data.
    data: Vec<(u64, u32)>,
}

/// What a symbol's address leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Data,
    Other,
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
        let mut list = vec![];
        for s in elf.symbols().filter(|s| s.is_definition()) {
            let Ok(name) = s.name() else { continue };
            let section = s.section_index().map_or(0, |i| i.0);
            let other = s.elf_symbol().st_other.0;
            let function = s.kind() == object::SymbolKind::Text && s.size() > 0;
            let (address, local_entry) = (s.address(), local_entry(other));
            let kind = match s.kind() {
                object::SymbolKind::Text => Kind::Text,
                object::SymbolKind::Data => Kind::Data,
                _ => Kind::Other,
            };
            list.push((name, Symbol { address, local_entry, size: s.size(), section, function }, kind));
        }
        Symbols::sorted(&list)
    }
    /// Puts a table in order.
    fn sorted(list: &[(&str, Symbol, Kind)]) -> Symbols {
        // The first bytes of a name decide most comparisons.
        let first = |name: &str| {
            let mut bytes = [0; 8];
            let len = name.len().min(8);
            bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
            u64::from_be_bytes(bytes)
        };
        let mut order: Vec<(u64, u32)> = list.iter().map(|s| first(s.0)).zip(0..).collect();
        order.sort_unstable_by(|a, b| {
            let name = |n: u32| list[n as usize].0;
            a.0.cmp(&b.0).then_with(|| name(a.1).cmp(name(b.1))).then(a.1.cmp(&b.1))
        });
        let mut symbols = Symbols::default();
        let (mut functions, mut data) = (vec![], vec![]);
        for ((_, n), at) in order.into_iter().zip(0..) {
            let (name, symbol, kind) = list[n as usize];
            let start = symbols.text.len() as u32;
            symbols.text.push_str(name);
            symbols.named.push((start..symbols.text.len() as u32, symbol));
            match kind {
                Kind::Text => functions.push((symbol.address, n, at)),
                Kind::Data => data.push((symbol.address, n, at)),
                Kind::Other => {}
            }
        }
        symbols.functions = last_of_each(functions);
        symbols.data = last_of_each(data);
        symbols
    }
    /// Symbols at these addresses, for tests.
    #[cfg(test)]
    pub fn of(list: &[(&str, u64)]) -> Symbols {
        let symbol = |address| Symbol { address, local_entry: 0, size: 4, section: 1, function: true };
        let list: Vec<_> = list.iter().map(|(name, at)| (*name, symbol(*at), Kind::Text)).collect();
        Symbols::sorted(&list)
    }
    fn name(&self, at: u32) -> &str {
        self.part(&self.named[at as usize].0)
    }
    fn part(&self, range: &Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }
    /// The first symbol of this name.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        let at = self.named.partition_point(|(range, _)| self.part(range) < name);
        self.named.get(at).filter(|(range, _)| self.part(range) == name).map(|(_, symbol)| *symbol)
    }
    /// The function at or below `address` and the distance.
    pub fn at(&self, address: u64) -> Option<(&str, u64)> {
        let behind = self.functions.partition_point(|(start, _)| *start <= address);
        let (start, name) = self.functions[..behind].last()?;
        Some((self.name(*name), address - start))
    }
    /// The data object that begins at `address`.
    pub fn data_at(&self, address: u64) -> Option<&str> {
        let at = self.data.binary_search_by_key(&address, |(start, _)| *start).ok()?;
        Some(self.name(self.data[at].1))
    }
    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        let names = (0..self.named.len() as u32).map(|at| self.name(at));
        names.filter(move |name| last.replace(*name) != Some(*name))
    }
    /// Number of names.
    pub fn len(&self) -> usize {
        self.names().count()
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}

/// Of (address, place in the table, place by name): the last of the table for each address, ascending.
fn last_of_each(mut all: Vec<(u64, u32, u32)>) -> Vec<(u64, u32)> {
    all.sort_unstable();
    let chunks = all.chunk_by(|a, b| a.0 == b.0);
    chunks.filter_map(|same| same.last().map(|(address, _, name)| (*address, *name))).collect()
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
        let mut image = KernelImage { segments, entry, end, symbols, banner: String::new() };
        let known = image.text("linux_banner").filter(|text| text.starts_with(MARK));
        image.banner = known.map_or_else(|| banner(file), |text| text.trim_end().to_owned());
        Ok(image)
    }

    /// The text, up to its NUL, that a symbol names.
    pub fn text(&self, symbol: &str) -> Option<String> {
        let ra = self.symbols.find(symbol)?.address & !LINEAR_MAP;
        let bytes = self.segments.iter().find_map(|s| s.bytes.get(ra.checked_sub(s.ra)? as usize..))?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Begins the banner of every kernel.
const MARK: &str = "Linux version ";

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
    let Some(at) = file.windows(MARK.len()).position(|w| w == MARK.as_bytes()) else {
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
    fn symbols_are_found_by_name_and_by_address() {
        let symbol = |address, size| Symbol { address, local_entry: 0, size, section: 1, function: true };
        let list = [
            ("memset_long_name", symbol(0x300, 1), Kind::Text),
            ("memset", symbol(0x100, 2), Kind::Text),
            ("memset_long", symbol(0x200, 3), Kind::Text),
            ("memset", symbol(0x500, 4), Kind::Text),
            ("alias_of_memset", symbol(0x100, 5), Kind::Text),
            ("table", symbol(0x900, 6), Kind::Data),
            ("no_type", symbol(0x250, 7), Kind::Other),
        ];
        let symbols = Symbols::sorted(&list);
        let names = ["alias_of_memset", "memset", "memset_long", "memset_long_name", "no_type", "table"];
        assert_eq!((symbols.names().collect::<Vec<_>>(), symbols.len()), (names.to_vec(), names.len()));
        assert_eq!(symbols.find("memset"), Some(symbol(0x100, 2)), "the first of the table");
        assert_eq!((symbols.find("memse"), symbols.find("zero")), (None, None));
        assert_eq!(symbols.at(0x180), Some(("alias_of_memset", 0x80)), "the last of the table");
        assert_eq!(symbols.at(0x260), Some(("memset_long", 0x60)), "no_type is no function");
        assert_eq!((symbols.at(0xFF), symbols.at(0x5FF)), (None, Some(("memset", 0xFF))));
        assert_eq!((symbols.data_at(0x900), symbols.data_at(0x901)), (Some("table"), None));
    }

    #[test]
    fn local_entries_follow_st_other() {
        assert_eq!([0, 1, 2, 3, 4].map(|n: u8| local_entry(n << 5)), [0, 0, 4, 8, 16]);
    }
}
