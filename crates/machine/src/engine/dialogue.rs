//! The conversation with our init in the guest.

use super::helper::{Channel, Message};
use super::session::Session;
use super::triggers::Happening;
use crate::scenario::Draw;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What an internal job finds out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Question {
    /// Load address of a module's section.
    Section(String, String),
    /// PCI address for a placeholder, from a `uevent` file.
    Address(String),
}

/// Where the conversation stands.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Dialogue {
    pub channel: Channel,
    /// The helper has said hello.
    pub hello: bool,
    /// Modules are in, actors are there, addresses are known.
    pub ready: bool,
    /// Between the helper's `ready` and ours.
    preparing: bool,
    /// Open questions by job name.
    questions: BTreeMap<String, Question>,
    asked: u64,
    /// What a line that was sent is for, by its number.
    sent: BTreeMap<u64, String>,
    /// Actors not yet spawned.
    awaited: Vec<String>,
    /// Actors that go by step, and that no step has addressed yet.
    pub waiting: BTreeSet<String>,
    /// Placeholders of texts, numbers of `[draw]` among them: they are the same everywhere in a run.
    pub places: BTreeMap<String, String>,
    /// Modules that jobs load or unload, by job: verb and module.
    pub module_jobs: BTreeMap<String, (String, String)>,
}

impl Dialogue {
    /// Nothing was said; numbers are drawn from `seed`.
    pub fn new(draws: &BTreeMap<String, Draw>, seed: u64) -> Dialogue {
        let number = |(name, draw): (&String, &Draw)| (name.clone(), draw.draw(seed, name).to_string());
        Dialogue { places: draws.iter().map(number).collect(), ..Dialogue::default() }
    }
    /// A text with its placeholders filled in.
    pub fn filled(&self, text: &str) -> String {
        let fill =
            |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
        self.places.iter().fold(text.to_owned(), fill)
    }
}

/// Placeholders for the addresses of AFU and card, by adapter: the stock
/// kernel numbers hosts and cards in the order of the bridges.
const PLACES: [(&str, &str); 4] = [("afu", "card"), ("afu1", "card1"), ("afu2", "card2"), ("afu3", "card3")];

impl Session<'_, '_> {
    /// Sends a line; `what` is for complaints.
    pub fn tell(&mut self, words: &[&str], what: String) {
        match self.state.dialogue.channel.send(words) {
            Ok(seq) => {
                self.state.dialogue.sent.insert(seq, what);
            }
            Err(why) => self.complain(format!("{what}: {why}")),
        }
    }
    /// Takes bytes of the helper channel.
    pub fn hear(&mut self, bytes: &[u8]) {
        let (messages, complaints) = self.state.dialogue.channel.receive(bytes);
        complaints.into_iter().for_each(|c| self.complain(c));
        for message in messages {
            self.heard(message);
        }
        if self.state.dialogue.preparing
            && self.state.dialogue.questions.is_empty()
            && self.state.dialogue.awaited.is_empty()
        {
            self.prepared();
        }
    }
    fn heard(&mut self, message: Message) {
        match message {
            Message::Hello => {
                self.state.dialogue.hello = true;
                self.say("guest", &[("event", "hello")]);
                self.happen(&Happening::Guest("hello"));
            }
            Message::Ready(errors) => self.modules_in(errors),
            Message::Accepted { re, name, word, pid } => {
                self.state.dialogue.sent.remove(&re);
                let pid = pid.map(|pid| format!("pid={pid}")).unwrap_or_default();
                if let Some(name) = name.as_ref().filter(|_| word == "started") {
                    self.say("actor", &[("name", name), ("event", "started"), ("text", &pid)]);
                }
                if let Some(name) = name.filter(|_| word == "spawned") {
                    self.say("actor", &[("name", &name), ("event", "spawned"), ("text", &pid)]);
                    self.state.dialogue.awaited.retain(|a| *a != name);
                    self.happen(&Happening::Actor { name: &name, event: "spawned", words: &[] });
                }
            }
            Message::Refused { re, reason } => self.refused(re, &reason),
            Message::Actor { name, words } => self.actor_said(&name, &words),
            Message::Ended { name, word, values } => self.ended(&name, &word, &values),
            Message::Other => {}
        }
    }
    fn refused(&mut self, re: u64, reason: &str) {
        let what = self.state.dialogue.sent.remove(&re).unwrap_or_else(|| format!("line {re}"));
        self.complain(format!("the guest refused {what}: {reason}"));
        // Nobody waits for what will not come.
        let name = what.split(' ').next_back().unwrap_or("").to_owned();
        self.state.dialogue.questions.remove(&name);
        self.state.dialogue.awaited.retain(|a| *a != name);
    }
    fn actor_said(&mut self, name: &str, words: &[String]) {
        let Some((event, rest)) = words.split_first() else { return };
        let pe = rest.iter().find_map(|w| w.strip_prefix("pe=")).and_then(|pe| pe.parse().ok());
        if let (Some(pe), "ok") = (pe, event.as_str()) {
            self.state.faults.element(name, pe);
        }
        self.say("actor", &[("name", name), ("event", event), ("text", &rest.join(" "))]);
        self.happen(&Happening::Actor { name, event, words: rest });
    }
    fn ended(&mut self, name: &str, word: &str, values: &BTreeMap<String, String>) {
        let text = values.get("text").map(String::as_str);
        if let Some(question) = self.state.dialogue.questions.remove(name) {
            return self.answered(question, text);
        }
        let words: Vec<String> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
        self.say("actor", &[("name", name), ("event", word), ("text", &words.join(" "))]);
        if self.state.dialogue.waiting.remove(name) {
            self.complain(format!(
                "{name} ended before a step let it go: its program has to wait for the line `go` on its stdin"
            ));
        }
        if let Some((verb, module)) = self.state.dialogue.module_jobs.remove(name)
            && values.get("rc").is_some_and(|rc| rc == "0")
        {
            self.module_changed(&verb, &module);
        }
        self.happen(&Happening::Actor { name, event: word, words: &words });
    }
    fn module_changed(&mut self, verb: &str, module: &str) {
        self.state.table.unloaded(module);
        self.state.watches.arm(&mut self.machine, &self.state.table);
        if verb == "insmod" {
            self.ask_sections(Some(module));
        }
    }
    /// The helper's `ready`: find out addresses, start the actors.
    fn modules_in(&mut self, errors: u64) {
        if errors > 0 {
            self.complain(format!("{errors} of the guest's modules or disks failed; see the console"));
        }
        self.state.dialogue.preparing = true;
        self.ask_sections(None);
        let adapters = if errors == 0 { self.scenario.adapters.len() } else { 0 };
        for (n, (afu, card)) in PLACES.iter().enumerate().take(adapters) {
            self.ask(
                Question::Address((*afu).to_owned()),
                &format!("/sys/class/scsi_host/host{n}/device/../uevent"),
            );
            self.ask(Question::Address((*card).to_owned()), &format!("/sys/class/cxl/card{n}/device/uevent"));
        }
        let scenario = self.scenario;
        for actor in &scenario.actors {
            let name = actor.name.text.as_str();
            let does: Vec<String> = actor.does.iter().map(|text| self.state.dialogue.filled(text)).collect();
            let mut words = vec!["spawn", name, &actor.cpu, &actor.program];
            words.extend(does.iter().map(String::as_str));
            self.state.dialogue.awaited.push(name.to_owned());
            if !actor.at_once {
                self.state.dialogue.waiting.insert(name.to_owned());
            }
            self.tell(&words, format!("actor {name}"));
        }
    }
    fn ask_sections(&mut self, only: Option<&str>) {
        for (module, section) in self.state.watches.sections(&self.state.table) {
            if only.is_none_or(|m| m == module) {
                let path = format!("/sys/module/{module}/sections/{section}");
                self.ask(Question::Section(module, section), &path);
            }
        }
    }
    fn ask(&mut self, question: Question, path: &str) {
        self.state.dialogue.asked += 1;
        let job = format!("_{}", self.state.dialogue.asked);
        self.state.dialogue.questions.insert(job.clone(), question);
        self.tell(&["read", &job, "-", path], format!("reading {path} as {job}"));
    }
    fn answered(&mut self, question: Question, text: Option<&str>) {
        match question {
            Question::Section(module, section) => {
                let address = text.map(str::trim).and_then(|t| t.strip_prefix("0x"));
                match address.and_then(|a| u64::from_str_radix(a, 16).ok()).filter(|a| *a != 0) {
                    Some(address) => {
                        self.state.table.loaded(&module, &section, address);
                        self.state.watches.arm(&mut self.machine, &self.state.table);
                    }
                    None => {
                        self.complain(format!("address of section {section} of module {module} is unknown"))
                    }
                }
            }
            Question::Address(what) => {
                let slot = text.and_then(|t| t.lines().find_map(|l| l.strip_prefix("PCI_SLOT_NAME=")));
                match slot {
                    Some(slot) => {
                        self.state.dialogue.places.insert(what, slot.to_owned());
                    }
                    None => self.complain(format!("PCI address of {{{what}}} is unknown")),
                }
            }
        }
    }
    fn prepared(&mut self) {
        self.state.dialogue.preparing = false;
        self.state.dialogue.ready = true;
        self.say("guest", &[("event", "ready")]);
        self.happen(&Happening::Guest("ready"));
        let scenario = self.scenario;
        for actor in scenario.actors.iter().filter(|a| a.at_once) {
            self.tell(&["go", &actor.name.text], format!("go of {}", actor.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::Progress;
    use super::super::symbols::SymbolTable;
    use crate::kernel::Symbols;
    use crate::scenario::parse;

    #[test]
    fn a_number_is_the_same_after_a_branch_and_in_what_is_restored() {
        let scenario =
            parse("schema = 1\nname = \"x\"\n[draw]\nlba = \"1..1000000\"\n").expect("well formed");
        let symbols = Symbols::default();
        let begun = |seed| Progress::new(&scenario, SymbolTable::new(&symbols, vec![]), seed);
        let number = |p: &Progress<'_>| p.dialogue.filled("{lba}").parse::<u64>().expect("a number");
        let mut run = begun(3);
        run.dialogue.places.insert("afu".into(), "0001:00:00.0".into());
        let before = number(&run);
        assert!((1..=1_000_000).contains(&before) && before != number(&begun(4)));
        run.seed = 4; // As `Session::branch` does.
        assert_eq!(run.dialogue.filled("read {lba} {afu} {x}"), format!("read {before} 0001:00:00.0 {{x}}"));
        let bytes = postcard::to_stdvec(&run.dialogue).expect("it has a form");
        run.dialogue = postcard::from_bytes(&bytes).expect("its own form");
        assert_eq!(number(&run), before);
    }
}
