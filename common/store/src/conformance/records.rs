//! What a [`RecordStore`] does for one caller.

use std::sync::Arc;

use crate::{Key, Order, Record, RecordStore, RecordStoreExt as _, StoreError, Write};

type Store = Arc<dyn RecordStore>;

fn key(sort: &str) -> Key {
    Key::new("partition", sort)
}

async fn value(store: &Store, sort: &str) -> Option<(u64, Vec<u8>)> {
    store.get(&key(sort)).await.unwrap().map(|record| (record.version, record.value))
}

fn is_conflict(result: Result<(), StoreError>, sort: &str) -> bool {
    matches!(result, Err(StoreError::Conflict { key: of }) if of == key(sort).to_string())
}

fn is_taken(result: Result<(), StoreError>, sort: &str) -> bool {
    matches!(result, Err(StoreError::AlreadyExists { key: of }) if of == key(sort).to_string())
}

pub async fn a_created_record_is_read_back_at_version_one(store: Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for (sort, content) in [("text", b"hello".to_vec()), ("empty", Vec::new()), ("bytes", every_byte)] {
        store.create(key(sort), content.clone()).await.unwrap();
        let expected = Record { key: key(sort), version: 1, value: content };
        assert_eq!(store.get(&key(sort)).await.unwrap(), Some(expected.clone()));
        let page = store.list("partition", sort, None, 1, Order::Ascending).await.unwrap();
        assert_eq!(page.entries, [expected]);
    }
}

pub async fn an_absent_record_is_none(store: Store) {
    assert_eq!(store.get(&key("absent")).await.unwrap(), None);
    let page = store.list("partition", "", None, 10, Order::Descending).await.unwrap();
    assert!(page.entries.is_empty() && page.next.is_none());
}

pub async fn a_create_on_a_taken_key_fails_and_changes_nothing(store: Store) {
    store.create(key("a"), b"first".to_vec()).await.unwrap();
    assert!(is_taken(store.create(key("a"), b"second".to_vec()).await, "a"));
    assert_eq!(value(&store, "a").await, Some((1, b"first".to_vec())));
}

pub async fn an_update_needs_the_expected_version(store: Store) {
    store.create(key("a"), b"1".to_vec()).await.unwrap();
    store.update(key("a"), 1, b"2".to_vec()).await.unwrap();
    store.update(key("a"), 2, b"3".to_vec()).await.unwrap();
    for stale in [0, 1, 2, 4, u64::MAX] {
        assert!(is_conflict(store.update(key("a"), stale, b"x".to_vec()).await, "a"), "{stale}");
    }
    assert_eq!(value(&store, "a").await, Some((3, b"3".to_vec())));
    assert!(is_conflict(store.update(key("absent"), 1, b"x".to_vec()).await, "absent"));
    assert!(is_conflict(store.update(key("absent"), 0, b"x".to_vec()).await, "absent"));
    assert_eq!(value(&store, "absent").await, None);
}

pub async fn a_delete_needs_the_expected_version_and_frees_the_key(store: Store) {
    store.create(key("a"), b"1".to_vec()).await.unwrap();
    store.update(key("a"), 1, b"2".to_vec()).await.unwrap();
    assert!(is_conflict(store.delete(key("a"), 1).await, "a"));
    assert!(is_conflict(store.delete(key("absent"), 1).await, "absent"));
    store.delete(key("a"), 2).await.unwrap();
    assert_eq!(value(&store, "a").await, None);
    store.create(key("a"), b"again".to_vec()).await.unwrap();
    assert_eq!(value(&store, "a").await, Some((1, b"again".to_vec())));
}

pub async fn a_check_holds_or_refuses_and_changes_nothing(store: Store) {
    store.create(key("a"), b"a".to_vec()).await.unwrap();
    let check = |sort: &str, expected| Write::Check { key: key(sort), expected };
    store.commit(vec![check("a", 1)]).await.unwrap();
    assert!(is_conflict(store.commit(vec![check("a", 2)]).await, "a"));
    assert!(is_conflict(store.commit(vec![check("absent", 1)]).await, "absent"));
    assert_eq!(value(&store, "a").await, Some((1, b"a".to_vec())));
}

pub async fn writes_of_all_kinds_happen_together(store: Store) {
    for sort in ["updated", "deleted", "checked"] {
        store.create(key(sort), b"old".to_vec()).await.unwrap();
    }
    store.commit(all_kinds(1)).await.unwrap();
    assert_eq!(value(&store, "created").await, Some((1, b"new".to_vec())));
    assert_eq!(value(&store, "updated").await, Some((2, b"new".to_vec())));
    assert_eq!(value(&store, "deleted").await, None);
    assert_eq!(value(&store, "checked").await, Some((1, b"old".to_vec())));
}

fn all_kinds(checked: u64) -> Vec<Write> {
    vec![
        Write::Create { key: key("created"), value: b"new".to_vec() },
        Write::Update { key: key("updated"), expected: 1, value: b"new".to_vec() },
        Write::Delete { key: key("deleted"), expected: 1 },
        Write::Check { key: key("checked"), expected: checked },
    ]
}

pub async fn one_refused_write_undoes_the_whole_commit(store: Store) {
    for sort in ["updated", "deleted", "checked"] {
        store.create(key(sort), b"old".to_vec()).await.unwrap();
    }
    let mut writes = all_kinds(7);
    for _ in 0..writes.len() {
        // Wherever in the commit the refused one is.
        writes.rotate_left(1);
        assert!(is_conflict(store.commit(writes.clone()).await, "checked"));
        assert_eq!(value(&store, "created").await, None);
        for sort in ["updated", "deleted", "checked"] {
            assert_eq!(value(&store, sort).await, Some((1, b"old".to_vec())), "{sort}");
        }
    }
}

pub async fn the_first_refused_write_is_named(store: Store) {
    store.create(key("taken"), Vec::new()).await.unwrap();
    let create = |sort: &str| Write::Create { key: key(sort), value: Vec::new() };
    let update = |sort: &str| Write::Update { key: key(sort), expected: 1, value: Vec::new() };
    let result = store.commit(vec![create("free"), create("taken"), update("absent")]).await;
    assert!(is_taken(result, "taken"));
    let result = store.commit(vec![create("free"), update("absent"), create("taken")]).await;
    assert!(is_conflict(result, "absent"));
    assert_eq!(value(&store, "free").await, None);
}

pub async fn partition_and_sort_key_are_apart(store: Store) {
    let keys = [Key::new("a", "b/c"), Key::new("a/b", "c"), Key::new("A", "b/c"), Key::new("a", "b/C")];
    for (i, key) in keys.iter().enumerate() {
        store.create(key.clone(), vec![i as u8]).await.unwrap();
    }
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(store.get(key).await.unwrap().unwrap().value, [i as u8]);
    }
    let page = store.list("a/b", "", None, 10, Order::Ascending).await.unwrap();
    assert_eq!(page.entries.iter().map(|record| &record.key).collect::<Vec<_>>(), [&keys[1]]);
}

pub async fn a_commit_has_at_most_a_hundred_writes_of_different_keys(store: Store) {
    let create = |i: usize| Write::Create { key: key(&i.to_string()), value: vec![1; 10] };
    store.commit(Vec::new()).await.unwrap();
    let result = store.commit((0..101).map(create).collect()).await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })));
    assert_eq!(value(&store, "0").await, None);
    store.commit((0..100).map(create).collect()).await.unwrap();
    assert_eq!(store.list_all("partition", "").await.unwrap().len(), 100);
    let result = store.commit(vec![create(200), create(201), create(200)]).await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })));
    let check = Write::Check { key: key("0"), expected: 1 };
    let update = Write::Update { key: key("0"), expected: 1, value: Vec::new() };
    assert!(matches!(store.commit(vec![check, update]).await, Err(StoreError::Invalid { .. })));
}

pub async fn keys_and_values_have_limits(store: Store) {
    let longest = Key::new("p".repeat(1024), "ü".repeat(512));
    store.create(longest.clone(), vec![7; 350_000]).await.unwrap();
    let record = store.get(&longest).await.unwrap().unwrap();
    assert_eq!((record.key, record.value.len()), (longest.clone(), 350_000));
    let page = store.list(&longest.partition, &longest.sort, None, 1, Order::Ascending).await.unwrap();
    assert_eq!(page.entries.len(), 1);

    let long = "x".repeat(1025);
    for bad in [Key::new("", "a"), Key::new("a", ""), Key::new(&long, "a"), Key::new("a", &long)] {
        assert!(matches!(store.get(&bad).await, Err(StoreError::Invalid { .. })));
        assert!(matches!(store.create(bad, Vec::new()).await, Err(StoreError::Invalid { .. })));
    }
    let result = store.create(key("a"), vec![0; 350_001]).await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })));
    let create = |i: usize| Write::Create { key: key(&i.to_string()), value: vec![0; 350_000] };
    let result = store.commit((0..12).map(create).collect()).await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })), "over four megabytes in one commit");
    store.commit((0..11).map(create).collect()).await.unwrap();
}

pub async fn requests_for_a_page_have_limits(store: Store) {
    for limit in [0, 1001] {
        let result = store.list("partition", "", None, limit, Order::Ascending).await;
        assert!(matches!(result, Err(StoreError::Invalid { .. })), "{limit}");
    }
    store.list("partition", "", None, 1000, Order::Ascending).await.unwrap();
    let long = "x".repeat(1025);
    assert!(store.list("", "", None, 1, Order::Ascending).await.is_err());
    assert!(store.list("partition", &long, None, 1, Order::Ascending).await.is_err());
    assert!(store.list("partition", "", Some(&long), 1, Order::Ascending).await.is_err());
}
