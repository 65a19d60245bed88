//! Where packages come from: the mirror and the keyring of the host's own apt sources, or what the user gave.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{GuestError, Result};

/// A mirror of the distribution's archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Address as apt understands it.
    pub uri: String,
    /// Keyring that signs it; none: the host's trusted keys.
    pub signed_by: Option<String>,
}

/// One entry of an apt source list, in either of its two formats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

/// Finds the source for `suite`: the user's, else the host's for this suite, else the host's for another suite of the same archive.
pub fn find(suite: &str, mirror: Option<&str>, keyring: Option<&Path>, etc: &Path) -> Result<Source> {
    let keyring = keyring.map(|path| path.display().to_string());
    if let Some(uri) = mirror {
        let host =
            host_entries(etc).into_iter().find(|entry| entry.uris.iter().any(|known| same(known, uri)));
        return Ok(Source {
            uri: uri.to_owned(),
            signed_by: keyring.or(host.and_then(|entry| entry.signed_by)),
        });
    }
    let entries = host_entries(etc);
    let base = base_suite(suite);
    let serves = |entry: &&Entry, wanted: &dyn Fn(&str) -> bool| {
        entry.components.iter().any(|part| part == "main") && entry.suites.iter().any(|name| wanted(name))
    };
    let exact = entries.iter().find(|entry| serves(entry, &|name| name == suite || name == base));
    let sibling = || entries.iter().find(|entry| serves(entry, &is_release_of_debian));
    let chosen = exact.or_else(sibling).ok_or_else(|| GuestError::NoSource {
        suite: suite.to_owned(),
        reason: format!("the apt sources under {} name no Debian archive with component main", etc.display()),
    })?;
    let uri = chosen.uris.first().cloned().unwrap_or_default();
    Ok(Source { uri, signed_by: keyring.or_else(|| chosen.signed_by.clone()) })
}

/// `bookworm` of `bookworm-backports`: what a partial suite builds upon.
pub fn base_suite(suite: &str) -> &str {
    suite.strip_suffix("-backports").unwrap_or(suite)
}

fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

/// Releases in whose archive another release is found under the same address.
fn is_release_of_debian(suite: &str) -> bool {
    matches!(
        suite,
        "bullseye"
            | "bookworm"
            | "trixie"
            | "forky"
            | "sid"
            | "oldstable"
            | "stable"
            | "testing"
            | "unstable"
    )
}

fn host_entries(etc: &Path) -> Vec<Entry> {
    let mut files: Vec<PathBuf> = fs::read_dir(etc.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.insert(0, etc.join("sources.list"));
    let mut entries = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("list") => entries.extend(text.lines().filter_map(parse_line)),
            Some("sources") => entries.extend(parse_deb822(&text)),
            _ => {}
        }
    }
    entries
}

/// `deb [signed-by=KEY] URI SUITE COMPONENT…`
fn parse_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let mut signed_by = None;
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        signed_by = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(str::to_owned);
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

/// Stanzas of `Field: value`, where a line that begins with a blank continues the value.
fn parse_deb822(text: &str) -> Vec<Entry> {
    let mut entries = vec![(Entry::default(), true)];
    let mut field = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            entries.push((Entry::default(), true));
            continue;
        }
        let value = if line.starts_with([' ', '\t']) {
            line
        } else {
            let Some((name, value)) = line.split_once(':') else { continue };
            field = name.trim().to_ascii_lowercase();
            value
        };
        let Some((entry, wanted)) = entries.last_mut() else { continue };
        let words = value.split_whitespace().map(str::to_owned);
        match field.as_str() {
            "uris" => entry.uris.extend(words),
            "suites" => entry.suites.extend(words),
            "components" => entry.components.extend(words),
            "signed-by" if value.trim().starts_with('/') => entry.signed_by = Some(value.trim().to_owned()),
            "enabled" => *wanted &= value.trim() != "no",
            "types" => *wanted &= words.into_iter().any(|kind| kind == "deb"),
            _ => {}
        }
    }
    entries
        .into_iter()
        .filter(|(entry, wanted)| *wanted && !entry.uris.is_empty())
        .map(|(entry, _)| entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
  contrib
Signed-By: /keys/a.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
";

    fn etc(name: &str, list: &str, deb822: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("capisim-sources-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("sources.list.d")).expect("the temporary folder is writable");
        fs::write(path.join("sources.list"), list).expect("written");
        fs::write(path.join("sources.list.d/debian.sources"), deb822).expect("written");
        path
    }

    #[test]
    fn the_host_s_own_mirror_is_used() {
        let one_line = "# deb http://no.example/debian bookworm main\n\
                        deb [arch=amd64 signed-by=/keys/b.gpg] http://line.example/debian trixie main # end\n\
                        deb-src http://src.example/debian bookworm main\n";
        let cases = [
            ("a", "", DEB822, "bookworm", "http://mirror.example/debian", Some("/keys/a.gpg")),
            ("b", "", DEB822, "bookworm-backports", "http://mirror.example/debian", Some("/keys/a.gpg")),
            ("c", "", DEB822, "trixie", "http://mirror.example/debian", Some("/keys/a.gpg")),
            ("d", one_line, DEB822, "trixie", "http://line.example/debian", Some("/keys/b.gpg")),
            ("e", one_line, "", "bookworm", "http://line.example/debian", Some("/keys/b.gpg")),
        ];
        for (name, list, deb822, suite, uri, key) in cases {
            let etc = etc(name, list, deb822);
            let found = find(suite, None, None, &etc).expect(name);
            assert_eq!((found.uri.as_str(), found.signed_by.as_deref()), (uri, key), "{name}");
            fs::remove_dir_all(etc).expect("removed");
        }
    }

    #[test]
    fn the_user_s_mirror_comes_first_and_a_missing_one_is_an_error() {
        let etc = etc("f", "", DEB822);
        let found =
            find("sid", Some("http://mine.example/"), Some(Path::new("/k.gpg")), &etc).expect("given");
        assert_eq!(found, Source { uri: "http://mine.example/".into(), signed_by: Some("/k.gpg".into()) });
        let known = find("sid", Some("http://mirror.example/debian/"), None, &etc).expect("given");
        assert_eq!(known.signed_by.as_deref(), Some("/keys/a.gpg"));
        fs::remove_dir_all(&etc).expect("removed");
        assert!(find("bookworm", None, None, &etc).unwrap_err().to_string().contains("no package source"));
    }
}
