//! How much of what a user turns to has certain attributes.

use super::tower::Tower;

/// What a user's scores for sets of items need beside the user's vector.
///
/// The score for a set `g` is `n · Σ_{i ∈ g} s(i) / Σ_i s(i)` with the scores `s` of single items: how much the user
/// does, times the share of it that goes to the set. Where users do not come back, both sums leave out what the user
/// had. Without that, whoever has had all of a genre would be the first to be told of it; and a sum that is not
/// divided favours users whose taste the subspace knows well, whatever it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    n_events: f32,
    /// Sum of the scores of all items that may come.
    whole: f64,
    /// The distinct items that do not come back, ascending, with their scores.
    had: Vec<(u32, f32)>,
}

impl Person {
    /// `vector` is what [`Tower::user`] writes of these items.
    pub fn of(tower: &Tower, items: impl ExactSizeIterator<Item = u32>, vector: &[f32]) -> Self {
        let n_events = items.len() as f32;
        let score = |item: u32| (item, dot(vector, tower.item(item)));
        let mut had: Vec<u32> = if tower.seen_weight == 0.0 { items.collect() } else { Vec::new() };
        had.sort_unstable();
        had.dedup();
        let had: Vec<(u32, f32)> = had.into_iter().map(score).collect();
        let all = f64::from(dot(vector, &tower.whole));
        Self { n_events, whole: all - had.iter().map(|(_, score)| f64::from(*score)).sum::<f64>(), had }
    }

    pub fn had(&self) -> &[(u32, f32)] {
        &self.had
    }

    /// The score for ascending `items` whose vectors sum to `sum`.
    pub fn score(&self, vector: &[f32], sum: &[f32], items: &[u32]) -> f32 {
        let had = self.had.iter().filter(|(item, _)| items.binary_search(item).is_ok());
        self.share(f64::from(dot(vector, sum)) - had.map(|(_, score)| f64::from(*score)).sum::<f64>())
    }

    /// The score for a set of which the scores sum to this, without what the user had.
    pub fn share(&self, sum: f64) -> f32 {
        // What is left when a user had everything is rounding.
        let share = if self.whole > 1e-6 { (sum / self.whole).clamp(0.0, 1.0) } else { 0.0 };
        self.n_events * share as f32
    }
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four items, each a direction of its own but for the last, which is like the first.
    fn tower(seen_weight: f32) -> Tower {
        Tower::whole(3, vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 10.0, seen_weight)
    }

    fn scores(seen_weight: f32, history: &[u32], sets: &[&[u32]]) -> Vec<f32> {
        let tower = tower(seen_weight);
        let mut vector = vec![0.0; 3];
        tower.user(history.iter().copied(), &mut vector);
        let person = Person::of(&tower, history.iter().copied(), &vector);
        sets.iter().map(|set| person.score(&vector, &tower.sum(set), set)).collect()
    }

    #[test]
    fn a_set_gets_its_share_of_what_is_still_to_come() {
        // Item 0 leads to itself and to 3. If users come back, half of the two events is for each.
        let all: &[&[u32]] = &[&[0], &[3], &[0, 3], &[1, 2], &[0, 1, 2, 3]];
        assert_eq!(scores(1.0, &[0, 0], all), [1.0, 1.0, 2.0, 0.0, 2.0]);
        // If they do not, all of it is for 3.
        assert_eq!(scores(0.0, &[0, 0], all), [0.0, 2.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn nothing_is_told_of_nobody_and_of_who_had_everything() {
        let sets: &[&[u32]] = &[&[0], &[0, 1, 2, 3], &[]];
        assert_eq!(scores(0.0, &[], sets), [0.0; 3]);
        assert_eq!(scores(0.0, &[0, 1, 2, 3], sets), [0.0; 3]);
    }
}
