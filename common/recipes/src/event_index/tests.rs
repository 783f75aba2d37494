#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{DatasetParts, Selection};

type Row = (String, String, i64, Option<&'static str>);

fn dataset(rows: &[Row]) -> Dataset {
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
        Column { nullable: true, ..column("EVENT_TYPE", ColumnType::String) },
    ]);
    for (user, item, timestamp_s, event_type) in rows {
        part.push_str(0, user);
        part.push_str(1, item);
        part.push_long(2, *timestamp_s);
        match event_type {
            Some(event_type) => part.push_str(3, event_type),
            None => part.push_null(3),
        }
    }
    let interactions = vec![part.finish().unwrap()];
    Dataset::read(&DatasetParts { interactions, ..DatasetParts::default() }, &Selection::default()).unwrap()
}

fn asked(files: &IndexFiles, user: &str) -> Vec<(String, Option<String>, i64)> {
    let index = EventIndex::open(files.pages.clone()).unwrap();
    let Some(range) = index.page(user) else { return Vec::new() };
    let page = EventPage::open(files.events.slice(range.start as usize..range.end as usize)).unwrap();
    page.events(user)
        .map(|event| (event.item_id.to_owned(), event.event_type.map(str::to_owned), event.timestamp_s))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_user_has_the_newest_events_of_each_type(
        rows in prop::collection::vec((0_u8..30, 0_u8..9, 0_usize..4), 0..400),
        n_kept in 0_usize..5,
    ) {
        let types = [Some("View"), Some("view"), Some("Purchase"), None];
        let rows: Vec<Row> = (0..)
            .zip(&rows)
            .map(|(time, (user, item, kind))| (format!("u{user}"), format!("i{item}"), time, types[*kind]))
            .collect();
        let files = EventIndex::write(&dataset(&rows), n_kept).unwrap();
        for user in (0..31).map(|user| format!("u{user}")) {
            let mut left: BTreeMap<Option<String>, usize> = BTreeMap::new();
            let mut wanted = Vec::new();
            for (_, item, time, kind) in rows.iter().rev().filter(|row| row.0 == user) {
                let kind = kind.map(str::to_lowercase);
                let left = left.entry(kind.clone()).or_insert(n_kept);
                if *left > 0 {
                    *left -= 1;
                    wanted.push((item.clone(), kind, *time));
                }
            }
            wanted.reverse();
            prop_assert_eq!(asked(&files, &user), wanted, "{}", user);
        }
    }
}

#[test]
fn users_are_found_across_many_pages() {
    let row = |event: usize| {
        let user = format!("user-{:05}", event / 3);
        (user, format!("item-{}", event % 50), event as i64, Some("click"))
    };
    let rows: Vec<Row> = (0..30_000).map(row).collect();
    let files = EventIndex::write(&dataset(&rows), 100).unwrap();
    assert!(EventIndex::open(files.pages.clone()).unwrap().pages.len() > 5);
    for event in (0..30_000).step_by(999) {
        let (user, item, time, _) = row(event);
        assert_eq!(asked(&files, &user)[0], (item, Some("click".into()), time));
    }
    assert!(asked(&files, "user-1").is_empty());
    assert!(asked(&files, "").is_empty());
}

#[test]
fn a_damaged_page_is_told() {
    let rows: Vec<Row> = (0..20).map(|event| ("a".into(), format!("i{event}"), event, Some("click"))).collect();
    let files = EventIndex::write(&dataset(&rows), 100).unwrap();
    for (content, is_page) in [(&files.events, true), (&files.pages, false)] {
        for place in 0..content.len() {
            let mut damaged = content.to_vec();
            damaged[place] ^= 4;
            let told = if is_page {
                EventPage::open(damaged.into()).is_err()
            } else {
                EventIndex::open(damaged.into()).is_err()
            };
            assert!(told, "{place}");
        }
    }
}
