//! Lists of users for targets, and what they are worth.

use std::cmp::Reverse;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::segments::Segment;
use super::share::Person;
use super::targets::{Targets, sets_of};
use super::tower::Tower;
use super::worth::{self, list_length};
use crate::dataset::Histories;
use crate::evaluate::LONGEST;
use crate::training::go_on;
use crate::{Progress, Report, TrainError};

/// Users whose scores are in memory at a time.
const BLOCK: usize = 256;

/// Mean share of the users who turned to a target that a percent of the users has.
pub fn recall(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    progress: &dyn Progress,
) -> Result<f64, TrainError> {
    let n_listed = list_length(histories.n_users());
    Ok(worth::recall(&lists(tower, histories, targets, n_listed, progress)?, targets))
}

/// How well targets find their users, beside the users with the most events. `n_catalogue_users` is the number of users
/// of the datasets.
pub fn judge(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    n_catalogue_users: usize,
    progress: &dyn Progress,
) -> Result<Report, TrainError> {
    let n_users = histories.n_users();
    let n_listed = list_length(n_users).max(LONGEST);
    let own = lists(tower, histories, targets, n_listed, progress)?;
    let active = most_active(histories, targets, tower.seen_weight, n_listed);
    let n_users_of = targets.n_users_of(histories, tower.n_items());
    Ok(worth::report([&own, &active], targets, &n_users_of, n_users, n_catalogue_users))
}

/// The best `n_listed` users for each target, best first. Blocks of users run one after the other, targets in parallel.
fn lists(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    n_listed: usize,
    progress: &dyn Progress,
) -> Result<Vec<Vec<u32>>, TrainError> {
    let (n_users, n_targets, dimension) = (histories.n_users(), targets.items.len(), tower.dimension);
    let vectors: Vec<f32> = targets.items.par_iter().flat_map_iter(|items| tower.sum(items)).collect();
    let mut segments: Vec<Segment> = (0..n_targets).map(|_| Segment::new(n_listed)).collect();
    let targets_of = sets_of(&targets.items, tower.n_items());
    for begin in (0..n_users).step_by(BLOCK) {
        go_on(progress)?;
        let users = begin..(begin + BLOCK).min(n_users);
        let n = users.len();
        let mut of_users = vec![0.0_f32; n * dimension];
        of_users.par_chunks_mut(dimension.max(1)).enumerate().for_each(|(place, to)| {
            tower.user(histories.items_of(begin + place).iter().copied(), to);
        });
        // A row for each target, so that targets are independent.
        let mut scores = vec![0.0_f32; n_targets * n];
        scores.par_chunks_mut(n * 64).zip(vectors.par_chunks(dimension.max(1) * 64)).for_each(|(scores, vectors)| {
            let n_rows = scores.len() / n;
            let shaped = (
                ArrayView2::from_shape((n_rows, dimension), vectors),
                ArrayView2::from_shape((n, dimension), &of_users),
                ArrayViewMut2::from_shape((n_rows, n), scores),
            );
            if let (Ok(vectors), Ok(users), Ok(mut scores)) = shaped {
                general_mat_mul(1.0, &vectors, &users.t(), 0.0, &mut scores);
            }
        });
        if targets.shares {
            let vectors = of_users.par_chunks(dimension.max(1)).enumerate();
            let people: Vec<Person> = vectors
                .map(|(place, vector)| Person::of(tower, histories.items_of(begin + place).iter().copied(), vector))
                .collect();
            for (place, person) in people.iter().enumerate() {
                for (item, score) in person.had() {
                    targets_of[*item as usize].iter().for_each(|target| scores[*target as usize * n + place] -= score);
                }
            }
            scores.par_chunks_mut(n).for_each(|scores| {
                scores.iter_mut().zip(&people).for_each(|(score, person)| *score = person.share(f64::from(*score)));
            });
        } else if tower.seen_weight == 0.0 {
            for (place, user) in users.clone().enumerate() {
                for target in histories.items_of(user).iter().flat_map(|item| &targets_of[*item as usize]) {
                    scores[*target as usize * n + place] = f32::NEG_INFINITY;
                }
            }
        }
        segments.par_iter_mut().zip(scores.par_chunks(n)).for_each(|(segment, scores)| {
            for (place, score) in scores.iter().enumerate() {
                segment.add((begin + place) as u32, *score);
            }
        });
    }
    Ok(segments.into_par_iter().map(|segment| segment.best().into_iter().map(|(user, _)| user).collect()).collect())
}

/// The users with the most events; where users do not come back, those who had the item come last.
fn most_active(histories: &Histories, targets: &Targets, seen_weight: f32, n_listed: usize) -> Vec<Vec<u32>> {
    let mut users: Vec<u32> = histories.users().map(|user| user as u32).collect();
    users.sort_by_key(|user| Reverse(histories.items_of(*user as usize).len()));
    let had = |user: u32, items: &[u32]| match items {
        [item] if seen_weight == 0.0 => histories.items_of(user as usize).contains(item),
        _ => false,
    };
    let list = |items: &Vec<u32>| {
        let some = |wanted: bool| users.iter().copied().filter(move |user| had(*user, items) == wanted);
        some(false).chain(some(true)).take(n_listed).collect()
    };
    targets.items.par_iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_an_item_comes_last_where_users_do_not_come_back() {
        let histories = Histories::new(vec![0, 1, 4, 6], vec![1, 0, 1, 2, 1, 2], vec![0; 6]);
        let targets = Targets { items: vec![vec![0], vec![0, 1]], users: vec![vec![], vec![]], shares: false };
        assert_eq!(most_active(&histories, &targets, 0.0, 3), [[2, 0, 1], [1, 2, 0]]);
        assert_eq!(most_active(&histories, &targets, 1.0, 2), [[1, 2], [1, 2]]);
    }
}
