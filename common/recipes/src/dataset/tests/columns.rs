use proptest::prelude::*;

use super::*;

/// A part of Items: id, genres, title, price, year; with times if it was streamed.
type Item = (&'static str, Option<&'static str>, Option<&'static str>, Option<f32>, Option<i32>);

fn items_part(rows: &[(Item, Option<i64>)], at_ms: u64) -> TimedPart {
    let streamed = rows.iter().any(|(_, at_ms)| at_ms.is_some());
    let mut columns = vec![
        column("ITEM_ID", ColumnType::String, streamed),
        column("GENRES", ColumnType::String, true),
        column("TITLE", ColumnType::String, true),
        column("PRICE", ColumnType::Float, true),
        column("YEAR", ColumnType::Int, true),
    ];
    if streamed {
        columns.push(column(AT_MS, ColumnType::Long, false));
    }
    let mut part = PartBuilder::new(&columns);
    for ((id, genres, title, price, year), at_ms) in rows {
        part.push_str(0, id);
        for (place, text) in [(1, genres), (2, title)] {
            match text {
                Some(text) => part.push_str(place, text),
                None => part.push_null(place),
            }
        }
        match price {
            Some(price) => part.push_float(3, *price),
            None => part.push_null(3),
        }
        match year {
            Some(year) => part.push_int(4, *year),
            None => part.push_null(4),
        }
        if let Some(at_ms) = at_ms {
            part.push_long(5, *at_ms);
        }
    }
    TimedPart { content: part.finish().unwrap(), at_ms }
}

fn choice(name: &str, kind: ColumnKind) -> ColumnChoice {
    ColumnChoice { name: name.into(), kind }
}

fn selection() -> Selection {
    let item_columns = vec![
        choice("GENRES", ColumnKind::Categorical),
        choice("TITLE", ColumnKind::Text),
        choice("PRICE", ColumnKind::Number),
        choice("YEAR", ColumnKind::Number),
        choice("ADDED", ColumnKind::Categorical),
    ];
    Selection { item_columns, ..Selection::default() }
}

/// Two items with interactions, and these parts of Items.
fn dataset(items: Vec<TimedPart>) -> Dataset {
    let interactions = vec![bulk(&[row("a", "m", 1), row("a", "z", 2)])];
    Dataset::read(&DatasetParts { interactions, items, ..DatasetParts::default() }, &selection()).unwrap()
}

/// The row of an item among the columns.
fn row_of(dataset: &Dataset, id: &str) -> usize {
    let other = || dataset.other_items().get(id).map(|row| dataset.items().len() + row as usize);
    dataset.items().get(id).map(|row| row as usize).or_else(other).unwrap()
}

fn title(dataset: &Dataset, id: &str) -> Option<String> {
    let Some(ColumnData::Text(titles)) = dataset.item_columns().get("TITLE") else { panic!("TITLE is text") };
    titles.get(row_of(dataset, id)).map(str::to_owned)
}

fn genres(dataset: &Dataset, id: &str) -> Vec<String> {
    let Some(ColumnData::Categorical(genres)) = dataset.item_columns().get("GENRES") else { panic!("GENRES") };
    let codes = genres.codes_of(row_of(dataset, id));
    codes.iter().map(|code| genres.dictionary.id(*code).to_owned()).collect()
}

#[test]
fn columns_have_a_row_for_each_item_with_interactions_and_then_for_the_others() {
    let part = items_part(
        &[
            (("z", Some("Crime|Action||Crime"), Some("Heat"), Some(1.5), Some(1995)), None),
            (("b", Some("Action"), Some("Alien"), None, Some(1979)), None),
            (("a", None, None, Some(2.5), None), None),
        ],
        1,
    );
    let dataset = dataset(vec![part]);
    assert_eq!(dataset.other_items().iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((dataset.n_catalogue_items(), dataset.item_columns().n_rows()), (4, 4));
    let all = dataset.all_items();
    assert_eq!(all.len(), 4);
    assert!((0..4).all(|row| all.id(row) == if row < 2 { dataset.items().id(row) } else { dataset.other_items().id(row - 2) }));
    assert_eq!(genres(&dataset, "z"), ["Crime", "Action"]);
    assert_eq!(
        (genres(&dataset, "b"), genres(&dataset, "a"), genres(&dataset, "m")),
        (vec!["Action".into()], vec![], vec![])
    );
    let columns = dataset.item_columns();
    let Some(ColumnData::Categorical(column)) = columns.get("GENRES") else { panic!("GENRES") };
    assert_eq!(column.dictionary.iter().collect::<Vec<_>>(), ["Action", "Crime"]);
    // Rows are m, z, a, b.
    let Some(ColumnData::Float(prices)) = columns.get("PRICE") else { panic!("PRICE is a float") };
    assert_eq!([0, 1, 2, 3].map(|row| prices.get(row)), [None, Some(1.5), Some(2.5), None]);
    let Some(ColumnData::Long(years)) = columns.get("YEAR") else { panic!("YEAR is an int") };
    assert_eq!([0, 1, 2, 3].map(|row| years.get(row)), [None, Some(1995), None, Some(1979)]);
    let Some(ColumnData::Categorical(added)) = columns.get("ADDED") else { panic!("ADDED is null everywhere") };
    assert!((0..4).all(|row| added.codes_of(row).is_empty()));
    assert!(columns.resident_bytes() > 0);
}

#[test]
fn the_newest_record_of_an_item_counts_by_time_and_then_by_order() {
    let titled = |title: &'static str| ("m", None, Some(title), None, None);
    let imported = |title, at_ms| items_part(&[(titled(title), None)], at_ms);
    let streamed = |title, at_ms, part_ms| items_part(&[(titled(title), Some(at_ms))], part_ms);
    let newest = |parts: Vec<TimedPart>| title(&dataset(parts), "m").unwrap();
    assert_eq!(newest(vec![imported("old", 1), imported("new", 2)]), "new");
    assert_eq!(newest(vec![imported("new", 2), imported("old", 1)]), "new");
    assert_eq!(newest(vec![imported("first", 1), imported("second", 1)]), "second");
    // What was put before an import is older than it, whenever it was compacted.
    assert_eq!(newest(vec![imported("import", 50), streamed("put", 40, 60)]), "import");
    assert_eq!(newest(vec![imported("import", 50), streamed("put", 51, 0)]), "put");
    assert_eq!(newest(vec![streamed("put", 50, 0), imported("import", 50)]), "import");
    let both = items_part(&[(titled("late"), Some(9)), (titled("early"), Some(8))], 0);
    assert_eq!(newest(vec![both]), "late");
    let both = items_part(&[(titled("above"), None), (titled("below"), None)], 0);
    assert_eq!(newest(vec![both]), "below");
}

#[test]
fn a_newer_record_replaces_the_whole_older_one() {
    let old = items_part(&[(("m", Some("Crime"), Some("Heat"), Some(1.0), None), None)], 1);
    let new = items_part(&[(("m", None, Some("Alien"), None, Some(1979)), None)], 2);
    let dataset = dataset(vec![old, new]);
    assert_eq!((title(&dataset, "m"), genres(&dataset, "m")), (Some("Alien".into()), vec![]));
    let Some(ColumnData::Float(prices)) = dataset.item_columns().get("PRICE") else { panic!("PRICE") };
    assert_eq!(prices.get(0), None);
}

#[test]
fn users_of_the_dataset_are_there_when_columns_of_it_are_asked_for() {
    let mut part =
        PartBuilder::new(&[column("USER_ID", ColumnType::String, false), column("AGE", ColumnType::Long, true)]);
    for (user, age) in [("b", 30), ("a", 20)] {
        part.push_str(0, user);
        part.push_long(1, age);
    }
    let users = vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }];
    let parts = DatasetParts { interactions: vec![bulk(&[row("b", "x", 1)])], users, ..DatasetParts::default() };
    let selection = Selection { user_columns: vec![choice("AGE", ColumnKind::Number)], ..Selection::default() };
    let dataset = Dataset::read(&parts, &selection).unwrap();
    assert_eq!(dataset.other_users().iter().collect::<Vec<_>>(), ["a"]);
    assert_eq!(dataset.n_catalogue_users(), 2);
    let Some(ColumnData::Long(ages)) = dataset.user_columns().get("AGE") else { panic!("AGE is a long") };
    assert_eq!((ages.get(0), ages.get(1), &ages.validity), (Some(30), Some(20), &None));
    let without = Dataset::read(&parts, &Selection::default()).unwrap();
    assert_eq!((without.other_users().len(), without.user_columns().n_rows()), (0, 0));
    assert_eq!(without.n_catalogue_users(), 1);
}

#[test]
fn a_column_of_another_type_is_told() {
    let parts = DatasetParts {
        items: vec![items_part(&[(("m", None, None, None, None), None)], 1)],
        ..DatasetParts::default()
    };
    for (name, kind) in [("PRICE", ColumnKind::Text), ("YEAR", ColumnKind::Categorical), ("TITLE", ColumnKind::Number)]
    {
        let selection = Selection { item_columns: vec![choice(name, kind)], ..Selection::default() };
        let error = Dataset::read(&parts, &selection).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_newest_of_any_records_is_that_of_a_naive_search(
        parts in prop::collection::vec((0_u64..4, prop::collection::vec((0_usize..3, 0_usize..5), 0..6)), 0..5),
    ) {
        let (ids, titles) = (["a", "m", "z"], ["t0", "t1", "t2", "t3", "t4"]);
        let mut newest = [None; 3];
        let mut timed = Vec::new();
        for (at_ms, rows) in &parts {
            let rows: Vec<(Item, Option<i64>)> =
                rows.iter().map(|(id, title)| ((ids[*id], None, Some(titles[*title]), None, None), None)).collect();
            for (item, _) in &rows {
                let place = ids.iter().position(|id| *id == item.0).unwrap();
                if newest[place].is_none_or(|(before, _)| *at_ms >= before) {
                    newest[place] = Some((*at_ms, item.2));
                }
            }
            timed.push(items_part(&rows, *at_ms));
        }
        let dataset = dataset(timed);
        for (id, newest) in ids.iter().zip(newest) {
            if let Some((_, wanted)) = newest {
                prop_assert_eq!(title(&dataset, id), wanted.map(str::to_owned));
            }
        }
    }
}

/// Items with the times of their creation, and interactions.
fn limited(max_items: usize, item_columns: Vec<ColumnChoice>) -> Dataset {
    let interactions = [
        row("a", "old", 1),
        row("a", "both", 2),
        row("b", "old", 3),
        row("b", "recent", 50),
        row("c", "recent", 4),
        row("c", "tie-2", 20),
        row("c", "tie-1", 20),
        row("d", "old", 5).on("phone"),
    ];
    let created = [("both", 60), ("new", 70), ("recent", 0), ("older", 10)];
    let columns = [
        column("ITEM_ID", ColumnType::String, false),
        column("CREATION_TIMESTAMP", ColumnType::Long, true),
        column("YEAR", ColumnType::Int, true),
    ];
    let mut part = PartBuilder::new(&columns);
    for (id, created_s) in created.into_iter().map(|(id, created_s)| (id, Some(created_s))).chain([("undated", None)]) {
        part.push_str(0, id);
        match created_s {
            Some(created_s) => part.push_long(1, created_s),
            None => part.push_null(1),
        }
        part.push_int(2, created_s.map_or(0, |created_s| created_s as i32));
    }
    let items = vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }];
    let interaction_columns = vec![choice("DEVICE", ColumnKind::Text)];
    let max_items = Some(max_items);
    let selection = Selection { item_columns, interaction_columns, max_items, ..Selection::default() };
    let interactions = vec![bulk(&interactions)];
    Dataset::read(&DatasetParts { interactions, items, ..DatasetParts::default() }, &selection).unwrap()
}

#[test]
fn of_too_many_items_new_ones_and_those_with_recent_interactions_are_read() {
    let columns = || vec![choice("YEAR", ColumnKind::Number), choice("CREATION_TIMESTAMP", ColumnKind::Number)];
    let order = ["new", "both", "recent", "tie-1", "tie-2", "older", "old", "undated"];
    for most in 0..=order.len() + 1 {
        let dataset = limited(most, columns());
        let all = dataset.all_items();
        let mut expected = order[..most.min(order.len())].to_vec();
        expected.sort_unstable();
        let mut found: Vec<&str> = all.iter().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{most}");
        assert_eq!(dataset.n_left_out_items(), order.len() - expected.len());
        assert_eq!(dataset.item_columns().n_rows(), expected.len());
    }
    let dataset = limited(5, columns());
    // Whoever has interactions with other items alone is nobody.
    assert_eq!(dataset.users().iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((items(&dataset, "a"), items(&dataset, "b")), (vec!["both".into()], vec!["recent".into()]));
    assert_eq!(items(&dataset, "c"), ["recent", "tie-2", "tie-1"]);
    assert!(told(&dataset).iter().all(|row| row.device.is_none()));
    let year = |id: &str| dataset.item_columns().get("YEAR").and_then(|years| years.number(row_of(&dataset, id)));
    assert_eq!([year("new"), year("both"), year("recent"), year("tie-1")], [Some(70.0), Some(60.0), Some(0.0), None]);
}

#[test]
fn without_times_of_creation_interactions_alone_say_which_items_are_read() {
    let dataset = limited(4, vec![choice("YEAR", ColumnKind::Number)]);
    assert_eq!(dataset.items().iter().collect::<Vec<_>>(), ["old", "recent", "tie-1", "tie-2"]);
    assert_eq!((dataset.other_items().len(), dataset.n_left_out_items()), (0, 4));
}
