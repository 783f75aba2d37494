//! Data that no catalogue should have and some have all the same: a recipe makes a sound model of them.

use super::*;
use crate::Record;

/// Beside the related items, recipes that count or solve without learning for long.
const OTHERS: [&str; 5] =
    ["palate-transitions", "palate-session-knn", "palate-ials", "aws-popularity-count", "aws-trending-now"];

/// Recipes that learn sequences, of each network one without metadata and one with.
const SEQUENCES: [&str; 4] =
    ["aws-hrnn", "aws-hrnn-metadata", "aws-user-personalization", "aws-user-personalization-v2"];

/// Trains, and sees that every item is answered with all others, that every score is a number, and every metric a share.
fn sound(name: &str, dataset: &Dataset) -> Arc<dyn Model> {
    let trained = train_with(name, dataset, &Hurry::default()).unwrap();
    assert!(trained.report.metrics.values().all(|metric| (0.0..=1.0).contains(metric)), "{name} {:?}", trained.report);
    let model = recipe(name).unwrap().open(&trained.files).unwrap();
    let all: Vec<u32> = (0..model.n_items() as u32).collect();
    let n_others = all.len() - usize::from(RELATED.contains(&name));
    for item in &all {
        let history = [Event { item: *item, timestamp_s: 1_600_000_000 }];
        assert_sound(&model, &Query { item: Some(*item), history: &history, ..Query::default() }, n_others, name);
    }
    assert_sound(&model, &Query::default(), all.len(), name);
    model
}

fn assert_sound(model: &Arc<dyn Model>, query: &Query<'_>, n_listed: usize, name: &str) {
    let list = model.recommend(query, 500);
    assert_eq!(list.len(), n_listed, "{name}");
    assert!(list.iter().all(|scored| scored.score.is_none_or(f32::is_finite)), "{name} {list:?}");
    let all: Vec<u32> = (0..model.n_items() as u32).collect();
    assert!(model.rank(query, &all).iter().all(|score| score.is_finite()), "{name}");
}

#[test]
fn one_user_with_half_of_everything_and_times_that_are_all_equal_leave_models_sound() {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
        column("EVENT_TYPE", ColumnType::String),
    ]);
    for event in 0..1200 {
        let (user, item) = if event < 600 { (0, event) } else { (1 + event % 60, event / 7) };
        part.push_str(0, &format!("u{user:03}"));
        part.push_str(1, &format!("i{:02}", item % 12));
        part.push_long(2, 1_600_000_000);
        // Repetitions that agree in everything would count once.
        part.push_str(3, &format!("type {event}"));
    }
    let dataset = read(part.finish().unwrap(), N_ITEMS);
    assert_eq!((dataset.n_interactions(), dataset.items().len()), (1200, 12));
    for name in RELATED.into_iter().chain(OTHERS).chain(SEQUENCES) {
        sound(name, &dataset);
    }
}

/// Rows of metadata: a word and a text that are the same in all, the row's kind, or none in every fifth, and numbers of
/// which some are none, one is constant, and one reaches as far as numbers do.
fn metadata(id: &str, ids: impl Iterator<Item = String>, with_kinds: bool) -> Vec<TimedPart> {
    let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    let mut part = PartBuilder::new(&[
        column(id, ColumnType::String, false),
        column("SAME", ColumnType::String, false),
        column("TEXT", ColumnType::String, false),
        column("KIND", ColumnType::String, true),
        column("ODD", ColumnType::Double, true),
        column("CONSTANT", ColumnType::Float, false),
        column("FAR", ColumnType::Double, false),
    ]);
    for (row, id) in ids.enumerate() {
        part.push_str(0, &id);
        part.push_str(1, "same");
        part.push_str(2, "the same words");
        match with_kinds && row % 5 > 0 {
            true => part.push_str(3, ["even", "odd"][row % 2]),
            false => part.push_null(3),
        }
        match row % 6 {
            0 => part.push_double(4, f64::NAN),
            1 => part.push_double(4, f64::INFINITY),
            2 => part.push_double(4, f64::NEG_INFINITY),
            3 => part.push_null(4),
            _ if with_kinds => part.push_double(4, row as f64),
            _ => part.push_double(4, 2.5),
        }
        part.push_float(5, if with_kinds { 7.5 } else { f32::NAN });
        let far = if row % 2 == 0 { f64::MAX } else { f64::MIN };
        part.push_double(6, if with_kinds { far } else { 0.0 });
    }
    vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }]
}

/// The checkerboard with such metadata of items, of which five were never had, and users.
fn described(with_kinds: bool) -> Dataset {
    let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
    let columns = vec![
        choice("SAME", ColumnKind::Categorical),
        choice("TEXT", ColumnKind::Text),
        choice("KIND", ColumnKind::Categorical),
        choice("ODD", ColumnKind::Number),
        choice("CONSTANT", ColumnKind::Number),
        choice("FAR", ColumnKind::Number),
    ];
    let parts = DatasetParts {
        interactions: vec![interactions(200, N_ITEMS, 6)],
        items: metadata("ITEM_ID", (0..N_ITEMS + 5).map(|item| format!("i{item:02}")), with_kinds),
        users: metadata("USER_ID", (0..200).map(|user| format!("u{user:03}")), with_kinds),
    };
    let selection = Selection { item_columns: columns.clone(), user_columns: columns, ..Selection::default() };
    Dataset::read(&parts, &selection).unwrap()
}

#[test]
fn metadata_that_are_constant_or_no_numbers_leave_models_sound() {
    for with_kinds in [true, false] {
        let dataset = described(with_kinds);
        assert_eq!((dataset.items().len(), dataset.all_items().len()), (N_ITEMS, N_ITEMS + 5));
        for name in ["palate-transitions", "palate-ials"].into_iter().chain(SEQUENCES) {
            let model = sound(name, &dataset);
            // Where nothing tells items apart, those that nobody had are no part of the model, unless it is a network's.
            let n_more =
                if (with_kinds || SEQUENCES.contains(&name)) && items_without_interactions(name) { 5 } else { 0 };
            assert_eq!(model.n_items(), N_ITEMS + n_more, "{name}");
            for value in ["NaN", "inf", "-inf", "1.7976931348623157e308", "-0.0", "", "no number"] {
                let names = ["SAME", "TEXT", "KIND", "ODD", "CONSTANT", "FAR"];
                let record: Record = names.map(|name| (name.to_owned(), value.to_owned())).into_iter().collect();
                for history in [&[][..], &[Event { item: 3, timestamp_s: i64::MAX }]] {
                    let query = Query { history, user: Some(&record), context: Some(&record), ..Query::default() };
                    assert_sound(&model, &query, model.n_items(), name);
                }
            }
        }
    }
}

#[test]
fn more_like_x_says_so_if_metadata_tell_no_item_from_another() {
    let warnings = |dataset: &Dataset| {
        let trained = train_with("aws-vod-more-like-x", dataset, &Hurry::default()).unwrap();
        trained.report.warnings.iter().filter(|warning| warning.starts_with("No column of the Items dataset")).count()
    };
    assert_eq!([true, false].map(|with_kinds| warnings(&described(with_kinds))), [0, 1]);
}
