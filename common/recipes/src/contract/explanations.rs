//! What an explanation says is what the score is made of.

use super::*;

/// These tell; the others may.
const TELLING: [&str; 8] = [
    "aws-popularity-count",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-popular-items-by-purchases",
    "aws-vod-most-popular",
    "palate-transitions",
    "palate-ease",
    "palate-ials",
    "palate-session-knn",
];

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
                let score = f64::from(model.rank(&query, &[item])[0]);
                assert_eq!(explanation.score, score, "{name} {items:?} {item}");
                let sum: f64 = explanation.parts.iter().map(Part::share).sum();
                // Some roundings in single precision of the score and of what it is the sum of.
                let most = explanation.parts.iter().map(|part| part.share().abs()).fold(1.0, f64::max);
                assert!((sum - score).abs() <= 1e-5 * most, "{name} {items:?} {item}: {sum} {explanation:?}");
                for part in &explanation.parts {
                    assert!(!matches!(part, Part::Event { position, .. } if *position >= history.len()), "{name}");
                }
            }
        }
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
