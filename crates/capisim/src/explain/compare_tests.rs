//! Toy histories: two tasks and a lock.

use super::*;
use crate::explain::history::LockName;

const LOCK: u64 = 0xC000;

fn event(at_ns: u64, who: &str, kind: Kind, key: &str) -> Event {
    let lane = if who.is_empty() { Lane::Adapter } else { Lane::Cpu(0) };
    let lock = matches!(kind, Kind::Asks | Kind::Answered(_) | Kind::Leaves).then_some(LOCK);
    let (who, key, text) = (who.to_owned(), key.to_owned(), key.to_owned());
    Event { at_ns, lane, who, key, kind, text, lock, repeated: 0 }
}

fn history(list: &[(&str, Kind, &str)]) -> History {
    let mut h = History::default();
    h.events =
        list.iter().zip(1..).map(|((who, kind, key), at)| event(at * 1000, who, kind.clone(), key)).collect();
    h.locks.insert(LOCK, LockName { label: Some("table".into()), ..LockName::default() });
    h
}

/// The closer gives up while the remover has the lock.
fn failing() -> History {
    history(&[
        ("remover", Kind::Asks, "ask in remove"),
        ("remover", Kind::Answered(true), "has in remove"),
        ("closer", Kind::Step, "> release"),
        ("closer", Kind::Return, "< noise"),
        ("closer", Kind::Asks, "ask in get"),
        ("closer", Kind::Answered(false), "has not in get"),
        ("closer", Kind::Step, "> terminate"),
        ("", Kind::Outside, "TERMINATE PE"),
        ("remover", Kind::Leaves, "leave in remove"),
    ])
}

/// It waits.
fn passing() -> History {
    history(&[
        ("remover", Kind::Asks, "ask in remove"),
        ("remover", Kind::Answered(true), "has in remove"),
        ("closer", Kind::Step, "> release"),
        ("closer", Kind::Asks, "ask in get"),
        ("remover", Kind::Leaves, "leave in remove"),
        ("closer", Kind::Answered(true), "has in get"),
        ("closer", Kind::Step, "> detach"),
    ])
}

#[test]
fn the_parting_and_the_pair_are_found() {
    let (f, p) = (failing(), passing());
    assert_eq!(culprit(&f, 8_000), Some("closer"), "who was last in the driver before TERMINATE");
    let found = compare(&f, &p, Some("closer"));
    let parting = found.parting.expect("they part");
    assert_eq!((parting.who.as_str(), parting.failing, parting.passing), ("closer", Some(5), Some(5)));
    assert_eq!(parting.common, 2, "returns are not compared");
    assert_eq!(found.common, 2 + 3, "and what the remover does");
    // The closer's answer and the remover's unlock.
    assert_eq!(found.reordered, Some(Reordered { failing: (5, 8), passing: (5, 4) }));
    assert!(found.others.is_empty());
}

#[test]
fn equal_runs_do_not_part() {
    let found = compare(&failing(), &failing(), Some("closer"));
    assert_eq!((found.parting, found.reordered), (None, None));
    assert_eq!(found.common, likeness(&failing(), &failing()));
}

/// Who only ends early did not decide anything.
#[test]
fn a_choice_counts_before_an_early_end() {
    let mut f = failing();
    f.events.insert(0, event(1, "kworker/0:1", Kind::Step, "> heartbeat"));
    let found = compare(&f, &passing(), None);
    assert_eq!(found.parting.map(|p| p.who), Some("closer".into()));
    assert_eq!(found.others.iter().map(|p| p.who.as_str()).collect::<Vec<_>>(), ["kworker/0:1"]);
}
