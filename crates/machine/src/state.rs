//! The state of a machine as hashes and as a list, for those who compare.

use crate::machine::Machine;
use fabric::hash::{StateHasher, state_hash};
use fabric::listing::listing;

impl Machine {
    /// Hash of everything that can influence the future.
    pub fn state_hash(&self) -> u128 {
        let mut h = StateHasher::new();
        h.state(&self.cpus);
        h.state(&self.platform);
        for function in self.platform.functions() {
            h.bytes(&function.saved());
        }
        h.state(&(&self.nest, &self.clock, &self.doorbells, &self.broadcasts));
        self.mem.hash_into(&mut h);
        h.finish()
    }

    /// Hashes of what [`Machine::state_hash`] covers, part by part; of memory
    /// only what differs from the image it was saved to or restored from.
    pub fn state_parts(&self) -> Vec<(String, u128)> {
        let cpus = self.cpus.iter().enumerate().map(|(n, c)| (format!("cpu {n}"), state_hash(c)));
        let functions = self.platform.functions().enumerate();
        let functions = functions.map(|(n, f)| (format!("adapter {n}"), state_hash(&f.saved())));
        let mut memory = StateHasher::new();
        self.mem.hash_changes(&mut memory);
        let rest = [
            ("platform".to_owned(), state_hash(&self.platform)),
            ("nest MMU".to_owned(), state_hash(&self.nest)),
            ("clock".to_owned(), state_hash(&self.clock)),
            ("queues".to_owned(), state_hash(&(&self.doorbells, &self.broadcasts))),
            ("memory".to_owned(), memory.finish()),
        ];
        cpus.chain(functions).chain(rest).collect()
    }
    /// The values of all of that but memory, by their paths.
    pub fn state_listing(&self) -> Vec<(String, String)> {
        let mut all = vec![];
        for (n, cpu) in self.cpus.iter().enumerate() {
            all.extend(listing(&format!("cpu {n}"), cpu));
        }
        all.extend(listing("platform", &self.platform));
        for (n, f) in self.platform.functions().enumerate() {
            all.extend(f.listing().into_iter().map(|(path, value)| (format!("adapter {n} {path}"), value)));
        }
        all.extend(listing("nest MMU", &self.nest));
        all.extend(listing("clock", &self.clock));
        all.extend(listing("queues", &(&self.doorbells, &self.broadcasts)));
        all
    }
}
