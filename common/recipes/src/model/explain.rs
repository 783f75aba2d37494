use std::sync::Arc;

/// Why an item has its score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// As [`crate::Model::rank`] gives it.
    pub score: f64,
    /// Their shares sum to the score within rounding.
    pub parts: Vec<Part>,
}

/// Something that a score is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// What an interaction of the asking user brings.
    Event {
        /// Index into [`crate::Query::history`].
        position: usize,
        share: f64,
    },
    /// What it brings that users had this item and the asked one near each other.
    Together {
        share: f64,
        /// What it was counted from, as far as the model has it.
        counts: Option<Box<PairCounts>>,
    },
    /// What it brings that users had a third item near the asked one.
    Through {
        item: u32,
        /// How many users.
        n_users: u32,
        share: f64,
    },
    /// What a column of the asked item's metadata brings.
    Column { name: Arc<str>, share: f64 },
    /// Something counted, and what it adds: the count itself where that is the score, nothing where it does not matter.
    Count { name: &'static str, count: f64, share: f64 },
    /// A term of the recipe's formula that is none of these.
    Term { name: &'static str, share: f64 },
    /// What no single interaction brings.
    Rest { share: f64 },
}

/// How often two items were had, and what became of it: users with both beyond chance, times what each weighs, divided
/// by the discount, are the share of [`Part::Together`].
#[derive(Clone, Debug, PartialEq)]
pub struct PairCounts {
    /// What is counted: users, baskets.
    pub of: &'static str,
    /// With the asked item.
    pub asked: u32,
    /// With this item.
    pub item: u32,
    /// With both.
    pub both: Option<u32>,
    /// With any item.
    pub all: Option<u32>,
    /// What `both` would be if nobody took the one for the other; not taken off where absent.
    pub by_chance: Option<f64>,
    /// What each of those with both weighs on average.
    pub weight: Option<f64>,
    /// What the sum of the weights is divided by.
    pub discount: Option<f64>,
}

impl Part {
    /// What it adds to the score.
    pub fn share(&self) -> f64 {
        match self {
            Self::Event { share, .. }
            | Self::Together { share, .. }
            | Self::Through { share, .. }
            | Self::Column { share, .. }
            | Self::Count { share, .. }
            | Self::Term { share, .. }
            | Self::Rest { share } => *share,
        }
    }
}
