//! Filters over a catalogue of 750,000 items with 20 columns.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::parts::{Column, ColumnType, Part, PartBuilder};
use palate_service::filters::{Asked, Columns, ColumnsBuilder, Expression, Field, History, Plan};

const N_ITEMS: usize = 750_000;

/// Names, types and how many different values there are; of the first two, an item has up to three.
const COLUMNS: [(&str, ColumnType, u64); 20] = [
    ("GENRES", ColumnType::String, 24),
    ("TAGS", ColumnType::String, 400),
    ("CATEGORY_L1", ColumnType::String, 20),
    ("CATEGORY_L2", ColumnType::String, 300),
    ("CATEGORY_L3", ColumnType::String, 3000),
    ("BRAND", ColumnType::String, 12_000),
    ("SELLER", ColumnType::String, 40_000),
    ("TITLE", ColumnType::String, 700_000),
    ("COLOUR", ColumnType::String, 40),
    ("SIZE", ColumnType::String, 60),
    ("AGE_GROUP", ColumnType::String, 5),
    ("GENDER", ColumnType::String, 3),
    ("COUNTRY", ColumnType::String, 120),
    ("LANGUAGE", ColumnType::String, 30),
    ("PRICE", ColumnType::Float, 9000),
    ("RATING", ColumnType::Float, 50),
    ("YEAR", ColumnType::Int, 80),
    ("STOCK", ColumnType::Long, 500),
    ("DURATION", ColumnType::Double, 20_000),
    ("CREATION_TIMESTAMP", ColumnType::Long, 200_000_000),
];

/// A well-mixed sequence (SplitMix64), so that every run has the same catalogue.
struct Mixed(u64);

impl Mixed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `n`; small numbers are more frequent, as real values are.
    fn below(&mut self, n: u64) -> u64 {
        (self.next() % n).min(self.next() % n)
    }
}

fn part(numbers: std::ops::Range<usize>, mixed: &mut Mixed) -> Part {
    let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    let mut schema = vec![column("ITEM_ID", ColumnType::String, false)];
    schema.extend(COLUMNS.map(|(name, kind, _)| column(name, kind, true)));
    let mut part = PartBuilder::new(&schema);
    for number in numbers {
        part.push_str(0, &format!("item-{number:08}"));
        for (index, (name, kind, n)) in (1..).zip(COLUMNS) {
            let value = mixed.below(n);
            match kind {
                _ if mixed.next().is_multiple_of(20) => part.push_null(index),
                ColumnType::String if index <= 2 => {
                    let values: Vec<String> =
                        (0..=mixed.next() % 3).map(|_| format!("{name}-{}", mixed.below(n))).collect();
                    part.push_str(index, &values.join("|"));
                }
                ColumnType::String => part.push_str(index, &format!("{name}-{:x}", value * 0x9_e377_9b97)),
                ColumnType::Int => part.push_int(index, 1946 + value as i32),
                ColumnType::Long => part.push_long(index, 1_500_000_000 + value as i64),
                ColumnType::Float => part.push_float(index, value as f32 / 10.0),
                ColumnType::Double => part.push_double(index, value as f64 / 100.0),
                ColumnType::Boolean => part.push_bool(index, value > 0),
            }
        }
    }
    Part::open(part.finish().unwrap()).unwrap()
}

fn catalogue() -> Columns {
    let mut mixed = Mixed(1);
    let parts: Vec<Part> = (0..N_ITEMS).step_by(50_000).map(|begin| part(begin..begin + 50_000, &mut mixed)).collect();
    let fields = COLUMNS.map(|(name, kind, _)| Field { name: name.into(), kind, textual: false });
    let ids: Vec<String> = (0..N_ITEMS).map(|number| format!("item-{number:08}")).collect();
    let start = std::time::Instant::now();
    let mut builder = ColumnsBuilder::new("ITEM_ID", &fields, Some(&mut ids.iter().map(String::as_str)));
    parts.iter().for_each(|part| builder.part(part, &vec![true; part.n_rows()]).unwrap());
    let columns = builder.finish();
    let megabytes = columns.bytes() as f64 / 1e6;
    println!("{N_ITEMS} rows of {} columns: {megabytes:.1} MB, built in {:.1?}", COLUMNS.len(), start.elapsed());
    columns
}

struct Events(Vec<u32>);

impl History for Events {
    fn rows(&self, _: Option<&[String]>) -> Vec<u32> {
        self.0.clone()
    }
}

fn filters(criterion: &mut Criterion) {
    let columns = catalogue();
    let history = Events((0..100).map(|row| row * 7001).collect());
    let values = |values: &[(&str, &str)]| -> HashMap<String, String> {
        values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let seen = r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")"#;
    for (name, text, values) in [
        (
            "parameters",
            format!("INCLUDE ItemID WHERE Items.GENRES IN ($G) AND Items.PRICE <= $P | {seen}"),
            values(&[("G", "\"GENRES-1\",\"GENRES-7\""), ("P", "\"399.5\"")]),
        ),
        (
            "literals",
            format!(
                r#"INCLUDE ItemID WHERE Items.GENRES IN ("GENRES-1", "GENRES-7") AND Items.PRICE <= 399.5 | {seen}"#
            ),
            values(&[]),
        ),
        (
            "wide",
            format!("INCLUDE ItemID WHERE Items.TITLE IN ($T) OR Items.CREATION_TIMESTAMP > $C | {seen}"),
            values(&[("T", "\"TITLE-0\",\"TITLE-9e3779b97\",\"TITLE-13c6ef372e\""), ("C", "\"1600000000\"")]),
        ),
        (
            "current",
            format!("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.TAGS IN CurrentItem.TAGS | {seen}"),
            values(&[]),
        ),
    ] {
        let expression = Expression::parse(&text).unwrap();
        let size = format!("rows={N_ITEMS}");
        criterion.bench_function(&format!("filters/parse/{name}"), |bencher| {
            bencher.iter(|| Expression::parse(black_box(&text)).unwrap());
        });
        criterion.bench_function(&format!("filters/compile/{name}/{size}"), |bencher| {
            bencher.iter(|| Plan::compile(black_box(&expression), &columns).unwrap());
        });
        let plan = Plan::compile(&expression, &columns).unwrap();
        let asked = Asked { values: &values, user: None, current_item: Some(5), history: Some(&history) };
        let n_left = plan.apply(&columns, &asked).unwrap().count();
        println!("{name}: {n_left} rows left, the plan keeps {} bytes", plan.bytes());
        criterion.bench_function(&format!("filters/apply/{name}/{size}"), |bencher| {
            bencher.iter(|| plan.apply(&columns, black_box(&asked)).unwrap());
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(30); targets = filters }
criterion_main!(benches);
