use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long what was read may be used.
const TTL: Duration = Duration::from_secs(1);

/// Values that were read within the last second; it holds no others.
pub(super) struct Cached<V>(Mutex<HashMap<String, (Instant, V)>>);

impl<V> Default for Cached<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> Cached<V> {
    pub fn get(&self, key: &str) -> Option<V> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not the service's clock, which may be held.
        values.get(key).filter(|(read_at, _)| read_at.elapsed() < TTL).map(|(_, value)| value.clone())
    }

    pub fn keep(&self, key: &str, value: V) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|_, (read_at, _)| read_at.elapsed() < TTL);
        values.insert(key.to_owned(), (Instant::now(), value));
    }

    pub fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
