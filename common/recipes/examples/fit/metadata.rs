//! Items and users from CSV files, as a schema would have them read.

use std::collections::BTreeMap;
use std::error::Error;

use palate_recipes::parts::{Column, ColumnType, PartBuilder};
use palate_recipes::{ColumnChoice, ColumnKind, TimedPart};

/// A file, and the columns of it that a recipe is to read.
pub struct Metadata {
    pub part: TimedPart,
    pub columns: Vec<ColumnChoice>,
}

/// The names of the columns of each kind, joined by commas: what `categorical=`, `text=` and `number=` say.
pub fn kinds(settings: &mut BTreeMap<String, String>) -> BTreeMap<String, ColumnKind> {
    let known = [("categorical", ColumnKind::Categorical), ("text", ColumnKind::Text), ("number", ColumnKind::Number)];
    let mut kinds = BTreeMap::new();
    for (setting, kind) in known {
        let names = settings.remove(setting).unwrap_or_default();
        kinds.extend(names.split(',').filter(|name| !name.is_empty()).map(|name| (name.to_owned(), kind)));
    }
    kinds
}

/// Reads a file; columns without a kind are passed over, empty cells are null.
pub fn read(path: &str, kinds: &BTreeMap<String, ColumnKind>) -> Result<Metadata, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.clone();
    let id = header.iter().position(|name| name == "ITEM_ID" || name == "USER_ID").ok_or("no ITEM_ID or USER_ID")?;
    let read: Vec<(usize, &str, ColumnKind)> =
        (0..).zip(&header).filter_map(|(place, name)| Some((place, name, *kinds.get(name)?))).collect();
    let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    let mut columns = vec![column(&header[id], ColumnType::String, false)];
    columns.extend(read.iter().map(|(_, name, kind)| match kind {
        ColumnKind::Number => column(name, ColumnType::Double, true),
        ColumnKind::Categorical | ColumnKind::Text => column(name, ColumnType::String, true),
    }));
    let mut part = PartBuilder::new(&columns);
    for record in reader.records() {
        let record = record?;
        part.push_str(0, &record[id]);
        for (to, (from, name, kind)) in (1..).zip(&read) {
            match (&record[*from], kind) {
                ("", _) => part.push_null(to),
                (text, ColumnKind::Number) => {
                    let value = text.parse().map_err(|_| format!("{name} is `{text}`, which is no number"))?;
                    part.push_double(to, value);
                }
                (text, _) => part.push_str(to, text),
            }
        }
    }
    let columns = read.iter().map(|(_, name, kind)| ColumnChoice { name: (*name).into(), kind: *kind }).collect();
    Ok(Metadata { part: TimedPart { content: part.finish()?, at_ms: 0 }, columns })
}
