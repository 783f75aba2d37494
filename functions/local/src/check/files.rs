//! Local files as a store that is only read: keys are paths.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::Arc,
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;
use indicatif::ProgressBar;
use palate_store::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError};
use tokio::task::spawn_blocking;

/// The files of this machine; what is read moves the bar on.
pub struct LocalFiles {
    pub bar: ProgressBar,
}

#[async_trait]
impl BlobStore for LocalFiles {
    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let size = self.head(key).await?.size;
        self.get_range(key, 0..size).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = blocking(key, move |path| read(path, range)).await?;
        self.bar.inc(bytes.len() as u64);
        Ok(bytes)
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        blocking(key, meta).await
    }

    /// The files of one folder, all on one page.
    async fn list(&self, prefix: &str, after: Option<&str>, _limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        let mut entries = blocking(prefix, list).await?;
        entries.retain(|file| after.is_none_or(|after| *file.key > *after));
        Ok(Page { entries, next: None })
    }

    async fn put(&self, key: &str, _content: Bytes, _condition: PutCondition) -> Result<BlobMeta, StoreError> {
        Err(only_read(key))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Err(only_read(key))
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        Err(only_read(key))
    }
}

fn only_read(key: &str) -> StoreError {
    StoreError::Invalid { key: key.into(), reason: "files are only read here".into() }
}

/// Does what waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    key: &str,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let path: Arc<Path> = Path::new(key).into();
    match spawn_blocking(move || work(&path)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound { key: key.into() },
            _ => StoreError::Invalid { key: key.into(), reason: error.to_string() },
        }),
        Err(error) => Err(StoreError::Backend { doing: format!("reading {key}"), source: error.into() }),
    }
}

fn read(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn meta(path: &Path) -> io::Result<BlobMeta> {
    let data = fs::metadata(path)?;
    if data.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    let modified = data.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(BlobMeta {
        key: path.to_string_lossy().into_owned(),
        size: data.len(),
        etag: format!("{}-{}", data.len(), modified.as_nanos()),
        modified_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The files of a folder, by name.
fn list(folder: &Path) -> io::Result<Vec<BlobMeta>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(meta(&path)?);
        }
    }
    files.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(files)
}
