//! The line protocol to our init in the guest, docs/guest-protocol.md.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest line to the guest (protocol section 2).
const MAX_LINE: usize = 2047;

/// A line from the guest, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The channel is there.
    Hello,
    /// Modules are in; so many failed.
    Ready(u64),
    /// A direct answer to line `re`: it was accepted.
    Accepted {
        /// The line it answers.
        re: u64,
        /// `pong`, `ok`, `bye`, `spawned`, `started`.
        word: String,
        /// Whom it concerns.
        name: Option<String>,
        /// Its process id in the guest.
        pid: Option<String>,
    },
    /// A direct answer: line `re` was refused.
    Refused {
        /// The line it answers.
        re: u64,
        /// Why.
        reason: String,
    },
    /// A job wrote a line.
    Actor {
        /// Who.
        name: String,
        /// The line, words unescaped.
        words: Vec<String>,
    },
    /// A program or job ended.
    Ended {
        /// Who.
        name: String,
        /// `exited` or `done`.
        word: String,
        /// `status=0`, `rc=0`, `signal=9`, `text=…`.
        values: BTreeMap<String, String>,
    },
    /// Anything else the protocol allows and we have no use for.
    Other,
}

/// Undoes `%XX`; `None` for a bad escape.
pub fn unescape(word: &str) -> Option<String> {
    let mut out = vec![];
    let mut bytes = word.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let digit = |b: Option<u8>| (b? as char).to_digit(16);
        out.push((digit(bytes.next())? * 16 + digit(bytes.next())?) as u8);
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Makes one word of anything.
pub fn escape(word: &str) -> String {
    let mut out = String::new();
    for b in word.bytes() {
        if b.is_ascii_graphic() && b != b'%' {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// `key=value` words as a map.
fn values(words: &[String]) -> BTreeMap<String, String> {
    words.iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// A line of the guest: its number and what it says; `None` if it is not a
/// line of the protocol.
pub fn parse(line: &str) -> Option<(u64, Message)> {
    let mut words = line.trim_end_matches('\r').split(' ');
    let seq = words.next()?.parse().ok()?;
    let words: Vec<String> = words.map(unescape).collect::<Option<_>>()?;
    let values = values(&words);
    let re = values.get("re").and_then(|re| re.parse().ok()).unwrap_or(0);
    let name = words.get(1).filter(|w| !w.contains('=')).cloned();
    let message = match words.first()?.as_str() {
        "hello" => Message::Hello,
        "ready" => Message::Ready(values.get("errors").and_then(|e| e.parse().ok()).unwrap_or(0)),
        word @ ("pong" | "ok" | "bye" | "spawned" | "started") => {
            Message::Accepted { re, word: word.to_owned(), name, pid: values.get("pid").cloned() }
        }
        "error" => {
            let reason = values.get("reason").cloned().unwrap_or_default();
            let errno = values.get("errno").map(|e| format!(" (errno {e})")).unwrap_or_default();
            Message::Refused { re, reason: reason + &errno }
        }
        "actor" => Message::Actor { name: name?, words: words[2..].to_vec() },
        word @ ("exited" | "done") => Message::Ended { name: name?, word: word.to_owned(), values },
        _ => Message::Other,
    };
    Some((seq, message))
}

/// Our end of the channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Channel {
    open: bool,
    last_sent: u64,
    last_seen: u64,
    partial: Vec<u8>,
    waiting: Vec<u8>,
}

impl Channel {
    /// Takes bytes of the guest; what they say, and complaints about lines
    /// that are malformed or missing.
    pub fn receive(&mut self, bytes: &[u8]) -> (Vec<Message>, Vec<String>) {
        let (mut messages, mut complaints) = (vec![], vec![]);
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            match parse(&line) {
                Some((seq, message)) => {
                    if seq != self.last_seen + 1 {
                        complaints
                            .push(format!("helper messages {} to {seq} are missing", self.last_seen + 1));
                    }
                    self.last_seen = seq;
                    self.open |= message == Message::Hello;
                    messages.push(message);
                }
                None if line.trim().is_empty() => {}
                None => complaints.push(format!("helper line not understood: {line}")),
            }
        }
        // A guest that never ends its line must not fill our memory.
        if self.partial.len() > 1 << 16 {
            self.partial.clear();
        }
        (messages, complaints)
    }
    /// Sends a line; its number, or why it cannot be sent.
    pub fn send(&mut self, words: &[&str]) -> Result<u64, String> {
        let seq = self.last_sent + 1;
        let words: Vec<String> = words.iter().map(|w| escape(w)).collect();
        let line = format!("{seq} {}\n", words.join(" "));
        if line.len() > MAX_LINE {
            return Err(format!("the line is longer than {MAX_LINE} bytes: {}…", &line[..80]));
        }
        self.last_sent = seq;
        self.waiting.extend_from_slice(line.as_bytes());
        Ok(seq)
    }
    /// Bytes to type into the terminal now: none before the guest's `hello`.
    pub fn take_input(&mut self) -> Vec<u8> {
        if self.open { std::mem::take(&mut self.waiting) } else { vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_protocol_are_understood() {
        let said = |line: &str| parse(line).map(|(_, m)| m);
        assert_eq!(said("1 hello protocol=1 mode=run"), Some(Message::Hello));
        assert_eq!(said("7 ready errors=2\r"), Some(Message::Ready(2)));
        let accepted = Message::Accepted {
            re: 3,
            word: "spawned".into(),
            name: Some("p1".into()),
            pid: Some("77".into()),
        };
        assert_eq!(said("8 spawned p1 pid=77 re=3"), Some(accepted));
        let refused = Message::Refused { re: 4, reason: "name (errno 0)".into() };
        assert_eq!(said("9 error re=4 reason=name errno=0"), Some(refused));
        let Some(Message::Actor { name, words }) = said("10 actor p1 ok op=attach pe=1") else { panic!() };
        assert_eq!((name.as_str(), words.join(" ").as_str()), ("p1", "ok op=attach pe=1"));
        let Some(Message::Ended { values, .. }) = said("11 done q rc=4 errno=0 re=5 text=a%20b%0A") else {
            panic!()
        };
        assert_eq!(values["text"], "a b\n");
        for bad in ["", "hello", "x hello", "1", "1 actor", "1 actor p%2", "-1 hello"] {
            assert_eq!(said(bad), None, "{bad:?}");
        }
        assert_eq!(said("1 something new"), Some(Message::Other));
    }

    #[test]
    fn nothing_is_sent_before_hello_and_gaps_are_reported() {
        let mut c = Channel::default();
        assert_eq!(c.send(&["spawn", "p1", "-", "/bin/actor", "user-virtual 65536"]), Ok(1));
        assert!(c.take_input().is_empty());
        let (messages, complaints) = c.receive(b"1 hello proto");
        assert!(messages.is_empty() && complaints.is_empty());
        assert_eq!(c.receive(b"col=1\n3 ready errors=0\n").0.len(), 2);
        assert_eq!(c.take_input(), b"1 spawn p1 - /bin/actor user-virtual%2065536\n");
        assert_eq!(c.receive(b"5 ready errors=0\nrubbish\n").1.len(), 2);
        assert!(c.send(&[&"x".repeat(3000)]).is_err());
    }
}
