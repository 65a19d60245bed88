//! What steps do.

use super::Ended;
use super::session::Session;
use crate::scenario::{Action, Job};

impl Session<'_, '_> {
    /// Performs an action.
    pub fn act(&mut self, action: &Action) {
        if let Action::Go(actor) | Action::Tell(actor, _) | Action::Kill(actor, _) = action {
            self.state.dialogue.waiting.remove(&actor.text);
        }
        match action {
            Action::Go(actor) => self.tell(&["go", &actor.text], format!("go of {actor}")),
            Action::Tell(actor, commands) => {
                for command in commands {
                    let command = self.state.dialogue.filled(command);
                    let mut words = vec!["step", actor.text.as_str()];
                    words.extend(command.split_whitespace());
                    self.tell(&words, format!("`{command}` for {actor}"));
                }
            }
            Action::Kill(target, signal) => {
                let number = signal.to_string();
                self.tell(&["signal", &target.text, &number], format!("signal {number} to {target}"));
            }
            Action::Job(job) => self.start_job(job),
            Action::Input(text) => self.machine.push_input(0, text.as_bytes()),
            Action::Power(reboot) => {
                let word = if *reboot { "reboot" } else { "poweroff" };
                self.tell(&[word], word.to_owned());
            }
            Action::End => {
                let now = self.machine.now();
                self.state.ending.get_or_insert((now, Ended::Scenario));
            }
        }
    }
    fn start_job(&mut self, job: &Job) {
        let text = self.state.dialogue.filled(&job.text);
        let mut target = self.state.dialogue.filled(&job.target);
        if job.verb == "insmod" || job.verb == "rmmod" {
            let file = target.rsplit('/').next().unwrap_or(&target);
            let module = file.trim_end_matches(".ko").replace('-', "_");
            self.state.dialogue.module_jobs.insert(job.name.clone(), (job.verb.to_owned(), module));
        }
        if job.verb == "insmod" && !target.contains('/') {
            target = format!("/lib/modules/{target}.ko");
        }
        let mut words = vec![job.verb, &job.name, &job.cpu, &target];
        if !text.is_empty() {
            words.push(&text);
        }
        self.tell(&words, format!("{} of {}", job.verb, job.name));
    }
}
