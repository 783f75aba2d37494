#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::IdMap;
use crate::dataset::Histories;
use crate::model::{Manifest, ModelFile};

/// Users `0000` and up with one to seven events each.
fn users(n_users: usize) -> (Vec<String>, Histories) {
    let ids = (0..n_users).map(|user| format!("{user:04}")).collect();
    let mut offsets = vec![0];
    let (mut items, mut timestamp_s) = (Vec::new(), Vec::new());
    for user in 0..n_users {
        for event in 0..=user % 7 {
            items.push(((user + event) % 10) as u32);
            timestamp_s.push((user * 100 + event) as i64);
        }
        offsets.push(items.len());
    }
    (ids, Histories::new(offsets, items, timestamp_s))
}

fn written(n_users: usize, n_kept: usize) -> Vec<ModelFile> {
    let (ids, histories) = users(n_users);
    let ids: IdMap = ids.iter().map(String::as_str).collect();
    let mut manifest = Manifest::empty("test", 0, &BTreeMap::new());
    manifest.n_items = 10;
    manifest.seal(UserSide::write(&ids, &histories, n_kept).unwrap()).unwrap()
}

fn paged(files: &[ModelFile], page: &UserPageRef) -> Bytes {
    let file = files.iter().find(|file| file.name == *page.file).unwrap();
    file.content.slice(page.range.start as usize..page.range.end as usize)
}

#[test]
fn every_user_is_found_on_its_page_with_the_newest_events() {
    let files = written(3000, 5);
    let side = UserSide::read(&Contents::verify(&files, "test").unwrap()).unwrap();
    assert_eq!(side.pages.len(), 3);
    let (ids, histories) = users(3000);
    for (user, id) in ids.iter().enumerate() {
        let page = side.page(id).unwrap();
        let page = side.open(&page, paged(&files, &page)).unwrap();
        let all = histories.events(user, usize::MAX);
        assert_eq!(page.history(id), Some(&all[all.len().saturating_sub(5)..]), "{id}");
        assert_eq!(page.history("00001"), None);
    }
    assert_eq!(side.page(""), None);
    let last = side.page("zzz").unwrap();
    assert_eq!(side.open(&last, paged(&files, &last)).unwrap().history("zzz"), None);
}

#[test]
fn a_model_without_users_has_no_pages() {
    let files = written(0, 5);
    let side = UserSide::read(&Contents::verify(&files, "test").unwrap()).unwrap();
    assert_eq!(side.page("a"), None);
}

#[test]
fn a_damaged_page_is_told() {
    let files = written(40, 5);
    let side = UserSide::read(&Contents::verify(&files, "test").unwrap()).unwrap();
    let page = side.page("0001").unwrap();
    let content = paged(&files, &page);
    for place in 0..content.len() {
        let mut damaged = content.to_vec();
        damaged[place] ^= 4;
        assert!(matches!(side.open(&page, damaged.into()), Err(ModelError::Damaged { .. })));
    }
    assert!(side.open(&page, content.slice(1..)).is_err());
    let elsewhere = UserPageRef { file: page.file.clone(), range: 1..2 };
    assert!(side.open(&elsewhere, content).is_err());
}

#[test]
fn the_file_is_ordinary_parquet() {
    use parquet::file::reader::FileReader;
    let files = written(100, 5);
    let file = files.iter().find(|file| file.paged).unwrap();
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(file.content.clone()).unwrap();
    let n_rows: i64 = reader.metadata().file_metadata().num_rows();
    let (_, histories) = users(100);
    assert_eq!(n_rows as usize, histories.users().map(|user| histories.items_of(user).len().min(5)).sum::<usize>());
}

#[test]
fn users_who_are_taken_out_are_unknown_and_the_others_are_as_they_were() {
    let files = written(3000, 5);
    let side = UserSide::read(&Contents::verify(&files, "test").unwrap()).unwrap();
    let gone = |id: &str| id.ends_with('7') || id < "0002";
    let new = side.without(&files, gone).unwrap().unwrap();
    let mut manifest = Manifest::empty("test", 0, &BTreeMap::new());
    manifest.n_items = 10;
    let new = manifest.seal(new).unwrap();
    let rest = UserSide::read(&Contents::verify(&new, "test").unwrap()).unwrap();
    let history = |side: &UserSide, files: &[ModelFile], id: &str| {
        let page = side.page(id)?;
        let page = side.open(&page, paged(files, &page)).unwrap();
        page.history(id).map(<[_]>::to_vec)
    };
    for id in (0..3000).map(|user| format!("{user:04}")) {
        let before = history(&side, &files, &id);
        assert!(before.is_some());
        assert_eq!(history(&rest, &new, &id), before.filter(|_| !gone(&id)), "{id}");
    }
    assert!(rest.without(&new, gone).unwrap().is_none(), "they are gone already");
    let nobody = rest.without(&new, |_| true).unwrap().unwrap();
    let nobody = Manifest::empty("test", 0, &BTreeMap::new()).seal(nobody).unwrap();
    let nobody = UserSide::read(&Contents::verify(&nobody, "test").unwrap()).unwrap();
    assert_eq!(nobody.page("0002"), None);
}
