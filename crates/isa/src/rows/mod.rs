//! The table. One file per group; each defines a macro that hands its rows
//! to a callback macro: `rows_fixed!(cb)` expands to `cb! { Fixed; rows }`.

#[macro_use]
mod branch;
#[macro_use]
mod fixed;
#[macro_use]
mod float;
#[macro_use]
mod ldst;
#[macro_use]
mod system;
#[macro_use]
mod vmx;
#[macro_use]
mod vsx;
