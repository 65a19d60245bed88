//! `target/capisim/runs/<id>/`: what a run leaves behind.

use crate::error::Error;
use machine::engine::Branch;
use machine::{Record, Value};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Everything needed to run again: `bundle.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of this format.
    pub schema: u32,
    /// Version of the program.
    pub tool: String,
    /// Scenario as given: `scenario.toml` beside this file is its text.
    pub scenario: String,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Was it an interactive session?
    pub interactive: bool,
    /// Virtual nanoseconds between two looks at the host.
    pub slice_ns: u64,
    /// What the command line changed.
    pub cpus: Option<usize>,
    /// RAM as on the command line.
    pub memory: Option<String>,
    /// Kernel command line.
    pub cmdline: Option<String>,
    /// Units as on the command line; those in files do not replay.
    pub lun: Vec<String>,
    /// Variants of the adapters as on the command line.
    #[serde(default)]
    pub variant: Vec<String>,
    /// Draws as on the command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draw: Vec<String>,
    /// Kernel file.
    pub kernel: FileId,
    /// Build tree that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbuild: Option<PathBuf>,
    /// First file system that was given.
    pub initrd: Option<FileId>,
    /// Modules that were given.
    pub module: Vec<FileId>,
    /// Drivers: of two the first is old.
    pub driver: Vec<FileId>,
    /// Virtual nanoseconds at which the user left an interactive session.
    #[serde(default)]
    pub left_ns: Option<u64>,
    /// Input of an interactive session.
    #[serde(default)]
    pub input: Vec<Input>,
    /// State hash at the end of each run, in the order of the drivers.
    #[serde(default)]
    pub state_hash: Vec<String>,
    /// Hash of the first file system of each run, in the order of the drivers:
    /// our programs are in it.
    #[serde(default)]
    pub image: Vec<String>,
    /// How the run goes on beyond its branch point, if another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
}

/// A file and what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    /// Path.
    pub path: PathBuf,
    /// Hash.
    pub sha256: String,
}

impl FileId {
    /// Identifies a file.
    pub fn of(path: &Path) -> Result<FileId, Error> {
        let (sha256, _) = crate::artifacts::hash_file(path)?;
        FileId::known(path, &sha256)
    }
    /// Identifies a file that was read and hashed.
    pub fn known(path: &Path, sha256: &str) -> Result<FileId, Error> {
        let path = fs::canonicalize(path).map_err(Error::io(path, "find it"))?;
        Ok(FileId { path, sha256: sha256.to_owned() })
    }
    /// Refuses a file that has changed.
    pub fn verify(&self) -> Result<(), Error> {
        let (found, _) = crate::artifacts::hash_file(&self.path)?;
        if found == self.sha256 {
            return Ok(());
        }
        let (path, wanted) = (self.path.display(), &self.sha256);
        Err(Error::Environment(format!("{path}: changed since the run (sha256 {found}, recorded {wanted})")))
    }
}

/// Bytes typed at a virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Virtual nanoseconds.
    pub at_ns: u64,
    /// The bytes, in hexadecimal.
    pub hex: String,
}

impl Input {
    /// Bytes as they are recorded.
    pub fn new(at_ns: u64, bytes: &[u8]) -> Input {
        Input { at_ns, hex: bytes.iter().map(|b| format!("{b:02x}")).collect() }
    }
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let digit = |i: usize| self.hex.get(i..i + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        (0..self.hex.len()).step_by(2).filter_map(digit).collect()
    }
}

impl Bundle {
    /// Writes `bundle.toml`.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        let text = toml::to_string(self).map_err(|e| Error::Internal(e.to_string()))?;
        write(&dir.join("bundle.toml"), text.as_bytes())
    }
    /// Reads `bundle.toml`.
    pub fn load(dir: &Path) -> Result<Bundle, Error> {
        let path = dir.join("bundle.toml");
        let text = fs::read_to_string(&path).map_err(Error::io(&path, "read it"))?;
        toml::from_str(&text)
            .map_err(|e| Error::Environment(format!("{}: not a bundle: {e}", path.display())))
    }
}

/// Writes a file whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::io(path, "write it"))
}

/// A new folder for a run.
pub fn create(out: &Path, name: &str, seed: u64) -> Result<PathBuf, Error> {
    create_in(&out.join("runs"), name, seed)
}

/// A new folder in `runs`.
#[allow(clippy::disallowed_types, clippy::disallowed_methods)] // The program, unlike the model, knows the wall clock.
pub fn create_in(runs: &Path, name: &str, seed: u64) -> Result<PathBuf, Error> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let stem: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    fs::create_dir_all(runs).map_err(Error::io(runs, "create it"))?;
    for n in 0..1000 {
        let extra = if n == 0 { String::new() } else { format!("-{n}") };
        let dir = runs.join(format!("{stem}-{seed}-{}{extra}", stamp(now.as_secs())));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(&dir, "create it")(e)),
        }
    }
    Err(Error::Environment(format!("{}: too many runs in one second", runs.display())))
}

/// Removes the folder of a run that could not be done; what a bug of ours
/// left is kept for its report.
pub fn discard(dir: &Path, error: &Error) {
    if error.exit_code() != 4 {
        // If it cannot be removed either, the first error says enough.
        let _ = fs::remove_dir_all(dir);
    }
}

/// `20260101T120000Z`.
fn stamp(secs: u64) -> String {
    let (days, rest) = ((secs / 86400) as i64, secs % 86400);
    // Civil date from days since 1970 (H. Hinnant, chrono-compatible date algorithms).
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Files a run writes while it goes.
#[derive(Debug)]
pub struct Logs {
    console: BufWriter<File>,
    events: BufWriter<File>,
}

impl Logs {
    /// Creates `console.log` and `events.jsonl` in `dir`.
    pub fn create(dir: &Path) -> Result<Logs, Error> {
        fs::create_dir_all(dir).map_err(Error::io(dir, "create it"))?;
        let open = |name: &str| {
            let path = dir.join(name);
            File::create(&path).map(BufWriter::new).map_err(Error::io(&path, "create it"))
        };
        Ok(Logs { console: open("console.log")?, events: open("events.jsonl")? })
    }
    /// Console output. A full disk must not end a run: the result still comes.
    pub fn console(&mut self, bytes: &[u8]) {
        let _ = self.console.write_all(bytes);
    }
    /// An event.
    pub fn event(&mut self, record: &Record) {
        self.line(&json_line(record));
    }
    /// An event that is a line already.
    pub fn line(&mut self, line: &str) {
        let _ = writeln!(self.events, "{line}");
    }
}

/// A record as one line of JSON.
pub fn json_line(record: &Record) -> String {
    let mut object = serde_json::Map::new();
    object.insert("at_ns".into(), record.at.0.into());
    object.insert("device".into(), record.device.into());
    object.insert("record".into(), record.kind.into());
    for (name, value) in &record.fields {
        let value = match value {
            Value::U64(n) => (*n).into(),
            Value::Text(t) => t.as_str().into(),
        };
        object.insert((*name).into(), value);
    }
    serde_json::Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(951_782_400), "20000229T000000Z");
        assert_eq!(stamp(1_767_225_599), "20251231T235959Z");
    }

    #[test]
    fn input_survives() {
        assert_eq!(Input::new(5, b"ls\n\xff").bytes(), b"ls\n\xff");
        assert_eq!(Input { at_ns: 0, hex: "6g7".into() }.bytes(), b"");
    }
}
