use std::collections::HashSet;

use rayon::prelude::*;

use super::{Dataset, DatasetError, Histories, IdMap, Selection};

/// Interactions as they came, one value per row in each column.
#[derive(Default)]
pub struct Rows {
    /// In the order of first occurrence, as `items` and `event_types`.
    pub users: IdMap,
    /// Also holds the items that only the Items dataset has.
    pub items: IdMap,
    pub event_types: IdMap,
    pub user: Vec<u32>,
    pub item: Vec<u32>,
    pub timestamp_s: Vec<i64>,
    /// [`Dataset::NO_EVENT_TYPE`] where there is none.
    pub event_type: Vec<u32>,
    /// NaN where there is none.
    pub value: Vec<f32>,
    /// A fingerprint of all other columns, so that equal rows can be told; empty if there are none.
    pub others: Vec<u64>,
}

impl Rows {
    /// Selects, sorts and drops repetitions.
    pub fn build(self, selection: &Selection) -> Result<Dataset, DatasetError> {
        let n_rows = u32::try_from(self.user.len())
            .map_err(|_| DatasetError::TooBig(format!("{} interactions are more than fit", self.user.len())))?;
        let selected = self.selected(n_rows, selection);
        let (user_kept, item_kept) = self.used(&selected);
        let (users, user_rows) = self.users.sorted(|row| user_kept[row as usize]);
        let (items, item_rows) = self.items.sorted(|row| item_kept[row as usize]);
        let (mut order, offsets) = self.by_user(&selected, &user_rows, users.len());
        let mut lists = split_mut(&mut order, &offsets);
        let kept: Vec<usize> = lists
            .par_iter_mut()
            .map(|list| {
                // Stable, so that events of one moment stay in the order of the input.
                list.sort_by_key(|row| self.timestamp_s[*row as usize]);
                self.drop_repeated(list)
            })
            .collect();
        let mut rows = Vec::with_capacity(order.len());
        let mut new_offsets = vec![0];
        for (begin, kept) in offsets.iter().zip(kept) {
            rows.extend_from_slice(&order[*begin..begin + kept]);
            new_offsets.push(rows.len());
        }
        let item = rows.par_iter().map(|row| item_rows[self.item[*row as usize] as usize].unwrap_or(0)).collect();
        let timestamp_s = rows.par_iter().map(|row| self.timestamp_s[*row as usize]).collect();
        let event_type = rows.par_iter().map(|row| self.event_type[*row as usize]).collect();
        let value = rows.par_iter().map(|row| self.value[*row as usize]).collect();
        Ok(Dataset {
            users,
            n_catalogue_items: self.items.len(),
            items,
            histories: Histories::new(new_offsets, item, timestamp_s),
            event_types: self.event_types,
            event_type,
            value,
            selection: selection.clone(),
        })
    }

    fn selected(&self, n_rows: u32, selection: &Selection) -> Vec<u32> {
        let wanted = selection.event_type.as_ref().map(|wanted| wanted.to_lowercase());
        let type_fits: Vec<bool> = self
            .event_types
            .iter()
            .map(|event_type| wanted.as_ref().is_none_or(|wanted| event_type.to_lowercase() == *wanted))
            .collect();
        let untyped_fits = wanted.is_none();
        let fits = |row: &u32| {
            let row = *row as usize;
            let typed = type_fits.get(self.event_type[row] as usize).copied().unwrap_or(untyped_fits);
            // A missing value is NaN, which no comparison holds for.
            typed && selection.event_value_threshold.is_none_or(|least| f64::from(self.value[row]) >= least)
        };
        (0..n_rows).filter(fits).collect()
    }

    fn used(&self, selected: &[u32]) -> (Vec<bool>, Vec<bool>) {
        let (mut users, mut items) = (vec![false; self.users.len()], vec![false; self.items.len()]);
        for row in selected {
            users[self.user[*row as usize] as usize] = true;
            items[self.item[*row as usize] as usize] = true;
        }
        (users, items)
    }

    /// Rows by user, in the order of the input within a user: a counting sort.
    fn by_user(&self, selected: &[u32], user_rows: &[Option<u32>], n_users: usize) -> (Vec<u32>, Vec<usize>) {
        let user_of = |row: u32| user_rows[self.user[row as usize] as usize].unwrap_or(0) as usize;
        let mut offsets = vec![0; n_users + 1];
        for row in selected {
            offsets[user_of(*row) + 1] += 1;
        }
        for user in 0..n_users {
            offsets[user + 1] += offsets[user];
        }
        let mut next = offsets.clone();
        let mut order = vec![0; selected.len()];
        for row in selected {
            let place = &mut next[user_of(*row)];
            order[*place] = *row;
            *place += 1;
        }
        (order, offsets)
    }

    /// Moves the first of each set of equal rows of one user to the front, in order; returns how many.
    fn drop_repeated(&self, list: &mut [u32]) -> usize {
        let mut kept = 0;
        let mut seen = HashSet::new();
        let mut moment = None;
        for place in 0..list.len() {
            let row = list[place] as usize;
            let now = self.timestamp_s[row];
            let next = list.get(place + 1).map(|row| self.timestamp_s[*row as usize]);
            let alone = moment != Some(now) && next != Some(now);
            if moment != Some(now) {
                seen.clear();
                moment = Some(now);
            }
            if alone || seen.insert(self.fingerprint(row)) {
                list[kept] = list[place];
                kept += 1;
            }
        }
        kept
    }

    fn fingerprint(&self, row: usize) -> (u32, u32, u32, u64) {
        let others = self.others.get(row).copied().unwrap_or(0);
        (self.item[row], self.event_type[row], self.value[row].to_bits(), others)
    }
}

/// Cuts a slice at ascending offsets, the first of which is 0 and the last its length.
fn split_mut<'a, T>(mut slice: &'a mut [T], offsets: &[usize]) -> Vec<&'a mut [T]> {
    let mut lists = Vec::with_capacity(offsets.len());
    for pair in offsets.windows(2) {
        let (list, rest) = slice.split_at_mut(pair[1] - pair[0]);
        lists.push(list);
        slice = rest;
    }
    lists
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    type Row = (&'static str, &'static str, i64, Option<&'static str>, f32);

    fn rows(list: &[Row]) -> Rows {
        let mut rows = Rows::default();
        for (user, item, timestamp_s, event_type, value) in list {
            rows.user.push(rows.users.insert(user).unwrap());
            rows.item.push(rows.items.insert(item).unwrap());
            rows.timestamp_s.push(*timestamp_s);
            let event_type = event_type.map(|name| rows.event_types.insert(name).unwrap());
            rows.event_type.push(event_type.unwrap_or(Dataset::NO_EVENT_TYPE));
            rows.value.push(*value);
        }
        rows
    }

    fn items(dataset: &Dataset, user: &str) -> Vec<String> {
        let user = dataset.users().get(user).unwrap();
        let items = dataset.histories().items_of(user as usize);
        items.iter().map(|item| dataset.items().id(*item).to_owned()).collect()
    }

    #[test]
    fn interactions_are_by_user_and_time_and_ties_keep_the_input_order() {
        let list =
            [("b", "x", 9, None, 0.0), ("a", "z", 5, None, 0.0), ("a", "y", 5, None, 0.0), ("a", "x", 1, None, 0.0)];
        let dataset = rows(&list).build(&Selection::default()).unwrap();
        assert_eq!(dataset.users().iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(dataset.items().iter().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(items(&dataset, "a"), ["x", "z", "y"]);
        assert_eq!(items(&dataset, "b"), ["x"]);
    }

    #[test]
    fn only_rows_that_agree_in_everything_are_repetitions() {
        let list = [
            ("a", "x", 1, Some("View"), 1.0),
            ("a", "y", 1, Some("View"), 1.0),
            ("a", "x", 1, Some("View"), 1.0),
            ("a", "x", 1, Some("Buy"), 1.0),
            ("a", "x", 1, Some("View"), 2.0),
            ("a", "x", 2, Some("View"), 1.0),
        ];
        let mut with_others = rows(&list);
        assert_eq!(items(&rows(&list).build(&Selection::default()).unwrap(), "a"), ["x", "y", "x", "x", "x"]);
        with_others.others = vec![1, 2, 3, 4, 5, 6];
        assert_eq!(with_others.build(&Selection::default()).unwrap().n_interactions(), 6);
    }

    #[test]
    fn a_selection_ignores_case_and_leaves_out_missing_values() {
        let list = [
            ("a", "x", 1, Some("Watch"), 3.0),
            ("a", "y", 2, Some("watch"), f32::NAN),
            ("a", "z", 3, Some("Click"), 9.0),
            ("b", "z", 3, None, 9.0),
        ];
        let watched = Selection { event_type: Some("WATCH".into()), event_value_threshold: None };
        let dataset = rows(&list).build(&watched).unwrap();
        assert_eq!(items(&dataset, "a"), ["x", "y"]);
        assert_eq!((dataset.users().len(), dataset.items().len(), dataset.n_catalogue_items()), (1, 2, 3));
        let rated = Selection { event_type: None, event_value_threshold: Some(9.0) };
        let dataset = rows(&list).build(&rated).unwrap();
        assert_eq!((items(&dataset, "a"), items(&dataset, "b")), (vec!["z".into()], vec!["z".into()]));
    }

    #[test]
    fn too_little_data_is_told_in_the_documented_words() {
        let build = |n_users: usize, n_events: usize, event_type: Option<&str>| {
            let mut rows = Rows::default();
            for row in 0..n_events {
                rows.user.push(rows.users.insert(&(row % n_users).to_string()).unwrap());
                rows.item.push(rows.items.insert("x").unwrap());
                rows.timestamp_s.push(row as i64);
                rows.event_type.push(rows.event_types.insert("View").unwrap());
                rows.value.push(f32::NAN);
            }
            let selection = Selection { event_type: event_type.map(Into::into), event_value_threshold: None };
            rows.build(&selection).unwrap().check_minimums()
        };
        assert_eq!(build(25, 1000, Some("view")), Ok(()));
        assert_eq!(
            build(25, 999, Some("view")).unwrap_err(),
            "Dataset has fewer than 1000 interactions after filtering by event type: view"
        );
        assert_eq!(
            build(24, 1000, None).unwrap_err(),
            "Dataset has fewer than 25 users with at least 2 interactions each."
        );
        assert_eq!(
            build(9_960, 10_000, None).unwrap_err(),
            "Dataset has fewer than 1% of users with at least 2 interactions each."
        );
    }
}
