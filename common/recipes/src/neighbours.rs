//! Lists of neighbours, for recipes that count what goes with an item.

mod evidence;
mod pair;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Scorer, Served, SparseRows};
use crate::popularity::Popular;
use crate::rank;
use crate::training::{Evaluated, evaluated, go_on};
use crate::{Explanation, Model, ModelError, ModelFile, Part, Progress, Query, RecipeInfo, Scored};
use crate::{TrainError, Trained, TrainingTask};
pub use evidence::{Counts, Evidence, pack, part_of};
pub use pair::{CHANCE, Pair, Tell};

/// Longest list of neighbours that is kept; the API asks for no more.
const MOST: usize = 500;

/// What all lists together hold at most, 8 bytes each and a few for explanations; where there are many items, lists are shorter.
const MOST_IN_ALL: usize = 60_000_000;

/// Lists that are made before they are put in their place, so that few stand in memory twice.
const CHUNK: usize = 65_536;

/// Lists that one thread makes in a row with the memory it counts in.
const RUN: usize = 512;

/// A neighbour, and whether it comes after all those of which this is not set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub last: bool,
    pub item: u32,
    pub score: f32,
    /// For the evidence, as far as [`Evidence::n_counts`] goes.
    pub counts: Counts,
}

/// Each item's neighbours, best first, with their scores.
///
/// A list that is not full is continued with popular items, so it is always as long as was asked for; the asked
/// item itself is never in it. An item that the model does not know is answered with popular items.
pub struct Neighbours {
    pub rows: SparseRows,
    pub popular: Popular,
    /// `None`: explanations do without.
    pub told: Option<Told>,
}

/// What explanations of pairs are made of, and how.
pub struct Told {
    pub evidence: Evidence,
    pub tell: Tell,
}

impl Neighbours {
    /// Keeps the best of the candidates that `find` puts on an item's list, which is empty when it is called. Each
    /// thread hands over memory of its own, which `scratch` makes.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]; [`TrainError::Numerical`] for a score that is not finite.
    pub fn build<S>(
        popular: Popular,
        mut told: Option<Told>,
        progress: &dyn Progress,
        scratch: impl Fn() -> S + Sync,
        find: impl Fn(&mut S, usize, &mut Vec<Candidate>) + Sync,
    ) -> Result<Self, TrainError> {
        let n_items = popular.n_users().len();
        let most = (MOST_IN_ALL / n_items.max(1)).clamp(50, MOST);
        let mut rows = SparseRows::from_rows([]);
        let n_counts = told.as_ref().map_or(0, |told| told.evidence.n_counts);
        for begin in (0..n_items).step_by(CHUNK) {
            let items = begin..(begin + CHUNK).min(n_items);
            let chunk: Result<Vec<_>, TrainError> = items
                .into_par_iter()
                .with_min_len(RUN)
                .map_init(
                    || (scratch(), Vec::new()),
                    |(scratch, candidates), item| {
                        go_on(progress)?;
                        candidates.clear();
                        find(scratch, item, candidates);
                        keep_best(candidates, most)?;
                        let list: (Vec<u32>, Vec<f32>) = candidates.iter().map(|one| (one.item, one.score)).unzip();
                        Ok((list, pack(candidates.iter().map(|one| &one.counts[..n_counts]))))
                    },
                )
                .collect();
            for ((items, scores), packed) in chunk? {
                rows.push(&items, &scores);
                if let Some(told) = &mut told {
                    told.evidence.push(&packed);
                }
            }
        }
        Ok(Self { rows, popular, told })
    }

    fn list(&self, item: Option<u32>) -> (&[u32], &[f32]) {
        item.map_or((&[], &[]), |item| self.rows.row(item))
    }

    /// What the score of the pair at a place on a list is the sum of.
    fn parts(&self, asked: u32, place: usize, item: u32, score: f64) -> Option<Vec<Part>> {
        let Told { evidence, tell } = self.told.as_ref()?;
        tell(&Pair { evidence, asked, item, score, counts: evidence.counts(asked, place)? })
    }
}

fn keep_best(candidates: &mut Vec<Candidate>, most: usize) -> Result<(), TrainError> {
    if candidates.iter().any(|candidate| !candidate.score.is_finite()) {
        return Err(TrainError::Numerical("a neighbour's score is not finite".into()));
    }
    let order = |a: &Candidate, b: &Candidate| {
        a.last.cmp(&b.last).then_with(|| rank::order(&(a.item, a.score), &(b.item, b.score)))
    };
    if candidates.len() > most {
        candidates.select_nth_unstable_by(most, order);
        candidates.truncate(most);
    }
    candidates.sort_unstable_by(order);
    Ok(())
}

impl Scorer for Neighbours {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let allowed = |item: &&u32| query.allows(**item);
        let mut list: Vec<u32> = self.list(query.item).0.iter().filter(allowed).copied().take(k).collect();
        if list.len() < k {
            let taken: HashSet<u32> = list.iter().copied().chain(query.item).collect();
            let rest = self.popular.order().iter().filter(|item| query.allows(**item) && !taken.contains(item));
            list.extend(rest.take(k - list.len()));
        }
        list.into_iter().map(|item| Scored::new(item, None)).collect()
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        let (neighbours, scores) = self.list(query.item);
        let score: BTreeMap<u32, f32> = neighbours.iter().copied().zip(scores.iter().copied()).collect();
        items.iter().map(|item| score.get(item).copied().unwrap_or(0.0)).collect()
    }

    /// All of a neighbour's score comes from those who had both items. What continues a list has no score and is told
    /// by its users.
    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        let (neighbours, scores) = self.list(query.item);
        let place = neighbours.iter().position(|neighbour| *neighbour == item);
        let Some((asked, place)) = query.item.zip(place) else {
            let count = f64::from(*self.popular.n_users().get(item as usize)?);
            return Some(Explanation { score: 0.0, parts: vec![Part::Count { name: "users", count, share: 0.0 }] });
        };
        let score = f64::from(scores[place]);
        let parts = self.parts(asked, place, item, score);
        let parts = parts.unwrap_or_else(|| vec![Part::Together { share: score, counts: None }]);
        Some(Explanation { score, parts })
    }

    fn resident_bytes(&self) -> usize {
        let evidence = self.told.as_ref().map_or(0, |told| told.evidence.resident_bytes());
        self.rows.resident_bytes() + self.popular.resident_bytes() + evidence
    }
}

/// Trains a recipe that makes lists of neighbours: chooses, judges, fits on everything, writes.
pub fn train<P>(
    info: &'static RecipeInfo,
    task: &TrainingTask<'_>,
    hyperparameters: BTreeMap<String, String>,
    prepare: impl FnOnce(&Histories) -> Result<P, TrainError>,
    fit: impl Fn(&P, &Histories) -> Result<Neighbours, TrainError>,
) -> Result<Trained, TrainError> {
    let Evaluated { scorer, report, .. } = evaluated(task, info, prepare, fit)?;
    let manifest = Manifest::of(info, task, &hyperparameters);
    let Neighbours { rows, popular, told } = scorer;
    let mut files = vec![ItemSide::write(task.dataset.items(), &popular)?, rows.write(&[])?];
    drop(rows);
    if let Some(told) = told {
        files.push(told.evidence.write()?);
    }
    Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen: BTreeMap::new() })
}

/// Opens a model of such a recipe.
pub fn open(info: &'static RecipeInfo, files: &[ModelFile], tell: Tell) -> Result<Arc<dyn Model>, ModelError> {
    let contents = Contents::verify(files, info.name)?;
    let side = ItemSide::read(&contents)?;
    let (rows, _) = SparseRows::read(&contents, &[])?;
    let told = Evidence::read(&contents)?.map(|evidence| Told { evidence, tell });
    let scorer = Neighbours { rows, popular: side.popular.clone(), told };
    Ok(Arc::new(Served::new(side, scorer, None)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(find: impl Fn(usize) -> Vec<(bool, u32, f32)> + Sync) -> Result<Neighbours, TrainError> {
        told_of(None, |item| find(item).into_iter().map(|pair| (pair, 0)).collect())
    }

    /// The last number of a candidate is kept of it.
    fn told_of(
        told: Option<Told>,
        find: impl Fn(usize) -> Vec<((bool, u32, f32), u32)> + Sync,
    ) -> Result<Neighbours, TrainError> {
        let popular = Popular::new(vec![1, 4, 2, 3]);
        let candidate = |((last, item, score), both)| Candidate { last, item, score, counts: [both, 0, 0] };
        Neighbours::build(
            popular,
            told,
            &(),
            || (),
            |(), item, list| list.extend(find(item).into_iter().map(candidate)),
        )
    }

    #[test]
    fn weak_candidates_follow_the_others_and_popular_items_continue_the_list() {
        let neighbours = of(|item| if item == 0 { vec![(true, 2, 9.0), (false, 1, 1.0)] } else { vec![] }).unwrap();
        let list = |item, k| {
            let list = neighbours.recommend(&Query { item, ..Query::default() }, k);
            list.iter().map(|scored| scored.item).collect::<Vec<_>>()
        };
        assert_eq!(list(Some(0), 9), [1, 2, 3]);
        assert_eq!(list(Some(0), 2), [1, 2]);
        assert_eq!(list(Some(1), 9), [3, 2, 0]);
        assert_eq!(list(None, 9), [1, 3, 2, 0]);
    }

    #[test]
    fn a_score_is_explained_by_those_who_had_both() {
        let evidence = Evidence::new(vec![vec![4, 9, 6, 0]], vec![12], Vec::new(), 1);
        let tell: Tell = |pair| pair.beyond_chance("users", 0, pair.score, 2.0);
        let find = |item| if item == 0 { vec![((false, 1, 0.5), 200), ((false, 2, 0.25), 3)] } else { vec![] };
        let neighbours = told_of(Some(Told { evidence, tell }), find).unwrap();
        let query = Query { item: Some(0), ..Query::default() };
        let explanation = neighbours.explain(&query, 2).unwrap();
        let [Part::Together { share, counts: Some(counts) }, Part::Term { name: CHANCE, share: chance }] =
            explanation.parts.as_slice()
        else {
            panic!("{explanation:?}")
        };
        // A third of 0.25 for each of the three, of whom chance expects two.
        assert_eq!((explanation.score, counts.both, counts.by_chance), (0.25, Some(3), Some(2.0)));
        assert_eq!((counts.asked, counts.item, counts.all), (4, 6, Some(12)));
        assert!((share - 0.25 / 3.0).abs() < 1e-12 && (chance - 0.5 / 3.0).abs() < 1e-12);
        assert!((counts.weight.unwrap() - 0.5 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_continues_a_list_is_explained_by_its_users_and_old_models_tell_less() {
        let neighbours = of(|_| vec![(false, 2, 0.25)]).unwrap();
        let asked = Query { item: Some(0), ..Query::default() };
        let explanation = neighbours.explain(&asked, 2).unwrap();
        assert_eq!((explanation.score, explanation.parts), (0.25, vec![Part::Together { share: 0.25, counts: None }]));
        for query in [asked, Query::default()] {
            let explanation = neighbours.explain(&query, 3).unwrap();
            assert_eq!(explanation.parts, [Part::Count { name: "users", count: 3.0, share: 0.0 }]);
            assert_eq!(explanation.score, 0.0);
        }
    }

    #[test]
    fn a_score_that_is_not_finite_is_told() {
        assert!(matches!(of(|_| vec![(false, 2, f32::NAN)]), Err(TrainError::Numerical(_))));
    }
}
