//! Loaded modules and their functions, from the kernel's own tables.

use super::Inspector;
use std::collections::BTreeMap;

/// So many modules are looked at.
const MAX_MODULES: usize = 512;
/// So many symbols of one.
const MAX_SYMBOLS: usize = 1 << 16;
/// Longest name of a module or of a symbol.
const MAX_NAME: usize = 128;
/// Size of a symbol, offsets of its section and value (ELF-64 object file format, figure 6).
const SYMBOL: usize = 24;

/// A module of the running kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedModule {
    /// Its name.
    pub name: String,
    /// Its symbols by address.
    pub symbols: BTreeMap<u64, String>,
}

impl Inspector<'_> {
    /// All modules. Empty if the layout is not known.
    pub fn modules(&self) -> Vec<LoadedModule> {
        let list = || {
            let head = self.symbols.find("modules")?.address;
            Some(self.list(head, self.offsets.module_link?, &mut { MAX_MODULES }))
        };
        list().unwrap_or_default().into_iter().filter_map(|module| self.module(module)).collect()
    }

    fn module(&self, module: u64) -> Option<LoadedModule> {
        let o = self.offsets;
        let name = self.machine.read_kernel_str(module.wrapping_add(o.module_name?), MAX_NAME)?;
        let read = || {
            let tables = self.pointer(module, o.module_symbols)?;
            let (table, names) =
                (self.pointer(tables, o.symbols_table)?, self.pointer(tables, o.symbols_names)?);
            let count = (self.u32(tables, o.symbols_count)? as usize).min(MAX_SYMBOLS);
            let mut bytes = vec![0; count * SYMBOL];
            self.machine.read_kernel(table, &mut bytes).then(|| self.functions(&bytes, names))
        };
        Some(LoadedModule { name, symbols: read().unwrap_or_default() })
    }

    fn functions(&self, table: &[u8], names: u64) -> BTreeMap<u64, String> {
        let mut found = BTreeMap::new();
        for symbol in table.chunks_exact(SYMBOL) {
            let name = u32::from_le_bytes(symbol[..4].try_into().unwrap_or_default());
            let section = u16::from_le_bytes(symbol[6..8].try_into().unwrap_or_default());
            let value = u64::from_le_bytes(symbol[8..16].try_into().unwrap_or_default());
            if section == 0 || !super::is_kernel(value) {
                continue;
            }
            let name = self.machine.read_kernel_str(names.wrapping_add(name.into()), MAX_NAME);
            if let Some(name) = name.filter(|n| !n.is_empty() && !n.starts_with(['.', '$'])) {
                found.entry(value).or_insert(name);
            }
        }
        found
    }
}
