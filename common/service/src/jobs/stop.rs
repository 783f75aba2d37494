use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Job;
use crate::service::Service;

/// How often a resource is looked at while its job works.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks out for the owner's wish that a job should end, as long as it is not dropped.
pub(crate) struct StopWatch {
    wanted: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

impl StopWatch {
    /// Looks at the resource `arn` at once and then twice a second.
    pub fn start<J: Job>(service: &Arc<Service>, arn: &str) -> Self {
        let wanted = Arc::new(AtomicBool::new(false));
        let looking = tokio::spawn(look::<J>(Arc::clone(service), arn.to_owned(), Arc::clone(&wanted)));
        Self { wanted, looking }
    }

    /// Turns true when the job should end; may be asked from any thread.
    pub fn wanted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.wanted)
    }
}

impl Drop for StopWatch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look<J: Job>(service: Arc<Service>, arn: String, wanted: Arc<AtomicBool>) {
    loop {
        // If the store is away for a moment, the next look finds it.
        if let Ok(Some(stored)) = service.records.find::<J>(&arn).await
            && stored.resource.stopping()
        {
            return wanted.store(true, Ordering::Relaxed);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::resources::SolutionVersion;
    use crate::service::{JobRef, JobStarter, Settings, SystemClock};

    struct Nobody;

    #[async_trait]
    impl JobStarter for Nobody {
        async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_wish_to_stop_is_seen_while_the_job_works() {
        let folder = tempfile::tempdir().unwrap();
        let stores = palate_store::embedded::open(folder.path()).unwrap();
        let service = Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(Nobody));
        let arn = "arn:aws:personalize:us-east-1:000000000000:solution/s/v";
        let version: SolutionVersion = serde_json::from_value(json!({
            "solutionVersionArn": arn, "solutionArn": "s", "performHPO": false, "performAutoML": false,
            "datasetGroupArn": "g", "trainingMode": "FULL", "trainingType": "MANUAL",
            "status": "CREATE IN_PROGRESS", "creationDateTime": 0, "lastUpdatedDateTime": 0,
        }))
        .unwrap();
        service.records.create(&version, Vec::new(), Vec::new()).await.unwrap();
        let watch = StopWatch::start::<SolutionVersion>(&service, arn);
        let wanted = watch.wanted();
        let mut stored = service.records.fetch::<SolutionVersion>(arn, "solutionVersionArn").await.unwrap();
        assert!(!wanted.load(Ordering::Relaxed));
        stored.resource.status = crate::resources::Status::CreateStopping;
        service.records.save(&stored, Vec::new()).await.unwrap();
        while !wanted.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}
