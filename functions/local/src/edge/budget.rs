//! Memory for the bodies of requests.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bodies up to this size are free: the number of connections bounds them.
const FREE: u64 = 64 << 10;
/// All larger bodies that are in memory at a time.
const TOTAL_KIB: u32 = 64 << 10;
/// What a body that does not say its length may turn out to be; the service takes no more.
const UNKNOWN: u64 = 6 << 20;

/// What large bodies must wait for, each its turn.
pub struct Budget(Semaphore);

impl Budget {
    pub fn new() -> Self {
        Self(Semaphore::new(TOTAL_KIB as usize))
    }

    /// Waits until there is room for a body of `length` bytes; there is until the answer is dropped.
    pub async fn room(&self, length: Option<u64>) -> Option<SemaphorePermit<'_>> {
        let length = length.unwrap_or(UNKNOWN);
        if length <= FREE {
            return None;
        }
        // A body larger than everything waits for everything.
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(TOTAL_KIB).min(TOTAL_KIB);
        // Nobody closes it.
        self.0.acquire_many(kib).await.ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn large_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let budget = Budget::new();
        let first = budget.room(Some(60 << 20)).await.unwrap();
        assert!(budget.room(Some(5 << 20)).now_or_never().is_none());
        assert!(budget.room(None).now_or_never().is_none());
        assert!(budget.room(Some(FREE)).now_or_never().unwrap().is_none());
        drop(first);
        assert!(budget.room(Some(u64::MAX)).now_or_never().unwrap().is_some());
    }
}
