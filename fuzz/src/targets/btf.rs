//! The types of a kernel and of a module that adds to them.

use std::sync::Arc;

use machine::guest::btf::Btf;

/// Code of a kind in the second word of a type.
const INT: u32 = 1 << 24;
const STRUCT: u32 = 4 << 24;
const ENUM: u32 = 6 << 24;
const TYPEDEF: u32 = 8 << 24;
const ENUM64: u32 = 19 << 24;
const STRINGS: &[u8] = b"\0task\0state\0link\0list\0next\0UP\0";
/// Offsets in [`STRINGS`].
const TASK: u32 = 1;
const STATE: u32 = 6;
const LINK: u32 = 12;
const LIST: u32 = 17;
const NEXT: u32 = 22;
const UP: u32 = 27;
/// What is asked for: members, sizes, enumerators, and nothing at all.
const KEYS: &[&str] = &[
    "task.state",
    "task.link",
    "task.link.next",
    "list.next",
    "sizeof.task",
    "sizeof.list",
    "UP",
    "task.",
    ".",
];

fn blob(types: &[u32]) -> Vec<u8> {
    let (types_len, strings_len) = (types.len() as u32 * 4, STRINGS.len() as u32);
    let header = [24, 0, types_len, types_len, strings_len];
    let mut out = vec![0x9F, 0xEB, 1, 0];
    out.extend(header.iter().chain(types).flat_map(|word| word.to_le_bytes()));
    out.extend(STRINGS);
    out
}

/// The first two bytes: how long the kernel's part is; the module's follows.
fn input(kernel: &[u8], module: &[u8]) -> Vec<u8> {
    [&(kernel.len() as u16).to_le_bytes(), kernel, module].concat()
}

/// A kernel alone, and with a module that adds nothing, or its own structure.
pub fn seeds() -> Vec<Vec<u8>> {
    #[rustfmt::skip]
    let kernel = blob(&[
        STATE, INT, 4, 32,
        LIST, STRUCT | 1, 16, NEXT, 1, 64,
        0, TYPEDEF, 2,
        0, STRUCT | 1, 8, LINK, 3, 0,
        TASK, 1 << 31 | STRUCT | 2, 64, STATE, 1, 3 << 24 | 37, 0, 4, 128,
        LIST, 1 << 31 | ENUM | 1, 4, UP, u32::MAX,
        LIST, ENUM64 | 1, 8, UP, 1, 2,
    ]);
    let module = blob(&[STRINGS.len() as u32 + TASK, STRUCT | 1, 64, STRINGS.len() as u32 + STATE, 1, 0]);
    vec![input(&kernel, &[]), input(&kernel, &blob(&[])), input(&kernel, &module)]
}

/// Reads both and asks for what is in the seeds.
pub fn run(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (kernel, module) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let Ok(kernel) = Btf::parse(kernel, None) else { return };
    ask(&kernel);
    if let Ok(module) = Btf::parse(module, Some(Arc::new(kernel))) {
        ask(&module);
    }
}

fn ask(btf: &Btf) {
    for key in KEYS {
        let value = btf.value(key);
        assert!(!key.starts_with("sizeof") || value.is_none_or(|size| size <= u64::from(u32::MAX)), "{key}");
    }
}
