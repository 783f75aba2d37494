//! What a [`RecordStore`] does with records that end by themselves, at a time that the test holds.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::task::JoinSet;

use crate::{Key, Now, Order, RecordStore, RecordStoreExt as _, StoreError, Write};

type Store = (Arc<dyn RecordStore>, HeldClock);

/// A clock that stands until it is moved. It begins in the year 2100: what DynamoDB deletes by its own clock must
/// not be gone before the test looks.
#[derive(Clone)]
pub struct HeldClock(Arc<AtomicU64>);

const BEGIN_S: u64 = 4_102_444_800;

impl Default for HeldClock {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(BEGIN_S)))
    }
}

impl HeldClock {
    /// What the store under test is opened with.
    pub fn now(&self) -> Now {
        let held = Arc::clone(&self.0);
        Now::by(move || held.load(Ordering::SeqCst))
    }

    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn key(sort: &str) -> Key {
    Key::new("partition", sort)
}

/// Ends after so many seconds of the test.
fn until(sort: &str, seconds: u64) -> Write {
    Write::CreateUntil { key: key(sort), value: sort.into(), expires_s: BEGIN_S + seconds }
}

fn lasting(sort: &str) -> Write {
    Write::Create { key: key(sort), value: b"lasting".to_vec() }
}

async fn value(store: &Arc<dyn RecordStore>, sort: &str) -> Option<(u64, Vec<u8>)> {
    store.get(&key(sort)).await.unwrap().map(|record| (record.version, record.value))
}

/// All that a listing gives, page by page of the given length.
async fn listed(store: &Arc<dyn RecordStore>, limit: usize, order: Order) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.list("partition", "", after.as_deref(), limit, order).await.unwrap();
        assert!(page.entries.len() <= limit);
        all.extend(page.entries.into_iter().map(|record| record.key.sort));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub async fn a_record_is_there_until_its_time_comes((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    clock.advance(9);
    assert_eq!(value(&store, "a").await, Some((1, b"a".to_vec())));
    clock.advance(1);
    assert_eq!(value(&store, "a").await, None);
}

pub async fn a_listing_leaves_out_what_has_ended((store, clock): Store) {
    for n in 0..10 {
        let write = if n % 3 == 0 { lasting(&n.to_string()) } else { until(&n.to_string(), n) };
        store.commit(vec![write]).await.unwrap();
    }
    clock.advance(5);
    let expected = ["0", "3", "6", "7", "8", "9"];
    for limit in [1, 2, 100] {
        assert_eq!(listed(&store, limit, Order::Ascending).await, expected);
        let backwards: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(listed(&store, limit, Order::Descending).await, backwards);
    }
}

pub async fn a_create_takes_the_place_of_what_has_ended((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    store.commit(vec![until("b", 10)]).await.unwrap();
    clock.advance(10);
    store.commit(vec![lasting("a")]).await.unwrap();
    store.commit(vec![until("b", 30)]).await.unwrap();
    assert_eq!(value(&store, "a").await, Some((1, b"lasting".to_vec())));
    assert_eq!(value(&store, "b").await, Some((1, b"b".to_vec())));
    // The new ones have their own ends.
    clock.advance(1_000);
    assert_eq!(value(&store, "a").await, Some((1, b"lasting".to_vec())));
    assert_eq!(value(&store, "b").await, None);
}

pub async fn a_create_before_the_end_finds_the_key_taken((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    clock.advance(9);
    for again in [until("a", 100), lasting("a")] {
        let result = store.commit(vec![again]).await;
        assert!(matches!(result, Err(StoreError::AlreadyExists { key: of }) if of == key("a").to_string()));
    }
    clock.advance(1);
    assert_eq!(value(&store, "a").await, None);
}

pub async fn what_has_ended_cannot_be_changed((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    clock.advance(10);
    let a = || key("a");
    for write in [
        Write::Update { key: a(), expected: 1, value: b"2".to_vec() },
        Write::Delete { key: a(), expected: 1 },
        Write::Check { key: a(), expected: 1 },
    ] {
        // Alone, and with another write beside it.
        for beside in [vec![], vec![lasting("b")]] {
            let result = store.commit([vec![write.clone()], beside].concat()).await;
            assert!(matches!(result, Err(StoreError::Conflict { key: of }) if of == a().to_string()), "{write:?}");
        }
    }
    assert_eq!(value(&store, "b").await, None);
}

pub async fn an_updated_record_lasts((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    store.update(key("a"), 1, b"2".to_vec()).await.unwrap();
    clock.advance(1_000);
    assert_eq!(value(&store, "a").await, Some((2, b"2".to_vec())));
    while store.purge_expired(10).await.unwrap() > 0 {}
    assert_eq!(value(&store, "a").await, Some((2, b"2".to_vec())));
}

pub async fn a_commit_takes_the_place_of_what_has_ended_or_does_nothing((store, clock): Store) {
    store.commit(vec![until("a", 10), until("b", 20), lasting("c")]).await.unwrap();
    clock.advance(10);
    let result = store.commit(vec![lasting("a"), lasting("b")]).await;
    assert!(matches!(result, Err(StoreError::AlreadyExists { key: of }) if of == key("b").to_string()));
    assert_eq!(value(&store, "a").await, None);
    clock.advance(10);
    store.commit(vec![lasting("a"), until("b", 40), Write::Check { key: key("c"), expected: 1 }]).await.unwrap();
    assert_eq!(listed(&store, 100, Order::Ascending).await, ["a", "b", "c"]);
}

pub async fn a_purge_frees_only_what_has_ended((store, clock): Store) {
    let sorts: Vec<String> = (0..30).map(|n| format!("{n:02}")).collect();
    let writes = |seconds: u64| sorts.iter().map(|sort| until(sort, seconds)).collect();
    store.commit(writes(10)).await.unwrap();
    store.commit(vec![lasting("lasting"), until("later", 11)]).await.unwrap();
    assert_eq!(store.purge_expired(1_000).await.unwrap(), 0, "nothing has ended");
    clock.advance(10);
    for limit in [0, 1_001] {
        assert!(matches!(store.purge_expired(limit).await, Err(StoreError::Invalid { .. })));
    }
    let mut purged = Vec::new();
    loop {
        let n = store.purge_expired(12).await.unwrap();
        purged.push(n);
        if n == 0 {
            break;
        }
    }
    // By this call, or by DynamoDB itself.
    assert!(purged == [12, 12, 6, 0] || purged == [0], "{purged:?}");
    assert_eq!(listed(&store, 100, Order::Ascending).await, ["lasting", "later"]);
    store.commit(writes(20)).await.unwrap();
    assert_eq!(listed(&store, 100, Order::Ascending).await.len(), 32);
}

pub async fn racing_creates_over_an_ended_record_have_one_winner((store, clock): Store) {
    store.commit(vec![until("a", 10)]).await.unwrap();
    clock.advance(10);
    let mut racing = JoinSet::new();
    for who in 0..8u8 {
        let store = Arc::clone(&store);
        racing.spawn(async move { (who, store.create(key("a"), vec![who]).await) });
    }
    let mut winners = Vec::new();
    for (who, result) in racing.join_all().await {
        match result {
            Ok(()) => winners.push(who),
            Err(error) => assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(value(&store, "a").await, Some((1, winners)));
}
