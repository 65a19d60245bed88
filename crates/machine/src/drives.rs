//! Drive classes: `flash/*.toml` in the project, and those of a scenario.
//! Every number says where it comes from.

use crate::scenario::Problem;
use crate::scenario::drive_shape::{DRIVE, TIMES_KEYS};
use crate::scenario::read::{Tree, read};
use capi::flash::profile::{Cache, Chips, Profile, RANKS, Times, Wear};

/// Where numbers of a class come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The parts of the class it is about.
    pub of: Vec<String>,
    /// Document and figure; `assumed` if there is none.
    pub document: String,
    /// What it says, and what was made of it.
    pub says: String,
}

/// A class of drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// What it is.
    pub about: String,
    /// The numbers.
    pub profile: Profile,
    /// Where they come from.
    pub sources: Vec<Source>,
}

/// The project's classes: file name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("flash/default.toml", include_str!("../../../flash/default.toml")),
    ("flash/flashsystem-840.toml", include_str!("../../../flash/flashsystem-840.toml")),
    ("flash/flashgt.toml", include_str!("../../../flash/flashgt.toml")),
    ("flash/flashgt-plus.toml", include_str!("../../../flash/flashgt-plus.toml")),
    ("flash/read-intensive.toml", include_str!("../../../flash/read-intensive.toml")),
    ("flash/write-intensive.toml", include_str!("../../../flash/write-intensive.toml")),
    ("flash/client.toml", include_str!("../../../flash/client.toml")),
];

/// Most dies a class may have.
const MOST_DIES: u64 = 4096;

/// The project's classes.
pub fn all() -> Vec<Drive> {
    BUILT_IN
        .iter()
        .map(|(_, text)| parse(text).expect("the project's classes are checked by a test"))
        .collect()
}

/// Reads a class; all mistakes, in the order of the file.
pub fn parse(text: &str) -> Result<Drive, Vec<Problem>> {
    let tree = read(text, &DRIVE)?;
    let mut problems = vec![];
    let drive = drive(&tree, &mut problems);
    problems.sort_by_key(|p| p.place.start);
    if problems.is_empty() { Ok(drive) } else { Err(problems) }
}

/// A class from a tree that has the right shape.
pub fn drive(t: &Tree, problems: &mut Vec<Problem>) -> Drive {
    let empty = Tree::default();
    let part = |key: &str| t.tree(key).unwrap_or(&empty);
    let number = |t: &Tree, key: &str| t.number(key).unwrap_or(0);
    let (chips, cache, wear) = (part("chips"), part("cache"), part("wear"));
    let page = number(chips, "page").max(1);
    if !page.is_power_of_two() || !(4096..=1 << 20).contains(&page) {
        let message = "`page` is a power of two from 4KiB to 1MiB";
        problems.push(Problem::at(chips.place_of("page"), message));
    }
    if number(chips, "channels") * number(chips, "dies") > MOST_DIES {
        let message = format!("a drive has at most {MOST_DIES} dies: `channels` times `dies` is more");
        problems.push(Problem::at(chips.place_of("dies"), message));
    }
    if !(4096..=1 << 30).contains(&number(cache, "size")) {
        problems.push(Problem::at(cache.place_of("size"), "a cache holds from 4KiB to 1GiB"));
    }
    let profile = Profile {
        name: t.text("name").unwrap_or_default(),
        chips: Chips {
            channels: number(chips, "channels") as u32,
            dies: number(chips, "dies") as u32,
            page,
            pages_per_block: number(chips, "pages-per-block") as u32,
            transfer: number(chips, "transfer"),
            suspend: number(chips, "suspend"),
            spare: number(chips, "spare") as u32,
        },
        read: times(part("read"), problems),
        program: times(part("program"), problems),
        erase: times(part("erase"), problems),
        collect: times(part("collect"), problems),
        cache: Cache {
            size: number(cache, "size"),
            volatile: cache.flag("volatile").unwrap_or(true),
            linger: number(cache, "linger"),
            accept: times(part("accept"), problems),
        },
        wear: Wear {
            cycles: number(wear, "cycles") as u32,
            read_only: number(wear, "read-only") as u32,
            errors: number(wear, "errors") as u32,
            disturb: number(wear, "disturb") as u32,
        },
        start: number(t, "start"),
        temperature: number(t, "temperature") as u8,
    };
    let text = |t: &Tree, key: &str| t.text(key).unwrap_or_default();
    let source = |t: &Tree| Source {
        of: t.names("of").unwrap_or_default().into_iter().map(|n| n.text).collect(),
        document: text(t, "document"),
        says: text(t, "says"),
    };
    Drive { about: text(t, "about"), profile, sources: t.trees("source").iter().map(source).collect() }
}

/// Quantiles that are not given lie even between those that are.
fn times(t: &Tree, problems: &mut Vec<Problem>) -> Times {
    let given: Vec<Option<u64>> = TIMES_KEYS.iter().map(|k| t.number(k)).collect();
    let mut quantiles = [0; 6];
    let mut last = 0;
    for i in 0..6 {
        if let Some(value) = given[i] {
            quantiles[i] = value;
            last = i;
            continue;
        }
        let next = (i..6).find_map(|n| Some((n, given[n]?)));
        let (to, high) = next.unwrap_or((5, quantiles[last]));
        let (from, low) = (last, quantiles[last]);
        let share = u128::from(high.saturating_sub(low)) * u128::from(RANKS[i] - RANKS[from]);
        quantiles[i] = low + (share / u128::from(RANKS[to] - RANKS[from])) as u64;
    }
    if let Some(at) = (1..6).find(|i| quantiles[*i] < quantiles[*i - 1]) {
        let key = TIMES_KEYS[at];
        let message = format!("`{key}` is less than a quantile before it: sort the times");
        problems.push(Problem::at(t.place_of(key), message));
    }
    Times { quantiles }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [&str; 10] =
        ["chips", "read", "program", "erase", "collect", "cache", "accept", "wear", "start", "temperature"];

    #[test]
    fn the_projects_classes_are_whole_and_say_their_sources() {
        for (file, text) in BUILT_IN {
            let drive = parse(text).unwrap_or_else(|problems| {
                panic!("{}", problems.iter().map(|p| p.render(file, text) + "\n").collect::<String>())
            });
            assert_eq!(*file, format!("flash/{}.toml", drive.profile.name));
            for part in PARTS {
                let found = drive.sources.iter().any(|s| s.of.iter().any(|of| of == part));
                assert!(found, "{file}: no source for `{part}`");
            }
            for s in &drive.sources {
                let unknown = s.of.iter().find(|of| !PARTS.contains(&of.as_str()));
                assert!(unknown.is_none() && s.says.len() > 10, "{file}: {unknown:?} {}", s.document);
            }
        }
    }

    #[test]
    fn the_default_class_is_the_models_default() {
        assert_eq!(parse(BUILT_IN[0].1).map(|d| d.profile), Ok(Profile::default()));
    }

    #[test]
    fn mistakes_have_a_place() {
        let good = BUILT_IN[0].1;
        for (from, to, want) in [
            ("page = \"16KiB\"", "page = \"5KiB\"", "`page` is a power of two from 4KiB to 1MiB"),
            ("max = \"160us\"", "max = \"70us\"", "`max` is less than a quantile before it: sort the times"),
            ("volatile = true", "volatil = true", "did you mean `volatile`?"),
            ("size = \"16MiB\"", "size = \"1KiB\"", "a cache holds from 4KiB to 1GiB"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            let said: Vec<String> =
                parse(&text).unwrap_err().iter().map(|p| p.render("d.toml", &text)).collect();
            assert!(said.iter().any(|s| s.starts_with("d.toml:") && s.contains(want)), "{said:?}");
        }
    }

    #[test]
    fn quantiles_between_are_even() {
        let text = BUILT_IN[0].1.replacen("min = \"80us\"", "min = \"80us\"\np99 = \"100us\"", 1);
        let read = parse(&text).expect("good").profile.read;
        assert_eq!(read.quantiles, [80_000, 90_101, 98_181, 100_000, 154_000, 160_000]);
    }
}
