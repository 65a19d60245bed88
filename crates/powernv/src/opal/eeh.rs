//! Frozen PEs, errors, resets.

use super::{Cl, first_error, rc};
use crate::map;
use crate::phb::{Armed, FREEZE_ALL};

const ERROR_NONE: u16 = 0;
const ERROR_PHB: u16 = 2;
const ERROR_PE: u16 = 3;

/// (phb, pe, &u8 state, &be16 error, NULL). The state is the freeze bits.
pub(super) fn freeze_status(c: &mut Cl<'_, '_>) -> i64 {
    let [_, _, to_state, to_error, ..] = c.args;
    let Some(pe) = c.pe(1) else { return rc::PARAMETER };
    let Some((phb, _)) = c.phb() else { return rc::PARAMETER };
    let (state, error) = match phb.errors.frozen(pe) {
        _ if phb.errors.fenced => (FREEZE_ALL, ERROR_PHB),
        0 => (0, ERROR_NONE),
        bits => (bits, ERROR_PE),
    };
    first_error(&[c.store(to_state, [state]), c.store(to_error, error.to_be_bytes())])
}

fn action(c: &Cl<'_, '_>) -> Option<(u16, u8)> {
    let bits = c.narrow(2).filter(|bits| (1..=FREEZE_ALL).contains(bits))?;
    Some((c.pe(1)?, bits))
}

/// (phb, pe, 1 MMIO / 2 DMA / 3 both).
pub(super) fn freeze_clear(c: &mut Cl<'_, '_>) -> i64 {
    let Some((pe, bits)) = action(c) else { return rc::PARAMETER };
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    if phb.errors.fenced {
        return rc::HARDWARE;
    }
    phb.thaw(pe, bits, world);
    rc::SUCCESS
}

/// (phb, pe, 1 MMIO / 2 DMA / 3 both): no event follows. A fenced bridge
/// takes it too: Linux freezes the adapter's PE once more on its way through
/// the reset of the bridge, and firmware does not complain there.
pub(super) fn freeze_set(c: &mut Cl<'_, '_>) -> i64 {
    let Some((pe, bits)) = action(c) else { return rc::PARAMETER };
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    phb.set_frozen(pe, bits, true, world);
    rc::SUCCESS
}

/// (phb, &be64 pe, &be16 type, &be16 severity).
pub(super) fn next_error(c: &mut Cl<'_, '_>) -> i64 {
    let [_, to_pe, to_kind, to_severity, ..] = c.args;
    // An error is not taken for a bad pointer.
    let zeroes = [c.store(to_pe, [0; 8]), c.store(to_kind, [0; 2]), c.store(to_severity, [0; 2])];
    let Some((phb, _)) = c.phb() else { return rc::PARAMETER };
    if first_error(&zeroes) != rc::SUCCESS {
        return rc::PARAMETER;
    }
    let (pe, kind, severity) = phb.errors.take_next().unwrap_or((u64::MAX, ERROR_NONE, 0));
    first_error(&[
        c.store(to_pe, pe.to_be_bytes()),
        c.store(to_kind, kind.to_be_bytes()),
        c.store(to_severity, severity.to_be_bytes()),
    ])
}

/// (phb, buffer, length).
pub(super) fn get_phb_diag_data2(c: &mut Cl<'_, '_>) -> i64 {
    let [_, buffer, length, ..] = c.args;
    let Some((phb, _)) = c.phb() else { return rc::PARAMETER };
    if length < map::DIAG_BYTES as u64 {
        return rc::PARAMETER;
    }
    let data = phb.diag_data();
    c.store_bytes(buffer, &data)
}

/// (phb, pe, type 0 32-bit / 1 64-bit, function, address, mask).
pub(super) fn err_inject(c: &mut Cl<'_, '_>) -> i64 {
    const FUNCTIONS: u8 = 20;
    let [_, _, kind, _, address, mask, ..] = c.args;
    let (Some(pe), Some(function)) = (c.pe(1), c.narrow(3)) else { return rc::PARAMETER };
    if kind > 1 || function >= FUNCTIONS {
        return rc::PARAMETER;
    }
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    phb.arm(Armed { pe, function, address, mask }, world);
    rc::SUCCESS
}

/// A slot id has bit 63 set and the bridge in its low half-word.
fn slot_to_phb(c: &mut Cl<'_, '_>) {
    const SLOT: u64 = 1 << 63;
    if c.args[0] & SLOT != 0 {
        c.args[0] &= 0xffff;
    }
}

/// (phb or slot, scope, 1 assert / 0 deassert): milliseconds to wait.
pub(super) fn reset(c: &mut Cl<'_, '_>) -> i64 {
    const COMPLETE: u64 = 1;
    const LINK: u64 = 2;
    const ERROR: u64 = 3;
    const HOT: u64 = 4;
    const FUNDAMENTAL: u64 = 5;
    const TABLES: u64 = 6;
    slot_to_phb(c);
    let [_, scope, assert, ..] = c.args;
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    match (scope, assert) {
        (COMPLETE | LINK | HOT | FUNDAMENTAL, 1) if phb.errors.resets_fail() => rc::HARDWARE,
        (COMPLETE, 1) => phb.complete_reset(world),
        (LINK | HOT | FUNDAMENTAL, 1) if phb.errors.fenced => rc::HARDWARE,
        (LINK | HOT, 1) => phb.hot_reset(world),
        (FUNDAMENTAL, 1) => phb.fundamental_reset(world),
        (COMPLETE | LINK | HOT | FUNDAMENTAL, 0) => phb.deassert_reset(world),
        (TABLES, 1) => {
            phb.reset_tables();
            rc::SUCCESS
        }
        (ERROR | TABLES, _) => rc::SUCCESS,
        _ => rc::PARAMETER,
    }
}

/// (phb or slot): milliseconds to wait, 0 when done.
pub(super) fn poll(c: &mut Cl<'_, '_>) -> i64 {
    slot_to_phb(c);
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    phb.link.wait_ms(world.now)
}

/// (phb, 1000, bdfn): nothing is left to do after a reset.
pub(super) fn reinit(c: &mut Cl<'_, '_>) -> i64 {
    if c.phb().is_some() { rc::SUCCESS } else { rc::PARAMETER }
}
