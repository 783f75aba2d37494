//! How good a recipe is, by the protocol and the metrics of the service's guide, and by those of the literature.

mod affordable;
mod asking;
mod breakdown;
mod figures;
mod known;
mod lists;
mod metrics;
mod report;
mod rewards;
mod split;
mod times;
mod warnings;
mod weighted;

pub use asking::Asking;
pub use breakdown::by_target_users;
pub use figures::{LONGEST, accuracy, by_cutoff, gain};
pub use lists::gini;
pub use metrics::Judged;
pub use report::{AtCutoff, Breakdown, Figure, Figures, Group, NamedFigures, Report, Search, Trial};
pub use rewards::average_rewards;
pub use split::Split;
pub use times::time_answers;
pub use warnings::warnings_of_segments;
pub use weighted::weighted_ndcg;

use crate::TrainError;
use crate::dataset::Histories;
use crate::model::{Scorer, sha256};
use crate::popularity::Popular;
use asking::Given;
use known::Known;
use metrics::Means;

/// Asks for a list for each test user and compares it with what the user did next, beside the lists of the items that
/// are most popular among the training users.
///
/// `training` is what `scorer` was fitted on.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn evaluate(asking: &Asking<'_>, training: &Histories, scorer: &impl Scorer) -> Result<Report, TrainError> {
    let Asking { task, info, test } = asking;
    let dataset = task.dataset;
    let n_catalogue = dataset.n_catalogue_items();
    let popular = Popular::count(training, dataset.items().len());
    let known = Known::of(training, popular.n_users(), n_catalogue);
    let (judged, popular) = (asking.judge(scorer, Given::History)?, asking.judge(&popular, Given::History)?);
    // A related item has no other query than the item.
    let withheld = (!asking.is_related()).then(|| asking.judge(scorer, Given::Nothing)).transpose()?;
    let [figures, baseline] = [&judged, &popular].map(|judged| {
        let mut figures = figures::accuracy(judged.iter());
        figures.extend(lists::lists(judged, &known));
        figures
    });
    let gain = figures::gain(&judged, &popular);
    let part = |(name, part): (&str, &dyn Scorer)| {
        let of_part = asking.judge(part, Given::History)?;
        let gain_of_whole = figures::gain(&judged, &of_part);
        let figures = figures::accuracy(of_part.iter());
        Ok(NamedFigures { name: name.into(), figures, gain_of_whole, answer_us: None })
    };
    Ok(Report {
        metrics: Means::of(&judged, n_catalogue).wire(),
        popularity_baseline: Means::of(&popular, n_catalogue).wire(),
        n_test_users: test.len(),
        by_cutoff: figures::by_cutoff(&judged, &popular, n_catalogue),
        breakdowns: vec![
            breakdown::by_history(&judged, &popular, withheld.as_deref()),
            breakdown::by_item_age(&judged, &popular, &known),
            breakdown::by_item_users(&judged, &popular, &known),
        ],
        parts: scorer.parts().into_iter().map(part).collect::<Result<_, TrainError>>()?,
        warnings: warnings::warnings(info, judged.len(), &figures, &gain),
        fingerprint: fingerprint(judged.iter().map(Judged::items)),
        figures,
        baseline,
        gain,
        ..Report::default()
    })
}

impl Asking<'_> {
    fn judge<S: Scorer + ?Sized>(&self, scorer: &S, given: Given) -> Result<Vec<Judged>, TrainError> {
        let histories = self.task.dataset.histories();
        self.each(|test| {
            let items = self.list(scorer, test, given, figures::LONGEST);
            let (had, truth) = histories.items_of(test.user).split_at(test.n_history);
            let times = histories.timestamps_of(test.user);
            let times: Vec<i64> = times.slice(test.n_history..times.len()).iter().collect();
            Judged::new(items, truth).after(had).at(&times)
        })
    }
}

/// Tells one set of lists from another.
pub fn fingerprint<'a>(lists: impl Iterator<Item = &'a [u32]>) -> String {
    let lists = lists
        .flat_map(|list| std::iter::once(list.len() as u32).chain(list.iter().copied()).flat_map(u32::to_le_bytes));
    sha256(&lists.collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests;
