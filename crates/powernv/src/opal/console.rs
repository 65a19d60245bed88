//! Console calls.

use super::{Cl, REAL, rc};
use crate::console::MAX_TRANSFER;

/// (terminal, &length, buffer): takes at most [`MAX_TRANSFER`] bytes.
pub(super) fn write(c: &mut Cl<'_, '_>) -> i64 {
    let [terminal, length, buffer, ..] = c.args;
    let Some(wanted) = c.load64(length) else { return rc::PARAMETER };
    let mut bytes = vec![0; wanted.min(MAX_TRANSFER) as usize];
    let ok = c.world.mem.read_bytes(buffer & REAL, &mut bytes);
    let Some(console) = usize::try_from(terminal).ok().and_then(|t| c.p.consoles.get_mut(t)) else {
        return rc::PARAMETER;
    };
    if !ok {
        return rc::PARAMETER;
    }
    console.write(&bytes);
    c.store(length, (bytes.len() as u64).to_be_bytes())
}

/// (terminal, &length, buffer).
pub(super) fn read(c: &mut Cl<'_, '_>) -> i64 {
    let [terminal, length, buffer, ..] = c.args;
    let Some(room) = c.load64(length) else { return rc::PARAMETER };
    let Some(n) = usize::try_from(terminal).ok().filter(|&t| t < c.p.consoles.len()) else {
        return rc::PARAMETER;
    };
    let bytes = c.p.consoles[n].peek(room.min(MAX_TRANSFER) as usize);
    if !bytes.is_empty() && c.store_bytes(buffer, &bytes) != rc::SUCCESS {
        return rc::PARAMETER;
    }
    c.p.consoles[n].consume(bytes.len());
    c.store(length, (bytes.len() as u64).to_be_bytes())
}

/// (terminal, &length).
pub(super) fn write_buffer_space(c: &mut Cl<'_, '_>) -> i64 {
    let [terminal, length, ..] = c.args;
    if terminal >= c.p.consoles.len() as u64 {
        return rc::PARAMETER;
    }
    c.store(length, MAX_TRANSFER.to_be_bytes())
}

/// (terminal): nothing is ever held back.
pub(super) fn flush(c: &mut Cl<'_, '_>) -> i64 {
    if c.args[0] < c.p.consoles.len() as u64 { rc::SUCCESS } else { rc::PARAMETER }
}
