//! What a training says of how good it is, as it is stored.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// What held-out users say of a recipe.
///
/// Every list of figures can be told beside others: whoever blends several scorers tells of each in `parts`, whoever
/// tried several hyperparameters tells of each in `search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub format_version: ReportVersion,
    /// By the names on the wire. NDCG is normalised by the relevant items in the returned list.
    pub metrics: BTreeMap<String, f64>,
    /// As `metrics`, of the most popular items for the same users, or of the most active users for the same targets.
    /// Empty if there is no such comparison.
    pub popularity_baseline: BTreeMap<String, f64>,
    /// How many users the means are over; where lists are of users, how many turned to a target.
    pub n_test_users: usize,
    /// Where lists are of users: how many targets (items, or values of attributes) the means are over in place of
    /// users, everywhere in this report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_targets: Option<usize>,
    /// As the literature has them: NDCG is normalised by the best list there could be.
    #[serde(default, alias = "standard", deserialize_with = "figures_of_any_version")]
    pub figures: Figures,
    /// As `figures`, of what `popularity_baseline` is of.
    #[serde(default)]
    pub baseline: Figures,
    /// `figures` less `baseline`; the standard error is that of the users' differences.
    #[serde(default)]
    pub gain: Figures,
    /// By the length of the list that is looked at, ascending.
    #[serde(default)]
    pub by_cutoff: Vec<AtCutoff>,
    /// The same users or items in groups.
    #[serde(default)]
    pub breakdowns: Vec<Breakdown>,
    /// What a scorer is made of, each judged by itself on the same users.
    #[serde(default)]
    pub parts: Vec<NamedFigures>,
    /// How long an answer takes on the machine of the training, in microseconds, median of some users; told where there
    /// are parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_us: Option<f64>,
    /// What was tried before this was trained.
    #[serde(default)]
    pub search: Option<Search>,
    /// What somebody who looks at the figures should know, in sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// SHA-256 over the lists that the test users or targets got, in lower-case hex: the same data, hyperparameters and seed
    /// give the same.
    #[serde(default)]
    pub fingerprint: String,
}

/// Figures by name: `ndcg_at_10`, `recall_at_25`, `coverage`.
pub type Figures = BTreeMap<String, Figure>;

/// Something measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub value: f64,
    /// Of the mean over users; absent if it is no such mean, or of a single user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
}

impl Figure {
    /// A figure that is not a mean over users.
    pub fn plain(value: f64) -> Self {
        Self { value, standard_error: None }
    }

    /// The mean of values, one of each user, and its standard error `s / √n`; 0 of nobody.
    pub fn mean(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = values.iter().map(|one| (one - value).powi(2)).sum();
        Self { value, standard_error: (values.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt()) }
    }
}

/// A list of figures under a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedFigures {
    pub name: String,
    pub figures: Figures,
    /// What the whole has more; the standard error is that of the users' differences. Empty in older reports.
    #[serde(default)]
    pub gain_of_whole: Figures,
    /// As that of the report, of the part alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_us: Option<f64>,
}

/// What the first `k` items of the lists are worth: `ndcg`, `recall`, `hit_rate`, `precision`, `mrr`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtCutoff {
    pub k: usize,
    pub figures: Figures,
    /// Of the most popular items.
    pub baseline: Figures,
}

/// Users or items in groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breakdown {
    /// What they are told apart by: `events of the user`.
    pub by: String,
    /// From small to large.
    pub groups: Vec<Group>,
}

/// One group of a [`Breakdown`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// `none`, `1`, `2 to 4`, `200 or more`.
    pub name: String,
    /// How many users the means are over.
    pub n_users: usize,
    pub figures: Figures,
    /// Of the most popular items.
    pub baseline: Figures,
}

/// What was tried before something was trained, and why that was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// What candidates were compared by; higher is better unless the reason says otherwise.
    pub metric: String,
    /// Why the chosen one was chosen, in a sentence.
    pub reason: String,
    /// In the order of their beginning.
    pub trials: Vec<Trial>,
}

/// A candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    pub name: String,
    pub recipe: String,
    /// Those that it differs by from the others.
    pub hyperparameters: BTreeMap<String, String>,
    /// Its value of [`Search::metric`]; absent if it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<f64>,
    pub chosen: bool,
    /// Why it came to nothing, or was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The form of a stored report. What has none is a version that this program does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ReportVersion(u32);

/// Version 1 had no standard errors, and of the standard figures NDCG alone.
const NEWEST: u32 = 2;

impl Default for ReportVersion {
    fn default() -> Self {
        Self(NEWEST)
    }
}

impl<'de> Deserialize<'de> for ReportVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u32::deserialize(deserializer)?;
        if (1..=NEWEST).contains(&version) {
            return Ok(Self(version));
        }
        Err(D::Error::custom(format!("report has format version {version}; this program reads up to {NEWEST}")))
    }
}

/// Version 1 has numbers under the long names of the wire.
fn figures_of_any_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Figures, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any {
        Number(f64),
        Figure(Figure),
    }
    let figures = BTreeMap::<String, Any>::deserialize(deserializer)?;
    let renamed = figures.into_iter().map(|(name, figure)| match figure {
        Any::Number(value) => (name.replace("normalized_discounted_cumulative_gain", "ndcg"), Figure::plain(value)),
        Any::Figure(figure) => (name, figure),
    });
    Ok(renamed.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_report_of_version_1_still_opens() {
        let stored = include_str!("../../testdata/formats/report-1.json");
        let report: Report = serde_json::from_str(stored).unwrap();
        assert_eq!(report.format_version, ReportVersion(1));
        assert_eq!(report.n_test_users, 604);
        assert_eq!(report.metrics.len(), 8);
        // Numbers are read within a rounding.
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(report.popularity_baseline["precision_at_5"], 0.014569536423841057));
        let ndcg = report.figures["ndcg_at_10"];
        assert!(close(ndcg.value, 0.18743030479936082) && ndcg.standard_error.is_none());
        assert!(report.parts.is_empty() && report.search.is_none());
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_a_newer_one_is_refused() {
        let figures = BTreeMap::from([("ndcg_at_10".to_owned(), Figure::mean(&[0.25, 0.75]))]);
        let trial = Trial { objective: Some(0.2), chosen: true, ..Trial::default() };
        let report = Report {
            figures: figures.clone(),
            parts: vec![NamedFigures { name: "network alone".into(), figures, ..NamedFigures::default() }],
            search: Some(Search { trials: vec![trial], ..Search::default() }),
            warnings: vec!["Few users.".into()],
            ..Report::default()
        };
        let stored = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&stored).unwrap(), report);
        let newer = stored.replace("\"formatVersion\":2", "\"formatVersion\":3");
        let refused = serde_json::from_str::<Report>(&newer).unwrap_err().to_string();
        assert!(refused.contains("report has format version 3; this program reads up to 2"), "{refused}");
    }

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        // Deviations -1, 0, 1: variance 2 / (3 - 1), of the mean of three a third of it.
        let figure = Figure::mean(&[1.0, 2.0, 3.0]);
        assert_eq!(figure, Figure { value: 2.0, standard_error: Some((1.0_f64 / 3.0).sqrt()) });
        assert_eq!(Figure::mean(&[4.0]), Figure::plain(4.0));
        assert_eq!(Figure::mean(&[]), Figure::plain(0.0));
    }
}
