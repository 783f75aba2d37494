//! What an explanation says is what the score is made of.

use super::*;

/// These tell; the others may.
const TELLING: [&str; 16] = [
    "aws-popularity-count",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-popular-items-by-purchases",
    "aws-vod-most-popular",
    "aws-trending-now",
    "aws-vod-trending-now",
    "aws-sims",
    "aws-similar-items",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
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

/// What each user of the checkerboard takes, in order.
fn baskets() -> Vec<Vec<usize>> {
    (0..200).map(|user| (0..6).map(|event| (user % 2 + 2 * (user / 2 + event)) % N_ITEMS).collect()).collect()
}

#[test]
fn related_items_are_told_by_those_who_had_both() {
    let baskets = baskets();
    // How many took the one after the other within six events, and the sum of 1 / distance.
    let after = |from: usize, to: usize| {
        let distances = baskets.iter().filter_map(|basket| {
            let place = |wanted| basket.iter().position(|item| *item == wanted);
            place(to)?.checked_sub(place(from)?).filter(|distance| *distance > 0)
        });
        distances.fold((0, 0.0), |(n, sum), distance| (n + 1, sum + 1.0 / distance as f64))
    };
    let row = |model: &dyn Model, item: usize| model.item_index(&format!("i{item:02}")).unwrap();
    for name in RELATED {
        if ["aws-similar-items", "aws-vod-more-like-x"].contains(&name) {
            continue;
        }
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        for asked in [4, 7] {
            let query = Query { item: Some(row(model.as_ref(), asked)), ..Query::default() };
            for item in (0..N_ITEMS).filter(|item| *item != asked) {
                let explanation = model.explain(&query, row(model.as_ref(), item)).unwrap();
                let told: Vec<(f64, &PairCounts)> = explanation
                    .parts
                    .iter()
                    .filter_map(|part| match part {
                        Part::Together { share, counts } => Some((*share, counts.as_deref().unwrap())),
                        _ => None,
                    })
                    .collect();
                let (forward, backward) = (after(asked, item), after(item, asked));
                let n_both = forward.0 + backward.0;
                if told.is_empty() {
                    // Nobody had both, or not in the order that counts.
                    let by_order = name == "aws-vod-because-you-watched-x";
                    assert_eq!(if by_order { forward.0 } else { n_both }, 0, "{name} {asked} {item}");
                    assert_eq!(counts(&explanation), BTreeMap::from([("users", (60.0, 0.0))]), "{name}");
                    continue;
                }
                for (share, counts) in &told {
                    assert_eq!((counts.asked, counts.item, counts.all), (60, 60, Some(200)), "{name}");
                    let both = f64::from(counts.both.unwrap()) - counts.by_chance.unwrap_or(0.0);
                    let wanted = both * counts.weight.unwrap() / counts.discount.unwrap();
                    assert!((wanted - share).abs() < 1e-9, "{name} {share} {counts:?}");
                    let (wanted_both, wanted_weight) = match (name, counts.of) {
                        (_, "viewers, this one later") => (forward.0, forward.1 / f64::from(forward.0)),
                        // Chosen is what a step back counts.
                        (_, "viewers, this one earlier") => (backward.0, counts.weight.unwrap()),
                        (_, "baskets") => {
                            // 0.3 of the baskets have an item; ten of chance are added to 60.
                            (n_both, ((f64::from(n_both) + 3.0) / 70.0 / 0.3).ln())
                        }
                        // Everybody has six items.
                        (_, "users" | "visits" | "customers") => (n_both, 1.0 / 6.0_f64.sqrt()),
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(counts.both, Some(wanted_both), "{name} {asked} {item} {counts:?}");
                    // What is kept of two terms is one in 16,000 of their sum.
                    assert!((counts.weight.unwrap() - wanted_weight).abs() < 1e-3, "{name} {counts:?}");
                    let by_chance = if name == "aws-vod-because-you-watched-x" { None } else { Some(18.0) };
                    assert_eq!(counts.by_chance, by_chance, "{name}");
                }
                let kinds: Vec<&str> = told.iter().map(|(_, counts)| counts.of).collect();
                match name {
                    "aws-sims" => assert_eq!(kinds, ["users"]),
                    "aws-ecomm-frequently-bought-together" => assert_eq!(kinds, ["baskets"]),
                    "aws-ecomm-customers-who-viewed-x-also-viewed" => assert_eq!(kinds, ["visits", "customers"]),
                    _ => assert_eq!(kinds.contains(&"viewers, this one later"), forward.0 > 0),
                }
            }
        }
    }
}

#[test]
fn items_in_one_space_are_told_by_what_users_had_near_the_asked_one() {
    let baskets = baskets();
    let both = |one: usize, two: usize| {
        baskets.iter().filter(|basket| basket.contains(&one) && basket.contains(&two)).count() as u32
    };
    for name in ["aws-similar-items", "aws-vod-more-like-x"] {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        let row = |item: usize| model.item_index(&format!("i{item:02}")).unwrap();
        let explanation = model.explain(&Query { item: Some(row(4)), ..Query::default() }, row(6)).unwrap();
        let (mut told, mut by_interactions) = (BTreeMap::new(), 0.0);
        for part in &explanation.parts {
            match part {
                Part::Together { counts: Some(counts), .. } => {
                    assert_eq!((counts.of, counts.asked, counts.item), ("users", 60, 60), "{name}");
                    told.insert(row(6), counts.both.unwrap());
                }
                Part::Through { item, n_users, .. } => assert_eq!(told.insert(*item, *n_users), None, "{name}"),
                _ => continue,
            }
            by_interactions += part.share();
        }
        // Whoever had item 4 had other even items.
        let wanted = (0..N_ITEMS).step_by(2).filter(|item| *item != 4).map(|item| (row(item), both(4, item)));
        assert_eq!(told, wanted.filter(|(_, both)| *both > 0).collect(), "{name}");
        assert!(by_interactions > 0.0, "{name} {explanation:?}");
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
