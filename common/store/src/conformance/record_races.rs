//! What a [`RecordStore`] does for callers at the same time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Numbers;
use crate::{Key, RecordStore, RecordStoreExt as _, StoreError, Write};

type Store = Arc<dyn RecordStore>;

fn key(sort: impl ToString) -> Key {
    Key::new("partition", sort.to_string())
}

fn number(value: &[u8]) -> i64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

fn digits(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub async fn only_one_of_two_racing_updates_wins(store: Store) {
    store.create(key("a"), Vec::new()).await.unwrap();
    for version in 1..=20 {
        let update = |who: u8| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.update(key("a"), version, vec![who]).await })
        };
        let (one, two) = (update(1), update(2));
        let winner = match (one.await.unwrap(), two.await.unwrap()) {
            (Ok(()), Err(StoreError::Conflict { .. })) => 1,
            (Err(StoreError::Conflict { .. }), Ok(())) => 2,
            both => panic!("{both:?}"),
        };
        let record = store.get(&key("a")).await.unwrap().unwrap();
        assert_eq!((record.version, record.value), (version + 1, vec![winner]));
    }
}

pub async fn only_one_of_many_racing_creates_wins(store: Store) {
    for round in 0..5 {
        let mut racing = JoinSet::new();
        for who in 0..16u8 {
            let store = Arc::clone(&store);
            racing.spawn(async move { (who, store.create(key(round), vec![who]).await) });
        }
        let mut winners = Vec::new();
        for (who, result) in racing.join_all().await {
            match result {
                Ok(()) => winners.push(who),
                Err(error) => assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get(&key(round)).await.unwrap().unwrap().value, winners);
    }
}

pub async fn counters_by_compare_and_swap_lose_nothing(store: Store) {
    const TASKS: i64 = 6;
    const TURNS: i64 = 15;
    store.create(key("counter"), digits(0)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut turns = 0;
            while turns < TURNS {
                let record = store.get(&key("counter")).await.unwrap().unwrap();
                let next = digits(number(&record.value) + 1);
                match store.update(record.key, record.version, next).await {
                    Ok(()) => turns += 1,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let record = store.get(&key("counter")).await.unwrap().unwrap();
    assert_eq!(number(&record.value), TASKS * TURNS);
    assert_eq!(record.version as i64, TASKS * TURNS + 1);
}

pub async fn racing_commits_over_several_records_keep_their_sum(store: Store) {
    const ACCOUNTS: usize = 5;
    for account in 0..ACCOUNTS {
        store.create(key(account), digits(100)).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut numbers = Numbers(task);
            for turn in 0..15 {
                let from = numbers.below(ACCOUNTS);
                let to = (from + 1 + numbers.below(ACCOUNTS - 1)) % ACCOUNTS;
                let one = store.get(&key(from)).await.unwrap().unwrap();
                let other = store.get(&key(to)).await.unwrap().unwrap();
                let writes = vec![
                    Write::Update { key: one.key, expected: one.version, value: digits(number(&one.value) - 7) },
                    Write::Create { key: key(format!("note {task} {turn}")), value: Vec::new() },
                    Write::Update { key: other.key, expected: other.version, value: digits(number(&other.value) + 7) },
                ];
                match store.commit(writes).await {
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let (mut sum, mut moves) = (0, 0);
    for account in 0..ACCOUNTS {
        let record = store.get(&key(account)).await.unwrap().unwrap();
        sum += number(&record.value);
        moves += record.version - 1;
    }
    assert_eq!(sum, 100 * ACCOUNTS as i64);
    let notes = store.list_all("partition", "note").await.unwrap().len();
    assert!(notes > 0);
    assert_eq!(moves as usize, 2 * notes, "a commit left a part of itself");
}
