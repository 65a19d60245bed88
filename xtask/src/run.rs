//! `cargo xtask run`: artifacts, then the program in its release build; and
//! the self-test that shows that no verdict is fitted to one run.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::ValueEnum;
use machine::report::{RunReport, Verdict};

use crate::guest;

/// What the user asks for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask run\n  cargo xtask run --format json\n  cargo xtask run probe --seed 7\n  \
                        cargo xtask run --selftest\n  cargo xtask run --selftest orders,cpus\n  cargo xtask run --selftest stock\n\n\
                        Everything but --selftest goes to `capisim run`; see `cargo xtask run -- --help`."
)]
pub struct Args {
    /// Check the verdict itself: driver orders, renamed files, seeds, numbers of vCPUs, all scenarios.
    #[arg(long, value_enum, value_delimiter = ',', num_args = 0.., value_name = "PARTS")]
    selftest: Option<Vec<Part>>,
    /// Seeds of the self-test's part `seeds`.
    #[arg(long, default_value = "1..50", requires = "selftest")]
    selftest_seeds: String,
    /// Arguments of `capisim run`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// A part of the self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All four orders of the two drivers.
    Orders,
    /// The same files under other names.
    Names,
    /// Many seeds.
    Seeds,
    /// 1, 2 and 4 vCPUs.
    Cpus,
    /// Every scenario of the project on the stock driver.
    Stock,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    // With an image of the user's nothing of ours is needed.
    let own = args.args.iter().any(|a| a == "--initrd" || a.starts_with("--initrd="));
    if !own && let Err(error) = guest::ensure(&guest::Args::default()) {
        return guest::failed(error);
    }
    match &args.selftest {
        Some(parts) => selftest(parts, &args.selftest_seeds, &args.args),
        None => code(program().arg("run").args(&args.args).status()),
    }
}

/// The program, built for speed.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--release", "--package", "capisim", "--"]);
    command.current_dir(root());
    command
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Exit code of a program.
pub fn code(status: std::io::Result<std::process::ExitStatus>) -> ExitCode {
    match status {
        Ok(status) => ExitCode::from(status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(130)),
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::from(5)
        }
    }
}

/// One line of the self-test.
struct Case {
    name: String,
    old: String,
    new: String,
    more: Vec<String>,
    expected: i32,
}

impl Case {
    fn new(name: &str, old: &str, new: &str, expected: i32) -> Case {
        Case { name: name.into(), old: old.into(), new: new.into(), more: vec![], expected }
    }
    fn with(mut self, more: &[&str]) -> Case {
        self.more = more.iter().map(|m| (*m).to_owned()).collect();
        self
    }
}

/// Scenarios that the stock driver or kernel does not pass, with their exit codes: `docs/findings` and
/// `docs/deviations.md` say why; the last is for campaigns, and few of its schedules come to the point.
const STOCK_ENDS: &[(&str, i32)] = &[
    ("freeze-recovery", 1),
    ("reset-fails", 1),
    ("link-down", 1),
    ("orphan-closes", 1),
    ("child-closes", 1),
    ("death-in-fault", 1),
    ("clone-two-disks", 1),
    ("freeze-probe", 1),
    ("lun-mode-change", 1),
    ("freeze-mass-kill-race", 3),
];

fn cases(parts: &[Part], seeds: &str) -> Result<Vec<Case>, String> {
    let all = parts.is_empty();
    let wanted = |part: Part| all || parts.contains(&part);
    let mut cases = vec![];
    if wanted(Part::Orders) {
        cases.push(Case::new("orders", "pre-fix", "stock", 0));
        cases.push(Case::new("orders", "stock", "pre-fix", 1));
        cases.push(Case::new("orders", "pre-fix", "pre-fix", 1));
        cases.push(Case::new("orders", "stock", "stock", 3));
    }
    if wanted(Part::Names) {
        let (bad, good) = renamed()?;
        cases.push(Case::new("names", &bad, &good, 0));
        cases.push(Case::new("names", &good, &bad, 1));
    }
    if wanted(Part::Cpus) {
        for cpus in ["1", "2", "4"] {
            let name = format!("{cpus} vCPUs");
            cases.push(Case::new(&name, "pre-fix", "stock", 0).with(&["--cpus", cpus]));
        }
    }
    if wanted(Part::Seeds) {
        cases.push(Case::new("seeds", "pre-fix", "stock", 0).with(&["--seed", seeds]));
    }
    if wanted(Part::Stock) {
        // The default scenario is about two drivers and passes on the new one as any other.
        let expected =
            |name: &str| STOCK_ENDS.iter().find(|(of, _)| *of == name).map_or(0, |(_, code)| *code);
        let scenarios = capisim::scenarios::BUILT_IN.iter().map(|(name, _)| *name);
        cases.extend(scenarios.map(|name| Case::new(name, "", "stock", expected(name)).with(&[name])));
    }
    Ok(cases)
}

/// Copies of both drivers under names that tell nothing, the wrong way round.
fn renamed() -> Result<(String, String), String> {
    let artifacts = guest::ensure(&guest::Args::default()).map_err(|e| e.to_string())?;
    let folder = root().join("target/capisim/selftest");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let copy = |from: &Path, name: &str| {
        let to: PathBuf = folder.join(name);
        std::fs::copy(from, &to).map_err(|e| format!("{}: {e}", to.display()))?;
        Ok::<_, String>(to.display().to_string())
    };
    Ok((copy(&artifacts.cxlflash_prefix.path, "good.ko")?, copy(&artifacts.cxlflash_stock.path, "bad.ko")?))
}

fn selftest(parts: &[Part], seeds: &str, more: &[String]) -> ExitCode {
    let cases = match cases(parts, seeds) {
        Ok(cases) => cases,
        Err(text) => {
            eprintln!("selftest: {text}");
            return ExitCode::from(5);
        }
    };
    println!(
        "{:20} {:10} {:10} {:>5} {:>5}  {:12} {:>8} {:>7}  reached (old, new)",
        "case", "old", "new", "seed", "vCPUs", "verdict", "expected", "wall"
    );
    let mut failed = 0;
    for case in &cases {
        match reports(case, more) {
            Ok(reports) => failed += reports.iter().filter(|r| !row(case, r)).count(),
            Err(text) => {
                println!("{:20} {text}", case.name);
                failed += 1;
            }
        }
    }
    println!("{}", if failed == 0 { "selftest passed".into() } else { format!("selftest FAILED: {failed}") });
    ExitCode::from(u8::from(failed != 0))
}

fn reports(case: &Case, more: &[String]) -> Result<Vec<RunReport>, String> {
    let mut command = program();
    command.args(["run", "--format", "json"]);
    for driver in [&case.old, &case.new].into_iter().filter(|driver| !driver.is_empty()) {
        command.args(["--driver", driver]);
    }
    let output = command.args(&case.more).args(more).stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| format!("cannot start cargo: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let one = serde_json::from_str::<RunReport>(&text).map(|r| vec![r]);
    let many = one.or_else(|_| serde_json::from_str::<Vec<RunReport>>(&text));
    many.map_err(|e| format!("exit code {:?}, no result: {e}", output.status.code()))
}

/// Prints a row; true if the verdict is the expected one and the triggers fired.
fn row(case: &Case, report: &RunReport) -> bool {
    let reached: Vec<u64> =
        report.builds.iter().map(|b| b.reached.values().copied().min().unwrap_or(0)).collect();
    let got = report.verdict.exit_code();
    // What proves something must have been reached on both builds.
    let good =
        got == case.expected && (report.verdict == Verdict::Inconclusive || reached.iter().all(|n| *n > 0));
    let stem = |path: &str| {
        Path::new(path).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
    };
    let wall = report.builds.iter().map(|b| b.wall_seconds).fold(0.0, f64::max);
    println!(
        "{:20} {:10} {:10} {:>5} {:>5}  {:12} {:>8} {:>6.1}s  {:?}{}",
        case.name,
        stem(&case.old),
        stem(&case.new),
        report.seed,
        report.cpus,
        format!("{:?} ({got})", report.verdict).to_lowercase(),
        case.expected,
        wall,
        reached,
        if good { "" } else { "  WRONG" }
    );
    if !good {
        report.reasons.iter().for_each(|r| println!("                     {r}"));
    }
    good
}
