//! What of the numbers matters to recipes, and why.

use super::page::{percent, thousands};
use super::report::{ColumnInsight, Coverage, Finding, Histories, Insights, Popularity, Severity, Times};

/// Training needs so many interactions, and so many users with two or more.
const LEAST_INTERACTIONS: u64 = 1_000;
const LEAST_USERS: u64 = 25;
/// What the service's guide recommends.
const GOOD_INTERACTIONS: u64 = 50_000;
const GOOD_USERS: u64 = 1_000;
/// Values of a categorical column that are worth telling apart.
const MOST_VALUES: u64 = 1_000;
/// Event types and optional columns together.
const MOST_TYPES: usize = 10;

/// The findings, the most serious first.
pub(super) fn of(insights: &Insights) -> Vec<Finding> {
    let mut found = Found(Vec::new());
    if insights.rows == 0 {
        found.problem("no-rows", "the dataset has no rows".into(), "nothing can be learned from it");
        return found.0;
    }
    if let Some(users) = &insights.users {
        of_histories(&mut found, insights, users);
    }
    if let Some(items) = &insights.items {
        of_popularity(&mut found, items);
    }
    if let Some(times) = &insights.times {
        of_times(&mut found, insights.rows, times);
    }
    of_types(&mut found, insights);
    of_repeats(&mut found, insights);
    for coverage in &insights.coverage {
        of_coverage(&mut found, insights, coverage);
    }
    for column in &insights.columns {
        of_column(&mut found, insights, column);
    }
    // Stable: what is as serious stays in the order above.
    found.0.sort_by_key(|finding| finding.severity);
    found.0
}

struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, severity: Severity, name: &str, finding: String, meaning: impl Into<String>) {
        self.0.push(Finding { severity, name: name.to_owned(), finding, meaning: meaning.into() });
    }

    fn problem(&mut self, name: &str, finding: String, meaning: impl Into<String>) {
        self.add(Severity::Problem, name, finding, meaning);
    }

    fn warning(&mut self, name: &str, finding: String, meaning: impl Into<String>) {
        self.add(Severity::Warning, name, finding, meaning);
    }

    fn note(&mut self, name: &str, finding: String, meaning: impl Into<String>) {
        self.add(Severity::Note, name, finding, meaning);
    }
}

fn of_histories(found: &mut Found, insights: &Insights, users: &Histories) {
    let with_more = users.n - users.with_one_event;
    if insights.dataset_type == "Interactions" {
        if insights.rows < LEAST_INTERACTIONS || with_more < LEAST_USERS || with_more * 100 < users.n {
            found.problem(
                "too-little-to-train",
                format!("{} interactions, {} users with two or more", thousands(insights.rows), thousands(with_more)),
                "training needs 1,000 interactions, and two or more of 25 users and of 1 % of all users: it would end \
                 CREATE FAILED",
            );
        } else if insights.rows < GOOD_INTERACTIONS || with_more < GOOD_USERS {
            found.note(
                "little-data",
                format!("{} interactions, {} users with two or more", thousands(insights.rows), thousands(with_more)),
                "from 50,000 interactions of 1,000 users with two each on, recipes beat popular items with certainty",
            );
        }
    }
    let share = users.with_one_event as f64 / users.n.max(1) as f64;
    if share >= 0.2 {
        let severity = if share >= 0.5 { Severity::Warning } else { Severity::Note };
        let finding = format!("{} of users have one event", percent(share));
        found.add(
            severity,
            "one-event-users",
            finding,
            "sequence recipes will fall back to popular items for them, and they cannot be tested with",
        );
    }
    let share = users.most_events as f64 / insights.rows as f64;
    if users.n >= 20 && share >= 0.05 {
        let finding = format!("one user has {} of all rows ({})", percent(share), thousands(users.most_events));
        found.warning(
            "one-user",
            finding,
            "it may be a crawler, a test account or a default id: every recipe learns its taste; leave it out",
        );
    }
    if users.rows_without_user > 0 {
        let finding = format!("{} rows have no user", thousands(users.rows_without_user));
        found.note(
            "rows-without-user",
            finding,
            "streamed rows of visitors count from the training on that follows their session's signing in, else not",
        );
    }
}

fn of_popularity(found: &mut Found, items: &Popularity) {
    if items.n >= 100 && items.share_of_top_1_percent >= 0.5 {
        let finding = format!("the top 1 % of items have {} of the events", percent(items.share_of_top_1_percent));
        found.warning(
            "popularity",
            finding,
            "a list of popular items will be hard to beat in the metrics; look at coverage too, and give the others \
             metadata",
        );
    }
    let share = items.with_one_event as f64 / items.n.max(1) as f64;
    if items.n >= 20 && share >= 0.3 {
        let finding = format!("{} of the items in interactions have one event", percent(share));
        found.note(
            "one-event-items",
            finding,
            "similar-items recipes have nothing to compare them by; recipes with metadata place them by that",
        );
    }
}

fn of_times(found: &mut Found, rows: u64, times: &Times) {
    let share = |n: u64| percent(n as f64 / rows as f64);
    if times.in_milliseconds > 0 {
        found.problem(
            "milliseconds",
            format!("{} of the timestamps are milliseconds or worse", share(times.in_milliseconds)),
            "TIMESTAMP is in seconds: those events would be in the far future and the newest of all; divide by 1,000 \
             and import again",
        );
    }
    if times.too_small > 0 {
        found.problem(
            "timestamps-too-small",
            format!("{} of the timestamps are before March 1973", share(times.too_small)),
            "they are probably days, minutes or missing: TIMESTAMP is in seconds since 1970, and recipes that go by \
             time or order mistake those events for the oldest",
        );
    }
    if times.in_future > 0 {
        found.warning(
            "future",
            format!("{} of the timestamps are in the future", share(times.in_future)),
            "recipes that go by recency take them for the newest; look for local times and wrong units",
        );
    }
    if rows > 1 && times.first_s == times.last_s {
        found.problem(
            "one-timestamp",
            "all timestamps are the same".into(),
            "there is no order to learn from: recipes for sequences and trends cannot work",
        );
    }
}

fn of_types(found: &mut Found, insights: &Insights) {
    let required = ["USER_ID", "ITEM_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"];
    let optional = insights.columns.iter().filter(|column| !required.contains(&column.name.as_str())).count();
    let types = insights.event_types.len();
    if insights.dataset_type == "Interactions" && types > 0 && types + optional > MOST_TYPES {
        found.warning(
            "event-types",
            format!("{types} event types and {optional} optional columns"),
            "the service takes ten of both together; join event types that mean the same",
        );
    }
}

fn of_repeats(found: &mut Found, insights: &Insights) {
    if let Some(repeats) = insights.repeats {
        let share = repeats.n as f64 / insights.rows as f64;
        if share >= 0.01 {
            let about = if repeats.exact { "" } else { "about " };
            found.warning(
                "repeats",
                format!("{about}{} of the rows repeat another in all columns", percent(share)),
                "they count once in training, but each time in metric attribution; look for an export that ran twice",
            );
        }
    }
    if let Some(ids) = insights.ids.filter(|ids| ids.replaced_rows > 0) {
        let finding = format!("{} rows have an id that comes again later", thousands(ids.replaced_rows));
        found.note("repeated-ids", finding, "of an id the newest row counts, whole; the earlier ones are replaced");
    }
}

fn of_coverage(found: &mut Found, insights: &Insights, coverage: &Coverage) {
    let Coverage { dataset_type, in_both, only_here, only_there, rows_only_here, .. } = coverage;
    let noun = if coverage.column == "USER_ID" { "users" } else { "items" };
    let noun = if coverage.column == "ACTION_ID" { "actions" } else { noun };
    // Told the same whichever of the two datasets is looked at.
    let from_events = insights.users.is_some();
    let (without_row, cold) = if from_events { (only_here, only_there) } else { (only_there, only_here) };
    let active = in_both + without_row;
    let listed = in_both + cold;
    let metadata = if from_events { dataset_type } else { &insights.dataset_type };
    if active > 0 && *without_row > 0 {
        let share = *without_row as f64 / active as f64;
        let severity = if share >= 0.05 { Severity::Warning } else { Severity::Note };
        let mut finding = format!("{} of the {noun} in interactions are not in {metadata}", percent(share));
        if from_events {
            finding += &format!(" ({} of the events)", percent(*rows_only_here as f64 / insights.rows as f64));
        }
        let name = format!("{noun}-without-metadata");
        found.add(severity, &name, finding, "filters and recipes that use metadata know nothing of them");
    }
    if listed > 0 && *cold > 0 {
        let share = *cold as f64 / listed as f64;
        let meaning = match noun {
            "users" => "they get popular items until they have events",
            _ => "only recipes that explore or go by metadata can recommend them",
        };
        let finding = format!("{} of the {noun} in {metadata} have no interactions", percent(share));
        found.note(&format!("cold-{noun}"), finding, meaning);
    }
}

fn of_column(found: &mut Found, insights: &Insights, column: &ColumnInsight) {
    let ColumnInsight { name, missing, different, .. } = column;
    let values = insights.rows - (*missing).min(insights.rows);
    let share = *missing as f64 / insights.rows as f64;
    let reserved = matches!(name.as_str(), "IMPRESSION" | "RECOMMENDATION_ID" | "EVENT_ATTRIBUTION_SOURCE");
    let id = matches!(name.as_str(), "USER_ID" | "ITEM_ID" | "ACTION_ID" | "TIMESTAMP");
    if share > 0.3 && !reserved && !id {
        let finding = format!("{name} is missing in {} of the rows", percent(share));
        found.warning(
            "missing-values",
            finding,
            "columns of less than 70 % values help recipes little or mislead them",
        );
    }
    if insights.rows >= 20 && values > 0 && different.n == 1 && !reserved && !id {
        let finding = format!("{name} is the same in all rows that have it");
        found.note("constant-column", finding, "it tells no row from another; recipes learn nothing from it");
    }
    if column.categorical && different.n > MOST_VALUES {
        let about = if different.exact { "" } else { "about " };
        let finding = format!("{name} is categorical and has {about}{} values", thousands(different.n));
        let meaning = if different.n as f64 > 0.9 * values as f64 {
            "nearly every row has its own, like an id: it cannot be learned from; leave it out of the training"
        } else {
            "more than 1,000 are too many to learn each; join rare ones"
        };
        found.warning("many-values", finding, meaning);
    }
    let text = column.kind == "string" && !column.categorical && insights.ids.is_some() && !id;
    if let Some(lengths) = column.lengths.filter(|_| text && values >= 20)
        && lengths.most >= 20_000
    {
        let finding = format!("{name} has texts of 20,000 characters and more");
        found.note("long-texts", finding, "texts are cut there: what matters should stand at the beginning");
    }
}
