//! A tree-structured Parzen estimator over all dimensions together.
//!
//! The results are cut into the good ones and the rest; of each, a density is made: a kernel around every point,
//! and one component that is the same everywhere. Candidates are drawn from the density of the good ones and come in
//! the order of the ratio of the two densities, which is that of expected improvement (Bergstra et al. 2011, eq. 4).
//!
//! Kernels are Gaussian in numbers, reflected at the ends of the range; in categories a point has most of the mass
//! at its own value and the rest everywhere alike.

use std::f64::consts::PI;

use rand::RngExt;

use super::Dimension;

const GOOD_SHARE: f64 = 0.15;
const LEAST_GOOD: usize = 3;
const N_CANDIDATES: usize = 64;

/// Mass of a category's kernel that is spread over all categories.
const SPREAD: f64 = 0.3;

const WIDEST: f64 = 0.5;

/// A trial that is known.
pub struct Observed {
    /// Shares of the ranges, one of each dimension.
    pub point: Vec<f64>,
    /// `None` if it failed or has not ended.
    pub objective: Option<f64>,
}

/// Points that may be better than those that were observed, the most promising first.
pub fn propose(space: &[Dimension], observed: &[Observed], rng: &mut impl RngExt) -> Vec<Vec<f64>> {
    let mut order: Vec<&Observed> = observed.iter().collect();
    let value = |one: &Observed| one.objective.filter(|objective| objective.is_finite()).unwrap_or(f64::NEG_INFINITY);
    // A stable sort: of equals the earlier is the better.
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let n_good = ((order.len() as f64 * GOOD_SHARE).ceil() as usize).max(LEAST_GOOD).min(order.len());
    let (good, bad) = order.split_at(n_good);
    let (good, bad) = (Density::of(space, good, observed.len()), Density::of(space, bad, observed.len()));
    let mut candidates: Vec<(f64, Vec<f64>)> = (0..N_CANDIDATES)
        .map(|_| {
            let point = good.draw(rng);
            (good.at(&point).ln() - bad.at(&point).ln(), point)
        })
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    candidates.into_iter().map(|(_, point)| point).collect()
}

struct Density<'a> {
    space: &'a [Dimension],
    points: Vec<&'a [f64]>,
    /// Of each dimension's kernels.
    widths: Vec<f64>,
}

impl<'a> Density<'a> {
    fn of(space: &'a [Dimension], observed: &[&'a Observed], n_all: usize) -> Self {
        let points: Vec<&[f64]> = observed.iter().map(|one| one.point.as_slice()).collect();
        let n = points.len().max(1) as f64;
        // Half of Scott's rule. Kernels that are narrower than the distances between points leave holes in the
        // density of the bad, which then look promising.
        let factor = 0.5 * n.powf(-1.0 / (space.len() as f64 + 4.0));
        let narrowest = 3.0 / (n_all as f64 + 2.0);
        let width = |dimension: usize| {
            let values = || points.iter().map(|point| point[dimension]);
            let mean = values().sum::<f64>() / n;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            (variance.sqrt() * factor).clamp(narrowest.min(WIDEST), WIDEST)
        };
        Self { space, widths: (0..space.len()).map(width).collect(), points }
    }

    /// The component that is the same everywhere has the weight of one point.
    fn at(&self, point: &[f64]) -> f64 {
        let kernel = |centre: &&[f64]| -> f64 {
            let dimensions = self.space.iter().zip(&self.widths).zip(centre.iter().zip(point));
            dimensions.map(|((dimension, width), (centre, value))| kernel(dimension, *width, *centre, *value)).product()
        };
        let sum: f64 = 1.0 + self.points.iter().map(kernel).sum::<f64>();
        sum / (self.points.len() as f64 + 1.0)
    }

    fn draw(&self, rng: &mut impl RngExt) -> Vec<f64> {
        let Some(centre) = self.points.get(rng.random_range(0..=self.points.len())) else {
            return self.space.iter().map(|_| rng.random()).collect();
        };
        let dimensions = self.space.iter().zip(&self.widths).zip(centre.iter());
        let draw = |((dimension, width), centre): ((&Dimension, &f64), &f64)| match dimension.is_categorical() {
            true if rng.random::<f64>() < SPREAD => rng.random(),
            true => *centre,
            false => reflected(centre + width * normal(rng)),
        };
        dimensions.map(draw).collect()
    }
}

/// Density at `value` of a kernel around `centre`; 1 on average over the range.
fn kernel(dimension: &Dimension, width: f64, centre: f64, value: f64) -> f64 {
    if let (true, Some(n)) = (dimension.is_categorical(), dimension.n_values()) {
        let same = (centre - value).abs() < 0.5 / n as f64;
        return SPREAD + if same { (1.0 - SPREAD) * n as f64 } else { 0.0 };
    }
    let bell = |distance: f64| (-0.5 * (distance / width).powi(2)).exp() / (width * (2.0 * PI).sqrt());
    // What goes beyond an end comes back; the widest kernels go beyond both.
    [-2.0, 0.0, 2.0].iter().map(|turn| bell(value - centre + turn) + bell(value + centre + turn)).sum()
}

/// A number beyond an end of 0 to 1 goes back as far as it went beyond.
fn reflected(value: f64) -> f64 {
    let folded = value.rem_euclid(2.0);
    if folded > 1.0 { 2.0 - folded } else { folded }
}

/// Box and Muller 1958.
fn normal(rng: &mut impl RngExt) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (2.0 * PI * angle).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::Values;
    use super::*;

    fn space() -> [Dimension; 2] {
        let dimension = |values| Dimension { name: String::new(), values };
        let categories = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        [dimension(Values::Continuous(0.0, 1.0)), dimension(Values::Categorical(categories))]
    }

    fn observed(points: &[([f64; 2], f64)]) -> Vec<Observed> {
        points
            .iter()
            .map(|(point, objective)| Observed { point: point.to_vec(), objective: Some(*objective) })
            .collect()
    }

    #[test]
    fn a_density_has_mass_one() {
        let space = space();
        let all = observed(&[([0.0, 0.125], 0.0), ([0.9, 0.375], 0.0), ([0.5, 0.375], 0.0)]);
        let density = Density::of(&space, &all.iter().collect::<Vec<_>>(), 3);
        let n = 400;
        let grid = |place: usize, n: usize| (place as f64 + 0.5) / n as f64;
        let sum: f64 = (0..n * 4).map(|cell| density.at(&[grid(cell / 4, n), grid(cell % 4, 4)])).sum();
        // The rule of rectangles of a smooth function, and what reflects more than once.
        assert!((sum / (n * 4) as f64 - 1.0).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn what_is_proposed_is_near_what_was_good_and_far_from_what_was_bad() {
        let space = space();
        let mut all: Vec<([f64; 2], f64)> = (0..6).map(|one| ([0.18 + 0.02 * f64::from(one), 0.625], 5.0)).collect();
        all.extend((0..34).map(|one| ([(f64::from(one) + 0.5) / 34.0, 0.125], 1.0)));
        let first = |seed| propose(&space, &observed(&all), &mut ChaCha8Rng::seed_from_u64(seed)).swap_remove(0);
        for seed in 0..20 {
            let point = first(seed);
            assert!((0.1..0.35).contains(&point[0]) && (0.5..0.75).contains(&point[1]), "{point:?}");
        }
    }

    #[test]
    fn a_number_beyond_an_end_comes_back() {
        for (value, back) in [(-0.25, 0.25), (1.25, 0.75), (0.5, 0.5), (2.5, 0.5), (-1.25, 0.75)] {
            assert_eq!(reflected(value), back);
        }
    }
}
