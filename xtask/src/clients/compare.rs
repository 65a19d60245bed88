//! Two outputs of one client beside each other.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::script::Output;
use super::table::Client;

/// What came of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The same as on QEMU's disk, with the exit status it must have.
    Pass,
    /// Another output or exit status than on QEMU's disk.
    Differs,
    /// On both disks alike, but not with the exit status it must have.
    Failed,
    /// It did not run, or did not end, on one of the two.
    NotRun,
}

impl Outcome {
    /// The word in results.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Differs => "differs",
            Outcome::Failed => "failed",
            Outcome::NotRun => "not-run",
        }
    }
}

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of the client.
    pub client: String,
    /// Variant of the adapter.
    pub variant: String,
    /// What came of it.
    pub result: Outcome,
    /// Why, and where to look.
    pub detail: String,
}

/// Compares the outputs of `client`; `folder` has both as files.
pub fn compare(
    client: &Client,
    ours: Option<&Output>,
    peer: Option<&Output>,
    folder: &Path,
) -> (Outcome, String) {
    let end = |side: Option<&Output>| side.and_then(|output| output.status);
    let (Some(our_status), Some(peer_status)) = (end(ours), end(peer)) else {
        let side = |status: Option<u8>| if status.is_some() { "ended" } else { "did not end" };
        return (Outcome::NotRun, format!("{} here, {} at QEMU", side(end(ours)), side(end(peer))));
    };
    let (our_lines, peer_lines) = (what_counts(client, ours), what_counts(client, peer));
    let see = format!("see {}", folder.join(client.name).display());
    if our_lines != peer_lines {
        let same = our_lines.iter().zip(&peer_lines).take_while(|(a, b)| a == b).count();
        let line =
            |list: &[&str]| list.get(same).map_or("nothing".to_owned(), |line| format!("`{}`", line.trim()));
        let text =
            format!("line {}: {} here, {} at QEMU; {see}.*", same + 1, line(&our_lines), line(&peer_lines));
        return (Outcome::Differs, text);
    }
    let right = (client.status, client.peer_status.map_or(client.status, |(status, _)| status));
    if (our_status, peer_status) != right {
        let outcome = if our_status == peer_status { Outcome::Failed } else { Outcome::Differs };
        let right =
            if right.0 == right.1 { right.0.to_string() } else { format!("{} and {}", right.0, right.1) };
        let text = format!("exit status {our_status} here, {peer_status} at QEMU, {right} is right; {see}.*");
        return (outcome, text);
    }
    let all = ours.map_or(0, |output| output.lines.len());
    if our_lines.is_empty() && all > 0 {
        return (Outcome::Failed, "every line is excepted: nothing was compared".into());
    }
    (Outcome::Pass, format!("{} of {all} lines compared", our_lines.len()))
}

fn what_counts<'a>(client: &Client, output: Option<&'a Output>) -> Vec<&'a str> {
    let counts = |line: &&String| {
        !line.trim().is_empty() && !client.except.iter().any(|except| line.contains(except.text))
    };
    output.map_or(&[][..], |output| &output.lines).iter().filter(counts).map(String::as_str).collect()
}

/// Judges a client that has nothing to be compared with: by its exit status and by what it has to say.
pub fn alone(client: &Client, ours: Option<&Output>, folder: &Path) -> (Outcome, String) {
    let Some((output, status)) = ours.and_then(|output| Some((output, output.status?))) else {
        return (Outcome::NotRun, "did not end here".into());
    };
    let see = format!("see {}", folder.join(client.name).display());
    if status != client.status {
        return (
            Outcome::Failed,
            format!("exit status {status} here, {} is right; {see}.ours", client.status),
        );
    }
    let said = |text: &&&str| output.lines.iter().any(|line| line.contains(**text));
    match client.says.iter().find(|text| !said(text)) {
        Some(text) => (Outcome::Failed, format!("no line with `{text}`; {see}.ours")),
        None => (Outcome::Pass, output.lines.last().cloned().unwrap_or_default()),
    }
}

/// The text of an output as it is written to a file.
pub fn text(output: &Output) -> String {
    let mut text = output.lines.join("\n");
    let status = output.status.map_or("none".to_owned(), |status| status.to_string());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nexit status {status}");
    text
}

#[cfg(test)]
mod tests {
    use super::super::table::Except;
    use super::*;

    fn output(status: u8, lines: &[&str]) -> Output {
        Output { status: Some(status), lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn what_makes_a_client_pass_or_not() {
        let client = Client {
            name: "c",
            about: "",
            command: "",
            status: 5,
            peer_status: None,
            except: &[Except { text: "Vendor:", why: "identity" }],
            says: &[],
            quick: false,
        };
        let good = output(5, &["Vendor: a", "size 1"]);
        let cases = [
            (Some(good.clone()), output(5, &["Vendor: b", "size 1"]), Outcome::Pass, "1 of 2 lines"),
            (Some(good.clone()), output(5, &["size 1"]), Outcome::Pass, "1 of 2 lines"),
            (
                Some(good.clone()),
                output(5, &["Vendor: b", "size 2"]),
                Outcome::Differs,
                "line 1: `size 1` here, `size 2`",
            ),
            (
                Some(good.clone()),
                output(5, &["size 1", "more"]),
                Outcome::Differs,
                "line 2: nothing here, `more`",
            ),
            (Some(good.clone()), output(0, &["size 1"]), Outcome::Differs, "exit status 5 here, 0"),
            (Some(output(0, &["size 1"])), output(0, &["size 1"]), Outcome::Failed, "5 is right"),
            (Some(output(5, &["Vendor: a"])), output(5, &[]), Outcome::Failed, "nothing was compared"),
            (Some(Output { status: None, lines: vec![] }), good.clone(), Outcome::NotRun, "did not end here"),
            (None, good, Outcome::NotRun, "did not end here"),
        ];
        for (ours, peer, outcome, detail) in cases {
            let got = compare(&client, ours.as_ref(), Some(&peer), Path::new("dir"));
            assert_eq!(got.0, outcome, "{ours:?} {peer:?}: {}", got.1);
            assert!(got.1.contains(detail), "{}", got.1);
        }
    }

    #[test]
    fn a_client_alone_is_judged_by_its_status_and_its_words() {
        let client = Client {
            name: "c",
            about: "",
            command: "",
            status: 1,
            peer_status: None,
            except: &[],
            says: &["err=84", "bad"],
            quick: false,
        };
        let cases = [
            (Some(output(1, &["it is bad", "err=84 x"])), Outcome::Pass, "err=84 x"),
            (Some(output(0, &["it is bad", "err=84 x"])), Outcome::Failed, "exit status 0 here, 1 is right"),
            (Some(output(1, &["err=84"])), Outcome::Failed, "no line with `bad`"),
            (Some(Output { status: None, lines: vec!["err=84 bad".into()] }), Outcome::NotRun, "did not end"),
            (None, Outcome::NotRun, "did not end"),
        ];
        for (ours, outcome, detail) in cases {
            let got = alone(&client, ours.as_ref(), Path::new("dir"));
            assert_eq!(got.0, outcome, "{ours:?}: {}", got.1);
            assert!(got.1.contains(detail), "{}", got.1);
        }
    }
}
