//! One of the two runs that are compared: a process that answers questions
//! about its run, a line of JSON each.

use super::perturb::Perturbation;
use crate::error::Error;
use crate::guest::Guest;
use crate::replay;
use crate::run::{self, Job};
use crate::rundir::{self, Bundle, Logs};
use machine::engine::{Ended, Host, Kept, Place, Status, Walk, Wish};
use machine::report::{Build, BuildReport};
use machine::{Mark, Record, executor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A question, or something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// What executes this run: [`Answer::Executor`].
    Executor,
    /// Go on to a mark: [`Answer::At`].
    Advance(Mark),
    /// Begin again from power-on.
    Restart,
    /// Keep the run as it is here.
    Keep,
    /// Become the run that was kept.
    Back,
    /// What every CPU is about to do: [`Answer::Places`].
    Places,
    /// All values but memory: [`Answer::Listing`].
    Listing,
    /// Pages of memory that have changed: [`Answer::Pages`].
    Pages,
    /// The bytes of a page: [`Answer::Page`].
    Page(u32),
    /// Records from this one on: [`Answer::Records`].
    Records(usize),
    /// Write the logs there and report; the run has to have ended: [`Answer::Report`].
    Finish(PathBuf, Build),
}

/// What a run is like at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Instructions retired.
    pub instructions: u64,
    /// Virtual nanoseconds.
    pub now_ns: u64,
    /// How the run ended, if it has.
    pub ended: Option<Ended>,
    /// Hash of each part of the state, in hexadecimal.
    pub parts: Vec<(String, String)>,
    /// Number of records, and their hash.
    pub records: (usize, String),
    /// Bytes of console output, and their hash.
    pub console: (usize, String),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Name of what executes the run.
    Executor(String),
    /// Where the run stands.
    At(Moment),
    /// It is done.
    Done,
    /// What every CPU is about to do.
    Places(Vec<Place>),
    /// Values by path.
    Listing(Vec<(String, String)>),
    /// Numbers and hashes of pages.
    Pages(Vec<(u32, String)>),
    /// Bytes of a page.
    Page(Vec<u8>),
    /// Records, as in `events.jsonl`.
    Records(Vec<String>),
    /// The run's report.
    Report(Box<BuildReport>),
    /// It could not be done.
    Failed(String),
}

/// Most records in one answer.
const RECORDS: usize = 64;

/// What the run has said so far.
#[derive(Clone, Default)]
struct Said {
    lines: Vec<String>,
    records: Sha256,
    console: Vec<u8>,
    /// Number of the record that is left away, for tests.
    dropped: Option<u64>,
    seen: u64,
}

/// Where the lists were when the run was kept.
struct KeptSaid {
    lines: usize,
    records: Sha256,
    console: usize,
    seen: u64,
}

struct Listener<'a>(&'a RefCell<Said>);

impl Host for Listener<'_> {
    fn output(&mut self, terminal: usize, bytes: &[u8]) {
        if terminal == 0 {
            self.0.borrow_mut().console.extend_from_slice(bytes);
        }
    }
    fn record(&mut self, record: &Record) {
        let mut said = self.0.borrow_mut();
        said.seen += 1;
        if said.dropped == Some(said.seen) {
            return;
        }
        let line = rundir::json_line(record);
        said.records.update(line.as_bytes());
        said.lines.push(line);
    }
    fn poll(&mut self, _: &Status) -> Wish {
        Wish::Continue
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// What a side runs.
pub struct Subject<'a> {
    /// Scenario and command line.
    pub job: &'a Job,
    /// The guest.
    pub guest: &'a Guest,
    /// Which of the job's drivers.
    pub driver: usize,
    /// Seed of everything drawn.
    pub seed: u64,
    /// What is disturbed, for tests of the comparison.
    pub perturbation: Option<Perturbation>,
}

/// The other end of a conversation.
pub trait Asker {
    /// The next question; none if there is none any more.
    fn next(&mut self) -> Option<Ask>;
    /// Gives an answer.
    fn reply(&mut self, answer: Answer);
}

impl Subject<'_> {
    /// Answers until nobody asks any more.
    pub fn serve(&self, asker: &mut dyn Asker) -> Result<(), Error> {
        while self.life(asker)? {}
        Ok(())
    }
    /// From power-on to a restart; false if nobody asks any more.
    fn life(&self, asker: &mut dyn Asker) -> Result<bool, Error> {
        let driver = self.job.drivers.get(self.driver).map(PathBuf::as_path);
        let setup = run::setup(&self.job.scenario, self.guest, driver, self.seed, vec![])?;
        let dropped = self.perturbation.as_ref().and_then(Perturbation::record);
        let said = RefCell::new(Said { dropped, ..Said::default() });
        let mut listener = Listener(&said);
        let walk = Walk::new(setup, self.job.branch.clone(), &mut listener)?;
        let mut run = Run { walk, said: &said, kept: None, perturbation: self.perturbation.as_ref() };
        while let Some(ask) = asker.next() {
            match ask {
                Ask::Restart => {
                    asker.reply(Answer::Done);
                    return Ok(true);
                }
                Ask::Finish(dir, build) => {
                    asker.reply(run.finish(&dir, build).unwrap_or_else(|e| Answer::Failed(e.to_string())));
                    return Ok(false);
                }
                ask => asker.reply(run.answer(ask).unwrap_or_else(Answer::Failed)),
            }
        }
        Ok(false)
    }
}

struct Run<'a, 'h, 's> {
    walk: Walk<'a, 'h>,
    said: &'s RefCell<Said>,
    kept: Option<(Kept<'a>, KeptSaid)>,
    perturbation: Option<&'s Perturbation>,
}

impl Run<'_, '_, '_> {
    fn answer(&mut self, ask: Ask) -> Result<Answer, String> {
        let memory = self.walk.machine().memory();
        Ok(match ask {
            Ask::Executor => Answer::Executor(executor::chosen().effective().to_string()),
            Ask::Advance(mark) => Answer::At(self.advance(mark)),
            Ask::Keep => {
                let kept = self.walk.keep().map_err(|e| e.to_string())?;
                let said = self.said.borrow();
                let (lines, console) = (said.lines.len(), said.console.len());
                let was = KeptSaid { lines, records: said.records.clone(), console, seen: said.seen };
                self.kept = Some((kept, was));
                Answer::Done
            }
            Ask::Back => {
                let (kept, was) = self.kept.as_ref().ok_or("nothing was kept")?;
                self.walk.back(kept).map_err(|e| e.to_string())?;
                let mut said = self.said.borrow_mut();
                said.lines.truncate(was.lines);
                said.console.truncate(was.console);
                said.records = was.records.clone();
                said.seen = was.seen;
                Answer::Done
            }
            Ask::Places => Answer::Places(self.walk.places()),
            Ask::Listing => Answer::Listing(self.walk.machine().state_listing()),
            Ask::Pages => {
                let page = |n: u32| {
                    let mut bytes = vec![0; machine::PAGE];
                    memory.read_bytes(u64::from(n) * bytes.len() as u64, &mut bytes);
                    (n, machine::report::sha256(&bytes))
                };
                Answer::Pages(memory.changed_pages().into_iter().map(page).collect())
            }
            Ask::Page(n) => {
                let mut bytes = vec![0; machine::PAGE];
                memory.read_bytes(u64::from(n) * bytes.len() as u64, &mut bytes);
                Answer::Page(bytes)
            }
            Ask::Records(from) => {
                let said = self.said.borrow();
                Answer::Records(said.lines.iter().skip(from).take(RECORDS).cloned().collect())
            }
            Ask::Restart | Ask::Finish(..) => unreachable!("dealt with in life"),
        })
    }
    /// Goes on; on the way something may be disturbed.
    fn advance(&mut self, mark: Mark) -> Moment {
        let here = self.walk.machine().instructions();
        let (Mark::Round(to) | Mark::Instruction(to)) = mark;
        if let Some((at, bit)) =
            self.perturbation.and_then(Perturbation::bit).filter(|(at, _)| here < *at && *at <= to)
        {
            self.walk.advance(Mark::Instruction(at));
            self.walk.disturb(bit);
        }
        let ended = self.walk.advance(mark);
        let machine = self.walk.machine();
        let said = self.said.borrow();
        Moment {
            instructions: machine.instructions(),
            now_ns: machine.now().0,
            ended,
            parts: machine.state_parts().into_iter().map(|(part, h)| (part, format!("{h:032x}"))).collect(),
            records: (said.lines.len(), hex(said.records.clone().finalize())),
            console: (said.console.len(), machine::report::sha256(&said.console)),
        }
    }
    fn finish(self, dir: &Path, build: Build) -> Result<Answer, Error> {
        let said = self.said.borrow();
        let mut logs = Logs::create(dir)?;
        logs.console(&said.console);
        said.lines.iter().for_each(|line| logs.line(line));
        drop(said);
        let outcome = self.walk.finish().ok_or_else(|| Error::Internal("the run has not ended".into()))?;
        Ok(Answer::Report(Box::new(BuildReport::new(build, outcome, 0.0))))
    }
}

/// `capisim verify-side`: a side as a process of its own.
pub fn process(args: &crate::cli::SideArgs) -> Result<i32, Error> {
    let bundle = Bundle::load(&args.run)?;
    let (job, guest) = replay::prepare(&bundle, &args.run)?;
    let perturbation = args.perturb.as_deref().map(Perturbation::parse).transpose()?;
    let subject = Subject { job: &job, guest: &guest, driver: args.driver, seed: bundle.seed, perturbation };
    subject.serve(&mut Pipes)?;
    Ok(0)
}

/// Questions on standard input, answers on standard output.
struct Pipes;

impl Asker for Pipes {
    fn next(&mut self) -> Option<Ask> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok().filter(|n| *n > 0)?;
        serde_json::from_str(&line).ok()
    }
    fn reply(&mut self, answer: Answer) {
        use std::io::Write;
        let text = serde_json::to_string(&answer).expect("answers have a JSON form");
        // Whoever has gone asks no more: the next question does not come.
        let mut out = std::io::stdout();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}
