//! What networks over sequences of items are trained and asked with: products, layers with their gradients,
//! losses, a learner, batches and training.
//!
//! Everything is flat `f32`, row by row. A batch is a fixed number of [`Shard`]s, each of which holds whole
//! sequences one after the other without padding and is run on one thread; gradients are added in the order of
//! the shards, so the number of threads does not show in a model. Layers are free functions; each backward
//! function *adds* to the gradients of weights and *writes* those of its input, and is held against finite
//! differences in its tests.
//!
//! | module         | what                                                                               |
//! |----------------|------------------------------------------------------------------------------------|
//! | [`blocks`]     | blocks of sums that stay in registers                                              |
//! | [`matmul`]     | matrix products                                                                    |
//! | [`widest`]     | loops in the widest vectors of the machine                                         |
//! | [`elementwise`]| such loops over numbers                                                            |
//! | [`parameters`] | named weights in one flat array                                                    |
//! | [`norm`]       | root mean square normalisation                                                     |
//! | [`dropout`]    | dropout                                                                            |
//! | [`softmax`]    | cross-entropy over a table of items, fused, a tile of tokens at a time             |
//! | [`adam`]       | Adam with decoupled weight decay                                                   |
//! | [`batch`]      | cutting histories into sequences, sequences into shards                            |
//! | [`coarse`]     | the search for the greatest inner products with a large table                      |
//! | [`shares`]     | answers from logits                                                                |
//! | [`items`]      | vectors of items that are also made of their features                              |
//! | [`blend`]      | how much of an answer is the network's and how much that of transitions            |
//! | [`returns`]    | items that users come back to                                                      |
//! | [`allowance`]  | how many epochs there is time for                                                  |
//! | [`checkpoint`] | what is kept of a training that is cut off                                         |
//! | [`store`]      | weights as a file                                                                  |
//! | [`learning`]   | the loop of epochs: rates, judging, settling, time, checkpoints, divergence        |
//! | [`train`]      | epochs of steps over packed sequences                                              |

pub mod adam;
pub mod allowance;
pub mod batch;
pub mod blend;
pub mod blocks;
pub mod checkpoint;
pub mod coarse;
#[cfg(test)]
pub mod differences;
pub mod dropout;
pub mod elementwise;
pub mod items;
pub mod learning;
pub mod matmul;
pub mod norm;
pub mod parameters;
pub mod returns;
pub mod shares;
pub mod softmax;
pub mod store;
pub mod train;
pub mod widest;
