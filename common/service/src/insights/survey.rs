//! The way over the parts of a dataset, one after the other.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use palate_recipes::parts::{ColumnType, Part, PartError, StringColumn, Values};

use super::columns::ColumnSurvey;
use super::counts::{Counts, gini, quantile, share_of_top};
use super::days::Days;
use super::findings;
use super::report::{Coverage, Estimate, EventType, Histories, Ids, Insights, Popularity};
use super::sample::{Sample, of_bits, of_text};
use crate::schema::{DatasetType, Schema};

/// Hashes of rows that are kept to find repeated ones.
const MOST_ROWS: usize = 1 << 20;
/// Event types that are told apart.
const MOST_TYPES: usize = 100;
const OTHER_TYPES: &str = "(other)";

/// The ids of another dataset, as hashes.
pub(crate) type IdSet = HashSet<u64>;

/// Gathers what is to be told of a dataset. What it holds in memory does not grow with the rows, but with the
/// users and items: about 20 bytes each, and some dozen bytes for each row of the part that is being read.
pub(crate) struct Survey {
    dataset_type: DatasetType,
    /// The columns of who and of what; the others have the id in `subject` alone.
    user_column: Option<&'static str>,
    subject_column: &'static str,
    rows: u64,
    users: Counts,
    rows_without_user: u64,
    subjects: Counts,
    types: Vec<(String, u64)>,
    type_numbers: HashMap<String, usize>,
    days: Days,
    whole_rows: Sample,
    columns: Vec<ColumnSurvey>,
}

impl Survey {
    pub fn new(schema: &Schema, now_s: i64) -> Self {
        let dataset_type = schema.dataset_type();
        let (user_column, subject_column) = match dataset_type {
            DatasetType::Interactions => (Some("USER_ID"), "ITEM_ID"),
            DatasetType::ActionInteractions => (Some("USER_ID"), "ACTION_ID"),
            DatasetType::Items => (None, "ITEM_ID"),
            DatasetType::Users => (None, "USER_ID"),
            DatasetType::Actions => (None, "ACTION_ID"),
        };
        Self {
            dataset_type,
            user_column,
            subject_column,
            rows: 0,
            users: Counts::default(),
            rows_without_user: 0,
            subjects: Counts::default(),
            types: Vec::new(),
            type_numbers: HashMap::new(),
            days: Days::new(now_s),
            whole_rows: Sample::new(MOST_ROWS),
            columns: schema.fields().iter().map(ColumnSurvey::new).collect(),
        }
    }

    /// Adds the rows of a part. A column that the part does not have is missing in all of its rows; columns
    /// that are not the schema's are passed over.
    pub fn add(&mut self, content: Bytes) -> Result<(), PartError> {
        let part = Part::open(content)?;
        let n_rows = part.n_rows();
        self.rows += n_rows as u64;
        let interactions = self.user_column.is_some();
        let mut rows = vec![0; if interactions { n_rows } else { 0 }];
        let (mut times, mut types) = (None, None);
        for number in 0..self.columns.len() {
            let survey = &mut self.columns[number];
            let name = survey.field().name.clone();
            let Some(kind) = part.columns().iter().find(|column| column.name == name).map(|column| column.kind) else {
                survey.absent(n_rows);
                continue;
            };
            match kind {
                ColumnType::String => {
                    let column = part.strings(&name)?;
                    self.add_texts(number, &name, &column, &mut rows);
                    if interactions && name == "EVENT_TYPE" {
                        types = Some(column);
                    }
                }
                ColumnType::Int => {
                    let values = part.ints(&name)?;
                    survey.numbers(&values, f64::from);
                    mix_values(&mut rows, &name, &values, |value| u64::from(value.cast_unsigned()));
                }
                ColumnType::Long => {
                    let values = part.longs(&name)?;
                    survey.numbers(&values, |value| value as f64);
                    mix_values(&mut rows, &name, &values, i64::cast_unsigned);
                    if interactions && name == "TIMESTAMP" {
                        times = Some(values);
                    }
                }
                ColumnType::Float => {
                    let values = part.floats(&name)?;
                    survey.numbers(&values, f64::from);
                    mix_values(&mut rows, &name, &values, |value| u64::from(value.to_bits()));
                }
                ColumnType::Double => {
                    let values = part.doubles(&name)?;
                    survey.numbers(&values, |value| value);
                    mix_values(&mut rows, &name, &values, f64::to_bits);
                }
                ColumnType::Boolean => {
                    let values = part.booleans(&name)?;
                    survey.numbers(&values, f64::from);
                    mix_values(&mut rows, &name, &values, u64::from);
                }
            }
        }
        rows.into_iter().for_each(|hash| self.whole_rows.add(hash, 1));
        if interactions {
            self.add_times(n_rows, times.as_ref(), types.as_ref());
        }
        Ok(())
    }

    fn add_texts(&mut self, number: usize, name: &str, column: &StringColumn, rows: &mut [u64]) {
        let mut counts = vec![0_u32; column.dictionary.len()];
        for code in &column.codes {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        }
        let hashes: Vec<u64> = column.dictionary.iter().map(of_text).collect();
        self.columns[number].texts(column, &counts, &hashes);
        let salt = of_text(name);
        for (row, code) in rows.iter_mut().zip(&column.codes) {
            if let Some(hash) = hashes.get(*code as usize) {
                *row = row.wrapping_add(of_bits(hash ^ salt));
            }
        }
        let occurring = || hashes.iter().zip(&counts).filter(|(_, count)| **count > 0);
        if self.user_column == Some(name) {
            occurring().for_each(|(hash, count)| self.users.add(*hash, *count));
            self.rows_without_user += column.codes.len() as u64 - counts.iter().map(|n| u64::from(*n)).sum::<u64>();
        } else if self.subject_column == name {
            occurring().for_each(|(hash, count)| self.subjects.add(*hash, *count));
            // Users are not named.
            if self.user_column.is_some() {
                self.subjects.name_top(hashes.iter().copied().zip(column.dictionary.iter()));
            }
        }
    }

    fn add_times(&mut self, n_rows: usize, times: Option<&Values<i64>>, types: Option<&StringColumn>) {
        let numbers: Vec<usize> = match types {
            Some(column) => column.dictionary.iter().map(|name| self.type_number(name)).collect(),
            None => Vec::new(),
        };
        let without = if types.is_some() { self.type_number("") } else { 0 };
        for row in 0..n_rows {
            let code = types.and_then(|column| column.codes.get(row)).map_or(usize::MAX, |code| *code as usize);
            let event_type = numbers.get(code).copied().unwrap_or(without);
            if let Some((_, events)) = self.types.get_mut(event_type) {
                *events += 1;
            }
            if let Some(timestamp_s) = times.and_then(|times| times.get(row)) {
                self.days.add(timestamp_s, event_type);
            }
        }
    }

    fn type_number(&mut self, name: &str) -> usize {
        if let Some(number) = self.type_numbers.get(name) {
            return *number;
        }
        let full = self.types.len() >= MOST_TYPES;
        let name = if full { OTHER_TYPES } else { name };
        let number = self.types.iter().position(|(other, _)| other == name).unwrap_or(self.types.len());
        if number == self.types.len() {
            self.types.push((name.to_owned(), 0));
        }
        if !full {
            self.type_numbers.insert(name.to_owned(), number);
        }
        number
    }

    /// Whose ids another dataset of the group may know.
    pub fn coverage(&self, other: DatasetType, ids: &IdSet) -> Option<Coverage> {
        let (column, own) = match (self.dataset_type, other) {
            (DatasetType::Interactions | DatasetType::ActionInteractions, DatasetType::Users) => {
                ("USER_ID", &self.users)
            }
            (DatasetType::Interactions, DatasetType::Items)
            | (DatasetType::Items, DatasetType::Interactions)
            | (DatasetType::Users, DatasetType::Interactions)
            | (DatasetType::Actions, DatasetType::ActionInteractions)
            | (DatasetType::ActionInteractions, DatasetType::Actions) => (self.subject_column, &self.subjects),
            _ => return None,
        };
        let (in_both, rows_only_here) = own.within(ids);
        Some(Coverage {
            dataset_type: other.name().to_owned(),
            column: column.to_owned(),
            in_both,
            only_here: own.len() - in_both,
            only_there: ids.len() as u64 - in_both,
            rows_only_here,
        })
    }

    /// Everything that is to be told.
    pub fn finish(self, dataset_arn: &str, now_s: i64, coverage: Vec<Coverage>) -> Insights {
        let interactions = self.user_column.is_some();
        let type_names: Vec<String> = self.types.iter().map(|(name, _)| name.clone()).collect();
        let mut event_types: Vec<EventType> = self
            .types
            .into_iter()
            .filter(|(name, events)| !name.is_empty() && *events > 0)
            .map(|(event_type, events)| EventType { event_type, events })
            .collect();
        event_types.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.event_type.cmp(&b.event_type)));
        let ids = Ids { n: self.subjects.len(), replaced_rows: self.rows - self.subjects.len().min(self.rows) };
        let repeats = Estimate { n: self.whole_rows.n_repeats(), exact: self.whole_rows.is_exact() };
        let mut insights = Insights {
            format: 1,
            dataset_arn: dataset_arn.to_owned(),
            dataset_type: self.dataset_type.name().to_owned(),
            computed_at: now_s,
            rows: self.rows,
            users: interactions.then(|| histories(&self.users, self.rows_without_user)),
            items: interactions.then(|| popularity(&self.subjects)),
            event_types,
            times: self.days.finish(&type_names),
            repeats: interactions.then_some(repeats),
            ids: (!interactions).then_some(ids),
            columns: self.columns.into_iter().map(ColumnSurvey::finish).collect(),
            coverage,
            findings: Vec::new(),
        };
        insights.findings = findings::of(&insights);
        insights
    }
}

/// The different values of a part's column of ids, as [`Survey::coverage`] takes them.
pub(crate) fn add_ids(content: Bytes, column: &str, ids: &mut IdSet) -> Result<(), PartError> {
    let column = Part::open(content)?.strings(column)?;
    ids.extend(column.dictionary.iter().map(of_text));
    Ok(())
}

/// A null leaves the hash of a row alone, so that a part without the column agrees with one where it is null.
fn mix_values<T: Copy + Default>(rows: &mut [u64], name: &str, values: &Values<T>, bits: impl Fn(T) -> u64) {
    let salt = of_text(name);
    for (number, row) in rows.iter_mut().enumerate() {
        if let Some(value) = values.get(number) {
            *row = row.wrapping_add(of_bits(bits(value) ^ salt));
        }
    }
}

fn histories(users: &Counts, rows_without_user: u64) -> Histories {
    let sorted = users.sorted();
    let total: u64 = sorted.iter().map(|count| u64::from(*count)).sum();
    let shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0];
    let quantiles: BTreeMap<String, u32> =
        shares.iter().map(|share| (format!("{share:.2}"), quantile(&sorted, *share))).collect();
    Histories {
        n: users.len(),
        with_one_event: sorted.partition_point(|count| *count <= 1) as u64,
        mean_events: if sorted.is_empty() { 0.0 } else { total as f64 / sorted.len() as f64 },
        quantiles,
        most_events: sorted.last().copied().map_or(0, u64::from),
        rows_without_user,
    }
}

fn popularity(items: &Counts) -> Popularity {
    let sorted = items.sorted();
    Popularity {
        n: items.len(),
        with_one_event: sorted.partition_point(|count| *count <= 1) as u64,
        gini: gini(&sorted),
        share_of_top_1_percent: share_of_top(&sorted, 0.01),
        share_of_top_10_percent: share_of_top(&sorted, 0.1),
        top: items.top().to_vec(),
    }
}
