use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::resources::{Expression, Metric};
use crate::schema::DatasetType;

/// The length of a window.
pub(super) const WINDOW_S: i64 = 15 * 60;
/// Sources that are told apart.
pub(super) const MOST_SOURCES: usize = 100;
/// Of events whose source nobody knows.
pub(super) const UNDEFINED: &str = "SOURCE_NAME_UNDEFINED";
/// All sources together that come after the first hundred.
pub(super) const OTHER_SOURCES: &str = "OTHER_SOURCES";

/// What is added up.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub name: String,
    pub event_type: String,
    pub expression: Expression,
}

impl Counted {
    /// Metrics whose expression cannot be read, which none is that was created, are left out.
    pub fn of(metrics: &[Metric]) -> Vec<Self> {
        let counted = |metric: &Metric| {
            Some(Self {
                name: metric.metric_name.clone(),
                event_type: metric.event_type.clone(),
                expression: Expression::parse(&metric.expression).ok()?,
            })
        };
        metrics.iter().filter_map(counted).collect()
    }

    /// Whether events of that type count, in any case of letters.
    pub fn is_of(&self, event_type: &str) -> bool {
        self.event_type.to_lowercase() == event_type.to_lowercase()
    }

    /// The column that is summed, if it is one of that dataset.
    pub fn column(&self, of: DatasetType) -> Option<&str> {
        match &self.expression {
            Expression::Sum { dataset, column } if *dataset == of => Some(column),
            Expression::Sum { .. } | Expression::SampleCount => None,
        }
    }

    pub fn function(&self) -> &'static str {
        match self.expression {
            Expression::SampleCount => "samplecount",
            Expression::Sum { .. } => "sum",
        }
    }
}

/// What a value is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cell {
    /// When the window begins, in seconds since the Unix epoch.
    pub window_s: i64,
    pub metric: String,
    pub event_type: String,
    pub function: String,
    pub source: String,
}

/// Sums by window, metric and source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Windows(BTreeMap<Cell, f64>);

impl Windows {
    /// Adds one event's share to a metric.
    pub(super) fn add(&mut self, metric: &Counted, timestamp_s: i64, source: &str, value: f64) {
        let cell = Cell {
            window_s: window_of(timestamp_s),
            metric: metric.name.clone(),
            event_type: metric.event_type.clone(),
            function: metric.function().to_owned(),
            source: source.to_owned(),
        };
        self.add_to(cell, value);
    }

    pub(super) fn add_to(&mut self, cell: Cell, value: f64) {
        *self.0.entry(cell).or_default() += value;
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Cell, f64)> {
        self.0.iter().map(|(cell, value)| (cell, *value))
    }

    pub(super) fn into_cells(self) -> impl Iterator<Item = (Cell, f64)> {
        self.0.into_iter()
    }

    /// Those that have ended by then, and the others.
    pub(super) fn split(self, ended_by_s: i64) -> (Self, Self) {
        let ended = |cell: &Cell| cell.window_s.saturating_add(WINDOW_S) <= ended_by_s;
        let (closed, open) = self.0.into_iter().partition(|(cell, _)| ended(cell));
        (Self(closed), Self(open))
    }

    /// Those that begin at that time or later.
    pub fn since(self, least_s: i64) -> Self {
        Self(self.0.into_iter().filter(|(cell, _)| cell.window_s >= least_s).collect())
    }

    /// Joins the sources that are not among `known` once there are a hundred of these; the others come to be
    /// known in the order of windows. A source that is nobody's is always told.
    pub(super) fn capped(self, known: &mut BTreeSet<String>) -> Self {
        let mut capped = Self::default();
        for (mut cell, value) in self.0 {
            let is_told = cell.source == UNDEFINED || cell.source == OTHER_SOURCES || known.contains(&cell.source);
            if !is_told {
                if known.len() < MOST_SOURCES {
                    known.insert(cell.source.clone());
                } else {
                    OTHER_SOURCES.clone_into(&mut cell.source);
                }
            }
            capped.add_to(cell, value);
        }
        capped
    }
}

/// When the window of a time begins.
pub(super) fn window_of(timestamp_s: i64) -> i64 {
    timestamp_s.saturating_sub(timestamp_s.rem_euclid(WINDOW_S))
}

/// The hundred sources that have the most, of all that there are.
pub(super) fn largest(counts: HashMap<String, u64>) -> BTreeSet<String> {
    let mut counts: Vec<(String, u64)> =
        counts.into_iter().filter(|(source, _)| source != UNDEFINED && source != OTHER_SOURCES).collect();
    counts.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    counts.into_iter().take(MOST_SOURCES).map(|(source, _)| source).collect()
}
