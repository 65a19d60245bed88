//! Functions by name: in the kernel, and in modules once they are loaded.

use crate::kernel::{Symbol, Symbols};
use crate::scenario::{Name, Problem};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Symbols of a module's file.
#[derive(Clone, Debug, Default)]
pub struct ModuleSymbols {
    /// Name as the kernel shows it.
    pub name: String,
    symbols: Symbols,
    sections: BTreeMap<usize, String>,
}

impl ModuleSymbols {
    /// Reads the symbols of the module `name` from its ELF file; none if it
    /// is not one.
    pub fn read(name: &str, image: &[u8]) -> ModuleSymbols {
        let mut module = ModuleSymbols { name: name.to_owned(), ..ModuleSymbols::default() };
        if let Ok(elf) = ElfFile64::<Endianness>::parse(image) {
            module.symbols = Symbols::read(&elf);
            module.sections =
                elf.sections().filter_map(|s| Some((s.index().0, s.name().ok()?.to_owned()))).collect();
        }
        module
    }
    fn find(&self, function: &str) -> Option<(Symbol, &str)> {
        let symbol = self.symbols.find(function)?;
        Some((symbol, self.sections.get(&symbol.section)?))
    }
}

/// A function in the running guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// `function` or `module:function`.
    pub name: String,
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
    /// Where every call passes: the local entry point.
    pub entry: u64,
}

impl Function {
    /// True for a return address into this function.
    pub fn holds_return(&self, address: u64) -> bool {
        self.start < address && address <= self.end
    }
}

/// What the guest's functions are called and, as far as known, where they are.
#[derive(Clone, Debug)]
pub struct SymbolTable<'a> {
    kernel: &'a Symbols,
    modules: Vec<ModuleSymbols>,
    /// Load address by module and section.
    loaded: BTreeMap<(String, String), u64>,
}

impl<'a> SymbolTable<'a> {
    /// A table in which no module is loaded yet.
    pub fn new(kernel: &'a Symbols, modules: Vec<ModuleSymbols>) -> SymbolTable<'a> {
        SymbolTable { kernel, modules, loaded: BTreeMap::new() }
    }
    /// The kernel's symbols.
    pub fn kernel(&self) -> &'a Symbols {
        self.kernel
    }
    /// Module and function of a name: without a module the kernel comes
    /// first, then the modules in order.
    fn split<'n>(&self, name: &'n str) -> (Option<String>, &'n str) {
        if let Some((module, function)) = name.split_once(':') {
            return (Some(module.replace('-', "_")), function);
        }
        if self.kernel.find(name).is_some() {
            return (None, name);
        }
        let home = self.modules.iter().find(|m| m.symbols.find(name).is_some());
        (home.map(|m| m.name.clone()), name)
    }
    /// The full name of a function that exists.
    pub fn check(&self, name: &str) -> Option<String> {
        match self.split(name) {
            (None, function) => self.kernel.find(function).map(|_| function.to_owned()),
            (Some(module), function) => {
                let known = self.modules.iter().any(|m| m.name == module && m.find(function).is_some());
                known.then(|| format!("{module}:{function}"))
            }
        }
    }
    /// What to say about a name that does not exist.
    pub fn problem(&self, name: &Name) -> Problem {
        if let Some((module, function)) = name.text.split_once(':') {
            let Some(m) = self.modules.iter().find(|m| m.name == module.replace('-', "_")) else {
                let known = self.modules.iter().map(|m| m.name.as_str());
                return Problem::unknown(name.place, "module", module, known);
            };
            return Problem::unknown(name.place, &format!("symbol in {module}"), function, m.symbols.names());
        }
        let modules = self.modules.iter().flat_map(|m| m.symbols.names());
        Problem::unknown(name.place, "symbol", &name.text, self.kernel.names().chain(modules))
    }
    /// Bytes from the start of a function of a module to its local entry point.
    pub fn local_entry(&self, module: &str, function: &str) -> Option<u64> {
        let m = self.modules.iter().find(|m| m.name == module)?;
        m.symbols.find(function).filter(|s| s.function).map(|s| s.local_entry)
    }
    /// The section of a module whose load address is needed for `name`.
    pub fn section_of(&self, name: &str) -> Option<(String, String)> {
        let (module, function) = self.split(name);
        let module = module?;
        let m = self.modules.iter().find(|m| m.name == module)?;
        let (_, section) = m.find(function)?;
        Some((module, section.to_owned()))
    }
    /// Says where a section of a module was loaded.
    pub fn loaded(&mut self, module: &str, section: &str, address: u64) {
        self.loaded.insert((module.to_owned(), section.to_owned()), address);
    }
    /// Where sections of modules were loaded, by module and section.
    pub fn load_addresses(&self) -> &BTreeMap<(String, String), u64> {
        &self.loaded
    }
    /// Says that a module is gone.
    pub fn unloaded(&mut self, module: &str) {
        self.loaded.retain(|(m, _), _| m != module);
    }
    /// The function, if it is in the kernel or in a loaded module.
    pub fn find(&self, name: &str) -> Option<Function> {
        let (symbol, base, full) = match self.split(name) {
            (None, function) => (self.kernel.find(function)?, 0, function.to_owned()),
            (Some(module), function) => {
                let m = self.modules.iter().find(|m| m.name == module)?;
                let (symbol, section) = m.find(function)?;
                let base = *self.loaded.get(&(module.clone(), section.to_owned()))?;
                (symbol, base, format!("{module}:{function}"))
            }
        };
        let start = base.wrapping_add(symbol.address);
        Some(Function {
            name: full,
            start,
            end: start.wrapping_add(symbol.size.max(4)),
            entry: start.wrapping_add(symbol.local_entry),
        })
    }
    /// True for an address that is not in the kernel itself.
    pub fn in_module(&self, address: u64) -> bool {
        self.kernel.at(address).is_none_or(|(_, distance)| distance >= 1 << 16)
    }
    /// An address for people: kernel function and distance, or the number.
    pub fn describe(&self, address: u64) -> String {
        match self.kernel.at(address) {
            // No function of the kernel is longer than this.
            Some((name, distance)) if distance < 1 << 16 => format!("{name}+{distance:#x}"),
            _ => format!("{address:#x}"),
        }
    }
    /// Kernel functions whose name begins with `start`.
    pub fn kernel_functions(&self, start: &str) -> Vec<Function> {
        self.kernel.names_from(start).into_iter().filter_map(|n| self.find(n)).collect()
    }
}
