use super::count::Lists;
use crate::dataset::Histories;

/// Each user's distinct items, in order, of the users and items whose counts lie within the percentiles.
///
/// A user counts by the length of the history, an item by its interactions. Users who are left out have
/// empty lists.
pub fn baskets(
    histories: &Histories,
    n_items: usize,
    user_percentiles: (f64, f64),
    item_percentiles: (f64, f64),
) -> Lists {
    let lengths: Vec<usize> = histories.users().map(|user| histories.items_of(user).len()).collect();
    let mut counts = vec![0; n_items];
    for item in histories.items() {
        counts[*item as usize] += 1;
    }
    // Items that nobody in this part of the data took say nothing of how items are usually taken.
    let taken: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
    let (shortest, longest) = bounds(lengths.clone(), user_percentiles);
    let (rarest, commonest) = bounds(taken, item_percentiles);
    let mut baskets = Lists::default();
    for user in histories.users() {
        let mut items: Vec<u32> = Vec::new();
        if (shortest..=longest).contains(&lengths[user]) {
            let kept = |item: &&u32| (rarest..=commonest).contains(&counts[**item as usize]);
            items.extend(histories.items_of(user).iter().filter(kept));
            items.sort_unstable();
            items.dedup();
        }
        baskets.push(&items);
    }
    baskets
}

/// The counts at two percentiles (0 to 1), both rounded outwards to counts that occur.
pub fn bounds(mut counts: Vec<usize>, (low, high): (f64, f64)) -> (usize, usize) {
    counts.sort_unstable();
    let Some(last) = counts.len().checked_sub(1) else { return (0, usize::MAX) };
    let at = |place: f64| counts[(place as usize).min(last)];
    (at((low * last as f64).floor()), at((high * last as f64).ceil()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_counts_that_occur() {
        let counts: Vec<usize> = (1..=11).rev().collect();
        assert_eq!(bounds(counts.clone(), (0.0, 1.0)), (1, 11));
        assert_eq!(bounds(counts.clone(), (0.1, 0.9)), (2, 10));
        assert_eq!(bounds(counts, (0.05, 0.95)), (1, 11));
        assert_eq!(bounds(vec![], (0.1, 0.9)), (0, usize::MAX));
        assert_eq!(bounds(vec![3], (0.1, 0.9)), (3, 3));
    }

    #[test]
    fn users_and_items_outside_are_left_out_and_repetitions_count_once() {
        // Lengths 1, 3, 3, 5; item 0 occurs six times, 1 three times, 2 twice, 3 once.
        let items = [0, 0, 0, 1, 1, 2, 0, 0, 1, 2, 3, 0];
        let histories = Histories::new(vec![0, 1, 4, 7, 12], items.to_vec(), vec![0; 12]);
        let whole = baskets(&histories, 4, (0.0, 1.0), (0.0, 1.0));
        assert_eq!(
            (0..4).map(|user| whole.row(user).to_vec()).collect::<Vec<_>>(),
            [vec![0], vec![0, 1], vec![0, 1, 2], vec![0, 1, 2, 3]]
        );
        let cut = baskets(&histories, 4, (0.34, 0.66), (0.34, 0.66));
        assert_eq!(
            (0..4).map(|user| cut.row(user).to_vec()).collect::<Vec<_>>(),
            [vec![], vec![1], vec![1, 2], vec![]]
        );
    }
}
