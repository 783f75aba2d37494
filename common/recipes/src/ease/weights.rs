use rayon::prelude::*;

use super::gram::{Symmetric, TILE};
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// The strongest weights that lead to an item, ascending by the item that they lead from.
pub type Column = Vec<(u32, f32)>;

/// `B = I - P · diag(1 / diag P)` from `P`, column by column, of each the `n_kept` strongest weights.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn columns(inverse: &Symmetric, n_kept: usize, progress: &dyn Progress) -> Result<Vec<Column>, TrainError> {
    let n_blocks = inverse.rows.len();
    let blocks: Result<Vec<Vec<Column>>, TrainError> = (0..n_blocks)
        .into_par_iter()
        .map(|block| {
            let whole = inverse.whole_rows(block);
            let items = block * TILE..inverse.n.min((block + 1) * TILE);
            let rows = whole.chunks_exact(inverse.padded());
            items
                .zip(rows)
                .map(|(item, row)| {
                    go_on(progress)?;
                    // P is symmetric: its row is its column.
                    let others = row[..inverse.n].iter().enumerate().filter(|(other, _)| *other != item);
                    let column = others.map(|(other, cell)| (other as u32, (-cell / row[item]) as f32)).collect();
                    Ok(strongest(column, n_kept))
                })
                .collect()
        })
        .collect();
    Ok(blocks?.into_iter().flatten().collect())
}

/// The `n_kept` weights of the greatest magnitude, ties by item upwards; zeros are left out. Ascending by item.
pub fn strongest(mut column: Column, n_kept: usize) -> Column {
    column.retain(|(_, weight)| *weight != 0.0);
    if column.len() > n_kept {
        column.select_nth_unstable_by(n_kept, |a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        column.truncate(n_kept);
    }
    // Room for all items in each column would be as much as two matrices.
    column.shrink_to_fit();
    column.sort_unstable_by_key(|(item, _)| *item);
    column
}

/// Rows by the item that weights lead from, each ascending by the item that they lead to.
pub fn by_row(columns: &[Column]) -> SparseRows {
    let mut rows: Vec<(Vec<u32>, Vec<f32>)> = vec![Default::default(); columns.len()];
    let mut lengths = vec![0; columns.len()];
    for (from, _) in columns.iter().flatten() {
        lengths[*from as usize] += 1;
    }
    for ((items, weights), length) in rows.iter_mut().zip(lengths) {
        items.reserve_exact(length);
        weights.reserve_exact(length);
    }
    for (to, column) in (0..).zip(columns) {
        for (from, weight) in column {
            let row = &mut rows[*from as usize];
            row.0.push(to);
            row.1.push(*weight);
        }
    }
    SparseRows::from_rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_are_kept_whatever_their_sign() {
        let column = vec![(0, 0.1), (1, -0.5), (2, 0.0), (3, 0.3), (4, 0.1)];
        assert_eq!(strongest(column.clone(), 3), [(0, 0.1), (1, -0.5), (3, 0.3)]);
        assert_eq!(strongest(column, 9), [(0, 0.1), (1, -0.5), (3, 0.3), (4, 0.1)]);
    }

    #[test]
    fn rows_hold_what_columns_held() {
        let rows = by_row(&[vec![(1, 0.5), (2, 0.25)], vec![], vec![(1, -1.0)]]);
        assert_eq!(rows.row(0), ([].as_slice(), [].as_slice()));
        assert_eq!(rows.row(1), ([0, 2].as_slice(), [0.5, -1.0].as_slice()));
        assert_eq!(rows.row(2), ([0].as_slice(), [0.25].as_slice()));
    }
}
