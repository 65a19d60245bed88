//! Interrupts, events and messages.

use super::{Cl, first_error, rc};
use crate::map;

/// (&mask or NULL).
pub(super) fn poll_events(c: &mut Cl<'_, '_>) -> i64 {
    let events = c.p.events();
    if c.args[0] == 0 { rc::SUCCESS } else { c.store(c.args[0], events.to_be_bytes()) }
}

/// (hwirq, &mask): drops OPAL's interrupt line; the events stay.
pub(super) fn handle_interrupt(c: &mut Cl<'_, '_>) -> i64 {
    if c.args[0] != u64::from(map::OPAL_LSI) {
        return rc::PARAMETER;
    }
    c.p.xics.set_level(map::OPAL_LSI, false);
    let events = c.p.events();
    if c.args[1] == 0 { rc::SUCCESS } else { c.store(c.args[1], events.to_be_bytes()) }
}

/// (buffer, size): be32 type, be32 0, eight be64 parameters.
pub(super) fn get_msg(c: &mut Cl<'_, '_>) -> i64 {
    const BYTES: usize = 72;
    let [buffer, size, ..] = c.args;
    let Some(message) = c.p.messages.front() else { return rc::RESOURCE };
    if size < BYTES as u64 {
        return rc::PARAMETER;
    }
    let mut bytes = vec![0; 8];
    bytes[..4].copy_from_slice(&message.kind.to_be_bytes());
    bytes.extend(message.params.iter().flat_map(|p| p.to_be_bytes()));
    let result = c.store_bytes(buffer, &bytes);
    if result == rc::SUCCESS {
        c.p.messages.pop_front();
    }
    result
}

/// (irq, server, priority).
pub(super) fn set_xive(c: &mut Cl<'_, '_>) -> i64 {
    let (Some(irq), Some(priority)) = (c.narrow(0), c.narrow(2)) else { return rc::PARAMETER };
    if c.p.xics.set_xive(irq, c.args[1], priority) { rc::SUCCESS } else { rc::PARAMETER }
}

/// (irq, &be16 server, &u8 priority): what was set.
pub(super) fn get_xive(c: &mut Cl<'_, '_>) -> i64 {
    let Some((server, priority)) = c.narrow(0).and_then(|irq| c.p.xics.get_xive(irq)) else {
        return rc::PARAMETER;
    };
    let stores = [c.store(c.args[1], server.to_be_bytes()), c.store(c.args[2], [priority])];
    first_error(&stores)
}

/// (&be32 xirr, just_poll).
pub(super) fn int_get_xirr(c: &mut Cl<'_, '_>) -> i64 {
    // The store comes first: an interrupt is not taken for a bad pointer.
    if c.store(c.args[0], [0; 4]) != rc::SUCCESS {
        return rc::PARAMETER;
    }
    let xirr = c.p.xics.get_xirr(c.cpu);
    c.store(c.args[0], xirr.to_be_bytes())
}

/// (cppr).
pub(super) fn int_set_cppr(c: &mut Cl<'_, '_>) -> i64 {
    c.p.xics.set_cppr(c.cpu, c.args[0] as u8);
    rc::SUCCESS
}

/// (xirr): 1 if more can be taken.
pub(super) fn int_eoi(c: &mut Cl<'_, '_>) -> i64 {
    i64::from(c.p.xics.eoi(c.cpu, c.args[0] as u32))
}

/// (hwid, mfrr).
pub(super) fn int_set_mfrr(c: &mut Cl<'_, '_>) -> i64 {
    if c.p.xics.set_mfrr(c.args[0], c.args[1] as u8) { rc::SUCCESS } else { rc::PARAMETER }
}
