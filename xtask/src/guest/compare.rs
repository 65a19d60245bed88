//! Proof that a rebuilt module is the stock one: the same code, data and symbol checksums, referring to the same things.

use std::collections::BTreeMap;

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolIndex};

/// Sections that must agree to the byte.
const SECTIONS: [&str; 4] = [".text", ".rodata", ".data", "__versions"];

type Elf<'a> = ElfFile64<'a, LittleEndian, &'a [u8]>;

/// Where two modules differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first section that differs.
    pub section: String,
    /// How.
    pub reason: String,
}

/// Compares the two files section by section, relocations included: in a relocatable file a call's target is only there.
pub fn compare(stock: &[u8], rebuilt: &[u8]) -> Result<(), Difference> {
    let parse = |bytes, which: &str| {
        Elf::parse(bytes).map_err(|error| Difference {
            section: "the file".into(),
            reason: format!("{which} module: {error}"),
        })
    };
    let (stock, rebuilt) = (parse(stock, "stock")?, parse(rebuilt, "rebuilt")?);
    for name in SECTIONS {
        let differs = |reason| Difference { section: name.to_owned(), reason };
        compare_bytes(&content(&stock, name), &content(&rebuilt, name)).map_err(differs)?;
        compare_relocations(&relocations(&stock, name), &relocations(&rebuilt, name)).map_err(differs)?;
    }
    Ok(())
}

fn content(file: &Elf<'_>, name: &str) -> Vec<u8> {
    file.section_by_name(name).and_then(|section| section.data().ok()).unwrap_or_default().to_vec()
}

/// What a relocation refers to: `(kind, section or symbol name, offset in it)`.
type Target = (u32, String, i64);

fn relocations(file: &Elf<'_>, name: &str) -> BTreeMap<u64, Target> {
    let Some(section) = file.section_by_name(name) else { return BTreeMap::new() };
    let describe = |relocation: object::Relocation| {
        let kind = match relocation.flags() {
            object::RelocationFlags::Elf { r_type } => r_type.0,
            _ => 0,
        };
        let (name, offset) = match relocation.target() {
            RelocationTarget::Symbol(index) => place(file, index),
            _ => (String::new(), 0),
        };
        (kind, name, offset.wrapping_add(relocation.addend()))
    };
    section.relocations().map(|(offset, relocation)| (offset, describe(relocation))).collect()
}

/// A defined symbol by its place, since local names carry counters; an undefined one by its name.
fn place(file: &Elf<'_>, index: SymbolIndex) -> (String, i64) {
    let Ok(symbol) = file.symbol_by_index(index) else { return (String::new(), 0) };
    let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
    match section.as_ref().and_then(|section| section.name().ok()) {
        Some(name) => (name.to_owned(), symbol.address().cast_signed()),
        None => (symbol.name().unwrap_or_default().to_owned(), 0),
    }
}

fn compare_bytes(stock: &[u8], rebuilt: &[u8]) -> Result<(), String> {
    if stock.is_empty() {
        return Err("the stock module has no such section".into());
    }
    if stock.len() != rebuilt.len() {
        return Err(format!(
            "{} bytes in the stock module, {} in the rebuilt one",
            stock.len(),
            rebuilt.len()
        ));
    }
    match stock.iter().zip(rebuilt).position(|(a, b)| a != b) {
        Some(at) => Err(format!("the first difference is at offset {at:#x}")),
        None => Ok(()),
    }
}

fn compare_relocations(stock: &BTreeMap<u64, Target>, rebuilt: &BTreeMap<u64, Target>) -> Result<(), String> {
    let all = stock.keys().chain(rebuilt.keys());
    match all.into_iter().find(|offset| stock.get(offset) != rebuilt.get(offset)) {
        None => Ok(()),
        Some(offset) => {
            let show = |target: Option<&Target>| {
                target.map_or("nothing".to_owned(), |(kind, name, offset)| {
                    format!("{name}+{offset:#x} (kind {kind})")
                })
            };
            let (stock, rebuilt) = (show(stock.get(offset)), show(rebuilt.get(offset)));
            Err(format!(
                "offset {offset:#x} refers to {stock} in the stock module, to {rebuilt} in the rebuilt one"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared() {
        let cases: [(&[u8], &[u8], Option<&str>); 5] = [
            (b"abc", b"abc", None),
            (b"abc", b"abd", Some("offset 0x2")),
            (b"abc", b"ab", Some("3 bytes in the stock module, 2")),
            (b"", b"", Some("no such section")),
            (b"a", b"", Some("1 bytes in the stock module, 0")),
        ];
        for (stock, rebuilt, expected) in cases {
            let found = compare_bytes(stock, rebuilt).err();
            assert_eq!(found.is_some(), expected.is_some(), "{stock:?} {rebuilt:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn a_call_to_another_function_is_a_difference() {
        let call = |name: &str| BTreeMap::from([(8, (10, name.to_owned(), 0))]);
        assert_eq!(compare_relocations(&call("mutex_lock"), &call("mutex_lock")), Ok(()));
        let error = compare_relocations(&call("mutex_lock"), &call("mutex_trylock")).unwrap_err();
        assert!(error.contains("offset 0x8 refers to mutex_lock+0x0"), "{error}");
        assert!(
            compare_relocations(&call("mutex_lock"), &BTreeMap::new()).unwrap_err().contains("to nothing")
        );
    }

    #[test]
    fn what_is_no_module_is_said() {
        let error = compare(b"text", b"text").unwrap_err();
        assert!(error.reason.starts_with("stock module"), "{error:?}");
    }
}
