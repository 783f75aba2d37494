//! New items and new events in a model that is not learned anew.

use super::items::fill;
use super::new::new_items;
use super::scorer::{Scores, Sequence};
use super::store::{self, Settings};
use crate::dataset::Histories;
use crate::hrnn::metadata::described;
use crate::model::{Contents, ItemSide};
use crate::neural::items::add_features;
use crate::neural::store::round;
use crate::neural::train::Weights;
use crate::refresh::Refresh;
use crate::ridge::Design;
use crate::transitions::{Fitted, Source};
use crate::{IdMap, RecipeInfo, TrainError, TrainingTask};

/// A model with what is new.
pub struct Updated {
    pub ids: IdMap,
    /// The dataset's, with the model's rows of items.
    pub histories: Histories,
    pub scorer: Scores,
    pub settings: Settings,
}

/// Items of the dataset that the model does not know come after its own, with the vectors that their features give;
/// features of which the model knows nothing are passed over. A model that knows nothing of any item takes in those
/// alone that somebody turned to. Transitions and popularity are counted anew. The weights of the network and the blend
/// stay.
pub fn update(contents: &Contents, info: &RecipeInfo, task: &TrainingTask<'_>) -> Result<Updated, TrainError> {
    let dataset = task.dataset;
    let settings = Settings::read(contents)?;
    let side = ItemSide::read(contents)?;
    let transitions = settings.config()?;
    let slot_of = |scorer: &Scores| scorer.sequence.network.item_features();
    let old = store::read(contents, &settings, &side)?;
    let Refresh { ids, n_known, rows, histories } = Refresh::of(dataset, side.ids, slot_of(&old).is_some())?;
    let Sequence { network, weights: Weights { body, mut table }, moments, seen_weight, .. } = old.sequence;
    let columns = network.shape.columns;
    table.resize(ids.len() * columns, 0.0);
    let of_items = settings.item_features.rows(dataset.item_columns());
    let of = |item: usize| rows[item].filter(|row| *row < of_items.n_rows()).map(|row| row as u32);
    if let Some(slot) = network.item_features() {
        for (item, vector) in table.chunks_exact_mut(columns).enumerate().skip(n_known) {
            if let Some(row) = of(item) {
                add_features(&of_items, &[row], slot.of(&body), columns, vector);
            }
        }
    }
    fill(&mut table, columns, n_known, |item| of(item).is_some_and(|row| !of_items.row(row).0.is_empty()));
    let mut weights = Weights { body, table };
    round(&mut weights.table);
    let described = described(dataset, info, &rows);
    let design = described.as_ref().map(Design::new);
    let source = Source::events(task, ids.len()).with_metadata(design.as_ref());
    let scorer = Scores {
        sequence: Sequence::new(network, weights, moments, seen_weight),
        transitions: Fitted::learn(&histories, &source, &transitions, task.progress)?,
        blend: old.blend,
        new_items: new_items(dataset, &ids, &histories, &rows),
    };
    let settings = Settings::of(&scorer, &transitions, &settings.item_features);
    Ok(Updated { ids, histories, scorer, settings })
}
