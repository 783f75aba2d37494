//! The report as one page of HTML: nothing of it is elsewhere.

use std::fmt::Write;

use palate_recipes::{AtCutoff, Breakdown, Figure, Figures, NamedFigures};

use super::bars::{self, Bar};
use super::html::{escaped, figure, number};
use super::lines::{self, Curve};
use super::table::{in_order, leading, microseconds};
use super::words::Words;
use super::{ModelReport, short, title};
use crate::insights::{date_of, percent, thousands};

impl ModelReport {
    /// What is told of the model, as a page that a browser shows by itself, in light and in dark.
    pub fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write_page(&mut page);
        page
    }

    fn write_page(&self, out: &mut String) -> std::fmt::Result {
        let name = escaped(self.name());
        writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(out, "<title>{name}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>", include_str!("page.css"))?;
        writeln!(out, "<h1>{name}</h1>")?;
        let judges = self.judges();
        let hours = self.training_hours.map_or(String::new(), |hours| format!(", trained in {}", duration(hours)));
        let (recipe, created) = (escaped(&self.recipe), date_of(self.created_s));
        writeln!(out, "<p class=\"quiet\">{recipe}, created {created}{hours}, judged by {judges}</p>")?;
        writeln!(out, "<p class=\"quiet\"><code>{}</code></p>", escaped(&self.arn))?;
        for warning in &self.report.warnings {
            writeln!(out, "<p class=\"warning\">{}</p>", escaped(warning))?;
        }
        self.write_tiles(out)?;
        self.write_accuracy(out)?;
        self.write_breakdowns(out)?;
        self.write_lists(out)?;
        self.write_parts(out)?;
        self.write_versions(out)?;
        self.write_trials(out)?;
        self.write_figures(out)?;
        self.write_metrics(out)?;
        writeln!(out, "</main>\n</body>\n</html>")
    }

    /// The figures that tell most, large.
    fn write_tiles(&self, out: &mut String) -> std::fmt::Result {
        let names = ["recall_at_1_percent", "ndcg_at_25", "recall_at_25", "hit_rate_at_25", "mrr_at_25", "coverage"];
        let than = self.words().baseline;
        let tiles: Vec<(&str, &Figure)> =
            names.iter().filter_map(|name| Some((*name, self.report.figures.get(*name)?))).collect();
        if tiles.is_empty() {
            return Ok(());
        }
        writeln!(out, "<div class=\"tiles\">")?;
        for (name, own) in tiles {
            let value = if name == "coverage" { percent(own.value) } else { number(own.value) };
            let beside = match (self.report.baseline.get(name), own.standard_error) {
                (Some(popular), _) if name == "coverage" => format!("{than} {}", percent(popular.value)),
                (Some(popular), Some(error)) => format!("± {}, {than} {}", number(error), number(popular.value)),
                (Some(popular), None) => format!("{than} {}", number(popular.value)),
                (None, _) => String::new(),
            };
            writeln!(out, "<div class=\"tile\"><span>{}</span><b>{value}</b><span>{beside}</span></div>", title(name))?;
        }
        writeln!(out, "</div>")
    }

    /// What colours and bands mean.
    fn legend(&self) -> String {
        let Words { baseline, listed, asked, .. } = self.words();
        format!(
            "<p class=\"legend\"><span><i class=\"model\"></i>this model</span><span><i class=\"popular\"></i>the \
             {baseline} {listed}</span><span>bands and lines: a standard error over {asked}</span></p>"
        )
    }

    fn write_accuracy(&self, out: &mut String) -> std::fmt::Result {
        let by = &self.report.by_cutoff;
        if by.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Accuracy by the length of the list</h2>\n{}\n<div class=\"plots\">", self.legend())?;
        let places: Vec<String> = by.iter().map(|at| at.k.to_string()).collect();
        for measure in ["ndcg", "recall", "hit_rate", "mrr"] {
            let curve = |of: fn(&AtCutoff) -> &Figures| by.iter().map(|at| of(at).get(measure).copied()).collect();
            let curves = [
                Curve { name: self.words().baseline, class: "popular", points: curve(|at| &at.baseline) },
                Curve { name: "model", class: "model", points: curve(|at| &at.figures) },
            ];
            out.push_str(&lines::plot(&format!("{} by k", title(measure)), &places, &curves));
        }
        writeln!(out, "</div>")
    }

    fn write_breakdowns(&self, out: &mut String) -> std::fmt::Result {
        let told: Vec<&Breakdown> = self.report.breakdowns.iter().filter(|by| !by.groups.is_empty()).collect();
        if told.is_empty() {
            return Ok(());
        }
        let words = self.words();
        writeln!(out, "<h2>{}</h2>\n{}\n<div class=\"plots two\">", words.groups, self.legend())?;
        for breakdown in told {
            let name = leading(breakdown);
            let bars = breakdown.groups.iter().map(|group| Bar {
                name: group.name.clone(),
                note: format!("{} {}", thousands(group.n_users as u64), words.asked),
                own: group.figures.get(name).copied(),
                popular: group.baseline.get(name).copied(),
            });
            let bars: Vec<Bar> = bars.collect();
            out.push_str(&bars::plot(&format!("{} by {}", title(name), breakdown.by), &bars));
        }
        writeln!(out, "</div>")
    }

    /// What the lists are like: coverage, and how evenly items, or users, are shown.
    fn write_lists(&self, out: &mut String) -> std::fmt::Result {
        let bar = |name: &str, note: &str| {
            let own = self.report.figures.get(name).copied();
            let popular = self.report.baseline.get(name).copied();
            own.is_some().then(|| Bar { name: title(name), note: note.to_owned(), own, popular })
        };
        let words = self.words();
        let shares = [
            bar("coverage", words.covered),
            bar("gini", "0: all equally often"),
            bar("popularity", "users who had an item"),
            bar("repeats", "share of the list"),
        ];
        let shares: Vec<Bar> = shares.into_iter().flatten().collect();
        let novelty: Vec<Bar> = bar("novelty", "more: rarer items").into_iter().collect();
        if shares.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Coverage, and what the lists are like</h2>\n{}\n<div class=\"plots two\">", self.legend())?;
        out.push_str(&bars::plot(words.shown, &shares));
        if !novelty.is_empty() {
            out.push_str(&bars::plot("Mean self-information of an item", &novelty));
        }
        writeln!(out, "</div>")
    }

    fn write_parts(&self, out: &mut String) -> std::fmt::Result {
        if self.report.parts.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>What it is made of, each by itself</h2>\n<div class=\"plots two\">")?;
        for name in ["ndcg_at_25", "recall_at_25"] {
            let less = |part: &NamedFigures| match part.gain_of_whole.get(name) {
                Some(Figure { value, standard_error: Some(error) }) => {
                    format!("{} ± {} less", number(*value), number(*error))
                }
                _ => String::new(),
            };
            let parts = self.report.parts.iter().map(|part| (part.name.as_str(), &part.figures, less(part)));
            let whole = ("this model", &self.report.figures, String::new());
            let bars = parts.chain([whole]).filter_map(|(of, figures, note)| {
                Some(Bar { name: of.to_owned(), note, own: Some(*figures.get(name)?), popular: None })
            });
            out.push_str(&bars::plot(title(name).as_str(), &bars.collect::<Vec<_>>()));
        }
        writeln!(out, "</div>")?;
        if let Some(whole) = self.report.answer_us {
            let of_parts = self.report.parts.iter();
            let of_parts =
                of_parts.map(|part| format!("{} by itself {} µs", escaped(&part.name), microseconds(part.answer_us)));
            let of_parts: Vec<String> = of_parts.collect();
            let whole = microseconds(Some(whole));
            writeln!(out, "<p>An answer takes {whole} µs, {} (median, one core).</p>", of_parts.join(", "))?;
        }
        Ok(())
    }

    fn write_versions(&self, out: &mut String) -> std::fmt::Result {
        if self.earlier.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Versions of this solution</h2>")?;
        writeln!(out, "<p class=\"quiet\">Each was judged by the data of its own time.</p>\n<div class=\"plots\">")?;
        let words = self.words();
        let own = (self.arn.as_str(), self.created_s, &self.report.metrics, self.report.n_test_users);
        let earlier = self.earlier.iter().map(|of| (of.arn.as_str(), of.created_s, &of.metrics, of.n_test_users));
        let versions: Vec<_> = earlier.chain([own]).collect();
        let places: Vec<String> = versions.iter().map(|(_, created_s, ..)| date_of(*created_s)).collect();
        let named = |name: &str| -> Vec<Option<Figure>> {
            versions.iter().map(|(_, _, metrics, _)| metrics.get(name).copied().map(Figure::plain)).collect()
        };
        for (name, caption) in words.versioned {
            let points = named(name);
            if points.iter().any(Option::is_some) {
                out.push_str(&lines::plot(caption, &places, &[Curve { name: caption, class: "model", points }]));
            }
        }
        writeln!(out, "</div>\n<div class=\"card\"><table><thead><tr><th>version</th><th>created</th>")?;
        writeln!(out, "<th class=\"n\">{}</th>", words.judges)?;
        for (_, caption) in words.versioned {
            writeln!(out, "<th class=\"n\">{caption}</th>")?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        for (arn, created_s, metrics, n_test_users) in &versions {
            let class = if *arn == self.arn { " class=\"chosen\"" } else { "" };
            let (name, created) = (escaped(short(arn)), date_of(*created_s));
            write!(out, "<tr{class}><td>{name}</td><td>{created}</td>")?;
            write!(out, "<td class=\"n\">{}</td>", thousands(*n_test_users as u64))?;
            for (name, _) in words.versioned {
                let value = metrics.get(*name).map_or_else(|| "–".to_owned(), |value| number(*value));
                write!(out, "<td class=\"n\">{value}</td>")?;
            }
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>")
    }

    fn write_trials(&self, out: &mut String) -> std::fmt::Result {
        let Some(search) = self.report.search.as_ref().filter(|search| !search.trials.is_empty()) else {
            return Ok(());
        };
        writeln!(out, "<h2>Trials</h2>\n<p>{}</p>\n<div class=\"plots two\">", escaped(&search.reason))?;
        let objectives: Vec<Option<f64>> = search.trials.iter().map(|trial| trial.objective).collect();
        let chosen = search.trials.iter().position(|trial| trial.chosen);
        out.push_str(&lines::trials(&objectives, chosen, &title(&search.metric)));
        writeln!(out, "</div>\n<div class=\"card\"><table><thead><tr><th>trial</th><th>recipe</th>")?;
        writeln!(
            out,
            "<th class=\"n\">{}</th><th>hyperparameters</th></tr></thead><tbody>",
            escaped(&title(&search.metric))
        )?;
        for trial in &search.trials {
            let class = if trial.chosen { " class=\"chosen\"" } else { "" };
            let objective = trial.objective.map_or_else(|| "–".to_owned(), number);
            let values = trial.hyperparameters.iter().map(|(name, value)| format!("{name}={value}"));
            let told: Vec<String> = values.chain(trial.note.clone()).map(|text| escaped(&text)).collect();
            let (name, recipe) = (escaped(&trial.name), escaped(&trial.recipe));
            write!(out, "<tr{class}><td>{name}</td><td>{recipe}</td><td class=\"n\">{objective}</td>")?;
            writeln!(out, "<td class=\"long\"><code>{}</code></td></tr>", told.join(" "))?;
        }
        writeln!(out, "</tbody></table></div>")
    }

    fn write_figures(&self, out: &mut String) -> std::fmt::Result {
        let (own, popular, gain) = (&self.report.figures, &self.report.baseline, &self.report.gain);
        if own.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "<h2>All figures</h2>\n<div class=\"card\"><table><thead><tr><th></th><th class=\"n\">this model</th>"
        )?;
        let than = self.words().baseline;
        writeln!(out, "<th class=\"n\">{than}</th><th class=\"n\">difference</th></tr></thead><tbody>")?;
        let others = own.keys().map(String::as_str).filter(|name| !in_order(own).contains(name));
        for name in in_order(own).into_iter().chain(others) {
            write!(out, "<tr><td>{}</td>", escaped(&title(name)))?;
            for of in [own, popular, gain] {
                let told = of.get(name).map_or_else(|| "–".to_owned(), figure);
                write!(out, "<td class=\"n\">{told}</td>")?;
            }
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>")
    }

    /// What GetSolutionMetrics says, and with what it was trained.
    fn write_metrics(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>GetSolutionMetrics</h2>\n<div class=\"card\"><table><thead><tr><th>metric</th>")?;
        let than = self.words().baseline;
        writeln!(out, "<th class=\"n\">this model</th><th class=\"n\">{than}</th></tr></thead><tbody>")?;
        for (name, value) in &self.report.metrics {
            let popular = self.report.popularity_baseline.get(name);
            let popular = popular.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
            let name = escaped(name);
            writeln!(
                out,
                "<tr><td><code>{name}</code></td><td class=\"n\">{value:.4}</td><td class=\"n\">{popular}</td></tr>"
            )?;
        }
        writeln!(out, "</tbody></table></div>")?;
        if self.hyperparameters.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Hyperparameters</h2>\n<div class=\"card\"><table><tbody>")?;
        for (name, value) in &self.hyperparameters {
            writeln!(out, "<tr><td><code>{}</code></td><td>{}</td></tr>", escaped(name), escaped(value))?;
        }
        writeln!(out, "</tbody></table></div>")
    }
}

fn duration(hours: f64) -> String {
    match hours * 3600.0 {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{hours:.1} h"),
    }
}
