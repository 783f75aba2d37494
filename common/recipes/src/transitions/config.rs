use std::collections::BTreeMap;

use super::count::Counting;
use crate::params::Params;
use crate::{Hyperparameter, Range, Stage};

const fn chosen(name: &'static str, range: Range) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: None, tunable: true }
}

pub const HYPERPARAMETERS: &[Hyperparameter] = &[
    chosen("window", Range::Integer(1, 100)),
    chosen("backward_weight", Range::Continuous(0.0, 1.0)),
    chosen("fade_days", Range::Continuous(0.0, 3650.0)),
    chosen("query_fade_days", Range::Continuous(0.0, 3650.0)),
    chosen("count_power", Range::Continuous(0.1, 1.0)),
    chosen("from_power", Range::Continuous(0.0, 1.0)),
    chosen("to_power", Range::Continuous(0.0, 1.0)),
    chosen("history_length", Range::Integer(1, 100)),
    chosen("half_life", Range::Continuous(0.1, 100.0)),
    chosen("seen_weight", Range::Continuous(0.0, 1.0)),
    chosen("borrowed_events", Range::Continuous(0.0, 1000.0)),
    // Never 0: popularity is what puts items in order that no event leads to.
    Hyperparameter { default: Some("1.0"), ..chosen("smoothing", Range::Continuous(0.01, 1000.0)) },
];

/// Hyperparameters that are in range; [`super`] says what each means.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionsValidParams {
    pub window: usize,
    pub backward_weight: f64,
    pub fade_days: f64,
    pub query_fade_days: f64,
    pub count_power: f64,
    pub from_power: f64,
    pub to_power: f64,
    pub history_length: usize,
    pub half_life: f64,
    pub seen_weight: f64,
    pub borrowed_events: f64,
    pub smoothing: f64,
}

impl TransitionsValidParams {
    /// `None` if one of them has no value.
    pub fn settled(params: &Params) -> Option<Self> {
        Some(Self {
            window: params.integer("window")?,
            backward_weight: params.continuous("backward_weight")?,
            fade_days: params.continuous("fade_days")?,
            query_fade_days: params.continuous("query_fade_days")?,
            count_power: params.continuous("count_power")?,
            from_power: params.continuous("from_power")?,
            to_power: params.continuous("to_power")?,
            history_length: params.integer("history_length")?,
            half_life: params.continuous("half_life")?,
            seen_weight: params.continuous("seen_weight")?,
            borrowed_events: params.continuous("borrowed_events")?,
            smoothing: params.continuous("smoothing")?,
        })
    }

    /// What is given, and otherwise values from which a search sets out.
    pub fn start(params: &Params) -> Self {
        Self {
            window: params.integer("window").unwrap_or(10),
            backward_weight: params.continuous("backward_weight").unwrap_or(0.3),
            fade_days: params.continuous("fade_days").unwrap_or(0.0),
            query_fade_days: params.continuous("query_fade_days").unwrap_or(0.0),
            count_power: params.continuous("count_power").unwrap_or(0.6),
            from_power: params.continuous("from_power").unwrap_or(0.5),
            to_power: params.continuous("to_power").unwrap_or(0.05),
            history_length: params.integer("history_length").unwrap_or(10),
            half_life: params.continuous("half_life").unwrap_or(2.0),
            seen_weight: params.continuous("seen_weight").unwrap_or(0.0),
            borrowed_events: params.continuous("borrowed_events").unwrap_or(0.0),
            smoothing: params.continuous("smoothing").unwrap_or(1.0),
        }
    }

    pub fn to_text(&self) -> BTreeMap<String, String> {
        let whole = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let real = |name: &str, value: f64| (name.to_owned(), format!("{value:?}"));
        BTreeMap::from([
            whole("window", self.window),
            real("backward_weight", self.backward_weight),
            real("fade_days", self.fade_days),
            real("query_fade_days", self.query_fade_days),
            real("count_power", self.count_power),
            real("from_power", self.from_power),
            real("to_power", self.to_power),
            whole("history_length", self.history_length),
            real("half_life", self.half_life),
            real("seen_weight", self.seen_weight),
            real("borrowed_events", self.borrowed_events),
            real("smoothing", self.smoothing),
        ])
    }

    /// The part of them that the counts depend on.
    pub fn counting(&self) -> Counting {
        Counting { window: self.window, backward_weight: self.backward_weight as f32, fade: self.fade() }
    }

    fn fade(&self) -> Fade {
        Fade { days: self.fade_days }
    }

    /// What the event weighs that `place` events are newer than, and the newest by so many seconds.
    pub fn event_weight(&self, place: usize, age_s: i64) -> f32 {
        let of_place = (-(place as f64) / self.half_life).exp2() as f32;
        of_place * Fade { days: self.query_fade_days }.after(age_s)
    }
}

/// How time takes weight away: by `1 / (1 + Δt / days)`. A power of ½ forgets too much of what is long ago: it found
/// less on MovieLens 1M and on Amazon's reviews, whatever its half-life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fade {
    /// After which half is left; 0 if all stays.
    pub days: f64,
}

impl Fade {
    pub const NONE: Self = Self { days: 0.0 };

    pub fn is_none(self) -> bool {
        self.days == 0.0
    }

    /// What is left after some seconds; all of it if there are none.
    pub fn after(self, seconds: i64) -> f32 {
        if self.is_none() { 1.0 } else { (1.0 / (1.0 + seconds.max(0) as f64 / (self.days * 86_400.0))) as f32 }
    }
}
