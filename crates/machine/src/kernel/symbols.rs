//! The symbols of an ELF file: by name and by address.

use object::read::elf::{ElfFile64, Sym};
use object::{Endianness, Object, ObjectSection, StringTable, elf};
use std::sync::OnceLock;

/// Symbols by name: all addresses of a name, functions and data alike.
///
/// A kernel has 125,000, of which a run asks for a few: names stay in the file's
/// string table, an order of their hashes finds them, and the orders by address are
/// made when somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Names, each ended by a NUL.
    text: Vec<u8>,
    /// As in the file's table.
    table: Vec<Named>,
    /// Hash of a name (upper half) and place in `table`, ascending.
    by_hash: Vec<u64>,
    functions: OnceLock<Addresses>,
    data: OnceLock<Addresses>,
}

/// Addresses, ascending, with places in the table; of several names the last.
type Addresses = Vec<(u64, u32)>;

/// A symbol and its name, a place in the text.
#[derive(Clone, Debug)]
struct Named {
    address: u64,
    size: u64,
    name: u32,
    section: u32,
    local_entry: u8,
    kind: Kind,
}

impl Named {
    fn symbol(&self) -> Symbol {
        Symbol {
            address: self.address,
            local_entry: self.local_entry.into(),
            size: self.size,
            section: self.section as usize,
            function: self.kind == Kind::Text && self.size > 0,
        }
    }
}

/// What a symbol's address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Longer names are left out. The kernel's own limit is 512.
const LONGEST_NAME: usize = 4096;

/// The name that begins at `at` of a text: up to its NUL.
fn name_at(text: &[u8], at: u32) -> Option<&[u8]> {
    let rest = text.get(at as usize..)?;
    let rest = &rest[..rest.len().min(LONGEST_NAME)];
    Some(&rest[..memchr::memchr(0, rest)?])
}
/// A hash of the name at `at`, found together with its end; names that have the same cost a
/// comparison, no more. `None` if it is empty or has no end.
fn hash(text: &[u8], at: u32) -> Option<u32> {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let rest = text.get(at as usize..)?;
    let (mut sum, mut place) = (0u64, 0);
    while place < LONGEST_NAME {
        let word = match rest[place.min(rest.len())..].first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            // What is behind the text ends no name.
            None => {
                let mut bytes = [u8::MAX; 8];
                let last = rest.get(place..)?;
                bytes[..last.len()].copy_from_slice(last);
                u64::from_le_bytes(bytes)
            }
        };
        // The lowest bit that is set is in the first byte that is 0.
        let zero = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
        let kept = if zero == 0 { word } else { word & ((1 << (zero.trailing_zeros() & 0x38)) - 1) };
        sum = (sum.rotate_left(23) ^ kept).wrapping_mul(ODD);
        if zero != 0 {
            return (place > 0 || kept != 0).then_some((sum >> 32) as u32);
        }
        place += 8;
    }
    None
}

impl Symbols {
    /// Reads the table of an ELF file; there is none in a file that has no such table.
    pub fn read<'data>(elf: &ElfFile64<'data, Endianness, &'data [u8]>) -> Symbols {
        let bytes = |section| {
            let section = elf.section_by_index(section).and_then(|section| section.data());
            section.map(<[u8]>::to_vec).unwrap_or_default()
        };
        let table = elf.elf_symbol_table();
        Symbols::of_bytes(elf.endian(), &bytes(table.section()), bytes(table.string_section()))
    }
    /// Reads a symbol table and its names. A symbol whose name is not in the table of names, or is
    /// not text, is left out.
    pub(super) fn of_bytes(endian: Endianness, symbols: &[u8], text: Vec<u8>) -> Symbols {
        let whole = symbols.len() / size_of::<elf::Sym64<Endianness>>();
        let (symbols, _) =
            object::pod::slice_from_bytes::<elf::Sym64<Endianness>>(symbols, whole).unwrap_or_default();
        // Only asked whether a local symbol without a type is one of the assembler's marks, of which POWER has none.
        let no_strings = StringTable::<&[u8]>::default();
        let mut table = Vec::with_capacity(symbols.len());
        for s in symbols.iter().filter(|s| s.is_definition(endian, no_strings)) {
            let kind = match s.st_type() {
                elf::STT_FUNC | elf::STT_GNU_IFUNC => Kind::Text,
                elf::STT_OBJECT | elf::STT_COMMON => Kind::Data,
                _ => Kind::Other,
            };
            table.push(Named {
                address: s.st_value(endian),
                size: s.st_size(endian),
                name: s.st_name(endian),
                section: s.st_shndx(endian).0.into(),
                local_entry: local_entry(s.st_other.0),
                kind,
            });
        }
        Symbols::of_table(text, table)
    }
    fn of_table(text: Vec<u8>, table: Vec<Named>) -> Symbols {
        let hash = |named: &Named, at: u64| Some(u64::from(hash(&text, named.name)?) << 32 | at);
        let mut by_hash: Vec<_> = table.iter().zip(0..).filter_map(|(named, at)| hash(named, at)).collect();
        by_hash.sort_unstable();
        Symbols { text, table, by_hash, ..Symbols::default() }
    }
    #[cfg(test)]
    fn of_list(list: &[(&str, Symbol, Kind)]) -> Symbols {
        let mut text = vec![];
        let mut table = vec![];
        for (name, symbol, kind) in list {
            let Symbol { address, size, section, .. } = *symbol;
            let (at, section) = (text.len() as u32, section as u32);
            table.push(Named { address, size, name: at, section, local_entry: 0, kind: *kind });
            text.extend_from_slice(name.as_bytes());
            text.push(0);
        }
        Symbols::of_table(text, table)
    }
    /// Symbols at these addresses, for tests.
    #[cfg(test)]
    pub fn of(list: &[(&str, u64)]) -> Symbols {
        let symbol = |address| Symbol { address, local_entry: 0, size: 4, section: 1, function: true };
        let list: Vec<_> = list.iter().map(|(name, at)| (*name, symbol(*at), Kind::Text)).collect();
        Symbols::of_list(&list)
    }
    fn bytes(&self, at: u32) -> &[u8] {
        name_at(&self.text, self.table[at as usize].name).unwrap_or_default()
    }
    /// Empty if the name is not text.
    fn name(&self, at: u32) -> &str {
        std::str::from_utf8(self.bytes(at)).unwrap_or_default()
    }
    /// The first symbol of this name.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        let text = [name.as_bytes(), &[0]].concat();
        let wanted = u64::from(hash(&text, 0)?);
        let from = self.by_hash.partition_point(|entry| entry >> 32 < wanted);
        let alike = self.by_hash[from..].iter().take_while(|entry| *entry >> 32 == wanted);
        let at = alike.map(|entry| *entry as u32).find(|at| self.bytes(*at) == name.as_bytes())?;
        Some(self.table[at as usize].symbol())
    }
    /// The function at or below `address` and the distance.
    pub fn at(&self, address: u64) -> Option<(&str, u64)> {
        let functions = self.functions.get_or_init(|| self.addresses(Kind::Text));
        let behind = functions.partition_point(|(start, _)| *start <= address);
        let (start, at) = functions[..behind].last()?;
        Some((self.name(*at), address - start))
    }
    /// The data object that begins at `address`.
    pub fn data_at(&self, address: u64) -> Option<&str> {
        let data = self.data.get_or_init(|| self.addresses(Kind::Data));
        let at = data.binary_search_by_key(&address, |(start, _)| *start).ok()?;
        Some(self.name(data[at].1))
    }
    fn addresses(&self, kind: Kind) -> Addresses {
        let named = |named: &Named| named.kind == kind && hash(&self.text, named.name).is_some();
        let all = self.table.iter().zip(0..).filter(|(symbol, _)| named(symbol));
        let mut all: Vec<_> = all.map(|(named, at)| (named.address, at)).collect();
        all.sort_unstable();
        let chunks = all.chunk_by(|a, b| a.0 == b.0);
        chunks.filter_map(|same| same.last().copied()).collect()
    }
    /// Names that begin with `start`, sorted.
    pub fn names_from(&self, start: &str) -> Vec<&str> {
        let begins = |named: &Named| {
            let rest = self.text.get(named.name as usize..);
            rest.is_some_and(|rest| rest.starts_with(start.as_bytes()))
        };
        let places = self.table.iter().zip(0..).filter(|(named, _)| begins(named));
        let mut found: Vec<_> = places.map(|(_, at)| self.name(at)).filter(|name| !name.is_empty()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names_from("").into_iter()
    }
    /// Number of names.
    pub fn len(&self) -> usize {
        self.names().count()
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }
}

/// Offset of the local entry point from st_other (ELFv2 ABI 1.5, 3.4.1).
fn local_entry(other: u8) -> u8 {
    match other >> 5 {
        0 | 1 | 7 => 0,
        n => 1 << n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let symbols = Symbols::of_list(&list);
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
    #[test]
    fn names_without_an_end_are_left_out() {
        let symbol = Symbol { address: 0x40, local_entry: 0, size: 4, section: 1, function: true };
        let text = b"\0four\0eight_ch\0sixteen_letters_\0no_end".to_vec();
        let places = [0, 1, 3, 6, 15, 23, 32, 40, 4000];
        let table = places
            .map(|name| Named { address: 0x40, size: 4, name, section: 1, local_entry: 0, kind: Kind::Text })
            .to_vec();
        let symbols = Symbols::of_table(text, table);
        let names: Vec<_> = symbols.names().collect();
        assert_eq!(names, ["eight_ch", "four", "letters_", "sixteen_letters_", "ur"]);
        assert!(names.iter().all(|name| symbols.find(name) == Some(symbol)));
        let others = ["", "no_end", "eight_cha", "eight_c", "sixteen_letters"];
        assert!(others.iter().all(|name| symbols.find(name).is_none()));
        assert_eq!(symbols.names_from("e"), ["eight_ch"]);
    }
}
