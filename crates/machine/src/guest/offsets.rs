//! Where the fields of the kernel's structures are.

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident = $key:literal,)*) => {
        /// Offsets and constants of one kernel, from its BTF or compiled from
        /// its own headers by `xtask guest`. A kernel without them can be
        /// booted, but nothing is known of its tasks.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct GuestOffsets {
            $($(#[$doc])* pub $field: Option<u64>,)*
        }

        /// The keys of all of them, as in `offsets.toml`.
        pub const KEYS: &[&str] = &[$($key),*];

        impl GuestOffsets {
            /// Takes what `get` knows, by the keys of `offsets.toml`.
            pub fn lookup(get: impl Fn(&str) -> Option<u64>) -> GuestOffsets {
                GuestOffsets { $($field: get($key),)* }
            }
        }
    };
}

offsets! {
    /// The task that a CPU runs, in its PACA.
    current = "paca_struct.current",
    /// Flags of a task's thread.
    thread_flags = "task_struct.thread_info.flags",
    /// CPU that a task runs on, or ran on last.
    thread_cpu = "task_struct.thread_info.cpu",
    /// Bit of a thread's flags: a signal is to be delivered.
    sigpending = "TIF_SIGPENDING",
    /// What a task waits as.
    state = "task_struct.__state",
    /// Whether it is a zombie.
    exit_state = "task_struct.exit_state",
    /// Whether a CPU runs it.
    on_cpu = "task_struct.on_cpu",
    /// Its id as a thread.
    pid = "task_struct.pid",
    /// Its id as a process.
    tgid = "task_struct.tgid",
    /// Its name.
    comm = "task_struct.comm",
    /// Its memory; none of a kernel thread.
    mm = "task_struct.mm",
    /// Link of all processes.
    tasks = "task_struct.tasks",
    /// Link of the threads of a process.
    thread_node = "task_struct.thread_node",
    /// What the threads of a process share.
    signal = "task_struct.signal",
    /// Signals for this thread alone: the set's first doubleword.
    private_signals = "task_struct.pending.signal",
    /// Signals for any thread of the process.
    shared_signals = "signal_struct.shared_pending.signal",
    /// Head of the threads of a process.
    thread_head = "signal_struct.thread_head",
    /// Its kernel stack.
    stack = "task_struct.stack",
    /// Size of one.
    stack_size = "THREAD_SIZE",
    /// Stack pointer of a task that does not run.
    ksp = "task_struct.thread.ksp",
    /// Owner of a mutex, with flags in the lowest bits.
    mutex_owner = "mutex.owner",
    /// Head of those who wait for it.
    mutex_waiters = "mutex.wait_list",
    /// Link of the loaded modules.
    module_link = "module.list",
    /// Name of a module.
    module_name = "module.name",
    /// Its symbols.
    module_symbols = "module.kallsyms",
    /// The table of them, as in an ELF file.
    symbols_table = "mod_kallsyms.symtab",
    /// How many there are.
    symbols_count = "mod_kallsyms.num_symtab",
    /// Their names.
    symbols_names = "mod_kallsyms.strtab",
}

/// Constants that are macros, which BTF has not: the same in arch/powerpc of
/// every kernel from 4.14 to 6.14. Headers, where they are, are asked as well,
/// and `tests/it` compares.
pub const MACROS: &[(&str, u64)] = &[("TIF_SIGPENDING", 1)];

/// The value of a key as BTF and the list of macros have it.
pub fn from_btf(btf: &super::Btf, key: &str) -> Option<u64> {
    let fixed = || MACROS.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    match key {
        // `__current`: the headers of the kernel hide it behind a macro.
        "paca_struct.current" => btf.value("paca_struct.__current"),
        "THREAD_SIZE" => btf.size("thread_union"),
        _ => btf.value(key).or_else(fixed),
    }
}

impl GuestOffsets {
    /// True if conditions on tasks and mutexes can be evaluated.
    pub fn complete(&self) -> bool {
        let all = [self.current, self.thread_flags, self.sigpending, self.state, self.mutex_owner];
        all.iter().all(Option::is_some)
    }
}
