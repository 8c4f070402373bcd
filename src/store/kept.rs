//! What a store keeps alive because its references point into it: host functions. Each is kept once, however often it is
//! asked for. This file must not know what is kept.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// A set of shares, by address.
#[derive(Default)]
pub(crate) struct Kept(
    HashMap<usize, Arc<dyn Any + Send + Sync>, BuildHasherDefault<AddressHasher>>,
);

impl Kept {
    /// Keeps a share until the store is dropped; false if it was kept already, which costs nothing more than a look.
    pub(crate) fn keep<K: Any + Send + Sync>(&mut self, what: &Arc<K>) -> bool {
        // A share that is kept holds its allocation, so that no other one has this address.
        match self.0.entry(Arc::as_ptr(what).addr()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Arc::<K>::clone(what));
                true
            }
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Spreads addresses of allocations, which no guest chooses, over all bits. Every instance asks for each of its imports,
/// so this must cost little.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(byte.into());
        }
    }

    fn write_usize(&mut self, word: usize) {
        // The golden ratio's bits; the rotation brings the mixed upper half down to where tables look first.
        let mixed = (self.0 ^ word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;
    use std::sync::Arc;

    #[test]
    fn each_share_is_kept_once_and_until_the_end() {
        let all: Vec<Arc<usize>> = (0..100).map(Arc::new).collect();
        let mut kept = Kept::default();
        assert!(all.iter().all(|what| kept.keep(what)));
        assert!(!all.iter().any(|what| kept.keep(what)));
        assert_eq!(kept.len(), 100);
        assert!(all.iter().all(|what| Arc::strong_count(what) == 2));
        drop(kept);
        assert!(all.iter().all(|what| Arc::strong_count(what) == 1));
    }
}
