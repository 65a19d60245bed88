//! What has been fuzzed, summed over all sessions: the table in docs/fuzzing.md.

use std::collections::BTreeMap;

use crate::test::cargo::root;

/// The ledger: a line for each turn, appended by `fuzz --ledger`.
pub const PATH: &str = "fuzz/ledger.csv";
const PAGE: &str = "docs/fuzzing.md";
/// The generated part of the page lies between these.
const BEGIN: &str = "<!-- Written by `cargo xtask docs` from fuzz/ledger.csv. -->\n";
const END: &str = "<!-- End of what is written. -->\n";
/// What issue 3 asks of each surface.
const WANTED_SECONDS: u64 = 3600;

/// Sums of one target.
#[derive(Default, PartialEq, Debug)]
struct Sum {
    turns: u64,
    seconds: u64,
    executions: u64,
    /// Most counters that one turn reached.
    counters: u64,
    findings: u64,
}

/// The page with the sums of today's ledger.
pub fn page() -> String {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let page = read(PAGE);
    let Some((before, rest)) = page.split_once(BEGIN) else { return page };
    let Some((_, after)) = rest.split_once(END) else { return page };
    format!("{before}{BEGIN}{}{END}{after}", table(&sums(&read(PATH))))
}

/// A line is: target, seed, CPU seconds, executions, counters, findings.
fn sums(ledger: &str) -> BTreeMap<&str, Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for line in ledger.lines().skip(1) {
        let mut words = line.split(',');
        let Some(target) = words.next() else { continue };
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        let [_, seconds, executions, counters, findings] = numbers[..] else { continue };
        let sum = sums.entry(target).or_default();
        sum.turns += 1;
        sum.seconds += seconds;
        sum.executions += executions;
        sum.counters = sum.counters.max(counters);
        sum.findings += findings;
    }
    sums
}

fn table(sums: &BTreeMap<&str, Sum>) -> String {
    let mut text = String::from(
        "| target | turns | CPU minutes | of the hour | executions | counters | findings |\n|---|---|---|---|---|---|---|\n",
    );
    let mut rows: Vec<(&&str, &Sum)> = sums.iter().collect();
    rows.sort_by_key(|(name, sum)| (u64::MAX - sum.seconds, **name));
    for (name, sum) in rows {
        let share = (sum.seconds * 100 / WANTED_SECONDS).min(100);
        text.push_str(&format!(
            "| `{name}` | {} | {} | {share} % | {} | {} | {} |\n",
            sum.turns,
            sum.seconds / 60,
            sum.executions,
            sum.counters,
            sum.findings
        ));
    }
    let minutes = sums.values().map(|sum| sum.seconds).sum::<u64>() / 60;
    let whole = sums.values().filter(|sum| sum.seconds >= WANTED_SECONDS).count();
    let executions: u64 = sums.values().map(|sum| sum.executions).sum();
    text.push_str(&format!(
        "\nTogether {minutes} minutes of CPU time and {executions} executions. {whole} of {} targets have had their hour.\n",
        sums.len()
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_summed_by_target() {
        let ledger = "target,…\npsl,1,290,1000,50,0\npsl,2,3310,2000,40,1\ncard,1,60,7,5,0\nbroken,1\n";
        let sums = sums(ledger);
        let psl = Sum { turns: 2, seconds: 3600, executions: 3000, counters: 50, findings: 1 };
        assert_eq!((sums.len(), &sums["psl"]), (2, &psl));
        let text = table(&sums);
        assert!(text.contains("| `psl` | 2 | 60 | 100 % | 3000 | 50 | 1 |"), "{text}");
        assert!(text.contains("1 of 2 targets have had their hour"), "{text}");
    }
}
