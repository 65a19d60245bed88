//! PCI: configuration space, the bridge's tables, MSIs, CAPI mode.

use super::{Cl, first_error, rc};
use crate::map;
use crate::phb::{ConfigError, Ioda, M64Mode, Phb, Tve};
use crate::world::World;

const WINDOW_M32: u64 = 1;
const WINDOW_M64: u64 = 2;

impl<'w> Cl<'_, 'w> {
    /// The bridge that the first argument names, and the world.
    pub(super) fn phb(&mut self) -> Option<(&mut Phb, &mut World<'w>)> {
        let id = self.args[0];
        let phb = self.p.phbs.iter_mut().find(|phb| phb.map.opal_id == id)?;
        Some((phb, &mut *self.world))
    }
    /// Argument `n` as a PE number.
    pub(super) fn pe(&self, n: usize) -> Option<u16> {
        self.narrow(n).filter(|&pe| pe < map::NUM_PES)
    }
    /// Changes the tables of the bridge; false is a bad parameter.
    fn tables(&mut self, f: impl FnOnce(&mut Ioda) -> bool) -> i64 {
        match self.phb().map(|(phb, _)| f(&mut phb.ioda)) {
            Some(true) => rc::SUCCESS,
            _ => rc::PARAMETER,
        }
    }
}

fn config_rc(result: Result<(), ConfigError>) -> i64 {
    match result {
        Ok(()) => rc::SUCCESS,
        Err(ConfigError::Parameter) => rc::PARAMETER,
        Err(ConfigError::NoDevice) => rc::HARDWARE,
    }
}

/// (phb, bdfn, offset, &value): big-endian in memory, little-endian on PCI.
pub(super) fn config_read<const N: usize>(c: &mut Cl<'_, '_>) -> i64 {
    let [_, bdfn, offset, value, ..] = c.args;
    let mut data = [0xff; N];
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    let result = phb.config_read(bdfn, offset, &mut data, world);
    data.reverse();
    let stored = c.store(value, data);
    first_error(&[config_rc(result), stored])
}

/// (phb, bdfn, offset, value).
pub(super) fn config_write<const N: usize>(c: &mut Cl<'_, '_>) -> i64 {
    let [_, bdfn, offset, value, ..] = c.args;
    let bytes = value.to_le_bytes();
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    config_rc(phb.config_write(bdfn, offset, &bytes[..N], world))
}

/// (phb, type, number, 0 off / 1 split / 2 single).
pub(super) fn phb_mmio_enable(c: &mut Cl<'_, '_>) -> i64 {
    let [_, kind, number, mode, ..] = c.args;
    let mode = match mode {
        0 => M64Mode::Off,
        1 => M64Mode::Split,
        2 => M64Mode::Single,
        _ => return rc::PARAMETER,
    };
    c.tables(|t| kind == WINDOW_M64 && t.set_m64_mode(number, mode))
}

/// (phb, type, number, address, 0, size).
pub(super) fn set_phb_mem_window(c: &mut Cl<'_, '_>) -> i64 {
    let [_, kind, number, address, _, size, ..] = c.args;
    c.tables(|t| kind == WINDOW_M64 && t.set_m64(number, address, size))
}

/// (phb, pe, type, window, segment).
pub(super) fn map_pe_mmio_window(c: &mut Cl<'_, '_>) -> i64 {
    let [_, _, kind, window, segment, ..] = c.args;
    let Some(pe) = c.pe(1) else { return rc::PARAMETER };
    c.tables(|t| match kind {
        WINDOW_M32 => t.set_m32_segment(segment, pe),
        WINDOW_M64 => t.set_m64_pe(window, pe),
        _ => false,
    })
}

/// (phb, pe, rid, bcmp, dcmp, fcmp, 1 map / 0 unmap).
pub(super) fn set_pe(c: &mut Cl<'_, '_>) -> i64 {
    let [_, _, _, bcmp, dcmp, fcmp, action, _] = c.args;
    let (Some(pe), Some(rid)) = (c.pe(1), c.narrow(2)) else { return rc::PARAMETER };
    c.tables(|t| action <= 1 && t.set_pe(pe, rid, bcmp, dcmp != 0, fcmp != 0, action == 1))
}

/// (phb, parent, child, 1 add / 0 remove).
pub(super) fn set_peltv(c: &mut Cl<'_, '_>) -> i64 {
    let add = c.args[3];
    let (Some(parent), Some(child)) = (c.pe(1), c.pe(2)) else { return rc::PARAMETER };
    c.tables(|t| {
        t.set_peltv(parent, child, add != 0);
        add <= 1
    })
}

/// (phb, pe, vector).
pub(super) fn set_xive_pe(c: &mut Cl<'_, '_>) -> i64 {
    let vector = c.args[2];
    let Some(pe) = c.pe(1) else { return rc::PARAMETER };
    c.tables(|t| t.set_msi_pe(vector, pe))
}

/// (phb, mve, vector, 1, &be64 address, &be32 data).
pub(super) fn get_msi_64(c: &mut Cl<'_, '_>) -> i64 {
    get_msi(c, |c, pointer| c.store(pointer, map::MSI64_ADDRESS.to_be_bytes()))
}

/// (phb, mve, vector, 1, &be32 address, &be32 data).
pub(super) fn get_msi_32(c: &mut Cl<'_, '_>) -> i64 {
    get_msi(c, |c, pointer| c.store(pointer, map::MSI32_ADDRESS.to_be_bytes()))
}

fn get_msi(c: &mut Cl<'_, '_>, address: fn(&mut Cl<'_, '_>, u64) -> i64) -> i64 {
    let [_, _, vector, range, to, data, ..] = c.args;
    if c.phb().is_none() || range != 1 || vector >= u64::from(map::MSI_COUNT) {
        return rc::PARAMETER;
    }
    first_error(&[address(c, to), c.store(data, (vector as u32).to_be_bytes())])
}

/// (phb, pe, window, levels or 0 to remove, table, bytes, page size).
pub(super) fn map_pe_dma_window(c: &mut Cl<'_, '_>) -> i64 {
    let [_, _, window, levels, address, bytes, page, _] = c.args;
    let Some(pe) = c.pe(1) else { return rc::PARAMETER };
    let tve = (levels != 0).then_some(Tve::Table { levels, address, bytes, page });
    c.tables(|t| levels <= 5 && t.set_tve(pe, window, tve))
}

/// (phb, pe, window, base, size or 0 to remove).
pub(super) fn map_pe_dma_window_real(c: &mut Cl<'_, '_>) -> i64 {
    let [_, _, window, base, size, ..] = c.args;
    let Some(pe) = c.pe(1) else { return rc::PARAMETER };
    let tve = (size != 0).then_some(Tve::Bypass { base, size });
    c.tables(|t| t.set_tve(pe, window, tve))
}

/// (phb, ...): nothing caches TCEs.
pub(super) fn tce_kill(c: &mut Cl<'_, '_>) -> i64 {
    c.tables(|_| true)
}

/// (phb, mode, pe).
pub(super) fn set_phb_capi_mode(c: &mut Cl<'_, '_>) -> i64 {
    const PCIE: u64 = 0;
    const CAPI: u64 = 1;
    const SNOOP_OFF: u64 = 2;
    const SNOOP_ON: u64 = 3;
    let mode = c.args[1];
    if c.pe(2).is_none() {
        return rc::PARAMETER;
    }
    let Some((phb, world)) = c.phb() else { return rc::PARAMETER };
    match mode {
        PCIE => phb.set_capi_mode(false, world),
        CAPI if phb.function().is_none() || phb.errors.fenced => return rc::HARDWARE,
        CAPI => phb.set_capi_mode(true, world),
        SNOOP_OFF | SNOOP_ON => {
            return if phb.set_snooping(mode == SNOOP_ON) { rc::SUCCESS } else { rc::WRONG_STATE };
        }
        // DMA modes: only for cards without a PSL.
        _ => return rc::UNSUPPORTED,
    }
    rc::SUCCESS
}

/// (phb, &be64 address).
pub(super) fn get_tunnel_bar(c: &mut Cl<'_, '_>) -> i64 {
    let to = c.args[1];
    let Some((phb, _)) = c.phb() else { return rc::PARAMETER };
    let bar = phb.tunnel_bar;
    c.store(to, bar.to_be_bytes())
}

/// (phb, address).
pub(super) fn set_tunnel_bar(c: &mut Cl<'_, '_>) -> i64 {
    let address = c.args[1];
    let Some((phb, _)) = c.phb() else { return rc::PARAMETER };
    phb.tunnel_bar = address;
    rc::SUCCESS
}
