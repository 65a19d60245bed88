//! Debian version order, and the choice of a kernel from the names in a package index.

use std::cmp::Ordering;

/// Compares two Debian versions (deb-version(7)): epoch, then upstream version, then revision.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a_rest) = split_epoch(a);
    let (b_epoch, b_rest) = split_epoch(b);
    let (a_upstream, a_revision) = a_rest.rsplit_once('-').unwrap_or((a_rest, ""));
    let (b_upstream, b_revision) = b_rest.rsplit_once('-').unwrap_or((b_rest, ""));
    a_epoch
        .cmp(&b_epoch)
        .then_with(|| compare_part(a_upstream, b_upstream))
        .then_with(|| compare_part(a_revision, b_revision))
}

fn split_epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// Alternates between runs of non-digits, where a tilde sorts before the end and letters before the rest, and numbers.
fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let (a_text, a_rest) = split_run(a, |c| !c.is_ascii_digit());
        let (b_text, b_rest) = split_run(b, |c| !c.is_ascii_digit());
        let (a_digits, a_next) = split_run(a_rest, |c| c.is_ascii_digit());
        let (b_digits, b_next) = split_run(b_rest, |c| c.is_ascii_digit());
        let (a_digits, b_digits) = (a_digits.trim_start_matches('0'), b_digits.trim_start_matches('0'));
        let order = compare_text(a_text, b_text)
            .then_with(|| a_digits.len().cmp(&b_digits.len()))
            .then_with(|| a_digits.cmp(b_digits));
        if order != Ordering::Equal || (a_next.is_empty() && b_next.is_empty()) {
            return order;
        }
        (a, b) = (a_next, b_next);
    }
}

fn split_run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn compare_text(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => c as i32,
        Some(c) => c as i32 + 256,
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = weight(x).cmp(&weight(y));
        if order != Ordering::Equal || x.is_none() {
            return order;
        }
    }
}

/// A kernel package's name, taken apart: `linux-image-6.1.0-50-powerpc64le`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelName {
    /// What `uname -r` prints: `6.1.0-50-powerpc64le`.
    pub release: String,
    /// The release without the flavour: `6.1.0-50`; names the common headers.
    pub abi: String,
}

impl KernelName {
    /// Takes a package name apart; `None` for what is not a bootable ppc64el kernel.
    pub fn parse(package: &str) -> Option<Self> {
        let release = package.strip_prefix("linux-image-")?;
        let (abi, rest) = release.split_once("-powerpc64le")?;
        let plain = rest.is_empty() || rest == "-64k";
        let versioned = abi.starts_with(|c: char| c.is_ascii_digit());
        (plain && versioned).then(|| Self { release: release.to_owned(), abi: abi.to_owned() })
    }

    /// `6.1` of `6.1.0-50-powerpc64le`.
    pub fn series(&self) -> String {
        let mut numbers = self.abi.split(|c: char| !c.is_ascii_digit());
        format!("{}.{}", numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
    }
}

/// The newest kernel of the index, or the newest whose release begins with `wanted`. The 64k flavour must be asked for.
pub fn choose_kernel<'a>(
    packages: impl Iterator<Item = &'a str>,
    wanted: Option<&str>,
) -> Option<KernelName> {
    let fits = |kernel: &KernelName| match wanted {
        Some(wanted) if kernel.release == wanted => true,
        Some(wanted) => !kernel.release.ends_with("-64k") && begins_with(&kernel.release, wanted),
        None => !kernel.release.ends_with("-64k"),
    };
    packages.filter_map(KernelName::parse).filter(fits).max_by(|a, b| compare(&a.abi, &b.abi))
}

/// Whether `wanted` is a beginning that ends at a boundary: `6.1.0-5` does not mean `6.1.0-50`.
fn begins_with(release: &str, wanted: &str) -> bool {
    release.strip_prefix(wanted).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_package_manager_does() {
        let rising = [
            "1.0~rc1",
            "1.0~rc2",
            "1.0",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1+deb12u9",
            "1.0-1+deb12u10",
            "1.0a-1",
            "1.0+b-1",
            "1.0.1-1",
            "1.10-1",
            "1:0.1-1",
        ];
        for (index, low) in rising.iter().enumerate() {
            assert_eq!(compare(low, low), Ordering::Equal);
            for high in &rising[index + 1..] {
                assert_eq!(
                    (compare(low, high), compare(high, low)),
                    (Ordering::Less, Ordering::Greater),
                    "{low} {high}"
                );
            }
        }
        assert_eq!(compare("1.01-1", "1.1-1"), Ordering::Equal);
    }

    #[test]
    fn the_newest_kernel_is_chosen_from_the_index() {
        let index = [
            "linux-image-6.1.0-9-powerpc64le",
            "linux-image-6.1.0-50-powerpc64le",
            "linux-image-6.1.0-50-powerpc64le-dbg",
            "linux-image-6.1.0-60-powerpc64le-unsigned",
            "linux-image-6.1.0-5-powerpc64le",
            "linux-image-6.1.0-50-powerpc64le-64k",
            "linux-image-6.1.0-70-amd64",
            "linux-image-powerpc64le",
            "linux-headers-6.1.0-80-powerpc64le",
        ];
        let cases = [
            (None, Some("6.1.0-50-powerpc64le")),
            (Some("6.1.0-9"), Some("6.1.0-9-powerpc64le")),
            (Some("6.1.0-5"), Some("6.1.0-5-powerpc64le")),
            (Some("6.1"), Some("6.1.0-50-powerpc64le")),
            (Some("6.1.0-50-powerpc64le-64k"), Some("6.1.0-50-powerpc64le-64k")),
            (Some("6.12"), None),
        ];
        for (wanted, expected) in cases {
            let found = choose_kernel(index.into_iter(), wanted).map(|kernel| kernel.release);
            assert_eq!(found.as_deref(), expected, "{wanted:?}");
        }
        assert_eq!(choose_kernel(index[..1].iter().copied(), None).expect("found").series(), "6.1");
    }
}
