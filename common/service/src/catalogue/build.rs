use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use palate_recipes::Model;
use palate_recipes::parts::{AT_MS, Part, PartError};

use super::Catalogued;
use serde_json::Map;

use crate::events::PutRecord;
use crate::filters::{Columns, ColumnsBuilder, Field};

/// Everything that columns are made from.
pub(super) struct Rows {
    pub kind: Catalogued,
    pub fields: Vec<Field>,
    /// With the time of their import in milliseconds, in the order of their import.
    pub parts: Vec<(u64, Bytes)>,
    pub puts: Vec<PutRecord>,
}

/// Joins imported and streamed rows: of an id, the newest counts, whole.
///
/// With a model, its items are the first rows, in its order; the dataset's other items follow. Without one,
/// rows are in the order of the data. The last row is nobody's and empty: it stands for whatever is neither
/// in the dataset nor in the model (see [`NOBODY`]).
pub(super) fn build(rows: Rows, model: Option<&dyn Model>) -> Result<Columns, PartError> {
    let Rows { kind, fields, parts, mut puts } = rows;
    let parts: Vec<(u64, Part)> = parts
        .into_iter()
        .map(|(at_ms, content)| Ok((at_ms, Part::open(content)?)))
        .collect::<Result<_, PartError>>()?;
    let mut builder = match model {
        Some(model) => {
            let others = others(kind, model, &parts, &puts)?;
            let own = (0..model.n_items()).map(|item| model.item_id(item as u32));
            let mut ids = own.chain(others.iter().map(String::as_str)).chain([NOBODY]);
            ColumnsBuilder::new(kind.id_field(), &fields, Some(&mut ids))
        }
        None => ColumnsBuilder::new(kind.id_field(), &fields, None),
    };
    puts.sort_by_key(|put| put.at_ms);
    let newest = newest(kind, &parts, &puts)?;
    for ((_, part), keep) in parts.iter().zip(newest.rows) {
        builder.part(part, &keep)?;
    }
    for (put, keep) in puts.iter().zip(newest.puts) {
        if keep {
            builder.put(&put.id, &put.values);
        }
    }
    if model.is_none() {
        builder.put(NOBODY, &Map::new());
    }
    Ok(builder.finish())
}

/// Which records count.
struct Newest {
    /// For each part its rows.
    rows: Vec<Vec<bool>>,
    puts: Vec<bool>,
}

/// Of each id the newest record, of those of one moment the last.
fn newest(kind: Catalogued, parts: &[(u64, Part)], puts: &[PutRecord]) -> Result<Newest, PartError> {
    // The time, and the record: a part's number and row, or the puts' number and place.
    let mut of_id: HashMap<String, (i64, usize, usize)> = HashMap::new();
    let mut see = |id: &str, at_ms: i64, number: usize, row: usize| match of_id.get_mut(id) {
        Some(known) if at_ms >= known.0 => *known = (at_ms, number, row),
        Some(_) => {}
        None => {
            of_id.insert(id.to_owned(), (at_ms, number, row));
        }
    };
    for (number, (imported_ms, part)) in parts.iter().enumerate() {
        let ids = part.strings(kind.id_field())?;
        let timed = part.columns().iter().any(|column| column.name == AT_MS);
        let times = timed.then(|| part.longs(AT_MS)).transpose()?;
        let imported_ms = i64::try_from(*imported_ms).unwrap_or(i64::MAX);
        for row in 0..part.n_rows() {
            let Some(id) = ids.get(row) else { continue };
            see(id, times.as_ref().and_then(|times| times.get(row)).unwrap_or(imported_ms), number, row);
        }
    }
    for (place, put) in puts.iter().enumerate() {
        see(&put.id, i64::try_from(put.at_ms).unwrap_or(i64::MAX), parts.len(), place);
    }
    let mut newest = Newest {
        rows: parts.iter().map(|(_, part)| vec![false; part.n_rows()]).collect(),
        puts: vec![false; puts.len()],
    };
    for (_, number, row) in of_id.into_values() {
        let kept = newest.rows.get_mut(number).unwrap_or(&mut newest.puts);
        if let Some(kept) = kept.get_mut(row) {
            *kept = true;
        }
    }
    Ok(newest)
}

/// An id that no item has.
pub(crate) const NOBODY: &str = "";

/// The ids of the dataset that the model does not know, in the order of the data.
fn others(
    kind: Catalogued,
    model: &dyn Model,
    parts: &[(u64, Part)],
    puts: &[PutRecord],
) -> Result<Vec<String>, PartError> {
    let (mut others, mut seen) = (Vec::new(), HashSet::new());
    let mut add = |id: &str| {
        if id != NOBODY && model.item_index(id).is_none() && seen.insert(id.to_owned()) {
            others.push(id.to_owned());
        }
    };
    for (_, part) in parts {
        part.strings(kind.id_field())?.dictionary.iter().for_each(&mut add);
    }
    puts.iter().for_each(|put| add(&put.id));
    Ok(others)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use palate_recipes::parts::{Column, ColumnType, PartBuilder};
    use serde_json::json;

    use super::*;

    fn part(rows: &[(&str, Option<i32>)]) -> Bytes {
        let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
        let columns = [column("USER_ID", ColumnType::String, false), column("AGE", ColumnType::Int, true)];
        let mut part = PartBuilder::new(&columns);
        for (id, age) in rows {
            part.push_str(0, id);
            match age {
                Some(age) => part.push_int(1, *age),
                None => part.push_null(1),
            }
        }
        part.finish().unwrap()
    }

    fn put(id: &str, age: i32, at_ms: u64) -> PutRecord {
        PutRecord { id: id.into(), values: json!({"AGE": age}).as_object().unwrap().clone(), at_ms }
    }

    #[test]
    fn of_an_imported_and_a_streamed_record_the_newer_counts() {
        let parts = vec![
            (10, part(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))])),
            (20, part(&[("b", Some(20)), ("d", None)])),
        ];
        let puts = vec![put("d", 50, 30), put("a", 40, 15), put("b", 60, 15), put("e", 5, 5), put("c", 70, 9)];
        let fields = vec![Field { name: "AGE".into(), kind: ColumnType::Int, textual: false }];
        let columns = build(Rows { kind: Catalogued::Users, fields, parts, puts }, None).unwrap();
        let age = |id: &str| columns.text("AGE", columns.row(id).unwrap()).unwrap();
        let found: Vec<String> = ["a", "b", "c", "d", "e"].map(age).into();
        assert_eq!(found, ["40", "20", "3", "50", "5"]);
    }
}
