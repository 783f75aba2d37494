use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Job;
use crate::service::Service;

/// How often a resource is looked at while its job works.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long work that should end is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks out for the owner's wish that a job should end, as long as it is not dropped.
pub(crate) struct StopWatch {
    wanted: Arc<AtomicBool>,
    seen: Arc<Notify>,
    looking: JoinHandle<()>,
}

impl StopWatch {
    /// Looks at the resource `arn` at once and then twice a second.
    pub fn start<J: Job>(service: &Arc<Service>, arn: &str) -> Self {
        let (wanted, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let (service, arn, see) = (Arc::clone(service), arn.to_owned(), (Arc::clone(&wanted), Arc::clone(&seen)));
        let looking = tokio::spawn(async move {
            look::<J>(service, arn).await;
            see.0.store(true, Ordering::Relaxed);
            see.1.notify_one();
        });
        Self { wanted, seen, looking }
    }

    /// Waits until the job should end and has had the time to: who waits for it still need not. What computes on
    /// threads of its own ends when it asks the next time, and nothing is made of its result.
    pub async fn is_overdue(&self) {
        self.seen.notified().await;
        tokio::time::sleep(PATIENCE).await;
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

/// Returns once the job of a resource should end.
async fn look<J: Job>(service: Arc<Service>, arn: String) {
    loop {
        // If the store is away for a moment, the next look finds it.
        if let Ok(Some(stored)) = service.records.find::<J>(&arn).await
            && stored.resource.stopping()
        {
            return;
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
