//! palate-ials: users and items as vectors whose products say what goes together, by alternating least squares.
//!
//! Hu, Koren and Volinsky (2008), "Collaborative Filtering for Implicit Feedback Datasets"; regularisation and
//! hyperparameters after Rendle, Krichene, Zhang and Koren (2022), "Revisiting the Performance of iALS on Item
//! Recommendation Benchmarks". Of all factors `x(u)` of users and `y(i)` of items, those that minimise
//!
//! ```text
//! Σ c(u,i) (x(u)·y(i) - 1)²  +  α Σ (x(u)·y(i))²  +  Σ λ(u) |x(u)|²  +  Σ λ(i) |y(i)|²
//! ```
//!
//! where the first sum is over the pairs that were observed and the second over all pairs. `λ(u) = λ m ((n(u) + α N) /
//! m)^ν`, with `n(u)` the weight of the user's pairs, `N` the number of items and `m` the mean of `n(u) + α N` over
//! users; items the other way round ([`fit::Pull`]). Each iteration moves users and then items by conjugate gradients
//! ([`solve`]).
//!
//! **Metadata.** Where columns of the Items or Users dataset are there to be read, their factors are drawn towards what
//! these let expect instead of 0: `λ(i) |y(i) - p(i)|²` with `p(i) = b + W f(i)`, as in Agarwal and Chen (2009),
//! "Regression-based Latent Factor Models". The features `f` are those of [`crate::features`] for items and of
//! [`crate::hrnn::features`] for users; every second iteration learns `W` anew from the factors by ridge regression
//! ([`crate::ridge`]), in which a row with `n` interactions counts `n / (n + 10)`. The factors of an item that nobody
//! had are `p(i)`, so it is answered with as all others are. Rows without features are drawn towards 0.
//!
//! *Deviations:* that nobody had a new item does not speak against it, so `α` is not asked of it; and the map is learned
//! from factors as they are, without their uncertainty.
//!
//! **Weights of events.** An observed pair counts in the first sum as much as that of the user's events with the item
//! that weighs most ([`crate::EventWeight`]); 1 if no weights are given. A request does not know the types of events.
//!
//! The factors of users are not kept. A request solves for those of the asking user from the newest events, each item
//! at its newest place `h` (0 the newest event) with the weight `2^(-h / half_life)` ([`fold`]), so that streamed events
//! count at once and new visitors are users like all others. The score of an item is the product of its factors with
//! these, plus a millionth of the item's share in popularity, which orders what no event says anything about; a user
//! without events gets popular items. If the request has a record of the user of which features are known, a user
//! without events is `w p(u)`, and events are solved for what `w p(u)` does not explain of them; the weight `w` is
//! chosen from a few above 0, none of which changes the order for a user without events.
//!
//! | hyperparameter       | sign  | meaning                                                             |
//! |----------------------|-------|---------------------------------------------------------------------|
//! | `factors`            |       | length of a vector                                                  |
//! | `iterations`         |       | how often users and items are solved                                |
//! | `unobserved_weight`  | `α`   | what a pair weighs that was not observed, beside 1                  |
//! | `regularization`     | `λ`   | the larger, the smaller the factors                                 |
//! | `frequency_exponent` | `ν`   | 0: the same regularization for all; 1: in proportion to the weight  |
//! | `history_length`     | `h` < | newest events of the user that are read                             |
//! | `half_life`          |       | events after which an event weighs half                             |
//! | `seen_weight`        |       | factor for items in the user's history; 0: they come last           |
//!
//! What is not given and has no default is chosen on the training users, of whom some last events are held
//! back, one hyperparameter after the other, by NDCG at 25. A candidate sets out from the factors of the one before it and
//! makes three iterations; what is fitted in the end begins anew. The user side keeps the 1000 newest events of each
//! user if `seen_weight` is below 1, otherwise `history_length`.

mod choose;
mod config;
mod fit;
mod fold;
mod matrix;
mod metadata;
mod observed;
mod record;
mod scorer;
mod solve;
mod store;

use std::borrow::Cow;
use std::sync::Arc;

use crate::catalogue::IALS;
use crate::dataset::Histories;
use crate::event_weights::Weighing;
use crate::model::{Contents, ItemSide, Manifest, Served, UserSide};
use crate::params::Params;
use crate::popularity::Popular;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use choose::{Choice, choose};
pub use config::HYPERPARAMETERS;
use config::IalsValidParams;
use fit::{Course, Fitted as Learned, Source};
use metadata::Metadata;
use record::ByRecord;
use scorer::{Factors, Ials as Fitted};

pub struct Ials;

impl Recipe for Ials {
    fn info(&self) -> &'static RecipeInfo {
        &IALS
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let given = Params::check(self.info(), task.hyperparameters)?;
        task.dataset.check_minimums().map_err(TrainError::Data)?;
        let (users, metadata) = (task.dataset.users(), Metadata::of(task.dataset));
        let weighing = Weighing::of(task.dataset, task.event_weights);
        let source = Source { dataset: task.dataset, metadata: &metadata, weighing };
        // New items are answered with if there is something to know them by.
        let items = match metadata.items.is_empty() {
            true => Cow::Borrowed(task.dataset.items()),
            false => Cow::Owned(task.dataset.all_items()),
        };
        let prepare = |training: &Histories| choose(&source, training, &given, task.seed, task.progress);
        let fit = |choice: &Choice, histories: &Histories| {
            let span = if histories.n_users() < users.len() { (0.5, 0.7) } else { (0.75, 0.95) };
            let course = Course {
                config: &choice.config,
                items: &metadata.items,
                users: &metadata.users_of(histories),
                start: None,
                seed: task.seed,
                progress: task.progress,
                span: Some(span),
            };
            let Learned { item_factors, base, user_map } = course.run(&source.observed(histories))?;
            let by_record = user_map.map(|map| ByRecord::new(&metadata.encoder, &map));
            let factors = Arc::new(Factors::new(item_factors, base, by_record));
            let popular = Popular::count(histories, items.len());
            Ok(Fitted::new(factors, popular, &choice.config, choice.record_weight))
        };
        let Evaluated { prepared: Choice { config, .. }, scorer, report } = evaluated(task, self.info(), prepare, fit)?;
        let hyperparameters = config.to_text();
        let chosen = given.not_settled(&hyperparameters);
        let mut files = vec![ItemSide::write(&items, scorer.popular())?];
        files.extend(scorer.write()?);
        let n_kept = UserSide::n_kept(config.seen_weight, config.history_length);
        files.extend(UserSide::write(users, task.dataset.histories(), n_kept)?);
        let manifest = Manifest::of(self.info(), task, &hyperparameters).with_items(items.len());
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let config = contents.settled(self.info(), IalsValidParams::settled)?;
        let side = ItemSide::read(&contents)?;
        let scorer = Fitted::read(&contents, side.popular.clone(), &config)?;
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

#[cfg(test)]
mod tests;
