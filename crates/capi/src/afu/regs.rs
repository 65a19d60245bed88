//! Register areas as tables: name, offset, access, reset value. Storage,
//! partial accesses and reset follow from the table; only registers with an
//! effect of their own are handled by name elsewhere.
//!
//! Every register is 8 bytes, big-endian (`sislite.h`: "MMIO registers are
//! always big endian").

use serde::{Deserialize, Serialize};

/// What software may do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    Rw,
    /// Read only.
    Ro,
    /// Write one to clear.
    W1c,
    /// Reading clears it; writes are ignored.
    Rc,
    /// Writing has an effect; reads as zero.
    Wo,
}

/// A row of a register table.
#[derive(Clone, Copy, Debug)]
pub struct Reg {
    /// Name as in `sislite.h`, or in the FC tables of the tools.
    pub name: &'static str,
    /// Offset in its area; a multiple of 8.
    pub offset: u16,
    /// Access.
    pub access: Access,
    /// Value after an AFU reset.
    pub reset: u64,
}

const fn reg(offset: u16, name: &'static str, access: Access, reset: u64) -> Reg {
    Reg { name, offset, access, reset }
}

/// Declares offsets as constants together with the table that lists them.
macro_rules! area {
    ($(#[$doc:meta])* $table:ident { $($offset:literal $name:ident $access:ident $reset:expr;)* }) => {
        $(
            #[doc = concat!("Offset of `", stringify!($name), "`.")]
            pub const $name: u16 = $offset;
        )*
        $(#[$doc])*
        pub const $table: &[Reg] = &[$(reg($offset, stringify!($name), Access::$access, $reset)),*];
    };
}

/// Host transport page of a context (`struct sisl_host_map`).
pub mod host {
    use super::{Access, Reg, reg};
    area! {
        /// The page's registers.
        TABLE {
            0x00 ENDIAN_CTRL  Rw 0;
            0x08 INTR_STATUS  Ro 0;
            0x10 INTR_CLEAR   Wo 0;
            0x18 INTR_MASK    Rw u64::MAX;
            0x20 IOARRIN      Rw 0;
            0x28 RRQ_START    Rw 0;
            0x30 RRQ_END      Rw 0;
            0x38 CMD_ROOM     Ro 0;
            0x40 CTX_CTRL     Rw 0;
            0x48 MBOX_W       Wo 0;
            0x50 SQ_START     Rw 0;
            0x58 SQ_END       Rw 0;
            0x60 SQ_HEAD      Ro 0;
            0x68 SQ_TAIL      Rw 0;
            0x70 SQ_CTX_RESET Rw 0;
        }
    }
}

/// Provisioning and control block of a context (`struct sisl_ctrl_map`).
pub mod ctrl {
    use super::{Access, Reg, reg};
    area! {
        /// The block's registers.
        TABLE {
            0x00 RHT_START    Rw 0;
            0x08 RHT_CNT_ID   Rw 0;
            0x10 CTX_CAP      Rw 0;
            0x18 MBOX_R       Ro 0;
            0x20 LISN_PASID_0 Rw 0;
            0x28 LISN_PASID_1 Rw 0;
            0x30 LISN_EA_0    Rw 0;
            0x38 LISN_EA_1    Rw 0;
            0x40 LISN_EA_2    Rw 0;
        }
    }
}

/// Global registers (`struct sisl_global_regs`).
pub mod global {
    use super::{Access, Reg, reg};
    area! {
        /// Page 0 of the global area.
        TABLE {
            0x000 AINTR_STATUS      Ro 0;
            0x008 AINTR_CLEAR       Wo 0;
            0x010 AINTR_MASK        Rw u64::MAX;
            0x018 AFU_CTRL          Rw 0;
            0x020 AFU_HB            Ro 0;
            0x028 AFU_SCRATCH_PAD   Rw 0;
            0x030 AFU_PORT_SEL      Rw 0;
            0x038 AFU_CONFIG        Rw 0;
            0x040 RRIN_READ_TO      Rw 0;
            0x048 CONT_RETRY_TO     Rw 0;
            0x800 AFU_VERSION       Ro 0;
            0x808 INTERFACE_VERSION Ro 0;
        }
    }
}

/// Registers of one FC port.
pub mod fc {
    use super::{Access, Reg, reg};
    area! {
        /// The port's page.
        TABLE {
            0x000 FC_MTIP_REV         Ro 0;
            0x008 FC_MTIP_SCRATCH     Rw 0;
            0x010 FC_MTIP_CMDCONFIG   Rw 0x23;
            0x018 FC_MTIP_STATUS      Ro 0;
            0x080 FC_MAX_NUM_LUNS     Ro 0;
            0x088 FC_CUR_NUM_LUNS     Ro 0;
            0x090 FC_MAX_CAP_PORT     Ro 0;
            0x098 FC_CUR_CAP_PORT     Ro 0;
            0x300 FC_PNAME            Rw 0;
            0x308 FC_NNAME            Rw 0;
            0x310 FC_PORT_ID          Ro 0;
            0x320 FC_CONFIG           Rw 0x1;
            0x328 FC_CONFIG2          Rw 0;
            0x330 FC_STATUS           Ro 0xCF;
            0x348 FC_STATUS2          Ro 0;
            0x380 FC_ERROR            W1c 0;
            0x388 FC_ERRCAP           Rw 0;
            0x390 FC_ERRMSK           Rw u64::MAX;
            0x3A0 FC_ERRINJ           Rw 0;
            0x3A8 FC_ERRINJ_DATA      Rw 0;
            0x3B0 FC_PE_ERRINJ        Rw 0;
            0x3B8 FC_PE_ERRINJ_DATA   Rw 0;
            0x400 FC_TGT_D_ID         Ro 0;
            0x408 FC_TGT_PNAME        Ro 0;
            0x410 FC_TGT_NNAME        Ro 0;
            0x418 FC_TGT_LOGI         Ro 0;
            0x420 FC_TGT_B2BCR        Ro 0;
            0x428 FC_TGT_E_D_TOV      Ro 0;
            0x430 FC_TGT_CLASS3       Ro 0;
            0x530 FC_CNT_LINKERR      Ro 0;
            0x538 FC_CNT_CRCERR       Rc 0;
            0x540 FC_CNT_CRCERR_RO    Ro 0;
            0x548 FC_CNT_OTHERERR     Ro 0;
            0x550 FC_CNT_TIMEOUT      Ro 0;
            0x580 FC_CRC_THRESH       Rw 0;
            0x610 FC_CNT_CRCTOT       Ro 0;
            0x618 FC_CNT_AFURD        Ro 0;
            0x620 FC_CNT_AFUWR        Ro 0;
            0x628 FC_CNT_AFUABORT     Ro 0;
            0x630 FC_CNT_RSPOVER      Ro 0;
            0x638 FC_CNT_ABORT1       Ro 0;
            0x640 FC_CNT_ABORT2       Ro 0;
            0x648 FC_CNT_ABORT3       Ro 0;
            0x650 FC_CNT_ABORT4       Ro 0;
            0x658 FC_CNT_WBUFREL      Ro 0;
            0x660 FC_CNT_RXRSP        Ro 0;
            0x670 FC_LOOPBACK_TXCNT   Ro 0;
            0x678 FC_LOOPBACK_PASSCNT Ro 0;
            0x680 FC_LOOPBACK_ERRCNT  Ro 0;
        }
    }
}

/// The registers of one area, stored in table order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegFile {
    values: Vec<u64>,
}

/// Place of `offset` in a table.
fn row(table: &[Reg], offset: u16) -> Option<usize> {
    table.binary_search_by_key(&offset, |r| r.offset).ok()
}

/// Name of the register at `offset` of an area.
pub fn name_of(table: &'static [Reg], offset: u16) -> Option<&'static str> {
    row(table, offset).map(|i| table[i].name)
}

impl RegFile {
    /// Registers at their reset values.
    pub fn new(table: &[Reg]) -> RegFile {
        RegFile { values: table.iter().map(|r| r.reset).collect() }
    }
    /// Back to the reset values.
    pub fn reset(&mut self, table: &[Reg]) {
        self.values = table.iter().map(|r| r.reset).collect();
    }
    /// The stored value, without side effect; zero where no register is.
    pub fn get(&self, table: &[Reg], offset: u16) -> u64 {
        row(table, offset).and_then(|i| self.values.get(i)).copied().unwrap_or(0)
    }
    /// Stores a value, as the hardware itself does.
    pub fn set(&mut self, table: &[Reg], offset: u16, value: u64) {
        if let Some(place) = row(table, offset).and_then(|i| self.values.get_mut(i)) {
            *place = value;
        }
    }
    /// A load by software.
    pub fn load(&mut self, table: &[Reg], offset: u16) -> u64 {
        let Some(i) = row(table, offset) else { return 0 };
        match table[i].access {
            Access::Wo => 0,
            Access::Rc => self.values.get_mut(i).map_or(0, std::mem::take),
            _ => self.values.get(i).copied().unwrap_or(0),
        }
    }
    /// A store by software; tells the access of the register, if there is one.
    pub fn store(&mut self, table: &[Reg], offset: u16, word: Word) -> Option<Access> {
        let i = row(table, offset)?;
        let place = self.values.get_mut(i)?;
        match table[i].access {
            Access::Rw => *place = word.over(*place),
            Access::W1c => *place &= !word.value,
            Access::Ro | Access::Rc | Access::Wo => {}
        }
        Some(table[i].access)
    }
}

/// A store to (a part of) one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The bytes stored, in place; zero elsewhere.
    pub value: u64,
    /// Ones where bytes are stored.
    pub mask: u64,
}

impl Word {
    /// A store of all 8 bytes.
    pub fn full(value: u64) -> Word {
        Word { value, mask: u64::MAX }
    }
    /// A register of value `old` after this store.
    pub fn over(self, old: u64) -> u64 {
        old & !self.mask | self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_aligned() {
        for table in [host::TABLE, ctrl::TABLE, global::TABLE, fc::TABLE] {
            assert!(table.windows(2).all(|w| w[0].offset < w[1].offset));
            assert!(table.iter().all(|r| r.offset % 8 == 0 && !r.name.is_empty()));
        }
    }

    #[test]
    fn access_kinds() {
        let table = fc::TABLE;
        let mut f = RegFile::new(table);
        f.set(table, fc::FC_ERROR, 0xF0);
        f.store(table, fc::FC_ERROR, Word::full(0x30));
        assert_eq!(f.load(table, fc::FC_ERROR), 0xC0);
        f.set(table, fc::FC_CNT_CRCERR, 5);
        assert_eq!((f.load(table, fc::FC_CNT_CRCERR), f.load(table, fc::FC_CNT_CRCERR)), (5, 0));
        f.store(table, fc::FC_STATUS, Word::full(1));
        assert_eq!(f.load(table, fc::FC_STATUS), 0xCF);
        f.store(table, fc::FC_PNAME, Word { value: 0x1234_5678 << 32, mask: 0xFFFF_FFFF << 32 });
        assert_eq!(f.load(table, fc::FC_PNAME), 0x1234_5678_0000_0000);
        assert_eq!(f.load(table, 0x700), 0);
    }
}
