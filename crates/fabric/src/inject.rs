//! Fault injection: a model asks at named points whether to misbehave.

use crate::time::Ticks;
use serde::{Deserialize, Serialize};

/// A place and moment at which a fault may be injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point<'a> {
    /// Name of the point, for example `afu-command`.
    pub name: &'static str,
    /// What is happening, for example `afu-sync`.
    pub kind: &'a str,
    /// Details, with the names a scenario uses.
    pub fields: &'a [(&'static str, u64)],
}

/// What the scenario wants done at a [`Point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Finish the operation this much later.
    Hold(Ticks),
    /// Never finish it.
    Drop,
    /// Finish it with this error code; its meaning is the point's.
    Fail(u64),
    /// Finish it with this value in place of the right one.
    Value(u64),
}

/// Something that goes wrong by itself, not in an operation of the guest's:
/// a link that drops, a power failure, an interrupt that nothing asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mishap<'a> {
    /// Its name in the table of faults, or a part of it.
    pub name: &'a str,
    /// Details, with the names a scenario uses.
    pub fields: &'a [(&'a str, u64)],
}

impl Mishap<'_> {
    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }
}

/// Why a [`Mishap`] did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The model knows no such thing.
    #[error("it cannot do `{0}`")]
    Unknown(String),
    /// It knows it, and it cannot happen now.
    #[error("it cannot happen now: {0}")]
    NotNow(&'static str),
    /// A field is missing or out of range.
    #[error("`{field}`: {must}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

/// Decides about faults; the scenario engine implements it.
pub trait Injector {
    /// Asked once for each occurrence of a point.
    fn at(&mut self, now: Ticks, point: &Point<'_>) -> Option<Effect>;
}

/// Injects nothing.
pub struct NoInjection;

impl Injector for NoInjection {
    fn at(&mut self, _now: Ticks, _point: &Point<'_>) -> Option<Effect> {
        None
    }
}
