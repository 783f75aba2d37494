//! One column over all parts of a dataset.

use palate_recipes::parts::{ColumnType, StringColumn, Values};

use super::report::{ColumnInsight, Estimate, Lengths, Numbers};
use super::sample::{Sample, of_bits, of_text};
use crate::schema::Field;

/// Up to so many different values are counted exactly.
const LIMIT: usize = 65_536;
/// Texts longer than this are not told apart by their length.
const LONGEST: usize = 20_000;

pub(super) struct ColumnSurvey {
    field: Field,
    missing: u64,
    different: Sample,
    range: Option<(f64, f64)>,
    sum: f64,
    n_numbers: u64,
    /// By the number of characters how many texts; of texts that are not categorical.
    lengths: Vec<u64>,
}

impl ColumnSurvey {
    pub fn new(field: &Field) -> Self {
        Self {
            field: field.clone(),
            missing: 0,
            different: Sample::new(LIMIT),
            range: None,
            sum: 0.0,
            n_numbers: 0,
            lengths: Vec::new(),
        }
    }

    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Rows of a part that does not have the column.
    pub fn absent(&mut self, n_rows: usize) {
        self.missing += n_rows as u64;
    }

    /// Adds a part's texts; `counts` says how often each entry of the dictionary occurs, `hashes` its hash.
    pub fn texts(&mut self, column: &StringColumn, counts: &[u32], hashes: &[u64]) {
        let n_values: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        self.missing += column.codes.len() as u64 - n_values;
        let is_id = self.field.max_chars == 256;
        for ((value, count), hash) in column.dictionary.iter().zip(counts).zip(hashes) {
            let n = u64::from(*count);
            if n == 0 {
                continue;
            }
            if self.field.categorical && value.contains('|') {
                value.split('|').for_each(|part| self.different.add(of_text(part), n));
            } else {
                self.different.add(*hash, n);
            }
            if !self.field.categorical && !is_id {
                let length = value.chars().count().min(LONGEST);
                if self.lengths.len() <= length {
                    self.lengths.resize(length + 1, 0);
                }
                self.lengths[length] += n;
            }
        }
    }

    /// Adds a part's numbers.
    pub fn numbers<T: Copy>(&mut self, values: &Values<T>, number: impl Fn(T) -> f64) {
        for row in 0..values.values.len() {
            let Some(value) = values.get(row).map(&number) else {
                self.missing += 1;
                continue;
            };
            self.n_numbers += 1;
            self.sum += value;
            self.range = Some(self.range.map_or((value, value), |(least, most)| (least.min(value), most.max(value))));
            self.different.add(of_bits(value.to_bits()), 1);
        }
    }

    pub fn finish(self) -> ColumnInsight {
        let different = Estimate { n: self.different.n_different(), exact: self.different.is_exact() };
        let numeric = !matches!(self.field.kind, ColumnType::String | ColumnType::Boolean);
        let numbers = self.range.filter(|_| numeric).map(|(least, most)| Numbers {
            least,
            mean: self.sum / self.n_numbers as f64,
            most,
        });
        ColumnInsight {
            lengths: lengths(&self.lengths),
            name: self.field.name,
            kind: kind(self.field.kind).to_owned(),
            categorical: self.field.categorical,
            missing: self.missing,
            different,
            numbers,
        }
    }
}

fn lengths(counts: &[u64]) -> Option<Lengths> {
    let n: u64 = counts.iter().sum();
    let least = counts.iter().position(|count| *count > 0)?;
    let most = counts.len() - 1;
    let mut below = 0;
    let median = counts.iter().position(|count| {
        below += count;
        2 * below >= n
    });
    let sum: f64 = counts.iter().enumerate().map(|(length, count)| length as f64 * *count as f64).sum();
    Some(Lengths {
        least: least as u32,
        median: median.unwrap_or(most) as u32,
        mean: sum / n as f64,
        most: most as u32,
    })
}

/// As a schema spells it.
fn kind(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "string",
        ColumnType::Int => "int",
        ColumnType::Long => "long",
        ColumnType::Float => "float",
        ColumnType::Double => "double",
        ColumnType::Boolean => "boolean",
    }
}
