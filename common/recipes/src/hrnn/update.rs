//! New items and new events in a model that is not learned anew.

use super::body::Shape;
use super::encode::Encoding;
use super::fresh::Fresh;
use super::items::Items;
use super::metadata::described;
use super::scorer::{Alone, Hrnn};
use super::store::{self, Settings};
use super::weights::Weights;
use super::window::{NONE, Reading};
use super::worth::Worth;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, SparseRows};
use crate::neural::store::round;
use crate::refresh::Refresh;
use crate::ridge::Design;
use crate::transitions::{Fitted as Transitions, Source, TransitionsValidParams};
use crate::{IdMap, ModelError, RecipeInfo, TrainError, TrainingTask};

/// A model with what is new.
pub struct Updated {
    pub ids: IdMap,
    /// The dataset's, with the model's rows of items.
    pub histories: Histories,
    pub settings: Settings,
    pub scorer: Hrnn,
    pub item_features: Vec<f32>,
    /// By user of `histories`, what pages keep.
    pub states: Vec<Vec<u8>>,
}

/// Items of the dataset that the model does not know come after its own, with the vectors that their features give;
/// features of which the model knows nothing are passed over. Transitions and popularity are counted anew, and states
/// go through the histories as they are now. The network's weights, the blend and the pause between sessions stay.
pub fn update(contents: &Contents, info: &RecipeInfo, task: &TrainingTask<'_>) -> Result<Updated, TrainError> {
    let (dataset, progress) = (task.dataset, task.progress);
    let mut settings = Settings::read(contents)?;
    let side = ItemSide::read(contents)?;
    let (old, item_features) = store::read(contents, &settings, &side)?;
    let d = old.network.d;
    let Refresh { ids, n_known, rows, histories } = Refresh::of(dataset, side.ids, true)?;
    let items = Items { width: d + 1, own: Vec::new(), trust: Vec::new(), features: item_features };
    let of_items = settings.item_features.rows(dataset.item_columns());
    let mut vectors = old.network.vectors;
    for row in &rows[n_known..] {
        vectors.extend(items.of_features(&of_items, *row));
    }
    round(&mut vectors);
    let fresh = Fresh::of(dataset, &ids, &histories, &rows);
    settings.newest_s = Some(fresh.newest_s);
    let config = TransitionsValidParams::from_text(&settings.transitions).ok_or_else(|| {
        let reason = "transitions lack a hyperparameter".into();
        TrainError::Model(ModelError::Damaged { name: "hrnn.json".into(), reason })
    })?;
    let described = described(dataset, info, &rows);
    let design = described.as_ref().map(Design::new);
    let source = Source::events(task, ids.len()).with_metadata(design.as_ref());
    let transitions = Transitions::learn(&histories, &source, &config, progress)?;
    let network = Alone { vectors, ..old.network };
    let worth = Worth::of(dataset, &rows, task.objective);
    let scorer =
        Hrnn { network, transitions, worth, fresh: Some(fresh), blend: old.blend, gives_scores: old.gives_scores };
    let of_users = settings.user_features.rows(dataset.user_columns());
    let states = states(&scorer.network, settings.shape(), task, &histories, &of_users)?;
    Ok(Updated { ids, histories, settings, scorer, item_features: items.features, states })
}

fn states(
    network: &Alone,
    shape: Shape,
    task: &TrainingTask<'_>,
    histories: &Histories,
    of_users: &SparseRows,
) -> Result<Vec<Vec<u8>>, TrainError> {
    let dataset = task.dataset;
    let items = Items { width: network.d + 1, own: Vec::new(), trust: Vec::new(), features: Vec::new() };
    let weights = Weights { shape, items, body: network.body.clone() };
    let reading = Reading {
        histories,
        gap_s: network.gap_s,
        user_row: &|user| user as u32,
        context_row: &|_, _| NONE,
        same_visit: &|user, place| dataset.is_same_visit(dataset.interactions_of(user).start + place),
        weight: &|_| 0.0,
    };
    let users: Vec<usize> = histories.users().collect();
    let (weights, vectors, reading, users) = (&weights, &network.vectors, &reading, &users);
    Encoding { weights, vectors, reading, of_users, users, progress: task.progress }.states()
}
