//! The determinism stage: one bounded boot in debug and in release, at every sample the same hash of the whole state.

use super::cargo::{cargo, output};
use super::{Args, Counts, Failure, Outcome};

/// Instructions of the boots on one CPU and on two: secondary CPUs run, drivers begin.
const INSTRUCTIONS: &str = "300000000";

/// Boots in both profiles and compares what they print.
pub fn run(_: &Args) -> Outcome {
    let debug = boot(&[])?;
    let release = boot(&["--release"])?;
    let same = debug.lines().zip(release.lines()).take_while(|(ours, theirs)| ours == theirs).count();
    let lines = debug.lines().count();
    if same == lines && lines == release.lines().count() && lines > 0 {
        println!("{lines} equal samples; the last: {}", debug.lines().last().unwrap_or_default());
        return Ok(Counts::passed(1));
    }
    let at = |text: &str| text.lines().nth(same).unwrap_or("nothing").to_owned();
    let text =
        format!("after {same} equal samples debug says `{}` and release says `{}`", at(&debug), at(&release));
    Err(Failure::one(text, "cargo xtask test --only determinism"))
}

fn boot(profile: &[&str]) -> Result<String, Failure> {
    let head = ["run", "--quiet", "--package", "it", "--example", "boot"];
    let words: Vec<&str> = head.iter().chain(profile).copied().chain(["--", "hash", INSTRUCTIONS]).collect();
    output(cargo(&words), &format!("cargo {}", words.join(" ")))
}
