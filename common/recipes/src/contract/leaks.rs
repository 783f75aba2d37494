//! What is held out is not learned from.
//!
//! The events that test users are judged by are exchanged for others. Users, items and what was given stay as they
//! are, so whatever a recipe learns for the evaluation has to give the same lists, and a recipe that learned from a
//! held-out event does not. Of segments, every user's newest events are exchanged, and what users are looked for stays.

use std::collections::BTreeSet;

use super::*;
use crate::RecipeInfo;
use crate::affinity::cut;
use crate::dataset::Histories;
use crate::evaluate::Split;
use crate::popularity::Popular;
use crate::training::{Evaluated, evaluated};

const SEED: u64 = 1;

/// The checkerboard; with `exchanged`, all test users end with the same item.
fn held_out(exchanged: bool) -> Dataset {
    let plain = checkerboard();
    let split = Split::draw(plain.histories(), SEED);
    assert_eq!(split.test.len(), 20);
    let other = plain.items().get("i09");
    let exchange = |user: usize, place: usize| {
        let given = split.test.iter().find(|test| test.user == user).map(|test| test.n_history);
        other.filter(|_| exchanged && given.is_some_and(|n_history| place >= n_history))
    };
    let dataset = read(with_items(&plain, exchange), N_ITEMS);
    assert_eq!(dataset.items().len(), plain.items().len());
    assert_eq!(Split::draw(dataset.histories(), SEED), split);
    dataset
}

/// The same events, with another item where `exchange` has one for the place of an event among those of its user.
fn with_items(plain: &Dataset, exchange: impl Fn(usize, usize) -> Option<u32>) -> Bytes {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for user in plain.histories().users() {
        for (place, event) in plain.histories().events(user, usize::MAX).iter().enumerate() {
            part.push_str(0, plain.users().id(user as u32));
            part.push_str(1, plain.items().id(exchange(user, place).unwrap_or(event.item)));
            part.push_long(2, event.timestamp_s);
        }
    }
    part.finish().unwrap()
}

/// The checkerboard with four items to a shelf, two of each kind; with `exchanged`, all users come back in the end to
/// what they had first.
pub fn newest_fifth(exchanged: bool) -> Dataset {
    let plain = checkerboard();
    let (oldest, newest) = cut(plain.histories());
    let exchange = |user: usize, place: usize| {
        let first = place.checked_sub(oldest.items_of(user).len())?;
        exchanged.then(|| oldest.items_of(user)[first])
    };
    let dataset = read_of_kinds(with_items(&plain, exchange), N_ITEMS, |item| format!("shelf {}", item / 4));
    let (as_before, to_be_told) = cut(dataset.histories());
    assert_eq!(as_before.items(), oldest.items());
    let items = |histories: &Histories| histories.items().iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(items(&to_be_told), items(&newest));
    dataset
}

#[test]
fn no_segment_that_is_judged_owes_to_the_events_that_are_to_be_told() {
    let (plain, exchanged) = (newest_fifth(false), newest_fifth(true));
    for name in SEGMENTS {
        let reports = [&plain, &exchanged].map(|data| train_with(name, data, &()).unwrap().report);
        assert_eq!(reports[0].fingerprint, reports[1].fingerprint, "{name}");
        // Others turned to them.
        assert_ne!(reports[0].metrics, reports[1].metrics, "{name}");
        assert_eq!(reports[0].n_targets, reports[1].n_targets, "{name}");
    }
}

#[test]
fn nothing_that_is_learned_for_the_evaluation_owes_to_held_out_events() {
    let (plain, exchanged) = (held_out(false), held_out(true));
    for name in RECIPES {
        let lists =
            [&plain, &exchanged].map(|data| train_with(name, data, &Hurry::default()).unwrap().report.fingerprint);
        assert_eq!(lists[0], lists[1], "{name}");
    }
}

/// Counts popularity over the training users, or with all others.
fn lists_of_popularity(dataset: &Dataset, cheat: bool) -> String {
    let none = BTreeMap::new();
    let task = TrainingTask::new(dataset, &none, SEED, &());
    let n_items = dataset.items().len();
    let fit =
        |(): &(), training: &Histories| Ok(Popular::count(if cheat { dataset.histories() } else { training }, n_items));
    let info: &RecipeInfo = recipe("aws-popularity-count").unwrap().info();
    let Evaluated { report, .. } = evaluated(&task, info, |_| Ok(()), fit).unwrap();
    report.fingerprint
}

#[test]
fn a_recipe_that_learns_from_held_out_events_is_seen_by_its_lists() {
    let (plain, exchanged) = (held_out(false), held_out(true));
    assert_eq!(lists_of_popularity(&plain, false), lists_of_popularity(&exchanged, false));
    assert_ne!(lists_of_popularity(&plain, true), lists_of_popularity(&exchanged, true));
}
