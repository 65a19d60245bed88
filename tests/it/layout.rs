//! The layout of the kernel's structures: from BTF and from headers, and on a
//! kernel that runs.

use capisim::artifacts::{Artifacts, cache_dir};
use fabric::{NoInjection, Ticks};
use it::boot::{Guest, advance};
use machine::Machine;
use machine::build::Loaded;
use machine::guest::{Btf, GuestOffsets, Inspector, Running, offsets};
use machine::kernel::{KernelImage, Segment};
use std::fs::File;
use std::sync::Arc;

/// Every kernel that is prepared; the default one always is.
fn prepared() -> Vec<Artifacts> {
    let found = Artifacts::all(&cache_dir().expect("a cache"));
    assert!(!found.is_empty(), "run `cargo xtask guest`");
    found
}

#[test]
fn a_kernel_that_is_read_when_it_is_needed_is_the_same() {
    for a in prepared() {
        let bytes = std::fs::read(&a.vmlinux.path).expect("the kernel");
        let file = Arc::new(File::open(&a.vmlinux.path).expect("the kernel"));
        let whole = KernelImage::parse(&bytes).expect("a kernel");
        let parts = KernelImage::of_file(&file).expect("a kernel");
        assert_eq!((whole.entry, whole.end, &whole.banner), (parts.entry, parts.end, &parts.banner));
        assert!(whole.banner.starts_with("Linux version "), "{}", whole.banner);
        assert_eq!(whole.segments.len(), parts.segments.len());
        for (w, p) in whole.segments.iter().zip(&parts.segments) {
            assert_eq!((w.ra, w.size), (p.ra, p.size));
            let content = |s: &Segment| s.content.read(0, u64::MAX).expect("reads");
            assert!(content(w) == content(p) && !w.content.is_empty());
        }
        let names: Vec<_> = whole.symbols.names().collect();
        assert!(names.len() > 50_000 && parts.symbols.names().eq(names.iter().copied()));
        // The library's own reader of symbols.
        let elf = object::File::parse(&bytes[..]).expect("an ELF file");
        for symbol in object::Object::symbols(&elf).step_by(97).filter(object::ObjectSymbol::is_definition) {
            let name = object::ObjectSymbol::name(&symbol).expect("a name");
            let found = whole.symbols.find(name);
            assert_eq!(found, parts.symbols.find(name));
            assert_eq!(found.is_some(), !name.is_empty(), "{name}");
        }
    }
}

#[test]
fn memory_that_was_loaded_before_makes_the_same_machine() {
    let guest = Guest::prepared().expect("the guest's artifacts");
    let file = Arc::new(File::open(&guest.artifacts.vmlinux.path).expect("the kernel"));
    let mut made: Vec<_> = [0, 1 << 30, 1 << 29]
        .map(|memory| Loaded::new(&file, memory))
        .into_iter()
        .map(|loaded| {
            let fits = loaded.is_some();
            (fits, Machine::with(guest.config(1, 1), &guest.kernel, loaded).expect("a machine"))
        })
        .collect();
    assert_eq!(made.iter().map(|(fits, _)| *fits).collect::<Vec<_>>(), [false, true, true]);
    for _ in 0..3 {
        let hashes: Vec<_> = made
            .iter_mut()
            .map(|(_, machine)| {
                let _ = machine.run(machine.now() + Ticks::millis(2), &mut NoInjection);
                (machine.instructions(), machine.state_hash())
            })
            .collect();
        assert!(hashes[0].0 > 0 && hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    }
    let nothing = Arc::new(File::open("/dev/null").expect("opens"));
    assert!(Loaded::new(&nothing, 1 << 30).is_none());
}

#[test]
fn btf_and_headers_say_the_same() {
    for a in prepared() {
        let headers = a.read_offsets().expect("offsets.toml");
        for (name, value) in offsets::MACROS {
            assert_eq!(headers.get(name).ok(), Some(*value), "{}: {name}", a.kernel);
        }
        let file = std::fs::read(&a.vmlinux.path).expect("the kernel");
        let Some(btf) = Btf::of_elf(&file[..], None).expect("good BTF") else {
            eprintln!("{}: no BTF, nothing to compare", a.kernel);
            continue;
        };
        let both: Vec<_> = offsets::KEYS
            .iter()
            .filter_map(|key| Some((*key, offsets::from_btf(&btf, key)?, headers.get(key).ok()?)))
            .collect();
        assert!(both.len() >= 20, "{}: only {} in both", a.kernel, both.len());
        for (key, btf, headers) in both {
            assert_eq!(btf, headers, "{}: {key}", a.kernel);
        }
        let missing: Vec<_> = offsets::KEYS.iter().filter(|k| offsets::from_btf(&btf, k).is_none()).collect();
        assert!(missing.is_empty(), "{}: BTF has no {missing:?}", a.kernel);
    }
}

#[test]
fn the_tasks_of_a_real_kernel_are_listed() {
    const AT: u64 = 150_000_000;
    let guest = Guest::prepared().unwrap_or_else(|text| panic!("{text}"));
    let headers = guest.artifacts.read_offsets().expect("offsets.toml");
    let layout = GuestOffsets::lookup(|key| headers.get(key).ok());
    let mut machine = guest.machine(2, 1).expect("a machine");
    assert!(advance(&mut machine, AT), "the guest ended before {AT} instructions");
    let look = Inspector::new(&machine, &layout, &guest.kernel.symbols);
    let tasks = look.tasks().expect("it has tasks by then");
    let find = |name: &str| tasks.iter().find(|t| t.comm == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!((find("kthreadd").pid, find("kthreadd").kernel), (2, true));
    assert!(tasks.len() > 10, "{}", tasks.len());
    let sleeping = tasks.iter().filter(|t| t.running == Running::No && "SDI".contains(t.letter()));
    for task in sleeping {
        let stack: Vec<String> = look.stack(task).iter().map(|a| look.describe(*a, &[])).collect();
        assert!(stack.first().is_some_and(|f| f.starts_with("__switch_to+")), "{}: {stack:?}", task.comm);
        assert!(stack.iter().any(|f| f.starts_with("__schedule+")), "{}: {stack:?}", task.comm);
    }
}
