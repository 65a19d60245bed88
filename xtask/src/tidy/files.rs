//! The text files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::test::cargo::root;

/// One text file.
pub struct File {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

impl File {
    /// Whether the path ends like this.
    pub fn is(&self, suffix: &str) -> bool {
        self.path.ends_with(suffix)
    }
}

/// Every text file outside `target` and hidden folders but `.ci` and `.cargo`.
pub fn tracked() -> Result<Vec<File>, String> {
    let mut found = vec![];
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
            if hidden || name == "target" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push(File { path: relative(&path), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn relative(path: &Path) -> String {
    let rest: PathBuf = path.strip_prefix(root()).unwrap_or(path).to_owned();
    rest.to_string_lossy().replace('\\', "/")
}
