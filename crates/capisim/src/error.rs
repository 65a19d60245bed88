//! Errors of the program and their exit codes (product.md).

use crate::artifacts::ArtifactsError;
use crate::initramfs::ImageError;
use std::path::{Path, PathBuf};

/// Why a command could not be done. Each text names the thing and the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A scenario has mistakes; they are already rendered.
    #[error("{0}")]
    Scenario(String),
    /// Something this host lacks.
    #[error("{0}")]
    Environment(String),
    /// The cache of guest artifacts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// A module or a program for the guest.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The kernel image.
    #[error("{}: {source}", .path.display())]
    Kernel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: machine::KernelError,
    },
    /// The machine could not be built.
    #[error(transparent)]
    Build(#[from] machine::BuildError),
    /// A file could not be read or written.
    #[error("{}: cannot {what}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Two runs of the same inputs differ.
    #[error("not deterministic: {0}")]
    Nondeterminism(String),
    /// A bug of ours.
    #[error("internal error: {0}; please report it with the line above that starts with `seed`")]
    Internal(String),
}

impl Error {
    /// For `map_err`: what was tried with which file.
    pub fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { path, what, source }
    }
    /// Exit code: 2 usage or scenario, 4 internal, 5 environment.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Usage(_) | Error::Scenario(_) => 2,
            Error::Nondeterminism(_) | Error::Internal(_) => 4,
            Error::Build(machine::BuildError::Cpus(_)) => 2,
            _ => 5,
        }
    }
}
