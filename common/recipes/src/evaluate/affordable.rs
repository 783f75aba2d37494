//! How many test users there is time for.

use std::borrow::Cow;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::asking::{Asking, Given};
use super::split::Split;
use crate::model::Scorer;
use crate::{RecipeInfo, TrainError, TrainingTask};

/// Of the time that is left, what judging may take. What comes after it takes about as long as what came before.
const SHARE: f64 = 0.3;

/// Users who are asked for to see how long that takes, and who judge however little time there is.
const LEAST: usize = 200;

impl<'a> Asking<'a> {
    /// All test users, or as many of them, drawn at random, as there is time for.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn affordable(
        task: &'a TrainingTask<'a>,
        info: &'a RecipeInfo,
        split: &'a Split,
        scorer: &impl Scorer,
    ) -> Result<Self, TrainError> {
        let all = Cow::Borrowed(split.test.as_slice());
        let (Some(left), true) = (task.progress.time_left(), all.len() > LEAST) else {
            return Ok(Self { task, info, test: all });
        };
        let mut drawn = split.test.clone();
        drawn.shuffle(&mut ChaCha8Rng::seed_from_u64(task.seed));
        let first = Asking { task, info, test: Cow::Borrowed(&drawn[..LEAST]) };
        let begun = Instant::now();
        first.judge(scorer, Given::History)?;
        // With and without the history, of the parts, by weights and for an objective.
        let n_lists = 2
            + scorer.parts().len()
            + usize::from(!task.event_weights.is_empty())
            + usize::from(task.objective.is_some());
        let of_one_s = begun.elapsed().as_secs_f64() * n_lists as f64 / LEAST as f64;
        let n_affordable = (SHARE * left.as_secs_f64() / of_one_s.max(1e-9)) as usize;
        if n_affordable >= all.len() {
            return Ok(Self { task, info, test: all });
        }
        drawn.truncate(n_affordable.max(LEAST));
        drawn.sort_unstable_by_key(|test| test.user);
        Ok(Self { task, info, test: Cow::Owned(drawn) })
    }

    /// What is told of it if some of those who were held out are not asked for.
    pub fn warning(&self, split: &Split) -> Option<String> {
        let (n_asked, n_held_out) = (self.test.len(), split.test.len());
        (n_asked < n_held_out).then(|| {
            format!("There was time to ask for {n_asked} of the {n_held_out} users who were held out, drawn at random.")
        })
    }
}
