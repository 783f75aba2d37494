use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::codes::Codes;
use crate::filters::RowSet;
use crate::filters::ast::Op;
use crate::filters::number::Number;

/// A column of numbers: the different ones in ascending order, and for each row which it has.
///
/// So a comparison is a range of codes.
#[derive(Debug)]
pub struct NumberColumn {
    distinct: Distinct,
    codes: Codes,
}

/// Ascending, without NaN.
#[derive(Debug)]
enum Distinct {
    Ints(Vec<i64>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

impl NumberColumn {
    pub fn ints(rows: &[Option<i64>]) -> Self {
        let (distinct, codes) = encode(rows, |row| *row, i64::cmp);
        Self { codes: Codes::new(codes, distinct.len()), distinct: Distinct::Ints(distinct) }
    }

    /// NaN is null.
    pub fn singles(rows: &[f32]) -> Self {
        // Adding zero makes `-0.0` the same number as `0.0`.
        let (distinct, codes) = encode(rows, |row| (!row.is_nan()).then_some(row + 0.0), f32::total_cmp);
        Self { codes: Codes::new(codes, distinct.len()), distinct: Distinct::Singles(distinct) }
    }

    /// NaN is null.
    pub fn doubles(rows: &[f64]) -> Self {
        let (distinct, codes) = encode(rows, |row| (!row.is_nan()).then_some(row + 0.0), f64::total_cmp);
        Self { codes: Codes::new(codes, distinct.len()), distinct: Distinct::Doubles(distinct) }
    }

    /// As the API shows it: floats always with a fraction or an exponent.
    pub fn text(&self, row: u32) -> Option<String> {
        let entry = self.codes.entry(row)? as usize;
        match &self.distinct {
            Distinct::Ints(distinct) => distinct.get(entry).map(i64::to_string),
            Distinct::Singles(distinct) => distinct.get(entry).map(|value| format!("{value:?}")),
            Distinct::Doubles(distinct) => distinct.get(entry).map(|value| format!("{value:?}")),
        }
    }

    /// The number of a row, if it has a finite one.
    pub fn number(&self, row: u32) -> Option<Number> {
        let entry = self.codes.entry(row)? as usize;
        match &self.distinct {
            Distinct::Ints(distinct) => distinct.get(entry).map(|value| Number::Int(*value)),
            Distinct::Singles(distinct) => distinct.get(entry).map(|value| Number::Float(f64::from(*value))),
            Distinct::Doubles(distinct) => distinct.get(entry).map(|value| Number::Float(*value)),
        }
    }

    pub fn compares(&self, row: u32, op: Op, number: Number) -> bool {
        let holds = |order: Ordering| match op {
            Op::Equal => order.is_eq(),
            Op::NotEqual => order.is_ne(),
            Op::Less => order.is_lt(),
            Op::LessOrEqual => order.is_le(),
            Op::Greater => order.is_gt(),
            Op::GreaterOrEqual => order.is_ge(),
        };
        self.codes.entry(row).is_some_and(|entry| holds(self.order(entry as usize, number)))
    }

    /// The rows whose number stands to `number` as `op` says; null does in no way.
    pub fn rows_where(&self, op: Op, number: Number) -> RowSet {
        let equal = self.codes_of(number);
        let (first, last) = (*equal.start(), *equal.end());
        let greatest = self.len() as u32;
        match op {
            Op::Equal => self.codes.rows_in(equal),
            Op::NotEqual => {
                let mut rows = self.codes.rows_in(1..=greatest);
                rows.subtract(&self.codes.rows_in(equal));
                rows
            }
            Op::Less => self.codes.rows_in(1..=first - 1),
            Op::LessOrEqual => self.codes.rows_in(1..=last),
            Op::Greater => self.codes.rows_in(last + 1..=greatest),
            Op::GreaterOrEqual => self.codes.rows_in(first..=greatest),
        }
    }

    /// The rows that have one of these numbers.
    pub fn rows_with(&self, numbers: impl Iterator<Item = Number>) -> RowSet {
        let mut entries: Vec<u32> = numbers.flat_map(|number| self.codes_of(number)).map(|code| code - 1).collect();
        entries.sort_unstable();
        entries.dedup();
        self.codes.rows_of(&entries)
    }

    pub fn bytes(&self) -> usize {
        self.codes.bytes()
            + match &self.distinct {
                Distinct::Ints(distinct) => 8 * distinct.capacity(),
                Distinct::Singles(distinct) => 4 * distinct.capacity(),
                Distinct::Doubles(distinct) => 8 * distinct.capacity(),
            }
    }

    fn len(&self) -> usize {
        match &self.distinct {
            Distinct::Ints(distinct) => distinct.len(),
            Distinct::Singles(distinct) => distinct.len(),
            Distinct::Doubles(distinct) => distinct.len(),
        }
    }

    /// How an entry stands to a number. The number is first rounded as the column's were: whoever stored
    /// 0.1 in a float finds it by 0.1.
    fn order(&self, entry: usize, number: Number) -> Ordering {
        match &self.distinct {
            Distinct::Ints(distinct) => number.order_of_int(distinct[entry]),
            Distinct::Singles(distinct) => f64::from(distinct[entry]).total_cmp(&f64::from(single(number))),
            Distinct::Doubles(distinct) => distinct[entry].total_cmp(&(number.as_f64() + 0.0)),
        }
    }

    /// The codes of a number: one, or an empty range where it would stand.
    fn codes_of(&self, number: Number) -> RangeInclusive<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.order(middle, number).is_lt() { low = middle + 1 } else { high = middle }
        }
        let found = low < self.len() && self.order(low, number).is_eq();
        low as u32 + 1..=low as u32 + u32::from(found)
    }
}

fn single(number: Number) -> f32 {
    // Straight from a whole number: by way of f64 it could be rounded twice.
    let single = match number {
        Number::Int(whole) => whole as f32,
        Number::Float(float) => float as f32,
    };
    single + 0.0
}

/// The different values in ascending order, and for each row the position of its own + 1, or 0 for null.
fn encode<R, T: Copy>(
    rows: &[R],
    value: impl Fn(&R) -> Option<T>,
    order: impl Fn(&T, &T) -> Ordering,
) -> (Vec<T>, Vec<u32>) {
    let mut distinct: Vec<T> = rows.iter().filter_map(&value).collect();
    distinct.sort_unstable_by(&order);
    distinct.dedup_by(|a, b| order(a, b).is_eq());
    distinct.shrink_to_fit();
    let code = |row: &R| {
        let place = value(row).and_then(|value| distinct.binary_search_by(|other| order(other, &value)).ok());
        place.map_or(0, |place| place as u32 + 1)
    };
    let codes = rows.iter().map(code).collect();
    (distinct, codes)
}
