use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::window::{Input, NONE, Window};

/// Up to so many items all of them are candidates; of more, a sample is.
const ALL_CANDIDATES: usize = 10_000;

/// Items that a sample is drawn of, beside those that are answers.
const N_SAMPLED: usize = 4096;

/// The candidates of a step, and where each item is among them.
pub struct Sample {
    /// Ascending.
    pub items: Vec<u32>,
    /// See [`Candidates::new`]; empty if all items are candidates.
    pub shifts: Vec<f32>,
}

impl Sample {
    /// All items with events, or of many the answers and inputs of the step and others drawn by how often they are answers.
    pub fn draw(n_events: &[u32], windows: &[Window], rng: &mut ChaCha8Rng) -> Self {
        let n_items = n_events.len();
        // What nobody turned to must not learn that nobody does: it is recommended by its features.
        let known: Vec<u32> = (0..n_items as u32).filter(|item| n_events[*item as usize] > 0).collect();
        if known.len() <= ALL_CANDIDATES {
            return Self { items: known, shifts: Vec::new() };
        }
        // Half by frequency, half evenly, so that seldom items are told apart too.
        let ends: Vec<u64> = n_events
            .iter()
            .scan(0, |end, n| {
                *end += u64::from(*n);
                Some(*end)
            })
            .collect();
        let all = ends.last().copied().unwrap_or(0).max(1);
        let mut items: Vec<u32> = (0..N_SAMPLED)
            .map(|draw| match draw % 2 {
                0 => ends.partition_point(|end| *end <= rng.random_range(0..all)).min(n_items - 1) as u32,
                _ => known[rng.random_range(0..known.len())],
            })
            .collect();
        let mut n_answers = 0;
        for cell in windows.iter().flat_map(|window| &window.cells) {
            if let Input::Item(item) = cell.input {
                items.push(item);
            }
            if cell.target != NONE {
                items.push(cell.target);
                n_answers += 1;
            }
        }
        items.sort_unstable();
        items.dedup();
        // Answers and inputs come as often as the item occurs.
        let (half, n_answers) = (0.5 * N_SAMPLED as f64, f64::from(n_answers));
        let shifts = items.iter().map(|item| {
            let frequency = f64::from(n_events[*item as usize]) / all as f64;
            let absent = (half + n_answers) * (-frequency).ln_1p() + half * (-1.0 / known.len() as f64).ln_1p();
            -(-absent.exp_m1()).max(1e-12).ln() as f32
        });
        let shifts = shifts.collect();
        Self { items, shifts }
    }

    /// Has the cells name the candidates' places.
    pub fn rename(&self, windows: &mut [Window]) {
        let place = |item: u32| self.items.binary_search(&item).map_or(NONE, |place| place as u32);
        for cell in windows.iter_mut().flat_map(|window| &mut window.cells) {
            if let Input::Item(item) = cell.input {
                cell.input = Input::Item(place(item));
            }
            if cell.target != NONE {
                cell.target = place(cell.target);
            }
        }
    }
}
