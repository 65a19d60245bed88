//! Who may depend on whom, and who may be unsafe.

use std::collections::BTreeSet;

use super::files::File;

/// The arrows of ARCHITECTURE.md: a crate and what it may import of ours. `dev-dependencies` count as well.
const ARROWS: &[(&str, &[&str])] = &[
    ("crates/fabric", &[]),
    ("crates/isa", &[]),
    ("crates/cpu", &["isa", "fabric"]),
    ("crates/jit", &["isa", "cpu", "fabric"]),
    ("crates/powernv", &["fabric"]),
    ("crates/capi", &["fabric"]),
    ("crates/machine", &["cpu", "isa", "powernv", "capi", "fabric", "jit"]),
    ("crates/kvm", &["capi", "fabric"]),
    ("crates/capisim", &["machine", "capi", "fabric", "kvm"]),
    ("xtask", &["capisim", "machine", "isa", "fabric"]),
    ("tests", &["capisim", "machine", "cpu", "isa", "powernv", "capi", "fabric"]),
    ("fuzz", &["capisim", "machine", "cpu", "isa", "jit", "powernv", "capi", "fabric"]),
];

/// Only the arrows in the list.
pub fn arrows(files: &[File]) -> Vec<String> {
    let ours: BTreeSet<&str> =
        ARROWS.iter().filter_map(|(folder, _)| folder.strip_prefix("crates/")).collect();
    let mut found = vec![];
    for file in files.iter().filter(|file| file.is("/Cargo.toml")) {
        let folder = file.path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
            found.push(format!(
                "{folder} is not in xtask/src/tidy/arrows.rs: a new crate must say what it forbids"
            ));
            continue;
        };
        let wrong = dependencies(&file.text).into_iter().filter(|name| ours.contains(&**name));
        let wrong = wrong.filter(|name| !allowed.contains(&&**name));
        found.extend(wrong.map(|name| format!("{folder} may not depend on {name}")));
    }
    found
}

/// Names in the dependency tables of a manifest.
fn dependencies(text: &str) -> Vec<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else { return vec![] };
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.iter().filter_map(|kind| manifest.get(*kind)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// The only files of ours with unsafe code.
const UNSAFE: &[&str] = &[
    "crates/fabric/src/memory.rs",
    "crates/jit/src/buffer.rs",
    "crates/jit/src/frame.rs",
    "crates/jit/src/tier.rs",
    "fuzz/src/coverage.rs",
];

/// `forbid(unsafe_code)` at the root of every crate without such a file, the keyword nowhere else.
pub fn unsafe_code(files: &[File]) -> Vec<String> {
    let mut found = vec![];
    for (folder, _) in ARROWS {
        let roots = ["src/lib.rs", "src/main.rs", "it/main.rs"].map(|root| format!("{folder}/{root}"));
        for file in files.iter().filter(|file| roots.contains(&file.path)) {
            let exempt = UNSAFE.iter().any(|path| path.starts_with(&format!("{folder}/")));
            if !exempt && !file.text.contains("#![forbid(unsafe_code)]") {
                found.push(format!("{}: lacks #![forbid(unsafe_code)]", file.path));
            }
        }
    }
    for file in files.iter().filter(|file| file.is(".rs") && !UNSAFE.contains(&&*file.path)) {
        let keyword =
            KEYWORD.map(|what| format!("unsafe {what}")).into_iter().find(|word| uses(&file.text, word));
        found.extend(keyword.map(|word| format!("{}: `{word}`", file.path)));
    }
    found
}

/// What follows the keyword where code is unsafe; apart from it, so that this list is no finding.
const KEYWORD: [&str; 3] = ["{", "fn", "impl"];

/// Whether code (not a comment or a text) contains `word`.
fn uses(text: &str, word: &str) -> bool {
    text.lines().any(|line| {
        let code = line.split("//").next().unwrap_or_default();
        code.trim_start().starts_with(word) || code.contains(&format!("= {word}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn an_arrow_against_the_diagram_is_found() {
        let bad = file(
            "crates/isa/Cargo.toml",
            "[dependencies]\nmachine.workspace = true\nserde.workspace = true\n",
        );
        assert_eq!(arrows(&[bad]), ["crates/isa may not depend on machine"]);
        let good = file("crates/cpu/Cargo.toml", "[dependencies]\nisa.workspace = true\n");
        assert!(arrows(&[good]).is_empty());
        assert_eq!(arrows(&[file("crates/utils/Cargo.toml", "")]).len(), 1);
    }

    #[test]
    fn unsafe_code_is_found() {
        let good = file("crates/isa/src/lib.rs", "#![forbid(unsafe_code)]\n// unsafe { }\n");
        assert!(unsafe_code(&[good]).is_empty());
        let text = format!("fn f() {{\n    let x = {} {{ y }};\n}}\n", "unsafe");
        let bad = file("crates/isa/src/lib.rs", &text);
        assert_eq!(unsafe_code(&[bad]).len(), 2);
    }
}
