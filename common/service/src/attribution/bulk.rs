//! The interactions of an import.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use palate_recipes::parts::{ColumnType, Part, PartError, StringColumn, Values};

use super::group::{Attribution, ItemValues};
use super::report::{self, ReportError};
use super::source::Sources;
use super::windows::{Counted, OTHER_SOURCES, UNDEFINED, Windows, largest, window_of};
use crate::jobs::WorkError;
use crate::schema::DatasetType;
use crate::service::Service;

/// More values than this do not fit into memory, nor into a file that anybody reads.
const MOST_VALUES: usize = 4_000_000;

/// Adds up the parts of an import.
///
/// # Errors
/// [`WorkError::Failed`] if there are too many values to tell.
pub(crate) async fn of_import(
    service: &Arc<Service>,
    attribution: &Attribution,
    keys: &[String],
) -> Result<Windows, WorkError> {
    let sources = Arc::new(attribution.sources(service, true).await?);
    let items = attribution.items(service).await?.map(Arc::new);
    let mut sums = Sums::default();
    for key in keys {
        let content = service.stores.blobs.get(key).await?;
        let (counted, sources, items) = (attribution.counted.clone(), Arc::clone(&sources), items.clone());
        let work =
            tokio::task::spawn_blocking(move || sums.add(content, &counted, &sources, items.as_deref()).map(|()| sums));
        sums = work.await.map_err(WorkError::retry)?.map_err(WorkError::retry)?;
        if sums.values.len() > MOST_VALUES {
            return Err(WorkError::Failed(format!(
                "The metrics of the import have more than {MOST_VALUES} values by window and source. Import it in \
                 parts of shorter time, or without publishAttributionMetricsToS3.",
            )));
        }
    }
    Ok(sums.finish(&attribution.counted))
}

/// Writes the file of an import.
///
/// # Errors
/// [`WorkError::Failed`] if it cannot be written where the attribution says.
pub(crate) async fn write_import_report(
    service: &Service,
    attribution: &Attribution,
    mode: &str,
    at_ms: i64,
    windows: &Windows,
) -> Result<(), WorkError> {
    match report::write(service, &attribution.resource, mode, at_ms, windows).await {
        Ok(()) => Ok(()),
        Err(ReportError::Destination(reason)) => Err(WorkError::Failed(reason)),
        Err(ReportError::Failed(error)) => Err(error.into()),
    }
}

/// Sums over parts, with numbers in place of names.
#[derive(Default)]
pub(super) struct Sums {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    events: Vec<u64>,
    /// By window, metric and source.
    values: HashMap<(i64, u32, u32), f64>,
}

impl Sums {
    pub fn add(
        &mut self,
        content: Bytes,
        counted: &[Counted],
        sources: &Sources,
        items: Option<&ItemValues>,
    ) -> Result<(), PartError> {
        let part = Part::open(content)?;
        let optional = |name: &str| match part.columns().iter().any(|column| column.name == name) {
            true => part.strings(name).map(Some),
            false => Ok(None),
        };
        let times = part.longs("TIMESTAMP")?;
        let Some(types) = optional("EVENT_TYPE")? else { return Ok(()) };
        let metrics_of: Vec<Vec<u32>> = types
            .dictionary
            .iter()
            .map(|name| (0_u32..).zip(counted).filter(|(_, metric)| metric.is_of(name)).map(|(n, _)| n).collect())
            .collect();
        let (named, recommended) = (optional("EVENT_ATTRIBUTION_SOURCE")?, optional("RECOMMENDATION_ID")?);
        let values: Vec<Option<Vec<f64>>> =
            counted.iter().map(|metric| summed(&part, metric, items)).collect::<Result<_, _>>()?;
        let undefined = self.number(UNDEFINED);
        for row in 0..part.n_rows() {
            let code = types.codes.get(row).map_or(usize::MAX, |code| *code as usize);
            let (Some(metrics), Some(timestamp_s)) = (metrics_of.get(code), times.get(row)) else { continue };
            if metrics.is_empty() {
                continue;
            }
            let (named, recommended) = (text(&named, row), text(&recommended, row));
            let source = match (named, recommended) {
                (None, None) => undefined,
                (named, recommended) => self.number(sources.of(named, recommended)),
            };
            if let Some(events) = self.events.get_mut(source as usize) {
                *events += 1;
            }
            for metric in metrics {
                let value = match values.get(*metric as usize) {
                    Some(Some(values)) => values.get(row).copied().unwrap_or(f64::NAN),
                    _ => 1.0,
                };
                if value.is_finite() {
                    *self.values.entry((window_of(timestamp_s), *metric, source)).or_default() += value;
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, source: &str) -> u32 {
        if let Some(number) = self.numbers.get(source) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(source.to_owned(), number);
        self.names.push(source.to_owned());
        self.events.push(0);
        number
    }

    /// The sums by name, with the hundred sources that have the most events.
    pub fn finish(self, counted: &[Counted]) -> Windows {
        let told: BTreeSet<String> = largest(self.names.iter().cloned().zip(self.events.iter().copied()).collect());
        let mut windows = Windows::default();
        for ((window_s, metric, source), value) in self.values {
            let name = self.names.get(source as usize).map_or(UNDEFINED, String::as_str);
            let name = if name == UNDEFINED || told.contains(name) { name } else { OTHER_SOURCES };
            if let Some(metric) = counted.get(metric as usize) {
                windows.add(metric, window_s, name, value);
            }
        }
        windows
    }
}

/// The value of an optional column.
fn text(column: &Option<StringColumn>, row: usize) -> Option<&str> {
    column.as_ref()?.get(row)
}

/// What a metric sums, row by row; NaN where there is nothing. `None` for a count.
fn summed(part: &Part, metric: &Counted, items: Option<&ItemValues>) -> Result<Option<Vec<f64>>, PartError> {
    if let Some(column) = metric.column(DatasetType::Items) {
        let ids = part.strings("ITEM_ID")?;
        let number = |id: &str| items.and_then(|items| items.number(id, column)).unwrap_or(f64::NAN);
        let of_entry: Vec<f64> = ids.dictionary.iter().map(number).collect();
        let values = ids.codes.iter().map(|code| of_entry.get(*code as usize).copied().unwrap_or(f64::NAN));
        return Ok(Some(values.collect()));
    }
    let Some(wanted) = metric.column(DatasetType::Interactions) else { return Ok(None) };
    let n_rows = part.n_rows();
    let Some(column) = part.columns().iter().find(|column| column.name.eq_ignore_ascii_case(wanted)) else {
        return Ok(Some(vec![f64::NAN; n_rows]));
    };
    let name = column.name.as_str();
    let values = match column.kind {
        ColumnType::Int => numbers(&part.ints(name)?, f64::from),
        ColumnType::Long => numbers(&part.longs(name)?, |value| value as f64),
        // The shortest decimal, so that 0.1 is a tenth.
        ColumnType::Float => numbers(&part.floats(name)?, shortest),
        ColumnType::Double => numbers(&part.doubles(name)?, |value| value),
        ColumnType::String | ColumnType::Boolean => vec![f64::NAN; n_rows],
    };
    Ok(Some(values))
}

fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

fn numbers<T: Copy>(values: &Values<T>, number: impl Fn(T) -> f64) -> Vec<f64> {
    (0..values.values.len()).map(|row| values.get(row).map_or(f64::NAN, &number)).collect()
}
