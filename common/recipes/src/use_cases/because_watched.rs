//! aws-vod-because-you-watched-x: what viewers who watched a video watch after it.
//!
//! Order matters: who watched the second part need not be told of the first. Of each viewer's history only the first
//! time that a video was watched counts. Video `j` follows `i` at distance `d` with `1 / d`, up to [`WINDOW`]
//! videos on, and counts `backward` of that where it came before:
//!
//! ```text
//! s(i,j) = c(i,j) / n(j)^b      c(i,j) = Σ_viewers (1 or backward) / d
//! ```
//!
//! where `n(j)` counts viewers. `backward` and `b` are chosen on the training users by what they watched next.
//! Requests leave out what the viewer has watched.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::catalogue::BECAUSE_YOU_WATCHED_X;
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::neighbours::{self, Candidate, Neighbours};
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::Trial;
use crate::transitions::{Counting, Fade, Places, follow_ups};
use crate::{Model, ModelError, ModelFile, ParamError, Progress, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

pub struct BecauseWatched;

/// Videos after one that count as watched because of it.
const WINDOW: usize = 10;

const BACKWARD: [f32; 3] = [0.0, 0.3, 0.6];
const POWERS: [f32; 4] = [0.2, 0.35, 0.5, 0.0];

impl Recipe for BecauseWatched {
    fn info(&self) -> &'static RecipeInfo {
        &BECAUSE_YOU_WATCHED_X
    }

    fn check(&self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        Params::check(self.info(), hyperparameters).map(|_| ())
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let n_items = task.dataset.items().len();
        let prepare = |training: &Histories| choose(training, n_items, task.seed, task.progress);
        let fit = |choice: &Choice, histories: &Histories| {
            let counts = count(histories, n_items, choice.backward, task.progress)?;
            rows(&counts, Popular::count(histories, n_items), choice.power, task.progress)
        };
        neighbours::train(self.info(), task, params.to_text(), prepare, fit)
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        neighbours::open(self.info(), files)
    }
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    backward: f32,
    power: f32,
}

fn choose(histories: &Histories, n_items: usize, seed: u64, progress: &dyn Progress) -> Result<Choice, TrainError> {
    let trial = Trial::draw(histories, seed);
    let popular = Popular::count(&trial.histories, n_items);
    let mut best = (f64::NEG_INFINITY, Choice { backward: BACKWARD[0], power: POWERS[0] });
    for backward in BACKWARD {
        let counts = count(&trial.histories, n_items, backward, progress)?;
        for power in POWERS {
            let score = trial.ndcg(&rows(&counts, popular.clone(), power, progress)?, progress)?;
            if score > best.0 {
                best = (score, Choice { backward, power });
            }
        }
    }
    Ok(best.1)
}

/// What followed what. Cost `O(n_events · WINDOW)`.
pub(super) fn count(
    histories: &Histories,
    n_items: usize,
    backward: f32,
    progress: &dyn Progress,
) -> Result<SparseRows, TrainError> {
    let firsts = firsts(histories);
    let counting = Counting { window: WINDOW, backward_weight: backward, fade: Fade::NONE };
    follow_ups(&firsts, &Places::of(&firsts, n_items), &counting, None, progress)
}

/// Each viewer's videos by the first time; times of day do not matter here.
fn firsts(histories: &Histories) -> Histories {
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for user in histories.users() {
        let mut seen = HashSet::new();
        items.extend(histories.items_of(user).iter().filter(|item| seen.insert(**item)));
        offsets.push(items.len());
    }
    let n_events = items.len();
    Histories::new(offsets, items, vec![0; n_events])
}

pub(super) fn rows(
    counts: &SparseRows,
    popular: Popular,
    power: f32,
    progress: &dyn Progress,
) -> Result<Neighbours, TrainError> {
    let discount: Vec<f32> = popular.n_users().iter().map(|n_users| (*n_users).max(1) as f32).collect();
    let discount: Vec<f32> = discount.into_iter().map(|n_users| n_users.powf(power)).collect();
    Neighbours::build(
        popular,
        progress,
        || (),
        |(), item, list| {
            let (others, counts) = counts.row(item as u32);
            list.extend(others.iter().zip(counts).map(|(other, count)| Candidate {
                last: false,
                item: *other,
                score: count / discount[*other as usize],
            }));
        },
    )
}
