//! Metadata as numbers: which features a row has, and how much of each.
//!
//! | kind of column | features                                                                                  |
//! |----------------|-------------------------------------------------------------------------------------------|
//! | categorical    | one for each value that at least [`LEAST_ROWS`] rows have; `n` values of a row weigh `1/√n` |
//! | number         | one for each of up to [`N_BUCKETS`] ranges that hold equally many rows                      |
//! | text           | one for each of the [`MAX_WORDS`] words that most rows have, weighed by TF-IDF              |
//!
//! A row without a value, or with one that nothing was learned of, has no feature of that column.

mod words;

use serde::{Deserialize, Serialize};

use crate::model::SparseRows;
use crate::{ColumnData, Columns, Record};
use words::Words;

/// Rows that must have a value for it to be a feature: of fewer there is nothing to learn.
const LEAST_ROWS: usize = 3;

/// Values of a categorical column that are features, the most frequent ones.
const MAX_VALUES: usize = 10_000;

const N_BUCKETS: usize = 16;

const MAX_WORDS: usize = 2000;

/// Columns that say something else than what an item, a user or a moment is like.
const NO_FEATURES: [&str; 6] =
    ["CREATION_TIMESTAMP", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE", "EVENT_VALUE", "SESSION_ID"];

/// The features of a dataset's rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Features {
    columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Kind {
    /// Values in byte order.
    Categorical {
        values: Vec<String>,
    },
    /// The least number of each range but the first; ascending.
    Number {
        edges: Vec<f64>,
    },
    Text(Words),
}

impl Kind {
    fn n_features(&self) -> usize {
        match self {
            Self::Categorical { values } => values.len(),
            Self::Number { edges } => edges.len() + 1,
            Self::Text(words) => words.len(),
        }
    }
}

impl Features {
    /// What can be learned of these columns.
    pub fn of(columns: &Columns) -> Self {
        let named = columns.iter().filter(|(name, _)| !NO_FEATURES.contains(name));
        let column = |(name, data): (&str, &ColumnData)| Some(Column { name: name.to_owned(), kind: kind(data)? });
        Self { columns: named.filter_map(column).collect() }
    }

    pub fn len(&self) -> usize {
        self.columns.iter().map(|column| column.kind.n_features()).sum()
    }

    /// The features of all rows.
    pub fn rows(&self, columns: &Columns) -> SparseRows {
        if self.columns.is_empty() {
            return SparseRows::from_rows([]);
        }
        SparseRows::from_rows((0..columns.n_rows()).map(|row| {
            self.gather(|name, kind, found| {
                if let Some(data) = columns.get(name) {
                    kind.of_row(data, row, found);
                }
            })
        }))
    }

    /// The features of a row as a request brings it.
    pub fn of_record(&self, record: &Record) -> (Vec<u32>, Vec<f32>) {
        self.gather(|name, kind, found| {
            if let Some(text) = record.get(name) {
                kind.of_text(text, found);
            }
        })
    }

    fn gather(&self, mut add: impl FnMut(&str, &Kind, &mut Vec<(usize, f32)>)) -> (Vec<u32>, Vec<f32>) {
        let (mut features, mut weights, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = 0;
        for column in &self.columns {
            found.clear();
            add(&column.name, &column.kind, &mut found);
            features.extend(found.iter().map(|(feature, _)| (first + feature) as u32));
            weights.extend(found.iter().map(|(_, weight)| *weight));
            first += column.kind.n_features();
        }
        (features, weights)
    }
}

/// What a column's features are; `None` if there are none.
fn kind(data: &ColumnData) -> Option<Kind> {
    let kind = match data {
        ColumnData::Categorical(column) => {
            let mut n_rows = vec![0_usize; column.dictionary.len()];
            for code in &column.codes {
                n_rows[*code as usize] += 1;
            }
            let mut codes: Vec<u32> = (0..n_rows.len() as u32).collect();
            codes.retain(|code| n_rows[*code as usize] >= LEAST_ROWS);
            codes.sort_by_key(|code| (std::cmp::Reverse(n_rows[*code as usize]), *code));
            codes.truncate(MAX_VALUES);
            codes.sort_unstable();
            Kind::Categorical { values: codes.iter().map(|code| column.dictionary.id(*code).to_owned()).collect() }
        }
        ColumnData::Text(column) => {
            let texts = column.codes.iter().enumerate().filter_map(|(row, _)| column.get(row));
            Kind::Text(Words::of(texts, column.codes.len(), LEAST_ROWS, MAX_WORDS))
        }
        numbers => {
            let mut all: Vec<f64> = (0..n_numbers(numbers)).filter_map(|row| numbers.number(row)).collect();
            all.sort_unstable_by(f64::total_cmp);
            if all.len() < LEAST_ROWS {
                return None;
            }
            let mut edges: Vec<f64> = (1..N_BUCKETS)
                .map(|bucket| all[bucket * all.len() / N_BUCKETS])
                .filter(|edge| *edge > all[0])
                .collect();
            edges.dedup();
            Kind::Number { edges }
        }
    };
    (kind.n_features() > 0).then_some(kind)
}

fn n_numbers(data: &ColumnData) -> usize {
    match data {
        ColumnData::Float(values) => values.values.len(),
        ColumnData::Double(values) => values.values.len(),
        ColumnData::Long(values) => values.values.len(),
        ColumnData::Categorical(_) | ColumnData::Text(_) => 0,
    }
}

impl Kind {
    fn of_row(&self, data: &ColumnData, row: usize, found: &mut Vec<(usize, f32)>) {
        match (self, data) {
            (Self::Categorical { .. }, ColumnData::Categorical(column)) if row + 1 < column.offsets.len() => {
                self.of_values(column.codes_of(row).iter().map(|code| column.dictionary.id(*code)), found);
            }
            (Self::Text(words), ColumnData::Text(column)) => {
                if let Some(text) = column.get(row) {
                    words.find(text, found);
                }
            }
            (Self::Number { .. }, numbers) => self.of_number(numbers.number(row), found),
            _ => {}
        }
    }

    fn of_text(&self, text: &str, found: &mut Vec<(usize, f32)>) {
        match self {
            Self::Categorical { .. } => self.of_values(text.split('|'), found),
            Self::Number { .. } => {
                self.of_number(text.trim().parse().ok().filter(|number: &f64| number.is_finite()), found);
            }
            Self::Text(words) => words.find(text, found),
        }
    }

    fn of_values<'a>(&self, given: impl Iterator<Item = &'a str>, found: &mut Vec<(usize, f32)>) {
        let Self::Categorical { values } = self else { return };
        let begin = found.len();
        for value in given {
            if let Ok(place) = values.binary_search_by(|known| known.as_str().cmp(value))
                && found[begin..].iter().all(|(other, _)| *other != place)
            {
                found.push((place, 1.0));
            }
        }
        let weight = 1.0 / ((found.len() - begin).max(1) as f32).sqrt();
        for (_, each) in &mut found[begin..] {
            *each = weight;
        }
    }

    fn of_number(&self, number: Option<f64>, found: &mut Vec<(usize, f32)>) {
        if let (Self::Number { edges }, Some(number)) = (self, number) {
            found.push((edges.partition_point(|edge| *edge <= number), 1.0));
        }
    }
}

#[cfg(test)]
mod tests;
