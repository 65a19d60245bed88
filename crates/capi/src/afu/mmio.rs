//! The problem state area: which register an access reaches, and what the
//! registers with an effect of their own do.

use super::codes::AFUCONF_MBOX_CLR_READ;
use super::config::CmdMode;
use super::regs::{Word, ctrl, fc, global, host, name_of};
use super::{CTRL_BASE, DEBUG_BASE, GLOBAL_BASE, GLOBAL_END, SisliteAfu};
use crate::port::AfuPort;

/// FC_STATUS: submission and completion queue are empty.
const STATUS_QUEUES_EMPTY: u64 = 0xC0;

/// What an offset of the area belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Host(u16, u16),
    Ctrl(u16, u16),
    Global(u16),
    FcPort(usize, u16),
    FcLun(usize, usize),
    /// Inside the area, but nothing is there.
    Hole,
    /// Beyond the area.
    Beyond,
}

impl Place {
    /// Name of the register there, and whose it is.
    fn register(self) -> Option<(&'static str, (&'static str, u64))> {
        let named = |table, reg, of| Some((name_of(table, reg)?, of));
        match self {
            Place::Host(pe, reg) => named(host::TABLE, reg, ("pe", pe.into())),
            Place::Ctrl(pe, reg) => named(ctrl::TABLE, reg, ("pe", pe.into())),
            Place::Global(reg) => named(global::TABLE, reg, ("pe", 0)),
            Place::FcPort(p, reg) => named(fc::TABLE, reg, ("port", p as u64)),
            Place::FcLun(p, _) => Some(("FC_PORT_LUNS", ("port", p as u64))),
            Place::Hole | Place::Beyond => None,
        }
    }
}

fn place(offset: u64, size: u64) -> Place {
    let low = |mask: u64| (offset & mask) as u16;
    match offset {
        0..CTRL_BASE => Place::Host((offset >> 16) as u16, low(0xFFFF)),
        CTRL_BASE..GLOBAL_BASE => Place::Ctrl(((offset - CTRL_BASE) >> 7) as u16, low(0x7F)),
        GLOBAL_BASE..GLOBAL_END => match (offset - GLOBAL_BASE) >> 12 {
            0 => Place::Global(low(0xFFF)),
            // Banks of two ports: registers, then LUN tables (struct fc_port_bank).
            page @ 2..10 => {
                let (bank, inside) = ((page - 2) / 4, (page - 2) % 4);
                let port = (bank * 2 + inside % 2) as usize;
                if inside < 2 {
                    Place::FcPort(port, low(0xFFF))
                } else {
                    Place::FcLun(port, usize::from(low(0xFFF)) / 8)
                }
            }
            _ => Place::Hole,
        },
        // Unspecified: debug areas, which only tools read; they read as zero.
        _ if offset < size.max(DEBUG_BASE) => Place::Hole,
        _ => Place::Beyond,
    }
}

impl SisliteAfu {
    /// A load of any size. Registers are 8 bytes; smaller loads give the bytes
    /// at that place, as the tools that use 32-bit loads expect.
    pub(super) fn load_bytes(&mut self, offset: u64, data: &mut [u8], bus: &mut dyn AfuPort<'_>) {
        if !self.enabled {
            data.fill(0xFF);
            return;
        }
        let mut done = 0;
        while done < data.len() {
            let at = offset.wrapping_add(done as u64);
            let inside = (at & 7) as usize;
            let n = (8 - inside).min(data.len() - done);
            let value = self.load(at & !7, bus).to_be_bytes();
            data[done..done + n].copy_from_slice(&value[inside..inside + n]);
            done += n;
        }
    }
    /// A store of any size. Unspecified: a store of less than 8 bytes changes
    /// those bytes only; where a store has an effect the other bytes are zero.
    pub(super) fn store_bytes(&mut self, offset: u64, data: &[u8], bus: &mut dyn AfuPort<'_>) {
        if !self.enabled {
            return;
        }
        let mut done = 0;
        while done < data.len() {
            let at = offset.wrapping_add(done as u64);
            let inside = (at & 7) as usize;
            let n = (8 - inside).min(data.len() - done);
            let (mut value, mut mask) = ([0; 8], [0; 8]);
            value[inside..inside + n].copy_from_slice(&data[done..done + n]);
            mask[inside..inside + n].fill(0xFF);
            let word = Word { value: u64::from_be_bytes(value), mask: u64::from_be_bytes(mask) };
            self.store(at & !7, word, bus);
            done += n;
        }
    }

    fn load(&mut self, offset: u64, bus: &mut dyn AfuPort<'_>) -> u64 {
        let place = place(offset, self.config.psa_size());
        let value = self.load_right(place, bus);
        match place.register() {
            Some((name, of)) => self.loaded(name, of, value, bus),
            None => value,
        }
    }

    fn load_right(&mut self, place: Place, bus: &mut dyn AfuPort<'_>) -> u64 {
        match place {
            Place::Host(pe, reg) => self.load_host(pe, reg),
            Place::Ctrl(pe, reg) => self.load_ctrl(pe, reg, bus),
            Place::Global(global::AFU_HB) => {
                // The tools expect exactly one more at each read.
                let beat = self.global.get(global::TABLE, global::AFU_HB).wrapping_add(1);
                self.global.set(global::TABLE, global::AFU_HB, beat);
                beat
            }
            Place::Global(reg) => self.global.load(global::TABLE, reg),
            Place::FcPort(p, reg) => self.load_port(p, reg),
            Place::FcLun(p, i) => self.port_luns.get(p).and_then(|t| t.get(i)).copied().unwrap_or(0),
            Place::Hole => 0,
            Place::Beyond => u64::MAX,
        }
    }

    fn store(&mut self, offset: u64, word: Word, bus: &mut dyn AfuPort<'_>) {
        let place = place(offset, self.config.psa_size());
        let word = match place.register() {
            Some((name, of)) => self.stored(name, of, word, bus),
            None => Some(word),
        };
        let Some(word) = word else { return };
        match place {
            Place::Host(pe, reg) => self.store_host(pe, reg, word, bus),
            Place::Ctrl(pe, reg) => self.store_ctrl(pe, reg, word, bus),
            Place::Global(reg) => self.store_global(reg, word, bus),
            Place::FcPort(p, reg) => {
                if let Some(port) = self.ports.get_mut(p) {
                    let ask = port.store(reg, word);
                    self.ask(p as u8, ask, bus);
                    if reg == fc::FC_CONFIG2 && p == 0 {
                        self.choose_units();
                    }
                }
            }
            Place::FcLun(p, i) => {
                if let Some(entry) = self.port_luns.get_mut(p).and_then(|t| t.get_mut(i)) {
                    *entry = word.over(*entry);
                }
            }
            Place::Hole | Place::Beyond => {}
        }
    }

    fn load_port(&mut self, port: usize, reg: u16) -> u64 {
        let Some(p) = self.ports.get_mut(port) else { return 0 };
        let value = p.load(reg);
        let open = reg == fc::FC_STATUS && self.commands.values().any(|c| usize::from(c.port) == port);
        if open { value & !STATUS_QUEUES_EMPTY } else { value }
    }

    fn load_host(&mut self, pe: u16, reg: u16) -> u64 {
        let Some(c) = self.context(pe) else { return u64::MAX };
        let resetting = u64::from(c.resetting);
        match reg {
            // Bit 0 says that a context reset runs; SQ mode has its own register.
            host::IOARRIN | host::SQ_CTX_RESET => c.host(reg) & !1 | resetting,
            host::SQ_HEAD => c.sq.map_or(0, |q| q.head),
            _ => c.host.load(host::TABLE, reg),
        }
    }

    fn load_ctrl(&mut self, pe: u16, reg: u16, bus: &mut dyn AfuPort<'_>) -> u64 {
        let clear = self.global.get(global::TABLE, global::AFU_CONFIG) & AFUCONF_MBOX_CLR_READ != 0;
        let Some(c) = self.context(pe) else { return u64::MAX };
        let value = c.ctrl.load(ctrl::TABLE, reg);
        if reg == ctrl::MBOX_R {
            // Unlocks ctx_cap; a context that is not running stays locked, which
            // is how the driver learns that it was closed.
            c.cap_unlocked |= bus.is_running(pe);
            if clear {
                c.ctrl.set(ctrl::TABLE, reg, 0);
            }
        }
        value
    }

    fn store_host(&mut self, pe: u16, reg: u16, word: Word, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        let unmap = c.host(host::CTX_CTRL) & 1 << 63;
        c.host.store(host::TABLE, reg, word);
        match reg {
            host::INTR_CLEAR => {
                let status = c.host(host::INTR_STATUS);
                c.host.set(host::TABLE, host::INTR_STATUS, status & !word.value);
                note_cleared("sync-error", pe.into(), status & word.value, bus);
            }
            host::INTR_MASK => self.unmasked_sync(pe, bus),
            host::IOARRIN => self.ioarrin(pe, word.value, bus),
            host::RRQ_END => c.arm_rrq(),
            host::CTX_CTRL => {
                let value = c.host(reg) & !(1 << 63) | unmap;
                c.host.set(host::TABLE, reg, value);
            }
            host::MBOX_W => c.ctrl.set(ctrl::TABLE, ctrl::MBOX_R, word.value),
            host::SQ_END => c.arm_sq(),
            host::SQ_TAIL => self.sq_tail(pe, word.value, bus),
            host::SQ_CTX_RESET if word.value & 1 != 0 => self.context_reset(pe, bus),
            _ => {}
        }
    }

    fn ioarrin(&mut self, pe: u16, value: u64, bus: &mut dyn AfuPort<'_>) {
        match value {
            1 => self.context_reset(pe, bus),
            _ if self.config.cmd_mode == CmdMode::Ioarrin => self.submit(pe, value, bus),
            _ => {}
        }
    }

    fn store_ctrl(&mut self, pe: u16, reg: u16, word: Word, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        let old = c.ctrl(reg);
        if reg == ctrl::CTX_CAP {
            let (new, accepted) = (word.over(old), c.cap_unlocked);
            if accepted {
                c.ctrl.set(ctrl::TABLE, reg, new);
                self.copies.forget_context(pe);
            }
            // The driver clears all 512 blocks at each start: not worth a record.
            if old != 0 || new != 0 {
                let fields = [("ctx", pe.into()), ("value", new), ("accepted", accepted.into())];
                bus.cx().note("ctx-cap", &fields);
            }
            return;
        }
        c.ctrl.store(ctrl::TABLE, reg, word);
        let new = c.ctrl(reg);
        if matches!(reg, ctrl::RHT_START | ctrl::RHT_CNT_ID) {
            self.copies.forget_context(pe);
            if old != 0 || new != 0 {
                bus.cx().note("rht", &[("ctx", pe.into()), ("reg", reg.into()), ("value", new)]);
            }
        }
    }

    fn store_global(&mut self, reg: u16, word: Word, bus: &mut dyn AfuPort<'_>) {
        self.global.store(global::TABLE, reg, word);
        match reg {
            global::AINTR_CLEAR => {
                let status = self.global.get(global::TABLE, global::AINTR_STATUS);
                self.global.set(global::TABLE, global::AINTR_STATUS, status & !word.value);
                note_cleared("async", u64::MAX, status & word.value, bus);
            }
            global::AINTR_MASK => self.unmasked_async(bus),
            global::AFU_CTRL => self.choose_units(),
            _ => {}
        }
    }
}

/// Records that the host cleared pending interrupt bits.
fn note_cleared(cause: &str, pe: u64, bits: u64, bus: &mut dyn AfuPort<'_>) {
    if bits != 0 {
        bus.cx().note_text("afu-interrupt-clear", ("cause", cause), &[("pe", pe), ("bits", bits)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_of_the_area() {
        let size = 0x20A_0000;
        for (offset, want) in [
            (0, Place::Host(0, 0)),
            (0x1F_0020, Place::Host(31, 0x20)),
            (0x1FF_FFF8, Place::Host(511, 0xFFF8)),
            (0x200_0000, Place::Ctrl(0, 0)),
            (0x200_FF90, Place::Ctrl(511, 0x10)),
            (0x201_0038, Place::Global(0x38)),
            (0x201_1000, Place::Hole),
            (0x201_2018, Place::FcPort(0, 0x18)),
            (0x201_3330, Place::FcPort(1, 0x330)),
            (0x201_4008, Place::FcLun(0, 1)),
            (0x201_5FF8, Place::FcLun(1, 511)),
            (0x201_6010, Place::FcPort(2, 0x10)),
            (0x201_7010, Place::FcPort(3, 0x10)),
            (0x201_8000, Place::FcLun(2, 0)),
            (0x201_9000, Place::FcLun(3, 0)),
            (0x201_A000, Place::Hole),
            (0x204_0000, Place::Hole),
            (0x20A_0000, Place::Beyond),
            (!7, Place::Beyond),
        ] {
            assert_eq!(place(offset, size), want, "{offset:#x}");
        }
    }
}
