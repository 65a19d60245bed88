//! Watching a guest by the text of its console, which grows in a file.

#![allow(clippy::disallowed_types)] // Progress and limits are about the wall clock.

use std::io::Read;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::Session;
use super::script::ended;

/// How a boot ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Text of the console.
    pub console: String,
    /// What is wrong with the run as a whole.
    pub fault: Option<String>,
}

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);
/// Between two lines of progress.
const SAY: Duration = Duration::from_secs(10);
/// A boot that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(1800);

/// Waits until `child` ends, or until its console shows `until`, which ends it. Gives its standard output and the console.
pub fn watch(
    mut child: Child,
    console: impl Fn() -> Option<PathBuf>,
    until: Option<&str>,
    session: &Session,
    label: &str,
) -> Result<(String, String), String> {
    let (begun, mut said) = (Instant::now(), Instant::now());
    let read = || {
        console()
            .and_then(|path| std::fs::read(path).ok())
            .map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    loop {
        let over = child.try_wait().map_err(|error| error.to_string())?.is_some();
        let seen = || until.is_some_and(|until| read().contains(until));
        if over || begun.elapsed() > LIMIT || seen() {
            break;
        }
        if said.elapsed() >= SAY {
            said = Instant::now();
            eprintln!(
                "clients: {label}: {} of {} ended, {:.0} s",
                ended(&read()),
                session.clients.len(),
                begun.elapsed().as_secs_f64()
            );
        }
        std::thread::sleep(POLL);
    }
    // It may have ended by itself.
    let _ = child.kill();
    let mut stdout = String::new();
    if let Some(mut out) = child.stdout.take() {
        // What is missing here shows as a result that cannot be read.
        let _ = out.read_to_string(&mut stdout);
    }
    child.wait().map_err(|error| error.to_string())?;
    let text = read();
    eprintln!(
        "clients: {label}: {} of {} ended after {:.0} s",
        ended(&text),
        session.clients.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok((stdout, text))
}
