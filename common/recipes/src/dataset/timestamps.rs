use std::ops::Range;

use rayon::prelude::*;

/// Half of what four bytes reach: so far can times lie from the first one, 68 years before or after.
const REACH_S: i64 = 1 << 31;

/// Times in seconds since the Unix epoch: four bytes each while they lie close enough, else eight.
///
/// Times that are spread over more than 136 years are no times of people, but milliseconds taken for seconds
/// are common, and must not be an error here.
#[derive(Clone, Debug, PartialEq)]
pub enum Timestamps {
    /// Seconds after `base_s`.
    Compact {
        base_s: i64,
        after_s: Vec<u32>,
    },
    Wide(Vec<i64>),
}

impl Default for Timestamps {
    fn default() -> Self {
        Self::Compact { base_s: 0, after_s: Vec::new() }
    }
}

impl Timestamps {
    pub fn len(&self) -> usize {
        match self {
            Self::Compact { after_s, .. } => after_s.len(),
            Self::Wide(all) => all.len(),
        }
    }

    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> i64 {
        self.slice(0..self.len()).get(row)
    }

    /// # Panics
    /// If the range is not within the length.
    pub fn slice(&self, range: Range<usize>) -> Times<'_> {
        match self {
            Self::Compact { base_s, after_s } => Times::Compact { base_s: *base_s, after_s: &after_s[range] },
            Self::Wide(all) => Times::Wide(&all[range]),
        }
    }

    pub fn resident_bytes(&self) -> usize {
        match self {
            Self::Compact { after_s, .. } => after_s.len() * size_of::<u32>(),
            Self::Wide(all) => all.len() * size_of::<i64>(),
        }
    }

    /// Appends times. The first one decides what four bytes reach.
    pub fn extend(&mut self, times: impl Iterator<Item = i64>) {
        for time_s in times {
            self.push(time_s);
        }
    }

    #[inline]
    fn push(&mut self, time_s: i64) {
        if let Self::Compact { base_s, after_s } = self {
            if after_s.is_empty() {
                *base_s = time_s.saturating_sub(REACH_S);
            }
            let after = time_s.checked_sub(*base_s).and_then(|after| u32::try_from(after).ok());
            match after {
                Some(after) => after_s.push(after),
                None => {
                    let mut all: Vec<i64> = self.slice(0..self.len()).iter().collect();
                    all.push(time_s);
                    *self = Self::Wide(all);
                }
            }
        } else if let Self::Wide(all) = self {
            all.push(time_s);
        }
    }

    /// The times of some rows, in this order, held as [`Timestamps::from`] would hold them.
    pub fn gather(&self, rows: &[u32]) -> Self {
        let time = |row: &u32| self.get(*row as usize);
        let (least, greatest) = rows
            .par_iter()
            .map(time)
            .fold(|| (i64::MAX, i64::MIN), span)
            .reduce(|| (i64::MAX, i64::MIN), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        match base(least, greatest) {
            Some(base_s) => {
                let after_s = rows.par_iter().map(|row| time(row).wrapping_sub(base_s) as u32).collect();
                Self::Compact { base_s, after_s }
            }
            None => Self::Wide(rows.par_iter().map(time).collect()),
        }
    }

    /// Appends times that stand elsewhere.
    pub fn extend_from(&mut self, times: Times<'_>) {
        match (&mut *self, times) {
            (Self::Compact { base_s, after_s }, Times::Compact { base_s: base, after_s: others })
                if *base_s == base || after_s.is_empty() =>
            {
                *base_s = base;
                after_s.extend_from_slice(others);
            }
            _ => self.extend(times.iter()),
        }
    }
}

impl From<Vec<i64>> for Timestamps {
    fn from(all: Vec<i64>) -> Self {
        let (least, greatest) = all.iter().copied().fold((i64::MAX, i64::MIN), span);
        match base(least, greatest) {
            Some(base_s) => {
                let after_s = all.iter().map(|time| time.wrapping_sub(base_s) as u32).collect();
                Self::Compact { base_s, after_s }
            }
            None => Self::Wide(all),
        }
    }
}

fn span((least, greatest): (i64, i64), time: i64) -> (i64, i64) {
    (least.min(time), greatest.max(time))
}

/// What to count four bytes from, if they reach. `least` is the greater one where there are no times.
fn base(least: i64, greatest: i64) -> Option<i64> {
    if least > greatest {
        return Some(0);
    }
    greatest.checked_sub(least).filter(|span| *span <= i64::from(u32::MAX)).map(|_| least)
}

/// Some of [`Timestamps`]: of one user, say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times<'a> {
    Compact { base_s: i64, after_s: &'a [u32] },
    Wide(&'a [i64]),
}

impl<'a> Times<'a> {
    pub fn len(&self) -> usize {
        match self {
            Self::Compact { after_s, .. } => after_s.len(),
            Self::Wide(all) => all.len(),
        }
    }

    /// # Panics
    /// If there is no such place.
    #[inline]
    pub fn get(&self, place: usize) -> i64 {
        match self {
            Self::Compact { base_s, after_s } => base_s + i64::from(after_s[place]),
            Self::Wide(all) => all[place],
        }
    }

    pub fn last(&self) -> Option<i64> {
        self.len().checked_sub(1).map(|last| self.get(last))
    }

    /// # Panics
    /// If the range is not within the length.
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Compact { base_s, after_s } => Self::Compact { base_s: *base_s, after_s: &after_s[range] },
            Self::Wide(all) => Self::Wide(&all[range]),
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'a> {
        let times = *self;
        (0..times.len()).map(move |place| times.get(place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = Vec<i64>> {
        let near = prop::collection::vec(1_600_000_000_i64..1_600_000_100, 0..20);
        prop_oneof![near, prop::collection::vec(any::<i64>(), 0..20)]
    }

    proptest! {
        #[test]
        fn times_come_back_as_they_went_in(first in times(), second in times(), rows in prop::collection::vec(0_u32..40, 0..40)) {
            let all = [first.clone(), second.clone()].concat();
            let mut appended = Timestamps::default();
            appended.extend(first.iter().copied());
            appended.extend_from(Timestamps::from(second).slice(0..all.len() - first.len()));
            let back: Vec<i64> = appended.slice(0..all.len()).iter().collect();
            prop_assert_eq!(&back, &all);
            let rows: Vec<u32> = rows.into_iter().filter(|row| (*row as usize) < all.len()).collect();
            let wanted: Vec<i64> = rows.iter().map(|row| all[*row as usize]).collect();
            prop_assert_eq!(appended.gather(&rows), Timestamps::from(wanted));
        }
    }

    #[test]
    fn four_bytes_hold_a_time_while_they_reach() {
        let (near, far) = (i64::from(u32::MAX), i64::from(u32::MAX) + 1);
        assert_eq!(Timestamps::from(vec![5, 5 + near]).resident_bytes(), 8);
        assert_eq!(Timestamps::from(vec![5, 5 + far]).resident_bytes(), 16);
        assert_eq!(Timestamps::from(vec![i64::MIN, i64::MAX]).get(0), i64::MIN);
    }
}
