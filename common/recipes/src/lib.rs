//! Recipes: what a dataset looks like in memory, how each recipe learns from it, how a model is judged,
//! stored and asked.
//!
//! Bytes and arrays in, bytes and arrays out: this crate knows no network, clock, file path or async
//! runtime. Data comes as Parquet parts ([`parts`]), becomes a [`Dataset`], is learned from by a
//! [`Recipe`], and leaves as [`ModelFile`]s, which [`Recipe::open`] turns into a [`Model`] that answers.

mod affinity;
mod catalogue;
mod cholesky;
#[cfg(test)]
mod contract;
mod dataset;
mod ease;
mod evaluate;
mod event_index;
mod event_weights;
mod features;
mod hrnn;
mod ials;
mod item_set;
mod lanes;
mod model;
mod neighbours;
mod neural;
mod params;
pub mod parts;
mod popularity;
mod rank;
mod recipe;
mod refresh;
mod ridge;
mod search;
mod session_knn;
mod similar_items;
mod sims;
mod spectral;
mod sums;
mod training;
mod transformer;
mod transitions;
mod trending;
pub mod tune;
mod use_cases;

pub use affinity::{Segment, Segments, Target, UserRows};
pub use catalogue::{Domain, Hyperparameter, Range, Reads, RecipeInfo, RecipeType, Stage, catalogue, describe};
pub use dataset::{
    Categorical, ColumnChoice, ColumnData, ColumnKind, Columns, Dataset, DatasetError, DatasetParts, IdMap,
    IntervalCounter, Selection, Text, TimedPart,
};
pub use evaluate::{AtCutoff, Breakdown, Figure, Figures, Group, NamedFigures, Report, Search, Trial};
pub use event_index::{EventIndex, EventPage, IndexFiles, TypedEvent};
pub use event_weights::{EventChoice, EventWeight};
pub use item_set::ItemSet;
pub use model::{
    Event, Explanation, Exploration, Model, ModelError, ModelFile, PairCounts, Part, Query, Record, Scored, UserPage,
    UserPageRef, UserState, without_users,
};
pub use recipe::{Objective, ParamError, Progress, Recipe, Sensitivity, TrainError, Trained, TrainingTask, recipe};
pub use trending::{Intervals, ItemCounts, Schedule, Trends};
