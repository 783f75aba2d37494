//! What is told of a dataset, as `insights.json` has it. Aggregates only: no user's id, no single row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that is told of a dataset. Members that do not apply to its type are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Insights {
    /// 1; a program that knows only a lower one must not read on.
    pub format: u64,
    pub dataset_arn: String,
    /// `Interactions`, `Items`, `Users`, `Actions` or `Action_Interactions`.
    pub dataset_type: String,
    /// When this was computed, in seconds since the Unix epoch.
    pub computed_at: i64,
    /// Rows of all parts, repeated ones included.
    pub rows: u64,
    /// Of interactions: who did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Histories>,
    /// Of interactions: what it was done to (actions, for action interactions).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Popularity>,
    /// Of interactions: how many events each type has, the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<EventType>,
    /// Of interactions: when it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// Of interactions: rows that agree in all columns with an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Estimate>,
    /// Of the others: ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
    /// In the order of the schema.
    pub columns: Vec<ColumnInsight>,
    /// How this dataset and the others of its group know the same users, items and actions.
    pub coverage: Vec<Coverage>,
    /// The most serious first.
    pub findings: Vec<Finding>,
}

/// A number that is exact, or an estimate within about a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    pub n: u64,
    pub exact: bool,
}

/// How many events users have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Histories {
    pub n: u64,
    /// Users with one event only.
    pub with_one_event: u64,
    pub mean_events: f64,
    /// Of the numbers of events: the values at 0, 10, 25, 50, 75, 90, 99 and 100 %.
    pub quantiles: BTreeMap<String, u32>,
    /// Rows of the user who has the most.
    pub most_events: u64,
    /// Rows without a user: streamed under a session, and nobody has signed in.
    pub rows_without_user: u64,
}

/// How events are spread over items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Popularity {
    pub n: u64,
    /// Items with one event only.
    pub with_one_event: u64,
    /// 0: all items have as many events; near 1: one has them all.
    pub gini: f64,
    /// The part of all events that the most frequent hundredth of the items has.
    pub share_of_top_1_percent: f64,
    pub share_of_top_10_percent: f64,
    /// The ten most frequent.
    pub top: Vec<Top>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Top {
    pub id: String,
    pub events: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventType {
    /// Of more than 100 different ones the rest is `(other)`.
    pub event_type: String,
    pub events: u64,
}

/// When events happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The least and the greatest TIMESTAMP, whatever they are.
    pub first_s: i64,
    pub last_s: i64,
    /// `day`, or `month` for more than 366 days with events.
    pub unit: String,
    /// Days or months with events, the earliest first.
    pub periods: Vec<Period>,
    /// Timestamps that are milliseconds rather than seconds (100,000,000,000 and more).
    pub in_milliseconds: u64,
    /// Timestamps below 100,000,000 (before March 1973), negative ones included.
    pub too_small: u64,
    /// More than a day after `computedAt`.
    pub in_future: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// `2000-04-25`, or `2000-04` for a month; in UTC.
    pub from: String,
    pub events: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_type: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ids {
    pub n: u64,
    /// Rows whose id a later row has again.
    pub replaced_rows: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnInsight {
    pub name: String,
    /// As in the schema: `string`, `int`, `long`, `float`, `double`, `boolean`.
    pub kind: String,
    pub categorical: bool,
    pub missing: u64,
    /// Different values; of a categorical column the parts between `|`.
    pub different: Estimate,
    /// Of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// Of texts that are not categorical, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Lengths>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    pub least: f64,
    pub mean: f64,
    pub most: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lengths {
    pub least: u32,
    pub median: u32,
    pub mean: f64,
    pub most: u32,
}

/// What another dataset of the group knows of the same ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// The other dataset's type.
    pub dataset_type: String,
    /// The column that both have.
    pub column: String,
    pub in_both: u64,
    pub only_here: u64,
    pub only_there: u64,
    /// Rows of this dataset with an id that the other does not have.
    pub rows_only_here: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Training will fail or learn nonsense.
    Problem,
    /// Recommendations will be worse than they could be.
    Warning,
    /// Good to know.
    Note,
}

/// Something about the data that matters to recipes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub severity: Severity,
    /// A name that stays the same, for programs: `one-event-users`.
    pub name: String,
    /// What is so.
    pub finding: String,
    /// What it means for recipes, and what to do.
    pub meaning: String,
}
