use std::collections::BTreeMap;

use crate::params::Params;
use crate::{Hyperparameter, Range, Stage};

const fn chosen(name: &'static str, range: Range) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: None, tunable: true }
}

const fn fixed(name: &'static str, range: Range, default: &'static str) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: Some(default), tunable: false }
}

pub const HYPERPARAMETERS: &[Hyperparameter] = &[
    // Below 1, what users have in common drowns in rounding.
    chosen("regularization", Range::Continuous(1.0, 1_000_000.0)),
    chosen("history_length", Range::Integer(1, 1000)),
    chosen("half_life", Range::Continuous(0.1, 1000.0)),
    chosen("seen_weight", Range::Continuous(0.0, 1.0)),
    fixed("weights_per_item", Range::Integer(10, 30_000), "500"),
    fixed("exact_items", Range::Integer(0, 30_000), "30000"),
];

/// Hyperparameters that are in range; [`super`] says what each means.
#[derive(Clone, Debug, PartialEq)]
pub struct EaseValidParams {
    pub regularization: f64,
    pub history_length: usize,
    pub half_life: f64,
    pub seen_weight: f64,
    pub weights_per_item: usize,
    pub exact_items: usize,
}

impl EaseValidParams {
    /// `None` if one of them has no value.
    pub fn settled(params: &Params) -> Option<Self> {
        Some(Self {
            regularization: params.continuous("regularization")?,
            history_length: params.integer("history_length")?,
            half_life: params.continuous("half_life")?,
            seen_weight: params.continuous("seen_weight")?,
            weights_per_item: params.integer("weights_per_item")?,
            exact_items: params.integer("exact_items")?,
        })
    }

    /// What is given, and otherwise values from which a search sets out.
    pub fn start(params: &Params) -> Self {
        Self {
            regularization: params.continuous("regularization").unwrap_or(500.0),
            history_length: params.integer("history_length").unwrap_or(20),
            half_life: params.continuous("half_life").unwrap_or(3.0),
            seen_weight: params.continuous("seen_weight").unwrap_or(0.0),
            weights_per_item: params.integer("weights_per_item").unwrap_or(500),
            exact_items: params.integer("exact_items").unwrap_or(30_000),
        }
    }

    pub fn to_text(&self) -> BTreeMap<String, String> {
        let whole = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let real = |name: &str, value: f64| (name.to_owned(), format!("{value:?}"));
        BTreeMap::from([
            real("regularization", self.regularization),
            whole("history_length", self.history_length),
            real("half_life", self.half_life),
            real("seen_weight", self.seen_weight),
            whole("weights_per_item", self.weights_per_item),
            whole("exact_items", self.exact_items),
        ])
    }

    /// What the event weighs that `place` events are newer than.
    pub fn event_weight(&self, place: usize) -> f32 {
        (-(place as f64) / self.half_life).exp2() as f32
    }
}
