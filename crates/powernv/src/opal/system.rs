//! CPUs, clock, power, and what tools want to know.

use super::table::find;
use super::{Action, Cl, RebootKind, first_error, rc};
use crate::platform::{DumpRegion, MAX_DUMP_REGIONS};

const HILE_BE: u64 = 1;
const HILE_LE: u64 = 2;
const CPU_INACTIVE: u8 = 0;
const CPU_STARTED: u8 = 1;

pub(super) fn nothing_to_do(_: &mut Cl<'_, '_>) -> i64 {
    rc::SUCCESS
}

/// (token).
pub(super) fn check_token(c: &mut Cl<'_, '_>) -> i64 {
    i64::from(find(c.args[0]).is_some())
}

/// (flags): byte order of interrupts; the MMU kinds are accepted.
pub(super) fn reinit_cpus(c: &mut Cl<'_, '_>) -> i64 {
    match c.args[0] & (HILE_BE | HILE_LE) {
        HILE_BE => c.action = Some(Action::SetHile(false)),
        HILE_LE => c.action = Some(Action::SetHile(true)),
        0 => {}
        _ => return rc::PARAMETER,
    }
    rc::SUCCESS
}

/// (chip or -1, ptcr).
pub(super) fn nmmu_set_ptcr(c: &mut Cl<'_, '_>) -> i64 {
    c.action = Some(Action::SetPtcr(c.args[1]));
    rc::SUCCESS
}

/// (hwid, &u8 status).
pub(super) fn query_cpu_status(c: &mut Cl<'_, '_>) -> i64 {
    let Some(cpu) = c.p.cpu_of(c.args[0]) else { return rc::PARAMETER };
    let status = if c.p.cpus[cpu].started { CPU_STARTED } else { CPU_INACTIVE };
    c.store(c.args[1], [status])
}

/// (hwid, address).
pub(super) fn start_cpu(c: &mut Cl<'_, '_>) -> i64 {
    let Some(cpu) = c.p.cpu_of(c.args[0]) else { return rc::PARAMETER };
    let slot = &mut c.p.cpus[cpu];
    if slot.started {
        return rc::WRONG_STATE;
    }
    slot.started = true;
    c.action = Some(Action::StartCpu { hwid: slot.hwid, pa: c.args[1] });
    rc::SUCCESS
}

/// (): the calling CPU parks.
pub(super) fn return_cpu(c: &mut Cl<'_, '_>) -> i64 {
    if let Some(slot) = c.p.cpus.get_mut(c.cpu) {
        slot.started = false;
    }
    c.action = Some(Action::ReturnCpu);
    rc::SUCCESS
}

/// (request).
pub(super) fn power_down(c: &mut Cl<'_, '_>) -> i64 {
    power(c, Action::PowerOff, "off")
}

/// ().
pub(super) fn reboot(c: &mut Cl<'_, '_>) -> i64 {
    power(c, Action::Reboot { kind: RebootKind::Normal }, "reboot")
}

/// (type, message).
pub(super) fn reboot2(c: &mut Cl<'_, '_>) -> i64 {
    let kind = match c.args[0] {
        0 => RebootKind::Normal,
        1 => RebootKind::PlatformError,
        2 => RebootKind::Full,
        3 => RebootKind::Mpipl,
        4 => RebootKind::Fast,
        _ => return rc::UNSUPPORTED,
    };
    power(c, Action::Reboot { kind }, "reboot2")
}

fn power(c: &mut Cl<'_, '_>, action: Action, how: &'static str) -> i64 {
    c.action = Some(action);
    let fields = vec![("how", fabric::Value::from(how)), ("type", fabric::Value::U64(c.args[0]))];
    c.world.trace.push(fabric::Record { at: c.world.now, device: 0, kind: "power", fields });
    rc::SUCCESS
}

/// (&be32 date, &be64 time).
pub(super) fn rtc_read(c: &mut Cl<'_, '_>) -> i64 {
    let (date, time) = c.p.rtc.read(c.world.now);
    let stores = [c.store(c.args[0], date.to_be_bytes()), c.store(c.args[1], time.to_be_bytes())];
    first_error(&stores)
}

/// (date, time).
pub(super) fn rtc_write(c: &mut Cl<'_, '_>) -> i64 {
    let now = c.world.now;
    if c.p.rtc.write(now, c.args[0] as u32, c.args[1]) { rc::SUCCESS } else { rc::PARAMETER }
}

/// (&be64 flags): there was nothing to handle.
pub(super) fn handle_hmi2(c: &mut Cl<'_, '_>) -> i64 {
    c.store(c.args[0], [0; 8])
}

/// (id, address, bytes).
pub(super) fn register_dump_region(c: &mut Cl<'_, '_>) -> i64 {
    let Some(id) = c.narrow(0) else { return rc::PARAMETER };
    let region = DumpRegion { address: c.args[1] & super::REAL, bytes: c.args[2] };
    if !c.world.mem.contains(region.address, region.bytes) {
        return rc::PARAMETER;
    }
    if c.p.dump_regions.len() >= MAX_DUMP_REGIONS && !c.p.dump_regions.contains_key(&id) {
        return rc::RESOURCE;
    }
    c.p.dump_regions.insert(id, region);
    rc::SUCCESS
}

/// (id).
pub(super) fn unregister_dump_region(c: &mut Cl<'_, '_>) -> i64 {
    let id: Option<u32> = c.narrow(0);
    let known = id.and_then(|id| c.p.dump_regions.remove(&id)).is_some();
    if known { rc::SUCCESS } else { rc::PARAMETER }
}
