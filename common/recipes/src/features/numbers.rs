use super::{Part, unit};

/// Quantiles that a column of numbers is told apart by.
const N_KNOTS: usize = 16;

/// How near a number is to the two quantiles beside it. A column of one value has no features.
pub fn hats(n_rows: usize, get: impl Fn(usize) -> Option<f64>) -> Part {
    let finite = |row| get(row).filter(|value| value.is_finite());
    let mut sorted: Vec<f64> = (0..n_rows).filter_map(&finite).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |knot: usize| sorted.get(knot * sorted.len().saturating_sub(1) / (N_KNOTS - 1)).copied();
    let mut knots: Vec<f64> = (0..N_KNOTS).filter_map(at).collect();
    knots.dedup();
    if knots.len() < 2 {
        return Part { rows: vec![Vec::new(); n_rows], n_features: 0 };
    }
    let row = |value: f64| {
        let above = knots.partition_point(|knot| *knot <= value).clamp(1, knots.len() - 1);
        let (low, high) = (knots[above - 1], knots[above]);
        // Halves, since the difference of two numbers may be too large for one.
        let share = ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0) as f32;
        let cells = [(above as u32 - 1, 1.0 - share), (above as u32, share)];
        unit(cells.into_iter().filter(|(_, value)| *value > 0.0).collect())
    };
    let rows = (0..n_rows).map(|place| finite(place).map(row).unwrap_or_default()).collect();
    Part { rows, n_features: knots.len() }
}
