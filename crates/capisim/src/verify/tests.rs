//! A toy run of two registers, a page of memory and records, in which one
//! thing can be made to differ at one instruction.

use super::*;
use crate::error::Error;
use std::collections::VecDeque;

const END: u64 = 100_000;
const PAGE: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Upset {
    Nothing,
    Register(u64),
    Byte(u64),
    Record(u64),
    /// Differs in the first life only.
    Once(u64),
    /// Ends early.
    End(u64),
}

#[derive(Clone)]
struct Toy {
    upset: Upset,
    life: u32,
    at: u64,
    register: u64,
    page: [u8; PAGE],
    base: [u8; PAGE],
    records: Vec<String>,
    kept: Option<Box<Toy>>,
    answers: VecDeque<Answer>,
}

impl Toy {
    fn new(upset: Upset, life: u32) -> Toy {
        let (page, base) = ([0; PAGE], [0; PAGE]);
        Toy {
            upset,
            life,
            at: 0,
            register: 1,
            page,
            base,
            records: vec![],
            kept: None,
            answers: VecDeque::new(),
        }
    }
    fn step(&mut self) {
        self.at += 1;
        self.register = self.register.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(self.at);
        self.page[(self.at % PAGE as u64) as usize] = (self.at >> 3) as u8;
        if self.at.is_multiple_of(1000) && self.upset != Upset::Record(self.at) {
            self.records.push(format!("record at {}", self.at));
        }
        match self.upset {
            Upset::Register(at) if at == self.at => self.register ^= 4,
            Upset::Byte(at) if at == self.at => self.page[17] ^= 0x80,
            Upset::Once(at) if at == self.at && self.life == 0 => self.register ^= 4,
            _ => {}
        }
    }
    fn end(&self) -> u64 {
        if let Upset::End(at) = self.upset { at } else { END }
    }
    fn moment(&self) -> Moment {
        let hash = |text: String| machine::report::sha256(text.as_bytes());
        Moment {
            instructions: self.at,
            now_ns: self.at,
            ended: (self.at >= self.end()).then_some(machine::engine::Ended::Scenario),
            parts: vec![
                ("cpu 0".into(), hash(self.register.to_string())),
                ("memory".into(), hash(format!("{:?}", self.page))),
            ],
            records: (self.records.len(), hash(self.records.join("\n"))),
            console: (0, String::new()),
        }
    }
}

impl Side for Toy {
    fn ask(&mut self, ask: &Ask) -> Result<(), Error> {
        let answer = match ask {
            Ask::Advance(Mark::Round(to) | Mark::Instruction(to)) => {
                while self.at < (*to).min(self.end()) {
                    self.step();
                }
                Answer::At(self.moment())
            }
            Ask::Restart => {
                *self = Toy::new(self.upset, self.life + 1);
                Answer::Done
            }
            Ask::Keep => {
                self.base = self.page;
                self.kept = Some(Box::new(Toy { kept: None, ..self.clone() }));
                Answer::Done
            }
            Ask::Back => {
                let kept = self.kept.take().expect("kept");
                *self = Toy { kept: Some(kept.clone()), ..*kept };
                Answer::Done
            }
            Ask::Places => Answer::Places(vec![Place {
                retired: self.at,
                address: 4 * self.at,
                symbol: "toy".into(),
                text: "step".into(),
            }]),
            Ask::Listing => Answer::Listing(vec![("cpu 0.register".into(), self.register.to_string())]),
            Ask::Pages if self.page == self.base => Answer::Pages(vec![]),
            Ask::Pages => Answer::Pages(vec![(3, format!("{:?}", self.page))]),
            Ask::Page(_) => Answer::Page(self.page.to_vec()),
            Ask::Records(from) => Answer::Records(self.records.iter().skip(*from).take(2).cloned().collect()),
            Ask::Executor => Answer::Executor("toy".into()),
            Ask::Finish(..) => Answer::Failed("a toy has no report".into()),
        };
        self.answers.push_back(answer);
        Ok(())
    }
    fn answer(&mut self) -> Result<Answer, Error> {
        Ok(self.answers.pop_front().expect("asked before"))
    }
}

fn compare(upset: Upset) -> Compared {
    let mut pair = Pair { first: Toy::new(Upset::Nothing, 0), second: Toy::new(upset, 0) };
    pair.compare(3_000, |_| true).expect("toys answer")
}

fn difference(upset: Upset) -> Divergence {
    match compare(upset) {
        Compared::Differ(d) => *d,
        other => panic!("{upset:?}: {other:?}"),
    }
}

#[test]
fn equal_runs_are_equal_to_the_end() {
    assert_eq!(compare(Upset::Nothing), Compared::Equal(34));
}

/// At the first and the last instruction, at marks and beside them.
#[test]
fn a_difference_is_found_at_its_instruction() {
    for at in [1, 2, 2_999, 3_000, 3_001, 47_111, 90_000, END - 1, END] {
        let d = difference(Upset::Register(at));
        assert_eq!((d.equal, d.unequal, d.fleeting), (at - 1, at, false), "register at {at}");
        assert_eq!(d.parts, ["cpu 0"]);
        assert_eq!(d.values[0].0, "cpu 0.register");
        assert_eq!(
            d.place.map(|(cpu, p)| (cpu, p.retired)),
            Some((0, at - 1)),
            "what makes it is next before it"
        );
    }
    // The byte is written over 64 instructions later, and by then the page is
    // equal again: only one that stays can be found.
    for at in [17, 5_999] {
        let compared = compare(Upset::Byte(at));
        if let Compared::Differ(d) = compared {
            assert_eq!((d.equal, d.unequal), (at - 1, at));
            let page = d.page.expect("memory differs");
            assert_eq!((page.address, page.first[0] ^ page.second[0]), (3 * PAGE as u64 + 17, 0x80));
        } else {
            assert_eq!(compared, Compared::Equal(34), "healed at {at}");
        }
    }
    assert!(matches!(compare(Upset::Byte(5_999)), Compared::Differ(_)), "still there at the mark 6000");
}

#[test]
fn a_record_that_is_missing_is_found() {
    for at in [1_000, 3_000, 50_000] {
        let d = difference(Upset::Record(at));
        assert_eq!((d.unequal, d.parts.as_slice()), (at, ["records".to_owned()].as_slice()));
        let number = (at / 1000) as usize;
        assert_eq!(d.record, Some((number, Some(format!("record at {at}")), None)));
    }
}

#[test]
fn a_run_that_ends_early_differs() {
    let d = difference(Upset::End(31_234));
    assert_eq!((d.unequal, d.parts), (31_234, vec!["time".to_owned()]));
}

#[test]
fn a_difference_that_does_not_come_again_is_told_as_far_as_it_was_seen() {
    let d = difference(Upset::Once(31_234));
    assert_eq!((d.equal, d.unequal, d.fleeting), (30_000, 33_000, true));
    assert_eq!(d.values[0].0, "cpu 0.register");
}

#[test]
fn who_is_told_to_stop_stops() {
    let mut pair = Pair { first: Toy::new(Upset::Nothing, 0), second: Toy::new(Upset::Register(50_000), 0) };
    assert_eq!(pair.compare(3_000, |at| at.instructions < 9_000).expect("toys answer"), Compared::Stopped);
}
