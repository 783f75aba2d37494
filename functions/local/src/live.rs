//! What is replaced when everything is emptied: the service with all that it keeps in memory, its jobs, S3.

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use futures::FutureExt;
use palate_service::{Clock, Service, Settings};
use palate_store::Stores;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    cli::Store,
    s3::{Endpoint, NewObject, Note, Uploads},
    workers,
};

/// How often jobs are looked for whose worker has died.
const SWEEP_EVERY: Duration = Duration::from_secs(3);
/// How long the end waits for whoever still uses the service, and how often it looks.
const LAST_USERS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(5));

/// What stays the same whatever is emptied.
pub struct Setup {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub store: Store,
    /// Whether S3 checks signatures too.
    pub signed: bool,
    /// The data folder of the embedded store.
    pub data: PathBuf,
}

/// A service at work.
pub struct Live {
    pub service: Arc<Service>,
    /// Absent with `--store aws`, where S3 is elsewhere.
    pub s3: Option<Endpoint>,
    /// Takes note of objects that another S3 tells of.
    pub note: Note,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Live {
    /// Begins to do jobs, at first what the last process left.
    pub fn start(setup: &Setup, stores: Stores) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (queue, workers) = workers::workers();
        let clock = Arc::clone(&setup.clock);
        let service = Service::new(setup.settings.clone(), stores.clone(), clock, Arc::new(queue));
        let note = note(&service);
        let s3 = match setup.store {
            Store::Embedded => {
                let uploads = Uploads::new(Arc::clone(&stores.buckets), Arc::clone(&note));
                let checked = setup.signed.then(|| Arc::clone(&service));
                let endpoint = Endpoint::new(setup.data.join("s3"), stores.buckets, uploads, checked);
                Some(endpoint.map_err(|error| format!("{error:?}"))?)
            }
            Store::Aws => None,
        };
        let (stop, stopped) = watch::channel(false);
        let run: workers::Run = {
            let service = Arc::clone(&service);
            Arc::new(move |job| {
                let service = Arc::clone(&service);
                async move { service.run_job(&job).await }.boxed()
            })
        };
        let tasks =
            vec![tokio::spawn(workers.work(run, stopped.clone())), tokio::spawn(sweep(Arc::clone(&service), stopped))];
        Ok(Self { service, s3, note, stop, tasks })
    }

    /// Begins no more jobs.
    pub fn begin_no_more(&self) {
        self.stop.send_replace(true);
    }

    /// Begins no more jobs and drops those that run: their leases end, and they are taken up again from where
    /// they were. Gives the service, which they may use for a moment still.
    pub async fn end(self) -> Arc<Service> {
        self.begin_no_more();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended badly");
            }
        }
        self.service
    }
}

/// Returns when nobody else uses a service whose [`Live`] has ended, or after a while. A job that is dropped
/// comes to its next step first.
pub async fn unused(service: Arc<Service>) {
    let (patience, pause) = LAST_USERS;
    let begun = Instant::now();
    while Arc::strong_count(&service) > 1 && begun.elapsed() < patience {
        sleep(pause).await;
    }
    let users = Arc::strong_count(&service) - 1;
    if users > 0 {
        tracing::warn!(users, "the service is still in use");
    }
}

/// Tells the service of an object.
fn note(service: &Arc<Service>) -> Note {
    let service = Arc::clone(service);
    Arc::new(move |object| {
        let service = Arc::clone(&service);
        async move {
            let NewObject { region, bucket, key, version } = object;
            let noted = service.object_created(region.as_deref(), &bucket, &key, &version).await;
            noted.map(|_| ()).map_err(|error| workers::chain(&error))
        }
        .boxed()
    })
}

/// Takes up what no worker holds.
async fn sweep(service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    loop {
        match service.sweep().await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "taken up again"),
            Err(error) => tracing::warn!(reason = workers::chain(&error), "looking for left jobs failed"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(SWEEP_EVERY) => {}
        }
    }
}
