//! The scenarios of the fault catalogue, `scenarios/faults/*.toml`.

/// Name and text of each file.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../scenarios/faults/", $name, ".toml")))),*]
    };
}

/// All of them: each brings one fault about on the stock driver.
pub const FAULTS: &[(&str, &str)] = files![
    "afu-control-enable-stuck",
    "afu-control-reset-stuck",
    "afu-dma-error-ioarcb",
    "afu-dma-error-ioasa",
    "afu-dma-error-rrq",
    "async-all",
    "async-storm",
    "capability-ignored",
    "check-no-sense",
    "check-no-status",
    "context-reset-slow",
    "context-reset-stuck",
    "cpu-stall",
    "credits-lost",
    "error-injection",
    "frame-loss-abort",
    "frame-loss-abort-failed",
    "frame-loss-aborted",
    "frame-loss-crc",
    "frame-loss-length",
    "global-sync-dropped",
    "global-sync-failed",
    "heartbeat-frozen",
    "interface-version-odd",
    "interrupt-after-terminate",
    "interrupt-spurious-async",
    "interrupt-spurious-sync",
    "io-after-shutdown",
    "ipi-late",
    "llcmd-add-stuck",
    "llcmd-remove-fails",
    "llcmd-remove-stuck",
    "llcmd-terminate-fails",
    "llcmd-terminate-stuck",
    "lun-changed",
    "lun-table-wrong",
    "media-error",
    "mmio-slow",
    "page-fault-slow",
    "paging-slow",
    "port-link-down",
    "port-logged-out",
    "port-stuck-offline",
    "port-stuck-online",
    "power-loss",
    "provision-failed",
    "psl-error",
    "queue-stalled",
    "residual-mismatch",
    "residual-overrun",
    "residual-underrun",
    "room-ones",
    "room-violation",
    "room-zero",
    "rrq-before-data",
    "rrq-entry-duplicate",
    "rrq-entry-toggle",
    "rrq-interrupt-spurious",
    "rrq-no-interrupt",
    "scsi-busy",
    "scsi-queue-full",
    "scsi-reservation",
    "shutdown-stuck",
    "sync-delayed",
    "sync-dropped",
    "sync-dropped-reset-stuck",
    "sync-dropped-twice",
    "sync-failed",
    "sync-ineffective",
    "sync-late",
    "user-after-reset",
    "user-mmio-abuse",
    "vpd-missing",
    "write-lost",
];

#[cfg(test)]
mod tests {
    use super::*;
    use machine::faults::{Shown, TABLE};
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/faults");
        let files = std::fs::read_dir(folder).expect("scenarios/faults is there");
        let stem = |f: std::fs::DirEntry| f.path().file_stem().map(|s| s.to_string_lossy().into_owned());
        let found: BTreeSet<String> = files.filter_map(|f| stem(f.expect("readable"))).collect();
        let listed: BTreeSet<String> = FAULTS.iter().map(|(n, _)| (*n).to_owned()).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn every_scenario_is_right_and_bears_its_name() {
        for (name, text) in FAULTS {
            let scenario = machine::scenario::parse(text).unwrap_or_else(|p| panic!("{name}: {p:?}"));
            assert_eq!(scenario.name, *name);
        }
    }

    #[test]
    fn what_the_catalogue_says_is_shown_has_a_scenario_that_injects_it() {
        let all = || super::super::BUILT_IN.iter().chain(FAULTS);
        for fault in TABLE {
            let Shown::Scenario(name) = fault.shown else { continue };
            let text = all().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no scenario {name}")).1;
            let guest = |w: &machine::faults::Way| {
                w.parts.iter().any(|p| matches!(p, machine::faults::Part::Guest(_)))
            };
            let injects = text.contains(&format!("fault = \"{}\"", fault.name));
            assert!(injects || fault.ways.iter().any(guest), "{name} does not inject {}", fault.name);
        }
    }
}
