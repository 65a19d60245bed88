use super::*;
use machine::Ticks;

fn sighting(at: u64, task: &str, seen: Seen) -> Sighting {
    Sighting { at: Ticks(at), cpu: 1, task: task.into(), interrupt: false, seen }
}

fn record(at: u64, kind: &'static str, fields: &[(&'static str, Value)]) -> Record {
    Record { at: Ticks(at), device: 1, kind, fields: fields.to_vec() }
}

fn lock(op: LockOp, taken: Option<bool>) -> Seen {
    let (function, caller) = ("mutex_lock", "cxlflash:get_context+0x58".to_owned());
    match taken {
        None => Seen::Lock {
            function,
            op,
            lock: 7,
            name: Some("cfg->table".into()),
            caller,
            owner: Some("sh/9".into()),
            pending: Some(true),
        },
        Some(taken) => Seen::Locked { function, op, lock: 7, caller, taken, value: -4i64 as u64 },
    }
}

#[test]
fn a_lock_that_is_given_up_reads_as_such() {
    let mut h = History::default();
    h.record(&record(
        1,
        "actor",
        &[("name", "p2".into()), ("event", "spawned".into()), ("text", "pid=78".into())],
    ));
    h.record(&record(2, "llcmd", &[("cmd", "add".into()), ("pe", 2.into())]));
    let mut h = h.beyond_branch();
    assert!(h.events.is_empty());
    h.sighting(&sighting(10, "actor/78", lock(LockOp::TakeUnlessSignal, None)));
    h.sighting(&sighting(20, "actor/78", lock(LockOp::TakeUnlessSignal, Some(false))));
    h.sighting(&sighting(30, "actor/99", Seen::Enter { function: "cxlflash:f".into() }));
    // A record comes late and goes to its time.
    h.record(&record(15, "llcmd", &[("cmd", "terminate".into()), ("pe", 2.into())]));
    let texts: Vec<String> = h.events.iter().map(|e| format!("{}: {}", e.who, h.text(e))).collect();
    let expected = [
        "p2: asks (interruptibly) for cfg->table, owner sh, signal pending",
        ": TERMINATE PE 2",
        "p2: gives up cfg->table: -EINTR",
        "actor: f()",
    ];
    assert_eq!(texts, expected);
    assert_eq!(h.elements(0), "PE 2 added", "what was before the branch point counts");
    assert_eq!(h.elements(1), "PE 2 being terminated");
    assert_eq!(h.place(2), "p2: gives up cfg->table: -EINTR in get_context, t=0.000000 s on cpu 1");
}

#[test]
fn locks_of_one_name_are_told_apart() {
    let mut h = History::default();
    for (lock, name) in [
        (1, Some("c->mutex")),
        (2, Some("c->mutex")),
        (1, Some("c->mutex")),
        (3, None),
        (4, Some("c->mutex")),
    ] {
        h.used(lock, name, "f");
    }
    let names: Vec<String> = h.locks.values().map(LockName::name).collect();
    assert_eq!(names, ["c->mutex", "c->mutex#2", "lock 3 (of f)", "c->mutex#3"]);
}

#[test]
fn a_task_that_goes_round_in_a_circle_is_kept_twice() {
    let mut h = History::default();
    let enter = |f: &str| Seen::Enter { function: format!("m:{f}") };
    h.sighting(&sighting(0, "a/1", enter("begin")));
    for n in 0..50 {
        h.sighting(&sighting(n, "a/1", enter("f")));
        h.sighting(&sighting(n, "a/1", enter("g")));
        h.sighting(&sighting(n, "b/2", enter(if n == 0 { "x" } else { "y" })));
    }
    h.sighting(&sighting(99, "a/1", enter("end")));
    let of = |who: &str| h.events.iter().filter(|e| e.who == who).map(|e| h.text(e)).collect::<Vec<_>>();
    let a = of("a");
    assert_eq!(a.first().map(String::as_str), Some("begin()"));
    assert_eq!(a.last().map(String::as_str), Some("end()"), "what ends the circle is told");
    assert!(a.len() < 10 && a.iter().any(|t| t.contains("round again")), "{a:?}");
    assert!(of("b").len() < 5);
}

#[test]
fn a_line_of_the_log_reads_like_its_record() {
    let r = record(15, "afu-command", &[("kind", "afu-sync".into()), ("id", 3.into()), ("pe", 1.into())]);
    let told = Told::read(&crate::rundir::json_line(&r)).expect("a line");
    assert_eq!(outside(&told), outside(&Told::of(&r)));
    assert_eq!(outside(&told), Some((Lane::Adapter, "afu-sync PE 1 begins, id 3".into())));
    assert_eq!(Told::read("{}"), None);
}

#[test]
fn what_sightings_tell_is_not_told_of_the_adapter_too() {
    for kind in ["mutex-slow-path", "mutex-wait", "symbol", "asleep"] {
        assert_eq!(outside(&Told { kind: kind.into(), ..Told::default() }), None, "{kind}");
    }
}

#[test]
fn values_read_as_errors_and_numbers() {
    for (v, text) in [
        (0, "0"),
        (-4i64 as u64, "-EINTR"),
        (0xFFFF_FFFC, "-EINTR"),
        (5, "5"),
        (0xC000_0000_0000_1234, "0xc000000000001234"),
    ] {
        assert_eq!(value(v), text);
    }
}
