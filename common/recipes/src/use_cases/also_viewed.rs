//! aws-ecomm-customers-who-viewed-x-also-viewed: what the customers who looked at an item looked at too.
//!
//! Order does not matter: customers compare. What was viewed in the same visit (no pause longer than half an hour)
//! says most, what the same customer viewed at another time says something:
//!
//! ```text
//! s(i,j) = v(i,j) / (v(i) v(j))^½  +  across · u(i,j) / (u(i) u(j))^½
//! ```
//!
//! where `v` are visits, each weighing `1 / √items`, `u` customers, likewise, and `v(i,j)` those with views of both.
//! `across` is chosen on the training users by what they viewed next. Requests leave out what the customer bought.

use std::sync::Arc;

use crate::catalogue::CUSTOMERS_WHO_VIEWED_X_ALSO_VIEWED;
use crate::dataset::Histories;
use crate::neighbours::{self, Candidate, Evidence, Neighbours, Pair, Told, part_of};
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::Trial;
use crate::session_knn::Sessions;
use crate::sims::count::{Lists, Scratch, Shared, shared_users};
use crate::{Model, ModelError, ModelFile, Part, Progress, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

pub struct AlsoViewed;

/// A longer pause ends a visit.
const PAUSE_S: i64 = 1800;

/// Candidates for what customers count beside visits.
const ACROSS: [f32; 4] = [0.1, 0.3, 1.0, 3.0];

impl Recipe for AlsoViewed {
    fn info(&self) -> &'static RecipeInfo {
        &CUSTOMERS_WHO_VIEWED_X_ALSO_VIEWED
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let n_items = task.dataset.items().len();
        let prepare = |training: &Histories| choose(training, n_items, task.seed, task.progress);
        let fit = |across: &f32, histories: &Histories| fit(histories, n_items, *across, task.progress);
        neighbours::train(self.info(), task, params.to_text(), prepare, fit)
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        neighbours::open(self.info(), files, tell)
    }
}

fn choose(histories: &Histories, n_items: usize, seed: u64, progress: &dyn Progress) -> Result<f32, TrainError> {
    let trial = Trial::draw(histories, seed);
    let mut best = (f64::NEG_INFINITY, ACROSS[0]);
    for across in ACROSS {
        let score = trial.ndcg(&fit(&trial.histories, n_items, across, progress)?, progress)?;
        if score <= best.0 {
            break;
        }
        best = (score, across);
    }
    Ok(best.1)
}

/// Items of visits or of customers, and what each of these weighs.
struct Counted {
    lists: Lists,
    holders: Lists,
    weights: Vec<f32>,
    /// By item: the root of the number of lists that hold it.
    roots: Vec<f32>,
}

impl Counted {
    fn of(sessions: &Sessions, n_items: usize) -> Self {
        let lists = super::bought_together::lists(sessions);
        let holders = lists.transposed(n_items);
        let weights = (0..lists.len()).map(|list| 1.0 / (lists.row(list).len().max(1) as f32).sqrt()).collect();
        let roots = (0..n_items).map(|item| (holders.row(item).len().max(1) as f32).sqrt()).collect();
        Self { lists, holders, weights, roots }
    }

    fn each(&self, item: usize, scratch: &mut Scratch, mut tell: impl FnMut(u32, f32, u32)) {
        let score = |other: u32, shared: Shared| shared.weight / (self.roots[item] * self.roots[other as usize]);
        let tell = |other, shared: Shared| tell(other, score(other, shared), shared.n_users);
        shared_users(&self.lists, &self.holders, &self.weights, item, scratch, tell);
    }

    fn held(&self) -> Vec<u32> {
        (0..self.roots.len()).map(|item| self.holders.row(item).len() as u32).collect()
    }
}

/// Cost: for each customer the square of the number of items viewed, at most the newest 500.
pub(super) fn fit(
    histories: &Histories,
    n_items: usize,
    across: f32,
    progress: &dyn Progress,
) -> Result<Neighbours, TrainError> {
    let visits = Counted::of(&Sessions::cut(histories, Some(PAUSE_S)), n_items);
    let customers = Counted::of(&Sessions::cut(histories, None), n_items);
    let scratch = || (Scratch::new(n_items), vec![(0.0_f32, 0); n_items]);
    let popular = Popular::count(histories, n_items);
    let n_lists = [&visits, &customers].map(|counted| counted.lists.len() as u32).to_vec();
    let evidence = Evidence::new(vec![visits.held(), customers.held()], n_lists, vec![across], 3);
    Neighbours::build(popular, Some(Told { evidence, tell }), progress, scratch, |(scratch, by_visits), item, list| {
        visits.each(item, scratch, |other, score, n_visits| by_visits[other as usize] = (score, n_visits));
        // Whoever viewed both in one visit is a customer who viewed both.
        customers.each(item, scratch, |other, score, n_customers| {
            let (by_visits, n_visits) = std::mem::take(&mut by_visits[other as usize]);
            let score = by_visits + across * score;
            let counts = [n_visits, n_customers, part_of(by_visits, score)];
            list.push(Candidate { last: false, item: other, score, counts });
        });
        // Unless the customer viewed very many others since.
        visits.each(item, scratch, |other, score, n_visits| {
            if std::mem::take(&mut by_visits[other as usize]).0 > 0.0 {
                list.push(Candidate { last: false, item: other, score, counts: [n_visits, 0, part_of(score, score)] });
            }
        });
    })
}

/// The numbers of a pair are visits and customers with both, and how much of the score is by visits.
fn tell(pair: &Pair<'_>) -> Option<Vec<Part>> {
    let [by_visits, by_customers] = pair.split(pair.counts[2]);
    let root = |kind| pair.held(kind).map(|[asked, item, _]| (f64::from(asked) * f64::from(item)).sqrt());
    let mut parts = pair.beyond_chance("visits", 0, by_visits, root(0)?)?;
    parts.extend(pair.beyond_chance("customers", 1, by_customers, root(1)? / pair.factor(0)?)?);
    Some(parts)
}
