//! Everything that runs in the process: stores, service, jobs, server.

use std::{
    error::Error,
    fs::{File, TryLockError},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use palate_service::{Clock, Quotas, Settings, SystemClock, auth::Access};
use palate_store::Stores;
use tokio::{
    net::TcpListener,
    sync::{RwLock, Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    app::App,
    cli::{Auth, Serve, Store},
    clock::{TestClock, now},
    edge::budget::Budget,
    keys,
    live::{Live, Setup},
    server,
};

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
    #[error("--allow-clock and --allow-reset are for tests with --store embedded, not for what others share")]
    NotWithAws,
    #[error("--quota {0}")]
    Quotas(String),
    #[error("another palate serves the data folder {folder}: stop it, or choose another folder")]
    InUse { folder: String },
    #[cfg(feature = "aws")]
    #[error("cannot use DynamoDB and S3")]
    Aws(#[source] palate_store::StoreError),
    #[cfg(not(feature = "aws"))]
    #[error("this palate was built without DynamoDB and S3: build it with `cargo build --release --features aws`")]
    NoAws,
    #[error("cannot check signatures")]
    Keys(#[from] keys::KeysError),
}

/// A process at work.
pub struct Installation {
    address: SocketAddr,
    auth: Auth,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    /// Held as long as this is.
    _folder: Option<File>,
}

impl Installation {
    /// Starts everything that `palate serve` does. Returns once connections are accepted.
    pub async fn start(options: &Serve) -> Result<Self, StartError> {
        if options.kept.store == Store::Aws && (options.allow_clock || options.allow_reset) {
            return Err(StartError::NotWithAws);
        }
        // First of all, so that nothing is touched if somebody else is here.
        let listener = server::bind(&options.address).await?;
        let test_clock = options.allow_clock.then(|| Arc::new(TestClock::new()));
        let clock: Arc<dyn Clock> = match &test_clock {
            Some(clock) => Arc::clone(clock) as _,
            None => Arc::new(SystemClock),
        };
        let kept = &options.kept;
        let (stores, folder) = match kept.store {
            Store::Embedded => open(&kept.data, &clock).map(|(stores, folder)| (stores, Some(folder)))?,
            Store::Aws => (connect(kept.table.as_deref(), kept.bucket.as_deref()).await?, None),
        };
        let address = listener.local_addr().map_err(|error| in_folder(&kept.data, error.into()))?;
        let auth = keys::auth(options.auth, address.ip());
        let access = keys::access(auth, address.ip(), kept, &stores).await?;
        Self::run(listener, address, options, stores, (auth, access), (clock, test_clock), folder)
    }

    fn run(
        listener: TcpListener,
        address: SocketAddr,
        options: &Serve,
        stores: Stores,
        (auth, access): (Auth, Access),
        (clock, test_clock): (Arc<dyn Clock>, Option<Arc<TestClock>>),
        folder: Option<File>,
    ) -> Result<Self, StartError> {
        let failed = |source: Box<dyn Error + Send + Sync>| in_folder(&options.kept.data, source);
        let setup = Setup {
            settings: settings(options, access)?,
            clock,
            signed: auth == Auth::Required,
            store: options.kept.store,
            data: options.kept.data.clone(),
        };
        let live = Live::start(&setup, stores).map_err(failed)?;
        let limits = options.limits.clone();
        let app = Arc::new(App {
            setup,
            live: RwLock::new(Some(live)),
            clock: test_clock,
            allow_reset: options.allow_reset,
            connections: Arc::new(Semaphore::new(limits.connections())),
            limits,
            bodies: Budget::new(),
        });
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&app), stopped));
        Ok(Self { address, auth, app, stop, server, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it checks signatures.
    pub fn auth(&self) -> Auth {
        self.auth
    }

    /// Begins no more work and finishes the requests in flight; jobs are left to the next process.
    pub async fn stop(self) {
        if let Some(live) = self.app.live.read().await.as_ref() {
            live.begin_no_more();
        }
        self.stop.send_replace(true);
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the server ended badly");
        }
        // Requests that were cut off may hold it still.
        let live = self.app.live.try_write().ok().and_then(|mut live| live.take());
        if let Some(live) = live {
            live.end().await;
        }
    }
}

fn settings(options: &Serve, access: Access) -> Result<Settings, StartError> {
    let quotas = Quotas::parse(&options.quotas.join(",")).map_err(StartError::Quotas)?;
    Ok(Settings {
        account_id: options.account.id.clone(),
        auto_training: !options.no_auto_training,
        quotas,
        access,
        ..Settings::default()
    })
}

pub fn in_folder(folder: &Path, source: Box<dyn Error + Send + Sync>) -> StartError {
    StartError::Folder { folder: folder.display().to_string(), source }
}

/// Opens the data folder for this process alone: the file that is returned is its lock. The stores could be
/// shared, `s3s-fs` could not: two of them give their unfinished uploads the same names.
fn open(folder: &Path, clock: &Arc<dyn Clock>) -> Result<(Stores, File), StartError> {
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
    let stores = palate_store::embedded::open_with(folder, now(clock)).map_err(|error| failed(error.into()))?;
    Ok((stores, lock))
}

#[cfg(feature = "aws")]
pub async fn connect(table: Option<&str>, bucket: Option<&str>) -> Result<Stores, StartError> {
    let config = palate_store::aws::AwsConfig {
        table: table.unwrap_or_default().to_owned(),
        bucket: bucket.unwrap_or_default().to_owned(),
        region: None,
    };
    palate_store::aws::connect(config).await.map_err(StartError::Aws)
}

#[cfg(not(feature = "aws"))]
pub async fn connect(_table: Option<&str>, _bucket: Option<&str>) -> Result<Stores, StartError> {
    Err(StartError::NoAws)
}
