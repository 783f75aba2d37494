//! Made-up interactions: items as popular as in real catalogues, and users who go from an item to one of
//! its neighbours more often than elsewhere.

use palate_recipes::parts::{Column, ColumnType, PartBuilder};
use palate_recipes::{Dataset, DatasetParts, Selection};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn dataset(n_users: usize, n_items: usize, events_a_user: usize) -> Dataset {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for user in 0..n_users {
        let mut item = 0;
        for event in 0..events_a_user {
            item = if event > 0 && rng.random_bool(0.5) {
                (item + rng.random_range(1..10)) % n_items
            } else {
                // The cube puts most of the draws among the first items.
                (rng.random::<f64>().powi(3) * n_items as f64) as usize
            };
            part.push_str(0, &format!("user-{user}"));
            part.push_str(1, &format!("item-{item}"));
            part.push_long(2, event as i64);
        }
    }
    let parts =
        DatasetParts { interactions: vec![part.finish().expect("made-up data are sound")], ..DatasetParts::default() };
    Dataset::read(&parts, &Selection::default()).expect("made-up data are sound")
}
