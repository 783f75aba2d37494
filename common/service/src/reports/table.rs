//! The report as text.

use std::fmt::Write;

use palate_recipes::{Breakdown, Figure, Figures};

use super::words::Words;
use super::{ModelReport, short, title};
use crate::insights::{date_of, thousands};

/// Figures that are told first, in this order.
const FIRST: [&str; 17] = [
    "ndcg_at_5",
    "ndcg_at_10",
    "ndcg_at_25",
    "recall_at_5",
    "recall_at_10",
    "recall_at_25",
    "recall_at_1_percent",
    "hits_at_1_percent",
    "hit_rate_at_10",
    "hit_rate_at_25",
    "precision_at_10",
    "mrr_at_25",
    "coverage",
    "gini",
    "novelty",
    "popularity",
    "repeats",
];

pub(super) fn value(figure: Option<&Figure>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.4}", figure.value))
}

fn with_error(figure: Option<&Figure>) -> String {
    let Some(figure) = figure else { return "-".to_owned() };
    match figure.standard_error {
        Some(error) => format!("{:.4} ± {error:.4}", figure.value),
        None => format!("{:.4}         ", figure.value),
    }
}

pub(super) fn microseconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| thousands(time.round() as u64))
}

/// The figures of a list, those that matter most first.
pub(super) fn in_order(figures: &Figures) -> Vec<&str> {
    let first = FIRST.iter().copied().filter(|name| figures.contains_key(*name));
    let rest = figures.keys().map(String::as_str).filter(|name| !FIRST.contains(name));
    // Of what is told at three cutoffs, the page has the others.
    let rest = rest.filter(|name| !name.contains("_at_"));
    first.chain(rest).collect()
}

/// The figure that a breakdown is told by.
pub(super) fn leading(breakdown: &Breakdown) -> &'static str {
    let has = |name: &str| breakdown.groups.iter().any(|group| group.figures.contains_key(name));
    ["ndcg_at_25", "recall_at_25"].into_iter().find(|name| has(name)).unwrap_or("recall_at_25")
}

impl ModelReport {
    /// What is told of the model, for people.
    pub fn table(&self) -> String {
        let mut table = String::new();
        // Writing to a string does not fail.
        let _ = self.write_table(&mut table);
        table
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let report = &self.report;
        writeln!(out, "{} ({}), created {}", self.name(), self.recipe, date_of(self.created_s))?;
        writeln!(out, "{}", self.arn)?;
        let words = self.words();
        writeln!(out, "{}; ± is the standard error over {}", self.judges(), words.asked)?;
        if !report.figures.is_empty() {
            writeln!(out, "\n{:<22} {:>17}   {:>17}   {:>17}", "", "model", words.baseline, "difference")?;
            for name in in_order(&report.figures) {
                let [own, popular, gain] =
                    [&report.figures, &report.baseline, &report.gain].map(|figures| with_error(figures.get(name)));
                writeln!(out, "{:<22} {own:>17}   {popular:>17}   {gain:>17}", title(name))?;
            }
        }
        for breakdown in &report.breakdowns {
            write_breakdown(out, breakdown, words)?;
        }
        if !report.parts.is_empty() {
            writeln!(
                out,
                "\n{:<22} {:>17}   {:>17}   {:>17}   {:>13}",
                "Parts by themselves", "NDCG@25", "Recall@25", "whole, NDCG@25", "an answer, µs"
            )?;
            for part in &report.parts {
                let [ndcg, recall] = ["ndcg_at_25", "recall_at_25"].map(|name| with_error(part.figures.get(name)));
                let gain = with_error(part.gain_of_whole.get("ndcg_at_25"));
                let time = microseconds(part.answer_us);
                writeln!(out, "{:<22} {ndcg:>17}   {recall:>17}   {gain:>17}   {time:>13}", part.name)?;
            }
            let time = microseconds(report.answer_us);
            writeln!(out, "{:<22} {:>17}   {:>17}   {:>17}   {time:>13}", "together", "", "", "")?;
        }
        self.write_search(out)?;
        self.write_earlier(out)?;
        writeln!(out, "\nGetSolutionMetrics")?;
        for (name, value) in &report.metrics {
            let popular = report.popularity_baseline.get(name);
            let popular = popular.map_or(String::new(), |value| format!("   {} {value:.4}", words.baseline));
            writeln!(out, "  {name:<52} {value:>8.4}{popular}")?;
        }
        for warning in &report.warnings {
            writeln!(out, "\nwarning  {warning}")?;
        }
        Ok(())
    }

    fn write_search(&self, out: &mut String) -> std::fmt::Result {
        let Some(search) = &self.report.search else { return Ok(()) };
        writeln!(out, "\nTrials by {}", search.metric)?;
        for trial in &search.trials {
            let objective = trial.objective.map_or_else(|| "-".to_owned(), |objective| format!("{objective:.4}"));
            let values: Vec<String> =
                trial.hyperparameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mark = if trial.chosen { "→" } else { " " };
            let note = trial.note.as_deref().map_or(String::new(), |note| format!("  {note}"));
            writeln!(out, "{mark} {:<12} {:<24} {objective:>8}  {}{note}", trial.name, trial.recipe, values.join(" "))?;
        }
        if search.reason.is_empty() { Ok(()) } else { writeln!(out, "{}", search.reason) }
    }

    fn write_earlier(&self, out: &mut String) -> std::fmt::Result {
        if self.earlier.is_empty() {
            return Ok(());
        }
        let metrics = self.words().versioned_short;
        writeln!(out, "\nVersions of this solution, each by the data of its own time")?;
        let [first, second, third] = metrics.map(|(_, heading)| heading);
        writeln!(out, "  {:<34} {:<10} {first:>8} {second:>8} {third:>8}", "", "")?;
        let earlier = self.earlier.iter().map(|earlier| (earlier.arn.as_str(), earlier.created_s, &earlier.metrics));
        for (arn, created_s, of) in earlier.chain([(self.arn.as_str(), self.created_s, &self.report.metrics)]) {
            let [first, second, third] =
                metrics.map(|(name, _)| of.get(name).map_or_else(|| "-".to_owned(), |value| format!("{value:.4}")));
            writeln!(out, "  {:<34} {} {first:>8} {second:>8} {third:>8}", short(arn), date_of(created_s))?;
        }
        Ok(())
    }
}

fn write_breakdown(out: &mut String, breakdown: &Breakdown, words: &Words) -> std::fmt::Result {
    let name = leading(breakdown);
    let heading = format!("By {}", breakdown.by);
    writeln!(out, "\n{heading:<32} {:>8} {:>17} {:>14}", words.asked, title(name), words.baseline)?;
    for group in &breakdown.groups {
        let (own, popular) = (with_error(group.figures.get(name)), value(group.baseline.get(name)));
        writeln!(out, "  {:<30} {:>8} {own:>17} {popular:>14}", group.name, thousands(group.n_users as u64))?;
    }
    Ok(())
}
