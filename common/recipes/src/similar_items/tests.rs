#![allow(clippy::unwrap_used)]

use ndarray::Array2;

use super::scorer::Space;
use super::*;
use crate::model::Scorer;
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::{ColumnChoice, ColumnKind, Dataset, DatasetParts, ItemSet, Part, Query, Selection, TimedPart, recipe};

const N_ITEMS: usize = 40;

/// Users take even or odd items alone; an item is one of 40, of which `n_taken` are ever taken. KIND tells even
/// from odd, TITLE too, SIZE is anything, SHOP is always the same.
fn dataset(n_taken: usize, with_metadata: bool) -> Dataset {
    let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    let mut events = PartBuilder::new(&[
        column("USER_ID", ColumnType::String, false),
        column("ITEM_ID", ColumnType::String, false),
        column("TIMESTAMP", ColumnType::Long, false),
    ]);
    for user in 0..200 {
        for event in 0..6 {
            events.push_str(0, &format!("u{user}"));
            events.push_str(1, &format!("i{:02}", (user % 2 + 2 * (user / 2 + event)) % n_taken));
            events.push_long(2, event as i64);
        }
    }
    let mut items = PartBuilder::new(&[
        column("ITEM_ID", ColumnType::String, false),
        column("KIND", ColumnType::String, true),
        column("TITLE", ColumnType::String, true),
        column("SIZE", ColumnType::Double, true),
        column("SHOP", ColumnType::String, true),
    ]);
    for item in 0..N_ITEMS {
        let kind = ["even", "odd"][item % 2];
        items.push_str(0, &format!("i{item:02}"));
        items.push_str(4, "corner");
        // Of one item nothing is known that tells it from others.
        if item == N_ITEMS - 1 {
            (1..4).for_each(|column| items.push_null(column));
            continue;
        }
        items.push_str(1, kind);
        items.push_str(2, &format!("the {kind} one of {}", item % 5));
        let size = match item % 7 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            _ => (item * 37 % 11) as f64,
        };
        items.push_double(3, size);
    }
    let parts = DatasetParts {
        interactions: vec![events.finish().unwrap()],
        items: vec![TimedPart { content: items.finish().unwrap(), at_ms: 1 }],
        ..DatasetParts::default()
    };
    let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
    let item_columns = vec![
        choice("KIND", ColumnKind::Categorical),
        choice("TITLE", ColumnKind::Text),
        choice("SIZE", ColumnKind::Number),
        choice("SHOP", ColumnKind::Categorical),
    ];
    let item_columns = if with_metadata { item_columns } else { Vec::new() };
    Dataset::read(&parts, &Selection { item_columns, ..Selection::default() }).unwrap()
}

fn model(dataset: &Dataset) -> Arc<dyn Model> {
    let recipe = recipe("aws-similar-items").unwrap();
    let given = BTreeMap::new();
    let task = TrainingTask::new(dataset, &given, 1, &());
    recipe.open(&recipe.train(&task).unwrap().files).unwrap()
}

fn list(model: &Arc<dyn Model>, item: Option<&str>, k: usize) -> Vec<String> {
    let item = item.map(|item| model.item_index(item).unwrap());
    let list = model.recommend(&Query { item, ..Query::default() }, k);
    assert!(list.iter().all(|scored| scored.score.is_none()));
    list.iter().map(|scored| model.item_id(scored.item).to_owned()).collect()
}

#[test]
fn an_item_without_any_interaction_has_neighbours_of_its_kind() {
    let model = model(&dataset(20, true));
    assert_eq!(model.n_items(), N_ITEMS);
    for (item, parity) in [("i30", 0), ("i33", 1), ("i04", 0), ("i07", 1)] {
        for other in list(&model, Some(item), 8) {
            assert_eq!(other[1..].parse::<usize>().unwrap() % 2, parity, "{item} {other}");
            assert_ne!(other, item);
        }
    }
}

#[test]
fn an_item_of_which_nothing_is_known_gets_popular_items() {
    let model = model(&dataset(20, true));
    let popular = list(&model, None, 5);
    assert_eq!(list(&model, Some("i39"), 5), popular);
    // Whoever is popular has been taken.
    assert!(popular.iter().all(|item| item.as_str() < "i20"));
}

#[test]
fn without_metadata_interactions_decide_and_new_items_come_last() {
    let model = model(&dataset(20, false));
    assert!(list(&model, Some("i04"), 5).iter().all(|item| item[1..].parse::<usize>().unwrap().is_multiple_of(2)));
    assert!(list(&model, Some("i04"), 40)[19..].iter().all(|item| item.as_str() >= "i20"));
    // A new item says nothing then.
    assert_eq!(list(&model, Some("i30"), 5), list(&model, None, 5));
}

#[test]
fn shares_of_users_and_columns_sum_to_the_score() {
    let model = model(&dataset(20, true));
    for asked in ["i04", "i30", "i33", "i39"] {
        let query = Query { item: model.item_index(asked), ..Query::default() };
        for item in 0..N_ITEMS as u32 {
            let explanation = model.explain(&query, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // Some hundred roundings in single precision of numbers below 1.
            assert!((sum - explanation.score).abs() < 1e-5, "{asked} {item} {explanation:?}");
            assert_eq!(explanation.score, f64::from(model.rank(&query, &[item])[0]));
        }
    }
    // A new item's kind speaks for items of the same kind, and a column of one value says nothing.
    let query = Query { item: model.item_index("i30"), ..Query::default() };
    let explanation = model.explain(&query, model.item_index("i04").unwrap()).unwrap();
    let share = |wanted: &str| {
        let of = |part: &&Part| matches!(part, Part::Column { name, .. } if &**name == wanted);
        explanation.parts.iter().find(of).map(Part::share)
    };
    assert!(share("KIND").unwrap() > 0.0, "{explanation:?}");
    assert_eq!(share("SHOP"), None);
    // Who asks with no item gets popular items.
    let popular = model.explain(&Query::default(), 0).unwrap();
    assert_eq!(popular.parts, [Part::Count { name: "users", count: popular.score, share: popular.score }]);
    assert!(popular.score > 0.0);
}

#[test]
fn a_discount_takes_popularity_out_of_the_scores() {
    let scales = |discount: &str| {
        let dataset = dataset(20, true);
        let given = BTreeMap::from([("popularity_discount_factor".to_owned(), discount.to_owned())]);
        let task = TrainingTask::new(&dataset, &given, 1, &());
        let files = SimilarItems.train(&task).unwrap().files;
        let contents = Contents::verify(&files, "aws-similar-items").unwrap();
        let popular = ItemSide::read(&contents).unwrap().popular;
        super::store::read(&contents, popular).unwrap().scales
    };
    assert!(scales("1.0").iter().all(|scale| *scale == 1.0));
    let favoured = scales("0.0");
    assert!(favoured[0] >= favoured[30]);
}

#[test]
fn lists_are_exact_over_more_items_than_one_block() {
    let n_items = 40_000;
    let cell = |(item, place): (usize, usize)| ((item * (place + 3) * 7919) % 1009) as f32 / 500.0 - 1.0;
    let space = Space {
        vectors: Array2::from_shape_fn((n_items, 6), cell),
        id_dim: 4,
        weights: vec![0.7; n_items],
        scales: (0..n_items).map(|item| 1.0 / (1 + item % 3) as f32).collect(),
        popular: Popular::new(vec![1; n_items]),
        described: None,
        placing: None,
    };
    let allowed = ItemSet::from_words(vec![0x5555_5555_5555_5555; n_items / 64], n_items);
    for allowed in [None, Some(&allowed)] {
        let query = Query { item: Some(4321), allowed, ..Query::default() };
        let all: Vec<u32> = (0..n_items as u32).collect();
        let mut wanted: Vec<Ranked> = all.iter().copied().zip(space.rank(&query, &all)).collect();
        wanted.retain(|(item, _)| *item != 4321 && query.allows(*item));
        wanted.sort_by(rank::order);
        let list: Vec<u32> = space.recommend(&query, 100).iter().map(|scored| scored.item).collect();
        assert_eq!(list, wanted[..100].iter().map(|(item, _)| *item).collect::<Vec<_>>());
    }
}
