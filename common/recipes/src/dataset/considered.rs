//! Which items are read if there are more than a training considers.

use super::columns::ColumnData;
use super::intern::{Interned, NONE};
use super::rows::Rows;

/// By number of the item whether it is one of the `most` that are newest: the newer of its newest interaction and its
/// creation counts. An item of which neither is known comes last, since nothing says that it is new. Items of one moment
/// come in the order of their ids.
///
/// # Panics
/// If there are not more than `most` items.
pub fn considered(most: usize, items: &Interned, rows: &Rows, created: Option<&ColumnData>) -> Vec<bool> {
    let mut newest_s: Vec<Option<i64>> = vec![None; items.bound()];
    for (row, (user, item)) in rows.user.iter().zip(&rows.item).enumerate() {
        if *user != NONE {
            let newest_s = &mut newest_s[*item as usize];
            *newest_s = (*newest_s).max(Some(rows.time.get(row)));
        }
    }
    let created_s = |number: u32| created?.number(number as usize).map(|created_s| created_s as i64);
    let dated = items.numbers().map(|number| (newest_s[number as usize].max(created_s(number)), number));
    let mut dated: Vec<(Option<i64>, u32)> = dated.collect();
    dated.select_nth_unstable_by(most, |a, b| b.0.cmp(&a.0).then_with(|| items.id(a.1).cmp(items.id(b.1))));
    let mut considered = vec![false; items.bound()];
    for (_, number) in &dated[..most] {
        considered[*number as usize] = true;
    }
    considered
}
