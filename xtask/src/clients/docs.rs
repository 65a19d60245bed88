//! `docs/clients.md`, from the table.

use std::fmt::Write as _;

use super::record;
use super::table::{BOOTS, Boot, DISK_BYTES, PeerDisk};
use crate::guest::clients::PACKAGES;

/// The page.
pub fn page() -> String {
    let mut page = format!(
        "# Real clients\n\n\
         Written by `cargo xtask docs` from `xtask/src/clients/table.rs`.\n\n\
         `cargo xtask clients` runs programs of the distribution ({packages}; their versions and libraries come from the package index)\n\
         in the guest, on a disk of the adapter, and the same programs on QEMU's SCSI disk (`-M powernv9`, `scsi-hd` behind virtio-scsi)\n\
         with the same kernel. Both disks have {mib} MiB in blocks of one size. A client passes if output and exit status are the\n\
         same on both, apart from the lines that its row excepts, and the exit status is the one in the table.\n\
         Where nobody else has what a client uses, it passes by its exit status and by what it has to say.\n\n\
         `--client NAME` and `--variant VARIANT` choose; `--format json` prints an array of `{{client, variant, result, detail}}`.\n\
         Results are pass, differs, failed (alike on both disks, but with a wrong exit status) and not-run. Both outputs of each client\n\
         are left in the run's folder as `VARIANT/CLIENT.ours` and `VARIANT/CLIENT.peer`. QEMU's outputs are kept by a hash of\n\
         everything that went in, in `target/capisim/clients-peer`. Rows marked * also run in `cargo xtask test`.\n",
        packages = PACKAGES.join(", "),
        mib = DISK_BYTES >> 20,
    );
    page.push_str(&record::section());
    for boot in BOOTS {
        conditions(boot, &mut page);
        clients(boot, &mut page);
    }
    page
}

fn conditions(boot: &Boot, page: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\n## Boot `{}`, blocks of {} bytes\n", boot.name, boot.block);
    if let Some(before) = boot.after {
        let _ = writeln!(
            page,
            "On the disk of `{before}`, after its power failed: nothing was unmounted, and our drive has lost what its volatile\n\
                 cache held. QEMU's disk keeps what the guest wrote.\n"
        );
    }
    if boot.loses_power {
        page.push_str(
                "100 to 900 ms after the last client the fault `power-loss` takes the power of the drive, and the machine ends. Files\n\
                 are written all that time.\n\n",
            );
    }
    for (name, fault) in boot.faults {
        let _ = writeln!(page, "- When `{name}` begins: `inject = {{ {fault} }}`.");
    }
    if !boot.violates.is_empty() {
        let _ = writeln!(
            page,
            "- These oracles have to speak, and no other may: {}.\n",
            boot.violates.join(", ")
        );
    }
    if boot.peer == PeerDisk::Nobody {
        page.push_str("Compared with nothing: what has to be said is in the last column.\n\n");
    }
    if boot.peer == PeerDisk::KernelTarget {
        page.push_str(
                "Compared with the SCSI target of the Linux kernel (`target_core_mod` with `tcm_loop`, in QEMU's guest): `scsi-hd` has no\n\
                 reservations.\n\n",
            );
    }
}

fn clients(boot: &Boot, page: &mut String) {
    page.push_str(
        "| client | shows | exit status | lines that may differ, or must be there |\n|---|---|---|---|\n",
    );
    for client in boot.clients {
        let quick = if client.quick { " *" } else { "" };
        let status = match client.peer_status {
            Some((status, why)) => format!("{}; there {status}: {why}", client.status),
            None => client.status.to_string(),
        };
        let except: Vec<String> =
            client.except.iter().map(|except| format!("`{}`: {}", except.text, except.why)).collect();
        let says = client.says.iter().map(|text| format!("`{text}`"));
        let except: Vec<String> = except.into_iter().chain(says).collect();
        let _ = writeln!(
            page,
            "| {}{quick} | {} | {} | {} |",
            client.name,
            client.about,
            status,
            except.join("; ")
        );
    }
}
