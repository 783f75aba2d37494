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

use std::collections::HashSet;
use std::sync::Arc;

use crate::catalogue::BECAUSE_YOU_WATCHED_X;
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::neighbours::{self, Candidate, Counts, Evidence, Neighbours, Pair, Told, part_of};
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::Trial;
use crate::transitions::{Counting, Fade, Places, follow_ups};
use crate::{Model, ModelError, ModelFile, Part, Progress, Recipe, RecipeInfo};
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

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let n_items = task.dataset.items().len();
        let prepare = |training: &Histories| choose(training, n_items, task.seed, task.progress);
        let fit = |choice: &Choice, histories: &Histories| fit(histories, n_items, choice, task.progress);
        neighbours::train(self.info(), task, params.to_text(), prepare, fit)
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        neighbours::open(self.info(), files, tell)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub backward: f32,
    pub power: f32,
}

fn choose(histories: &Histories, n_items: usize, seed: u64, progress: &dyn Progress) -> Result<Choice, TrainError> {
    let trial = Trial::draw(histories, seed);
    let popular = Popular::count(&trial.histories, n_items);
    let mut best = (f64::NEG_INFINITY, Choice { backward: BACKWARD[0], power: POWERS[0] });
    for backward in BACKWARD {
        let counts = Viewed::of(&trial.histories, n_items).count(backward, progress)?;
        for power in POWERS {
            let score = trial.ndcg(&rows(&counts, popular.clone(), power, None, progress)?, progress)?;
            if score > best.0 {
                best = (score, Choice { backward, power });
            }
        }
    }
    Ok(best.1)
}

pub(super) fn fit(
    histories: &Histories,
    n_items: usize,
    choice: &Choice,
    progress: &dyn Progress,
) -> Result<Neighbours, TrainError> {
    let viewed = Viewed::of(histories, n_items);
    let counts = viewed.count(choice.backward, progress)?;
    rows(&counts, Popular::count(histories, n_items), choice.power, Some((&viewed, choice.backward)), progress)
}

/// What viewers watched, each video once.
struct Viewed {
    firsts: Histories,
    places: Places,
}

/// What is told of a pair.
#[derive(Clone, Copy, Default)]
struct Near {
    /// Viewers who watched the one soon after the other, and soon before.
    after: u32,
    before: u32,
    /// The sum of `1 / d` over the first.
    weight_after: f32,
}

impl Viewed {
    fn of(histories: &Histories, n_items: usize) -> Self {
        let firsts = firsts(histories);
        Self { places: Places::of(&firsts, n_items), firsts }
    }

    /// What followed what. Cost `O(n_events · WINDOW)`.
    fn count(&self, backward: f32, progress: &dyn Progress) -> Result<SparseRows, TrainError> {
        let counting = Counting { window: WINDOW, backward_weight: backward, fade: Fade::NONE };
        follow_ups(&self.firsts, &self.places, &counting, None, progress)
    }

    /// Tells of each video that a viewer watched near `item` how far after it that was, or `None` before it.
    fn each_near(&self, item: usize, mut tell: impl FnMut(u32, Option<usize>)) {
        for (user, place) in self.places.of_item(item) {
            let (items, place) = (self.firsts.items_of(*user as usize), *place as usize);
            let after = (1..).zip(items[place + 1..].iter().take(WINDOW));
            after.for_each(|(distance, other)| tell(*other, Some(distance)));
            items[..place].iter().rev().take(WINDOW).for_each(|other| tell(*other, None));
        }
    }
}

impl Near {
    fn add(&mut self, distance: Option<usize>) {
        match distance {
            Some(distance) => {
                self.after += 1;
                self.weight_after += 1.0 / distance as f32;
            }
            None => self.before += 1,
        }
    }
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

/// `viewed`, and what counts backward, are for explanations.
fn rows(
    counts: &SparseRows,
    popular: Popular,
    power: f32,
    viewed: Option<(&Viewed, f32)>,
    progress: &dyn Progress,
) -> Result<Neighbours, TrainError> {
    let n_items = popular.n_users().len();
    let discount: Vec<f32> = popular.n_users().iter().map(|n_users| (*n_users).max(1) as f32).collect();
    let discount: Vec<f32> = discount.into_iter().map(|n_users| n_users.powf(power)).collect();
    let told = viewed.map(|(viewed, _)| {
        let viewers = viewed.firsts.users().filter(|user| !viewed.firsts.items_of(*user).is_empty()).count();
        let held = vec![popular.n_users().to_vec()];
        Told { evidence: Evidence::new(held, vec![viewers as u32], vec![power], 3), tell }
    });
    let scratch = || vec![Near::default(); if viewed.is_some() { n_items } else { 0 }];
    Neighbours::build(popular, told, progress, scratch, |near, item, list| {
        let (others, counts) = counts.row(item as u32);
        let score = |(other, count): (&u32, &f32)| count / discount[*other as usize];
        let candidate =
            |pair: (&u32, &f32), counts| Candidate { last: false, item: *pair.0, score: score(pair), counts };
        let Some((viewed, backward)) = viewed else {
            list.extend(others.iter().zip(counts).map(|pair| candidate(pair, Counts::default())));
            return;
        };
        viewed.each_near(item, |other, distance| near[other as usize].add(distance));
        list.extend(others.iter().zip(counts).map(|pair| {
            let Near { after, before, weight_after } = near[*pair.0 as usize];
            let before = if backward > 0.0 { before } else { 0 };
            candidate(pair, [after, before, part_of(weight_after, *pair.1)])
        }));
        viewed.each_near(item, |other, _| near[other as usize] = Near::default());
    })
}

/// The numbers of a pair are those who watched it in this order and in the other, and how much of the score is by the
/// first.
fn tell(pair: &Pair<'_>) -> Option<Vec<Part>> {
    let [after, before, part] = pair.counts;
    let [_, item, _] = pair.held(0)?;
    let discount = f64::from(item.max(1)).powf(pair.factor(0)?);
    let [by_after, by_before] = pair.split(part);
    let orders = [("viewers, this one later", after, by_after), ("viewers, this one earlier", before, by_before)];
    let told = orders.into_iter().filter(|(_, both, _)| *both > 0).map(|(of, both, share)| {
        let counts = pair.told(of, 0, both, None, (share * discount / f64::from(both), discount))?;
        Some(Part::Together { share, counts: Some(Box::new(counts)) })
    });
    told.collect()
}
