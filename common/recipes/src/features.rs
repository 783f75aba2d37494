//! Metadata as sparse vectors: categories, numbers and texts of a row, each column of the dataset a part of the
//! vector that has unit length.
//!
//! - A category is a feature, weighted by how rare it is: `ln(1 + n / rows with it)`.
//! - A number lies between two of up to sixteen quantiles and belongs to both, more to the nearer one, so that
//!   what is learned from it may rise and fall.
//! - A text is its words and pairs of neighbouring words, weighted by `(1 + ln count) ln(1 + n / rows with it)`
//!   (TF-IDF; Salton and Buckley 1988, "Term-Weighting Approaches in Automatic Text Retrieval").
//!
//! What stands in a single row, or in every row, tells rows neither together nor apart and is left out; so are
//! numbers that are not finite.

mod numbers;
mod words;

use std::ops::Range;

use rayon::prelude::*;

use crate::model::SparseRows;
use crate::{Categorical, ColumnData, Columns};

/// Most features of one column; the commonest are kept.
const MAX_FEATURES: usize = 20_000;

/// The features of each row of some columns.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Ascending within a row.
    pub rows: SparseRows,
    pub n_features: usize,
    /// Which features a column has become.
    pub columns: Vec<(String, Range<u32>)>,
}

impl Features {
    pub fn of(columns: &Columns) -> Self {
        let n_rows = columns.n_rows();
        let taken: Vec<(&str, &ColumnData)> = columns.iter().collect();
        let parts: Vec<Part> = taken.par_iter().map(|(_, data)| Part::of(data, n_rows)).collect();
        let mut features = Self::default();
        for ((name, _), part) in taken.iter().zip(&parts) {
            if part.n_features > 0 {
                let begin = features.n_features as u32;
                features.n_features += part.n_features;
                features.columns.push(((*name).to_owned(), begin..features.n_features as u32));
            }
        }
        let parts: Vec<&Part> = parts.iter().filter(|part| part.n_features > 0).collect();
        let begins: Vec<u32> = features.columns.iter().map(|(_, range)| range.start).collect();
        features.rows = SparseRows::from_rows((0..n_rows).map(|row| {
            let cells = parts
                .iter()
                .zip(&begins)
                .flat_map(|(part, begin)| part.rows[row].iter().map(move |(feature, value)| (begin + feature, *value)));
            cells.unzip()
        }));
        features
    }

    /// The same features of other rows: for each the row that it is here, without features where it is none.
    #[must_use]
    pub fn of_rows(&self, rows: impl IntoIterator<Item = Option<usize>>) -> Self {
        let row = |row: Option<usize>| {
            let (features, weights) = row.map_or((&[][..], &[][..]), |row| self.rows.row(row as u32));
            (features.to_vec(), weights.to_vec())
        };
        Self { rows: SparseRows::from_rows(rows.into_iter().map(row)), ..self.clone() }
    }

    pub fn is_empty(&self) -> bool {
        self.n_features == 0
    }
}

/// A column's features: of each row, ascending and of unit length, or none.
struct Part {
    rows: Vec<Vec<(u32, f32)>>,
    n_features: usize,
}

impl Part {
    fn of(data: &ColumnData, n_rows: usize) -> Self {
        let counts = match data {
            ColumnData::Categorical(column) => categories(column, n_rows),
            ColumnData::Text(column) => words::counts((0..n_rows).map(|row| column.get(row)), MAX_FEATURES),
            ColumnData::Float(values) => return numbers::hats(n_rows, |row| values.get(row).map(f64::from)),
            ColumnData::Double(values) => return numbers::hats(n_rows, |row| values.get(row)),
            ColumnData::Long(values) => return numbers::hats(n_rows, |row| values.get(row).map(|value| value as f64)),
        };
        Self::weighted(counts)
    }

    /// Keeps what some rows have and some do not, and weighs it.
    fn weighted(counts: Vec<Vec<(u32, f32)>>) -> Self {
        let n_values = counts.iter().flatten().map(|(value, _)| *value as usize + 1).max().unwrap_or(0);
        let mut n_with = vec![0_u32; n_values];
        for (value, _) in counts.iter().flatten() {
            n_with[*value as usize] += 1;
        }
        let n_rows = counts.len();
        let mut kept: Vec<u32> =
            (0..n_values as u32).filter(|value| (2..n_rows).contains(&(n_with[*value as usize] as usize))).collect();
        if kept.len() > MAX_FEATURES {
            kept.sort_by_key(|value| std::cmp::Reverse(n_with[*value as usize]));
            kept.truncate(MAX_FEATURES);
            kept.sort_unstable();
        }
        let mut feature = vec![u32::MAX; n_values];
        for (number, value) in kept.iter().enumerate() {
            feature[*value as usize] = number as u32;
        }
        let rarity = |value: u32| (1.0 + n_rows as f32 / n_with[value as usize] as f32).ln();
        let weigh = |row: Vec<(u32, f32)>| {
            let cells = row.into_iter().filter(|(value, _)| feature[*value as usize] != u32::MAX);
            let cells = cells.map(|(value, count)| (feature[value as usize], (1.0 + count.ln()) * rarity(value)));
            unit(cells.collect())
        };
        Self { rows: counts.into_par_iter().map(weigh).collect(), n_features: kept.len() }
    }
}

/// Ascending, and of unit length if there is anything.
fn unit(mut row: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    row.sort_unstable_by_key(|(feature, _)| *feature);
    let length = row.iter().map(|(_, value)| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
    for (_, value) in &mut row {
        *value /= length;
    }
    row
}

fn categories(column: &Categorical, n_rows: usize) -> Vec<Vec<(u32, f32)>> {
    (0..n_rows).map(|row| column.codes_of(row).iter().map(|code| (*code, 1.0)).collect()).collect()
}

#[cfg(test)]
mod tests;
