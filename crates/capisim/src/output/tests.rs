use super::*;
use machine::engine::Class;
use machine::report::{Build, KernelReport, Role, judge};
use std::collections::BTreeMap;

fn build(driver: &str, role: Role, violated: bool) -> BuildReport {
    let text = "TERMINATE(PE 2) with ctx_cap=0x3, C0 of PE 1 still open".to_owned();
    let v =
        Violation { oracle: "no-terminate-under-open-sync".into(), at_ns: 2_310_000_000, pe: Some(2), text };
    BuildReport {
        build: Build { driver: driver.into(), path: "x.ko".into(), sha256: "00".into(), role },
        state_hash: "0123456789abcdef0123456789abcdef".into(),
        instructions: 5,
        virtual_seconds: 9.0,
        wall_seconds: 1.5,
        schedules: 1,
        failures: u64::from(violated),
        bugs: 0,
        undecided: 0,
        violations: if violated { vec![v] } else { vec![] },
        findings: vec![],
        bypassed: u64::from(violated),
        remove: if violated { Removal::Hung } else { Removal::Finished },
        oops: None,
        reached: BTreeMap::from([("asleep in f".into(), 1)]),
        class: if violated { Class::Hung } else { Class::Finished },
        steps: BTreeMap::new(),
        console: vec!["last line".into()],
        cpus: vec![],
        at_violation: None,
        guest: Default::default(),
    }
}

fn report(old: bool, new: bool) -> RunReport {
    let builds = vec![build("pre-fix", Role::Old, old), build("stock", Role::New, new)];
    let (verdict, reasons) = judge(&builds, &[]);
    RunReport {
        schema: 1,
        tool: "0".into(),
        verdict,
        reasons,
        seed: 1,
        scenario: "a<b".into(),
        scenario_hash: "h".into(),
        cpus: 2,
        kernel: KernelReport { version: "6.1".into(), sha256: "k".into(), structures: "BTF".into() },
        builds,
        bound: None,
        failures: vec![],
        replay: "capisim replay x".into(),
    }
}

#[test]
fn the_table_has_the_facts() {
    let text = table(&report(true, false), false);
    for fact in [
        "scenario  a<b   seed 1   2 vCPUs   kernel 6.1",
        "pre-fix   1         hung        no    TERMINATE(PE 2)",
        "stock     0         finished    no    -",
        "verdict   FIX CONFIRMED",
        "t=2.31 s",
        "replay    capisim replay x",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
    assert!(!text.contains("last line"), "{text}");
    assert!(table(&report(true, true), true).contains("\x1b[1;31mVIOLATED"));
    assert!(table(&report(false, true), false).contains("last line"));
}

#[test]
fn json_of_one_run_is_an_object() {
    let one = json(&[report(true, false)]);
    assert!(one.starts_with('{') && one.contains("\"verdict\": \"confirmed\""), "{one}");
    assert!(json(&[report(true, false), report(false, false)]).starts_with('['));
}

#[test]
fn ktap_and_junit_tell_the_verdict() {
    let text = ktap(&[report(true, false), report(false, true), report(false, false)]);
    assert!(text.contains("\nok 1 a<b seed 1\n") && text.contains("\nnot ok 2 a<b seed 1\n"), "{text}");
    assert!(text.contains("ok 3 a<b seed 1 # SKIP"), "{text}");
    assert_eq!(text.matches("# replay: capisim replay x\n").count(), 1, "of the one that failed: {text}");
    let text = junit(&[report(false, true)]);
    assert!(
        text.contains("<testsuite name=\"a&lt;b\" tests=\"1\" failures=\"1\"") && text.contains("<failure "),
        "{text}"
    );
    assert!(text.contains("replay: capisim replay x"), "{text}");
}
