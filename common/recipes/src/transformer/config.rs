//! How large a network is and how long it learns, by the size of the data alone.

use super::network::Shape;
use crate::neural::adam::AdamConfig;
use crate::neural::batch::Cutting;
use crate::neural::checkpoint::INTERVAL;
use crate::neural::learning::Rules;
use crate::neural::train::Plan;

/// Items up to which the softmax is over all of them.
const FULL_SOFTMAX: usize = 30_000;

/// Negatives a step beyond that.
const NEGATIVES: usize = 4096;

/// Parts of a step: as many threads have something to do.
const N_SHARDS: usize = 4;

/// What learning may cost in flops, some minutes of two cores; within the bounds of epochs.
const FLOPS: f64 = 75e12;
const EPOCHS: (usize, usize) = (2, 60);

/// Steps that an epoch should have, and targets of a step: many small steps learn more of an epoch than few large ones.
const STEPS_AN_EPOCH: usize = 480;
const TOKENS: (usize, usize) = (128, 2048);

/// Newest events that are read at most.
const MAX_LENGTH: usize = 200;

/// Steps that the rate takes to grow at most.
const WARM_UP: usize = 200;

/// As long as two vectors of the widest machines.
const COLUMNS_OF_HEAD: usize = 32;

/// Events of an item on average from which data are dense: they have more to tell than a small network can keep.
const DENSE: usize = 75;

/// Where data are sparse, and where they are dense.
const DROPOUT: (f32, f32) = (0.2, 0.1);

/// Of a network that reads no metadata. `longest` is the length of the longest history.
pub fn shape(n_items: usize, n_events: usize, longest: usize) -> Shape {
    let is_dense = n_events >= DENSE * n_items;
    let columns = match n_items {
        ..64 => 16,
        64..512 => 32,
        _ if is_dense => 128,
        _ => 64,
    };
    Shape {
        columns,
        n_heads: (columns / COLUMNS_OF_HEAD).max(2),
        n_blocks: 2,
        max_length: longest.clamp(1, MAX_LENGTH),
        n_item_features: 0,
        n_moment_features: 0,
        dropout: if is_dense { DROPOUT.1 } else { DROPOUT.0 },
    }
}

/// `n_targets` events over `n_items` items.
pub fn plan(shape: &Shape, n_targets: usize, n_items: usize, seed: u64) -> Plan {
    let negatives = (n_items > FULL_SOFTMAX).then_some(NEGATIVES);
    let (columns, length) = (shape.columns as f64, shape.max_length as f64);
    let candidates = negatives.map_or(n_items, |negatives| 2 * negatives) as f64;
    // Forward and back: three products for each.
    let block = 5.0 * columns * columns + columns * length;
    let flops_a_target = 6.0 * (candidates * columns + shape.n_blocks as f64 * block);
    let n_epochs = (FLOPS / (flops_a_target * n_targets.max(1) as f64)) as usize;
    let n_epochs = n_epochs.clamp(EPOCHS.0, EPOCHS.1);
    let tokens_a_step = (n_targets / STEPS_AN_EPOCH).clamp(TOKENS.0, TOKENS.1);
    let n_steps = n_targets.div_ceil(tokens_a_step) * n_epochs;
    Plan {
        seed,
        cutting: Cutting { max_length: shape.max_length, tokens_a_step, n_shards: N_SHARDS },
        adam: AdamConfig { weight_decay: 0.0, ..AdamConfig::default() },
        clip: 5.0,
        negatives,
        rules: Rules {
            n_epochs,
            rate: 5e-3,
            warm_up: (n_steps / 10).min(WARM_UP),
            last_rate: 0.02,
            look_every: 2,
            patience: 4,
            settling: 0.5,
            share_of_time: 0.8,
            keep_every: INTERVAL,
        },
    }
}
