//! The page of text.

use std::fmt::Write;

use super::days::date_of;
use super::report::{ColumnInsight, Estimate, Insights, Severity, Times};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns of the sparkline.
const WIDTH: usize = 60;

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share with as many digits as say something: `62 %`, `0.4 %`, `< 0.1 %`.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        little if little < 0.1 => "< 0.1 %".to_owned(),
        some if some < 9.95 => format!("{some:.1} %"),
        most if most > 99.0 && most < 100.0 => format!("{most:.1} %"),
        much => format!("{much:.0} %"),
    }
}

fn estimate(of: Estimate) -> String {
    if of.exact { thousands(of.n) } else { format!("~{}", thousands(of.n)) }
}

impl Insights {
    /// What is told of the dataset, for people.
    pub fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write_page(&mut page);
        page
    }

    fn write_page(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}: {} rows", self.dataset_type, thousands(self.rows))?;
        writeln!(out, "{}", self.dataset_arn)?;
        self.write_events(out)?;
        if let Some(ids) = self.ids {
            writeln!(out, "\n{} ids, {} rows replaced by later ones", thousands(ids.n), thousands(ids.replaced_rows))?;
        }
        for coverage in &self.coverage {
            let other = &coverage.dataset_type;
            let [both, here, there] = [coverage.in_both, coverage.only_here, coverage.only_there].map(thousands);
            writeln!(out, "{}: {both} also in {other}, {here} only here, {there} only in {other}", coverage.column)?;
        }
        write_columns(out, &self.columns, self.rows)?;
        if self.findings.is_empty() {
            return writeln!(out, "\nNothing stands out.");
        }
        writeln!(out)?;
        for finding in &self.findings {
            let word = match finding.severity {
                Severity::Problem => "PROBLEM",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            writeln!(out, "{word:<8} {}", finding.finding)?;
            writeln!(out, "{:<8} → {}", "", finding.meaning)?;
        }
        Ok(())
    }

    fn write_events(&self, out: &mut String) -> std::fmt::Result {
        if let Some(users) = &self.users {
            let share = percent(users.with_one_event as f64 / users.n.max(1) as f64);
            writeln!(
                out,
                "\nUsers    {:>12}   {share} with one event, {:.1} events each",
                thousands(users.n),
                users.mean_events
            )?;
            let at = |share: &str| users.quantiles.get(share).copied().unwrap_or_default();
            writeln!(
                out,
                "         events of a user: half have up to {}, 75 % up to {}, 90 % up to {}, 99 % up to {}, most {}",
                at("0.50"),
                at("0.75"),
                at("0.90"),
                at("0.99"),
                thousands(users.most_events)
            )?;
        }
        if let Some(items) = &self.items {
            let [one, ten] = [items.share_of_top_1_percent, items.share_of_top_10_percent].map(percent);
            writeln!(
                out,
                "Items    {:>12}   top 1 % have {one} of the events, top 10 % {ten}; Gini {:.2}",
                thousands(items.n),
                items.gini
            )?;
            let top: Vec<String> =
                items.top.iter().take(5).map(|top| format!("{} ({})", top.id, thousands(top.events))).collect();
            if !top.is_empty() {
                writeln!(out, "         most events: {}", top.join(", "))?;
            }
        }
        if let Some(repeats) = self.repeats {
            writeln!(out, "Repeats  {:>12}   rows that agree with another in all columns", estimate(repeats))?;
        }
        if let Some(times) = &self.times {
            write_times(out, times)?;
        }
        let longest = self.event_types.iter().map(|of| of.event_type.chars().count()).max().unwrap_or(0).min(30);
        for of in self.event_types.iter().take(12) {
            let share = of.events as f64 / self.rows.max(1) as f64;
            let bar = "█".repeat((share * 40.0).round() as usize);
            writeln!(out, "  {:<longest$} {:>12} {:>8}  {bar}", of.event_type, thousands(of.events), percent(share))?;
        }
        Ok(())
    }
}

fn write_times(out: &mut String, times: &Times) -> std::fmt::Result {
    writeln!(out, "\nEvents from {} to {}, by {}", date_of(times.first_s), date_of(times.last_s), times.unit)?;
    let counts: Vec<u64> = times.periods.iter().map(|period| period.events).collect();
    let n_each = counts.len().div_ceil(WIDTH).max(1);
    let columns: Vec<u64> = counts.chunks(n_each).map(|chunk| chunk.iter().sum()).collect();
    let most = columns.iter().copied().max().unwrap_or(0);
    let height = |count: u64| (count as f64 / most.max(1) as f64 * 7.0).round() as usize;
    let line: String = columns.iter().map(|count| BARS[height(*count).min(7)]).collect();
    let each = if n_each == 1 { times.unit.clone() } else { format!("{n_each} {}s with events", times.unit) };
    writeln!(out, "  {line}  up to {} each {each}", thousands(most))
}

fn write_columns(out: &mut String, columns: &[ColumnInsight], rows: u64) -> std::fmt::Result {
    let longest = columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0).clamp(6, 40);
    writeln!(out, "\n{:<longest$}  {:<11}  {:>8}  {:>10}", "Column", "type", "missing", "different")?;
    for column in columns {
        let kind = if column.categorical { "categorical" } else { &column.kind };
        let missing = percent(column.missing as f64 / rows.max(1) as f64);
        let different = estimate(column.different);
        let mut line = format!("{:<longest$}  {kind:<11}  {missing:>8}  {different:>10}", column.name);
        if let Some(numbers) = column.numbers.filter(|_| column.name != "TIMESTAMP") {
            let [least, mean, most] = [numbers.least, numbers.mean, numbers.most].map(short);
            line += &format!("  {least} to {most}, {mean} on average");
        }
        if let Some(lengths) = column.lengths {
            line += &format!("  {} to {} characters, half up to {}", lengths.least, lengths.most, lengths.median);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A number with the digits that matter.
fn short(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { format!("{number:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 12, 123, 1_234, 1_234_567].map(thousands), ["0", "12", "123", "1,234", "1,234,567"]);
        let shares = [0.0, 0.000_1, 0.004, 0.0996, 0.62, 0.999, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "< 0.1 %", "0.4 %", "10 %", "62 %", "99.9 %", "100 %"]);
        assert_eq!([1.0, -3.25, 1e20].map(short), ["1", "-3.25", "100000000000000000000.00"]);
    }
}
