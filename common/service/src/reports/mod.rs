//! How good a model is, for people: what a training measured, beside the earlier models of the same solution.
//!
//! [`ModelReport`] is read from the records ([`current`]); [`ModelReport::table`] tells it as text and
//! [`ModelReport::page`] as one page of HTML that needs nothing else.

mod bars;
mod html;
mod lines;
mod page;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use palate_recipes::Report;
use serde::{Deserialize, Serialize};

pub(crate) use read::current;

/// What is told of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelReport {
    /// Of the solution version, or of the recommender.
    pub arn: String,
    /// Name of the recipe.
    pub recipe: String,
    /// When the solution version or recommender was created, in seconds since the Unix epoch.
    pub created_s: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_hours: Option<f64>,
    /// Every hyperparameter in force.
    pub hyperparameters: BTreeMap<String, String>,
    pub report: Report,
    /// The same solution's versions that were trained before, oldest first.
    #[serde(default)]
    pub earlier: Vec<EarlierVersion>,
}

/// A version with which a later one is compared. The data may have been others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlierVersion {
    pub arn: String,
    pub recipe: String,
    pub created_s: i64,
    /// By the names on the wire.
    pub metrics: BTreeMap<String, f64>,
    pub n_test_users: usize,
}

impl ModelReport {
    /// The end of the ARN: `films/3f2a9c1e`.
    pub fn name(&self) -> &str {
        short(&self.arn)
    }
}

/// What follows the kind in an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().and_then(|path| path.split_once('/')).map_or(arn, |(_, name)| name)
}

/// What a figure is called: `ndcg_at_25` as `NDCG@25`.
fn title(name: &str) -> String {
    let (measure, k) = name.split_once("_at_").unwrap_or((name, ""));
    let measure = match measure {
        "normalized_discounted_cumulative_gain" => "NDCG of the list",
        "normalized_discounted_cumulative_gain_with_event_weights" => "NDCG with event weights",
        "mean_reciprocal_rank" | "mrr" => "MRR",
        "ndcg" => "NDCG",
        "hit_rate" => "Hit rate",
        "recall" => "Recall",
        "precision" => "Precision",
        "coverage" => "Coverage",
        "gini" => "Gini",
        "novelty" => "Novelty (bits)",
        "popularity" => "Popularity of items",
        "repeats" => "Items had before",
        other => &other.replace('_', " "),
    };
    match k.replace("_percent", " %") {
        none if none.is_empty() => measure.to_owned(),
        k => format!("{measure}@{k}"),
    }
}
