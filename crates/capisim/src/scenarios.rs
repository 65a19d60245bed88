//! Scenario files and the project's own scenarios.

mod faults;

pub use faults::FAULTS;

use crate::error::Error;
use machine::scenario::{self, Problem, Scenario};
use std::path::Path;

/// A scenario as it was given.
#[derive(Clone, Debug)]
pub struct Source {
    /// File name, or `builtin:NAME`.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// The project's scenarios.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("release-during-remove", include_str!("../../../scenarios/release-during-remove.toml")),
    ("release-during-remove-oops", include_str!("../../../scenarios/release-during-remove-oops.toml")),
    ("release-during-remove-poison", include_str!("../../../scenarios/release-during-remove-poison.toml")),
    ("kill-while-waiting", include_str!("../../../scenarios/kill-while-waiting.toml")),
    ("retry-storm-stall", include_str!("../../../scenarios/retry-storm-stall.toml")),
    ("retry-storm-holder", include_str!("../../../scenarios/retry-storm-holder.toml")),
    ("retry-storm-burst", include_str!("../../../scenarios/retry-storm-burst.toml")),
    ("retry-storm-leak", include_str!("../../../scenarios/retry-storm-leak.toml")),
    ("freeze-mass-kill", include_str!("../../../scenarios/freeze-mass-kill.toml")),
    ("freeze-mass-kill-race", include_str!("../../../scenarios/freeze-mass-kill-race.toml")),
    ("reset-mass-kill", include_str!("../../../scenarios/reset-mass-kill.toml")),
    ("kill-sixty-four", include_str!("../../../scenarios/kill-sixty-four.toml")),
    ("ctrl-c-attach", include_str!("../../../scenarios/ctrl-c-attach.toml")),
    ("kill-during-recovery", include_str!("../../../scenarios/kill-during-recovery.toml")),
    ("soak", include_str!("../../../scenarios/soak.toml")),
    ("probe", include_str!("../../../scenarios/probe.toml")),
    ("adapters", include_str!("../../../scenarios/adapters.toml")),
    ("many-luns", include_str!("../../../scenarios/many-luns.toml")),
    ("card", include_str!("../../../scenarios/card.toml")),
    ("superpipe", include_str!("../../../scenarios/superpipe.toml")),
    ("superpipe-many", include_str!("../../../scenarios/superpipe-many.toml")),
    ("clone-two-disks", include_str!("../../../scenarios/clone-two-disks.toml")),
    ("churn", include_str!("../../../scenarios/churn.toml")),
    ("calm", include_str!("../../../scenarios/calm.toml")),
    ("dead-process", include_str!("../../../scenarios/dead-process.toml")),
    ("fault-hides-cpu", include_str!("../../../scenarios/fault-hides-cpu.toml")),
    ("lun-mode-change", include_str!("../../../scenarios/lun-mode-change.toml")),
    ("boot", include_str!("../../../scenarios/boot.toml")),
    ("fence-idle", include_str!("../../../scenarios/fence-idle.toml")),
    ("fence-io", include_str!("../../../scenarios/fence-io.toml")),
    ("freeze-idle", include_str!("../../../scenarios/freeze-idle.toml")),
    ("freeze-io", include_str!("../../../scenarios/freeze-io.toml")),
    ("freeze-sync", include_str!("../../../scenarios/freeze-sync.toml")),
    ("freeze-attach", include_str!("../../../scenarios/freeze-attach.toml")),
    ("freeze-probe", include_str!("../../../scenarios/freeze-probe.toml")),
    ("freeze-twice", include_str!("../../../scenarios/freeze-twice.toml")),
    ("freeze-six", include_str!("../../../scenarios/freeze-six.toml")),
    ("recover-afu", include_str!("../../../scenarios/recover-afu.toml")),
    ("freeze-superpipe", include_str!("../../../scenarios/freeze-superpipe.toml")),
    ("freeze-kill", include_str!("../../../scenarios/freeze-kill.toml")),
    ("recover-gt", include_str!("../../../scenarios/recover-gt.toml")),
    ("fence-other", include_str!("../../../scenarios/fence-other.toml")),
    ("hot-unplug", include_str!("../../../scenarios/hot-unplug.toml")),
    ("freeze-recovery", include_str!("../../../scenarios/freeze-recovery.toml")),
    ("freeze-write-same", include_str!("../../../scenarios/freeze-write-same.toml")),
    ("reset-fails", include_str!("../../../scenarios/reset-fails.toml")),
    ("dead-phb", include_str!("../../../scenarios/dead-phb.toml")),
    ("link-down", include_str!("../../../scenarios/link-down.toml")),
    ("flaky", include_str!("../../../scenarios/flaky.toml")),
    ("perst", include_str!("../../../scenarios/perst.toml")),
    ("child-closes", include_str!("../../../scenarios/child-closes.toml")),
    ("orphan-closes", include_str!("../../../scenarios/orphan-closes.toml")),
    ("unbind-in-use", include_str!("../../../scenarios/unbind-in-use.toml")),
    ("death-in-fault", include_str!("../../../scenarios/death-in-fault.toml")),
    ("failing-attach", include_str!("../../../scenarios/failing-attach.toml")),
    ("failing-recovery", include_str!("../../../scenarios/failing-recovery.toml")),
];

/// The scenario that `run` without arguments runs.
pub const DEFAULT: &str = "release-during-remove";

/// Every scenario of the project.
pub fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    BUILT_IN.iter().chain(FAULTS)
}

impl Source {
    /// Reads a file, or one of the project's scenarios.
    pub fn find(name: &str) -> Result<Source, Error> {
        let path = Path::new(name);
        if path.is_file() {
            let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
                std::io::ErrorKind::InvalidData => {
                    Error::Scenario(format!("{name}: not a text file (UTF-8)"))
                }
                _ => Error::io(path, "read it")(e),
            })?;
            return Ok(Source { file: name.to_owned(), text });
        }
        match all().find(|(n, _)| *n == name) {
            Some((n, text)) => Ok(Source { file: format!("builtin:{n}"), text: (*text).to_owned() }),
            None => {
                let near = scenario::problem::nearest(name, all().map(|(n, _)| *n));
                let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                Err(Error::Usage(format!("{name}: neither a file nor a scenario of the project{hint}")))
            }
        }
    }
    /// The scenario, or its mistakes rendered.
    pub fn parse(&self) -> Result<Scenario, Error> {
        scenario::parse(&self.text).map_err(|p| self.problems(&p))
    }
    /// Mistakes as one error.
    pub fn problems(&self, problems: &[Problem]) -> Error {
        Error::Scenario(problems.iter().map(|p| self.show(p)).collect::<Vec<_>>().join("\n"))
    }
    /// A mistake with the line it stands on.
    fn show(&self, p: &Problem) -> String {
        let (line, column) = scenario::problem::line_column(&self.text, p.place.start);
        let content = self.text.lines().nth(line - 1).unwrap_or("");
        let inside = p.place.end.saturating_sub(p.place.start).max(1);
        let rest = content.chars().count().saturating_sub(column - 1).max(1);
        let marks = "^".repeat(inside.min(rest));
        let margin = line.to_string().len();
        format!(
            "{}\n{:margin$} |\n{line} | {content}\n{:margin$} | {:>column$}",
            p.render(&self.file, &self.text),
            "",
            "",
            marks.chars().next().unwrap_or('^'),
        ) + &marks[1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_scenarios_are_well_formed() {
        for (name, text) in BUILT_IN {
            let source = Source { file: (*name).into(), text: (*text).into() };
            let scenario = source.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(scenario.name, *name);
        }
    }

    #[test]
    fn programs_that_go_by_step_wait_for_it() {
        for (name, text) in BUILT_IN {
            let scenario =
                Source { file: (*name).into(), text: (*text).into() }.parse().expect("well-formed");
            let programs = scenario.actors.iter().filter(|a| !a.at_once && a.program != "/bin/actor");
            for actor in programs {
                let waits = actor.does.iter().any(|word| word == "wait" || word == "--wait");
                assert!(waits, "{name}: {} begins before its step", actor.name);
            }
        }
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let source =
            Source { file: "s.toml".into(), text: "schema = 1\nname = \"x\"\n[machine]\ncpu = 2\n".into() };
        let text = source.parse().unwrap_err().to_string();
        let expected =
            "s.toml:4:1: unknown key in [machine] `cpu`; did you mean `cpus`?\n  |\n4 | cpu = 2\n  | ^^^";
        assert_eq!(text, expected);
        assert!(Source::find("release-during-remov").unwrap_err().to_string().contains("did you mean"));
    }
}
