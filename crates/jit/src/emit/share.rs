//! Accesses near one another share a probe.
//!
//! The first of them probes for all: it looks whether every byte from the
//! lowest to the highest lies in one page that the view knows, and keeps where
//! its own bytes are in the host. The others then need no probe at all.
//!
//! What the first found holds until a function is called, which may change the
//! views. So while somebody still relies on it, the way back from a call leads
//! out of the block, and the next one probes anew.

use super::regs::{self, NUMBERS};
use super::{Block, Op, Use};
use isa::Group;

/// Most addresses that are kept at once.
pub const SHARED: usize = regs::SHARED.end - regs::SHARED.start;
/// Most bytes that one probe may stand for.
const REACH: i64 = 1024;

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Load,
    Store,
    /// larx. It probes for the stcx. to the same place too, if that follows.
    Reserve,
    /// stcx.
    Conditional,
}

/// An access of `len` bytes at GPR `base` and a displacement.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// `None`: the address is made otherwise.
    pub base: Option<usize>,
    pub displacement: i32,
    pub len: i32,
    pub kind: Kind,
}

/// What an access does about its probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    Alone,
    /// Probes for bytes `from` to `to` (exclusive), counted from its own address, and
    /// keeps in register `number` where that is.
    First { number: usize, from: i32, to: i32 },
    /// A larx that probes for a store, and keeps in register `number` where that is. Control
    /// may leave before the stcx. if `observed`; else nobody sees the reservation.
    Reserve { number: usize, observed: bool },
    /// Finds its bytes `at` bytes behind where `number` leads.
    Again { number: usize, at: i32 },
}

/// The roles of a block's instructions.
#[derive(Clone, Default)]
pub struct Plan {
    roles: Vec<Role>,
    /// One bit for each instruction behind which a kept address is still needed.
    live: u64,
}

/// A value as a sum: what some register held at some time, and a constant.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sum {
    root: u32,
    plus: i64,
}

/// Accesses that may share a probe.
struct Party {
    root: u32,
    kind: Kind,
    /// Instruction and distance from the first one's address.
    members: Vec<(usize, i64)>,
    plus: i64,
    low: i64,
    high: i64,
    open: bool,
}

impl Party {
    /// The stcx. to the same place: nothing else can have a reservation.
    fn concludes(&mut self, index: usize, at: Sum, access: &Access) -> bool {
        let fits =
            self.open && (self.root, self.plus, self.high) == (at.root, at.plus, i64::from(access.len));
        if fits {
            self.members.push((index, 0));
        }
        fits
    }
    fn admit(&mut self, index: usize, at: Sum, access: &Access) -> bool {
        let from = at.plus.wrapping_sub(self.plus);
        let (low, high) = (self.low.min(from), self.high.max(from.saturating_add(i64::from(access.len))));
        let fits = self.open
            && (self.root, self.kind) == (at.root, access.kind)
            && high.checked_sub(low).is_some_and(|bytes| bytes <= REACH);
        if fits {
            (self.low, self.high) = (low, high);
            self.members.push((index, from));
        }
        fits
    }
    fn first(&self) -> usize {
        self.members[0].0
    }
    fn last(&self) -> usize {
        self.members[self.members.len() - 1].0
    }
}

/// Gone through from the first instruction to the last.
struct Scan {
    sums: [Sum; 32],
    roots: u32,
    /// Instructions, one bit each, that a branch leads to.
    reached: u64,
    parties: Vec<Party>,
}

impl Scan {
    fn unknown(&mut self, gprs: u64) {
        for gpr in regs::bits(gprs & 0xFFFF_FFFF) {
            self.sums[gpr] = Sum { root: self.roots, plus: 0 };
            self.roots += 1;
        }
    }
    fn close(&mut self, which: impl Fn(&Party) -> bool) {
        self.parties.iter_mut().filter(|party| which(party)).for_each(|party| party.open = false);
    }
    /// Control may come to instruction `to` from branches before it.
    fn join(&mut self, ops: &[Op], uses: &[Use], to: usize) {
        if self.reached >> to & 1 == 0 {
            return;
        }
        let leads = |op: &Op| op.way.forward == Some(ops[to].offset);
        let Some(from) = ops[..to].iter().position(leads) else { return };
        let skipped = &uses[from + 1..to];
        self.unknown(skipped.iter().fold(0, |all, using| all | using.writes));
        self.close(|party| party.first() > from);
    }
    fn access(&mut self, index: usize, access: &Access) {
        let base = access.base.map_or(Sum { root: self.roots, plus: 0 }, |base| self.sums[base]);
        self.roots += 1;
        let at = Sum { plus: base.plus.wrapping_add(i64::from(access.displacement)), ..base };
        let shares = match access.kind {
            Kind::Reserve => false,
            Kind::Conditional => {
                let mut reserves = self.parties.iter_mut().filter(|party| party.kind == Kind::Reserve);
                reserves.any(|party| party.concludes(index, at, access))
            }
            _ => self.parties.iter_mut().any(|party| party.admit(index, at, access)),
        };
        if matches!(access.kind, Kind::Reserve | Kind::Conditional) {
            self.close(|party| party.kind == Kind::Reserve);
        }
        if shares || access.kind == Kind::Conditional {
            return;
        }
        // What is no longer within reach will hardly be again.
        self.close(|party| (party.root, party.kind) == (at.root, access.kind));
        self.parties.push(Party {
            root: at.root,
            kind: access.kind,
            members: vec![(index, 0)],
            plus: at.plus,
            low: 0,
            high: i64::from(access.len),
            open: true,
        });
    }
    fn step(&mut self, index: usize, op: &Op, using: &Use) {
        if let Some(access) = &using.access {
            self.access(index, access);
        }
        let row = isa::rows()[op.id.0 as usize];
        let moves = matches!(row.name, "mfspr" | "mtspr");
        if using.call || row.group == Group::System && !moves {
            self.close(|_| true);
            self.unknown(u64::MAX);
            return;
        }
        let derived = using.derived.map(|(gpr, from, plus)| {
            let sum = self.sums[from];
            (gpr, Sum { plus: sum.plus.wrapping_add(i64::from(plus)), ..sum })
        });
        self.unknown(using.writes);
        if let Some((gpr, sum)) = derived {
            self.sums[gpr] = sum;
        }
    }
}

fn reached(ops: &[Op]) -> u64 {
    let place = |to| ops.binary_search_by_key(&to, |op| op.offset).ok();
    ops.iter().filter_map(|op| place(op.way.forward?)).fold(0, |all, at| all | 1 << at)
}

/// Which accesses of a block share probes, as a first pass over it saw them.
pub fn plan(ops: &[Op], uses: &[Use]) -> Plan {
    let sums = std::array::from_fn(|gpr| Sum { root: gpr as u32, plus: 0 });
    let mut scan = Scan { sums, roots: 32, reached: reached(ops), parties: vec![] };
    for (index, (op, using)) in ops.iter().zip(uses).enumerate() {
        scan.join(ops, uses, index);
        scan.step(index, op, using);
    }
    let mut plan = Plan { roles: vec![Role::Alone; ops.len()], live: 0 };
    // The last instruction that needs each number.
    let mut taken = [0; SHARED];
    for party in scan.parties.iter().filter(|party| party.members.len() > 1) {
        let Some(free) = taken.iter().position(|last| *last <= party.first()) else { continue };
        taken[free] = party.last() + 1;
        plan.admit(party, uses, regs::SHARED.start + free);
    }
    plan
}

impl Plan {
    /// Nothing is shared.
    pub const fn nothing() -> Plan {
        Plan { roles: vec![], live: 0 }
    }
    fn admit(&mut self, party: &Party, uses: &[Use], number: usize) {
        let (from, to) = (party.low as i32, party.high as i32);
        for &(index, at) in &party.members {
            self.roles[index] = Role::Again { number, at: at as i32 };
        }
        let observed = uses[party.first() + 1..party.last()].iter().any(|using| using.leaves);
        self.roles[party.first()] = match party.kind {
            Kind::Reserve => Role::Reserve { number, observed },
            _ => Role::First { number, from, to },
        };
        self.live |= (party.first()..party.last()).fold(0, |live, index| live | 1 << index);
    }
    /// The role of an instruction.
    pub fn role(&self, index: usize) -> Role {
        self.roles.get(index).copied().unwrap_or_default()
    }
    /// Whether something is kept from this instruction to the next.
    pub fn is_live(&self, index: usize) -> bool {
        self.live >> index & 1 != 0
    }
    /// Notes what the numbers are used for.
    pub fn note(&self, uses: &mut [Use]) {
        for (using, role) in uses.iter_mut().zip(&self.roles) {
            match role {
                Role::Alone => {}
                Role::First { number, .. } | Role::Reserve { number, .. } => using.writes |= 1 << number,
                Role::Again { number, .. } => using.reads |= 1 << number,
            }
        }
    }
}

impl Block<'_> {
    /// The role of the instruction being emitted, which makes `access`.
    pub(super) fn role(&mut self, access: Access) -> Role {
        self.access = Some(access);
        self.plan().role(self.index)
    }
    /// GPR `gpr` takes GPR `from` plus a constant.
    pub(super) fn derives(&mut self, gpr: usize, from: usize, plus: i32) {
        self.derived = Some((gpr, from, plus));
    }
    /// Gives up what is not needed behind this instruction.
    pub(super) fn end_shares(&mut self) {
        if !self.plan().is_live(self.index) {
            self.regs.forget(regs::SHARED.fold(0, |all, number| all | 1 << number));
        }
    }
}

const _: () = assert!(regs::SHARED.end == NUMBERS && NUMBERS < 64 && super::LONGEST <= 64);
