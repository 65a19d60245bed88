//! Fault injection: a model asks at named points whether to misbehave.

use crate::time::Ticks;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Finish the operation this much later.
    Hold(Ticks),
    /// Never finish it.
    Drop,
    /// Finish it with this error code; its meaning is the point's.
    Fail(u64),
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
