//! BTF, the type information that kernels carry about themselves
//! (Documentation/bpf/btf.rst of the kernel): where the members of a structure
//! are, its size, and the values of enumerators. Whoever gives us a kernel
//! gives us its BTF, so all of it is checked.

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ReadRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `magic` of the header, little-endian.
const MAGIC: u16 = 0xEB9F;
/// Bytes of the header that are known.
const HEADER: usize = 24;
/// Types in each other that are followed: members of members, typedefs.
const DEPTH: usize = 32;

/// Why a section is not BTF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// The file around it.
    #[error("not a readable ELF file: {0}")]
    Elf(String),
    /// Not BTF, or of another byte order.
    #[error("no BTF of a little-endian kernel (magic {0:#06x})")]
    Magic(u16),
    /// It ends before something that it names.
    #[error("truncated: {0} reaches past its end")]
    Truncated(&'static str),
    /// A kind that the format did not have when this was written.
    #[error("type {id} is of unknown kind {kind}")]
    Kind {
        /// Which type.
        id: usize,
        /// Its kind.
        kind: u32,
    },
}

/// Kinds of types that matter here (section 2.2 of the document).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Struct,
    Enum,
    Enum64,
    /// Another name for, or a qualified form of, the type it refers to.
    Same,
    Other,
}

/// Kind, bytes that follow a type, bytes that follow for each of `vlen`.
const KINDS: &[(Kind, usize, usize)] = &[
    (Kind::Other, 0, 0),   // void
    (Kind::Other, 4, 0),   // INT
    (Kind::Other, 0, 0),   // PTR
    (Kind::Other, 12, 0),  // ARRAY
    (Kind::Struct, 0, 12), // STRUCT
    (Kind::Struct, 0, 12), // UNION
    (Kind::Enum, 0, 8),    // ENUM
    (Kind::Other, 0, 0),   // FWD
    (Kind::Same, 0, 0),    // TYPEDEF
    (Kind::Same, 0, 0),    // VOLATILE
    (Kind::Same, 0, 0),    // CONST
    (Kind::Same, 0, 0),    // RESTRICT
    (Kind::Other, 0, 0),   // FUNC
    (Kind::Other, 0, 8),   // FUNC_PROTO
    (Kind::Other, 4, 0),   // VAR
    (Kind::Other, 0, 12),  // DATASEC
    (Kind::Other, 0, 0),   // FLOAT
    (Kind::Other, 4, 0),   // DECL_TAG
    (Kind::Same, 0, 0),    // TYPE_TAG
    (Kind::Enum64, 0, 12), // ENUM64
];

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bits from the beginning of the structure.
    pub bit: u64,
    /// Width in bits of a bit field; 0 if it is none.
    pub width: u32,
}

/// The types of a kernel, or those that a module adds to them.
#[derive(Clone, Debug, Default)]
pub struct Btf {
    base: Option<Arc<Btf>>,
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Where each type begins in `types`; the first is that with number `first`.
    starts: Vec<usize>,
    first: usize,
    /// Structures and unions with a name.
    named: BTreeMap<String, Vec<usize>>,
}

impl Btf {
    /// Reads the `.BTF` section of a kernel, or of a module whose kernel has
    /// `base`; `None` if the file has no such section.
    ///
    /// # Errors
    /// As [`BtfError`] says.
    pub fn of_elf<'data>(file: impl ReadRef<'data>, base: Option<Arc<Btf>>) -> Result<Option<Btf>, BtfError> {
        let elf = ElfFile64::<Endianness, _>::parse(file).map_err(|e| BtfError::Elf(e.to_string()))?;
        let Some(section) = elf.section_by_name(".BTF") else { return Ok(None) };
        let bytes = section.data().map_err(|e| BtfError::Elf(e.to_string()))?;
        Btf::parse(bytes, base).map(Some)
    }

    /// Reads BTF.
    ///
    /// # Errors
    /// As [`BtfError`] says.
    pub fn parse(bytes: &[u8], base: Option<Arc<Btf>>) -> Result<Btf, BtfError> {
        let magic = bytes.get(..2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        if magic != MAGIC {
            return Err(BtfError::Magic(magic));
        }
        let header = bytes.get(..HEADER).ok_or(BtfError::Truncated("the header"))?;
        let field = |n: usize| word(header, 4 * n).unwrap_or(0) as usize;
        let part = |offset: usize, length: usize, what| {
            let start = field(1).saturating_add(offset);
            bytes.get(start..start.saturating_add(length)).ok_or(BtfError::Truncated(what))
        };
        let types = part(field(2), field(3), "the section of types")?.to_vec();
        let strings = part(field(4), field(5), "the section of strings")?.to_vec();
        let first = base.as_ref().map_or(1, |b| b.first + b.starts.len());
        let mut btf = Btf { base, types, strings, starts: vec![], first, named: BTreeMap::new() };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), BtfError> {
        let mut at = 0;
        while at < self.types.len() {
            let id = self.first + self.starts.len();
            let info = word(&self.types, at + 4).ok_or(BtfError::Truncated("a type"))?;
            let (code, count) = ((info >> 24) & 0x1F, (info & 0xFFFF) as usize);
            let Some((kind, fixed, each)) = KINDS.get(code as usize) else {
                return Err(BtfError::Kind { id, kind: code });
            };
            let end = at + 12 + fixed + each * count;
            if end > self.types.len() {
                return Err(BtfError::Truncated("a type"));
            }
            if *kind == Kind::Struct
                && let Some(name) = self.string(word(&self.types, at).unwrap_or(0)).filter(|n| !n.is_empty())
            {
                self.named.entry(name).or_default().push(id);
            }
            self.starts.push(at);
            at = end;
        }
        Ok(())
    }

    /// Number of types, those of the base included.
    pub fn len(&self) -> usize {
        self.first - 1 + self.starts.len()
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of the strings of this and its base: those of a module count on from there.
    fn string_bytes(&self) -> usize {
        self.base.as_ref().map_or(0, |b| b.string_bytes()) + self.strings.len()
    }
    fn string(&self, offset: u32) -> Option<String> {
        let below = self.base.as_ref().map_or(0, |b| b.string_bytes());
        let Some(own) = (offset as usize).checked_sub(below) else {
            return self.base.as_ref()?.string(offset);
        };
        let text = self.strings.get(own..)?;
        let end = text.iter().position(|b| *b == 0)?;
        Some(String::from_utf8_lossy(&text[..end]).into_owned())
    }
    /// The type's bytes from its beginning to the end of the section, and whose names it has.
    fn bytes(&self, id: usize) -> Option<(&Btf, &[u8])> {
        match id.checked_sub(self.first) {
            Some(own) => Some((self, self.types.get(*self.starts.get(own)?..)?)),
            None => self.base.as_ref()?.bytes(id),
        }
    }
    fn structures(&self, name: &str) -> Vec<usize> {
        let mut found = self.base.as_ref().map(|b| b.structures(name)).unwrap_or_default();
        found.extend(self.named.get(name).into_iter().flatten());
        found
    }

    /// The type that `id` stands for when names and qualifiers are taken away.
    fn plain(&self, mut id: usize) -> Option<(&Btf, &[u8], Kind)> {
        for _ in 0..DEPTH {
            let (home, bytes) = self.bytes(id)?;
            let (kind, ..) = KINDS.get((word(bytes, 4)? >> 24 & 0x1F) as usize)?;
            if *kind != Kind::Same {
                return Some((home, bytes, *kind));
            }
            id = word(bytes, 8)? as usize;
        }
        None
    }

    /// Size of a structure or union in bytes; `None` if there is none of the
    /// name or several that differ.
    pub fn size(&self, name: &str) -> Option<u64> {
        let sizes = self.structures(name).into_iter().map(|id| word(self.bytes(id)?.1, 8).map(u64::from));
        agreed(sizes)
    }

    /// Where `structure.member.member` is; members of anonymous members count
    /// as the structure's own. `None` if there is no such member, or several
    /// structures of the name that differ in it.
    pub fn member(&self, path: &str) -> Option<Member> {
        let (name, members) = path.split_once('.')?;
        agreed(self.structures(name).into_iter().map(|id| self.walk(id, members)))
    }

    fn walk(&self, id: usize, members: &str) -> Option<Member> {
        let (mut id, mut bit, mut width) = (id, 0u64, 0);
        for name in members.split('.') {
            // An empty name is no way to an anonymous member.
            if name.is_empty() {
                return None;
            }
            let found = self.find(id, name, DEPTH, &mut BTreeSet::new())?;
            bit = bit.checked_add(found.1.bit)?;
            (id, width) = (found.0, found.1.width);
        }
        Some(Member { bit, width })
    }

    /// The type of a member and where it is. `seen` has the structures that were searched: one that holds another many
    /// times, or itself, is not searched again.
    fn find(
        &self,
        id: usize,
        name: &str,
        depth: usize,
        seen: &mut BTreeSet<usize>,
    ) -> Option<(usize, Member)> {
        let (home, bytes, kind) = self.plain(id)?;
        if kind != Kind::Struct || depth == 0 || !seen.insert(id) {
            return None;
        }
        let info = word(bytes, 4)?;
        for n in 0..(info & 0xFFFF) as usize {
            let at = 12 + 12 * n;
            let (own, of, place) =
                (home.string(word(bytes, at)?)?, word(bytes, at + 4)?, word(bytes, at + 8)?);
            // With kind_flag the uppermost byte is the width of a bit field.
            let (bit, width) = if info >> 31 != 0 { (place & 0xFF_FFFF, place >> 24) } else { (place, 0) };
            if own == name {
                return Some((of as usize, Member { bit: bit.into(), width }));
            }
            if own.is_empty()
                && let Some((id, inner)) = self.find(of as usize, name, depth - 1, seen)
            {
                return Some((id, Member { bit: inner.bit + u64::from(bit), ..inner }));
            }
        }
        None
    }

    /// Value of an enumerator; `None` if there is none of the name, or several that differ.
    pub fn enumerator(&self, name: &str) -> Option<i64> {
        agreed((1..=self.len()).filter_map(|id| self.enumerator_of(id, name)).map(Some))
    }

    fn enumerator_of(&self, id: usize, name: &str) -> Option<i64> {
        let (home, bytes) = self.bytes(id)?;
        let info = word(bytes, 4)?;
        let (kind, _, each) = KINDS.get((info >> 24 & 0x1F) as usize)?;
        if !matches!(kind, Kind::Enum | Kind::Enum64) {
            return None;
        }
        let at = (0..(info & 0xFFFF) as usize).map(|n| 12 + each * n);
        let at = at.into_iter().find(|at| {
            word(bytes, *at).and_then(|offset| home.string(offset)).is_some_and(|own| own == name)
        })?;
        let low = word(bytes, at + 4)?;
        match kind {
            Kind::Enum64 => Some((u64::from(word(bytes, at + 8)?) << 32 | u64::from(low)) as i64),
            // kind_flag tells signed values from unsigned ones.
            _ if info >> 31 != 0 => Some(i64::from(low as i32)),
            _ => Some(i64::from(low)),
        }
    }

    /// The value of a key of `offsets.toml`: `structure.member` is an offset
    /// in bytes, `sizeof.structure` a size, a name in capitals an enumerator.
    pub fn value(&self, key: &str) -> Option<u64> {
        if let Some(name) = key.strip_prefix("sizeof.") {
            return self.size(name);
        }
        if !key.contains('.') {
            return self.enumerator(key).map(|v| v as u64);
        }
        self.member(key).filter(|m| m.width == 0 && m.bit % 8 == 0).map(|m| m.bit / 8)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// What all that know say, if they say the same.
fn agreed<T: PartialEq>(values: impl Iterator<Item = Option<T>>) -> Option<T> {
    let mut known = values.flatten();
    let first = known.next()?;
    known.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BTF put together by hand.
    #[derive(Default)]
    struct Blob {
        types: Vec<u8>,
        strings: Vec<u8>,
        /// Bytes of strings in the base.
        below: usize,
    }

    impl Blob {
        fn new(below: usize) -> Blob {
            Blob { strings: if below == 0 { vec![0] } else { vec![] }, below, ..Blob::default() }
        }
        fn name(&mut self, name: &str) -> u32 {
            if name.is_empty() {
                return 0;
            }
            let at = self.below + self.strings.len();
            self.strings.extend(name.bytes().chain([0]));
            at as u32
        }
        fn add(&mut self, name: &str, info: u32, third: u32, rest: &[u32]) {
            let name = self.name(name);
            self.types.extend([name, info, third].iter().chain(rest).flat_map(|w| w.to_le_bytes()));
        }
        fn structure(&mut self, name: &str, size: u32, flag: u32, members: &[(&str, u32, u32)]) {
            let rest: Vec<u32> = members.iter().flat_map(|(n, id, at)| [self.name(n), *id, *at]).collect();
            self.add(name, flag << 31 | 4 << 24 | members.len() as u32, size, &rest);
        }
        fn finish(&self) -> Vec<u8> {
            let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
            let mut out = vec![0x9F, 0xEB, 1, 0];
            out.extend([24, 0, types, types, strings].iter().flat_map(|w: &u32| w.to_le_bytes()));
            out.extend(&self.types);
            out.extend(&self.strings);
            out
        }
    }

    /// 1 int · 2 list · 3 typedef list_t · 4 const · 5 anonymous · 6 task · 7, 8 enumerations.
    fn kernel() -> Blob {
        let mut b = Blob::new(0);
        b.add("int", 1 << 24, 4, &[32]);
        b.structure("list", 16, 0, &[("next", 1, 0), ("prev", 1, 64)]);
        b.add("list_t", 8 << 24, 2, &[]);
        b.add("", 10 << 24, 3, &[]);
        b.structure("", 16, 0, &[("inner", 4, 64)]);
        b.structure(
            "task",
            64,
            1,
            &[("state", 1, 0), ("flag", 1, 3 << 24 | 37), ("", 5, 128), ("link", 3, 256)],
        );
        let (up, down) = (b.name("UP"), b.name("DOWN"));
        b.add("way", 1 << 31 | 6 << 24 | 2, 4, &[up, 1, down, u32::MAX]);
        let wide = b.name("WIDE");
        b.add("far", 19 << 24 | 1, 8, &[wide, 1, 2]);
        b
    }

    #[test]
    fn members_sizes_and_enumerators_are_found() {
        let btf = Btf::parse(&kernel().finish(), None).expect("good");
        let bit = |path| btf.member(path).map(|m| (m.bit, m.width));
        assert_eq!(btf.len(), 8);
        assert_eq!(bit("task.state"), Some((0, 0)));
        assert_eq!(bit("task.flag"), Some((37, 3)));
        assert_eq!(bit("task.inner"), Some((192, 0)), "through an anonymous member");
        assert_eq!(bit("task.inner.prev"), Some((256, 0)), "through const and typedef");
        assert_eq!(bit("task.link.prev"), Some((320, 0)));
        for wrong in ["task", "task.", "task.link.x", "task.state.x", "nobody.x", "list_t.next", ".", ""] {
            assert_eq!(bit(wrong), None, "{wrong}");
        }
        assert_eq!((btf.size("task"), btf.size("nobody")), (Some(64), None));
        assert_eq!([btf.enumerator("UP"), btf.enumerator("DOWN")], [Some(1), Some(-1)]);
        assert_eq!(btf.enumerator("WIDE"), Some(2 << 32 | 1));
        let keys = ["task.link.prev", "sizeof.list", "UP", "task.flag", "NONE"];
        assert_eq!(keys.map(|k| btf.value(k)), [Some(40), Some(16), Some(1), None, None]);
    }

    #[test]
    fn a_module_adds_to_the_types_of_its_kernel() {
        let base = kernel();
        let mut own = Blob::new(base.strings.len());
        own.structure("cfg", 32, 0, &[("lock", 1, 0), ("queue", 2, 64)]);
        own.structure("list", 24, 0, &[("next", 1, 8), ("prev", 1, 64)]);
        let base = Arc::new(Btf::parse(&base.finish(), None).expect("good"));
        let btf = Btf::parse(&own.finish(), Some(base)).expect("good");
        assert_eq!(
            (btf.len(), btf.value("cfg.queue.prev"), btf.value("task.link.prev")),
            (10, Some(16), Some(40))
        );
        // Two structures of a name: what they agree on is known.
        assert_eq!((btf.value("list.next"), btf.value("list.prev"), btf.size("list")), (None, Some(8), None));
    }

    #[test]
    fn structures_that_contain_themselves_end() {
        let mut b = Blob::new(0);
        // Many ways into itself: to search each again would take for ever.
        let mut members = vec![("", 1, 8); 1000];
        members.push(("", 2, 0));
        b.structure("loop", 8, 0, &members);
        b.add("self", 8 << 24, 2, &[]);
        let btf = Btf::parse(&b.finish(), None).expect("good");
        assert_eq!(btf.member("loop.x"), None);
    }

    #[test]
    fn what_is_no_btf_is_refused_with_a_reason() {
        let whole = kernel().finish();
        let said = |bytes: &[u8]| Btf::parse(bytes, None).map(|_| ()).map_err(|e| e.to_string());
        assert!(said(b"").unwrap_err().contains("magic"));
        assert!(said(&[0xEB, 0x9F, 1, 0]).unwrap_err().contains("magic"), "big-endian");
        let mut unknown = whole.clone();
        unknown[24 + 7] = 31;
        assert!(said(&unknown).unwrap_err().contains("unknown kind 31"));
        for cut in 0..whole.len() {
            assert!(said(&whole[..cut]).is_err(), "{cut} bytes");
        }
        // Any byte may be wrong: then it is refused or read, and never more.
        for at in 0..whole.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(btf) = Btf::parse(&bytes, None) {
                    for key in ["task.link.prev", "task.inner.prev", "UP", "sizeof.task"] {
                        btf.value(key);
                    }
                }
            }
        }
        assert_eq!(
            Btf::of_elf(&b"no ELF"[..], None).map(|_| ()),
            Err(BtfError::Elf("Invalid ELF header size or alignment".into()))
        );
    }
}
