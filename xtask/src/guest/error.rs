//! What can go wrong while artifacts are prepared. Every text names the thing and the reason, every help the cure.

use std::path::PathBuf;

use capisim::artifacts::ArtifactsError;
use miette::Diagnostic;

pub type Result<T> = std::result::Result<T, GuestError>;

/// The cure that always works, on any host.
const BY_HAND: &str =
    "or do without: give your own files to `capisim` with --kernel, --module, --initrd and --driver";

#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GuestError {
    #[error("cannot prepare guest artifacts here: the program `{program}` is missing")]
    #[diagnostic(help("{cure}; {BY_HAND}"))]
    NoProgram { program: String, cure: &'static str },

    #[error("no package source for suite `{suite}`: {reason}")]
    #[diagnostic(help(
        "give the mirror's address with --mirror or CAPISIM_MIRROR, and its keyring with --keyring or CAPISIM_KEYRING; \
         {BY_HAND}"
    ))]
    NoSource { suite: String, reason: String },

    #[error("cannot fetch the package index of suite `{suite}` ({architecture}): {reason}")]
    #[diagnostic(help(
        "check the network, the proxy (http_proxy) and the address of the mirror (--mirror), then run the same command again; \
         {BY_HAND}"
    ))]
    Index { suite: String, architecture: String, reason: String },

    #[error("cannot download packages: {reason}")]
    #[diagnostic(help(
        "run the same command again: what has arrived is kept; after a change of the archive add --force"
    ))]
    Download { reason: String },

    #[error("offline, and {what} is not in the cache")]
    #[diagnostic(help("run the same command once without --offline; {BY_HAND}"))]
    Offline { what: String },

    #[error("suite `{suite}` has no package `{package}` for {architecture}")]
    #[diagnostic(help("{cure}"))]
    NoPackage { suite: String, package: String, architecture: String, cure: &'static str },

    #[error("package `{package}` does not contain {what}")]
    #[diagnostic(help(
        "kernels from 6.15 on have neither cxl nor cxlflash, and other packages may be laid out anew: choose another --suite or \
         --kernel-version"
    ))]
    Contents { package: String, what: String },

    #[error("{}: cannot {what}: {source}", .path.display())]
    #[diagnostic(help(
        "check the free space and the permissions of the cache folder, or set XDG_CACHE_HOME to another one"
    ))]
    Io { path: PathBuf, what: &'static str, source: std::io::Error },

    #[error("`{command}` failed ({status}):\n{output}")]
    #[diagnostic(help("the text above is the program's own; --force starts from clean copies"))]
    Command { command: String, status: String, output: String },

    #[error("{}: cannot make the pre-fix driver: {reason}", .path.display())]
    #[diagnostic(help(
        "this driver source is not one whose get_context() we know; choose another --kernel-version"
    ))]
    Transform { path: PathBuf, reason: String },

    #[error("{}: cannot make the mutant `{name}`: {reason}", .path.display())]
    #[diagnostic(help(
        "this kernel's source is another one: choose the new text for the mutant's row in xtask/src/mutants/table.rs, or another \
         --kernel-version"
    ))]
    Mutant { name: &'static str, path: PathBuf, reason: String },

    #[error(
        "the rebuilt driver differs from the stock one in {section}: {reason}. A pre-fix driver built the same way would differ in \
         more than the lock"
    )]
    #[diagnostic(help(
        "compiler, headers and source must be of the kernel's own version; --force fetches them all anew"
    ))]
    NotPristine { section: String, reason: String },

    #[error("{}: {reason}", .path.display())]
    #[diagnostic(help("the file was just made by the cross compiler; --force makes it anew"))]
    Object { path: PathBuf, reason: String },

    #[error("{}: no kernel was built here: {reason}", .path.display())]
    #[diagnostic(help("give the folder of `make O=DIR … vmlinux modules`"))]
    Tree { path: PathBuf, reason: String },

    #[error("guest program `{name}` does not compile:\n{output}")]
    #[diagnostic(help("the sources are in firmware/{name}"))]
    Program { name: String, output: String },

    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),

    #[error(transparent)]
    Image(#[from] capisim::initramfs::ImageError),
}

impl GuestError {
    /// Exit code of the process: 5 is "the environment lacks something", which all of these are, but for our own sources (4).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program { .. } => 4,
            _ => 5,
        }
    }

    /// For `map_err` on file operations.
    pub fn io(path: impl Into<PathBuf>, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, what, source }
    }
}
