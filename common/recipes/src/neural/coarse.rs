//! A coarse copy of a table of vectors, to find those with the greatest inner products in less time.
//!
//! A row is a scale and a number of eight bits for each of its columns, a quarter of what is read of the table itself; a
//! query has sixteen bits. What the copy finds is a multiple of what is wanted, whose exact inner products tell what of
//! it stays.

use rayon::prelude::*;

use super::widest::widest;
use crate::rank::{Ranked, keep_best};

/// Rows whose inner products are made at once.
const TOGETHER: usize = 1024;

/// Columns that are multiplied side by side.
const LANES: usize = 16;

/// Greatest code of a row, and of a query: sums of 4096 products stay within 31 bits.
const MOST: f32 = 127.0;
const MOST_OF_QUERY: f32 = 4095.0;

pub struct Coarse {
    /// `columns`, and as many zeros as make whole lanes.
    padded: usize,
    /// `(n_rows, padded)`
    codes: Vec<i8>,
    /// What a row's codes are multiplied by.
    scales: Vec<f32>,
}

impl Coarse {
    /// Of rows of so many finite numbers.
    pub fn of(table: &[f32], columns: usize) -> Self {
        let padded = columns.next_multiple_of(LANES);
        let n_rows = table.len() / columns;
        let (mut codes, mut scales) = (vec![0; n_rows * padded], vec![0.0; n_rows]);
        let rows = table.par_chunks_exact(columns).zip(codes.par_chunks_exact_mut(padded)).zip(scales.par_iter_mut());
        rows.for_each(|((row, codes), scale)| {
            *scale = greatest(row) / MOST;
            for (code, value) in codes.iter_mut().zip(row).filter(|_| *scale > 0.0) {
                // At most 127 by the line above.
                *code = (value / *scale).round() as i8;
            }
        });
        Self { padded, codes, scales }
    }

    /// The `n` rows that are allowed and have the greatest inner products, as far as the copy can tell; ascending.
    pub fn best(&self, query: &[f32], n: usize, allows: impl Fn(u32) -> bool) -> Vec<u32> {
        let query = self.coded(query);
        let mut best = Best::new(n);
        let mut products = [0.0; TOGETHER];
        let parts = self.codes.chunks(TOGETHER * self.padded).zip(self.scales.chunks(TOGETHER));
        for (number, (codes, scales)) in parts.enumerate() {
            let products = &mut products[..scales.len()];
            multiply(codes, scales, &query, products);
            let first = (number * TOGETHER) as u32;
            for (row, product) in (first..).zip(products.iter()) {
                // The rest is asked for seldom.
                if *product >= best.least && allows(row) {
                    best.push((row, *product));
                }
            }
        }
        best.rows()
    }

    /// As [`Coarse::best`], of some rows.
    pub fn best_of(&self, rows: impl Iterator<Item = u32>, query: &[f32], n: usize) -> Vec<u32> {
        let query = self.coded(query);
        let mut best = Best::new(n);
        let mut product = [0.0];
        for row in rows {
            let codes = &self.codes[row as usize * self.padded..][..self.padded];
            multiply(codes, &self.scales[row as usize..=row as usize], &query, &mut product);
            best.push((row, product[0]));
        }
        best.rows()
    }

    pub fn resident_bytes(&self) -> usize {
        self.codes.len() + self.scales.len() * size_of::<f32>()
    }

    /// The codes of a query. What they are multiplied by does not matter to the order.
    fn coded(&self, query: &[f32]) -> Vec<i16> {
        let scale = greatest(query) / MOST_OF_QUERY;
        let mut codes = vec![0; self.padded];
        for (code, value) in codes.iter_mut().zip(query).filter(|_| scale > 0.0) {
            *code = (value / scale).round() as i16;
        }
        codes
    }
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |greatest, value| greatest.max(value.abs()))
}

/// The inner product of each row of codes with the query, times the row's scale.
fn multiply(codes: &[i8], scales: &[f32], query: &[i16], products: &mut [f32]) {
    widest!({
        let (query, _) = query.as_chunks::<LANES>();
        let rows = codes.chunks_exact(query.len() * LANES);
        for ((row, scale), product) in rows.zip(scales).zip(products) {
            let mut sums = [0_i32; LANES];
            for (row, query) in row.as_chunks::<LANES>().0.iter().zip(query) {
                for ((sum, code), query) in sums.iter_mut().zip(row).zip(query) {
                    *sum += i32::from(*code) * i32::from(*query);
                }
            }
            *product = sums.iter().sum::<i32>() as f32 * scale;
        }
    });
}

/// The best so far, and at times some more.
struct Best {
    n: usize,
    kept: Vec<Ranked>,
    /// What is less is not among the best.
    least: f32,
}

impl Best {
    fn new(n: usize) -> Self {
        Self { n, kept: Vec::with_capacity(2 * n), least: f32::NEG_INFINITY }
    }

    fn push(&mut self, ranked: Ranked) {
        if self.n == 0 || ranked.1 < self.least {
            return;
        }
        self.kept.push(ranked);
        if self.kept.len() >= 2 * self.n {
            keep_best(&mut self.kept, self.n);
            self.least = self.kept.last().map_or(f32::NEG_INFINITY, |last| last.1);
        }
    }

    fn rows(mut self) -> Vec<u32> {
        keep_best(&mut self.kept, self.n);
        let mut rows: Vec<u32> = self.kept.into_iter().map(|(row, _)| row).collect();
        rows.sort_unstable();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::numbers;
    use crate::neural::elementwise::logits;

    /// The exact best, ascending.
    fn exact(table: &[f32], query: &[f32], n: usize, allows: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut ranked: Vec<Ranked> = (0..).zip(logits(table, query)).filter(|(row, _)| allows(*row)).collect();
        keep_best(&mut ranked, n);
        let mut rows: Vec<u32> = ranked.into_iter().map(|(row, _)| row).collect();
        rows.sort_unstable();
        rows
    }

    /// Rows around a hundred centres, of very different length.
    fn table(n_rows: usize, columns: usize) -> Vec<f32> {
        let (centres, noise) = (numbers(100 * columns, 1), numbers(n_rows * columns, 2));
        let row = |row: usize| {
            let centre = &centres[row * 7 % 100 * columns..][..columns];
            let length = 0.1 + (row % 13) as f32;
            centre.iter().zip(&noise[row * columns..][..columns]).map(move |(a, b)| length * (a + 0.5 * b))
        };
        (0..n_rows).flat_map(row).collect()
    }

    #[test]
    fn eight_times_as_many_hold_all_of_the_best() {
        for columns in [16, 40, 64] {
            let table = table(20_000, columns);
            let coarse = Coarse::of(&table, columns);
            let (mut n_found, mut n_wanted) = (0, 0);
            for query in numbers(30 * columns, 3).chunks(columns) {
                let wanted = exact(&table, query, 100, |_| true);
                let found = coarse.best(query, 800, |_| true);
                assert!(found.len() == 800 && found.is_sorted_by(|a, b| a < b));
                n_found += wanted.iter().filter(|row| found.binary_search(row).is_ok()).count();
                n_wanted += wanted.len();
            }
            assert_eq!(n_found, n_wanted, "{columns}");
        }
    }

    #[test]
    fn what_the_codes_tell_exactly_is_found_exactly_and_only_among_the_allowed() {
        // Whole numbers up to 127 are their own codes.
        let table: Vec<f32> =
            (0..3000 * 3).map(|place| if place % 3 == 0 { 127.0 } else { (place * 37 % 101) as f32 }).collect();
        let (coarse, query) = (Coarse::of(&table, 3), [1.0, -0.5, 0.25]);
        let odd = |row: u32| row % 2 == 1;
        for n in [0, 1, 50, 1500, 5000] {
            assert_eq!(coarse.best(&query, n, odd).len(), n.min(1500));
            assert_eq!(coarse.best_of((0..3000).filter(|row| odd(*row)), &query, n), coarse.best(&query, n, odd));
        }
        let product = |row: &u32| logits(&table[*row as usize * 3..][..3], &query)[0];
        let least = |rows: &[u32]| rows.iter().map(product).fold(f32::MAX, f32::min);
        // A code of the query is off by half of 1/4095, so two of these inner products by 3 · 127/4095 at most.
        assert!(least(&coarse.best(&query, 50, odd)) >= least(&exact(&table, &query, 50, odd)) - 0.2);
    }

    #[test]
    fn zeros_are_rows_and_queries_like_others() {
        let coarse = Coarse::of(&[0.0; 8], 4);
        assert_eq!(coarse.best(&[1.0, 0.0, 0.0, 0.0], 5, |_| true), [0, 1]);
        assert_eq!(Coarse::of(&[1.0; 8], 4).best(&[0.0; 4], 1, |_| true), [0]);
        assert!(Coarse::of(&[], 4).best(&[1.0; 4], 3, |_| true).is_empty());
    }
}
