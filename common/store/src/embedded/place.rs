use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::{aside, aside::Aside, backend, lock::Lock, s3_files};
use crate::{BlobMeta, PutCondition, StoreError};

/// One folder of blobs: how a file appears there, is found and goes away.
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) aside: PathBuf,
    pub(super) lock: Lock,
    /// Set for a user's bucket.
    pub(super) bucket: Option<String>,
}

impl Place {
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(super) fn aside(&self, key: &str) -> Result<Aside, StoreError> {
        Aside::create(&self.aside).map_err(|error| self.failed("writing", key, error))
    }

    /// What an operation's failure means for its caller.
    pub(super) fn failed(&self, doing: &str, key: &str, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::InvalidFilename => StoreError::Invalid {
                key: key.into(),
                reason: "the filesystem takes no part this long between two slashes (most take 255 bytes)".into(),
            },
            _ => backend(format!("{doing} `{key}` in {}", self.root.display()), error),
        }
    }

    /// A user's bucket may not be there.
    pub(super) fn check_root(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.root) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Err(error) if !is_absent(&error) => Err(self.failed("opening", "", error)),
            _ => Err(StoreError::NotFound {
                key: self.bucket.clone().unwrap_or_else(|| self.root.display().to_string()),
            }),
        }
    }

    pub(super) fn open(&self, key: &str) -> Result<(File, Metadata), StoreError> {
        let path = self.path(key);
        // Asked by name first: to open a pipe would wait for its other end.
        let opened = fs::metadata(&path).and_then(|meta| {
            if !meta.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let file = File::open(&path)?;
            let meta = file.metadata()?;
            Ok((file, meta))
        });
        opened.map_err(|error| self.absent_or_failed("reading", key, error))
    }

    pub(super) fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        match fs::metadata(self.path(key)) {
            Ok(meta) if meta.is_file() => Ok(describe(key, &meta)),
            Ok(_) => Err(StoreError::NotFound { key: key.into() }),
            Err(error) => Err(self.absent_or_failed("reading", key, error)),
        }
    }

    fn absent_or_failed(&self, doing: &str, key: &str, error: io::Error) -> StoreError {
        if !is_absent(&error) {
            return self.failed(doing, key, error);
        }
        match self.check_root() {
            Ok(()) => StoreError::NotFound { key: key.into() },
            Err(error) => error,
        }
    }

    /// Makes what was written aside the blob of `key`, durably, if `condition` holds.
    pub(super) fn publish(
        &self,
        key: &str,
        mut aside: Aside,
        condition: &PutCondition,
    ) -> Result<BlobMeta, StoreError> {
        let target = self.path(key);
        let failed = |error| self.failed("writing", key, error);
        self.check_root()?;
        aside.seal().map_err(failed)?;
        let lock = match condition {
            PutCondition::Always => self.lock.shared(),
            PutCondition::Absent | PutCondition::Etag(_) => self.lock.exclusive(),
        }
        .map_err(failed)?;
        self.check_condition(key, condition)?;
        self.create_parents(key, &target)?;
        if let Some(bucket) = &self.bucket {
            s3_files::forget(&self.root, bucket, key).map_err(failed)?;
        }
        let mut published = aside.publish(&target);
        if published.as_ref().is_err_and(|_| target.is_dir()) {
            // Folders that another program left empty are no blobs.
            remove_empty_folders(&target);
            published = aside.publish(&target);
        }
        if published.is_err() && target.is_dir() {
            return Err(StoreError::Invalid {
                key: key.into(),
                reason: "other blobs lie below it, and a file cannot be a folder".into(),
            });
        }
        published.map_err(failed)?;
        drop(lock);
        self.sync_parents(&target).map_err(failed)?;
        Ok(describe(key, &aside.file.metadata().map_err(failed)?))
    }

    fn check_condition(&self, key: &str, condition: &PutCondition) -> Result<(), StoreError> {
        let there = match self.head(key) {
            Ok(meta) => Some(meta),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        match condition {
            PutCondition::Absent if there.is_some() => Err(StoreError::AlreadyExists { key: key.into() }),
            PutCondition::Etag(etag) if there.is_none_or(|meta| meta.etag != *etag) => {
                Err(StoreError::Conflict { key: key.into() })
            }
            _ => Ok(()),
        }
    }

    fn create_parents(&self, key: &str, target: &Path) -> Result<(), StoreError> {
        let Some(parent) = target.parent() else { return Ok(()) };
        match fs::create_dir_all(parent) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
                Err(StoreError::Invalid {
                    key: key.into(),
                    reason: "a blob has the name of one of its folders, and a file cannot be a folder".into(),
                })
            }
            Err(error) => Err(self.failed("writing", key, error)),
        }
    }

    /// Makes the file's name durable, and the names of its folders: another writer may have created them
    /// and not yet have come to this.
    fn sync_parents(&self, target: &Path) -> io::Result<()> {
        for folder in target.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)) {
            match aside::sync_folder(folder) {
                // Somebody deleted the blob meanwhile.
                Err(error) if is_absent(&error) => {}
                other => other?,
            }
        }
        Ok(())
    }

    pub(super) fn remove(&self, key: &str) -> Result<(), StoreError> {
        let target = self.path(key);
        let failed = |error| self.failed("deleting", key, error);
        self.check_root()?;
        // Alone, so that nobody's folder goes between its creation and its first file.
        let _lock = self.lock.exclusive().map_err(failed)?;
        match fs::remove_file(&target) {
            Ok(()) => {}
            Err(error) if is_absent(&error) || target.is_dir() => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        if let Some(bucket) = &self.bucket {
            s3_files::forget(&self.root, bucket, key).map_err(failed)?;
        }
        // A folder without files would be in the way of a blob with its name.
        for folder in target.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        self.sync_parents(&target).map_err(failed)
    }
}

/// Nothing has the name, or a file stands where a folder would have to.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn remove_empty_folders(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
        }
    }
    // Fails where there is a file, which is the point.
    let _ = fs::remove_dir(folder);
}

/// The etag is made of inode, size and time of change, so that a listing need not read what it lists.
/// Every write makes a new file and sets its time from the fine clock: no two contents share all three.
pub(super) fn describe(key: &str, meta: &Metadata) -> BlobMeta {
    let modified = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    BlobMeta {
        key: key.into(),
        size: meta.len(),
        etag: format!("{:x}-{:x}-{:x}", meta.ino(), meta.len(), modified.as_nanos()),
        modified_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
    }
}
