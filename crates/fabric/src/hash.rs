//! The state hash: 128-bit XXH3 over the postcard form of a state. What is
//! saved is what is hashed, so a saved field cannot be left out; what must
//! not count (views, caches) is `#[serde(skip)]`.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

struct Sink<'a>(&'a mut Xxh3);

impl postcard::ser_flavors::Flavor for Sink<'_> {
    type Output = ();
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.update(&[data]);
        Ok(())
    }
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.update(data);
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Accumulates states and byte ranges into one hash.
#[derive(Clone, Default)]
pub struct StateHasher(Xxh3);

impl StateHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> StateHasher {
        StateHasher(Xxh3::new())
    }
    /// Adds the saved form of `state`.
    pub fn state<T: Serialize + ?Sized>(&mut self, state: &T) {
        postcard::serialize_with_flavor(state, Sink(&mut self.0)).expect("model states have a postcard form");
    }
    /// Adds raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// The hash of everything added.
    pub fn finish(&self) -> u128 {
        self.0.digest128()
    }
}

/// Hash of one state by itself.
pub fn state_hash<T: Serialize + ?Sized>(state: &T) -> u128 {
    let mut h = StateHasher::new();
    h.state(state);
    h.finish()
}
