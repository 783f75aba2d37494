use std::collections::BTreeMap;

use crate::params::Params;
use crate::{Hyperparameter, Range, Stage};

const fn chosen(name: &'static str, range: Range) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: None, tunable: true }
}

const fn preset(name: &'static str, range: Range, default: &'static str) -> Hyperparameter {
    Hyperparameter { default: Some(default), ..chosen(name, range) }
}

pub const HYPERPARAMETERS: &[Hyperparameter] = &[
    preset("factors", Range::Integer(1, 512), "64"),
    preset("iterations", Range::Integer(1, 100), "12"),
    chosen("unobserved_weight", Range::Continuous(0.0001, 100.0)),
    chosen("regularization", Range::Continuous(0.000_001, 100.0)),
    preset("frequency_exponent", Range::Continuous(0.0, 1.0), "1.0"),
    chosen("history_length", Range::Integer(1, 200)),
    chosen("half_life", Range::Continuous(0.1, 1000.0)),
    chosen("seen_weight", Range::Continuous(0.0, 1.0)),
];

/// Hyperparameters that are in range; [`super`] says what each means.
#[derive(Clone, Debug, PartialEq)]
pub struct IalsValidParams {
    pub factors: usize,
    pub iterations: usize,
    pub unobserved_weight: f64,
    pub regularization: f64,
    pub frequency_exponent: f64,
    pub history_length: usize,
    pub half_life: f64,
    pub seen_weight: f64,
}

impl IalsValidParams {
    /// `None` if one of them has no value.
    pub fn settled(params: &Params) -> Option<Self> {
        Some(Self {
            factors: params.integer("factors")?,
            iterations: params.integer("iterations")?,
            unobserved_weight: params.continuous("unobserved_weight")?,
            regularization: params.continuous("regularization")?,
            frequency_exponent: params.continuous("frequency_exponent")?,
            history_length: params.integer("history_length")?,
            half_life: params.continuous("half_life")?,
            seen_weight: params.continuous("seen_weight")?,
        })
    }

    /// What is given, and otherwise values from which a search sets out.
    pub fn start(params: &Params) -> Self {
        Self {
            factors: params.integer("factors").unwrap_or(64),
            iterations: params.integer("iterations").unwrap_or(12),
            unobserved_weight: params.continuous("unobserved_weight").unwrap_or(0.1),
            regularization: params.continuous("regularization").unwrap_or(0.003),
            frequency_exponent: params.continuous("frequency_exponent").unwrap_or(1.0),
            history_length: params.integer("history_length").unwrap_or(20),
            half_life: params.continuous("half_life").unwrap_or(5.0),
            seen_weight: params.continuous("seen_weight").unwrap_or(0.0),
        }
    }

    pub fn to_text(&self) -> BTreeMap<String, String> {
        let whole = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let real = |name: &str, value: f64| (name.to_owned(), format!("{value:?}"));
        BTreeMap::from([
            whole("factors", self.factors),
            whole("iterations", self.iterations),
            real("unobserved_weight", self.unobserved_weight),
            real("regularization", self.regularization),
            real("frequency_exponent", self.frequency_exponent),
            whole("history_length", self.history_length),
            real("half_life", self.half_life),
            real("seen_weight", self.seen_weight),
        ])
    }

    /// What the event weighs that `place` events are newer than.
    pub fn event_weight(&self, place: usize) -> f32 {
        (-(place as f64) / self.half_life).exp2() as f32
    }
}
