//! Immutable bytes that are shared, in memory or in a mapped file, and sorted tables that are searched where they lie.
//! For everybody; must not know what the bytes mean.

use crate::error::{Result, ensure};
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Shared bytes. Copies and parts are cheap.
#[derive(Clone)]
pub(crate) struct Bytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl Bytes {
    /// The bytes of an owner, who always answers with the same ones.
    pub(crate) fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Bytes {
        let range = 0..owner.as_ref().len();
        Bytes {
            owner: Arc::new(owner),
            range,
        }
    }

    /// A part of these bytes.
    ///
    /// # Panics
    ///
    /// The range is not inside.
    pub(crate) fn part(&self, range: Range<usize>) -> Bytes {
        assert!(range.start <= range.end && range.end <= self.len());
        let start = self.range.start;
        Bytes {
            owner: Arc::clone(&self.owner),
            range: start + range.start..start + range.end,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::new(bytes)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

/// Entries of `N` bytes, sorted by 32-bit keys: first all keys, then all entries, little-endian and unaligned.
///
/// Looking up allocates nothing and never panics, whatever the bytes are: it is done in signal handlers.
#[derive(Clone, Default)]
pub(crate) struct Table<const N: usize>(Bytes);

const KEY: usize = size_of::<u32>();

impl<const N: usize> Table<N> {
    /// A table of entries that are sorted by key.
    pub(crate) fn new(entries: impl ExactSizeIterator<Item = (u32, [u8; N])>) -> Self {
        let mut values = Vec::with_capacity(entries.len() * N);
        let mut bytes = Vec::with_capacity(entries.len() * (KEY + N));
        for (key, value) in entries {
            bytes.extend_from_slice(&key.to_le_bytes());
            values.extend_from_slice(&value);
        }
        bytes.extend_from_slice(&values);
        Table(bytes.into())
    }

    /// A table as [`Table::bytes`] gave it.
    ///
    /// # Errors
    ///
    /// The bytes are not those of whole entries.
    pub(crate) fn from_bytes(bytes: Bytes) -> Result<Self> {
        ensure!(
            bytes.len().is_multiple_of(KEY + N),
            "a table of {} bytes does not hold whole entries of {}",
            bytes.len(),
            KEY + N
        );
        Ok(Table(bytes))
    }

    /// The table's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.0.len() / (KEY + N)
    }

    /// The entry at a position below [`Table::len`].
    fn entry(&self, at: usize) -> Option<(u32, [u8; N])> {
        let (keys, values) = self.0.split_at_checked(self.len() * KEY)?;
        let key = keys.get(at * KEY..)?.first_chunk()?;
        let value = values.get(at * N..)?.first_chunk()?;
        Some((u32::from_le_bytes(*key), *value))
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, [u8; N])> + '_ {
        (0..self.len()).map(|at| self.entry(at).expect("inside"))
    }

    /// The number of entries whose keys are at most `key`.
    fn up_to(&self, key: u32) -> usize {
        let bytes: &[u8] = &self.0;
        let keys = bytes.get(..self.len() * KEY).unwrap_or_default();
        let (keys, _) = keys.as_chunks::<KEY>();
        keys.partition_point(|at| u32::from_le_bytes(*at) <= key)
    }

    /// The last entry whose key is at most `key`.
    pub(crate) fn at_or_before(&self, key: u32) -> Option<(u32, [u8; N])> {
        self.entry(self.up_to(key).checked_sub(1)?)
    }

    /// The entry of exactly this key; the last one, if it has several.
    pub(crate) fn get(&self, key: u32) -> Option<[u8; N]> {
        let (at, value) = self.at_or_before(key)?;
        (at == key).then_some(value)
    }
}

impl<const N: usize> fmt::Debug for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Table};

    #[test]
    fn parts_share_their_owner() {
        let whole = Bytes::from(b"0123456789".to_vec());
        let part = whole.part(2..8).part(1..3);
        drop(whole);
        assert_eq!(&*part, b"34");
        assert!(part.part(2..2).is_empty() && Bytes::default().is_empty());
    }

    #[test]
    fn tables_are_searched_where_they_lie() {
        let entries = [(3, [1, 0]), (7, [2, 0]), (7, [3, 0]), (u32::MAX, [4, 0])];
        let table = Table::new(entries.into_iter());
        // At an odd address.
        let shifted = [b"x", table.bytes()].concat();
        let table = Table::<2>::from_bytes(Bytes::from(shifted).part(1..25)).unwrap();
        assert_eq!(table.iter().collect::<Vec<_>>(), entries);
        let exact = [2, 3, 4, 7, 8, u32::MAX].map(|key| table.get(key).map(|v| v[0]));
        assert_eq!(exact, [None, Some(1), None, Some(3), None, Some(4)]);
        let before = [2, 3, 6, 7, 8].map(|key| table.at_or_before(key).map(|(_, v)| v[0]));
        assert_eq!(before, [None, Some(1), Some(1), Some(3), Some(3)]);
        assert!(Table::<2>::from_bytes(vec![0; 7].into()).is_err());
        assert_eq!(Table::<2>::default().get(0), None);
    }

    #[test]
    fn garbage_is_searched_without_panic() {
        let bytes: Vec<u8> = (0..60_u32).map(|i| (i * 97 % 251) as u8).collect();
        let table = Table::<1>::from_bytes(bytes.into()).unwrap();
        for key in (0..=u32::MAX).step_by(1 << 20) {
            let _ = (table.get(key), table.at_or_before(key));
        }
    }
}
