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
    Together { share: f64 },
    /// What a column of the asked item's metadata brings.
    Column { name: Arc<str>, share: f64 },
    /// Something counted, and what it adds: the count itself where that is the score, nothing where it does not matter.
    Count { name: &'static str, count: f64, share: f64 },
    /// A term of the recipe's formula that is none of these.
    Term { name: &'static str, share: f64 },
    /// What no single interaction brings.
    Rest { share: f64 },
}

impl Part {
    /// What it adds to the score.
    pub fn share(&self) -> f64 {
        match self {
            Self::Event { share, .. }
            | Self::Together { share }
            | Self::Column { share, .. }
            | Self::Count { share, .. }
            | Self::Term { share, .. }
            | Self::Rest { share } => *share,
        }
    }
}
