use rayon::prelude::*;

use super::{Categorical, ColumnChoice, ColumnData, ColumnKind, Columns, Text};
use crate::IdMap;
use crate::dataset::DatasetError;
use crate::dataset::intern::NONE;
use crate::dataset::part::too_many;
use crate::parts::{ColumnType, Part, PartError, Values};

/// Columns in reading: rows of parts are put where they belong.
pub struct Filler {
    n_rows: usize,
    columns: Vec<(ColumnChoice, Filling)>,
}

/// One column. Its type is that of the first part that has it.
enum Filling {
    /// No part had it so far.
    Missing,
    /// Whole texts, in the order of first occurrence.
    Strings {
        texts: IdMap,
        codes: Vec<u32>,
    },
    Float(Values<f32>),
    Double(Values<f64>),
    Long(Values<i64>),
}

impl Filler {
    pub fn new(n_rows: usize, columns: &[ColumnChoice]) -> Self {
        Self { n_rows, columns: columns.iter().map(|column| (column.clone(), Filling::Missing)).collect() }
    }

    /// Reads a part; `places` has a place for each of its rows, or [`NONE`]. A column that the part does not
    /// have is null in its rows.
    pub fn add(&mut self, part: &Part, places: &[u32]) -> Result<(), DatasetError> {
        let n_rows = self.n_rows;
        self.columns.par_iter_mut().try_for_each(|(choice, filling)| {
            let found = part.columns().iter().find(|column| column.name == choice.name);
            found.map_or(Ok(()), |column| filling.add(part, choice, column.kind, places, n_rows))
        })
    }

    pub fn finish(self) -> Result<Columns, DatasetError> {
        let n_rows = self.n_rows;
        let columns = self.columns.into_par_iter().map(|(choice, filling)| {
            let data = filling.finish(choice.kind, n_rows).ok_or_else(|| too_many("values of a column"))?;
            Ok((choice.name, data))
        });
        Ok(Columns { n_rows, columns: columns.collect::<Result<_, DatasetError>>()? })
    }
}

impl Filling {
    fn add(
        &mut self,
        part: &Part,
        choice: &ColumnChoice,
        found: ColumnType,
        places: &[u32],
        n_rows: usize,
    ) -> Result<(), DatasetError> {
        let name = choice.name.as_str();
        let wrong = |wanted| Err(PartError::WrongType { name: name.into(), found, wanted }.into());
        if matches!(self, Self::Missing) {
            *self = Self::of(found, n_rows);
        }
        match (self, choice.kind, found) {
            (Self::Strings { texts, codes }, ColumnKind::Categorical | ColumnKind::Text, ColumnType::String) => {
                let column = part.strings(name)?;
                let mut rows = vec![NONE; column.dictionary.len()];
                for (code, place) in column.codes.iter().zip(places) {
                    let (Some(row), Some(cell)) = (rows.get_mut(*code as usize), codes.get_mut(*place as usize)) else {
                        continue;
                    };
                    if *row == NONE {
                        let text = column.dictionary.get(*code as usize);
                        *row = texts.insert(text).ok_or_else(|| too_many("values of a column"))?;
                    }
                    *cell = *row;
                }
            }
            (Self::Float(values), ColumnKind::Number, ColumnType::Float) => {
                put(values, &part.floats(name)?, places, |value| value)
            }
            (Self::Double(values), ColumnKind::Number, ColumnType::Double) => {
                put(values, &part.doubles(name)?, places, |value| value)
            }
            (Self::Long(values), ColumnKind::Number, ColumnType::Long) => {
                put(values, &part.longs(name)?, places, |value| value)
            }
            (Self::Long(values), ColumnKind::Number, ColumnType::Int) => {
                put(values, &part.ints(name)?, places, i64::from)
            }
            (Self::Long(values), ColumnKind::Number, ColumnType::Boolean) => {
                put(values, &part.booleans(name)?, places, i64::from)
            }
            (Self::Float(_), ..) => return wrong(ColumnType::Float),
            (Self::Double(_), ..) => return wrong(ColumnType::Double),
            (Self::Long(_), ..) => return wrong(ColumnType::Long),
            (Self::Strings { .. } | Self::Missing, ..) => return wrong(ColumnType::String),
        }
        Ok(())
    }

    fn of(found: ColumnType, n_rows: usize) -> Self {
        match found {
            ColumnType::String => Self::Strings { texts: IdMap::default(), codes: vec![NONE; n_rows] },
            ColumnType::Float => Self::Float(nulls(n_rows)),
            ColumnType::Double => Self::Double(nulls(n_rows)),
            ColumnType::Int | ColumnType::Long | ColumnType::Boolean => Self::Long(nulls(n_rows)),
        }
    }

    fn finish(self, kind: ColumnKind, n_rows: usize) -> Option<ColumnData> {
        Some(match (self, kind) {
            (Self::Missing, ColumnKind::Number) => ColumnData::Double(nulls(n_rows)),
            (Self::Missing, _) => return Self::of(ColumnType::String, n_rows).finish(kind, n_rows),
            (Self::Float(values), _) => ColumnData::Float(tidy(values)),
            (Self::Double(values), _) => ColumnData::Double(tidy(values)),
            (Self::Long(values), _) => ColumnData::Long(tidy(values)),
            (Self::Strings { texts, codes }, ColumnKind::Categorical) => {
                ColumnData::Categorical(split(&texts, &codes)?)
            }
            (Self::Strings { texts, mut codes }, _) => {
                let (dictionary, rows) = texts.sorted(|_| true);
                for code in &mut codes {
                    *code = rows.get(*code as usize).copied().flatten().unwrap_or(Text::NULL);
                }
                ColumnData::Text(Text { dictionary, codes })
            }
        })
    }
}

fn nulls<T: Copy + Default>(n_rows: usize) -> Values<T> {
    Values { values: vec![T::default(); n_rows], validity: Some(vec![false; n_rows]) }
}

fn put<T: Copy, U: Copy>(into: &mut Values<U>, from: &Values<T>, places: &[u32], convert: impl Fn(T) -> U) {
    let Some(validity) = &mut into.validity else { return };
    for (row, place) in places.iter().enumerate() {
        let place = *place as usize;
        if let (Some(value), Some(cell)) = (from.get(row), into.values.get_mut(place)) {
            *cell = convert(value);
            validity[place] = true;
        }
    }
}

fn tidy<T>(mut values: Values<T>) -> Values<T> {
    values.validity = values.validity.filter(|validity| validity.contains(&false));
    values
}

/// Takes `a|b` apart, once for each text that occurs. Empty values are none.
fn split(texts: &IdMap, codes: &[u32]) -> Option<Categorical> {
    let mut values = IdMap::default();
    let mut lists: Vec<Vec<u32>> = Vec::with_capacity(texts.len());
    for text in texts.iter() {
        let mut list = Vec::new();
        for value in text.split('|').filter(|value| !value.is_empty()) {
            let code = values.insert(value)?;
            if !list.contains(&code) {
                list.push(code);
            }
        }
        lists.push(list);
    }
    let (dictionary, rows) = values.sorted(|_| true);
    for code in lists.iter_mut().flatten() {
        *code = rows.get(*code as usize).copied().flatten().unwrap_or(NONE);
    }
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    offsets.push(0);
    let mut all = Vec::new();
    for code in codes {
        all.extend(lists.get(*code as usize).into_iter().flatten());
        offsets.push(all.len());
    }
    Some(Categorical { dictionary, offsets, codes: all })
}
