//! Modules are made here, by hand: an ELF header, three sections, nothing from any kernel.

use super::*;

const MAGIC: &str = "1.2.3 SMP modversions ";

/// A relocatable file with `.modinfo` and `__versions`.
fn build(info: &str, versions: &[u8], kind: u16, machine: u16) -> Vec<u8> {
    let names = b"\0.modinfo\0__versions\0.shstrtab\0";
    let contents: [&[u8]; 3] = [info.as_bytes(), versions, names];
    let name_offsets = [1u32, 10, 21];
    let mut image = vec![0u8; 64];
    let mut headers = vec![0u8; 64];
    for (content, name) in contents.iter().zip(name_offsets) {
        let mut header = [0u8; 64];
        header[0..4].copy_from_slice(&name.to_le_bytes());
        header[4..8].copy_from_slice(&(if name == 21 { 3u32 } else { 1 }).to_le_bytes());
        header[24..32].copy_from_slice(&(image.len() as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(content.len() as u64).to_le_bytes());
        headers.extend_from_slice(&header);
        image.extend_from_slice(content);
    }
    let table = image.len() as u64;
    image.extend_from_slice(&headers);
    image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    image[16..18].copy_from_slice(&kind.to_le_bytes());
    image[18..20].copy_from_slice(&machine.to_le_bytes());
    image[20..24].copy_from_slice(&1u32.to_le_bytes());
    image[40..48].copy_from_slice(&table.to_le_bytes());
    image[52..54].copy_from_slice(&64u16.to_le_bytes());
    image[58..60].copy_from_slice(&64u16.to_le_bytes());
    image[60..62].copy_from_slice(&4u16.to_le_bytes());
    image[62..64].copy_from_slice(&3u16.to_le_bytes());
    image
}

fn module(name: &str, depends: &str) -> Vec<u8> {
    build(&format!("depends={depends}\0name={name}\0vermagic={MAGIC}\0"), b"crc", 1, 21)
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("capisim-module-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("kernel/lib")).expect("the temporary folder is writable");
    path
}

#[test]
fn modinfo_is_a_list_of_strings() {
    let cases: [(&[u8], &str, &[&str]); 5] = [
        (b"name=a\0depends=b,c\0", "depends", &["b,c"]),
        (b"alias=x\0\0\0alias=y\0", "alias", &["x", "y"]),
        (b"description=a=b\0", "description", &["a=b"]),
        (b"depends=\0", "depends", &[""]),
        (b"no separator\0", "no separator", &[]),
    ];
    for (section, key, expected) in cases {
        let found = parse_modinfo(section).remove(key).unwrap_or_default();
        assert_eq!(found, expected, "{section:?}");
    }
}

#[test]
fn a_module_is_read() {
    let found =
        Module::parse(Path::new("x/t10-pi.ko"), module("t10-pi", "crc-t10dif,crc64")).expect("a module");
    assert_eq!((found.name.as_str(), found.vermagic.as_str(), found.has_crcs), ("t10_pi", MAGIC, true));
    assert_eq!(found.depends, ["crc_t10dif", "crc64"]);
}

#[test]
fn what_is_no_module_is_refused_with_the_reason() {
    let whole = module("a", "");
    let info = format!("vermagic={MAGIC}\0");
    let cases = [
        ("text", b"hello".to_vec(), "not an ELF file"),
        ("header alone", whole[..40].to_vec(), "truncated"),
        ("cut short", whole[..whole.len() - 70].to_vec(), "truncated or damaged"),
        ("executable", build(&info, b"", 2, 21), "not a relocatable file"),
        ("for x86", build(&info, b"", 1, 62), "ELF machine 62"),
        ("big-endian", [&b"\x7fELF\x02\x02\x01"[..], &whole[7..]].concat(), "little-endian"),
        ("no vermagic", build("name=a\0", b"", 1, 21), "no vermagic"),
    ];
    for (what, image, expected) in cases {
        let error = Module::parse(Path::new("bad.ko"), image).expect_err(what).to_string();
        assert!(error.starts_with("bad.ko: ") && error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn compression_we_do_not_read_is_named() {
    for (bytes, expected) in [(vec![0x1f, 0x8b, 8], "gzip"), (vec![0x28, 0xb5, 0x2f, 0xfd], "zstd")] {
        let error = decompress(Path::new("a.ko.gz"), bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let damaged = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
    assert!(decompress(Path::new("a.ko.xz"), damaged).is_err());
}

#[test]
fn vermagic_is_compared_as_the_kernel_does() {
    let cases = [
        ("1.2.3 SMP modversions ", true, "1.2.3 SMP modversions ", true),
        ("1.2.4 SMP modversions ", true, "1.2.3 SMP modversions ", true),
        ("1.2.4 SMP modversions ", false, "1.2.3 SMP modversions ", false),
        ("1.2.3 SMP ", true, "1.2.3 SMP modversions ", false),
        ("1.2.4 SMP ", true, "1.2.3 SMP ", false),
        ("1.2.3 SMP", true, "1.2.3 SMP ", true),
    ];
    for (magic, has_crcs, kernel, same) in cases {
        let image = build(&format!("name=a\0vermagic={magic}\0"), if has_crcs { b"x" } else { b"" }, 1, 21);
        let found = Module::parse(Path::new("a.ko"), image).expect("a module");
        let result = check_vermagic(&found, kernel);
        assert_eq!(result.is_ok(), same, "{magic:?} {has_crcs} {kernel:?}");
        if let Err(error) = result {
            assert!(error.to_string().contains("built for another kernel"), "{error}");
        }
    }
}

#[test]
fn modules_come_after_what_they_need() {
    let at = folder("order");
    for (file, depends) in [
        ("sd_mod", "t10-pi"),
        ("t10-pi", "crc-t10dif,crc64"),
        ("crc64", ""),
        ("cxl", ""),
        ("cxlflash", "cxl,sg"),
    ] {
        fs::write(at.join(format!("kernel/lib/{file}.ko")), module(file, depends)).expect("written");
    }
    fs::write(at.join("modules.builtin"), "kernel/lib/crc-t10dif.ko\nkernel/sg.ko\n").expect("written");
    let tree = ModuleTree::scan(&at.join("kernel")).expect("scanned");
    let names = |found: Vec<Module>| found.into_iter().map(|module| module.name).collect::<Vec<_>>();
    let found = names(tree.resolve(&["sd-mod", "cxlflash", "cxl"], &[]).expect("resolved"));
    assert_eq!(found, ["crc64", "t10_pi", "sd_mod", "cxl", "cxlflash"]);

    let given = at.join("mine.ko");
    fs::write(&given, module("cxlflash", "cxl")).expect("written");
    let found = tree.resolve(&["cxl"], std::slice::from_ref(&given)).expect("resolved");
    assert_eq!(found[1].path, given);

    let error = tree.resolve(&["nvme"], &[]).unwrap_err().to_string();
    assert!(error.contains("`nvme`, needed by the guest image"), "{error}");
    fs::write(&given, module("x", "nowhere")).expect("written");
    let error = tree.resolve(&[], std::slice::from_ref(&given)).unwrap_err().to_string();
    assert!(error.contains("`nowhere`, needed by `x`"), "{error}");
    fs::write(&given, module("crc64", "sd_mod")).expect("written");
    let error = tree.resolve(&["sd_mod"], std::slice::from_ref(&given)).unwrap_err().to_string();
    assert!(error.contains("sd_mod -> t10_pi -> crc64 -> sd_mod"), "{error}");
    fs::remove_dir_all(&at).expect("removed");
}
