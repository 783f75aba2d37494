use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How far a job is. It goes into the job's record when the lease is renewed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Advance {
    /// What is being done.
    pub step: String,
    /// From 0 to 1.
    pub done: f64,
}

/// What a job tells of how far it is; it may be told from any thread.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Option<Advance>>>);

impl Told {
    pub fn tell(&self, step: &str, done: f64) {
        let advance = Advance { step: step.to_owned(), done };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(advance);
    }

    /// What was told last.
    pub fn last(&self) -> Option<Advance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
