//! What executes the guest's instructions: the interpreter, or with it the
//! translator of hot code (crate `jit`). No part of a run's identity: states,
//! records and reports are the same with either, to the bit.

use cpu::CodeCache;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// An executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// The interpreter alone.
    Interpreter,
    /// Hot code is translated to host code.
    #[cfg(feature = "jit")]
    Jit(jit::Threshold),
}

#[cfg(feature = "jit")]
pub use jit::Threshold;

static CHOSEN: OnceLock<Executor> = OnceLock::new();

/// Machines built from now on use `executor`, unless one was built or chosen
/// for before; false then.
pub fn choose(executor: Executor) -> bool {
    *CHOSEN.get_or_init(|| executor) == executor
}

/// What machines use.
pub fn chosen() -> Executor {
    *CHOSEN.get_or_init(Executor::default)
}

impl Default for Executor {
    /// The fastest that this build has.
    fn default() -> Executor {
        #[cfg(feature = "jit")]
        return Executor::Jit(Threshold::default());
        #[cfg(not(feature = "jit"))]
        Executor::Interpreter
    }
}

impl Executor {
    /// Whether this host can; else the interpreter does it all.
    pub fn available(self) -> bool {
        match self {
            Executor::Interpreter => true,
            #[cfg(feature = "jit")]
            Executor::Jit(threshold) => jit::translator(threshold).is_some(),
        }
    }
    /// What does the work on this host: the interpreter, if this is not available.
    pub fn effective(self) -> Executor {
        if self.available() { self } else { Executor::Interpreter }
    }
    /// An empty cache of decoded code for it.
    pub fn code_cache(self) -> CodeCache {
        #[allow(unused_mut, reason = "without the feature nothing is set")]
        let mut code = CodeCache::new();
        match self {
            Executor::Interpreter => {}
            #[cfg(feature = "jit")]
            Executor::Jit(threshold) => code.set_translator(jit::translator(threshold)),
        }
        code
    }
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Executor::Interpreter => f.write_str("interpreter"),
            #[cfg(feature = "jit")]
            Executor::Jit(Threshold::Times(times)) => write!(f, "jit:{times}"),
            #[cfg(feature = "jit")]
            Executor::Jit(Threshold::Drawn(seed)) => write!(f, "jit:seed={seed}"),
        }
    }
}

impl FromStr for Executor {
    type Err = String;
    /// `interpreter`, `jit`, `jit:N` (translate what is executed N times, 0 to
    /// 255) or `jit:seed=N` (after numbers of times drawn from the seed).
    fn from_str(text: &str) -> Result<Executor, String> {
        if text == "interpreter" {
            return Ok(Executor::Interpreter);
        }
        #[cfg(feature = "jit")]
        if let Some(rest) = text.strip_prefix("jit") {
            let threshold = match rest.strip_prefix(':') {
                None if rest.is_empty() => Some(Threshold::default()),
                None => None,
                Some(rest) => match rest.strip_prefix("seed=") {
                    Some(seed) => seed.parse().ok().map(Threshold::Drawn),
                    None => rest.parse().ok().map(Threshold::Times),
                },
            };
            return threshold
                .map(Executor::Jit)
                .ok_or_else(|| format!("`{text}` is not jit, jit:TIMES or jit:seed=N"));
        }
        Err(format!("this build has no executor `{text}`; `interpreter` is always there"))
    }
}
