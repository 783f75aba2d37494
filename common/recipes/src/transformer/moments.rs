//! What is known of who asks and when, as features: those of the user, then those of the moment.

use crate::dataset::Histories;
use crate::hrnn::features::Features;
use crate::hrnn::metadata::Metadata;
use crate::model::SparseRows;
use crate::{Dataset, Query};

type Row = (Vec<u32>, Vec<f32>);

/// The features of requests.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    pub users: Features,
    pub contexts: Features,
}

impl Moments {
    pub fn of(metadata: &Metadata) -> Self {
        Self { users: metadata.users.clone(), contexts: metadata.contexts.clone() }
    }

    pub fn n_features(&self) -> usize {
        self.users.len() + self.contexts.len()
    }

    /// One row, which has no features if the request tells nothing that is known.
    pub fn of_query(&self, query: &Query<'_>) -> SparseRows {
        let user = query.user.map(|user| self.users.of_record(user)).unwrap_or_default();
        let context = query.context.map(|context| self.contexts.of_record(context)).unwrap_or_default();
        SparseRows::from_rows([self.joined(user, context)])
    }

    fn joined(&self, mut user: Row, context: Row) -> Row {
        let n_users = self.users.len() as u32;
        user.0.extend(context.0.iter().map(|feature| n_users + feature));
        user.1.extend(context.1);
        user
    }

    /// The features of the user, and of event `place` of the user, in histories of the dataset, however they were cut.
    pub fn of_event(
        &self,
        (dataset, metadata): (&Dataset, &Metadata),
        histories: &Histories,
        user: usize,
        place: usize,
    ) -> Row {
        let row = |rows: &SparseRows, at: usize| match at < rows.n_rows() {
            true => {
                let (features, weights) = rows.row(at as u32);
                (features.to_vec(), weights.to_vec())
            }
            false => Row::default(),
        };
        let user = histories.row_of(user);
        let interaction = dataset.interactions_of(user).start + place;
        self.joined(row(&metadata.of_users, user), row(&metadata.of_contexts, interaction))
    }
}
