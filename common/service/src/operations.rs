//! Which function answers which operation.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use serde_json::Value;

use crate::call::Call;
use crate::error::OpError;
use crate::{events, resources, runtime};

type Answer = Pin<Box<dyn Future<Output = Result<Value, OpError>> + Send>>;
type Handler = Box<dyn Fn(Call) -> Answer + Send + Sync>;

/// Operations by name; every resource adds its own.
#[derive(Default)]
pub(crate) struct Operations(HashMap<&'static str, Handler>);

impl Operations {
    pub fn add<F>(&mut self, name: &'static str, answer: impl Fn(Call) -> F + Send + Sync + 'static) -> &mut Self
    where
        F: Future<Output = Result<Value, OpError>> + Send + 'static,
    {
        self.0.insert(name, Box::new(move |call| Box::pin(answer(call))));
        self
    }
}

static OPERATIONS: LazyLock<Operations> = LazyLock::new(|| {
    let mut all = Operations::default();
    resources::operations(&mut all);
    runtime::operations(&mut all);
    events::operations(&mut all);
    all
});

/// The function that answers an operation of the model: a test sees that there is one for each.
pub(crate) fn find(name: &str) -> Result<&'static Handler, OpError> {
    OPERATIONS.0.get(name).ok_or_else(|| OpError::internal(format!("nothing answers {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MODEL;

    #[test]
    fn every_operation_of_the_model_is_answered_and_no_other() {
        let mut answered: Vec<&str> = OPERATIONS.0.keys().copied().collect();
        let mut known: Vec<&str> = MODEL.operations.iter().map(|operation| operation.name.as_str()).collect();
        answered.sort_unstable();
        known.sort_unstable();
        assert_eq!(answered, known);
    }
}
