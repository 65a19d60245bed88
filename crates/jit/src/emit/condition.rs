//! Which instructions leave the condition register alone, so that a call of
//! their function need not bring it up to date and read it back.

use isa::{Group, Word};

/// Loads and stores that say in CR0 how they ended.
const CONDITIONAL: &[&str] = &["stbcx", "sthcx", "stwcx", "stdcx", "stqcx", "paste"];
/// System instructions that leave it alone.
const SYSTEM: &[&str] =
    &["mfspr", "mfmsr", "mftb", "mtmsr", "mtmsrd", "rfid", "hrfid", "rfscv", "sc", "scv", "tlbie", "tlbiel"];
/// Parts of names of floating-point and vector instructions that set a field.
const COMPARES: &[&str] = &["cmp", "tdiv", "tsqrt", "tstdc", "mcrfs", "bcd"];

/// XER, the other register that emitted code keeps something of.
const XER: usize = 1;

/// Which words of a row leave CR and XER alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untouched {
    Always,
    Never,
    UnlessRecording,
    UnlessXer,
}

/// The words of row `row` whose meaning neither reads nor writes CR and does
/// not write XER. Of others nothing is said.
pub fn untouched_by(row: &isa::Row) -> Untouched {
    let compares = || COMPARES.iter().any(|part| row.name.contains(part));
    let always = match row.group {
        Group::Ldst => !CONDITIONAL.contains(&row.name),
        Group::Float if compares() => false,
        Group::Float => return Untouched::UnlessRecording,
        Group::Vmx | Group::Vsx => !compares(),
        Group::System if row.name == "mtspr" => return Untouched::UnlessXer,
        Group::System => SYSTEM.contains(&row.name),
        Group::Fixed | Group::Branch => false,
    };
    if always { Untouched::Always } else { Untouched::Never }
}

impl Untouched {
    /// Whether `word` is one of them.
    pub fn holds(self, word: Word) -> bool {
        match self {
            Untouched::Always => true,
            Untouched::Never => false,
            Untouched::UnlessRecording => !word.rc(),
            Untouched::UnlessXer => word.spr() != XER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpu::env::NoPlatform;
    use cpu::{Cpu, Env, msr};
    use fabric::hash::state_hash;
    use fabric::memory::Store;
    use fabric::{GuestMemory, Rng};
    use isa::OpId;

    /// A state with a given CR; the rest comes from the seed.
    fn state(seed: u64, cr: u32) -> Cpu {
        let mut rng = Rng::named(seed, "state");
        let mut cpu = Cpu::new(0);
        cpu.set_msr(msr::SF | msr::HV | msr::ME | msr::LE | msr::FP | msr::VEC | msr::VSX);
        cpu.gpr = std::array::from_fn(|_| if rng.below(2) == 0 { rng.next_u64() } else { rng.below(0xF000) });
        (0..64).for_each(|i| cpu.set_vsr(i, u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())));
        cpu.xer = rng.next_u64() & cpu::state::xer::WRITABLE;
        cpu.cr = cr;
        cpu
    }

    #[test]
    fn what_is_said_to_leave_the_condition_register_alone_does() {
        let mem = GuestMemory::new(1 << 16).expect("64 KiB");
        let mut rng = Rng::named(1, "untouched");
        for (n, row) in isa::rows().iter().enumerate() {
            for _ in 0..40 {
                let (id, word) = (OpId(n as u16), Word(row.value | rng.next_u64() as u32 & !row.mask));
                let (seed, cr) = (rng.next_u64(), rng.next_u64() as u32);
                if !untouched_by(row).holds(word) {
                    continue;
                }
                let run = |cr: u32| {
                    let mut cpu = state(seed, cr);
                    assert_eq!(mem.write_bytes(0, &[0; 1 << 16]), Store::Done);
                    let mut env = Env { mem: &mem, platform: &mut NoPlatform };
                    let xer = cpu.xer;
                    let step = cpu::exec::handler(id)(&mut cpu, &mut env, word);
                    assert_eq!((cpu.cr, cpu.xer), (cr, xer), "{} {:#010x}", row.name, word.0);
                    let vsrs: Vec<u128> = (0..64).map(|i| cpu.vsr(i)).collect();
                    let registers = (cpu.gpr, vsrs, cpu.lr, cpu.ctr, cpu.fpscr, cpu.vscr, cpu.msr, cpu.nia);
                    (step, state_hash(&(registers, &cpu.sprs, cpu.raised, cpu.reservation)))
                };
                assert_eq!(run(cr), run(!cr), "{} {:#010x}", row.name, word.0);
            }
        }
    }
}
