//! Listings of both stores: order, pages, prefixes, and what happens while the content changes.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;

use super::{AWKWARD, Numbers};
use crate::{BlobStore, Key, Order, PutCondition, RecordStore, RecordStoreExt as _};

type Records = Arc<dyn RecordStore>;
type Blobs = Arc<dyn BlobStore>;

async fn sort_keys(store: &Records, prefix: &str, after: Option<&str>, limit: usize, order: Order) -> Vec<String> {
    let mut after = after.map(str::to_owned);
    let mut all = Vec::new();
    loop {
        let page = store.list("partition", prefix, after.as_deref(), limit, order).await.unwrap();
        assert!(page.entries.len() <= limit);
        all.extend(page.entries.into_iter().map(|record| record.key.sort));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

async fn blob_keys(store: &Blobs, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let mut after = after.map(str::to_owned);
    let mut all = Vec::new();
    loop {
        let page = store.list(prefix, after.as_deref(), limit).await.unwrap();
        assert!(page.entries.len() <= limit);
        all.extend(page.entries.into_iter().map(|meta| meta.key));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn sorted() -> Vec<String> {
    // In Rust strings compare by their bytes.
    BTreeSet::from(AWKWARD).into_iter().map(str::to_owned).collect()
}

pub async fn records_are_listed_bytewise_in_both_directions(store: Records) {
    for sort in AWKWARD.iter().rev() {
        store.create(Key::new("partition", *sort), Vec::new()).await.unwrap();
        store.create(Key::new("partition2", *sort), Vec::new()).await.unwrap();
    }
    let ascending = sorted();
    let mut descending = ascending.clone();
    descending.reverse();
    for limit in [1, 2, 7, 23, 24, 25, 1000] {
        assert_eq!(sort_keys(&store, "", None, limit, Order::Ascending).await, ascending, "{limit}");
        assert_eq!(sort_keys(&store, "", None, limit, Order::Descending).await, descending, "{limit}");
    }
}

pub async fn a_listing_of_records_keeps_to_its_prefix_wherever_it_starts(store: Records) {
    for sort in AWKWARD {
        store.create(Key::new("partition", sort), Vec::new()).await.unwrap();
    }
    for prefix in ["", "a", "a/", "a/b", "b/.", "ü", "日", "z", "\u{10FFFF}"] {
        for after in [None, Some(""), Some("a"), Some("a/b"), Some("a/b/never"), Some("b/.c"), Some("z"), Some("𐀀")]
        {
            let mut expected: Vec<String> = sorted().into_iter().filter(|sort| sort.starts_with(prefix)).collect();
            expected.retain(|sort| after.is_none_or(|after| sort.as_str() > after));
            let found = sort_keys(&store, prefix, after, 3, Order::Ascending).await;
            assert_eq!(found, expected, "{prefix:?} after {after:?}");

            let mut expected: Vec<String> = sorted().into_iter().filter(|sort| sort.starts_with(prefix)).collect();
            expected.retain(|sort| after.is_none_or(|after| sort.as_str() < after));
            expected.reverse();
            let found = sort_keys(&store, prefix, after, 3, Order::Descending).await;
            assert_eq!(found, expected, "{prefix:?} before {after:?}");
        }
    }
}

pub async fn large_records_are_listed_in_several_pages(store: Records) {
    for i in 0..8u8 {
        store.create(Key::new("partition", i.to_string()), vec![i; 350_000]).await.unwrap();
    }
    let first = store.list("partition", "", None, 1000, Order::Ascending).await.unwrap();
    assert!(first.next.is_some() && !first.entries.is_empty(), "one call holds a bounded amount");
    let all = store.list_all("partition", "").await.unwrap();
    assert_eq!(all.iter().map(|record| record.value[0]).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
}

/// Names of which the even ones last and the odd ones come and go.
fn name(i: usize) -> String {
    format!("{}{:03}", ["x", "x/", "x-"][i / 2 % 3], i)
}

const NAMES: usize = 120;

fn lasting() -> Vec<String> {
    (0..NAMES).step_by(2).map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

fn check(listed: Vec<String>, order: Order) {
    let lasting = lasting();
    let mut found = listed.clone();
    if order == Order::Descending {
        found.reverse();
    }
    assert!(found.is_sorted_by(|a, b| a < b), "each at most once and in order: {listed:?}");
    found.retain(|name| lasting.binary_search(name).is_ok());
    assert_eq!(found, lasting);
}

pub async fn a_listing_of_records_while_they_change_has_each_lasting_one_once(store: Records) {
    for i in (0..NAMES).step_by(2) {
        store.create(Key::new("partition", name(i)), Vec::new()).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let changing = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut numbers = Numbers(1);
            while !stop.load(Ordering::Relaxed) {
                let key = Key::new("partition", name(2 * numbers.below(NAMES / 2) + 1));
                match store.get(&key).await.unwrap() {
                    Some(record) => store.delete(key, record.version).await.unwrap(),
                    None => store.create(key, Vec::new()).await.unwrap(),
                }
            }
        }
    });
    for limit in [1, 3, 10, 50] {
        for order in [Order::Ascending, Order::Descending] {
            check(sort_keys(&store, "x", None, limit, order).await, order);
        }
    }
    stop.store(true, Ordering::Relaxed);
    changing.await.unwrap();
}

pub async fn blobs_are_listed_bytewise(store: Blobs) {
    for key in AWKWARD.iter().rev() {
        store.put(key, Bytes::from_static(b"x"), PutCondition::Always).await.unwrap();
    }
    for key in AWKWARD {
        assert_eq!(store.get(key).await.unwrap(), "x", "{key:?}");
    }
    for limit in [1, 2, 7, 23, 24, 25, 1000] {
        assert_eq!(blob_keys(&store, "", None, limit).await, sorted(), "{limit}");
    }
    for limit in [0, 1001] {
        assert!(matches!(store.list("", None, limit).await, Err(crate::StoreError::Invalid { .. })), "{limit}");
    }
}

pub async fn a_listing_of_blobs_keeps_to_its_prefix_wherever_it_starts(store: Blobs) {
    for key in AWKWARD {
        store.put(key, Bytes::from_static(b"x"), PutCondition::Always).await.unwrap();
    }
    for prefix in ["", "a", "a/", "a/b", "a/b/", "b/.", "b/..", "ü", "日", "日本/", "z", "\u{10FFFF}"] {
        for after in [None, Some(""), Some("a"), Some("a/"), Some("a/b"), Some("a/b/never"), Some("z"), Some("𐀀")] {
            let mut expected: Vec<String> = sorted().into_iter().filter(|key| key.starts_with(prefix)).collect();
            expected.retain(|key| after.is_none_or(|after| key.as_str() > after));
            assert_eq!(blob_keys(&store, prefix, after, 3).await, expected, "{prefix:?} after {after:?}");
        }
    }
    for bad in ["/", "../", "a/../b", "a//"] {
        assert!(matches!(store.list(bad, None, 1).await, Err(crate::StoreError::Invalid { .. })), "{bad:?}");
    }
}

pub async fn a_listing_of_blobs_while_they_change_has_each_lasting_one_once(store: Blobs) {
    for i in (0..NAMES).step_by(2) {
        store.put(&name(i), Bytes::new(), PutCondition::Always).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let changing = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut numbers = Numbers(2);
            while !stop.load(Ordering::Relaxed) {
                let odd = name(2 * numbers.below(NAMES / 2) + 1);
                match numbers.below(3) {
                    0 => store.delete(&odd).await.unwrap(),
                    1 => drop(store.put(&odd, Bytes::new(), PutCondition::Always).await.unwrap()),
                    // Replacing one that lasts must not hide it.
                    _ => {
                        let even = name(2 * numbers.below(NAMES / 2));
                        store.put(&even, Bytes::from_static(b"new"), PutCondition::Always).await.unwrap();
                    }
                }
            }
        }
    });
    for limit in [1, 3, 10, 50] {
        check(blob_keys(&store, "x", None, limit).await, Order::Ascending);
    }
    stop.store(true, Ordering::Relaxed);
    changing.await.unwrap();
}
