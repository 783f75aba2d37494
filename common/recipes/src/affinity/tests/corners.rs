//! Data that are too few, one-sided or strange: a training ends with the documented reason or with a sound model.

use super::*;
use crate::Report;

/// By item and place among the columns, its value.
enum Value {
    Text(&'static str),
    Number(f64),
    Missing,
}

use Value::{Missing, Number, Text};

/// Interactions of user, item and time, each of a type of its own lest any be a repetition, and items with columns.
fn parts(
    events: impl Iterator<Item = (usize, usize, i64)>,
    n_items: usize,
    columns: &[(&str, ColumnKind)],
    value: impl Fn(usize, usize) -> Value,
) -> (DatasetParts, Selection) {
    let mut interactions = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
        column("EVENT_TYPE", ColumnType::String),
    ]);
    for (number, (user, item, at_s)) in events.enumerate() {
        interactions.push_str(0, &format!("u{user:04}"));
        interactions.push_str(1, &format!("i{item:02}"));
        interactions.push_long(2, at_s);
        interactions.push_str(3, &format!("type {number}"));
    }
    let kind_of = |kind| if kind == ColumnKind::Number { ColumnType::Double } else { ColumnType::String };
    let own = columns.iter().map(|(name, kind)| Column { nullable: true, ..column(name, kind_of(*kind)) });
    let mut items =
        PartBuilder::new(&[column("ITEM_ID", ColumnType::String)].into_iter().chain(own).collect::<Vec<_>>());
    for item in 0..n_items {
        items.push_str(0, &format!("i{item:02}"));
        for place in 0..columns.len() {
            match value(item, place) {
                Text(text) => items.push_str(place + 1, text),
                Number(number) => items.push_double(place + 1, number),
                Missing => items.push_null(place + 1),
            }
        }
    }
    let parts = DatasetParts {
        interactions: vec![interactions.finish().unwrap()],
        items: vec![TimedPart { content: items.finish().unwrap(), at_ms: 0 }],
        ..DatasetParts::default()
    };
    let item_columns = columns.iter().map(|(name, kind)| ColumnChoice { name: (*name).into(), kind: *kind }).collect();
    (parts, Selection { item_columns, ..Selection::default() })
}

fn data(
    events: impl Iterator<Item = (usize, usize, i64)>,
    n_items: usize,
    columns: &[(&str, ColumnKind)],
    value: impl Fn(usize, usize) -> Value,
) -> Dataset {
    let (parts, selection) = parts(events, n_items, columns, value);
    Dataset::read(&parts, &selection).unwrap()
}

const GENRE: (&str, ColumnKind) = ("GENRE", ColumnKind::Categorical);

fn genre(item: usize, _place: usize) -> Value {
    Text(["drama", "comedy|short", "news"][item % 3])
}

/// Forty events of each of so many users with twenty items, one after the other from different places on.
fn events(n_users: usize) -> impl Iterator<Item = (usize, usize, i64)> {
    (0..n_users)
        .flat_map(|user| (0..40).map(move |event| (user, (7 * user + event * (1 + user % 3)) % 20, event as i64)))
}

/// Trains with as many dimensions, sees that there is no figure and no score that is no number, and that users are in
/// every segment once.
fn sound(name: &str, data: &Dataset, dimension: u32) -> (Arc<dyn Model>, Report) {
    let hyperparameters = BTreeMap::from([("hidden_dimension".to_owned(), dimension.to_string())]);
    let trained = recipe(name).unwrap().train(&TrainingTask::new(data, &hyperparameters, 1, &())).unwrap();
    let report = trained.report;
    let by_cutoff = report.by_cutoff.iter().flat_map(|at| [&at.figures, &at.baseline]);
    let groups = report.breakdowns.iter().flat_map(|by| &by.groups).flat_map(|group| [&group.figures, &group.baseline]);
    for (figure, value) in [&report.figures, &report.baseline].into_iter().chain(by_cutoff).chain(groups).flatten() {
        assert!(value.value >= 0.0 && value.standard_error.is_none_or(f64::is_finite), "{name} {figure} {value:?}");
        assert!(value.value <= 1.0 || figure.starts_with("hits"), "{name} {figure} {value:?}");
    }
    assert!(report.gain.values().all(|gain| gain.value.is_finite()), "{name} {report:?}");
    assert_eq!(report.metrics.len(), 3);
    let model = open(name, &trained.files);
    let of_items = data.items().iter().map(|item| model.segments().unwrap().item(item));
    let of_genres = ["drama", "comedy", "short"]
        .map(|genre| model.segments().unwrap().attributes(&format!("ITEMS.GENRE = \"{genre}\"")))
        .into_iter()
        .filter(|_| name != RECIPES[0]);
    for target in of_items.map(Result::unwrap).chain(of_genres.flatten()) {
        let all = scores(model.as_ref(), &trained.files, target);
        assert!(all.iter().all(|(_, score)| score.is_finite()), "{name}");
        let users: Vec<&str> = all.iter().map(|(user, _)| user.as_str()).collect();
        assert_eq!(users, data.users().iter().collect::<Vec<_>>(), "{name}");
    }
    (model, report)
}

fn fails(name: &str, data: &Dataset) -> String {
    match train_with(name, data, &()) {
        Err(TrainError::Data(reason)) => reason,
        Err(error) => panic!("{name}: {error}"),
        Ok(_) => panic!("{name} is trained"),
    }
}

#[test]
fn users_who_hardly_ever_do_a_second_thing_are_too_few() {
    // 25 users with two events each, among more than a hundred times as many.
    let events =
        (0..2525).flat_map(|user| (0..if user < 25 { 2 } else { 1 }).map(move |event| (user, event + user % 9, 0)));
    let data = data(events, 12, &[GENRE], genre);
    for name in RECIPES {
        assert_eq!(
            fails(name, &data),
            "Dataset has fewer than 1% of users with at least 2 interactions each.",
            "{name}"
        );
    }
}

#[test]
fn more_dimensions_than_users_leave_a_sound_model() {
    let data = data(events(25), 20, &[GENRE], genre);
    for name in RECIPES {
        let (_, report) = sound(name, &data, 256);
        // Users come back, so everybody turns to something that was there.
        assert_eq!(report.n_test_users, 25, "{name}");
    }
}

#[test]
fn one_user_with_half_of_everything_and_times_that_are_all_equal_leave_a_sound_model() {
    let events =
        (0..1200).map(|event| if event < 600 { (0, event % 12, 7) } else { (1 + event % 60, event / 7 % 12, 7) });
    let data = data(events, 12, &[GENRE], genre);
    assert_eq!((data.n_interactions(), data.users().len()), (1200, 61));
    for name in RECIPES {
        sound(name, &data, 32);
    }
}

#[test]
fn an_item_without_interactions_and_its_attributes_are_unknown() {
    let value = |item: usize, place: usize| if item < 20 { genre(item, place) } else { Text("western") };
    let data = data(events(40), 30, &[GENRE], value);
    assert_eq!((data.items().len(), data.n_catalogue_items()), (20, 30));
    for name in RECIPES {
        let (model, _) = sound(name, &data, 32);
        assert_eq!(model.n_items(), 20);
        assert!(model.segments().unwrap().item("i25").unwrap_err().contains("i25"));
    }
    let (model, _) = sound(RECIPES[1], &data, 32);
    let error = model.segments().unwrap().attributes("ITEMS.GENRE = \"western\"").unwrap_err();
    assert!(error.contains("no item had ITEMS.GENRE = western"), "{error}");
}

#[test]
fn a_column_of_one_value_finds_everybody() {
    let data = data(events(40), 20, &[GENRE], |_, _| Text("drama"));
    let (_, report) = sound(RECIPES[1], &data, 32);
    assert_eq!((report.n_targets, report.n_test_users), (Some(1), 40));
    // All forty turned to it: whoever is in the list did.
    assert_eq!(report.figures["precision_at_25"].value, 1.0);
    // Neither list is better.
    assert_eq!(report.gain["recall_at_1_percent"].value, 0.0);
}

#[test]
fn numbers_that_are_not_finite_are_no_attributes() {
    let name = RECIPES[1];
    let price = |item: usize| Number([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, -0.0][item % 5]);
    let columns = [GENRE, ("PRICE", ColumnKind::Number)];
    let some = data(events(40), 20, &columns, |item, place| if place == 0 { genre(item, 0) } else { price(item) });
    let (model, report) = sound(name, &some, 32);
    // Four genres and two prices.
    assert_eq!(report.n_targets, Some(6));
    let segments = model.segments().unwrap();
    assert!(segments.attributes("ITEMS.PRICE = 1.5").is_ok() && segments.attributes("ITEMS.PRICE = 0").is_ok());
    for text in ["NaN", "inf", "-inf"] {
        let error = segments.attributes(&format!("ITEMS.PRICE = \"{text}\"")).unwrap_err();
        assert!(error.contains("no item had"), "{error}");
    }
    let none = data(events(40), 20, &columns[1..], |item, _| price(item % 3));
    assert!(fails(name, &none).contains("no categorical or numeric column with values"));
}

#[test]
fn when_an_item_came_is_no_attribute() {
    let name = RECIPES[1];
    let columns = [("creation_timestamp", ColumnKind::Number), GENRE];
    let value = |item: usize, place: usize| if place == 0 { Number(item as f64) } else { genre(item, 0) };
    let alone = data(events(40), 20, &columns[..1], value);
    assert_eq!(
        fails(name, &alone),
        "The Items dataset has no categorical or numeric column with values to find users by."
    );
    let (model, report) = sound(name, &data(events(40), 20, &columns, value), 32);
    assert_eq!(report.n_targets, Some(4));
    let error = model.segments().unwrap().attributes("ITEMS.CREATION_TIMESTAMP = 3").unwrap_err();
    assert!(error.contains("ITEMS.CREATION_TIMESTAMP is no attribute; there are GENRE."), "{error}");
    let missing = data(events(40), 20, &[GENRE], |_, _| Missing);
    assert!(fails(name, &missing).contains("no categorical or numeric column with values"));
}

#[test]
fn coverage_is_a_share_of_the_users_of_all_datasets() {
    let (mut parts, selection) = parts(events(40), 20, &[GENRE], genre);
    let alone = Dataset::read(&parts, &selection).unwrap();
    // Another forty, and the forty once more.
    let mut users = PartBuilder::new(&[column("USER_ID", ColumnType::String), column("AGE", ColumnType::Int)]);
    for user in 0..80 {
        users.push_str(0, &format!("u{user:04}"));
        users.push_int(1, user);
    }
    parts.users = vec![TimedPart { content: users.finish().unwrap(), at_ms: 0 }];
    let user_columns = vec![ColumnChoice { name: "AGE".into(), kind: ColumnKind::Number }];
    let joined = Dataset::read(&parts, &Selection { user_columns, ..selection }).unwrap();
    for name in RECIPES {
        let [alone, joined] = [&alone, &joined].map(|data| sound(name, data, 32).1);
        for (joined, alone) in
            [(&joined.metrics, &alone.metrics), (&joined.popularity_baseline, &alone.popularity_baseline)]
        {
            assert!(alone["coverage"] > 0.0);
            assert_eq!(joined["coverage"], alone["coverage"] / 2.0, "{name}");
        }
        assert_eq!(joined.metrics["recall_at_1_percent"], alone.metrics["recall_at_1_percent"], "{name}");
    }
}
