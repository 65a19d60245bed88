//! The determinism stage: one bounded boot in debug and in release, by the interpreter and by the translator of hot code, at
//! every sample the same hash of the whole state.

use super::cargo::{cargo, output};
use super::{Args, Counts, Failure, Outcome};

/// Instructions of the boots on one CPU and on two: secondary CPUs run, drivers begin.
const INSTRUCTIONS: &str = "300000000";

/// Profile and executor of each boot; all are compared with the first. `jit:0` translates everything, `jit:seed` each place
/// after another number of times.
const BOOTS: [(&[&str], &str); 4] = [
    (&[], "interpreter"),
    (&["--release"], "interpreter"),
    (&["--release"], "jit:0"),
    (&["--release"], "jit:seed=1"),
];

/// Boots in every way and compares what is printed.
pub fn run(_: &Args) -> Outcome {
    let expected = boot(BOOTS[0])?;
    let mut counts = Counts::default();
    for ways in &BOOTS[1..] {
        let found = boot(*ways)?;
        let same = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
        let lines = expected.lines().count();
        if same != lines || lines != found.lines().count() || lines == 0 {
            let at = |text: &str| text.lines().nth(same).unwrap_or("nothing").to_owned();
            let text = format!(
                "after {same} equal samples {:?} says `{}` and {ways:?} says `{}`",
                BOOTS[0],
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

fn boot((profile, executor): (&[&str], &str)) -> Result<String, Failure> {
    let head = ["run", "--quiet", "--package", "it", "--example", "boot"];
    let tail = ["--", "hash", INSTRUCTIONS, executor];
    let words: Vec<&str> = head.iter().chain(profile).copied().chain(tail).collect();
    output(cargo(&words), &format!("cargo {}", words.join(" ")))
}
