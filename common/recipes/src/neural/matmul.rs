//! Matrix products on flat arrays.
//!
//! `b` is laid out anew as panels of [`PAIR`] columns and `a` as blocks of rows (Goto and van de Geijn 2008, "Anatomy of
//! high-performance matrix multiplication"), so that the blocks of sums of [`super::blocks`] read what lies side by side.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, Axis, ShapeBuilder, Slice};

use super::blocks::{LANES, Lane, PAIR, ROWS, WIDE_ROWS, add_row, added, are_wide, read, write};
use super::widest::widest;

/// Rows and columns of `b` that are laid out at once: 512 KB, which a core's second cache holds.
const DEPTH: usize = 512;
const COLUMNS: usize = 256;

/// A matrix of so many columns over a flat array.
///
/// # Panics
/// If the array does not hold whole rows.
pub fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    let shape = (values.len() / columns, columns);
    ArrayView2::from_shape(shape, values).expect("whole rows")
}

/// Some columns of rows that are `stride` long, from the first number of `values` on.
///
/// # Panics
/// If the array is too short.
pub fn block(values: &[f32], rows: usize, columns: usize, stride: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns).strides((stride, 1)), values).expect("long enough")
}

/// Lanes whose sums are made side by side where `b` is read as it is.
const ABREAST: usize = 4;

/// Rows of `a` up to which `b` is read as it is, if its rows stand side by side: laying it out costs more than it saves.
const FEW: usize = 2;

/// `c = a b`, where rows of `c` are `stride` long, or longer than they need be.
///
/// # Panics
/// If the shapes do not fit, or `c` is too short.
pub fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, c: (&mut [f32], usize)) {
    multiply(a, b, c, true);
}

/// `c = c + a b`, as [`product`].
pub fn add_product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, c: (&mut [f32], usize)) {
    multiply(a, b, c, false);
}

fn multiply(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, c: (&mut [f32], usize), anew: bool) {
    match (is_read_as_it_is(a.nrows(), b), are_wide()) {
        (true, _) => multiply_few(a, b, c, anew),
        (false, true) => multiply_by::<WIDE_ROWS>(a, b, c, anew),
        (false, false) => multiply_by::<ROWS>(a, b, c, anew),
    }
}

fn is_read_as_it_is(n_rows: usize, b: ArrayView2<'_, f32>) -> bool {
    n_rows <= FEW && (b.strides()[1] == 1 || b.ncols() == 1)
}

/// A matrix to be multiplied with again and again, laid out once.
pub struct Laid<'a> {
    b: ArrayView2<'a, f32>,
    /// By rows and columns of `b`, in the order of [`multiply_by`]; nothing if it is read as it is.
    panels: Vec<Vec<[Lane; 2]>>,
}

impl<'a> Laid<'a> {
    /// For products with matrices of up to `n_rows` rows.
    pub fn of(b: ArrayView2<'a, f32>, n_rows: usize) -> Self {
        let mut panels = Vec::new();
        if !is_read_as_it_is(n_rows, b) {
            for (depth, columns) in tiles(b) {
                let mut part = Vec::new();
                lay_panels(cut(cut(b, 0, depth), 1, columns), &mut part);
                panels.push(part);
            }
        }
        Self { b, panels }
    }

    /// See [`product`].
    pub fn product(&self, a: ArrayView2<'_, f32>, c: (&mut [f32], usize)) {
        self.multiply(a, c, true);
    }

    /// See [`add_product`].
    pub fn add_product(&self, a: ArrayView2<'_, f32>, c: (&mut [f32], usize)) {
        self.multiply(a, c, false);
    }

    fn multiply(&self, a: ArrayView2<'_, f32>, (c, stride): (&mut [f32], usize), anew: bool) {
        if self.panels.is_empty() {
            return multiply(a, self.b, (c, stride), anew);
        }
        let run = if are_wide() { add_tile::<WIDE_ROWS> } else { add_tile::<ROWS> };
        for ((depth, columns), panels) in tiles(self.b).zip(&self.panels) {
            let anew = anew && depth.start == 0;
            run(cut(a, 1, depth), (panels, columns), (&mut *c, stride), anew);
        }
    }
}

/// With blocks of so many rows.
fn multiply_by<const ROWS: usize>(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    (c, stride): (&mut [f32], usize),
    anew: bool,
) {
    assert_eq!(a.ncols(), b.nrows(), "columns of the one are rows of the other");
    if anew && b.nrows() == 0 {
        c.chunks_mut(stride).take(a.nrows()).for_each(|row| row[..b.ncols()].fill(0.0));
    }
    let mut panels = Vec::new();
    for (depth, columns) in tiles(b) {
        lay_panels(cut(cut(b, 0, depth.clone()), 1, columns.clone()), &mut panels);
        let anew = anew && depth.start == 0;
        add_tile::<ROWS>(cut(a, 1, depth), (&panels, columns), (&mut *c, stride), anew);
    }
}

/// What `b` is laid out by: rows and columns.
fn tiles(b: ArrayView2<'_, f32>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
    let n_columns = b.ncols();
    parts(b.nrows(), DEPTH)
        .flat_map(move |depth| parts(n_columns, COLUMNS).map(move |columns| (depth.clone(), columns)))
}

/// Some columns of `c` by so much of the depth: all of `a` is multiplied with what is laid out.
fn add_tile<const ROWS: usize>(
    a: ArrayView2<'_, f32>,
    (panels, columns): (&[[Lane; 2]], Range<usize>),
    (c, stride): (&mut [f32], usize),
    anew: bool,
) {
    let mut rows = Vec::new();
    let blocks = a.nrows().div_ceil(ROWS);
    for (block, c) in (0..blocks).zip(c.chunks_mut(ROWS * stride)) {
        lay_rows::<ROWS>(a, block * ROWS, &mut rows);
        let n_rows = (a.nrows() - block * ROWS).min(ROWS);
        let c = &mut c[..(n_rows - 1) * stride + columns.end];
        widest!({
            for (panel, from) in panels.chunks_exact(rows.len()).zip(columns.clone().step_by(PAIR)) {
                let to = columns.end.min(from + PAIR);
                let sums = if anew { [[[0.0; LANES]; ROWS]; 2] } else { read(c, stride, from, to) };
                let terms = rows.iter().zip(panel).map(|(a, [lane, other])| (*a, lane, other));
                write(&added(sums, terms), c, stride, from, to);
            }
        });
    }
}

/// Row by row of `a`, with the rows of `b` as they are. The sums are those of [`multiply_by`] to the last digit.
fn multiply_few(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, (c, stride): (&mut [f32], usize), anew: bool) {
    assert_eq!(a.ncols(), b.nrows(), "columns of the one are rows of the other");
    let n_columns = b.ncols();
    let rows: Vec<&[f32]> = b.rows().into_iter().filter_map(|row| row.to_slice()).collect();
    for (factors, c) in a.rows().into_iter().zip(c.chunks_mut(stride)) {
        let (factors, c) = (factors.to_vec(), &mut c[..n_columns]);
        if anew {
            c.fill(0.0);
        }
        widest!({
            for from in (0..n_columns).step_by(ABREAST * LANES) {
                let to = n_columns.min(from + ABREAST * LANES);
                add_rows(&factors, &rows, from..to, &mut c[from..to]);
            }
        });
    }
}

/// Adds some columns of rows, each times its factor.
#[inline(always)]
fn add_rows(factors: &[f32], rows: &[&[f32]], columns: Range<usize>, c: &mut [f32]) {
    let (lanes, rest) = c.as_chunks_mut::<LANES>();
    if let Ok(lanes) = <&mut [Lane; ABREAST]>::try_from(&mut *lanes) {
        // Copied, so that the sums stay in registers.
        let mut sums = *lanes;
        for (factor, row) in factors.iter().zip(rows) {
            for (sum, lane) in sums.iter_mut().zip(row[columns.clone()].as_chunks().0) {
                add_row(sum, *factor, lane);
            }
        }
        *lanes = sums;
        return;
    }
    let n_whole = lanes.len() * LANES;
    for (factor, row) in factors.iter().zip(rows) {
        let (whole, part) = row[columns.clone()].split_at(n_whole);
        lanes.iter_mut().zip(whole.as_chunks().0).for_each(|(sum, lane)| add_row(sum, *factor, lane));
        rest.iter_mut().zip(part).for_each(|(sum, value)| *sum = factor.mul_add(*value, *sum));
    }
}

/// Some rows (axis 0) or columns (axis 1).
fn cut(mut whole: ArrayView2<'_, f32>, axis: usize, range: Range<usize>) -> ArrayView2<'_, f32> {
    whole.slice_axis_inplace(Axis(axis), Slice::from(range));
    whole
}

fn parts(len: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(most).map(move |from| from..len.min(from + most))
}

/// Panel by panel, `(rows, PAIR)`, with zeros beyond the last column.
fn lay_panels(b: ArrayView2<'_, f32>, panels: &mut Vec<[Lane; 2]>) {
    let depth = b.nrows();
    panels.clear();
    panels.resize(b.ncols().div_ceil(PAIR) * depth, [[0.0; LANES]; 2]);
    if b.strides()[1] == 1 {
        for (place, row) in b.rows().into_iter().enumerate() {
            let row = row.to_slice().unwrap_or_default();
            for (panel, part) in row.chunks(PAIR).enumerate() {
                panels[panel * depth + place].as_flattened_mut()[..part.len()].copy_from_slice(part);
            }
        }
    } else {
        for (number, column) in b.columns().into_iter().enumerate() {
            let (panel, number) = (number / PAIR, number % PAIR);
            let panel = &mut panels[panel * depth..][..depth];
            each(panel, column, |lanes, value| lanes[number / LANES][number % LANES] = value);
        }
    }
}

/// Some rows of `a`, column by column, with zeros beyond the last row.
fn lay_rows<const ROWS: usize>(a: ArrayView2<'_, f32>, from: usize, rows: &mut Vec<[f32; ROWS]>) {
    rows.resize(a.ncols(), [0.0; ROWS]);
    let n_rows = (a.nrows() - from).min(ROWS);
    if n_rows < ROWS {
        rows.fill([0.0; ROWS]);
    }
    if a.strides()[0] == 1 && n_rows == ROWS {
        for (to, column) in rows.iter_mut().zip(a.slice_axis(Axis(0), Slice::from(from..from + ROWS)).columns()) {
            to.copy_from_slice(column.to_slice().unwrap_or_default());
        }
    } else {
        for row in 0..n_rows {
            each(rows, a.row(from + row), |to, value| to[row] = value);
        }
    }
}

/// Faster if the numbers lie side by side.
fn each<T>(to: &mut [T], from: ArrayView1<'_, f32>, mut put: impl FnMut(&mut T, f32)) {
    match from.to_slice() {
        Some(values) => to.iter_mut().zip(values).for_each(|(to, value)| put(to, *value)),
        None => to.iter_mut().zip(from).for_each(|(to, value)| put(to, *value)),
    }
}

/// `y = x w`, where `x` has as many columns as `w` rows and `y` as many as `w` columns.
pub fn linear(x: &[f32], w: &[f32], (rows, columns): (usize, usize), y: &mut [f32]) {
    product(matrix(x, rows), matrix(w, columns), (y, columns));
}

/// The gradients of [`linear`]: adds to that of `w`, writes that of `x`.
pub fn linear_backward(
    x: &[f32],
    w: &[f32],
    (rows, columns): (usize, usize),
    d_y: &[f32],
    d_w: &mut [f32],
    d_x: &mut [f32],
) {
    add_product(matrix(x, rows).t(), matrix(d_y, columns), (d_w, columns));
    product(matrix(d_y, columns), matrix(w, columns).t(), (d_x, rows));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{assert_gradient, dot, numbers};

    #[test]
    fn gradients_of_a_linear_layer_agree_with_finite_differences() {
        let (x, w, d_y) = (numbers(5 * 3, 1), numbers(3 * 4, 2), numbers(5 * 4, 3));
        let run = |x: &[f32], w: &[f32]| {
            let mut y = vec![0.0; 5 * 4];
            linear(x, w, (3, 4), &mut y);
            dot(&y, &d_y)
        };
        let (mut d_w, mut d_x) = (vec![0.0; 12], vec![0.0; 15]);
        linear_backward(&x, &w, (3, 4), &d_y, &mut d_w, &mut d_x);
        assert_gradient(&x, &d_x, |x| run(x, &w));
        assert_gradient(&w, &d_w, |w| run(&x, w));
    }

    #[test]
    fn a_block_is_columns_of_longer_rows() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(block(&values[1..], 2, 2, 3), ndarray::arr2(&[[2.0, 3.0], [5.0, 6.0]]));
    }

    /// Rows of `c` are longer than they need be; what is beyond must stay.
    fn multiplied<const ROWS: usize>(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, anew: bool) -> Vec<f32> {
        let stride = b.ncols() + 3;
        let mut c = numbers(a.nrows() * stride, 9);
        multiply_by::<ROWS>(a, b, (&mut c, stride), anew);
        c
    }

    #[test]
    fn products_are_sums_of_products() {
        for (n_rows, depth, n_columns) in [(1, 1, 1), (8, 5, 32), (13, 600, 47), (20, 3, 300)] {
            let (a, b) = (numbers(n_rows * depth, 1), numbers(depth * n_columns, 2));
            let as_rows = |values, rows: usize, columns: usize| block(values, rows, columns, columns);
            let (a, b) = ((as_rows(&a, n_rows, depth), &a), (as_rows(&b, depth, n_columns), &b));
            let turned_a: Vec<f32> = a.0.t().iter().copied().collect();
            let turned_b: Vec<f32> = b.0.t().iter().copied().collect();
            for anew in [true, false] {
                let wide = multiplied::<WIDE_ROWS>(a.0, b.0, anew);
                assert_eq!(wide, multiplied::<ROWS>(a.0, b.0, anew));
                let (a_t, b_t) = (as_rows(&turned_a, depth, n_rows), as_rows(&turned_b, n_columns, depth));
                assert_eq!(wide, multiplied::<WIDE_ROWS>(a_t.t(), b_t.t(), anew));
                let stride = n_columns + 3;
                let before = || numbers(n_rows * stride, 9);
                let mut few = before();
                multiply_few(a.0, b.0, (&mut few, stride), anew);
                assert_eq!(wide, few);
                for (b, n_rows) in [(b.0, n_rows), (b_t.t(), n_rows), (b.0, 1)] {
                    let (laid, mut again) = (Laid::of(b, n_rows), before());
                    if anew {
                        laid.product(a.0, (&mut again, stride))
                    } else {
                        laid.add_product(a.0, (&mut again, stride))
                    }
                    assert_eq!(wide, again);
                }
                let before = numbers(n_rows * (n_columns + 3), 9);
                for (place, (value, before)) in wide.iter().zip(&before).enumerate() {
                    let (row, column) = (place / (n_columns + 3), place % (n_columns + 3));
                    let begun = if anew && column < n_columns { 0.0 } else { f64::from(*before) };
                    let added = if column < n_columns { &a.1[row * depth..][..depth] } else { &[] };
                    let added = added.iter().zip(b.1.iter().skip(column.min(n_columns)).step_by(n_columns));
                    let expected = added.fold(begun, |sum, (a, b)| sum + f64::from(*a) * f64::from(*b));
                    assert!((f64::from(*value) - expected).abs() < 1e-4, "{row} {column}: {value} {expected}");
                }
            }
        }
    }
}
