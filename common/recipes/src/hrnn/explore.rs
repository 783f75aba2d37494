//! Recommending items of which little is known, to learn about them.
//!
//! A place in the answer is open to exploration with a chance of `explorationWeight`. What it gets is drawn by
//! Thompson sampling (Thompson, 1933; Chapelle and Li, 2011, "An Empirical Evaluation of Thompson Sampling",
//! algorithm 2) among the items that are younger than the cut-off: how attractive an item is comes from the Beta
//! distribution of what is known of its impressions, so items that nobody was shown yet get their turn, those that
//! were often passed over get it less and less, and those that were chosen stay. The draw is multiplied by the square
//! root of the user's score, so that among many new items those that suit the user come first. The other places go to
//! the best by relevance. Scores stay those of relevance and a list is in their order, so what is explored often comes
//! last.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fresh::Fresh;
use crate::{Exploration, Scored, rank};

/// Puts some of the `new` items into `list`, the best by relevance, and says which. `share` is an item's.
pub fn explore(
    list: Vec<Scored>,
    share: impl Fn(u32) -> f32,
    new: &[u32],
    exploration: &Exploration<'_>,
    fresh: &Fresh,
) -> Vec<Scored> {
    let weight = exploration.weight.clamp(0.0, 1.0);
    if weight == 0.0 || new.is_empty() {
        return list;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(exploration.seed);
    let prior_passed = fresh.prior_passed();
    let draw = |item: u32, rng: &mut ChaCha8Rng| {
        let attraction = fresh.attraction(item, prior_passed).draw(rng);
        let n_passed = exploration.passed_over.iter().filter(|other| **other == item).count();
        let relevance = f64::from(share(item).max(0.0)).sqrt();
        (attraction * relevance * 0.5_f64.powi(n_passed.min(50) as i32)) as f32
    };
    let mut drawn: Vec<rank::Ranked> = new.iter().map(|item| (*item, draw(*item, &mut rng))).collect();
    rank::keep_best(&mut drawn, list.len());
    let mut explored = drawn.into_iter().map(|(item, _)| item);
    let mut relevant = list.iter().map(|scored| scored.item);
    let mut taken = std::collections::HashSet::new();
    let mut mixed: Vec<Scored> = Vec::with_capacity(list.len());
    while mixed.len() < list.len() {
        let open = rng.random_bool(weight);
        let next = open.then(|| explored.find(|item| !taken.contains(item))).flatten();
        let Some(item) = next.or_else(|| relevant.find(|item| !taken.contains(item))) else { break };
        taken.insert(item);
        mixed.push(Scored { explored: next.is_some(), ..Scored::new(item, Some(share(item))) });
    }
    mixed.sort_by(|a, b| rank::order(&(a.item, share(a.item)), &(b.item, share(b.item))));
    mixed
}

/// The Beta distribution of a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    /// At least 1 each.
    pub chosen: f64,
    pub passed: f64,
}

impl Beta {
    /// From two Gamma distributions.
    pub fn draw(self, rng: &mut impl Rng) -> f64 {
        let (chosen, passed) = (gamma(self.chosen, rng), gamma(self.passed, rng));
        chosen / (chosen + passed)
    }
}

/// Of a shape of at least 1: Marsaglia and Tsang (2000), "A Simple Method for Generating Gamma Variables".
fn gamma(shape: f64, rng: &mut impl Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        // Above 0, so that there is a logarithm.
        let u = 1.0 - rng.random::<f64>();
        if v > 0.0 && u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}

/// Box and Muller (1958).
fn normal(rng: &mut impl Rng) -> f64 {
    let (a, b) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten items, the last three of them new; relevance falls with the row.
    fn fresh() -> Fresh {
        let created_s = (0..10).map(|item| if item < 7 { 0 } else { 100 * 86_400 }).collect();
        Fresh { created_s, shown: vec![0; 10], chosen: vec![0; 10], newest_s: 110 * 86_400 }
    }

    fn shares() -> Vec<f32> {
        (0..10).map(|item| (10 - item) as f32 / 55.0).collect()
    }

    fn list(k: usize) -> Vec<Scored> {
        (0..k as u32).map(|item| Scored::new(item, Some(shares()[item as usize]))).collect()
    }

    fn explored(exploration: Exploration<'_>, fresh: &Fresh, k: usize) -> Vec<u32> {
        let new: Vec<u32> = fresh.newer_than(exploration.age_cut_off_days).collect();
        let answer = explore(list(k), |item| shares()[item as usize], &new, &exploration, fresh);
        assert!(answer.iter().all(|scored| !scored.explored || new.contains(&scored.item)));
        assert!(answer.iter().all(|scored| scored.score == Some(shares()[scored.item as usize])));
        assert!(answer.is_sorted_by(|a, b| a.score >= b.score));
        answer.iter().map(|scored| scored.item).collect()
    }

    const EXPLORATION: Exploration<'_> = Exploration { weight: 0.3, age_cut_off_days: 30.0, seed: 0, passed_over: &[] };

    #[test]
    fn the_weight_is_the_share_of_places_that_new_items_get() {
        for (weight, least, most) in [(0.0, 0.0, 0.0), (0.3, 0.28, 0.32), (1.0, 1.0, 1.0)] {
            let n_new: usize = (0..4000)
                .map(|seed| explored(Exploration { weight, seed, ..EXPLORATION }, &fresh(), 3))
                .map(|answer| answer.iter().filter(|item| **item >= 7).count())
                .sum();
            // Of 12,000 draws, 1 % is more than two standard errors.
            let share = n_new as f64 / 12_000.0;
            assert!((least..=most).contains(&share), "{weight} {share}");
        }
    }

    #[test]
    fn without_new_items_all_is_relevance() {
        let exploration = Exploration { weight: 1.0, age_cut_off_days: 5.0, ..EXPLORATION };
        assert_eq!(explored(exploration, &fresh(), 4), [0, 1, 2, 3]);
    }

    #[test]
    fn every_item_comes_once_however_much_is_explored() {
        for seed in 0..50 {
            let mut answer = explored(Exploration { weight: 0.8, seed, ..EXPLORATION }, &fresh(), 10);
            assert_eq!(answer, explored(Exploration { weight: 0.8, seed, ..EXPLORATION }, &fresh(), 10));
            answer.sort_unstable();
            assert_eq!(answer, (0..10).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn what_was_shown_and_passed_over_is_explored_less_and_what_was_chosen_more() {
        let first = |fresh: &Fresh, passed_over: &[u32]| {
            let mut counts = [0; 10];
            for seed in 0..2000 {
                let exploration = Exploration { weight: 1.0, seed, passed_over, ..EXPLORATION };
                counts[explored(exploration, fresh, 1)[0] as usize] += 1;
            }
            counts
        };
        // One impression of ten of an old item was chosen.
        let mut known = fresh();
        (known.shown[0], known.chosen[0]) = (10_000, 1000);
        let plain = first(&known, &[]);
        assert!(plain[7..].iter().all(|n| *n > 200), "{plain:?}");
        assert!(first(&known, &[7, 7])[7] < plain[7] / 2);
        let mut passed = known.clone();
        passed.shown[7] = 100;
        assert!(first(&passed, &[])[7] < plain[7] / 4);
        let mut chosen = known;
        (chosen.shown[9], chosen.chosen[9]) = (100, 60);
        assert!(first(&chosen, &[])[9] > plain[9] + 500);
    }

    #[test]
    fn a_draw_has_the_mean_and_spread_of_its_distribution() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let beta = Beta { chosen: 3.0, passed: 12.0 };
        let draws: Vec<f64> = (0..20_000).map(|_| beta.draw(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 20_000.0;
        // Four standard errors of the mean; the variance of Beta(3, 12) is 0.01.
        assert!((mean - 0.2).abs() < 0.003, "{mean}");
        assert!((variance - 0.01).abs() < 0.0005, "{variance}");
    }
}
