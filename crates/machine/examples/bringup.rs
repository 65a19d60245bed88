//! Boots a kernel with an initrd and prints its console: for bring-up.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, missing_docs)]
use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu};
use fabric::Ticks;
use machine::{KernelImage, Machine, MachineConfig, Stop};
use std::io::Write;

/// Holds the first AFU sync of context 1 for six seconds.
struct HoldSync(bool);

impl fabric::Injector for HoldSync {
    fn at(&mut self, _now: Ticks, point: &fabric::Point<'_>) -> Option<fabric::Effect> {
        let ctx = point.fields.iter().find(|(n, _)| *n == "ctx").map(|(_, v)| *v);
        if self.0 && point.kind == "afu-sync" && ctx == Some(1) {
            self.0 = false;
            return Some(fabric::Effect::Hold(Ticks::secs(6)));
        }
        None
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let kernel = KernelImage::parse(&std::fs::read(&args[1]).unwrap()).unwrap();
    let initrd = if args[2] == "-" { vec![] } else { std::fs::read(&args[2]).unwrap() };
    let cmdline = args[3].clone();
    let seconds: f64 = args.get(4).map_or(5.0, |s| s.parse().unwrap());
    let cpus: usize = args.get(5).map_or(2, |s| s.parse().unwrap());
    let config = MachineConfig {
        cpus,
        memory: 1 << 30,
        cmdline,
        seed: 1,
        quantum: machine::build::DEFAULT_QUANTUM,
        initrd,
        adapters: vec![Box::new(Adapter::new(
            AdapterConfig::corsa(),
            SisliteAfu::new(AfuConfig::corsa(), 1),
        ))],
    };
    let mut m = Machine::new(config, &kernel).unwrap();
    let mut hold = HoldSync(std::env::var("HOLD").is_ok());
    let start = std::time::Instant::now();
    let mut out = std::io::stdout();
    loop {
        let stop = m.run(Ticks((seconds * 1e9) as u64), &mut hold);
        let text = m.take_output(0);
        out.write_all(&text).unwrap();
        out.flush().unwrap();
        for r in m.take_records() {
            if std::env::var("RECORDS").is_ok() {
                eprintln!("[{:.9}] {} {:?}", r.at.as_secs_f64(), r.kind, r.fields);
            }
        }
        out.write_all(&m.take_output(1)).unwrap();
        if stop != Stop::Activity {
            eprintln!("\nstop: {stop:?}");
            break;
        }
    }
    let wall = start.elapsed().as_secs_f64();
    let insns = m.instructions();
    eprintln!(
        "virtual {:.3} s, {insns} instructions, {wall:.2} s, {:.1} MIPS, touched {} MiB",
        m.now().as_secs_f64(),
        insns as f64 / wall / 1e6,
        m.memory().touched_bytes() >> 20
    );
    for c in m.cpus() {
        let place = kernel.symbols.at(c.cia | 0xC000_0000_0000_0000);
        eprintln!(
            "cpu {} cia {:#x} {place:?} lr {:#x} {:?} msr {:#x} r1 {:#x} stopped {} raised {:x?} srr0 {:#x} srr1 {:#x} dar {:#x} dsisr {:#x} heir {:#x} lpcr {:#x} hvi {} dec_due {:#x} tb {:#x}",
            c.pir,
            c.cia,
            c.lr,
            kernel.symbols.at(c.lr | 0xC000_0000_0000_0000),
            c.msr,
            c.gpr[1],
            c.stopped,
            c.raised,
            c.sprs.srr0,
            c.sprs.srr1,
            c.sprs.dar,
            c.sprs.dsisr,
            c.sprs.heir,
            c.sprs.lpcr,
            c.hvi_line,
            c.dec_due,
            c.timebase()
        );
    }
    eprintln!("hash {:032x}", m.state_hash());
}
