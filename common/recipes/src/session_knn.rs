//! palate-session-knn: what a session turns to next, from the recent sessions that are most like it.
//!
//! VMIS-kNN (Kersbergen, Sprangers and Schelter 2022, "Serenade: Low-Latency Session-Based Recommendation in
//! e-Commerce at Scale", section 3) with the three decays of STAN (Garg et al. 2019, "Sequence and Time Aware
//! Neighborhood for Session-based Recommendations", section 3). A session is a run of a user's events without a
//! pause of more than `session_gap_minutes`; the asking session is the newest run of the history, of which the
//! newest `query_length` events are read, each item at its newest place `p` (0 the newest event).
//!
//! 1. Candidates are the sessions that hold an item of the asking session: of each item the `sessions_per_item`
//!    most recent, and of all these again so many.
//! 2. Neighbours are the `neighbours` candidates `n` with the greatest
//!    `r(n) = |n|^-length_power · 2^(-age / fade_days) · Σ_i w(p_i)`, the sum being over the items that they share.
//! 3. Item `j` has the score `Σ_n λ(p*) r(n) 2^(-|q_j - q*| / spread) ln(N / n_j)^idf_power` over the neighbours that
//!    hold it, where `p*` is the place of the newest item shared in the asking session, and `q*` and `q_j` are the
//!    places of that item and of `j` in the neighbour; `n_j` of the `N` sessions hold `j`.
//!
//! A millionth of an item's share in popularity is added, which orders what no neighbour holds.
//!
//! | hyperparameter        | meaning                                                                              |
//! |-----------------------|--------------------------------------------------------------------------------------|
//! | `session_gap_minutes` | a longer pause begins a session; 0: a user's history is one session                  |
//! | `sessions_per_item`   | VMIS-kNN's `m`                                                                       |
//! | `neighbours`          | VMIS-kNN's `k`                                                                       |
//! | `query_length`        | newest events of the session that are read                                           |
//! | `half_life`           | `w(p) = 2^(-p / half_life)`, `λ = 1`; 0: `w(p) = (L - p) / U` and `λ(p) = 1 - (p + 1) / 10` as in VMIS-kNN, for `L` events with `U` items |
//! | `length_power`        | above 0, long neighbours count less                                                  |
//! | `fade_days`           | days after which a neighbour counts half; 0: age does not matter                     |
//! | `spread`              | places after which an item of a neighbour counts half; 0: they do not matter         |
//! | `idf_power`           | above 0, items that are in many sessions count less; VMIS-kNN has 1                  |
//! | `seen_weight`         | factor for items in the user's history; 0: they come last                            |
//!
//! Training cuts sessions and lists them by item. What is not given and has no default is chosen on the training
//! users, of whom some last events are held back, one hyperparameter after the other, by NDCG at 25, setting out
//! from VMIS-kNN. The user side keeps the 1000 newest events of each user if `seen_weight` is below 1, otherwise
//! `query_length`.

mod choose;
mod config;
mod index;
mod neighbours;
mod scorer;
mod sessions;
mod store;

pub(crate) use sessions::Sessions;

use std::sync::Arc;

use crate::catalogue::SESSION_KNN;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Served, UserSide};
use crate::params::Params;
use crate::popularity::Popular;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use choose::choose;
pub use config::HYPERPARAMETERS;
use config::SessionKnnValidParams;
use index::Index;
use scorer::Neighbourhood;

pub struct SessionKnn;

impl Recipe for SessionKnn {
    fn info(&self) -> &'static RecipeInfo {
        &SESSION_KNN
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let given = Params::check(self.info(), task.hyperparameters)?;
        let (users, items) = (task.dataset.users(), task.dataset.items());
        let prepare = |training: &Histories| choose(training, items.len(), &given, task.seed, task.progress);
        let fit = |config: &SessionKnnValidParams, histories: &Histories| {
            let index = Index::build(histories, items.len(), config.gap_s(), config.sessions_per_item, task.progress)?;
            Ok(Neighbourhood::new(Arc::new(index), Popular::count(histories, items.len()), config))
        };
        let Evaluated { prepared: config, scorer, report } = evaluated(task, self.info(), prepare, fit)?;
        let hyperparameters = config.to_text();
        let chosen = given.not_settled(&hyperparameters);
        let mut files = vec![ItemSide::write(items, scorer.popular())?, scorer.write()?];
        let n_kept = UserSide::n_kept(config.seen_weight, config.query_length);
        files.extend(UserSide::write(users, task.dataset.histories(), n_kept)?);
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let config = contents.settled(self.info(), SessionKnnValidParams::settled)?;
        let side = ItemSide::read(&contents)?;
        let index = store::read(&contents)?;
        let scorer = Neighbourhood::new(Arc::new(index), side.popular.clone(), &config);
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

#[cfg(test)]
mod tests;
