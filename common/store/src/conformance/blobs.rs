//! What a [`BlobStore`] does for one caller.

use std::sync::Arc;

use bytes::Bytes;

use super::Numbers;
use crate::{BlobStore, PutCondition, StoreError};

type Store = Arc<dyn BlobStore>;

async fn put(store: &Store, key: &str, content: &'static str) -> crate::BlobMeta {
    store.put(key, Bytes::from_static(content.as_bytes()), PutCondition::Always).await.unwrap()
}

async fn keys(store: &Store) -> Vec<String> {
    store.list("", None, 1000).await.unwrap().entries.into_iter().map(|meta| meta.key).collect()
}

pub async fn a_blob_is_read_back_and_described_alike_everywhere(store: Store) {
    for (key, content) in [("folder/blob", Bytes::from_static(b"content")), ("empty", Bytes::new())] {
        let written = store.put(key, content.clone(), PutCondition::Always).await.unwrap();
        assert_eq!((written.key.as_str(), written.size), (key, content.len() as u64));
        assert_eq!(store.get(key).await.unwrap(), content);
        let head = store.head(key).await.unwrap();
        // On AWS the time of a write is the writer's, of a reading S3's.
        assert!(head.modified_ms.abs_diff(written.modified_ms) < 10_000);
        assert_eq!((&head.key, head.size, &head.etag), (&written.key, written.size, &written.etag));
        let page = store.list(key, None, 10).await.unwrap();
        assert!(page.next.is_none());
        assert_eq!(page.entries.len(), 1);
        assert_eq!(
            (&page.entries[0].key, page.entries[0].size, &page.entries[0].etag),
            (&head.key, head.size, &head.etag)
        );
    }
}

pub async fn an_absent_blob_is_not_found(store: Store) {
    put(&store, "there/blob", "x").await;
    for key in ["absent", "there", "there/other", "not/there"] {
        let absent = |error| matches!(error, StoreError::NotFound { key: of } if of == key);
        assert!(absent(store.get(key).await.unwrap_err()));
        assert!(absent(store.get_range(key, 0..1).await.unwrap_err()));
        assert!(absent(store.get_range(key, 1..1).await.unwrap_err()));
        assert!(absent(store.head(key).await.unwrap_err()));
    }
}

pub async fn a_put_replaces_and_changes_the_etag(store: Store) {
    let mut etags = vec![put(&store, "a", "one").await.etag];
    for content in ["two", "six", "longer"] {
        etags.push(put(&store, "a", content).await.etag);
        assert_eq!(store.get("a").await.unwrap(), content);
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 4);
    assert_eq!(keys(&store).await, ["a"]);
}

pub async fn a_put_if_absent_needs_a_free_key(store: Store) {
    let meta = store.put("a", Bytes::from_static(b"first"), PutCondition::Absent).await.unwrap();
    let result = store.put("a", Bytes::from_static(b"second"), PutCondition::Absent).await;
    assert!(matches!(result, Err(StoreError::AlreadyExists { key }) if key == "a"));
    assert_eq!(store.get("a").await.unwrap(), "first");
    assert_eq!(store.head("a").await.unwrap().etag, meta.etag);
    store.delete("a").await.unwrap();
    store.put("a", Bytes::from_static(b"third"), PutCondition::Absent).await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), "third");
}

pub async fn a_put_on_an_etag_needs_that_etag(store: Store) {
    let one = put(&store, "a", "one").await.etag;
    let two = store.put("a", Bytes::from_static(b"two"), PutCondition::Etag(one.clone())).await.unwrap().etag;
    let result = store.put("a", Bytes::from_static(b"x"), PutCondition::Etag(one.clone())).await;
    assert!(matches!(result, Err(StoreError::Conflict { key }) if key == "a"));
    assert_eq!(store.get("a").await.unwrap(), "two");
    let listed = store.list("a", None, 1).await.unwrap().entries[0].etag.clone();
    assert_eq!(listed, two);
    store.put("a", Bytes::from_static(b"three"), PutCondition::Etag(listed)).await.unwrap();
    let result = store.put("absent", Bytes::from_static(b"x"), PutCondition::Etag(one)).await;
    assert!(matches!(result, Err(StoreError::Conflict { key }) if key == "absent"));
    assert_eq!(keys(&store).await, ["a"]);
}

pub async fn a_range_past_the_end_gives_what_there_is(store: Store) {
    put(&store, "a", "0123456789").await;
    put(&store, "empty", "").await;
    let ranges = [
        (0..10, "0123456789"),
        (0..1, "0"),
        (3..7, "3456"),
        (9..10, "9"),
        (5..99, "56789"),
        (0..u64::MAX, "0123456789"),
        (10..11, ""),
        (11..20, ""),
        (u64::MAX - 1..u64::MAX, ""),
        (4..4, ""),
    ];
    for (range, expected) in ranges {
        assert_eq!(store.get_range("a", range.clone()).await.unwrap(), expected, "{range:?}");
        assert_eq!(store.get_range("empty", range.clone()).await.unwrap(), "", "{range:?}");
    }
    let backwards = std::ops::Range { start: 7, end: 3 };
    assert_eq!(store.get_range("a", backwards).await.unwrap(), "");
}

pub async fn a_deleted_blob_is_gone_and_its_folders_are_not_in_the_way(store: Store) {
    store.delete("never/there").await.unwrap();
    put(&store, "a/b/c", "x").await;
    put(&store, "a/d", "x").await;
    store.delete("a/b/c").await.unwrap();
    assert!(matches!(store.get("a/b/c").await, Err(StoreError::NotFound { .. })));
    put(&store, "a/b", "x").await;
    assert_eq!(keys(&store).await, ["a/b", "a/d"]);
    for key in ["a/b", "a/d", "a/d", "a"] {
        store.delete(key).await.unwrap();
    }
    put(&store, "a", "x").await;
    assert_eq!(keys(&store).await, ["a"]);
    // What lies below a blob cannot be there.
    store.delete("a/below").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), "x");
}

fn noise(size: usize) -> Vec<u8> {
    let mut numbers = Numbers(size as u64);
    (0..size).map(|_| numbers.below(256) as u8).collect()
}

async fn write_in_chunks(store: &Store, key: &str, content: &[u8]) {
    let mut numbers = Numbers(3);
    let mut writer = store.writer(key).await.unwrap();
    let mut rest = content;
    while !rest.is_empty() {
        let (chunk, more) = rest.split_at((1 + numbers.below(3 << 20)).min(rest.len()));
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        rest = more;
    }
    let meta = writer.finish().await.unwrap();
    let head = store.head(key).await.unwrap();
    assert_eq!((&meta.key, meta.size, &meta.etag), (&head.key, head.size, &head.etag));
    assert_eq!(head.size, content.len() as u64);
    assert!(store.get(key).await.unwrap() == content);
}

pub async fn a_writer_joins_its_chunks(store: Store) {
    for size in [0, 1, 1000, (1 << 20) - 1, 1 << 20, (2 << 20) + 1] {
        write_in_chunks(&store, "written", &noise(size)).await;
    }
    let mut writer = store.writer("empty/chunks").await.unwrap();
    for chunk in [&b""[..], b"a", b"", b"b"] {
        writer.write(Bytes::from_static(chunk)).await.unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(store.get("empty/chunks").await.unwrap(), "ab");
}

pub async fn a_large_blob_goes_through_a_writer(store: Store) {
    // S3 takes parts of 8 MiB here: at their borders and in one chunk over several.
    for size in [8 << 20, (16 << 20) + 1] {
        write_in_chunks(&store, "large", &noise(size)).await;
    }
    let content = Bytes::from(noise(20 << 20));
    let mut writer = store.writer("large").await.unwrap();
    writer.write(content.clone()).await.unwrap();
    writer.finish().await.unwrap();
    assert!(store.get("large").await.unwrap() == content);
    let range = (8 << 20) - 10..(8 << 20) + 10;
    assert_eq!(store.get_range("large", range.start as u64..range.end as u64).await.unwrap(), content.slice(range));
}

pub async fn a_blob_in_writing_is_not_visible(store: Store) {
    put(&store, "old", "old").await;
    let mut writers = Vec::new();
    for key in ["old", "new", "folder/new"] {
        let mut writer = store.writer(key).await.unwrap();
        writer.write(Bytes::from(noise(9 << 20))).await.unwrap();
        writers.push(writer);
    }
    assert_eq!(store.get("old").await.unwrap(), "old");
    assert!(matches!(store.head("new").await, Err(StoreError::NotFound { .. })));
    assert_eq!(keys(&store).await, ["old"]);
    for writer in writers {
        writer.finish().await.unwrap();
    }
    assert_eq!(keys(&store).await, ["folder/new", "new", "old"]);
    assert_eq!(store.head("old").await.unwrap().size, 9 << 20);
}

pub async fn a_writer_given_up_leaves_the_old_blob(store: Store) {
    let old = put(&store, "old", "old").await;
    for key in ["old", "new"] {
        for size in [10, 9 << 20] {
            let mut dropped = store.writer(key).await.unwrap();
            dropped.write(Bytes::from(noise(size))).await.unwrap();
            drop(dropped);
            let mut aborted = store.writer(key).await.unwrap();
            aborted.write(Bytes::from(noise(size))).await.unwrap();
            aborted.abort().await.unwrap();
        }
    }
    assert_eq!(keys(&store).await, ["old"]);
    assert_eq!(store.get("old").await.unwrap(), "old");
    assert_eq!(store.head("old").await.unwrap().etag, old.etag);
}

pub async fn keys_that_would_leave_the_bucket_are_refused(store: Store) {
    let refused = |error| matches!(error, StoreError::Invalid { .. });
    for key in
        ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", "a\0b", &"x".repeat(1025)]
    {
        let content = || Bytes::from_static(b"x");
        assert!(refused(store.put(key, content(), PutCondition::Always).await.unwrap_err()), "{key:?}");
        assert!(refused(store.put(key, content(), PutCondition::Absent).await.unwrap_err()), "{key:?}");
        assert!(refused(store.get(key).await.unwrap_err()), "{key:?}");
        assert!(refused(store.get_range(key, 0..1).await.unwrap_err()), "{key:?}");
        assert!(refused(store.head(key).await.unwrap_err()), "{key:?}");
        assert!(refused(store.delete(key).await.unwrap_err()), "{key:?}");
        assert!(store.writer(key).await.is_err_and(refused), "{key:?}");
    }
    assert!(keys(&store).await.is_empty());
}

pub async fn a_key_may_have_1024_bytes(store: Store) {
    let long = format!("{0}/{0}/{0}/{0}/{1}", "k".repeat(204), "ü".repeat(102));
    assert_eq!(long.len(), 1024);
    put(&store, &long, "x").await;
    assert_eq!(store.get(&long).await.unwrap(), "x");
    assert_eq!(keys(&store).await, [long]);
}
