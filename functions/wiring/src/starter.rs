//! Starting a job by invoking its worker function.

use async_trait::async_trait;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use palate_service::{JobRef, JobStarter};

use crate::WorkerFunctions;

/// Invokes the worker asynchronously: Lambda takes the event, answers at once and tries the function
/// again if it fails, so the start is certain to be tried once this returns.
pub(crate) struct InvokeWorker {
    pub client: Client,
    pub workers: WorkerFunctions,
}

#[async_trait]
impl JobStarter for InvokeWorker {
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.client
            .invoke()
            .function_name(self.workers.for_kind(job.kind))
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(serde_json::to_vec(job)?))
            .send()
            .await?;
        Ok(())
    }
}
