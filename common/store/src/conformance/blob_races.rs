//! What a [`BlobStore`] does for callers at the same time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{BlobStore, PutCondition, StoreError};

type Store = Arc<dyn BlobStore>;

/// Lets many put different contents under one condition; gives the number of the one that won.
async fn race(store: &Store, key: &'static str, condition: PutCondition) -> u8 {
    let mut racing = JoinSet::new();
    for who in 0..12u8 {
        let (store, condition) = (Arc::clone(store), condition.clone());
        racing.spawn(async move { (who, store.put(key, Bytes::from(vec![who; 100]), condition).await) });
    }
    let mut winners = Vec::new();
    for (who, result) in racing.join_all().await {
        match (result, &condition) {
            (Ok(meta), _) => winners.push((who, meta)),
            (Err(StoreError::AlreadyExists { .. }), PutCondition::Absent) => {}
            (Err(StoreError::Conflict { .. }), PutCondition::Etag(_)) => {}
            (Err(error), _) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{condition:?}");
    let (winner, meta) = winners.remove(0);
    assert_eq!(store.get(key).await.unwrap(), vec![winner; 100]);
    assert_eq!(store.head(key).await.unwrap().etag, meta.etag);
    winner
}

pub async fn only_one_of_many_racing_puts_if_absent_wins(store: Store) {
    for key in ["a", "b", "folder/c", "folder/d"] {
        race(&store, key, PutCondition::Absent).await;
    }
}

pub async fn only_one_of_many_racing_puts_on_an_etag_wins(store: Store) {
    let mut etag = store.put("a", Bytes::from_static(b"first"), PutCondition::Absent).await.unwrap().etag;
    for _ in 0..8 {
        let winner = race(&store, "a", PutCondition::Etag(etag)).await;
        // Another content than any racer's: S3 gives equal contents equal etags.
        let between = Bytes::from(vec![winner; 7]);
        etag = store.put("a", between, PutCondition::Always).await.unwrap().etag;
    }
}

pub async fn a_reader_sees_a_replaced_blob_whole(store: Store) {
    let content = |round: u8| Bytes::from(vec![round; 1000 + 5000 * usize::from(round % 7)]);
    store.put("a", content(0), PutCondition::Always).await.unwrap();
    let replacing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for round in 1..60 {
                if round % 2 == 0 {
                    store.put("a", content(round), PutCondition::Always).await.unwrap();
                } else {
                    let mut writer = store.writer("a").await.unwrap();
                    for chunk in content(round).chunks(999) {
                        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
                    }
                    writer.finish().await.unwrap();
                }
            }
        }
    });
    while !replacing.is_finished() {
        let seen = store.get("a").await.unwrap();
        assert_eq!(seen, content(seen[0]), "a mixture");
    }
    replacing.await.unwrap();
}
