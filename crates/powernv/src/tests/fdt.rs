use crate::{LayoutError, PlatformConfig, device_tree, fuzzing, layout, map};
use fabric::Rng;
use std::collections::BTreeMap;

type Tree = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Reads a tree the way its specification lays it out.
fn parse(blob: &[u8]) -> (Tree, Vec<(u64, u64)>) {
    let word = |at: usize| u32::from_be_bytes(blob[at..at + 4].try_into().unwrap()) as usize;
    let text = |at: usize| {
        let bytes: Vec<u8> = blob[at..].iter().copied().take_while(|&b| b != 0).collect();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(word(0), 0xd00d_feed);
    assert_eq!(word(4), blob.len());
    let (mut at, strings) = (word(8), word(12));
    assert_eq!(strings + word(32), blob.len());
    let (mut tree, mut path) = (Tree::new(), Vec::<String>::new());
    loop {
        at += 4;
        match word(at - 4) {
            1 => {
                path.push(text(at));
                at += (path.last().unwrap().len() + 1).next_multiple_of(4);
                let duplicate = tree.insert(path.join("/"), BTreeMap::new()).is_some();
                assert!(!duplicate, "{path:?} twice");
            }
            2 => drop(path.pop()),
            3 => {
                let (len, name) = (word(at), text(strings + word(at + 4)));
                let value = blob[at + 8..at + 8 + len].to_vec();
                tree.get_mut(&path.join("/")).unwrap().insert(name, value);
                at += 8 + len.next_multiple_of(4);
            }
            4 => {}
            9 => break,
            other => panic!("token {other}"),
        }
    }
    let mut reserved = Vec::new();
    let mut at = word(16);
    while blob[at..at + 16] != [0; 16] {
        let pair = [at, at + 8].map(|at| u64::from_be_bytes(blob[at..at + 8].try_into().unwrap()));
        reserved.push((pair[0], pair[1]));
        at += 16;
    }
    (tree, reserved)
}

fn cells(value: &[u8]) -> Vec<u32> {
    value.chunks(4).map(|c| u32::from_be_bytes(c.try_into().unwrap())).collect()
}

#[test]
fn tree_has_what_the_kernel_reads() {
    let config = PlatformConfig {
        cmdline: "console=hvc0".into(),
        initrd_bytes: 12345,
        adapters: 2,
        ..PlatformConfig::default()
    };
    let place = layout(&config, 0x288_0000).unwrap();
    let (tree, reserved) = parse(&device_tree(&config, &place));
    assert_eq!(reserved, [(place.opal_base, map::OPAL_BYTES)]);
    let (start, end) = place.initrd.unwrap();
    assert_eq!(end - start, 12345);
    let (phb0, phb1) = (map::phb(0), map::phb(1));
    let p0 = format!("/pciex@{:x}", phb0.registers);
    let p1 = format!("/pciex@{:x}", phb1.registers);
    let check = |path: &str, name: &str, want: &[u32]| {
        let node = tree.get(path).unwrap_or_else(|| panic!("no {path}"));
        let value = node.get(name).unwrap_or_else(|| panic!("no {path}:{name}"));
        assert_eq!(cells(value), want, "{path}:{name}");
    };
    let rows: &[(&str, &str, &[u32])] = &[
        ("/chosen", "linux,initrd-start", &[0, start as u32]),
        ("/chosen", "linux,initrd-end", &[0, end as u32]),
        ("/memory@0", "reg", &[0, 0, 0, 1 << 30]),
        ("/cpus/PowerPC,POWER9@4", "ibm,ppc-interrupt-server#s", &[4]),
        ("/cpus/PowerPC,POWER9@0", "ibm,vmx", &[2]),
        (
            "/cpus/PowerPC,POWER9@4",
            "ibm,processor-radix-AP-encodings",
            &[0xc, 0xa000_0010, 0x2000_0015, 0x4000_001e],
        ),
        ("/ibm,opal", "opal-entry-address", &[0, place.opal_entry as u32]),
        ("/ibm,opal", "interrupts", &[map::OPAL_LSI, 1]),
        ("/ibm,opal/power-mgt", "ibm,cpu-idle-state-psscr", &[0, 0x330]),
        ("/ibm,opal/consoles/serial@1", "reg", &[1]),
        (&p0, "ibm,opal-phbid", &[0, 0]),
        (&p1, "ibm,opal-phbid", &[0, 3]),
        (&p1, "ibm,phb-index", &[3]),
        (&p0, "ibm,opal-msi-ranges", &[0x8000, 0x1000]),
        (&p1, "ibm,opal-msi-ranges", &[0x9000, 0x1000]),
        (&p0, "ranges", &[0x0200_0000, 0, 0x8000_0000, 0x600c0, 0, 0, 0x7fff_0000]),
        (&p0, "ibm,opal-m64-window", &[0x60000, 0, 0x60000, 0, 0x40, 0]),
        (&p0, "reg", &[0x600c3, 0xc000_0000, 0, 0x1000]),
        (&p0, "ibm,capp-timebase-sync", &[]),
        (&p0, "ibm,phb-indications", &[0x200, 0xc00, 0x300]),
    ];
    for (path, name, want) in rows {
        check(path, name, want);
    }
    check(&format!("{p0}/pci@0/accelerator@0"), "class-code", &[0x06_0400]);
    check(&format!("{p0}/pci@0/accelerator@0"), "reg", &[0x1_0000, 0, 0, 0, 0]);
    check(&format!("{p0}/pci@0/accelerator@0/afu@0"), "reg", &[0xff_0000, 0, 0, 0, 0]);
    let features = &tree["/cpus/PowerPC,POWER9@0"]["ibm,pa-features"];
    assert_eq!(features[2 + 40] & 0x80, 0x80, "byte 40 bit 0: radix");
    assert_eq!(tree["/chosen"]["bootargs"], b"console=hvc0\0");
}

#[test]
fn bridges_do_not_overlap() {
    let mut ranges = vec![];
    for n in 0..map::MAX_ADAPTERS {
        let m = map::phb(n);
        ranges.push((m.registers, map::PHB_REGISTER_BYTES));
        ranges.push((m.m32, map::M32_BYTES));
        ranges.push((m.m64, map::M64_BYTES));
        assert!(m.msi_base + map::MSI_COUNT <= 0x1_0000);
        assert!(m.msi_base.is_multiple_of(map::MSI_COUNT));
        const { assert!(map::MSI_COUNT >= 2040) };
    }
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:x?}");
    }
}

#[test]
fn pieces_fit_any_memory() {
    for memory in [256 << 20, 1 << 30, 3 << 30, 64 << 30] {
        let config =
            PlatformConfig { memory_bytes: memory, initrd_bytes: 50 << 20, ..PlatformConfig::default() };
        let place = layout(&config, 0x288_0000).unwrap();
        let (start, end) = place.initrd.unwrap();
        assert!(0x288_0000 <= start && end <= place.fdt);
        assert!(place.fdt + map::FDT_BYTES <= place.opal_base);
        assert!(place.opal_base + map::OPAL_BYTES <= memory.min(map::LOW_LIMIT));
    }
    let refuse = |config: &PlatformConfig, want: fn(&LayoutError) -> bool| {
        assert!(layout(config, 0x288_0000).is_err_and(|e| want(&e)), "{config:?}");
    };
    let base = PlatformConfig::default();
    refuse(&PlatformConfig { memory_bytes: 32 << 20, ..base.clone() }, |e| {
        matches!(e, LayoutError::Memory { .. })
    });
    refuse(&PlatformConfig { initrd_bytes: u64::MAX, ..base.clone() }, |e| {
        matches!(e, LayoutError::Memory { .. })
    });
    refuse(&PlatformConfig { adapters: 5, ..base.clone() }, |e| *e == LayoutError::Adapters(5));
    refuse(&PlatformConfig { cpus: vec![], ..base.clone() }, |e| *e == LayoutError::Cpus);
    refuse(&PlatformConfig { cpus: vec![4, 4], ..base }, |e| *e == LayoutError::Cpus);
}

#[test]
fn odd_sizes_do_not_panic() {
    let mut r = Rng::named(1, "tree");
    for _ in 0..200 {
        let shift = |r: &mut Rng| r.next_u64() >> r.below(64);
        fuzzing::fuzz_tree(shift(&mut r), shift(&mut r), shift(&mut r), r.below(20) as u8, r.below(6) as u8);
    }
}
