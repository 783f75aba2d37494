//! The service's side of it: which requests need what.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;

use super::gate::{Caller, allow};
use super::{AccessKey, Scope};
use crate::error::OpError;
use crate::request_id::RequestId;
use crate::service::{JobError, Service};
use crate::wire::{self, Api, Operation};

/// What requests to `/_palate/` do, in messages.
const OWN_ACTION: &str = "palate:Administer";

impl Service {
    /// Who a request's head says it is from; `None` where anyone may call.
    pub(crate) async fn approach(&self, head: &Parts) -> Result<Option<Caller>, OpError> {
        match &self.gate {
            Some(gate) => gate.approach(head, self.clock.now_ms()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Lets a request to an operation in, now that its body is known.
    pub(crate) fn admit(
        &self,
        caller: Option<Caller>,
        operation: &Operation,
        head: &Parts,
        content: &[u8],
    ) -> Result<(), OpError> {
        let Some(caller) = caller else { return Ok(()) };
        caller.prove(head, content)?;
        let action = format!("personalize:{}", operation.name);
        allow(caller.key(), Scope::of(operation.api), &self.user(), &action)
    }

    /// Whether a request that is none of the API's (`/_palate/…`) may be answered: `Err` is the refusal. Its
    /// caller signs for `personalize`, or names a key with its secret: `Authorization: Bearer <id>:<secret>`.
    pub async fn authorize(&self, head: &Parts, content: &[u8], needed: Scope) -> Result<(), Response<Full<Bytes>>> {
        let request_id = RequestId::of(&head.extensions);
        let admitted = self.authorized(head, content, needed).await;
        admitted.map_err(|error| wire::respond(Api::Runtime, &request_id, Err(error)))
    }

    async fn authorized(&self, head: &Parts, content: &[u8], needed: Scope) -> Result<(), OpError> {
        let Some(gate) = &self.gate else { return Ok(()) };
        if let Some(key) = gate.bearer(head).await {
            return allow(&*key?, needed, &self.user(), OWN_ACTION);
        }
        let caller = gate.approach(head, self.clock.now_ms()).await?;
        caller.prove(head, content)?;
        allow(caller.key(), needed, &self.user(), OWN_ACTION)
    }

    /// An access key by its id, for an endpoint that checks signatures of its own; `None` if there is none, or
    /// if none is needed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, JobError> {
        let Some(gate) = &self.gate else { return Ok(None) };
        let found = gate.key(id).await;
        found.map_err(|error| JobError { doing: "look an access key up".into(), source: Box::new(error) })
    }

    /// How the owners of access keys are called, up to the key's id.
    fn user(&self) -> String {
        format!("arn:{}:iam::{}:user/", self.settings.partition, self.settings.account_id)
    }
}
