//! What executes each of the two processes of `run --verify`.

use super::bisect::{Pair, Side};
use super::perturb::Perturbation;
use crate::cli::RunArgs;
use crate::error::Error;
use crate::lists::NO_TRANSLATOR;
use machine::executor::Executor;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// What the two processes of a build are told apart from the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// What executes each.
    pub executors: [Executor; 2],
    /// What is disturbed in the second.
    pub perturbation: Option<String>,
}

impl Sides {
    /// What the command line asks for, the program's own executor being `first`; none without `--verify`.
    ///
    /// # Errors
    /// [`Error::Environment`] if this host lacks the executor of `--beside`.
    pub fn asked(args: &RunArgs, first: Executor) -> Result<Option<Sides>, Error> {
        if !args.verify {
            return Ok(None);
        }
        if let Some(beside) = args.beside.filter(|e| !e.available()) {
            return Err(Error::Environment(format!("--beside {beside}: {NO_TRANSLATOR}")));
        }
        args.verify_perturb.as_deref().map(Perturbation::parse).transpose()?;
        let first = first.effective();
        let executors = [first, args.beside.unwrap_or(first)];
        Ok(Some(Sides { executors, perturbation: args.verify_perturb.clone() }))
    }
    /// Arguments of process `n` for the run in `dir` and one of its drivers.
    pub fn arguments(&self, n: usize, dir: &Path, driver: usize) -> Vec<OsString> {
        let words =
            ["verify-side", "--driver", &driver.to_string(), "--executor", &self.executors[n].to_string()]
                .map(OsString::from);
        let perturbation = self.perturbation.iter().filter(|_| n == 1);
        let disturbed = perturbation.flat_map(|p| ["--perturb".into(), p.into()]);
        words.into_iter().chain(disturbed).chain([dir.into()]).collect()
    }
    /// Asks both what executes them: a process that took no notice of its arguments would prove nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is something else.
    pub fn confirm<A: Side, B: Side>(&self, pair: &mut Pair<A, B>) -> Result<(), Error> {
        let said = pair.executors()?;
        let wanted = self.executors.map(|e| e.to_string());
        if said == wanted {
            return Ok(());
        }
        Err(Error::Internal(format!("the verifying processes are executed by {said:?}, not by {wanted:?}")))
    }
}

/// `interpreter beside jit:0`; what both have in common otherwise.
impl fmt::Display for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.executors;
        if first == second { write!(f, "both {first}") } else { write!(f, "{first} beside {second}") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::side::{Answer, Ask};
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser;

    const DIR: &str = "some/run";

    /// What `capisim run probe WORDS` compares.
    fn asked(words: &[&str]) -> Option<Sides> {
        let cli = Cli::try_parse_from([&["capisim", "run", "probe"], words].concat()).expect("good words");
        let Verb::Run(args) = cli.verb else { panic!("{words:?} is another verb") };
        Sides::asked(&args, cli.executor.unwrap_or_default()).expect("this host has it")
    }
    /// Executor and disturbance as process `n` reads its arguments.
    fn read(sides: &Sides, n: usize) -> (Executor, Option<String>) {
        let program = OsString::from("capisim");
        let words = std::iter::once(program).chain(sides.arguments(n, Path::new(DIR), 1));
        let cli = Cli::try_parse_from(words).expect("our own arguments");
        let Verb::VerifySide(args) = cli.verb else { panic!("another verb") };
        assert_eq!((args.run.as_path(), args.driver), (Path::new(DIR), 1));
        (cli.executor.expect("always told"), args.perturb)
    }

    #[test]
    fn both_processes_have_the_program_s_executor() {
        assert_eq!(asked(&[]), None);
        for words in [&["--verify"][..], &["--verify", "--executor", "interpreter"]] {
            let sides = asked(words).expect("--verify");
            let first =
                if words.len() == 1 { Executor::default().effective() } else { Executor::Interpreter };
            assert_eq!([0, 1].map(|n| read(&sides, n)), [(first, None), (first, None)], "{words:?}");
            assert_eq!(sides.to_string(), format!("both {first}"));
        }
    }

    #[test]
    #[cfg(all(feature = "jit", target_arch = "x86_64", target_os = "linux"))]
    fn the_second_process_has_the_one_beside() {
        use crate::verify::{bisect::Divergence, describe};
        let named = |text: &str| text.parse::<Executor>().expect(text);
        for (first, second) in [("interpreter", "jit:0"), ("jit:0", "jit:seed=77"), ("jit:3", "interpreter")]
        {
            let words = ["--verify", "--executor", first, "--beside", second, "--verify-perturb", "event@3"];
            let sides = asked(&words).expect("--verify");
            assert_eq!(read(&sides, 0), (named(first), None));
            assert_eq!(read(&sides, 1), (named(second), Some("event@3".into())));
            assert_eq!(sides.to_string(), format!("{first} beside {second}"));
            let text = describe("stock", &Divergence::default(), &sides, Path::new(DIR));
            assert!(text.contains(&format!("first run {first}, second run {second}\n")), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (words, reason) in [
            (&["--beside", "interpreter"][..], "--verify"),
            (&["--verify", "--beside", "abacus"], "`abacus`"),
            (&["--verify", "--beside"], "value is required"),
        ] {
            let error =
                Cli::try_parse_from([&["capisim", "run", "probe"], words].concat()).expect_err(reason);
            assert!(error.use_stderr() && error.to_string().contains(reason), "{words:?}: {error}");
        }
    }

    /// A process that says what executes it.
    struct Says(&'static str);

    impl Side for Says {
        fn ask(&mut self, ask: &Ask) -> Result<(), Error> {
            assert_eq!(*ask, Ask::Executor);
            Ok(())
        }
        fn answer(&mut self) -> Result<Answer, Error> {
            Ok(Answer::Executor(self.0.into()))
        }
    }

    #[test]
    fn a_process_with_another_executor_is_found_out() {
        let sides = Sides { executors: [Executor::Interpreter; 2], perturbation: None };
        let confirm = |a, b| sides.confirm(&mut Pair { first: Says(a), second: Says(b) });
        assert!(confirm("interpreter", "interpreter").is_ok());
        for (a, b) in [("interpreter", "jit:16"), ("jit:16", "interpreter")] {
            let error = confirm(a, b).expect_err("not what was asked for");
            assert!(error.exit_code() == 4 && error.to_string().contains("jit:16"), "{error}");
        }
    }
}
