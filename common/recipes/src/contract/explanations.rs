//! What an explanation says is what the score is made of.

use super::*;

/// These tell; the others may.
const TELLING: [&str; 10] = [
    "aws-popularity-count",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-popular-items-by-purchases",
    "aws-vod-most-popular",
    "aws-trending-now",
    "aws-vod-trending-now",
    "palate-transitions",
    "palate-ease",
    "palate-ials",
    "palate-session-knn",
];

/// Some roundings in single precision of the score and of what it is the sum of are allowed.
fn check_sum(explanation: &Explanation, score: f32, what: &str) {
    assert_eq!(explanation.score, f64::from(score), "{what}");
    let sum: f64 = explanation.parts.iter().map(Part::share).sum();
    let most = explanation.parts.iter().map(|part| part.share().abs()).fold(1.0, f64::max);
    assert!((sum - explanation.score).abs() <= 1e-5 * most, "{what}: {sum} {explanation:?}");
}

#[test]
fn the_parts_of_an_explanation_sum_to_the_score_of_the_ranking() {
    for name in RECIPES {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        for items in [vec![], vec![3], vec![0, 1, 2, 3], vec![4, 4, 6]] {
            let history: Vec<Event> =
                (0..).zip(&items).map(|(time, item)| Event { item: *item, timestamp_s: time }).collect();
            let query = Query { history: &history, item: items.last().copied(), ..Query::default() };
            for item in 0..N_ITEMS as u32 {
                let Some(explanation) = model.explain(&query, item) else {
                    assert!(!TELLING.contains(&name), "{name} does not tell");
                    continue;
                };
                check_sum(&explanation, model.rank(&query, &[item])[0], &format!("{name} {items:?} {item}"));
                for part in &explanation.parts {
                    assert!(!matches!(part, Part::Event { position, .. } if *position >= history.len()), "{name}");
                }
            }
        }
    }
}

/// The counts of an explanation, with what each adds.
fn counts(explanation: &Explanation) -> BTreeMap<&str, (f64, f64)> {
    let counts = explanation.parts.iter().filter_map(|part| match part {
        Part::Count { name, count, share } => Some((*name, (*count, *share))),
        _ => None,
    });
    counts.collect()
}

#[test]
fn popular_items_are_told_by_their_users() {
    for name in TELLING.into_iter().filter(|name| name.contains("popular")) {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        for item in 0..N_ITEMS as u32 {
            let explanation = model.explain(&Query::default(), item).unwrap();
            // 100 users of a kind take 6 of its 10 items each.
            assert_eq!(counts(&explanation), BTreeMap::from([("users", (60.0, 60.0))]), "{name}");
        }
    }
}

#[test]
fn trends_are_told_by_the_counts_of_both_intervals_and_sum_to_their_scores() {
    for name in ["aws-trending-now", "aws-vod-trending-now"] {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        let happened = [("i03", [4, 30]), ("new", [0, 9]), ("i05", [50, 2]), ("also new", [2, 1])];
        let happened: BTreeMap<&str, [u32; 2]> = BTreeMap::from(happened);
        let item_counts = happened.iter().map(|(id, counts)| ((*id).to_owned(), *counts)).collect();
        let model = model.trends().unwrap().evaluated(&item_counts);
        let list = model.recommend(&Query::default(), 500);
        assert_eq!(list.len(), N_ITEMS + 2);
        let mut scores = Vec::new();
        for item in list.iter().map(|scored| scored.item) {
            let (id, explanation) = (model.item_id(item), model.explain(&Query::default(), item).unwrap());
            check_sum(&explanation, model.rank(&Query::default(), &[item])[0], &format!("{name} {id}"));
            scores.push(explanation.score);
            let [before, last] = happened.get(id).copied().unwrap_or_default().map(f64::from);
            let n_users = if id.ends_with("new") { 0.0 } else { 60.0 };
            let (of_users, of_last, of_before) = match last > before {
                true => (0.0, (last + 0.5).ln(), -(before + 0.5).ln()),
                // All items have as many users as the most popular one.
                false => (n_users / 60.0, 0.0, 0.0),
            };
            let wanted = [
                ("interactions in the later interval", (last, of_last)),
                ("interactions in the earlier interval", (before, of_before)),
                ("users", (n_users, of_users)),
            ];
            assert_eq!(counts(&explanation), BTreeMap::from(wanted), "{name} {id}");
        }
        assert!(scores.is_sorted_by(|a, b| a >= b), "{name} {scores:?}");
        assert!(scores[0] > scores[1] && scores[1] > 1.0, "{name} {scores:?}");
    }
}

#[test]
fn the_event_that_leads_to_an_item_is_named() {
    for name in ["palate-transitions", "palate-ease"] {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        // Item 5 is followed by 7; item 4 is of the other kind and is followed by none of its kind.
        let row = |id: &str| model.item_index(id).unwrap();
        let history = [Event { item: row("i04"), timestamp_s: 0 }, Event { item: row("i05"), timestamp_s: 1 }];
        let query = Query { history: &history, ..Query::default() };
        let explanation = model.explain(&query, row("i07")).unwrap();
        let of = |wanted: usize| -> f64 {
            let shares = explanation.parts.iter().map(|part| match part {
                Part::Event { position, share } if *position == wanted => *share,
                _ => 0.0,
            });
            shares.sum()
        };
        assert!(of(1) > 0.9 * explanation.score && of(1) > of(0), "{name} {explanation:?}");
    }
}
