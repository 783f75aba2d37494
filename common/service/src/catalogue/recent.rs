use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// How long something may be answered from memory. By the machine's time, since the service's clock may be
/// held.
pub(crate) const TTL: Duration = Duration::from_secs(1);

const MOST: NonZero<usize> = NonZero::new(10_000).expect("not zero");

/// What was read within the last second, by name.
pub(crate) struct Recent<V>(Mutex<LruCache<String, (Instant, V)>>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl<V: Clone> Recent<V> {
    pub fn get(&self, name: &str) -> Option<V> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).filter(|(read_at, _)| read_at.elapsed() < TTL).map(|(_, value)| value.clone())
    }

    /// What was read under this name, however long ago.
    pub fn last(&self, name: &str) -> Option<V> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).map(|(_, value)| value.clone())
    }

    /// Keeps what was read, which began at `read_at`.
    pub fn put(&self, name: &str, read_at: Instant, value: V) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(name.to_owned(), (read_at, value));
    }

    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_read_more_than_a_second_ago_is_read_again() {
        let recent = Recent::default();
        let now = Instant::now();
        recent.put("new", now, 1);
        recent.put("old", now.checked_sub(TTL).unwrap(), 2);
        assert_eq!((recent.get("new"), recent.get("old"), recent.get("other")), (Some(1), None, None));
        assert_eq!(recent.last("old"), Some(2));
        recent.forget("new");
        assert_eq!(recent.get("new"), None);
    }
}
