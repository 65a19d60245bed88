//! Files a user gives: kernels and modules.

use std::path::Path;

use capisim::initramfs::Module;
use machine::{KernelImage, Machine, MachineConfig};
use object::elf;

/// Offsets of the fields of an ELF header and of what follows it.
const SECTIONS_AT: usize = 0x200;
const HEADER: usize = 64;

fn header(kind: u16, segments: u16, sections: u16) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    out[..7].copy_from_slice(&[0x7F, b'E', b'L', b'F', 2, 1, 1]);
    let mut half = |at: usize, value: u16| out[at..at + 2].copy_from_slice(&value.to_le_bytes());
    half(0x10, kind);
    half(0x12, elf::EM_PPC64.0);
    half(0x14, 1);
    for (at, value) in [(0x34, 64), (0x36, 56), (0x38, segments), (0x3A, 64), (0x3C, sections), (0x3E, 1)] {
        half(at, value);
    }
    out[0x18..0x20].copy_from_slice(&0xC000_0000_0000_0000u64.to_le_bytes());
    out[0x20..0x28].copy_from_slice(&(HEADER as u64).to_le_bytes());
    out[0x28..0x30].copy_from_slice(&(SECTIONS_AT as u64).to_le_bytes());
    out
}

/// Name, type, offset, size, link, entry size of a section.
fn section(name: u32, kind: u32, offset: u64, size: u64, link: u32, entry: u64) -> Vec<u8> {
    let mut out = vec![];
    out.extend(name.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend([0u64, 0, offset, size].iter().flat_map(|n| n.to_le_bytes()));
    out.extend(link.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    out.extend([8u64, entry].iter().flat_map(|n| n.to_le_bytes()));
    out
}

const NAMES: &[u8] = b"\0.names\0.symtab\0.modinfo\0start\0";
const MODINFO: &[u8] = b"name=cxlflash\0depends=cxl,scsi_mod\0vermagic=6.1.0 SMP mod_unload modversions \0";

/// A header, one segment, names, two symbols, `.modinfo`, four sections.
fn image(kind: u16) -> Vec<u8> {
    let mut out = header(kind, 1, 4);
    out.extend([1u32, 7].iter().flat_map(|n| n.to_le_bytes()));
    let ph = [0u64, 0xC000_0000_0001_0000, 0x1_0000, 0x100, 0x2000, 0x1_0000];
    out.extend(ph.iter().flat_map(|n| n.to_le_bytes()));
    let at = |out: &Vec<u8>| out.len() as u64;
    let names = at(&out);
    out.extend(NAMES);
    let symbols = at(&out);
    out.extend([0; 24]);
    out.extend(25u32.to_le_bytes());
    out.extend([0x12, 0x60, 1, 0]);
    out.extend([0xC000_0000_0000_0000u64, 0x40].iter().flat_map(|n| n.to_le_bytes()));
    let modinfo = at(&out);
    out.extend(MODINFO);
    out.resize(SECTIONS_AT, 0);
    out.extend(section(0, 0, 0, 0, 0, 0));
    out.extend(section(1, 3, names, NAMES.len() as u64, 0, 0));
    out.extend(section(8, 2, symbols, 48, 1, 24));
    out.extend(section(16, 1, modinfo, MODINFO.len() as u64, 0, 0));
    out.extend(b"Linux version 6.1.0 (fuzz)\n\0");
    out
}

/// A tiny kernel, and one cut off.
pub fn kernel_seeds() -> Vec<Vec<u8>> {
    let whole = image(elf::ET_EXEC.0);
    assert!(KernelImage::parse(&whole).is_ok(), "the seed is a kernel");
    // The segment's size in memory, at the end of its header but for the alignment.
    let mut endless = whole.clone();
    endless[HEADER + 40..HEADER + 48].fill(0xFF);
    vec![whole.clone(), endless, whole[..0x180].to_vec(), whole[..HEADER].to_vec()]
}

/// A tiny module, and one cut off.
pub fn module_seeds() -> Vec<Vec<u8>> {
    let whole = image(elf::ET_REL.0);
    assert!(Module::parse(Path::new("seed.ko"), whole.clone()).is_ok(), "the seed is a module");
    vec![whole.clone(), whole[..0x180].to_vec(), b"\xFD7zXZ\0\0\x04".to_vec()]
}

/// Parses a kernel; what is one is put into a small machine.
pub fn kernel(data: &[u8]) {
    let Ok(kernel) = KernelImage::parse(data) else { return };
    kernel.symbols.find("start");
    kernel.symbols.at(u64::MAX);
    let config = MachineConfig {
        cpus: 1,
        memory: 64 << 20,
        cmdline: String::new(),
        seed: 1,
        quantum: machine::build::DEFAULT_QUANTUM,
        initrd: vec![],
        adapters: vec![],
    };
    if let Ok(mut machine) = Machine::new(config, &kernel) {
        machine.run(fabric::Ticks(10_000), &mut fabric::NoInjection);
    }
}

/// Parses a module; all checks that a file given by a user goes through.
pub fn module(data: &[u8]) {
    if let Ok(module) = Module::parse(Path::new("given.ko"), data.to_vec()) {
        let _ = capisim::initramfs::check_vermagic(&module, "6.1.0 SMP mod_unload modversions ");
    }
}
