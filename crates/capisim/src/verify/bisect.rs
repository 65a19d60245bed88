//! Finds where two runs of the same inputs begin to differ: coarse marks to
//! the end, then finer ones between the last that was equal and the first
//! that was not, down to one instruction.

use super::side::{Answer, Ask, Moment};
use crate::error::Error;
use machine::Mark;
use machine::engine::Place;
use std::collections::BTreeMap;

/// One of two runs.
pub trait Side {
    /// Asks, without waiting for the answer.
    fn ask(&mut self, ask: &Ask) -> Result<(), Error>;
    /// The answer to the oldest question.
    fn answer(&mut self) -> Result<Answer, Error>;
}

/// Two runs of the same inputs.
pub struct Pair<A, B> {
    /// The first.
    pub first: A,
    /// The second.
    pub second: B,
}

/// How the comparison ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// Both came to the end alike, after so many marks.
    Equal(u64),
    /// They differ.
    Differ(Box<Divergence>),
    /// It was stopped.
    Stopped,
}

/// Where two runs begin to differ, and in what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Divergence {
    /// Instructions after which all was equal.
    pub equal: u64,
    /// Instructions after which it was not.
    pub unequal: u64,
    /// Virtual time at the last equal moment, in nanoseconds.
    pub now_ns: u64,
    /// The difference did not come again when the runs were repeated: this is
    /// as close as it was seen.
    pub fleeting: bool,
    /// CPU that executed what differs, and what that was.
    pub place: Option<(usize, Place)>,
    /// Parts of the state that differ.
    pub parts: Vec<String>,
    /// Values that differ, some of them.
    pub values: Vec<ValueDifference>,
    /// Values that differ, all counted.
    pub values_in_all: usize,
    /// First page of memory that differs.
    pub page: Option<PageDifference>,
    /// Pages that differ, all counted.
    pub pages_in_all: usize,
    /// First record that differs.
    pub record: Option<RecordDifference>,
}

/// A value that differs: path, in the first run, in the second.
pub type ValueDifference = (String, String, String);

/// A record that differs: its number from 1, as each run has it.
pub type RecordDifference = (usize, Option<String>, Option<String>);

/// A page of memory that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageDifference {
    /// Real address of the first byte that differs.
    pub address: u64,
    /// Some bytes from there on, in the first run.
    pub first: Vec<u8>,
    /// The same in the second.
    pub second: Vec<u8>,
}

/// Sub-marks of an interval in one pass.
const CUTS: u64 = 64;
/// Values that are told.
const VALUES: usize = 12;
/// Bytes of memory that are told.
const BYTES: usize = 16;

fn unexpected(answer: Answer) -> Error {
    let why = if let Answer::Failed(why) = answer { why } else { format!("answered {answer:?}") };
    Error::Internal(format!("a verifying run: {why}"))
}

impl<A: Side, B: Side> Pair<A, B> {
    /// Asks both; they work at the same time.
    fn both(&mut self, ask: &Ask) -> Result<(Answer, Answer), Error> {
        self.first.ask(ask)?;
        self.second.ask(ask)?;
        Ok((self.first.answer()?, self.second.answer()?))
    }
    fn done(&mut self, ask: &Ask) -> Result<(), Error> {
        match self.both(ask)? {
            (Answer::Done, Answer::Done) => Ok(()),
            (Answer::Done, other) | (other, _) => Err(unexpected(other)),
        }
    }
    fn advance(&mut self, mark: Mark) -> Result<(Moment, Moment), Error> {
        match self.both(&Ask::Advance(mark))? {
            (Answer::At(a), Answer::At(b)) => Ok((a, b)),
            (Answer::At(_), other) | (other, _) => Err(unexpected(other)),
        }
    }
    /// What executes each, by its name.
    pub fn executors(&mut self) -> Result<[String; 2], Error> {
        match self.both(&Ask::Executor)? {
            (Answer::Executor(a), Answer::Executor(b)) => Ok([a, b]),
            (Answer::Executor(_), other) | (other, _) => Err(unexpected(other)),
        }
    }
    /// Compares both runs every `step` instructions and, if they differ,
    /// finds where they begin to. `tell` hears how far it is; if it says
    /// false, that is all.
    pub fn compare(&mut self, step: u64, mut tell: impl FnMut(&Moment) -> bool) -> Result<Compared, Error> {
        let mut before: Option<Moment> = None;
        for n in 1.. {
            let (a, b) = self.advance(Mark::Round(n * step))?;
            if a != b {
                let seen = self.describe(before.as_ref(), &a, &b)?;
                return Ok(Compared::Differ(Box::new(self.narrow(
                    n - 1,
                    step,
                    seen,
                    before,
                    a.instructions,
                )?)));
            }
            if !tell(&a) {
                return Ok(Compared::Stopped);
            }
            if a.ended.is_some() {
                return Ok(Compared::Equal(n));
            }
            before = Some(a);
        }
        unreachable!("a run ends")
    }
    /// Both runs were equal at coarse mark `n` and no longer at `until`: to the
    /// instruction.
    fn narrow(
        &mut self,
        n: u64,
        step: u64,
        seen: Divergence,
        before: Option<Moment>,
        until: u64,
    ) -> Result<Divergence, Error> {
        let fleeting = Divergence { fleeting: true, ..seen };
        self.done(&Ask::Restart)?;
        let (a, b) = self.advance(Mark::Round(n * step))?;
        if a != b || before.is_some_and(|m| m != a) {
            return Ok(fleeting);
        }
        self.done(&Ask::Keep)?;
        let (mut equal, mut unequal) = (a, until);
        while unequal - equal.instructions > 1 {
            let low = equal.instructions;
            let cut = (unequal - low).div_ceil(CUTS).max(1);
            self.done(&Ask::Back)?;
            let mut found = None;
            for k in (1..).map(|k| (low + k * cut).min(unequal)) {
                let (a, b) = self.advance(Mark::Instruction(k))?;
                if a != b {
                    found = Some(k);
                    break;
                }
                if k == unequal || a.ended.is_some() {
                    break;
                }
                equal = a;
            }
            match found {
                Some(k) => unequal = k,
                None => return Ok(fleeting),
            }
        }
        self.at_instruction(&equal, unequal)
    }
    /// Describes the difference that one instruction makes.
    fn at_instruction(&mut self, equal: &Moment, unequal: u64) -> Result<Divergence, Error> {
        self.done(&Ask::Back)?;
        let (before, _) = self.advance(Mark::Instruction(equal.instructions))?;
        let old = self.places()?;
        let (a, b) = self.advance(Mark::Instruction(unequal))?;
        let mut found = self.describe(Some(&before), &a, &b)?;
        let new = self.places()?;
        let ran = |(old, new): (&Place, &Place)| new.retired > old.retired;
        found.place = old
            .iter()
            .zip(&new)
            .enumerate()
            .find(|(_, both)| ran(*both))
            .map(|(cpu, (old, _))| (cpu, old.clone()));
        Ok(found)
    }
    fn places(&mut self) -> Result<Vec<Place>, Error> {
        match self.both(&Ask::Places)? {
            (Answer::Places(a), Answer::Places(_)) => Ok(a),
            (Answer::Places(_), other) | (other, _) => Err(unexpected(other)),
        }
    }
    /// In what the two runs differ where they stand.
    fn describe(&mut self, before: Option<&Moment>, a: &Moment, b: &Moment) -> Result<Divergence, Error> {
        let (values, values_in_all) = self.values()?;
        let (page, pages_in_all) = self.page()?;
        Ok(Divergence {
            equal: before.map_or(0, |m| m.instructions),
            now_ns: before.map_or(0, |m| m.now_ns),
            unequal: a.instructions,
            parts: differing_parts(a, b),
            values,
            values_in_all,
            page,
            pages_in_all,
            record: if a.records == b.records {
                None
            } else {
                self.record(before.map_or(0, |m| m.records.0))?
            },
            ..Divergence::default()
        })
    }
    fn values(&mut self) -> Result<(Vec<ValueDifference>, usize), Error> {
        let (a, b) = match self.both(&Ask::Listing)? {
            (Answer::Listing(a), Answer::Listing(b)) => (a, b),
            (Answer::Listing(_), other) | (other, _) => return Err(unexpected(other)),
        };
        let mut other: BTreeMap<String, String> = b.into_iter().collect();
        let absent = || "absent".to_owned();
        let mut all: Vec<_> = a
            .into_iter()
            .map(|(path, value)| {
                let there = other.remove(&path).unwrap_or_else(absent);
                (path, value, there)
            })
            .filter(|(_, a, b)| a != b)
            .collect();
        all.extend(other.into_iter().map(|(path, value)| (path, absent(), value)));
        let count = all.len();
        all.truncate(VALUES);
        Ok((all, count))
    }
    fn page(&mut self) -> Result<(Option<PageDifference>, usize), Error> {
        let (a, b) = match self.both(&Ask::Pages)? {
            (Answer::Pages(a), Answer::Pages(b)) => (a, b),
            (Answer::Pages(_), other) | (other, _) => return Err(unexpected(other)),
        };
        let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) = (a.into_iter().collect(), b.into_iter().collect());
        // A page that one of them lacks is as it was when the run was kept.
        let mut differ: Vec<u32> =
            a.keys().chain(b.keys()).filter(|n| a.get(n) != b.get(n)).copied().collect();
        differ.sort_unstable();
        differ.dedup();
        let Some(&first) = differ.first() else { return Ok((None, 0)) };
        let (x, y) = match self.both(&Ask::Page(first))? {
            (Answer::Page(x), Answer::Page(y)) => (x, y),
            (Answer::Page(_), other) | (other, _) => return Err(unexpected(other)),
        };
        let at = x.iter().zip(&y).position(|(x, y)| x != y).unwrap_or(0);
        let some = |bytes: &[u8]| bytes[at..].iter().take(BYTES).copied().collect();
        let address = u64::from(first) * x.len() as u64 + at as u64;
        Ok((Some(PageDifference { address, first: some(&x), second: some(&y) }), differ.len()))
    }
    /// The first record that differs, from the `from`-th on.
    fn record(&mut self, mut from: usize) -> Result<Option<RecordDifference>, Error> {
        loop {
            let (a, b) = match self.both(&Ask::Records(from))? {
                (Answer::Records(a), Answer::Records(b)) => (a, b),
                (Answer::Records(_), other) | (other, _) => return Err(unexpected(other)),
            };
            let longest = a.len().max(b.len());
            if longest == 0 {
                return Ok(None);
            }
            if let Some(n) = (0..longest).find(|n| a.get(*n) != b.get(*n)) {
                return Ok(Some((from + n + 1, a.get(n).cloned(), b.get(n).cloned())));
            }
            from += longest;
        }
    }
}

fn differing_parts(a: &Moment, b: &Moment) -> Vec<String> {
    let parts = a.parts.iter().zip(&b.parts).filter(|(x, y)| x != y);
    let mut names: Vec<String> = parts.map(|(x, _)| x.0.clone()).collect();
    let flow = [
        ("time", (a.instructions, a.now_ns, a.ended) != (b.instructions, b.now_ns, b.ended)),
        ("records", a.records != b.records),
        ("console", a.console != b.console),
    ];
    names.extend(flow.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()));
    names
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
