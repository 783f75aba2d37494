//! What the stores of one installation do together.

use bytes::Bytes;

use crate::{Key, PutCondition, RecordStoreExt as _, StoreError, Stores, Write};

/// The way that a dataset's manifest or a model takes: the blob first, then the record that points to it.
/// Between the two the record still points to the old blob, and doing it again does no harm.
pub async fn a_writer_killed_between_blob_and_record_is_taken_up_again((stores, _): (Stores, String)) {
    let manifest = Key::new("dataset", "manifest");
    let write_part = async |part: &str| {
        let mut writer = stores.blobs.writer(part).await.unwrap();
        writer.write(Bytes::from(part.to_owned())).await.unwrap();
        writer.finish().await.unwrap();
    };
    write_part("parts/1").await;
    stores.records.create(manifest.clone(), b"parts/1".to_vec()).await.unwrap();

    // The first try dies here: its blob is whole, and nobody is led to it.
    write_part("parts/2").await;
    let record = stores.records.get(&manifest).await.unwrap().unwrap();
    assert_eq!((record.version, record.value.as_slice()), (1, &b"parts/1"[..]));
    assert_eq!(stores.blobs.get("parts/1").await.unwrap(), "parts/1");

    // The second try writes the same blob again and comes to its end.
    write_part("parts/2").await;
    let switch = |expected| Write::Update { key: manifest.clone(), expected, value: b"parts/2".to_vec() };
    stores.records.commit(vec![switch(1)]).await.unwrap();
    // A third, which did not hear of it, changes nothing.
    assert!(matches!(stores.records.commit(vec![switch(1)]).await, Err(StoreError::Conflict { .. })));
    let record = stores.records.get(&manifest).await.unwrap().unwrap();
    let part = String::from_utf8(record.value).unwrap();
    assert_eq!((record.version, stores.blobs.get(&part).await.unwrap()), (2, Bytes::from("parts/2")));
}

pub async fn buckets_are_apart_from_each_other_and_from_palates_own((stores, bucket): (Stores, String)) {
    let users = stores.buckets.bucket(&bucket).unwrap();
    users.put("a/b", Bytes::from_static(b"user"), PutCondition::Absent).await.unwrap();
    stores.blobs.put("a/b", Bytes::from_static(b"own"), PutCondition::Absent).await.unwrap();
    assert_eq!(users.get("a/b").await.unwrap(), "user");
    assert_eq!(stores.blobs.get("a/b").await.unwrap(), "own");
    stores.blobs.delete("a/b").await.unwrap();
    assert_eq!(users.list("", None, 10).await.unwrap().entries.len(), 1);
    assert!(stores.blobs.list("", None, 10).await.unwrap().entries.is_empty());
}

pub async fn a_bucket_that_is_not_there_is_not_found((stores, _): (Stores, String)) {
    let absent = stores.buckets.bucket("no-such-bucket-anywhere").unwrap();
    let not_found = |error| matches!(error, StoreError::NotFound { .. });
    assert!(not_found(absent.get("a").await.unwrap_err()));
    assert!(not_found(absent.head("a").await.unwrap_err()));
    assert!(not_found(absent.list("", None, 1).await.unwrap_err()));
    let content = || Bytes::from_static(b"x");
    for condition in [PutCondition::Always, PutCondition::Absent, PutCondition::Etag("x".into())] {
        assert!(not_found(absent.put("a/b", content(), condition).await.unwrap_err()));
    }
    // A writer may notice at its end only.
    if let Ok(writer) = absent.writer("a/b").await {
        assert!(not_found(writer.finish().await.unwrap_err()));
    }
}

pub async fn names_that_s3_does_not_allow_are_refused((stores, _): (Stores, String)) {
    for name in ["", "..", "../blobs", "a/b", ".tmp", "UPPER", "ab", "under_score", "127.0.0.1", "a..b"] {
        assert!(matches!(stores.buckets.bucket(name), Err(StoreError::Invalid { .. })), "{name:?}");
    }
}
