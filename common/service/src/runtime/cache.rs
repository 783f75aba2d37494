use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// A cache that forgets what was least recently used once its bytes exceed a bound.
pub(crate) struct ByteCache<K: Hash + Eq, V> {
    inner: Mutex<Inner<K, V>>,
    capacity: usize,
}

struct Inner<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> ByteCache<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self { inner: Mutex::new(Inner { entries: LruCache::unbounded(), bytes: 0 }), capacity }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.get(key).map(|(value, _)| value.clone())
    }

    /// How many bytes the entries take, and how many there are.
    pub fn usage(&self) -> (usize, usize) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.bytes, inner.entries.len())
    }

    /// Keeps `value`, which takes `bytes`. The newest entry stays even if it alone is over the bound: it is
    /// about to be used.
    pub fn insert(&self, key: K, value: V, bytes: usize) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, replaced)) = inner.entries.put(key, (value, bytes)) {
            inner.bytes -= replaced;
        }
        inner.bytes += bytes;
        while inner.bytes > self.capacity && inner.entries.len() > 1 {
            if let Some((_, (_, gone))) = inner.entries.pop_lru() {
                inner.bytes -= gone;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_least_recently_used_goes_first() {
        let cache = ByteCache::new(10);
        cache.insert("a", 1, 4);
        cache.insert("b", 2, 4);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.insert("c", 3, 4);
        assert_eq!((cache.get(&"a"), cache.get(&"b"), cache.get(&"c")), (Some(1), None, Some(3)));
        cache.insert("d", 4, 100);
        assert_eq!((cache.get(&"a"), cache.get(&"c"), cache.get(&"d")), (None, None, Some(4)));
    }
}
