//! Pages: the architecture page, paths that exist, words that must not be committed.

use super::files::File;
use crate::test::cargo::root;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const ARCHITECTURE_LINES: usize = 200;

/// The page exists, is short, and names every crate.
pub fn architecture(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == ARCHITECTURE) else {
        return vec![format!("{ARCHITECTURE} is missing")];
    };
    let mut found = vec![];
    let lines = page.text.lines().count();
    if lines > ARCHITECTURE_LINES {
        found.push(format!("{ARCHITECTURE}: {lines} lines, at most {ARCHITECTURE_LINES}"));
    }
    for file in files.iter().filter(|file| file.path.starts_with("crates/") && file.is("/Cargo.toml")) {
        let folder = file.path.trim_end_matches("/Cargo.toml");
        if !page.text.contains(folder) {
            found.push(format!("{ARCHITECTURE} does not name {folder}"));
        }
    }
    found
}

/// Words between backquotes that look like paths of this repository exist.
pub fn paths(files: &[File]) -> Vec<String> {
    let mut found = vec![];
    for page in files.iter().filter(|file| file.is(".md")) {
        for (n, line) in page.text.lines().enumerate() {
            let wrong = candidates(line).filter(|path| !exists(path, page));
            found.extend(wrong.map(|path| format!("{}:{}: `{path}` does not exist", page.path, n + 1)));
        }
    }
    found
}

/// Folders at the top that a path may begin with.
const TOP: &[&str] =
    &["crates/", "docs/", "firmware/", "fuzz/", "scenarios/", "tests/", "xtask/", ".ci/", ".cargo/"];

fn candidates(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = quoted.chain(links).map(|word| word.split('#').next().unwrap_or(word));
    paths.filter(|word| {
        TOP.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '{', '<', ' ', '…', '$'])
    })
}

fn exists(path: &str, page: &File) -> bool {
    let plain = path.trim_end_matches('/').split("::").next().unwrap_or(path);
    let plain = plain.split(':').next().unwrap_or(plain);
    // A name in capitals stands for many.
    let pattern = plain.split('/').any(|part| part.split('.').next().is_some_and(|stem| stem == "NAME"));
    let beside = root().join(&page.path).parent().is_some_and(|folder| folder.join(plain).exists());
    pattern || beside || root().join(plain).exists()
}

/// No page, script or source names the machine it was written on, or a host of a registry.
pub fn words(files: &[File]) -> Vec<String> {
    // In two halves, so that this list is not a finding itself.
    let words = [["/wo", "rk/"], ["/ro", "ot/"], ["crates", ".io"], ["static.crates", ".io"], ["/ho", "me/"]]
        .map(|w| w.concat());
    let mut found = vec![];
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (n, line) in file.text.lines().enumerate() {
            let bad = words.iter().find(|word| line.contains(&***word));
            found.extend(bad.map(|word| format!("{}:{}: names `{word}`", file.path, n + 1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_pages() {
        let line = "see `crates/isa/src/rows` and [the page](docs/x.md#a), not `crates/*` or `cargo xtask`";
        assert_eq!(candidates(line).collect::<Vec<_>>(), ["crates/isa/src/rows", "docs/x.md"]);
        let page = File { path: "README.md".into(), text: "`xtask/Cargo.toml` `xtask/nothing.rs`".into() };
        assert_eq!(paths(&[page]), ["README.md:1: `xtask/nothing.rs` does not exist"]);
    }
}
