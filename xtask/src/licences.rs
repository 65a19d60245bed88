//! Licences of the dependencies: each package's expression must be satisfied by the allow list of `deny.toml`.

use std::fs;

use serde::Deserialize;

use crate::test::Counts;
use crate::test::cargo::{cargo, root};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

/// Checks every package that cargo resolves; the text of a failure names them.
pub fn check() -> Result<Counts, String> {
    let text = fs::read_to_string(root().join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let deny: Deny = toml::from_str(&text).map_err(|error| format!("deny.toml: {error}"))?;
    let output = cargo(&["metadata", "--format-version", "1", "--locked"]).output();
    let output = output.map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let others: Vec<&Package> = metadata.packages.iter().filter(|package| package.source.is_some()).collect();
    let refused: Vec<String> = others.iter().filter_map(|package| refusal(package, &deny)).collect();
    println!("{} packages, {} refused", others.len(), refused.len());
    if refused.is_empty() { Ok(Counts::passed(1)) } else { Err(refused.join("; ")) }
}

fn refusal(package: &Package, deny: &Deny) -> Option<String> {
    let Package { name, version, license, .. } = package;
    let Some(license) = license else { return Some(format!("{name} {version} names no licence")) };
    let good = satisfied(license, &deny.licenses.allow);
    (!good).then(|| format!("{name} {version}: `{license}` is not allowed by deny.toml"))
}

/// Whether the names in `allow` satisfy an SPDX expression; `/` is the old form of OR.
fn satisfied(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let good = any(&words, &mut at, allow);
    good && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut good = all(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        good |= all(words, at, allow);
    }
    good
}

fn all(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut good = one(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        good &= one(words, at, allow);
    }
    good
}

fn one(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let Some(&word) = words.get(*at) else { return false };
    *at += 1;
    if word == "(" {
        let good = any(words, at, allow);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return good && closed;
    }
    let exception = words.get(*at) == Some(&"WITH");
    let name = match words.get(*at + 1) {
        Some(with) if exception => format!("{word} WITH {with}"),
        _ => word.to_owned(),
    };
    *at += if exception { 2 } else { 0 };
    allow.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_as_spdx_says() {
        let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "MIT AND Apache-2.0",
            "(MIT OR GPL-2.0) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0 OR Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(satisfied(good, &allow), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT MIT", "MIT WITH x", "MIT OR", "AND"] {
            let expected = bad == "MIT OR";
            assert_eq!(satisfied(bad, &allow), expected, "{bad}");
        }
    }
}
