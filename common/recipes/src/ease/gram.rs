use rayon::prelude::*;

use crate::dataset::Histories;
use crate::sims::count::Lists;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Rows and columns of a tile. Large enough that packing and the inverse of one tile cost little beside the
/// products, small enough that little of the upper triangle is computed.
pub const TILE: usize = 128;

/// The lower half of a symmetric matrix.
///
/// Block row `b` holds rows `b · TILE ..` with columns `0 .. (b + 1) · TILE`, row-major. The size is rounded up
/// to whole tiles; what is added has 1 on the diagonal and 0 elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Symmetric {
    pub n: usize,
    pub rows: Vec<Vec<f64>>,
}

impl Symmetric {
    /// All 0 but for the added diagonal.
    pub fn empty(n: usize) -> Self {
        let mut rows: Vec<Vec<f64>> = (0..n.div_ceil(TILE)).map(|block| vec![0.0; TILE * (block + 1) * TILE]).collect();
        for added in n..rows.len() * TILE {
            let (block, row) = (added / TILE, added % TILE);
            rows[block][row * (block + 1) * TILE + added] = 1.0;
        }
        Self { n, rows }
    }

    /// The diagonal, without what was added.
    pub fn diagonal_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let n = self.n;
        self.rows.iter_mut().enumerate().flat_map(move |(block, rows)| {
            let width = (block + 1) * TILE;
            let used = TILE.min(n - block * TILE);
            rows.chunks_exact_mut(width).take(used).enumerate().map(move |(row, cells)| &mut cells[block * TILE + row])
        })
    }

    /// Rows `block · TILE ..` with all columns, row-major, width [`Symmetric::padded`].
    pub fn whole_rows(&self, block: usize) -> Vec<f64> {
        let (width, padded) = ((block + 1) * TILE, self.padded());
        let mut whole = vec![0.0; TILE * padded];
        for (to, from) in whole.chunks_exact_mut(padded).zip(self.rows[block].chunks_exact(width)) {
            to[..width].copy_from_slice(from);
        }
        for (below, rows) in self.rows.iter().enumerate().skip(block + 1) {
            for (row, cells) in rows.chunks_exact((below + 1) * TILE).enumerate() {
                for (column, cell) in cells[block * TILE..width].iter().enumerate() {
                    whole[column * padded + below * TILE + row] = *cell;
                }
            }
        }
        whole
    }

    pub fn padded(&self) -> usize {
        self.rows.len() * TILE
    }
}

/// The distinct items of each user, ascending.
pub fn baskets(histories: &Histories) -> Lists {
    let mut baskets = Lists::default();
    for user in histories.users() {
        let mut items = histories.items_of(user).to_vec();
        items.sort_unstable();
        items.dedup();
        baskets.push(&items);
    }
    baskets
}

/// `XᵀX`: how many users have each two items in common.
///
/// Whole numbers, so the order of additions does not show. Cost: the sum of the squares of the baskets' sizes.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn gram(baskets: &Lists, n_items: usize, progress: &dyn Progress) -> Result<Symmetric, TrainError> {
    let takers = baskets.transposed(n_items);
    let mut gram = Symmetric::empty(n_items);
    gram.rows.par_iter_mut().enumerate().try_for_each(|(block, rows)| {
        let width = (block + 1) * TILE;
        for (item, cells) in (block * TILE..n_items).zip(rows.chunks_exact_mut(width)) {
            go_on(progress)?;
            for user in takers.row(item) {
                let basket = baskets.row(*user as usize);
                for other in basket.iter().take_while(|other| (**other as usize) < width) {
                    cells[*other as usize] += 1.0;
                }
            }
        }
        Ok::<(), TrainError>(())
    })?;
    Ok(gram)
}
