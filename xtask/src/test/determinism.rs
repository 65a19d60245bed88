//! The determinism stage: one bounded boot in debug and in release, by the interpreter and by the translator of hot code, at
//! every sample the same hash of the whole state; then scenarios, [`executors`].

use super::cargo::{cargo, output};
use super::{Args, Counts, Failure, Outcome, executors};

/// Instructions of the boots on one CPU and on two: secondary CPUs run, drivers begin.
const INSTRUCTIONS: &str = "300000000";

/// Profile and executor of a boot.
type Way<'a> = (&'a [&'a str], &'a str);

/// Boots and scenarios.
pub fn run(_: &Args) -> Outcome {
    let choice = executors::Choice::of_head();
    let mut counts = boots(&format!("jit:seed={}", choice.seed))?;
    executors::compare(&choice, &mut counts)?;
    Ok(counts)
}

/// Boots in every way and compares what is printed with the first. `jit:0` translates everything, `drawn` each place after
/// another number of times.
fn boots(drawn: &str) -> Outcome {
    let first: Way<'_> = (&[], "interpreter");
    let others: [Way<'_>; 3] =
        [(&["--release"], "interpreter"), (&["--release"], "jit:0"), (&["--release"], drawn)];
    let expected = boot(first)?;
    let mut counts = Counts::default();
    for ways in others {
        let found = boot(ways)?;
        let same = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
        let lines = expected.lines().count();
        if same != lines || lines != found.lines().count() || lines == 0 {
            let at = |text: &str| text.lines().nth(same).unwrap_or("nothing").to_owned();
            let text = format!(
                "after {same} equal samples {first:?} says `{}` and {ways:?} says `{}`",
                at(&expected),
                at(&found)
            );
            return Err(Failure::one(text, "cargo xtask test --only determinism"));
        }
        counts += Counts::passed(1);
    }
    println!(
        "{} equal samples; the last: {}",
        expected.lines().count(),
        expected.lines().last().unwrap_or_default()
    );
    Ok(counts)
}

fn boot((profile, executor): Way<'_>) -> Result<String, Failure> {
    let head = ["run", "--quiet", "--package", "it", "--example", "boot"];
    let tail = ["--", "hash", INSTRUCTIONS, executor];
    let words: Vec<&str> = head.iter().chain(profile).copied().chain(tail).collect();
    output(cargo(&words), &format!("cargo {}", words.join(" ")))
}
