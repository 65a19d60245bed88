mod eeh;
mod fdt;
mod hostile;
mod opal;
mod pci;
mod xics;

use crate::fuzzing::{Bench, Probe};
use crate::{Action, map};
use std::any::Any;

/// Where tests keep out-parameters.
const OUT: u64 = 0x8000;
/// PE of the adapter's bus, as Linux numbers it.
const PE: u64 = 0x1fd;

impl Bench {
    fn call(&mut self, token: u64, args: &[u64]) -> i64 {
        self.call_on(0, token, args).0
    }
    fn call_on(&mut self, cpu: usize, token: u64, args: &[u64]) -> (i64, Option<Action>) {
        let mut full = [0; 8];
        full[..args.len()].copy_from_slice(args);
        let answer = self.with(|p, w| p.opal_call(cpu, token, full, w));
        (answer.rc, answer.action)
    }
    fn set64(&mut self, ra: u64, value: u64) {
        let _ = self.mem.write_be64(ra, value);
    }
    fn get64(&self, ra: u64) -> u64 {
        self.mem.read_be64(ra).unwrap()
    }
    fn get32(&self, ra: u64) -> u32 {
        self.mem.read_be32(ra).unwrap()
    }
    fn get16(&self, ra: u64) -> u16 {
        self.mem.read_be16(ra).unwrap()
    }
    fn get8(&self, ra: u64) -> u8 {
        self.mem.read::<1>(ra).unwrap()[0]
    }
    fn log(&self, n: usize) -> Vec<String> {
        let function: &dyn Any = self.platform.phbs()[n].function().unwrap();
        function.downcast_ref::<Probe>().unwrap().log.clone()
    }
    fn events(&mut self) -> u64 {
        assert_eq!(self.call(10, &[OUT]), 0);
        self.get64(OUT)
    }
    fn config(&mut self, bdfn: u64, offset: u64) -> u32 {
        self.call(15, &[0, bdfn, offset, OUT]);
        self.get32(OUT)
    }
    fn load8(&mut self, ra: u64) -> u64 {
        let mut data = [0; 8];
        self.with(|p, w| p.mmio_read(ra, &mut data, w));
        u64::from_be_bytes(data)
    }
    fn store8(&mut self, ra: u64, value: u64) {
        self.with(|p, w| p.mmio_write(ra, &value.to_be_bytes(), w));
    }
    /// What Linux does to bring up the first bridge: tables, the windows of
    /// the root port, the BAR in the segment of PE 0x1fd, MSI 5.
    fn bring_up(&mut self) -> u64 {
        let m = map::phb(0);
        let segment = map::M64_BYTES / u64::from(map::NUM_PES);
        let bar = m.m64 + PE * segment;
        let calls: &[(u64, &[u64])] = &[
            (49, &[0, 6, 1]),
            (28, &[0, 2, 31, m.m64, 0, map::M64_BYTES]),
            (27, &[0, 2, 31, 1]),
            (31, &[0, 0x1fe, 0, 7, 0, 0, 1]),
            (31, &[0, PE, 0x100, 7, 0, 0, 1]),
            (32, &[0, 0x1fe, PE, 1]),
            (37, &[0, PE, 5]),
            (19, &[u64::from(m.msi_base) + 5, 4 << 2, 5]),
        ];
        for (token, args) in calls {
            assert_eq!(self.call(*token, args), 0, "{token}");
        }
        assert_eq!(self.call_on(1, 123, &[0xff]).0, 0);
        self.bars(bar);
        bar
    }
    /// Windows and BAR, as config space is restored after a reset.
    fn bars(&mut self, bar: u64) {
        let (low, high) = (bar & 0xffff_ffff, bar >> 32);
        let base = low >> 16 & 0xfff0;
        for (bdfn, offset, value) in [
            (0, 0x24, base << 16 | base | 0xf0 << 16),
            (0, 0x28, high),
            (0, 0x2c, high),
            (0, 0x04, 6),
            (0x100, 0x10, low),
            (0x100, 0x14, high),
            (0x100, 0x04, 6),
        ] {
            assert_eq!(self.call(18, &[0, bdfn, offset, value]), 0, "{bdfn:x}+{offset:x}");
        }
    }
}
