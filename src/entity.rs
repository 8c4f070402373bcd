//! Typed indices and maps over them. For everybody; must not know what is indexed.
//!
//! The compiler has its own, in a crate of Cranelift's; a build without the compiler has none of its crates.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// An index of one kind.
pub(crate) trait EntityRef: Copy + Eq {
    /// The index of this position.
    ///
    /// # Panics
    ///
    /// There are more than 2^32 - 2 positions before it.
    fn new(index: usize) -> Self;

    /// The position.
    fn index(self) -> usize;
}

/// Makes a tuple structure of a `u32` an [`EntityRef`]; with a prefix it is shown as that and the number.
macro_rules! entity_impl {
    ($name:ident, $prefix:literal) => {
        $crate::entity::entity_impl!($name);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
    ($name:ident) => {
        impl $crate::entity::EntityRef for $name {
            #[inline]
            fn new(index: usize) -> Self {
                match u32::try_from(index) {
                    Ok(index) if index < u32::MAX => $name(index),
                    _ => panic!("{index} is too large for an index"),
                }
            }

            #[inline]
            fn index(self) -> usize {
                self.0 as usize
            }
        }

        #[allow(
            dead_code,
            unreachable_pub,
            reason = "one macro for every kind of index"
        )]
        impl $name {
            /// The index of this number.
            #[inline]
            pub fn from_u32(index: u32) -> Self {
                $crate::entity::EntityRef::new(index as usize)
            }

            /// The number.
            #[inline]
            pub fn as_u32(self) -> u32 {
                self.0
            }
        }
    };
}
pub(crate) use entity_impl;

/// A list whose positions have a kind.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    transparent,
    bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>")
)]
pub(crate) struct PrimaryMap<K, V> {
    values: Vec<V>,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

impl<K: EntityRef, V> PrimaryMap<K, V> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        PrimaryMap {
            values: Vec::with_capacity(capacity),
            kind: PhantomData,
        }
    }

    /// Adds a value and tells its index.
    pub(crate) fn push(&mut self, value: V) -> K {
        let index = K::new(self.values.len());
        self.values.push(value);
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is such a position.
    pub(crate) fn is_valid(&self, index: K) -> bool {
        index.index() < self.values.len()
    }

    pub(crate) fn get(&self, index: K) -> Option<&V> {
        self.values.get(index.index())
    }

    #[cfg(test)]
    pub(crate) fn keys(
        &self,
    ) -> impl ExactSizeIterator<Item = K> + DoubleEndedIterator + use<K, V> {
        (0..self.values.len()).map(K::new)
    }

    pub(crate) fn values(&self) -> std::slice::Iter<'_, V> {
        self.values.iter()
    }

    /// Indices with their values.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (K, &V)> + DoubleEndedIterator {
        self.values.iter().enumerate().map(|(i, v)| (K::new(i), v))
    }
}

impl<K, V> Default for PrimaryMap<K, V> {
    fn default() -> Self {
        PrimaryMap {
            values: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<K: EntityRef, V> Index<K> for PrimaryMap<K, V> {
    type Output = V;

    fn index(&self, index: K) -> &V {
        &self.values[index.index()]
    }
}

impl<K: EntityRef, V> IndexMut<K> for PrimaryMap<K, V> {
    fn index_mut(&mut self, index: K) -> &mut V {
        &mut self.values[index.index()]
    }
}

impl<K: EntityRef, V> FromIterator<V> for PrimaryMap<K, V> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        PrimaryMap {
            values: values.into_iter().collect(),
            kind: PhantomData,
        }
    }
}

impl<'a, K: EntityRef, V> IntoIterator for &'a PrimaryMap<K, V> {
    type Item = (K, &'a V);
    type IntoIter = std::iter::Map<
        std::iter::Enumerate<std::slice::Iter<'a, V>>,
        fn((usize, &'a V)) -> (K, &'a V),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter().enumerate().map(|(i, v)| (K::new(i), v))
    }
}

impl<K: EntityRef + fmt::Debug, V: fmt::Debug> fmt::Debug for PrimaryMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{EntityRef, PrimaryMap};
    use crate::wasm::FuncIndex;

    #[test]
    fn positions_have_kinds() {
        let mut map: PrimaryMap<FuncIndex, &str> = PrimaryMap::default();
        assert!(map.len() == 0 && !map.is_valid(FuncIndex::new(0)));
        let a = map.push("a");
        let b = map.push("b");
        map[a] = "c";
        assert_eq!((map[a], map.get(b), map.len()), ("c", Some(&"b"), 2));
        assert_eq!(map.get(FuncIndex::new(2)), None);
        assert_eq!(format!("{map:?}"), r#"{func0: "c", func1: "b"}"#);
        assert!(map.keys().eq([a, b]) && map.values().eq(&["c", "b"]));
    }

    #[test]
    fn they_are_encoded_as_lists() {
        let map: PrimaryMap<FuncIndex, u8> = [7, 8].into_iter().collect();
        let bytes = postcard::to_stdvec(&map).unwrap();
        assert_eq!(bytes, [2, 7, 8]);
        let read: PrimaryMap<FuncIndex, u8> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read, map);
    }

    #[test]
    #[should_panic(expected = "too large for an index")]
    fn an_index_fits_its_number() {
        let _ = FuncIndex::new(u32::MAX as usize);
    }
}
