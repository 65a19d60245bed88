//! OPAL at a high level: one table of calls, from which dispatch,
//! CHECK_TOKEN and documentation come.

mod console;
mod eeh;
mod irq;
mod pci;
mod system;
mod table;

pub use table::{CALLS, Call, Need};

use crate::platform::Platform;
use crate::world::World;
use fabric::memory::Store;
use fabric::{Record, Value};

/// Return codes (OPAL API).
pub mod rc {
    /// Done.
    pub const SUCCESS: i64 = 0;
    /// An argument is nonsense.
    pub const PARAMETER: i64 = -1;
    /// The device is closed or gone.
    pub const CLOSED: i64 = -5;
    /// The hardware did not answer.
    pub const HARDWARE: i64 = -6;
    /// No such call.
    pub const UNSUPPORTED: i64 = -7;
    /// Nothing (left) to give.
    pub const RESOURCE: i64 = -10;
    /// Not in this state.
    pub const WRONG_STATE: i64 = -14;
}

/// What the guest's pointers are masked with: they are linear-map addresses
/// as often as real ones.
const REAL: u64 = 0x0fff_ffff_ffff_ffff;

/// Kinds of reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RebootKind {
    /// CEC_REBOOT, and REBOOT2 type 0.
    Normal,
    /// REBOOT2 type 1: the kernel met a fatal platform error.
    PlatformError,
    /// REBOOT2 type 2.
    Full,
    /// REBOOT2 type 3: memory-preserving.
    Mpipl,
    /// REBOOT2 type 4.
    Fast,
}

/// What the machine must do because of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a CPU: real mode, MSR SF and HV, r3 = hwid, at `pa`.
    StartCpu {
        /// Its hardware id.
        hwid: u32,
        /// Where it begins.
        pa: u64,
    },
    /// The calling CPU goes back to firmware and does not run until started.
    ReturnCpu,
    /// Set HILE of all CPUs: interrupts are taken in little-endian mode.
    SetHile(bool),
    /// The nest MMU walks from this PTCR.
    SetPtcr(u64),
    /// Power off.
    PowerOff,
    /// Reboot.
    Reboot {
        /// What kind.
        kind: RebootKind,
    },
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpalReturn {
    /// For r3.
    pub rc: i64,
    /// What the machine has to do besides.
    pub action: Option<Action>,
}

/// One call being answered.
struct Cl<'a, 'w> {
    p: &'a mut Platform,
    cpu: usize,
    args: [u64; 8],
    world: &'a mut World<'w>,
    action: Option<Action>,
}

impl Cl<'_, '_> {
    /// Stores through an out-pointer of the guest; NULL and what lies
    /// outside memory are a bad parameter.
    fn store<const N: usize>(&mut self, pointer: u64, bytes: [u8; N]) -> i64 {
        let ra = pointer & REAL;
        match if ra == 0 { Store::Outside } else { self.world.mem.write(ra, bytes) } {
            Store::Outside => rc::PARAMETER,
            Store::Done | Store::CodeChanged => rc::SUCCESS,
        }
    }
    /// Stores `bytes` of any length.
    fn store_bytes(&mut self, pointer: u64, bytes: &[u8]) -> i64 {
        let ra = pointer & REAL;
        match if ra == 0 { Store::Outside } else { self.world.mem.write_bytes(ra, bytes) } {
            Store::Outside => rc::PARAMETER,
            Store::Done | Store::CodeChanged => rc::SUCCESS,
        }
    }
    /// Loads a 64-bit in-out parameter.
    fn load64(&self, pointer: u64) -> Option<u64> {
        let ra = pointer & REAL;
        if ra == 0 { None } else { self.world.mem.read_be64(ra) }
    }
    /// The argument as a small number.
    fn narrow<T: TryFrom<u64>>(&self, n: usize) -> Option<T> {
        T::try_from(self.args[n]).ok()
    }
}

/// The first of several results that is not success.
fn first_error(results: &[i64]) -> i64 {
    results.iter().copied().find(|&r| r != rc::SUCCESS).unwrap_or(rc::SUCCESS)
}

impl Platform {
    /// Answers the call `token` of CPU `cpu` (its index) with r3..r10.
    pub fn opal_call(&mut self, cpu: usize, token: u64, args: [u64; 8], world: &mut World<'_>) -> OpalReturn {
        *self.calls.entry(token.min(table::LAST + 1)).or_insert(0) += 1;
        let Some((row, handler)) = table::find(token) else {
            if token <= table::LAST {
                note(world, token, table::name(token), &args, rc::UNSUPPORTED);
            }
            return OpalReturn { rc: rc::UNSUPPORTED, action: None };
        };
        for phb in &mut self.phbs {
            // A link that came up since is up before the call is answered.
            phb.tell_dma(world);
        }
        let mut call = Cl { p: self, cpu, args, world: &mut *world, action: None };
        let rc = handler(&mut call);
        let action = call.action;
        for n in 0..self.phbs.len() {
            self.settle(n, world);
        }
        self.tell_events();
        if !row.chatty {
            note(world, token, row.name, &args, rc);
        }
        OpalReturn { rc, action }
    }
}

fn note(world: &mut World<'_>, token: u64, name: &str, args: &[u64; 8], rc: i64) {
    let mut fields = vec![("call", Value::from(name)), ("token", Value::U64(token))];
    let names = ["a0", "a1", "a2", "a3", "a4", "a5"];
    fields.extend(names.into_iter().zip(args).map(|(n, &a)| (n, Value::U64(a))));
    fields.push(("rc", Value::U64(rc as u64)));
    // CPU calls belong to no device: index 0 is the machine's.
    world.trace.push(Record { at: world.now, device: 0, kind: "opal", fields });
}
