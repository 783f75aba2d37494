//! What a model is to those who store and ask it, and the files that it consists of.

mod explain;
mod items;
mod manifest;
mod pages;
mod rows;
mod served;
mod without;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub use explain::{Explanation, PairCounts, Part};
pub use pages::UserPage;
pub use without::without_users;

pub(crate) use items::ItemSide;
pub(crate) use manifest::{Contents, Manifest, sha256};
pub(crate) use pages::UserSide;
pub(crate) use rows::{SparseRows, numbers};
pub(crate) use served::{Scorer, Served};

use crate::{ItemSet, Segments, Trends};

/// One file of a model, by its name within the model's folder.
#[derive(Clone, Debug)]
pub struct ModelFile {
    pub name: String,
    pub content: Bytes,
    /// The user side: not loaded when the model is opened, but read by range, a page at a time.
    pub paged: bool,
}

/// Where the state of a user stands: a range of one of the paged files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserPageRef {
    pub file: Arc<str>,
    pub range: Range<u64>,
}

/// An interaction of the asking user with an item that the model knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Row of the item, from [`Model::item_index`].
    pub item: u32,
    /// Seconds since the Unix epoch.
    pub timestamp_s: i64,
}

/// Metadata of one user or of the moment of a request: the upper-case name of the column, and the value as it
/// is written in a dataset (`a|b` for several).
pub type Record = BTreeMap<String, String>;

/// What a model made of a user at training, so that it need not go through the history again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserState<'a> {
    /// As [`UserPage::state`] gives it.
    pub bytes: &'a [u8],
    /// What the user did since, oldest first; also part of [`Query::history`].
    pub newer: &'a [Event],
}

/// How much of an answer is to be learned from, for recipes that explore.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration<'a> {
    /// 0: relevance alone; 1: every place is open to new items.
    pub weight: f64,
    /// An item is new up to so many days before the newest interaction of the dataset.
    pub age_cut_off_days: f64,
    /// Answers differ by it, and by nothing else that is drawn.
    pub seed: u64,
    /// Items that the user was shown and did not choose, as often as that happened. Each time halves the draw.
    pub passed_over: &'a [u32],
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// The user's interactions, oldest first: those at training and the streamed ones. Empty for a user
    /// nothing is known of.
    pub history: &'a [Event],
    /// For models whose pages hold states. Without it they go through the history.
    pub state: Option<UserState<'a>>,
    /// Which visit each of the newest events was of, as far as that is known: numbers that are equal for events of one
    /// visit and for no others. The last one is that of the last event of [`UserState::newer`], or without a state of
    /// `history`; the events in front of them are cut into visits by their times.
    pub visits: &'a [u32],
    /// The query item of related-items recipes, if the model knows it.
    pub item: Option<u32>,
    /// What [`Model::recommend`] may answer with; `None`: every item. Scores are the same either way.
    /// [`Model::rank`] does not look at it.
    pub allowed: Option<&'a ItemSet>,
    /// What the Users dataset says of the user now, for recipes that read it
    /// ([`crate::Reads::users`]).
    pub user: Option<&'a Record>,
    /// Contextual metadata of the request, for recipes that read it ([`crate::Reads::context`]).
    pub context: Option<&'a Record>,
    /// Recipes that explore put new items into the answer of [`Model::recommend`]. `None`: relevance alone.
    pub exploration: Option<Exploration<'a>>,
}

impl Query<'_> {
    pub(crate) fn allows(&self, item: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.contains(item))
    }
}

/// An item and its score; recipes without scores leave it out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    pub item: u32,
    pub score: Option<f32>,
    /// Whether it has its place to be learned about ([`Query::exploration`]), not for its relevance.
    pub explored: bool,
}

impl Scored {
    /// An item that has its place for its relevance.
    pub fn new(item: u32, score: Option<f32>) -> Self {
        Self { item, score, explored: false }
    }
}

/// A model ready to answer.
pub trait Model: Send + Sync {
    fn n_items(&self) -> usize;

    fn item_index(&self, item_id: &str) -> Option<u32>;

    /// # Panics
    /// If `item` is not below [`Model::n_items`].
    fn item_id(&self, item: u32) -> &str;

    /// The page that holds this user's history, if the recipe keeps one and the user may be in it.
    fn user_page(&self, user_id: &str) -> Option<UserPageRef>;

    /// Reads a page from the bytes of its range.
    fn open_user_page(&self, page: &UserPageRef, content: Bytes) -> Result<UserPage, ModelError>;

    /// The best `k` items of those that the query allows, best first; ties by item row upwards. Fewer only if there are not so many.
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored>;

    /// A score for each of `items`, in their order; higher is better. Whether the recipe may be asked for
    /// this is [`crate::RecipeInfo::ranks`].
    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32>;

    /// What the score of an item is made of; `None` if the recipe does not tell.
    fn explain(&self, _query: &Query<'_>, _item: u32) -> Option<Explanation> {
        None
    }

    /// How the answers follow what happens after the training; `None` if they do not, or only by [`Query`].
    fn trends(&self) -> Option<&dyn Trends> {
        None
    }

    /// How the model finds users; `None` if it does not.
    fn segments(&self) -> Option<&dyn Segments> {
        None
    }

    /// Bytes held in memory.
    fn resident_bytes(&self) -> usize;
}

/// Why a model cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("model file `{0}` is missing")]
    Missing(String),
    #[error("model file `{name}` is damaged: {reason}")]
    Damaged { name: String, reason: String },
    #[error("model has format version {found}; this program reads up to {supported}")]
    Version { found: u64, supported: u64 },
    #[error("model is of recipe {found}, not {expected}")]
    Recipe { found: String, expected: &'static str },
}

impl ModelError {
    pub(crate) fn damaged(name: &str, reason: impl ToString) -> Self {
        Self::Damaged { name: name.into(), reason: reason.to_string() }
    }
}
