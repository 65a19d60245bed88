//! The flattened device tree: what the stock kernel needs and no more.

use crate::console::TERMINALS;
use crate::layout::{MemoryLayout, PlatformConfig};
use crate::map::{self, PhbMap};
use fabric::time::TIMEBASE_HZ;
use vm_fdt::{FdtReserveEntry, FdtWriter};

type Result<T = ()> = std::result::Result<T, vm_fdt::Error>;

const INTC: u32 = 1;
/// `ibm,pa-features` of a POWER9: a length, a type and 64 bytes of feature
/// bits, padded to whole cells. Byte 40 bit 0 is the radix MMU.
const PA_FEATURES: [u32; 17] = [
    0x4200_f63f,
    0xc7c0_00f0,
    0x8000_0000,
    0,
    0x8000,
    0x8000_8000,
    0x8000_8000,
    0x8000_8000,
    0x8000,
    0xc000_0000,
    0x8000,
    0x8000_8000,
    0x8000_8000,
    0x8000_8000,
    0x8000_8000,
    0x8000_8000,
    0x8000_0000,
];
/// (AP << 29) | log2 of the page size: 4 KiB, 64 KiB, 2 MiB, 1 GiB.
const RADIX_AP: [u32; 4] = [0x0000_000c, 0xa000_0010, 0x2000_0015, 0x4000_001e];
/// Its name has 32 characters and vm-fdt takes 31, so it is written under
/// another one and renamed.
const RADIX_AP_NAME: &str = "ibm,processor-radix-AP-encodings";
const RADIX_AP_ALIAS: &str = "ibm,processor-radix-AP";
const BRIDGE_CLASS: u32 = 0x06_0400;
const IBM: u32 = 0x1014;

/// The tree for this machine. `layout` says where its pieces are.
pub fn device_tree(config: &PlatformConfig, layout: &MemoryLayout) -> Vec<u8> {
    let blob = write(config, layout).expect("names and sizes of the tree are ours and valid");
    rename_property(blob, RADIX_AP_ALIAS, RADIX_AP_NAME)
}

fn hi_lo(v: u64) -> [u32; 2] {
    [(v >> 32) as u32, v as u32]
}

fn write(config: &PlatformConfig, layout: &MemoryLayout) -> Result<Vec<u8>> {
    let opal = FdtReserveEntry::new(layout.opal_base, map::OPAL_BYTES)?;
    let mut fdt = FdtWriter::new_with_mem_reserv(&[opal])?;
    fdt.set_boot_cpuid_phys(config.cpus.first().copied().unwrap_or(0));
    let f = &mut fdt;
    let root = f.begin_node("")?;
    cells(f, 2, 2)?;
    f.property_string("compatible", "ibm,powernv")?;
    f.property_string("model", "capisim")?;
    chosen(f, config, layout)?;
    cpus(f, config)?;
    let memory = f.begin_node("memory@0")?;
    f.property_string("device_type", "memory")?;
    f.property_array_u64("reg", &[0, config.memory_bytes])?;
    f.property_u32("ibm,chip-id", 0)?;
    f.end_node(memory)?;
    interrupt_controller(f)?;
    opal_node(f, config, layout)?;
    for n in 0..config.adapters.min(map::MAX_ADAPTERS) {
        phb(f, &map::phb(n))?;
    }
    f.end_node(root)?;
    fdt.finish()
}

fn cells(f: &mut FdtWriter, address: u32, size: u32) -> Result {
    f.property_u32("#address-cells", address)?;
    f.property_u32("#size-cells", size)
}

fn chosen(f: &mut FdtWriter, config: &PlatformConfig, layout: &MemoryLayout) -> Result {
    let node = f.begin_node("chosen")?;
    f.property_string("bootargs", &config.cmdline.replace('\0', " "))?;
    f.property_string("stdout-path", "/ibm,opal/consoles/serial@0")?;
    if let Some((start, end)) = layout.initrd {
        f.property_u64("linux,initrd-start", start)?;
        f.property_u64("linux,initrd-end", end)?;
    }
    f.end_node(node)
}

fn cpus(f: &mut FdtWriter, config: &PlatformConfig) -> Result {
    let cpus = f.begin_node("cpus")?;
    cells(f, 1, 0)?;
    for &hwid in &config.cpus {
        let cpu = f.begin_node(&format!("PowerPC,POWER9@{hwid:x}"))?;
        f.property_string("device_type", "cpu")?;
        f.property_u32("reg", hwid)?;
        f.property_u32("ibm,ppc-interrupt-server#s", hwid)?;
        f.property_u32("ibm,chip-id", 0)?;
        f.property_array_u32("ibm,pa-features", &PA_FEATURES)?;
        // The only source of AltiVec and VSX without a cpu-features node.
        f.property_u32("ibm,vmx", 2)?;
        f.property_u32("ibm,dfp", 1)?;
        f.property_array_u32(RADIX_AP_ALIAS, &RADIX_AP)?;
        f.property_u32("timebase-frequency", TIMEBASE_HZ as u32)?;
        f.property_u64("clock-frequency", 1_000_000_000)?;
        f.property_u32("ibm,dec-bits", 56)?;
        for cache in ["d-cache", "i-cache"] {
            f.property_u32(&format!("{cache}-size"), 0x8000)?;
            f.property_u32(&format!("{cache}-line-size"), 0x80)?;
            f.property_u32(&format!("{cache}-block-size"), 0x80)?;
        }
        f.end_node(cpu)?;
    }
    f.end_node(cpus)
}

fn interrupt_controller(f: &mut FdtWriter) -> Result {
    let node = f.begin_node("interrupt-controller@0")?;
    f.property_string_list("compatible", vec!["ibm,opal-intc".into(), "IBM,opal-xics".into()])?;
    f.property_string("device_type", "PowerPC-Interrupt-Source-Controller")?;
    f.property_null("interrupt-controller")?;
    f.property_u32("#interrupt-cells", 2)?;
    f.property_u32("#address-cells", 0)?;
    f.property_array_u32("reg", &[0; 4])?;
    f.property_phandle(INTC)?;
    f.end_node(node)
}

fn opal_node(f: &mut FdtWriter, config: &PlatformConfig, layout: &MemoryLayout) -> Result {
    let opal = f.begin_node("ibm,opal")?;
    cells(f, 0, 0)?;
    f.property_string("compatible", "ibm,opal-v3")?;
    f.property_u64("opal-base-address", layout.opal_base)?;
    f.property_u64("opal-entry-address", layout.opal_entry)?;
    f.property_u64("opal-runtime-size", map::OPAL_BYTES)?;
    f.property_u32("opal-msg-async-num", 8)?;
    f.property_u32("ibm,heartbeat-ms", config.heartbeat_ms.max(1))?;
    f.property_u32("interrupt-parent", INTC)?;
    f.property_array_u32("interrupts", &[map::OPAL_LSI, 1])?;
    f.property_string("interrupt-names", "event")?;

    let idle = f.begin_node("power-mgt")?;
    // One state: stop level 0 without loss of state (ESL = EC = 0).
    f.property_string("ibm,cpu-idle-state-names", "stop0_lite")?;
    f.property_u32("ibm,cpu-idle-state-flags", 0x0010_0000)?;
    f.property_u32("ibm,cpu-idle-state-latencies-ns", 1000)?;
    f.property_u32("ibm,cpu-idle-state-residency-ns", 10_000)?;
    f.property_u64("ibm,cpu-idle-state-psscr", 0x330)?;
    f.property_u64("ibm,cpu-idle-state-psscr-mask", 0x30_03ff)?;
    f.end_node(idle)?;

    let consoles = f.begin_node("consoles")?;
    cells(f, 1, 0)?;
    for terminal in 0..TERMINALS {
        let serial = f.begin_node(&format!("serial@{terminal:x}"))?;
        f.property_string("compatible", "ibm,opal-console-raw")?;
        f.property_string("device_type", "serial")?;
        f.property_u32("reg", terminal as u32)?;
        f.property_u32("#write-buffer-size", crate::console::MAX_TRANSFER as u32)?;
        f.end_node(serial)?;
    }
    f.end_node(consoles)?;
    f.end_node(opal)
}

fn phb(f: &mut FdtWriter, m: &PhbMap) -> Result {
    let node = f.begin_node(&format!("pciex@{:x}", m.registers))?;
    f.property_string_list("compatible", vec!["ibm,power9-pciex".into(), "ibm,ioda3-phb".into()])?;
    f.property_string("device_type", "pciex")?;
    f.property_array_u64("reg", &[m.registers, map::PHB_REGISTER_BYTES])?;
    cells(f, 3, 2)?;
    f.property_u32("#interrupt-cells", 1)?;
    f.property_u32("interrupt-parent", INTC)?;
    f.property_array_u32("bus-range", &[0, 0xff])?;
    f.property_u64("ibm,opal-phbid", m.opal_id)?;
    f.property_u32("ibm,phb-index", m.index)?;
    f.property_u32("ibm,chip-id", m.chip)?;
    let [pci, cpu, size] = [map::M32_PCI, m.m32, map::M32_BYTES - map::M32_MSI_HOLE].map(hi_lo);
    f.property_array_u32("ranges", &[0x0200_0000, pci[0], pci[1], cpu[0], cpu[1], size[0], size[1]])?;
    f.property_array_u64("ibm,opal-m64-window", &[m.m64, m.m64, map::M64_BYTES])?;
    f.property_array_u32("ibm,opal-available-m64-ranges", &[1, map::M64_WINDOWS as u32 - 1])?;
    f.property_u32("ibm,opal-num-pes", u32::from(map::NUM_PES))?;
    f.property_u32("ibm,opal-reserved-pe", u32::from(map::RESERVED_PE))?;
    f.property_array_u32("ibm,opal-msi-ranges", &[m.msi_base, map::MSI_COUNT])?;
    f.property_u32("ibm,phb-diag-data-size", map::DIAG_BYTES as u32)?;
    // Message indications for CAPI, ASN and non-blocking writes, as skiboot gives them.
    f.property_array_u32("ibm,phb-indications", &[0x200, 0xc00, 0x300])?;
    f.property_null("ibm,capp-timebase-sync")?;
    root_port(f)?;
    f.end_node(node)
}

/// The root port, the adapter on bus 1 and the node that gives the AFU's
/// virtual device its `pci_dn`.
fn root_port(f: &mut FdtWriter) -> Result {
    let port = f.begin_node("pci@0")?;
    pci_function(f, 0, BRIDGE_CLASS, crate::phb::ROOT_PORT_DEVICE)?;
    f.property_string("device_type", "pciex")?;
    cells(f, 3, 2)?;
    f.property_u32("#interrupt-cells", 1)?;
    f.property_array_u32("ranges", &[0x0200_0000, 0, 0, 0x0200_0000, 0, 0, 0xf000_0000, 0])?;

    let adapter = f.begin_node("accelerator@0")?;
    // Deviates: the class says bridge so that the kernel visits the child;
    // without a node for devfn 0 the stock kernel dereferences NULL when cxl
    // registers its virtual PHB. The real class is read from config space.
    pci_function(f, 0x1_0000, BRIDGE_CLASS, 0x0477)?;
    cells(f, 3, 2)?;
    f.property_null("ranges")?;
    let afu = f.begin_node("afu@0")?;
    // Bus 0xff is one Linux never uses, so the AFU joins no real PE.
    let reg: [u32; 5] = [0xff_0000, 0, 0, 0, 0];
    f.property_array_u32("reg", &reg)?;
    f.property_u32("class-code", 0x1_0000)?;
    f.property_u32("vendor-id", IBM)?;
    f.property_u32("device-id", 0x04f0)?;
    f.end_node(afu)?;
    f.end_node(adapter)?;
    f.end_node(port)
}

fn pci_function(f: &mut FdtWriter, reg: u32, class: u32, device: u32) -> Result {
    f.property_array_u32("reg", &[reg, 0, 0, 0, 0])?;
    f.property_u32("class-code", class)?;
    f.property_u32("vendor-id", IBM)?;
    f.property_u32("device-id", device)?;
    f.property_u32("ibm,pci-config-space-type", 1)
}

fn word(blob: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(blob[at..at + 4].try_into().expect("four bytes"))
}

/// Gives every property `from` the name `to`: the name is appended to the
/// string block, which vm-fdt puts last. Offsets are those of the header
/// (Devicetree Specification 0.4, section 5.2).
fn rename_property(mut blob: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let [structs, strings, size_strings, size_structs] = [8, 12, 32, 36].map(|at| word(&blob, at) as usize);
    assert_eq!(strings + size_strings, blob.len(), "the string block comes last");
    let name = |offset: usize| {
        let rest = &blob[strings + offset..];
        rest.split(|&b| b == 0).next().unwrap_or(rest)
    };
    let mut at = structs;
    let mut patches = Vec::new();
    while at < structs + size_structs {
        match word(&blob, at) {
            1 => {
                let len = blob[at + 4..].iter().position(|&b| b == 0).expect("node names end");
                at += 4 + (len + 1).next_multiple_of(4);
            }
            3 => {
                if name(word(&blob, at + 8) as usize) == from.as_bytes() {
                    patches.push(at + 8);
                }
                at += 12 + (word(&blob, at + 4) as usize).next_multiple_of(4);
            }
            _ => at += 4,
        }
    }
    for p in patches {
        blob[p..p + 4].copy_from_slice(&(size_strings as u32).to_be_bytes());
    }
    blob.extend_from_slice(to.as_bytes());
    blob.push(0);
    let (total, strings) = (blob.len() as u32, (size_strings + to.len() + 1) as u32);
    blob[4..8].copy_from_slice(&total.to_be_bytes());
    blob[32..36].copy_from_slice(&strings.to_be_bytes());
    blob
}
