//! What is held out is not learned from.
//!
//! The events that test users are judged by are exchanged for others. Users, items and what was given stay as they
//! are, so whatever a recipe learns for the evaluation has to give the same lists, and a recipe that learned from a
//! held-out event does not.

use super::*;
use crate::RecipeInfo;
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
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for user in plain.histories().users() {
        let given = split.test.iter().find(|test| test.user == user).map(|test| test.n_history);
        for (place, event) in plain.histories().events(user, usize::MAX).iter().enumerate() {
            let is_held_out = given.is_some_and(|n_history| place >= n_history);
            let item = if exchanged && is_held_out { "i09" } else { plain.items().id(event.item) };
            part.push_str(0, plain.users().id(user as u32));
            part.push_str(1, item);
            part.push_long(2, event.timestamp_s);
        }
    }
    let dataset = read(part.finish().unwrap(), N_ITEMS);
    assert_eq!(dataset.items().len(), plain.items().len());
    assert_eq!(Split::draw(dataset.histories(), SEED), split);
    dataset
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
