use std::sync::PoisonError;

use rayon::prelude::*;

use super::build::{build, count};
use super::columns::{ColumnChoice, Columns, Filler};
use super::considered::considered;
use super::intern::NONE;
use super::newest::Newest;
use super::part::{self, ITEM_ID, Interners, USER_ID};
use super::rows::Rows;
use super::{Dataset, DatasetError, DatasetParts, Selection};
use crate::parts::Part;

const CREATION_TIMESTAMP: &str = "CREATION_TIMESTAMP";

/// So many parts are decoded at the same time at most, however many threads there are: what that takes is not
/// small, and threads that wait for a part find work in its columns.
const PARTS_AT_ONCE: usize = 4;

pub fn read(parts: &DatasetParts, selection: &Selection) -> Result<Dataset, DatasetError> {
    let interners = Interners::default();
    let mut rows = Rows::new(!selection.interaction_columns.is_empty(), selection.visits);
    for together in parts.interactions.chunks(rayon::current_num_threads().clamp(1, PARTS_AT_ONCE)) {
        let read: Vec<Result<_, DatasetError>> =
            together.par_iter().map(|content| part::read(content, &interners, selection)).collect();
        for part in read {
            rows.append(part?)?;
        }
    }
    let new_items = Newest::read(&parts.items, ITEM_ID, &interners.items, "items")?;
    // Who has neither interactions nor metadata that is asked for is of no use to a recipe.
    let with_users = !selection.user_columns.is_empty();
    let user_parts = if with_users { parts.users.as_slice() } else { &[] };
    let new_users = Newest::read(user_parts, USER_ID, &interners.users, "users")?;

    let n_unjoined = rows.join();
    let n_input = rows.n_input;
    let (all_users, all_items) = (interners.users.finish(), interners.items.finish());
    let n_catalogue_users = all_users.len();
    let contents = |parts: &[super::TimedPart]| parts.iter().map(|part| part.content.clone()).collect::<Vec<_>>();
    // By part and row first the number of the item, then its row.
    let mut item_places = new_items.places(|number| number);
    let considered = match selection.max_items {
        Some(most) if most < all_items.len() => {
            let is_creation = |column: &&ColumnChoice| column.name.eq_ignore_ascii_case(CREATION_TIMESTAMP);
            let choice: Vec<ColumnChoice> = selection.item_columns.iter().filter(is_creation).cloned().collect();
            let created = columns(&choice, all_items.bound(), &contents(&parts.items), &item_places)?;
            Some(considered(most, &all_items, &rows, created.iter().next().map(|(_, created)| created)))
        }
        _ => None,
    };
    let is_considered = |number: u32| considered.as_ref().is_none_or(|considered| considered[number as usize]);
    if considered.is_some() {
        rows.keep_items(is_considered);
    }
    let user_counts = count(&rows.user, all_users.bound());
    let occurs = |counts: &[u32], number: u32| counts.get(number as usize).is_some_and(|count| *count > 0);
    let (users, user_rows) = all_users.sorted(|number| occurs(&user_counts, number));
    let (other_users, other_user_rows) =
        all_users.sorted(|number| !occurs(&user_counts, number) && new_users.has(number));
    drop((all_users, user_counts));
    // Items of rows that nobody joined are left out with the rows.
    let item_counts = counts_of_items(&rows, all_items.bound());
    let (items, item_rows) = all_items.sorted(|number| occurs(&item_counts, number));
    let (other_items, other_item_rows) =
        all_items.sorted(|number| !occurs(&item_counts, number) && is_considered(number));
    let n_left_out_items = all_items.len() - items.len() - other_items.len();
    drop((all_items, item_counts));
    let types = interners.event_types.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (event_types, type_rows) = types.sorted(|_| true);
    let type_rows: Vec<u32> = type_rows.into_iter().map(|row| row.unwrap_or(NONE)).collect();

    let built = build(rows, &user_rows, users.len(), &item_rows, &type_rows);
    let row_of = |rows: &[u32], others: &[u32], n_rows: usize, number: u32| match rows[number as usize] {
        NONE => match others[number as usize] {
            NONE => NONE,
            other => n_rows as u32 + other,
        },
        row => row,
    };
    for place in item_places.iter_mut().flatten().filter(|place| **place != NONE) {
        *place = row_of(&item_rows, &other_item_rows, items.len(), *place);
    }
    let user_places = new_users.places(|number| row_of(&user_rows, &other_user_rows, users.len(), number));
    let item_columns =
        columns(&selection.item_columns, items.len() + other_items.len(), &contents(&parts.items), &item_places)?;
    let user_columns =
        columns(&selection.user_columns, users.len() + other_users.len(), &contents(user_parts), &user_places)?;
    let interaction_columns = match &built.input {
        Some(input) => context(parts, selection, input, n_input)?,
        None => Columns::default(),
    };
    Ok(Dataset {
        users,
        other_users,
        n_catalogue_users,
        items,
        other_items,
        n_left_out_items,
        histories: built.histories,
        event_types,
        event_type: built.event_type,
        value: built.value,
        visits: built.visits,
        n_unjoined,
        item_columns,
        user_columns,
        interaction_columns,
        selection: selection.clone(),
    })
}

fn counts_of_items(rows: &Rows, n: usize) -> Vec<u32> {
    if !rows.user.par_iter().any(|user| *user == NONE) {
        return count(&rows.item, n);
    }
    let joined = rows.user.iter().zip(&rows.item).filter(|(user, _)| **user != NONE);
    let mut counts = vec![0; n];
    joined.for_each(|(_, item)| counts[*item as usize] += 1);
    counts
}

/// The columns of the parts; `places` says by part and row where the row belongs.
fn columns(
    choice: &[ColumnChoice],
    n_rows: usize,
    parts: &[bytes::Bytes],
    places: &[Vec<u32>],
) -> Result<Columns, DatasetError> {
    if choice.is_empty() {
        return Ok(Columns::default());
    }
    let mut filler = Filler::new(n_rows, choice);
    for (content, places) in parts.iter().zip(places) {
        filler.add(&Part::open(content.clone())?, places)?;
    }
    filler.finish()
}

/// The columns of the Interactions dataset; `input` says where each interaction stood among all `n_input` rows.
fn context(
    parts: &DatasetParts,
    selection: &Selection,
    input: &[u32],
    n_input: usize,
) -> Result<Columns, DatasetError> {
    let mut places = vec![NONE; n_input];
    for (place, row) in (0..).zip(input) {
        places[*row as usize] = place;
    }
    let mut filler = Filler::new(input.len(), &selection.interaction_columns);
    let mut places = places.as_slice();
    for content in &parts.interactions {
        let part = Part::open(content.clone())?;
        let (of_part, rest) = places.split_at(part.n_rows().min(places.len()));
        filler.add(&part, of_part)?;
        places = rest;
    }
    filler.finish()
}
