//! Both stores in one folder: SQLite for records, files for blobs. Any number of processes may share it.
//!
//! | path | what |
//! |---|---|
//! | `palate.db`, `-wal`, `-shm` | records |
//! | `blobs/<key>` | Palate's own blobs |
//! | `s3/<bucket>/<key>` | the users' buckets; `s3s-fs` serves the same files over HTTP |
//! | `<name>.key` | a secret of the installation, readable by its owner alone |
//! | `.tmp/` | blobs in writing; the lock between writers |
//!
//! The folder is on one filesystem: a blob appears by a rename out of `.tmp`.

mod aside;
mod blobs;
mod checkpoint;
mod empty;
mod group_commit;
mod lock;
mod place;
mod records;
mod s3_files;
mod schema;
mod secret;
mod walk;

use std::{fs, io, path::Path, sync::Arc};

pub use empty::empty;
pub use secret::secret;

use crate::{Now, StoreError, Stores};

/// Opens the stores under the folder `data`, which is created if it is not there.
///
/// # Errors
/// [`StoreError::Invalid`] if a newer Palate has written the folder, [`StoreError::Backend`] if it cannot
/// be created, read or written.
pub fn open(data: &Path) -> Result<Stores, StoreError> {
    open_with(data, Now::system())
}

/// As [`open`], with a clock of the caller's.
///
/// # Errors
/// As those of [`open`].
pub fn open_with(data: &Path, now: Now) -> Result<Stores, StoreError> {
    let failed = |error| backend(format!("opening the data folder {}", data.display()), error);
    let aside = data.join(".tmp");
    for folder in [data.join("blobs"), data.join("s3"), aside.clone()] {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // A later change of the working directory must not move the stores.
    let data = fs::canonicalize(data).map_err(failed)?;
    aside::sync_folder(&data).map_err(failed)?;
    let aside = data.join(".tmp");
    aside::remove_leftovers(&aside).map_err(failed)?;

    let lock = lock::Lock::new(&aside);
    let records = {
        // One process at a time creates or converts the database.
        let _alone = lock.exclusive().map_err(failed)?;
        records::SqliteRecords::open(&data.join("palate.db"), now)?
    };
    Ok(Stores {
        records: Arc::new(records),
        blobs: Arc::new(blobs::FileBlobs::own(data.join("blobs"), aside.clone(), lock.clone())),
        buckets: Arc::new(s3_files::FileBuckets::new(data.join("s3"), aside, lock)),
    })
}

fn backend(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Backend { doing: doing.into(), source: source.into() }
}

/// Runs file operations away from the threads that drive requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(backend("a file operation", io::Error::other(error))),
    }
}
