//! How old items are, and what came of showing them.

use super::explore::Beta;
use crate::dataset::Histories;
use crate::{ColumnData, Dataset, IdMap};

/// What is known of items beside what the network learned.
///
/// | field       | shape        | meaning                                                                        |
/// |-------------|--------------|--------------------------------------------------------------------------------|
/// | `created_s` | `(n_items,)` | CREATION_TIMESTAMP; else the first interaction; else the newest of all items      |
/// | `shown`     | `(n_items,)` | impressions that the item was part of                                          |
/// | `chosen`    | `(n_items,)` | those of them that led to an interaction with it                               |
/// | `newest_s`  |              | the newest interaction of the dataset, from which ages are counted             |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fresh {
    pub created_s: Vec<i64>,
    pub shown: Vec<u32>,
    pub chosen: Vec<u32>,
    pub newest_s: i64,
}

/// Choices that an item of which nothing is known is given, and the least and most times it is passed over for them.
const PRIOR_CHOSEN: f64 = 1.0;
const PRIOR_PASSED: (f64, f64) = (1.0, 100.0);

/// Without impressions: one of ten is chosen.
const UNKNOWN_PASSED: f64 = 9.0;

impl Fresh {
    /// Of the items `ids`, whose rows `histories` names. `rows` gives each item's row in the dataset's item columns.
    pub fn of(dataset: &Dataset, ids: &IdMap, histories: &Histories, rows: &[Option<usize>]) -> Self {
        let newest_s = histories.timestamps().iter().max().unwrap_or(0);
        let mut first_s = vec![i64::MAX; ids.len()];
        for (item, time_s) in histories.items().iter().zip(histories.timestamps().iter()) {
            first_s[*item as usize] = first_s[*item as usize].min(time_s);
        }
        let told = dataset.item_columns().get("CREATION_TIMESTAMP");
        let created = |item: usize| {
            let told = told.zip(rows[item]).and_then(|(column, row)| column.number(row));
            match (told, first_s[item]) {
                (Some(told), _) => told as i64,
                (None, i64::MAX) => newest_s,
                (None, first_s) => first_s,
            }
        };
        let created_s = (0..ids.len()).map(created).collect();
        let (shown, chosen) = impressions(dataset, ids, histories);
        Self { created_s, shown, chosen, newest_s }
    }

    /// Items that came at most so many days before the newest interaction, or after it.
    pub fn newer_than(&self, days: f64) -> impl Iterator<Item = u32> + '_ {
        let age_days = |created_s: i64| self.newest_s.saturating_sub(created_s) as f64 / 86_400.0;
        (0..).zip(&self.created_s).filter(move |(_, created_s)| age_days(**created_s) <= days).map(|(item, _)| item)
    }

    /// How often an item of which nothing is known is passed over for each time that it is chosen: as often as those
    /// that were shown.
    pub fn prior_passed(&self) -> f64 {
        let sum = |counts: &[u32]| counts.iter().map(|n| f64::from(*n)).sum::<f64>();
        let (shown, chosen) = (sum(&self.shown), sum(&self.chosen));
        let passed = if chosen > 0.0 { (shown - chosen) / chosen } else { UNKNOWN_PASSED };
        passed.clamp(PRIOR_PASSED.0, PRIOR_PASSED.1)
    }

    /// How attractive an item may be, from [`Fresh::prior_passed`] and what came of showing it.
    pub fn attraction(&self, item: u32, prior_passed: f64) -> Beta {
        let own = |counts: &[u32]| counts.get(item as usize).copied().map_or(0.0, f64::from);
        let (shown, chosen) = (own(&self.shown), own(&self.chosen));
        Beta { chosen: PRIOR_CHOSEN + chosen, passed: prior_passed + (shown - chosen).max(0.0) }
    }
}

/// How often each item was in an impression, and how often it was then chosen.
fn impressions(dataset: &Dataset, ids: &IdMap, histories: &Histories) -> (Vec<u32>, Vec<u32>) {
    let (mut shown, mut chosen) = (vec![0_u32; ids.len()], vec![0_u32; ids.len()]);
    let Some(ColumnData::Text(column)) = dataset.interaction_columns().get("IMPRESSION") else {
        return (shown, chosen);
    };
    for (interaction, item) in histories.items().iter().enumerate() {
        let Some(impression) = column.get(interaction) else { continue };
        for other in impression.split('|').filter_map(|id| ids.get(id)) {
            let counts = &mut shown[other as usize];
            *counts = counts.saturating_add(1);
            if other == *item {
                let counts = &mut chosen[other as usize];
                *counts = counts.saturating_add(1);
            }
        }
    }
    (shown, chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_counted_back_from_the_newest_interaction() {
        let day = 86_400;
        let fresh = Fresh {
            created_s: vec![0, 70 * day, 100 * day, i64::MIN, i64::MAX],
            newest_s: 100 * day,
            ..Fresh::default()
        };
        assert_eq!(fresh.newer_than(30.0).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(fresh.newer_than(29.9).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn what_is_known_of_all_impressions_is_where_an_item_begins() {
        let fresh = Fresh { shown: vec![40, 8], chosen: vec![4, 4], ..Fresh::default() };
        assert_eq!(fresh.prior_passed(), 5.0);
        assert_eq!(fresh.attraction(0, 5.0), Beta { chosen: 5.0, passed: 5.0 + 36.0 });
        assert_eq!(fresh.attraction(7, 5.0), Beta { chosen: 1.0, passed: 5.0 });
        assert_eq!(Fresh::default().prior_passed(), 9.0);
    }
}
