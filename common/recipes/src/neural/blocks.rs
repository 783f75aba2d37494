//! Blocks of sums that stay in registers: what all products of matrices are made of.
//!
//! A block has some rows of [`LANES`] sums, and two stand side by side, made at once where the machine has registers for
//! both, since what is read then serves both. How many rows a block has does not change a number.

use super::widest::n_registered;

/// Numbers side by side.
pub const LANES: usize = 16;

/// Columns of two blocks.
pub const PAIR: usize = 2 * LANES;

/// Rows of a block.
pub const ROWS: usize = 4;

/// The same where vectors are as long as [`LANES`].
pub const WIDE_ROWS: usize = 8;

pub type Lane = [f32; LANES];

pub type Blocks<const ROWS: usize> = [[Lane; ROWS]; 2];

/// Whether two blocks of [`WIDE_ROWS`] are no more than half of what registers hold: the rest is for what they are made of.
pub fn are_wide() -> bool {
    n_registered() >= 2 * WIDE_ROWS * PAIR
}

/// `blocks[0] + Σ a laneᵀ` and `blocks[1] + Σ a otherᵀ`.
#[inline(always)]
pub fn added<'a, const ROWS: usize>(
    [mut sums, mut more]: Blocks<ROWS>,
    terms: impl Iterator<Item = ([f32; ROWS], &'a Lane, &'a Lane)> + Clone,
) -> Blocks<ROWS> {
    if ROWS == WIDE_ROWS {
        for (a, lane, other) in terms {
            add_lane(&mut sums, &a, lane);
            add_lane(&mut more, &a, other);
        }
    } else {
        for (a, lane, _) in terms.clone() {
            add_lane(&mut sums, &a, lane);
        }
        for (a, _, other) in terms {
            add_lane(&mut more, &a, other);
        }
    }
    [sums, more]
}

/// `sums += a laneᵀ`: written out row by row, so that the sums stay in registers.
#[inline(always)]
fn add_lane<const ROWS: usize>(sums: &mut [Lane; ROWS], a: &[f32; ROWS], lane: &Lane) {
    add_row(&mut sums[0], a[0], lane);
    add_row(&mut sums[1], a[1], lane);
    add_row(&mut sums[2], a[2], lane);
    add_row(&mut sums[3], a[3], lane);
    if ROWS == WIDE_ROWS {
        add_row(&mut sums[4], a[4], lane);
        add_row(&mut sums[5], a[5], lane);
        add_row(&mut sums[6], a[6], lane);
        add_row(&mut sums[7], a[7], lane);
    }
}

#[inline(always)]
pub fn add_row(sums: &mut Lane, a: f32, lane: &Lane) {
    for i in 0..LANES {
        sums[i] = a.mul_add(lane[i], sums[i]);
    }
}

/// Some numbers of a row of whole lanes; zeros beyond its end.
#[inline(always)]
pub fn lane_of(row: &[f32], column: usize) -> &Lane {
    row[column.min(row.len())..].first_chunk().unwrap_or(&[0.0; LANES])
}

/// The columns `from..to` of rows that are `stride` long, at most as many as blocks have: zeros where there is nothing.
#[inline(always)]
pub fn read<const ROWS: usize>(rows: &[f32], stride: usize, from: usize, to: usize) -> Blocks<ROWS> {
    let mut blocks = [[[0.0; LANES]; ROWS]; 2];
    let [sums, more] = &mut blocks;
    for ((sums, more), row) in sums.iter_mut().zip(more).zip(rows.chunks(stride)) {
        match row[from..to].as_chunks().0 {
            [one, other, ..] => (*sums, *more) = (*one, *other),
            _ => sums.iter_mut().chain(more).zip(&row[from..to]).for_each(|(sum, value)| *sum = *value),
        }
    }
    blocks
}

/// The other way: what is beyond the rows and columns is dropped.
#[inline(always)]
pub fn write<const ROWS: usize>(blocks: &Blocks<ROWS>, rows: &mut [f32], stride: usize, from: usize, to: usize) {
    let [sums, more] = blocks;
    for ((sums, more), row) in sums.iter().zip(more).zip(rows.chunks_mut(stride)) {
        match row[from..to].as_chunks_mut().0 {
            [one, other, ..] => (*one, *other) = (*sums, *more),
            _ => row[from..to].iter_mut().zip(sums.iter().chain(more)).for_each(|(value, sum)| *value = *sum),
        }
    }
}
