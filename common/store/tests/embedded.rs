//! The embedded backend under the whole contract.

#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use palate_store::{
    BlobStore, Key, PutCondition, RecordStore, RecordStoreExt as _, StoreError, Stores, Write, blob_store_conformance,
    conformance::expiry::HeldClock, embedded, record_expiry_conformance, record_store_conformance, stores_conformance,
};
use tempfile::TempDir;

fn open() -> (TempDir, Stores) {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::open(folder.path()).unwrap();
    std::fs::create_dir(folder.path().join("s3/users-bucket")).unwrap();
    (folder, stores)
}

async fn open_records() -> (TempDir, Arc<dyn RecordStore>) {
    let (folder, stores) = open();
    (folder, stores.records)
}

async fn open_at() -> (TempDir, (Arc<dyn RecordStore>, HeldClock)) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HeldClock::default());
    let stores = embedded::open_with(folder.path(), clock.now()).unwrap();
    (folder, (stores.records, clock))
}

async fn open_blobs() -> (TempDir, Arc<dyn BlobStore>) {
    let (folder, stores) = open();
    (folder, stores.blobs)
}

async fn open_bucket() -> (TempDir, Arc<dyn BlobStore>) {
    let (folder, stores) = open();
    (folder, stores.buckets.bucket("users-bucket").unwrap())
}

async fn open_all() -> (TempDir, (Stores, String)) {
    let (folder, stores) = open();
    (folder, (stores, "users-bucket".into()))
}

record_store_conformance!(open_records());
record_expiry_conformance!(open_at());
blob_store_conformance!(own_blobs, open_blobs());
blob_store_conformance!(users_bucket, open_bucket());
stores_conformance!(open_all());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_never_sees_half_a_commit() {
    let (_folder, Stores { records, .. }) = open();
    let keys = [Key::new("p", "a"), Key::new("p", "b"), Key::new("p", "c")];
    let create = |key: &Key| Write::Create { key: key.clone(), value: vec![0] };
    records.commit(keys.iter().map(create).collect()).await.unwrap();
    let writing = tokio::spawn({
        let records = Arc::clone(&records);
        async move {
            for expected in 1..200 {
                let update = |key: &Key| Write::Update { key: key.clone(), expected, value: vec![expected as u8] };
                records.commit(keys.iter().map(update).collect()).await.unwrap();
            }
        }
    });
    while !writing.is_finished() {
        let versions: Vec<_> =
            records.list_all("p", "").await.unwrap().into_iter().map(|record| (record.version, record.value)).collect();
        assert!(versions.len() == 3 && versions.iter().all(|version| *version == versions[0]), "{versions:?}");
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (folder, stores) = open();
    stores.records.create(Key::new("p", "a"), b"record".to_vec()).await.unwrap();
    stores.blobs.put("a/b", "blob".into(), PutCondition::Always).await.unwrap();
    drop(stores);
    let stores = embedded::open(folder.path()).unwrap();
    assert_eq!(stores.records.get(&Key::new("p", "a")).await.unwrap().unwrap().value, b"record");
    assert_eq!(stores.blobs.get("a/b").await.unwrap(), "blob");
}

#[test]
fn a_folder_of_a_newer_palate_is_refused() {
    let (folder, stores) = open();
    drop(stores);
    let db = rusqlite::Connection::open(folder.path().join("palate.db")).unwrap();
    db.pragma_update(None, "user_version", 3).unwrap();
    drop(db);
    let error = embedded::open(folder.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Invalid { reason, .. } if reason.contains("newer Palate")), "{error:?}");
}

#[tokio::test]
async fn a_folder_of_the_first_format_keeps_its_records_and_takes_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("palate.db")).unwrap();
    db.execute_batch(
        "CREATE TABLE records (
            partition TEXT NOT NULL,
            sort TEXT NOT NULL,
            version INTEGER NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (partition, sort)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO records VALUES ('p', 'old', 7, x'6f6c64');
        PRAGMA user_version = 1",
    )
    .unwrap();
    drop(db);
    let clock = HeldClock::default();
    for _ in 0..2 {
        let records = embedded::open_with(folder.path(), clock.now()).unwrap().records;
        let old = records.get(&Key::new("p", "old")).await.unwrap().unwrap();
        assert_eq!((old.version, old.value.as_slice()), (7, &b"old"[..]));
    }
    let records = embedded::open_with(folder.path(), clock.now()).unwrap().records;
    let ended = Write::CreateUntil { key: Key::new("p", "ended"), value: Vec::new(), expires_s: 1 };
    records.commit(vec![ended]).await.unwrap();
    assert_eq!(records.purge_expired(10).await.unwrap(), 1);
    records.update(Key::new("p", "old"), 7, b"new".to_vec()).await.unwrap();
    assert_eq!(records.get(&Key::new("p", "old")).await.unwrap().unwrap().version, 8);
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let (_folder, Stores { blobs, .. }) = open();
    blobs.put("a", "x".into(), PutCondition::Always).await.unwrap();
    blobs.put("b/c", "x".into(), PutCondition::Always).await.unwrap();
    for key in ["a/below", "a/far/below", "b"] {
        for condition in [PutCondition::Always, PutCondition::Absent] {
            let result = blobs.put(key, "y".into(), condition).await;
            assert!(matches!(result, Err(StoreError::Invalid { key: of, .. }) if of == key));
        }
        let mut writer = blobs.writer(key).await.unwrap();
        writer.write("y".into()).await.unwrap();
        assert!(matches!(writer.finish().await, Err(StoreError::Invalid { .. })));
    }
    let long = format!("c/{}", "x".repeat(256));
    let result = blobs.put(&long, "y".into(), PutCondition::Always).await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })), "{result:?}");
    let keys: Vec<_> = blobs.list("", None, 10).await.unwrap().entries.into_iter().map(|meta| meta.key).collect();
    assert_eq!(keys, ["a", "b/c"]);
    assert_eq!(blobs.get("a").await.unwrap(), "x");
}

#[tokio::test]
async fn empty_folders_of_other_programs_are_no_blobs() {
    let (folder, stores) = open();
    std::fs::create_dir_all(folder.path().join("s3/users-bucket/a/b/c")).unwrap();
    let bucket = stores.buckets.bucket("users-bucket").unwrap();
    assert!(bucket.list("", None, 10).await.unwrap().entries.is_empty());
    bucket.put("a", "x".into(), PutCondition::Absent).await.unwrap();
    assert_eq!(bucket.get("a").await.unwrap(), "x");
}

/// `s3s-fs` would answer with the checksum of the content that it wrote, and boto3 refuses the new one.
#[tokio::test]
async fn the_notes_of_s3s_about_an_object_go_with_the_object() {
    let (folder, stores) = open();
    let bucket = stores.buckets.bucket("users-bucket").unwrap();
    let notes = |key: &str| {
        // As s3s-fs 0.14.1 names them: base64 of `users-bucket`, then of the key.
        let stem = format!(".bucket-dXNlcnMtYnVja2V0.object-{key}");
        ["internal", "metadata"].map(|kind| folder.path().join(format!("s3/{stem}.{kind}.json")))
    };
    let (of_written, of_deleted, of_other) = (notes("YS9i"), notes("YS9j"), notes("YS9k"));
    for key in ["a/b", "a/c", "a/d"] {
        bucket.put(key, "x".into(), PutCondition::Always).await.unwrap();
    }
    for path in of_written.iter().chain(&of_deleted).chain(&of_other) {
        std::fs::write(path, "{}").unwrap();
    }
    assert_eq!(bucket.list("", None, 10).await.unwrap().entries.len(), 3);
    assert!(bucket.put("a/b", "y".into(), PutCondition::Absent).await.is_err());
    assert!(of_written.iter().all(|path| path.exists()));
    bucket.put("a/b", "y".into(), PutCondition::Always).await.unwrap();
    bucket.delete("a/c").await.unwrap();
    assert!(of_written.iter().chain(&of_deleted).all(|path| !path.exists()));
    assert!(of_other.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn a_put_that_the_disk_refuses_leaves_nothing() {
    let (folder, Stores { blobs, .. }) = open();
    blobs.put("a", "old".into(), PutCondition::Always).await.unwrap();
    std::fs::remove_dir_all(folder.path().join(".tmp")).unwrap();
    let error = blobs.put("a", "new".into(), PutCondition::Always).await.unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
    assert!(matches!(blobs.writer("b").await, Err(StoreError::Backend { .. })));
    assert_eq!(blobs.get("a").await.unwrap(), "old");
    assert_eq!(blobs.list("", None, 10).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_blob_linked_from_elsewhere_is_listed_and_read() {
    let (folder, stores) = open();
    let elsewhere = folder.path().join("elsewhere.csv");
    std::fs::write(&elsewhere, "x").unwrap();
    let bucket = folder.path().join("s3/users-bucket");
    std::os::unix::fs::symlink(&elsewhere, bucket.join("data.csv")).unwrap();
    std::os::unix::fs::symlink(&bucket, bucket.join("circle")).unwrap();
    let bucket = stores.buckets.bucket("users-bucket").unwrap();
    let keys: Vec<_> = bucket.list("", None, 10).await.unwrap().entries.into_iter().map(|meta| meta.key).collect();
    assert_eq!(keys, ["data.csv"]);
    assert_eq!(bucket.get("data.csv").await.unwrap(), "x");
}
