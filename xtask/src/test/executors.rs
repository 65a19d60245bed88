//! Part of the determinism stage: whole scenarios by two executors in two processes (`capisim run --verify --beside`), the
//! full state hash equal every 10 million instructions.
//!
//! The default scenario on both drivers, and one further scenario that the commit chooses, as it chooses the seed of the
//! delays with which code is translated: over the commits all come up, and every choice is printed with what repeats it.

use std::process::{Command, Output};

use capisim::lists::NO_TRANSLATOR;
use capisim::scenarios::{BUILT_IN, DEFAULT};
use machine::executor::Executor;

use super::cargo::root;
use super::{Counts, Failure};
use crate::run::program;

/// Scenarios that no commit chooses, and why.
const NOT_CHOSEN: &[(&str, &str)] = &[
    (DEFAULT, "every commit runs it"),
    ("freeze-recovery", "542 marks, 50 s; the others take 2 to 30 s with other work beside them"),
];

/// What stands for a commit where there is none.
const NO_COMMIT: &str = "c0ffee00c0ffee00";

/// What a commit chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Seed of the delays.
    pub seed: u64,
    /// The further scenario.
    scenario: &'static str,
}

impl Choice {
    /// That of a commit's hexadecimal number; `None` if it is not one.
    fn of(commit: &str) -> Option<Choice> {
        let digits = |from: usize| u64::from_str_radix(commit.get(from..from + 8)?, 16).ok();
        let all = eligible();
        Some(Choice { seed: digits(0)?, scenario: all[digits(8)? as usize % all.len()] })
    }
    /// That of the commit that is checked out; says on standard output which.
    pub fn of_head() -> Choice {
        let git = Command::new("git").current_dir(root()).args(["rev-parse", "HEAD"]).output();
        let commit = git.map_err(|error| error.to_string()).and_then(|git| match git.status.success() {
            true => Ok(String::from_utf8_lossy(&git.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&git.stderr).trim().to_owned()),
        });
        let (commit, choice) = match commit {
            Ok(commit) => (format!("commit {commit}"), Choice::of(&commit)),
            Err(why) => (format!("no commit ({why}), the choice is fixed"), None),
        };
        let choice = choice.or_else(|| Choice::of(NO_COMMIT)).expect("a hexadecimal number");
        println!("{commit}: delays jit:seed={}, further scenario {}", choice.seed, choice.scenario);
        choice
    }
}

/// Scenarios that a commit may choose.
fn eligible() -> Vec<&'static str> {
    let names = BUILT_IN.iter().map(|(name, _)| *name);
    names.filter(|name| NOT_CHOSEN.iter().all(|(not, _)| not != name)).collect()
}

/// A scenario on some drivers by two executors.
struct Pair {
    scenario: &'static str,
    drivers: &'static [&'static str],
    executors: [String; 2],
    /// Exit codes that are good: whatever the verdict of a further scenario is, 4 and 5 are not.
    codes: &'static [i32],
}

impl Pair {
    /// Arguments of `capisim`.
    fn words(&self) -> Vec<&str> {
        let drivers = self.drivers.iter().flat_map(|driver| ["--driver", driver]);
        let [first, second] = &self.executors;
        let rest = ["--verify", "--executor", first, "--beside", second];
        ["run", self.scenario].into_iter().chain(drivers).chain(rest).collect()
    }
    fn repeat(&self) -> String {
        format!("cargo xtask {}", self.words().join(" "))
    }
    /// Runs it with `more` arguments.
    fn output(&self, more: &[&str]) -> Result<Output, Failure> {
        let repeat = [&[self.repeat().as_str()], more].concat().join(" ");
        println!("$ {repeat}");
        let output = program().args(self.words()).args(more).output();
        output.map_err(|error| Failure::one(format!("cannot start cargo: {error}"), repeat))
    }
    /// Runs it and reads how often both were equal.
    fn compare(&self) -> Result<Counts, Failure> {
        let output = self.output(&[])?;
        let text = String::from_utf8_lossy(&output.stderr);
        let equal = marks(&text, &self.executors);
        let good = output.status.code().is_some_and(|code| self.codes.contains(&code));
        if !good || equal.len() != self.drivers.len() {
            print!("{}{text}", String::from_utf8_lossy(&output.stdout));
            let text = format!("{}: {} builds equal of {}", output.status, equal.len(), self.drivers.len());
            return Err(Failure::one(text, self.repeat()));
        }
        text.lines().filter(|line| line.starts_with("verified ")).for_each(|line| println!("{line}"));
        Ok(Counts::passed(equal.len() as u64))
    }
}

/// How many marks of each build were equal, by the lines that name both executors.
fn marks(text: &str, [first, second]: &[String; 2]) -> Vec<u64> {
    let said = format!("two processes, {first} beside {second}, equal at ");
    let number = |line: &str| {
        let rest = line.strip_prefix("verified ")?.split_once(&said)?.1;
        rest.split_once(" marks")?.0.parse().ok().filter(|marks| *marks > 1)
    };
    text.lines().filter_map(number).collect()
}

/// An instruction after which one bit of the second run is another.
const DISTURBED: u64 = 17_000_123;

/// That a difference between two executors is found, to the instruction, and both are named.
fn difference() -> Result<Counts, Failure> {
    let executors = ["interpreter", "jit:0"].map(String::from);
    let said = [
        format!("first run {}, second run {}", executors[0], executors[1]),
        format!("after {DISTURBED} instructions: cpu 0"),
    ];
    let pair = Pair { scenario: DEFAULT, drivers: &["stock"], executors, codes: &[4] };
    let (what, out) = (format!("gpr:0:1:3@{DISTURBED}"), "target/capisim/disturbed");
    // What an earlier one left is of no use to anybody.
    let _ = std::fs::remove_dir_all(root().join(out));
    let more = ["--verify-perturb", &what, "--out", out];
    let output = pair.output(&more)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let told = said.iter().all(|words| text.contains(words.as_str()));
    if told && output.status.code().is_some_and(|code| pair.codes.contains(&code)) {
        println!("a bit that was changed after {DISTURBED} instructions was found");
        return Ok(Counts::passed(1));
    }
    print!("{text}");
    let repeat = format!("{} {}", pair.repeat(), more.join(" "));
    Err(Failure::one(format!("{}: the difference that was made was not found", output.status), repeat))
}

/// Compares them all.
pub fn compare(choice: &Choice, counts: &mut Counts) -> Result<(), Failure> {
    if Executor::default().effective() == Executor::Interpreter {
        println!("executors are not compared: {NO_TRANSLATOR}");
        return Ok(());
    }
    let beside = |second: String| ["interpreter".to_owned(), second];
    let drawn = || beside(format!("jit:seed={}", choice.seed));
    let both = |executors| Pair { scenario: DEFAULT, drivers: &["pre-fix", "stock"], executors, codes: &[0] };
    let further =
        Pair { scenario: choice.scenario, drivers: &["stock"], executors: drawn(), codes: &[0, 1, 3] };
    *counts += difference()?;
    for pair in [both(beside("jit:0".into())), both(drawn()), further] {
        *counts += pair.compare()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers like those of commits.
    fn commit(n: u32) -> String {
        machine::report::sha256(&n.to_le_bytes())[..40].to_owned()
    }

    #[test]
    fn a_commit_always_chooses_the_same_and_many_choose_all() {
        let choices: Vec<Choice> = (0..2000).map(|n| Choice::of(&commit(n)).expect("hexadecimal")).collect();
        let again: Vec<Choice> = (0..2000).map(|n| Choice::of(&commit(n)).expect("hexadecimal")).collect();
        assert_eq!(choices, again);
        let scenarios: BTreeSet<&str> = choices.iter().map(|choice| choice.scenario).collect();
        assert_eq!(scenarios, eligible().into_iter().collect());
        let seeds: BTreeSet<u64> = choices.iter().map(|choice| choice.seed).collect();
        assert!(seeds.len() > 1990, "{} seeds", seeds.len());
    }

    #[test]
    fn what_is_not_chosen_exists_and_has_a_reason() {
        for (name, why) in NOT_CHOSEN {
            assert!(BUILT_IN.iter().any(|(known, _)| known == name), "{name} is no scenario");
            assert!(!why.is_empty() && !eligible().contains(name), "{name}");
        }
        assert_eq!(eligible().len() + NOT_CHOSEN.len(), BUILT_IN.len());
    }

    #[test]
    fn only_a_number_chooses() {
        assert!(Choice::of(NO_COMMIT).is_some());
        for not in ["", "c0ffee00", "c0ffee00 not hexadecimal", "fatal: no commits yet"] {
            assert_eq!(Choice::of(not), None, "{not}");
        }
    }

    #[test]
    fn only_lines_about_both_executors_count() {
        let both = ["interpreter", "jit:0"].map(String::from);
        let line = |executors: &str, marks: u64| {
            format!(
                "verified stock: two processes, {executors}, equal at {marks} marks, the last at the end (3.1 s)\n"
            )
        };
        let text = line("interpreter beside jit:0", 36) + "seed 1\n" + &line("interpreter beside jit:0", 39);
        assert_eq!(marks(&text, &both), [36, 39]);
        for other in ["both jit:16", "interpreter beside jit:01", "jit:0 beside interpreter"] {
            assert_eq!(marks(&line(other, 36), &both), [0; 0], "{other}");
        }
        assert_eq!(marks(&line("interpreter beside jit:0", 1), &both), [0; 0], "the end alone");
    }
}
