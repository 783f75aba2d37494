//! Inner loops in lanes of eight, for the widest registers that the machine has.
//!
//! Each lane adds up in an order of its own with fused multiplications, so the machine's registers do not show in the
//! result. Slices have a length that is a multiple of [`LANES`]; what is beyond the last whole group is not read.

/// Numbers that are worked on at once.
pub const LANES: usize = 8;

/// Rows that are read along with one vector, so that it is loaded once for all of them.
pub const ROWS: usize = 8;

/// Work that is compiled for each kind of machine.
///
/// Implementations and all that they call are `#[inline(always)]`: what is not inlined is compiled for the least
/// machine, which does a fused multiplication by calling a function. The functions below are called here alone.
pub trait Work {
    type Output;

    fn run(self) -> Self::Output;
}

/// Runs `work` compiled for what the machine can do.
pub fn vectorised<W: Work>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(Inlined(work))
}

struct Inlined<W>(W);

impl<W: Work> pulp::WithSimd for Inlined<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _simd: S) -> W::Output {
        self.0.run()
    }
}

/// [`dot`] for those who have nothing else to do.
pub struct Dot<'a>(pub &'a [f32], pub &'a [f32]);

impl Work for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        dot(self.0, self.1)
    }
}

/// The products of some rows with a vector.
#[inline(always)]
pub fn dots(rows: [&[f32]; ROWS], vector: &[f32]) -> [f32; ROWS] {
    let [a, b, c, d, e, f, g, h] = rows.map(|row| row.as_chunks::<LANES>().0);
    let n = vector.len() / LANES;
    // One by one, so that the compiler sees that no place has to be checked.
    let vector = &vector.as_chunks::<LANES>().0[..n];
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    let (e, f, g, h) = (&e[..n], &f[..n], &g[..n], &h[..n]);
    let mut sums = [[0.0_f32; LANES]; ROWS];
    for (group, values) in vector.iter().enumerate() {
        fuse(&mut sums[0], &a[group], values);
        fuse(&mut sums[1], &b[group], values);
        fuse(&mut sums[2], &c[group], values);
        fuse(&mut sums[3], &d[group], values);
        fuse(&mut sums[4], &e[group], values);
        fuse(&mut sums[5], &f[group], values);
        fuse(&mut sums[6], &g[group], values);
        fuse(&mut sums[7], &h[group], values);
    }
    // Not seen through, lest the compiler turn the whole loop into one over rows, with eight times the instructions.
    std::hint::black_box(sums).map(sum)
}

/// Adds up a vector for each row of a matrix of `n` rows by [`LANES`] columns, times as many numbers for each of [`ROWS`].
#[inline(always)]
pub fn products(matrix: &[f32], factors: &[[f32; ROWS]]) -> [[f32; LANES]; ROWS] {
    let mut sums = [[0.0_f32; LANES]; ROWS];
    for (row, factors) in matrix.as_chunks::<LANES>().0.iter().zip(factors) {
        for (sums, factor) in sums.iter_mut().zip(factors) {
            fuse(sums, row, &[*factor; LANES]);
        }
    }
    // As in [`dots`].
    std::hint::black_box(sums)
}

#[inline(always)]
fn fuse(sums: &mut [f32; LANES], a: &[f32; LANES], b: &[f32; LANES]) {
    for lane in 0..LANES {
        sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
    }
}

/// The product of two vectors.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        fuse(&mut sums, a, b);
    }
    sum(sums)
}

/// Adds some rows, each times its weight, to a vector.
#[inline(always)]
pub fn add_rows(to: &mut [f32], weights: [f32; ROWS], rows: [&[f32]; ROWS]) {
    let rows = rows.map(|row| row.as_chunks::<LANES>().0);
    let to = to.as_chunks_mut::<LANES>().0;
    let n = rows.iter().fold(to.len(), |n, row| n.min(row.len()));
    let rows = rows.map(|row| &row[..n]);
    for (group, to) in to[..n].iter_mut().enumerate() {
        let mut sums = *to;
        for (weight, row) in weights.iter().zip(&rows) {
            let row = &row[group];
            for lane in 0..LANES {
                sums[lane] = row[lane].mul_add(*weight, sums[lane]);
            }
        }
        *to = sums;
    }
}

/// Adds a row times its weight to a vector.
#[inline(always)]
pub fn add(to: &mut [f32], weight: f32, row: &[f32]) {
    for (to, row) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            to[lane] = row[lane].mul_add(weight, to[lane]);
        }
    }
}

/// Multiplies a vector by a number and adds a row.
#[inline(always)]
pub fn scale_and_add(to: &mut [f32], factor: f32, row: &[f32]) {
    for (to, row) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            to[lane] = to[lane].mul_add(factor, row[lane]);
        }
    }
}

#[inline(always)]
fn sum(lanes: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Dots<'a>([&'a [f32]; ROWS], &'a [f32]);

    impl Work for Dots<'_> {
        type Output = [f32; ROWS];

        #[inline(always)]
        fn run(self) -> [f32; ROWS] {
            dots(self.0, self.1)
        }
    }

    struct AddRows<'a>(Vec<f32>, [f32; ROWS], [&'a [f32]; ROWS]);

    impl Work for AddRows<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn run(mut self) -> Vec<f32> {
            add_rows(&mut self.0, self.1, self.2);
            self.0
        }
    }

    fn numbers(n: usize) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0_f32..1.0, n)
    }

    proptest! {
        #[test]
        fn sums_are_those_of_plain_loops(rows in prop::collection::vec(numbers(24), ROWS), vector in numbers(24)) {
            let slices: [&[f32]; ROWS] = std::array::from_fn(|row| rows[row].as_slice());
            let weights: [f32; ROWS] = std::array::from_fn(|row| vector[row]);
            let products = vectorised(Dots(slices, &vector));
            let all = vectorised(AddRows(vector.clone(), weights, slices));
            let mut one_by_one = vector.clone();
            for row in 0..ROWS {
                let plain: f64 = rows[row].iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                // 24 roundings of sums of at most 24.
                prop_assert!((f64::from(products[row]) - plain).abs() < 24.0 * 24.0 * f64::from(f32::EPSILON));
                prop_assert_eq!(products[row], vectorised(Dot(&rows[row], &vector)));
                add(&mut one_by_one, weights[row], &rows[row]);
            }
            prop_assert_eq!(&all, &one_by_one);
            for (place, sum) in all.iter().enumerate() {
                let plain: f64 = (0..ROWS).map(|row| f64::from(weights[row]) * f64::from(rows[row][place])).sum();
                let plain = plain + f64::from(vector[place]);
                // 8 roundings of sums of at most 9.
                prop_assert!((f64::from(*sum) - plain).abs() < 72.0 * f64::from(f32::EPSILON));
            }
        }
    }
}
