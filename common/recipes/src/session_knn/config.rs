use std::collections::BTreeMap;

use crate::params::Params;
use crate::{Hyperparameter, Range, Stage};

const fn chosen(name: &'static str, range: Range) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: None, tunable: true }
}

const fn fixed(name: &'static str, range: Range, default: &'static str) -> Hyperparameter {
    Hyperparameter { name, stage: Stage::Algorithm, range, default: Some(default), tunable: true }
}

pub const HYPERPARAMETERS: &[Hyperparameter] = &[
    // Up to a year.
    chosen("session_gap_minutes", Range::Integer(0, 525_600)),
    fixed("sessions_per_item", Range::Integer(1, 10_000), "1000"),
    fixed("neighbours", Range::Integer(1, 10_000), "100"),
    fixed("query_length", Range::Integer(1, 100), "7"),
    chosen("half_life", Range::Continuous(0.0, 100.0)),
    chosen("length_power", Range::Continuous(0.0, 1.0)),
    chosen("fade_days", Range::Continuous(0.0, 3650.0)),
    chosen("spread", Range::Continuous(0.0, 100.0)),
    chosen("idf_power", Range::Continuous(0.0, 5.0)),
    chosen("seen_weight", Range::Continuous(0.0, 1.0)),
];

/// Hyperparameters that are in range; [`super`] says what each means.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionKnnValidParams {
    pub session_gap_minutes: usize,
    pub sessions_per_item: usize,
    pub neighbours: usize,
    pub query_length: usize,
    pub half_life: f64,
    pub length_power: f64,
    pub fade_days: f64,
    pub spread: f64,
    pub idf_power: f64,
    pub seen_weight: f64,
}

impl SessionKnnValidParams {
    /// `None` if one of them has no value.
    pub fn settled(params: &Params) -> Option<Self> {
        Some(Self {
            session_gap_minutes: params.integer("session_gap_minutes")?,
            sessions_per_item: params.integer("sessions_per_item")?,
            neighbours: params.integer("neighbours")?,
            query_length: params.integer("query_length")?,
            half_life: params.continuous("half_life")?,
            length_power: params.continuous("length_power")?,
            fade_days: params.continuous("fade_days")?,
            spread: params.continuous("spread")?,
            idf_power: params.continuous("idf_power")?,
            seen_weight: params.continuous("seen_weight")?,
        })
    }

    /// What is given, and otherwise VMIS-kNN, from which a search sets out.
    pub fn start(params: &Params) -> Self {
        Self {
            session_gap_minutes: params.integer("session_gap_minutes").unwrap_or(30),
            sessions_per_item: params.integer("sessions_per_item").unwrap_or(1000),
            neighbours: params.integer("neighbours").unwrap_or(100),
            query_length: params.integer("query_length").unwrap_or(7),
            half_life: params.continuous("half_life").unwrap_or(0.0),
            length_power: params.continuous("length_power").unwrap_or(0.0),
            fade_days: params.continuous("fade_days").unwrap_or(0.0),
            spread: params.continuous("spread").unwrap_or(0.0),
            idf_power: params.continuous("idf_power").unwrap_or(1.0),
            seen_weight: params.continuous("seen_weight").unwrap_or(0.0),
        }
    }

    pub fn to_text(&self) -> BTreeMap<String, String> {
        let whole = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let real = |name: &str, value: f64| (name.to_owned(), format!("{value:?}"));
        BTreeMap::from([
            whole("session_gap_minutes", self.session_gap_minutes),
            whole("sessions_per_item", self.sessions_per_item),
            whole("neighbours", self.neighbours),
            whole("query_length", self.query_length),
            real("half_life", self.half_life),
            real("length_power", self.length_power),
            real("fade_days", self.fade_days),
            real("spread", self.spread),
            real("idf_power", self.idf_power),
            real("seen_weight", self.seen_weight),
        ])
    }

    /// The longest pause within a session; `None` if no pause ends one.
    pub fn gap_s(&self) -> Option<i64> {
        (self.session_gap_minutes > 0).then_some(60 * self.session_gap_minutes as i64)
    }

    /// `w(p)`, for so many events with so many items.
    pub fn place_weight(&self, place: usize, n_events: usize, n_items: usize) -> f32 {
        if self.half_life == 0.0 {
            (n_events - place) as f32 / n_items as f32
        } else {
            (-(place as f64) / self.half_life).exp2() as f32
        }
    }

    /// `λ(p*)`
    pub fn match_weight(&self, place: usize) -> f32 {
        if self.half_life == 0.0 { (1.0 - 0.1 * (place + 1) as f32).max(0.0) } else { 1.0 }
    }

    /// What its length leaves of a neighbour.
    pub fn length_weight(&self, n_items: usize) -> f32 {
        if self.length_power == 0.0 { 1.0 } else { (n_items.max(1) as f64).powf(-self.length_power) as f32 }
    }

    /// What its age leaves of a neighbour.
    pub fn age_weight(&self, age_s: i64) -> f32 {
        let days = age_s.max(0) as f64 / 86_400.0;
        if self.fade_days == 0.0 { 1.0 } else { (-days / self.fade_days).exp2() as f32 }
    }

    /// What an item of a neighbour counts that is so many places from the newest shared one.
    pub fn near(&self, distance: usize) -> f32 {
        if self.spread == 0.0 { 1.0 } else { (-(distance as f64) / self.spread).exp2() as f32 }
    }

    /// What an item counts that so many of all sessions hold.
    pub fn rarity(&self, n_sessions: u32, n_all: u32) -> f32 {
        let idf = (f64::from(n_all) / f64::from(n_sessions.max(1))).ln().max(0.0);
        if self.idf_power == 0.0 { 1.0 } else { idf.powf(self.idf_power) as f32 }
    }
}
