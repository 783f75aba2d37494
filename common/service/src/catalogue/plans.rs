use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use super::Held;
use crate::error::OpError;
use crate::filters::{Expression, Plan};

/// How many compiled filters are kept: each may hold some bits for every item.
const MOST: NonZero<usize> = NonZero::new(64).expect("not zero");

/// Filters compiled against columns, each once while the columns stay as they are.
pub(crate) struct Plans(Mutex<LruCache<(String, u64), Arc<Plan>>>);

impl Default for Plans {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Plans {
    /// The plan of an expression, whose text is `text`.
    pub fn get(&self, text: &str, expression: &Expression, held: &Held) -> Result<Arc<Plan>, OpError> {
        let key = (text.to_owned(), held.id);
        if let Some(plan) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan = Plan::compile(expression, &held.columns).map_err(|error| OpError::invalid(error.message))?;
        let plan = Arc::new(plan);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(&plan));
        Ok(plan)
    }
}
