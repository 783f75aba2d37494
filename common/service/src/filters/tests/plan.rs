use std::collections::HashMap;

use palate_recipes::parts::{Column, ColumnType, Part, PartBuilder};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::naive::{Request, Row, left};
use super::strategies::{EVENTS, NUMBERS, TEXTS, expression};
use crate::filters::{Asked, Columns, ColumnsBuilder, Field, History, Plan};

const FIELDS: [(&str, ColumnType); 5] = [
    ("GENRE", ColumnType::String),
    ("TITLE", ColumnType::String),
    ("YEAR", ColumnType::Long),
    ("PRICE", ColumnType::Float),
    ("RATE", ColumnType::Double),
];

fn row() -> impl Strategy<Value = Row> {
    let text = || prop::option::weighted(0.8, select(&TEXTS[..]));
    // Some parts that no expression names, some values twice.
    let genre = prop::option::weighted(0.8, prop::collection::vec(select(&["a", "b", "c", "d", "a"][..]), 1..4));
    let whole = prop::option::weighted(0.8, -3..5_i64);
    let number = || prop::option::weighted(0.8, select(&NUMBERS[..]));
    (genre, text(), whole, number(), number()).prop_map(|(genre, title, year, price, rate)| {
        let mut row = Row::default();
        row.texts.extend(genre.map(|parts| ("GENRE", parts.join("|"))));
        row.texts.extend(title.map(|text| ("TITLE", text.to_owned())));
        row.numbers.extend(year.map(|year| ("YEAR", year as f64)));
        row.numbers.extend(price.map(|price| ("PRICE", f64::from(price.as_f64() as f32))));
        row.numbers.extend(rate.map(|rate| ("RATE", rate.as_f64())));
        row
    })
}

fn fields() -> Vec<Field> {
    FIELDS.map(|(name, kind)| Field { name: name.into(), kind, textual: false }).into()
}

/// The first rows come as a part, the others one by one.
fn columns(rows: &[Row], n_in_part: usize) -> Columns {
    let mut builder = ColumnsBuilder::new("ID", &fields(), None);
    let mut schema = vec![Column { name: "ID".into(), kind: ColumnType::String, nullable: false }];
    schema.extend(FIELDS.map(|(name, kind)| Column { name: name.into(), kind, nullable: true }));
    let mut part = PartBuilder::new(&schema);
    let (in_part, single) = rows.split_at(n_in_part.min(rows.len()));
    for (number, row) in in_part.iter().enumerate() {
        part.push_str(0, &number.to_string());
        for (index, (name, kind)) in (1..).zip(FIELDS) {
            match (kind, row.texts.get(name), row.numbers.get(name)) {
                (_, Some(text), _) => part.push_str(index, text),
                (ColumnType::Long, _, Some(value)) => part.push_long(index, *value as i64),
                (ColumnType::Float, _, Some(value)) => part.push_float(index, *value as f32),
                (_, _, Some(value)) => part.push_double(index, *value),
                (_, None, None) => part.push_null(index),
            }
        }
    }
    if !in_part.is_empty() {
        let part = Part::open(part.finish().unwrap()).unwrap();
        builder.part(&part, &vec![true; part.n_rows()]).unwrap();
    }
    for (number, row) in (in_part.len()..).zip(single) {
        let mut values = Map::new();
        values.extend(row.texts.iter().map(|(name, text)| (name.to_string(), json!(text))));
        values.extend(row.numbers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))));
        builder.put(&number.to_string(), &values);
    }
    builder.finish()
}

struct Events<'a>(&'a [(String, usize)]);

impl History for Events<'_> {
    fn rows(&self, event_types: Option<&[String]>) -> Vec<u32> {
        let wanted = |event: &str| event_types.is_none_or(|types| types.iter().any(|t| t.eq_ignore_ascii_case(event)));
        self.0.iter().filter(|(event, _)| wanted(event)).map(|(_, row)| *row as u32).collect()
    }
}

/// As a client writes them, now with quotes and now without.
fn quoted(values: &[String], always: bool) -> String {
    let quote = |value: &String| {
        let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if plain && !always {
            return value.clone();
        }
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    };
    values.iter().map(quote).collect::<Vec<_>>().join(",")
}

fn given() -> impl Strategy<Value = HashMap<String, Vec<String>>> {
    let texts = |n| prop::collection::vec(select(&TEXTS[..]).prop_map(str::to_owned), 1..n).boxed();
    let numbers = |n| prop::collection::vec(select(&NUMBERS[..]).prop_map(|number| number.to_string()), 1..n).boxed();
    let events = prop::collection::vec(select(&EVENTS[..]).prop_map(str::to_owned), 1..3).boxed();
    let all = [
        ("G1", texts(4)),
        ("G2", texts(2)),
        ("T", texts(2)),
        ("M", numbers(4)),
        ("N1", numbers(2)),
        ("N2", numbers(2)),
        ("E", events),
    ];
    let one = |(name, values): (&'static str, BoxedStrategy<Vec<String>>)| {
        prop::option::weighted(0.9, values).prop_map(move |values| values.map(|values| (name.to_owned(), values)))
    };
    all.map(one).into_iter().collect::<Vec<_>>().prop_map(|given| given.into_iter().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_plan_leaves_the_rows_that_satisfy_the_expression_one_by_one(
        expression in expression(),
        rows in prop::collection::vec(row(), 1..150),
        n_in_part in 0..200_usize,
        given in given(),
        always_quoted in any::<bool>(),
        user in prop::option::of(row()),
        current_item in prop::option::of(any::<prop::sample::Index>()),
        events in prop::collection::vec((select(&["click", "Buy", "view"][..]), any::<prop::sample::Index>()), 0..20),
    ) {
        let given: HashMap<_, _> =
            given.into_iter().filter(|(name, _)| expression.parameters().contains(name)).collect();
        let events: Vec<(String, usize)> =
            events.into_iter().map(|(event, row)| (event.to_owned(), row.index(rows.len()))).collect();
        let current_item = current_item.map(|row| row.index(rows.len()));
        let nothing = Row::default();
        let request = Request {
            given: &given,
            user: user.as_ref().unwrap_or(&nothing),
            current_item: current_item.map_or(&nothing, |row| &rows[row]),
            events: &events,
        };
        let expected = left(&expression, &rows, &request);

        let items = columns(&rows, n_in_part);
        let users = columns(user.as_slice(), 0);
        let plan = Plan::compile(&expression, &items).unwrap();
        let values = given.iter().map(|(name, values)| (name.clone(), quoted(values, always_quoted))).collect();
        let history = Events(&events);
        let asked = Asked {
            values: &values,
            user: Some((&users, user.as_ref().map(|_| 0))),
            current_item: current_item.map(|row| row as u32),
            history: Some(&history),
        };
        let found = plan.apply(&items, &asked);
        match expected {
            None => prop_assert!(found.unwrap_err().message.contains("needs a value for its parameter")),
            Some(expected) => {
                let found = found.unwrap();
                let found: Vec<bool> = (0..rows.len()).map(|row| found.contains(row as u32)).collect();
                prop_assert_eq!(found, expected, "{}", expression);
            }
        }
    }
}

#[test]
fn values_never_reach_a_panic_whatever_they_are() {
    let rows = [Row::default()];
    let items = columns(&rows, 0);
    let text = "INCLUDE ItemID WHERE Items.GENRE IN ($G) AND Items.PRICE < $N";
    let plan = Plan::compile(&crate::filters::Expression::parse(text).unwrap(), &items).unwrap();
    proptest!(|(g in any::<String>(), n in "[\"\\\\,0-9a.e-]{0,8}")| {
        let values = HashMap::from([("G".to_owned(), g), ("N".to_owned(), n)]);
        let asked = Asked { values: &values, user: None, current_item: None, history: None };
        if let Ok(left) = plan.apply(&items, &asked) {
            prop_assert_eq!(left.count(), 0);
        }
    });
}

#[test]
fn a_value_of_json_null_is_as_good_as_none() {
    let mut builder = ColumnsBuilder::new("ID", &fields(), None);
    builder.put("a", &Map::from_iter([("GENRE".to_owned(), Value::Null), ("YEAR".to_owned(), Value::Null)]));
    let columns = builder.finish();
    assert_eq!((columns.text("GENRE", 0), columns.text("YEAR", 0)), (None, None));
}
