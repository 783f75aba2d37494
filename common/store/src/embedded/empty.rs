use std::{fs, io, path::Path};

use super::{aside, backend, lock::Lock, schema};
use crate::StoreError;

/// Empties the stores under the folder `data`: all records, all blobs, all buckets.
///
/// The stores that are open go on working, on nothing. A blob in writing will not appear: its file aside goes
/// too. Whoever keeps something in memory of what there was must forget it.
///
/// # Errors
/// [`StoreError::Backend`]; some of it may be gone then, the records never without the rest of their commit.
pub fn empty(data: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| backend(format!("emptying the data folder {}", data.display()), error);
    let beside = data.join(".tmp");
    // Publishing takes the lock too, so nothing appears between two steps.
    let _alone = Lock::new(&beside).exclusive().map_err(failed)?;
    // Records first: from then on nothing leads to a blob that is not there.
    schema::delete_all(&data.join("palate.db"))?;
    for entry in fs::read_dir(&beside).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            remove(&path).map_err(failed)?;
        }
    }
    for folder in [data.join("blobs"), data.join("s3")] {
        for entry in fs::read_dir(&folder).map_err(failed)? {
            remove(&entry.map_err(failed)?.path()).map_err(failed)?;
        }
        aside::sync_folder(&folder).map_err(failed)?;
    }
    Ok(())
}

/// Removes a file or a folder with all that is in it; what is gone already is no error.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use crate::{Key, PutCondition, RecordStoreExt as _, embedded};

    #[tokio::test]
    async fn what_was_there_is_gone_and_what_comes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let stores = embedded::open(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("s3/bucket")).unwrap();
        let bucket = stores.buckets.bucket("bucket").unwrap();
        let (key, content) = (Key::new("a", "b"), || Bytes::from_static(b"x"));
        stores.records.create(key.clone(), b"1".to_vec()).await.unwrap();
        stores.blobs.put("a/b", content(), PutCondition::Absent).await.unwrap();
        bucket.put("c/d", content(), PutCondition::Absent).await.unwrap();
        let mut late = stores.blobs.writer("late").await.unwrap();
        late.write(content()).await.unwrap();

        embedded::empty(folder.path()).unwrap();

        // The stores that were open see it, and so do new ones.
        for stores in [&stores, &embedded::open(folder.path()).unwrap()] {
            assert!(stores.records.get(&key).await.unwrap().is_none());
            assert!(stores.blobs.list("", None, 10).await.unwrap().entries.is_empty());
        }
        assert!(bucket.list("", None, 10).await.is_err(), "the bucket is still there");
        assert!(late.finish().await.is_err());
        assert!(stores.blobs.list("", None, 10).await.unwrap().entries.is_empty());
        stores.records.create(key.clone(), b"2".to_vec()).await.unwrap();
        assert_eq!(stores.records.get(&key).await.unwrap().unwrap().version, 1);
    }
}
