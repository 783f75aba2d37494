use super::loans::Loans;
use crate::dataset::Histories;
use crate::event_weights::Weighing;
use crate::ridge::Design;
use crate::{Progress, TrainError, TrainingTask};

/// Items with metadata up to which there are loans. Those of the 92,000 products of the demo take some ten seconds of two
/// cores ([`super::spread`]).
const MAX_DESCRIBED: usize = 200_000;

/// What transitions are learned from beside histories.
pub struct Source<'a> {
    pub n_items: usize,
    pub weighing: Weighing<'a>,
    /// The metadata of items, if anything is recorded of them.
    design: Option<&'a Design<'a>>,
    seed: u64,
}

impl<'a> Source<'a> {
    /// The events of a dataset by their weights.
    pub fn events(task: &TrainingTask<'a>, n_items: usize) -> Self {
        Self { n_items, weighing: Weighing::of(task.dataset, task.event_weights), design: None, seed: task.seed }
    }

    /// And the metadata of its items, a row for each.
    pub fn with_metadata(self, design: Option<&'a Design<'a>>) -> Self {
        Self { design, ..self }
    }

    /// Who borrows from whom, if anybody can.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn loans(&self, histories: &Histories, progress: &dyn Progress) -> Result<Option<Loans>, TrainError> {
        let design = self.design.filter(|design| design.features.rows.n_rows() <= MAX_DESCRIBED);
        design.map(|design| Loans::of(design, histories, self.seed, progress)).transpose()
    }
}
