//! Everything that runs in the process: stores, service, jobs, server.

use std::{
    error::Error,
    fs::{File, TryLockError},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use palate_service::{Service, Settings, SystemClock};
use palate_store::Stores;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    app::App,
    cli::{Account, Serve, Store},
    s3::{Endpoint, NewObject, Note, Uploads},
    server, workers,
};

/// How often jobs are looked for whose worker has died.
const SWEEP_EVERY: Duration = Duration::from_secs(3);

/// Why the process does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] server::BindError),
    #[error("cannot use the data folder {folder}")]
    Folder {
        folder: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("another palate serves the data folder {folder}: stop it, or choose another folder")]
    InUse { folder: String },
    #[cfg(feature = "aws")]
    #[error("cannot use DynamoDB and S3")]
    Aws(#[source] palate_store::StoreError),
    #[cfg(not(feature = "aws"))]
    #[error("this palate was built without DynamoDB and S3: build it with `cargo build --release --features aws`")]
    NoAws,
}

/// A process at work.
pub struct Installation {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Held as long as this is.
    _folder: Option<File>,
}

impl Installation {
    /// Starts everything that `palate serve` does. Returns once connections are accepted.
    pub async fn start(options: &Serve) -> Result<Self, StartError> {
        // First of all, so that nothing is touched if somebody else is here.
        let listener = server::bind(&options.address).await?;
        let (stores, folder) = match options.store {
            Store::Embedded => open(&options.data).map(|(stores, folder)| (stores, Some(folder)))?,
            Store::Aws => (connect(options).await?, None),
        };
        Self::run(listener, options, stores, folder)
    }

    fn run(listener: TcpListener, options: &Serve, stores: Stores, folder: Option<File>) -> Result<Self, StartError> {
        let failed = |source: Box<dyn Error + Send + Sync>| in_folder(&options.data, source);
        let address = listener.local_addr().map_err(|error| failed(error.into()))?;
        let (queue, workers) = workers::workers();
        let service = Service::new(settings(&options.account), stores.clone(), Arc::new(SystemClock), Arc::new(queue));
        let note = note(&service);
        let s3 = match options.store {
            Store::Embedded => {
                let uploads = Uploads::new(Arc::clone(&stores.buckets), Arc::clone(&note));
                let endpoint = Endpoint::new(options.data.join("s3"), stores.buckets, uploads);
                Some(endpoint.map_err(|error| failed(format!("{error:?}").into()))?)
            }
            Store::Aws => None,
        };
        let app = Arc::new(App { service: Arc::clone(&service), s3, store: options.store, note });

        let (stop, stopped) = watch::channel(false);
        let run: workers::Run = {
            let service = Arc::clone(&service);
            Arc::new(move |job| {
                let service = Arc::clone(&service);
                async move { service.run_job(&job).await }.boxed()
            })
        };
        let tasks = vec![
            tokio::spawn(workers.work(run, stopped.clone())),
            tokio::spawn(sweep(service, stopped.clone())),
            tokio::spawn(server::serve(listener, app, stopped)),
        ];
        Ok(Self { address, stop, tasks, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins no more work and finishes the requests in flight; jobs are left to the next process.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended badly");
            }
        }
    }
}

fn settings(account: &Account) -> Settings {
    Settings { account_id: account.id.clone(), ..Settings::default() }
}

fn in_folder(folder: &Path, source: Box<dyn Error + Send + Sync>) -> StartError {
    StartError::Folder { folder: folder.display().to_string(), source }
}

/// Opens the data folder for this process alone: the file that is returned is its lock. The stores could be
/// shared, `s3s-fs` could not: two of them give their unfinished uploads the same names.
fn open(folder: &Path) -> Result<(Stores, File), StartError> {
    let failed = |source: Box<dyn Error + Send + Sync>| in_folder(folder, source);
    std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
    let lock = File::create(folder.join("serve.lock")).map_err(|error| failed(error.into()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StartError::InUse { folder: folder.display().to_string() }),
        // A filesystem without locks.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(failed(error.into())),
    }
    let stores = palate_store::embedded::open(folder).map_err(|error| failed(error.into()))?;
    Ok((stores, lock))
}

#[cfg(feature = "aws")]
async fn connect(options: &Serve) -> Result<Stores, StartError> {
    let config = palate_store::aws::AwsConfig {
        table: options.table.clone().unwrap_or_default(),
        bucket: options.bucket.clone().unwrap_or_default(),
        region: None,
    };
    palate_store::aws::connect(config).await.map_err(StartError::Aws)
}

#[cfg(not(feature = "aws"))]
async fn connect(_options: &Serve) -> Result<Stores, StartError> {
    Err(StartError::NoAws)
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

/// Takes up what no worker holds: at first what the last process left.
async fn sweep(service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    loop {
        match service.sweep().await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "taken up again"),
            Err(error) => tracing::warn!(reason = workers::chain(&error), "looking for left jobs failed"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
