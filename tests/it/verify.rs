//! `capisim run --verify` on the real kernel: equal runs are equal, and what
//! is changed in one of them is found to the instruction.

use capisim::cli::GuestArgs;
use capisim::error::Error;
use capisim::guest::Guest;
use capisim::run::Job;
use capisim::scenarios::Source;
use capisim::verify::bisect::{Compared, Divergence, Pair, Side};
use capisim::verify::perturb::Perturbation;
use capisim::verify::side::{Answer, Ask, Asker, Subject};
use std::sync::mpsc::{Receiver, Sender, channel};

/// The kernel's first steps: page tables, the second CPU is started.
const SCENARIO: &str = r#"
schema = 1
name = "first-steps"
about = "the beginning of a boot"
[machine]
cpus = 2
memory = "512MiB"
[guest]
modules = []
[limits]
virtual = "40ms"
"#;
/// Instructions between two marks.
const STEP: u64 = 8_000_000;

struct Local {
    to: Sender<Ask>,
    from: Receiver<Answer>,
}

struct Thread {
    asks: Receiver<Ask>,
    answers: Sender<Answer>,
}

impl Asker for Thread {
    fn next(&mut self) -> Option<Ask> {
        self.asks.recv().ok()
    }
    fn reply(&mut self, answer: Answer) {
        // Whoever has gone asks no more.
        let _ = self.answers.send(answer);
    }
}

impl Side for Local {
    fn ask(&mut self, ask: &Ask) -> Result<(), Error> {
        self.to.send(ask.clone()).map_err(|e| Error::Internal(e.to_string()))
    }
    fn answer(&mut self) -> Result<Answer, Error> {
        self.from.recv().map_err(|e| Error::Internal(e.to_string()))
    }
}

fn compare(job: &Job, guest: &Guest, perturbation: Option<&str>) -> Compared {
    std::thread::scope(|scope| {
        let side = |perturbation: Option<Perturbation>| {
            let (to, asks) = channel();
            let (answers, from) = channel();
            scope.spawn(move || {
                let subject = Subject { job, guest, driver: 0, seed: 5, perturbation };
                subject.serve(&mut Thread { asks, answers }).expect("served");
            });
            Local { to, from }
        };
        let perturbation = perturbation.map(|p| Perturbation::parse(p).expect("a disturbance"));
        let mut pair = Pair { first: side(None), second: side(perturbation) };
        pair.compare(STEP, |_| true).expect("compared")
    })
}

fn found(compared: Compared, what: &str) -> Divergence {
    match compared {
        Compared::Differ(d) => *d,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_difference_is_found_to_the_instruction() {
    let guest = Guest::open(&GuestArgs::default()).unwrap_or_else(|e| panic!("{e}"));
    let source = Source { file: "first-steps.toml".into(), text: SCENARIO.into() };
    let scenario = source.parse().unwrap_or_else(|e| panic!("{e}"));
    let job = Job { source, scenario, luns: vec![], drivers: vec![], branch: None };
    assert!(
        matches!(compare(&job, &guest, None), Compared::Equal(n) if n > 2),
        "two runs of one seed are one run"
    );
    // The stack pointer, a byte that nobody uses, the order of the CPUs, an event.
    let cases = [
        ("gpr:0:1:3@17000123", 17_000_123, "cpu 0", "cpu 0.gpr[1]"),
        ("memory:0x1ffff123:6@9000007", 9_000_007, "memory", ""),
        ("schedule@20000001", 20_000_001, "clock", "clock.schedule"),
    ];
    for (what, at, part, value) in cases {
        let d = found(compare(&job, &guest, Some(what)), what);
        assert_eq!((d.equal, d.unequal, d.fleeting), (at - 1, at, false), "{what}: {d:?}");
        assert_eq!(d.parts, [part], "{what}");
        assert!(d.values.iter().all(|(path, ..)| path.starts_with(value)), "{what}: {:?}", d.values);
        assert_eq!(d.values.is_empty(), value.is_empty(), "{what}: {:?}", d.values);
        let (_, place) = d.place.expect("a CPU ran");
        assert!(place.symbol.contains('+') && !place.text.is_empty(), "{what}: {place:?}");
        if let Some(page) = d.page {
            assert_eq!((page.address, page.first[0] ^ page.second[0]), (0x1fff_f123, 0x40));
        }
    }
}
