use palate_recipes::PairCounts;
use serde::{Deserialize, Serialize};

use crate::insights::{date_of, percent, thousands};

/// Parts that are shown to people.
const SHOWN: usize = 20;

/// Something that a score is made of; those that add most come first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedPart {
    #[serde(flatten)]
    pub of: Contributor,
    /// What it adds to the score.
    pub contribution: f64,
    /// The same as a share of the score; absent if that is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// Whatever adds to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Contributor {
    /// An interaction of the user.
    Event {
        item_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Seconds since the Unix epoch.
        timestamp: i64,
    },
    /// Users who had this item and the asked one near each other.
    Together {
        /// What it was counted from, as far as the model has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counts: Option<Counted>,
    },
    /// Users who had a third item near the asked one.
    Through {
        item_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// How many.
        users: u32,
    },
    /// A column of the item's metadata.
    Column { name: String },
    /// Something counted.
    Count {
        name: String,
        /// Absent in what older processes tell, where it is the contribution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<f64>,
    },
    /// What no single interaction brings: popularity, say.
    Rest {
        /// Of a term of the recipe's formula.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// How often two items were had: `(both - byChance) · weight / discount` is the contribution where all of them are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// What is counted: users, baskets.
    pub of: String,
    /// With the asked item.
    pub asked: u32,
    /// With this item.
    pub item: u32,
    /// With both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both: Option<u32>,
    /// With any item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<u32>,
    /// What `both` would be if nobody took the one for the other; absent: nothing is taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_chance: Option<f64>,
    /// What each of those with both weighs on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// What the sum of the weights is divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<f64>,
}

/// Why a user gets an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemExplanation {
    /// Of the campaign or recommender.
    pub arn: String,
    /// Name of the recipe.
    pub recipe: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub item_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As GetPersonalizedRanking has it, but not rounded. The contributions sum to it.
    pub score: f64,
    pub parts: Vec<ExplainedPart>,
}

impl From<PairCounts> for Counted {
    fn from(counts: PairCounts) -> Self {
        let PairCounts { of, asked, item, both, all, by_chance, weight, discount } = counts;
        Self { of: of.to_owned(), asked, item, both, all, by_chance, weight, discount }
    }
}

impl Counted {
    /// What is told, for people.
    fn text(&self) -> String {
        let number = |number: u32| thousands(u64::from(number));
        let mut text = match self.both {
            Some(both) => format!("both: {} {}", number(both), self.of),
            None => format!("{} with both near each other", self.of),
        };
        if let Some(by_chance) = self.by_chance {
            text.push_str(&format!(", {by_chance:.1} by chance"));
        }
        text.push_str(&format!(" (the asked item: {}, this: {}", number(self.asked), number(self.item)));
        if let Some(all) = self.all {
            text.push_str(&format!(", any: {}", number(all)));
        }
        if let (Some(weight), Some(discount)) = (self.weight, self.discount) {
            text.push_str(&format!("; each {weight:.4} / {discount:.4}"));
        }
        text + ")"
    }
}

impl ItemExplanation {
    /// What is told, for people.
    pub fn text(&self) -> String {
        let named = |id: &str, title: &Option<String>| match title {
            Some(title) => format!("{title} ({id})"),
            None => id.to_owned(),
        };
        let user = self.user_id.as_deref().map_or(String::new(), |user| format!(" for {user}"));
        let item = named(&self.item_id, &self.title);
        let mut text = format!("{item}{user}, by {}: score {:.7}\n", self.recipe, self.score);
        let mut longest = 4;
        let told: Vec<(String, &ExplainedPart)> = self
            .parts
            .iter()
            .take(SHOWN)
            .map(|part| {
                let what = match &part.of {
                    Contributor::Event { item_id, title, timestamp } => {
                        format!("{}, {}", date_of(*timestamp), named(item_id, title))
                    }
                    Contributor::Together { counts: Some(counts) } => counts.text(),
                    Contributor::Together { counts: None } => "users who had both items".to_owned(),
                    Contributor::Through { item_id, title, users } => {
                        format!("with {}: {} users", named(item_id, title), thousands(u64::from(*users)))
                    }
                    Contributor::Column { name } => format!("what both have in {name}"),
                    Contributor::Count { name, count } => {
                        format!("{name}: {}", thousands(count.unwrap_or(part.contribution).max(0.0) as u64))
                    }
                    Contributor::Rest { name: Some(name) } => name.clone(),
                    Contributor::Rest { name: None } => {
                        "everything else: popularity, and what is known of the item".to_owned()
                    }
                };
                longest = longest.max(what.chars().count());
                (what, part)
            })
            .collect();
        for (what, part) in told {
            let share = match part.share {
                Some(share) if share < 0.0 => format!("-{}", percent(-share)),
                Some(share) => percent(share),
                None => "-".to_owned(),
            };
            text.push_str(&format!("  {what:<longest$} {:>13.7} {share:>9}\n", part.contribution));
        }
        let rest = self.parts.get(SHOWN..).unwrap_or_default();
        if !rest.is_empty() {
            let sum: f64 = rest.iter().map(|part| part.contribution).sum();
            let what = format!("{} more", rest.len());
            text.push_str(&format!("  {what:<longest$} {sum:>13.7}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn event(item_id: &str, title: Option<&str>, contribution: f64) -> ExplainedPart {
        let of =
            Contributor::Event { item_id: item_id.into(), title: title.map(str::to_owned), timestamp: 1_795_000_000 };
        ExplainedPart { of, contribution, share: Some(contribution / 0.02) }
    }

    #[test]
    fn people_are_told_titles_and_shares() {
        let told = ItemExplanation {
            arn: "arn".into(),
            recipe: "palate-ease".into(),
            user_id: Some("u1".into()),
            item_id: "i9".into(),
            title: Some("Heat".into()),
            score: 0.02,
            parts: vec![
                event("i1", Some("Ronin"), 0.016),
                event("i2", None, -0.001),
                ExplainedPart { of: Contributor::Rest { name: None }, contribution: 0.005, share: Some(0.25) },
            ],
        };
        let text = told.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Heat (i9) for u1, by palate-ease: score 0.0200000");
        assert!(lines[1].contains("2026-11-18, Ronin (i1)") && lines[1].ends_with("0.0160000      80 %"), "{text}");
        assert!(lines[2].contains("i2") && lines[2].ends_with("-0.0010000    -5.0 %"), "{text}");
        assert!(lines[3].contains("everything else") && lines[3].ends_with("25 %"), "{text}");
        let stored = serde_json::to_value(&told).unwrap();
        assert_eq!(stored["parts"][0]["kind"], "event");
        assert_eq!(stored["parts"][0]["itemId"], "i1");
        assert_eq!(serde_json::from_value::<ItemExplanation>(stored).unwrap(), told);
    }

    #[test]
    fn people_are_told_what_was_counted() {
        let counts = Counted {
            of: "baskets".into(),
            asked: 40,
            item: 2000,
            both: Some(12),
            all: Some(26_000),
            by_chance: Some(40.0 * 2000.0 / 26_000.0),
            weight: Some(1.5),
            discount: Some(50.0),
        };
        let near = Counted { both: None, all: None, by_chance: None, weight: None, discount: None, ..counts.clone() };
        let lines = [
            (
                Contributor::Together { counts: Some(counts) },
                "both: 12 baskets, 3.1 by chance (the asked item: 40, this: 2,000, any: 26,000; each 1.5000 / 50.0000)",
            ),
            (
                Contributor::Together { counts: Some(near) },
                "baskets with both near each other (the asked item: 40, this: 2,000)",
            ),
            (Contributor::Together { counts: None }, "users who had both items"),
            (
                Contributor::Through { item_id: "i7".into(), title: Some("Ronin".into()), users: 1200 },
                "with Ronin (i7): 1,200 users",
            ),
            (Contributor::Count { name: "users".into(), count: Some(1234.0) }, "users: 1,234"),
            (Contributor::Count { name: "users".into(), count: None }, "users: 0"),
            (Contributor::Rest { name: Some("both by chance".into()) }, "both by chance"),
        ];
        let part = |of| ExplainedPart { of, contribution: 0.0, share: None };
        let (contributors, wanted): (Vec<Contributor>, Vec<&str>) = lines.into_iter().unzip();
        let told = ItemExplanation {
            arn: "arn".into(),
            recipe: "recipe".into(),
            user_id: None,
            item_id: "i".into(),
            title: None,
            score: 0.0,
            parts: contributors.into_iter().map(part).collect(),
        };
        let text = told.text();
        for (line, wanted) in text.lines().skip(1).zip(wanted) {
            assert!(line.trim_start().starts_with(wanted), "{text}");
        }
        let stored = serde_json::to_value(&told).unwrap();
        assert_eq!(stored["parts"][0]["counts"]["byChance"], 40.0 * 2000.0 / 26_000.0);
        // As it was told before there were counts.
        assert_eq!(stored["parts"][2], json!({"kind": "together", "contribution": 0.0}));
        assert_eq!(serde_json::from_value::<ItemExplanation>(stored).unwrap(), told);
    }
}
