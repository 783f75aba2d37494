//! What is borrowed, handed on from lenders to borrowers, in time and memory that a catalogue of any size can have.

use rayon::prelude::*;

use super::count::{N_FOLLOWERS, Scratch};
use super::loans::{Loans, N_LENDERS};
use crate::model::SparseRows;
use crate::rank::{self, Ranked};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Followers that a row gets beside its own, so that items of which there is no evidence have a place among them.
const MORE_FOLLOWERS: usize = 64;

/// Additions to sums of rows: half of them when borrowers add up their lenders' rows, a quarter each when the followers of
/// lenders and those of all items are handed on to their borrowers. Some seconds on one core.
const MAX_ADDITIONS: usize = 800_000_000;

/// Cells that the rows of all lenders, or of all borrowers, may have: 80 MB.
const MAX_CELLS: usize = 10_000_000;

/// Followers of an item that are handed on at least, lest one with many borrowers takes all that is in reach.
const LEAST_HANDED_ON: usize = 16;

/// How far what is borrowed goes in a catalogue, so that no bound on the whole is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Borrowers that the followers of a lender are handed on to, in all; and those of an item, whether it lends or not.
    from_lender: usize,
    from_item: usize,
    /// Cells of a lender's row that its borrowers get.
    lent: usize,
    /// Cells of a borrower's row.
    kept: usize,
}

impl Reach {
    /// From the lenders of each item, and the borrowers of each.
    pub fn of(lenders: &SparseRows, borrowers: &SparseRows) -> Self {
        let filled = |rows: &SparseRows| (0..rows.n_rows() as u32).filter(|row| !rows.row(*row).0.is_empty()).count();
        Self::of_sizes(lenders.n_rows(), filled(lenders), filled(borrowers))
    }

    fn of_sizes(n_items: usize, n_borrowers: usize, n_lenders: usize) -> Self {
        let (n_items, n_borrowers, n_lenders) = (n_items.max(1), n_borrowers.max(1), n_lenders.max(1));
        Self {
            from_lender: MAX_ADDITIONS / 4 / n_lenders,
            from_item: MAX_ADDITIONS / 4 / n_items,
            lent: (MAX_ADDITIONS / 2 / N_LENDERS / n_borrowers).min(MAX_CELLS / n_lenders),
            kept: (MAX_CELLS / n_borrowers).clamp(MORE_FOLLOWERS, N_FOLLOWERS),
        }
    }
}

impl Loans {
    /// The counts as if every borrower had, beside its own, `borrowed` interactions that went as those with its
    /// lenders do on average: `(I + L) C (I + L)ᵀ` with `L(i,k) = borrowed · weight(i,k) / n(k)`.
    ///
    /// `C (I + L)ᵀ` comes first, of the lenders, and a borrower adds up their rows, so that it need not hand on what it
    /// borrowed. A row gets at most [`MORE_FOLLOWERS`] beside its own, a borrower's up to [`N_FOLLOWERS`] in all;
    /// the largest counts are kept. [`Reach`] says what of this a large catalogue does without. Rows are summed each by
    /// one thread.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn spread(
        &self,
        counts: &SparseRows,
        n_events: &[f32],
        borrowed: f64,
        progress: &dyn Progress,
    ) -> Result<SparseRows, TrainError> {
        let loan = |lender: u32, weight: f32| borrowed as f32 * weight / n_events[lender as usize].max(1.0);
        let lent = rows(counts.n_rows(), progress, |item, sums| {
            if self.borrowers.row(item).0.is_empty() {
                return (Vec::new(), Vec::new());
            }
            self.hand_on(counts.row(item), self.reach.from_lender, loan, sums);
            sums.take_row(self.reach.lent)
        })?;
        rows(counts.n_rows(), progress, |item, sums| {
            let own = counts.row(item);
            self.hand_on(own, self.reach.from_item, loan, sums);
            let (lenders, weights) = self.lenders.row(item);
            for (lender, weight) in lenders.iter().zip(weights) {
                let (others, counts) = lent.row(*lender);
                let loan = loan(*lender, *weight);
                others.iter().zip(counts).for_each(|(other, count)| sums.add(*other, loan * count));
            }
            let most = if lenders.is_empty() { own.0.len() + MORE_FOLLOWERS } else { self.reach.kept.max(own.0.len()) };
            sums.take_row(most)
        })
    }

    /// Adds what followed an item, and hands it on to borrowers, `most` in all: of too many those of the strongest
    /// followers, and of each of these the nearest.
    fn hand_on(
        &self,
        (others, counts): (&[u32], &[f32]),
        most: usize,
        loan: impl Fn(u32, f32) -> f32,
        sums: &mut Scratch,
    ) {
        let most_of_one = (most / LEAST_HANDED_ON).max(1);
        let n_borrowers = |other: &u32| self.borrowers.row(*other).0.len().min(most_of_one);
        let mut row: Vec<Ranked> = others.iter().copied().zip(counts.iter().copied()).collect();
        if others.iter().map(n_borrowers).sum::<usize>() > most {
            row.sort_unstable_by(rank::order);
        }
        let mut left = most;
        for (other, count) in row {
            sums.add(other, count);
            let taken = n_borrowers(&other).min(left);
            left -= taken;
            let (borrowers, weights) = self.borrowers.row(other);
            for (borrower, weight) in borrowers.iter().zip(weights).take(taken) {
                sums.add(*borrower, loan(other, *weight) * count);
            }
        }
    }
}

/// Of each row its weights, the greatest first.
pub fn greatest_first(rows: &SparseRows) -> SparseRows {
    SparseRows::from_rows((0..rows.n_rows() as u32).map(|row| {
        let (items, weights) = rows.row(row);
        let mut row: Vec<Ranked> = items.iter().copied().zip(weights.iter().copied()).collect();
        row.sort_unstable_by(rank::order);
        row.into_iter().unzip()
    }))
}

fn rows(
    n_items: usize,
    progress: &dyn Progress,
    row: impl Fn(u32, &mut Scratch) -> (Vec<u32>, Vec<f32>) + Sync,
) -> Result<SparseRows, TrainError> {
    let one = |sums: &mut Scratch, item| {
        go_on(progress)?;
        Ok(row(item, sums))
    };
    let all: Result<Vec<_>, TrainError> =
        (0..n_items as u32).into_par_iter().map_init(|| Scratch::new(n_items), one).collect();
    Ok(SparseRows::from_rows(all?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Item 2 borrows from 0 (three quarters) and 1 (a quarter).
    fn loans() -> Loans {
        Loans::new(4, [(2, (vec![0, 1], vec![0.75, 0.25]))].into_iter())
    }

    fn dense(rows: &SparseRows) -> Vec<Vec<f32>> {
        let mut cells = vec![vec![0.0; rows.n_rows()]; rows.n_rows()];
        for row in 0..rows.n_rows() as u32 {
            let (columns, values) = rows.row(row);
            columns.iter().zip(values).for_each(|(column, value)| cells[row as usize][*column as usize] = *value);
        }
        cells
    }

    #[test]
    fn what_is_borrowed_is_the_mean_of_the_lenders_in_rows_and_columns() {
        // 0 (four interactions) led to 3 twice, 3 (four) to 0 twice and to 1 (two) once.
        let counts = SparseRows::from_rows([
            (vec![3], vec![2.0]),
            (vec![], vec![]),
            (vec![], vec![]),
            (vec![0, 1], vec![2.0, 1.0]),
        ]);
        let own = [4.0, 2.0, 0.0, 4.0];
        let spread = dense(&loans().spread(&counts, &own, 8.0, &()).unwrap());
        // Eight borrowed interactions: six like those of 0, of which a half led to 3, and two like those of 1.
        assert_eq!(spread[2], [0.0, 0.0, 0.0, 6.0 * 2.0 / 4.0]);
        assert_eq!(spread[3], [2.0, 1.0, 6.0 * 2.0 / 4.0 + 2.0 * 1.0 / 2.0, 0.0]);
        assert_eq!(spread[0], [0.0, 0.0, 0.0, 2.0]);
        assert_eq!(loans().n_events(&own, 8.0), [4.0, 2.0, 8.0, 4.0]);
    }

    #[test]
    fn nothing_borrowed_changes_nothing() {
        let counts =
            SparseRows::from_rows([(vec![3], vec![2.0]), (vec![2], vec![0.5]), (vec![], vec![]), (vec![], vec![])]);
        assert_eq!(loans().spread(&counts, &[1.0; 4], 0.0, &()).unwrap(), counts);
        assert_eq!(loans().n_events(&[1.0; 4], 0.0), [1.0; 4]);
    }

    #[test]
    fn no_catalogue_takes_more_than_the_bounds_and_one_of_twenty_thousand_items_keeps_whole_rows() {
        for (n_items, n_borrowers, n_lenders) in [(20_000, 20_000, 10_000), (200_000, 190_000, 2000), (0, 0, 0)] {
            let reach = Reach::of_sizes(n_items, n_borrowers, n_lenders);
            let handed_on = [reach.from_lender * n_lenders, reach.from_item * n_items];
            let added_up = reach.lent * N_LENDERS * n_borrowers;
            assert!(handed_on.iter().sum::<usize>() + added_up <= MAX_ADDITIONS, "{reach:?}");
            assert!(reach.lent * n_lenders <= MAX_CELLS && reach.lent >= MORE_FOLLOWERS, "{reach:?}");
            assert!(reach.kept * n_borrowers <= MAX_CELLS || reach.kept == MORE_FOLLOWERS, "{reach:?}");
        }
        let small = Reach::of_sizes(20_000, 20_000, 10_000);
        assert!(small.kept == N_FOLLOWERS && small.lent > N_FOLLOWERS, "{small:?}");
    }

    /// Items 0 to 19 led to each other, to those of higher number more often; each of the others borrows from the item
    /// that its number leaves over by 20, and the greater the number the more of another.
    fn many() -> (Loans, SparseRows) {
        let others = |item: u32| (0..20).filter(move |other| *other != item);
        let led = |item: u32| others(item).map(|other| (other, 1.0 + other as f32)).unzip();
        let counts = (0..120).map(|item| if item < 20 { led(item) } else { (Vec::new(), Vec::new()) });
        let lenders =
            |item: u32| (vec![item % 20, (item + 1) % 20], vec![1.0 - item as f32 / 200.0, item as f32 / 200.0]);
        let loans = Loans::new(120, (20..120).map(|item| (item, lenders(item))));
        (loans, SparseRows::from_rows(counts))
    }

    #[test]
    fn out_of_reach_is_what_is_weakest_and_an_items_own_followers_stay() {
        let (mut loans, counts) = many();
        let own = [10.0; 120];
        let whole = loans.spread(&counts, &own, 5.0, &()).unwrap();
        // Ten borrowers each of nineteen followers compete for 64 places.
        assert_eq!(whole.row(0).0.len(), 19 + MORE_FOLLOWERS);
        loans.reach = Reach { from_lender: 32, from_item: 32, lent: 5, kept: 3 };
        let cut = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| loans.spread(&counts, &own, 5.0, &()).unwrap())
        };
        let spread = cut(1);
        assert_eq!(spread, cut(3));
        let sorted = |items: &[u32]| {
            let mut items = items.to_vec();
            items.sort_unstable();
            items
        };
        // Two borrowers each of the strongest sixteen; 19 lends most to 39, then to 59.
        let nearest = (4..20).flat_map(|other| loans.borrowers.row(other).0[..2].to_vec());
        let mut wanted: Vec<u32> = nearest.chain(1..20).collect();
        wanted.sort_unstable();
        wanted.dedup();
        assert_eq!(sorted(spread.row(0).0), wanted);
        assert_eq!(loans.borrowers.row(19).0[..2], [39, 59]);
        for item in 0..120 {
            let [before, after] = [&whole, &spread].map(|rows| rows.row(item));
            let count = |other: u32| before.0.iter().zip(before.1).find(|(item, _)| **item == other);
            for (other, cut) in after.0.iter().zip(after.1) {
                // Sums of a few numbers, in another order.
                assert!(*cut > 0.0 && count(*other).is_none_or(|(_, count)| *cut <= count * 1.0001), "{item} {other}");
            }
        }
        // What borrowers keep is what followed their lenders most.
        assert!((20..118).filter(|item| item % 20 < 16).all(|item| sorted(spread.row(item).0) == [17, 18, 19]));
    }
}
