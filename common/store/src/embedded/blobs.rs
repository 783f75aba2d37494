use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{aside, aside::Aside, backend, blocking, lock::Lock, s3_files, walk};
use crate::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError, keys};

/// What a writer gathers before it goes to the disk.
const WRITE_SIZE: usize = 1 << 20;

/// Blobs as plain files below one folder, each named by its key.
#[derive(Clone)]
pub(super) struct FileBlobs(Arc<Place>);

struct Place {
    root: PathBuf,
    aside: PathBuf,
    lock: Lock,
    /// Set for a user's bucket.
    bucket: Option<String>,
}

impl FileBlobs {
    /// Palate's own blobs.
    pub(super) fn own(root: PathBuf, aside: PathBuf, lock: Lock) -> Self {
        Self(Arc::new(Place { root, aside, lock, bucket: None }))
    }

    pub(super) fn bucket(root: PathBuf, aside: PathBuf, lock: Lock, name: &str) -> Self {
        Self(Arc::new(Place { root, aside, lock, bucket: Some(name.into()) }))
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            let mut aside = place.aside(&key)?;
            aside.file.write_all(&content).map_err(|error| place.failed("writing", &key, error))?;
            place.publish(&key, aside, &condition)
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.get_range(key, 0..u64::MAX).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            let (file, meta) = place.open(&key)?;
            let end = range.end.min(meta.len());
            let wanted = end.saturating_sub(range.start);
            let mut content = Vec::new();
            let mut read = || {
                content.try_reserve_exact(usize::try_from(wanted).map_err(io::Error::other)?)?;
                if wanted > 0 {
                    (&file).seek(SeekFrom::Start(range.start))?;
                    (&file).take(wanted).read_to_end(&mut content)?;
                }
                Ok(())
            };
            read().map_err(|error| place.failed("reading", &key, error))?;
            Ok(content.into())
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || place.head(&key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        keys::check_blob_list(prefix, limit)?;
        let (place, prefix, after) = (Arc::clone(&self.0), prefix.to_owned(), after.map(str::to_owned));
        blocking(move || {
            place.check_root()?;
            let mut entries = walk::files(&place.root, &prefix, after.as_deref(), limit + 1)
                .map_err(|error| place.failed("listing", &prefix, error))?;
            let more = entries.len() > limit;
            entries.truncate(limit);
            let next = entries.last().filter(|_| more).map(|(key, _)| key.clone());
            Ok(Page { entries: entries.iter().map(|(key, meta)| describe(key, meta)).collect(), next })
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || place.remove(&key)).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            place.check_root()?;
            let aside = place.aside(&key)?;
            Ok(Box::new(FileWriter { place, key, aside: Some(aside), gathered: Vec::new() }) as Box<dyn BlobWriter>)
        })
        .await
    }
}

struct FileWriter {
    place: Arc<Place>,
    key: String,
    /// Gone once a write has failed, or was given up half-way.
    aside: Option<Aside>,
    gathered: Vec<u8>,
}

impl FileWriter {
    fn take(&mut self) -> Result<(Aside, Vec<u8>), StoreError> {
        let lost = || backend(format!("writing `{}`", self.key), "an earlier write of it failed");
        Ok((self.aside.take().ok_or_else(lost)?, std::mem::take(&mut self.gathered)))
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        if self.aside.is_some() && self.gathered.len() + chunk.len() < WRITE_SIZE {
            self.gathered.extend_from_slice(&chunk);
            return Ok(());
        }
        let (mut aside, mut gathered) = self.take()?;
        let (place, key) = (Arc::clone(&self.place), self.key.clone());
        let (aside, gathered) = blocking(move || {
            aside
                .file
                .write_all(&gathered)
                .and_then(|()| aside.file.write_all(&chunk))
                .map_err(|error| place.failed("writing", &key, error))?;
            gathered.clear();
            Ok((aside, gathered))
        })
        .await?;
        (self.aside, self.gathered) = (Some(aside), gathered);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobMeta, StoreError> {
        let (mut aside, gathered) = self.take()?;
        blocking(move || {
            aside.file.write_all(&gathered).map_err(|error| self.place.failed("writing", &self.key, error))?;
            self.place.publish(&self.key, aside, &PutCondition::Always)
        })
        .await
    }

    async fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        let aside = self.aside.take();
        blocking(move || {
            drop(aside);
            Ok(())
        })
        .await
    }
}

impl Place {
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn aside(&self, key: &str) -> Result<Aside, StoreError> {
        Aside::create(&self.aside).map_err(|error| self.failed("writing", key, error))
    }

    /// What an operation's failure means for its caller.
    fn failed(&self, doing: &str, key: &str, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::InvalidFilename => StoreError::Invalid {
                key: key.into(),
                reason: "the filesystem takes no part this long between two slashes (most take 255 bytes)".into(),
            },
            _ => backend(format!("{doing} `{key}` in {}", self.root.display()), error),
        }
    }

    /// A user's bucket may not be there.
    fn check_root(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.root) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Err(error) if !is_absent(&error) => Err(self.failed("opening", "", error)),
            _ => Err(StoreError::NotFound {
                key: self.bucket.clone().unwrap_or_else(|| self.root.display().to_string()),
            }),
        }
    }

    fn open(&self, key: &str) -> Result<(File, Metadata), StoreError> {
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

    fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
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
    fn publish(&self, key: &str, mut aside: Aside, condition: &PutCondition) -> Result<BlobMeta, StoreError> {
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

    fn remove(&self, key: &str) -> Result<(), StoreError> {
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

fn is_absent(error: &io::Error) -> bool {
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
fn describe(key: &str, meta: &Metadata) -> BlobMeta {
    let modified = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    BlobMeta {
        key: key.into(),
        size: meta.len(),
        etag: format!("{:x}-{:x}-{:x}", meta.ino(), meta.len(), modified.as_nanos()),
        modified_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
    }
}
