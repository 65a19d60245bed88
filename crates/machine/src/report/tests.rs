use super::*;

fn build(role: Role, violated: &[&str], reached: u64) -> BuildReport {
    let violation = |name: &&str| Violation { oracle: (*name).into(), at_ns: 1, pe: None, text: "t".into() };
    BuildReport {
        build: Build { driver: format!("{role:?}"), path: String::new(), sha256: String::new(), role },
        state_hash: String::new(),
        instructions: 1,
        virtual_seconds: 1.0,
        wall_seconds: 1.0,
        schedules: 1,
        failures: 0,
        bugs: 0,
        undecided: 0,
        violations: violated.iter().map(violation).collect(),
        findings: vec![],
        bypassed: 0,
        remove: Removal::Finished,
        oops: None,
        reached: BTreeMap::from([("lock".to_owned(), reached)]),
        class: Class::Finished,
        steps: BTreeMap::new(),
        console: vec![],
        cpus: vec![],
        at_violation: None,
        guest: Default::default(),
    }
}

const O1: &str = "no-terminate-under-open-sync";
const O2: &str = "remove-finishes";

fn verdict(old: &[&str], new: &[&str], reached: (u64, u64)) -> i32 {
    let builds = [build(Role::Old, old, reached.0), build(Role::New, new, reached.1)];
    judge(&builds, &[O1.into(), O2.into()]).0.exit_code()
}

#[test]
fn two_builds() {
    assert_eq!(verdict(&[O1, O2], &[], (1, 1)), 0, "(pre-fix, stock)");
    assert_eq!(verdict(&[], &[O1, O2], (1, 1)), 1, "(stock, pre-fix)");
    assert_eq!(verdict(&[O1, O2], &[O1, O2], (1, 1)), 1, "(pre-fix, pre-fix)");
    assert_eq!(verdict(&[], &[], (1, 1)), 3, "(stock, stock)");
    assert_eq!(verdict(&[O1], &[], (1, 1)), 3, "half of the bug is not the bug");
    assert_eq!(verdict(&[O1, O2], &[], (0, 1)), 3, "the old build did not get there");
    assert_eq!(verdict(&[O1, O2], &[], (1, 0)), 3, "the new build did not get there");
    assert_eq!(verdict(&[], &[O2], (0, 0)), 1, "a violation is one wherever it comes from");
}

#[test]
fn one_build() {
    let code = |b: BuildReport| judge(&[b], &[]).0.exit_code();
    assert_eq!(code(build(Role::Single, &[], 1)), 0);
    assert_eq!(code(build(Role::Single, &[O1], 1)), 1);
    assert_eq!(code(build(Role::Single, &[], 0)), 3);
    for class in [Class::BootFailed, Class::Limit, Class::Stopped, Class::NoProgress] {
        assert_eq!(code(BuildReport { class, ..build(Role::Single, &[], 1) }), 3, "{class:?}");
    }
    let panicked = BuildReport { class: Class::BootFailed, ..build(Role::Single, &["no-panic"], 0) };
    assert_eq!(code(panicked), 3, "a guest that never came up");
    assert_eq!(code(BuildReport { remove: Removal::Unfinished, ..build(Role::Single, &[], 1) }), 3);
    assert_eq!(judge(&[], &[]).0, Verdict::Inconclusive);
    let oopsed =
        BuildReport { remove: Removal::Unfinished, class: Class::Oops, ..build(Role::Old, &["no-oops"], 1) };
    let pair = [oopsed, build(Role::New, &[], 1)];
    assert_eq!(
        judge(&pair, &["no-oops".into()]).0,
        Verdict::Confirmed,
        "how the old run ends does not matter"
    );
}

#[test]
fn the_result_survives_json() {
    let scenario = crate::scenario::parse("schema = 1\nname = \"x\"\n").expect("well formed");
    let report = RunReport::new(&scenario, 1, KernelReport::default(), vec![build(Role::Single, &[], 1)]);
    let text = serde_json::to_string(&report).expect("JSON");
    assert!(text.contains("\"driver\":\"Single\"") && text.contains("\"verdict\":\"passed\""), "{text}");
    assert_eq!(serde_json::from_str::<RunReport>(&text).expect("JSON"), report);
}
