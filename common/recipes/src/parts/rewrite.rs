use bytes::Bytes;

use super::{AT_MS, Column, ColumnType, Part, PartBuilder, PartError};

/// Rows that go into a new part.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub part: &'a Part,
    /// What [`AT_MS`] says of rows that have no time of their own; if no source says anything and none has the
    /// column, the new part does not have it either.
    pub at_ms: Option<i64>,
    /// Which rows to take; all if absent.
    pub keep: Option<&'a [bool]>,
}

/// Writes rows of parts as one part, in their order. It has the columns of all of them; where a part lacks one,
/// its rows are null there.
///
/// # Errors
/// If a part cannot be read, two parts have columns of one name and different types, or a `keep` has not as many
/// entries as its part has rows.
pub fn rewrite(sources: &[Source<'_>]) -> Result<Bytes, PartError> {
    let columns = union(sources)?;
    let mut builder = PartBuilder::new(&columns);
    for source in sources {
        let n_rows = source.part.n_rows();
        if source.keep.is_some_and(|keep| keep.len() != n_rows) {
            return Err(PartError::Misused { reason: "a choice of rows that has not as many entries as rows".into() });
        }
        let rows: Vec<usize> =
            (0..n_rows).filter(|row| source.keep.is_none_or(|keep| keep.get(*row) == Some(&true))).collect();
        for (number, column) in columns.iter().enumerate() {
            copy(source, column, number, &rows, &mut builder)?;
        }
    }
    builder.finish()
}

fn union(sources: &[Source<'_>]) -> Result<Vec<Column>, PartError> {
    let mut columns: Vec<Column> = Vec::new();
    for column in sources.iter().flat_map(|source| source.part.columns()) {
        match columns.iter_mut().find(|known| known.name == column.name) {
            None => columns.push(column.clone()),
            Some(known) if known.kind == column.kind => known.nullable |= column.nullable,
            Some(known) => {
                let (found, wanted) = (column.kind, known.kind);
                return Err(PartError::WrongType { name: column.name.clone(), found, wanted });
            }
        }
    }
    let has = |source: &Source<'_>, name: &str| source.part.columns().iter().any(|column| column.name == name);
    for column in &mut columns {
        let told = |source: &Source<'_>| column.name == AT_MS && source.at_ms.is_some();
        column.nullable |= sources.iter().any(|source| !has(source, &column.name) && !told(source));
    }
    if sources.iter().any(|source| source.at_ms.is_some()) && !columns.iter().any(|column| column.name == AT_MS) {
        let nullable = sources.iter().any(|source| source.at_ms.is_none());
        columns.push(Column { name: AT_MS.into(), kind: ColumnType::Long, nullable });
    }
    Ok(columns)
}

fn copy(
    source: &Source<'_>,
    column: &Column,
    number: usize,
    rows: &[usize],
    into: &mut PartBuilder,
) -> Result<(), PartError> {
    let name = column.name.as_str();
    if !source.part.columns().iter().any(|own| own.name == name) {
        for _ in rows {
            match source.at_ms.filter(|_| name == AT_MS) {
                Some(at_ms) => into.push_long(number, at_ms),
                None => into.push_null(number),
            }
        }
        return Ok(());
    }
    macro_rules! each {
        ($read:ident, $push:ident) => {{
            let values = source.part.$read(name)?;
            for row in rows {
                match values.get(*row) {
                    Some(value) => into.$push(number, value),
                    None => into.push_null(number),
                }
            }
        }};
    }
    match column.kind {
        ColumnType::String => each!(strings, push_str),
        ColumnType::Int => each!(ints, push_int),
        ColumnType::Long => each!(longs, push_long),
        ColumnType::Float => each!(floats, push_float),
        ColumnType::Double => each!(doubles, push_double),
        ColumnType::Boolean => each!(booleans, push_bool),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
        Column { name: name.into(), kind, nullable }
    }

    fn part(columns: &[Column], fill: impl Fn(&mut PartBuilder)) -> Part {
        let mut builder = PartBuilder::new(columns);
        fill(&mut builder);
        Part::open(builder.finish().unwrap()).unwrap()
    }

    #[test]
    fn rows_of_parts_with_other_columns_come_together() {
        let old = part(&[column("ID", ColumnType::String, false)], |part| {
            for id in ["a", "b", "c"] {
                part.push_str(0, id);
            }
        });
        let new = part(&[column("AGE", ColumnType::Int, false), column("ID", ColumnType::String, true)], |part| {
            part.push_int(0, 7);
            part.push_null(1);
        });
        let joined = rewrite(&[
            Source { part: &old, at_ms: Some(10), keep: Some(&[true, false, true]) },
            Source { part: &new, at_ms: Some(20), keep: None },
        ]);
        let joined = Part::open(joined.unwrap()).unwrap();
        let names: Vec<_> = joined.columns().iter().map(|column| (column.name.as_str(), column.nullable)).collect();
        assert_eq!(names, [("ID", true), ("AGE", true), (AT_MS, false)]);
        let ids = joined.strings("ID").unwrap();
        assert_eq!([ids.get(0), ids.get(1), ids.get(2)], [Some("a"), Some("c"), None]);
        let ages = joined.ints("AGE").unwrap();
        assert_eq!([ages.get(0), ages.get(1), ages.get(2)], [None, None, Some(7)]);
        assert_eq!(joined.longs(AT_MS).unwrap().values, [10, 10, 20]);
    }

    #[test]
    fn a_choice_of_the_wrong_length_or_another_type_is_refused() {
        let text = part(&[column("A", ColumnType::String, false)], |part| part.push_str(0, "x"));
        let number = part(&[column("A", ColumnType::Int, false)], |part| part.push_int(0, 1));
        let all = |part| Source { part, at_ms: None, keep: None };
        assert!(rewrite(&[Source { keep: Some(&[]), ..all(&text) }]).is_err());
        assert!(matches!(rewrite(&[all(&text), all(&number)]), Err(PartError::WrongType { .. })));
    }
}
