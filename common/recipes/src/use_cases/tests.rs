#![allow(clippy::unwrap_used)]

use crate::dataset::Histories;
use crate::model::Scorer;
use crate::neighbours::Neighbours;
use crate::{PairCounts, Part, Query, describe};

use super::because_watched::{self, Choice};
use super::{also_viewed, bought_together};

/// Each user's events: item and seconds.
fn histories(users: &[&[(u32, i64)]]) -> Histories {
    Histories::of_events(users.iter().map(|events| events.iter().copied()))
}

/// What a pair's score is counted from.
fn told(neighbours: &Neighbours, asked: u32, item: u32) -> Vec<PairCounts> {
    let explanation = neighbours.explain(&Query { item: Some(asked), ..Query::default() }, item).unwrap();
    let counts = explanation.parts.into_iter().filter_map(|part| match part {
        Part::Together { counts, .. } => counts.map(|counts| *counts),
        _ => None,
    });
    counts.collect()
}

fn row(neighbours: &Neighbours, item: u32) -> Vec<u32> {
    neighbours.rows.row(item).0.to_vec()
}

#[test]
fn a_basket_is_what_one_customer_bought_without_a_long_pause() {
    // 0 with 1 in three baskets, 2 an hour and more later each time, 3 and 4 elsewhere.
    let user: &[(u32, i64)] = &[(0, 0), (1, 60), (2, 10_000)];
    let other: &[(u32, i64)] = &[(3, 0), (4, 0), (3, 90_000), (4, 90_001)];
    let fitted = bought_together::fit(&histories(&[user, user, user, other]), 5, &()).unwrap();
    assert_eq!(row(&fitted, 0), [1]);
    assert_eq!(row(&fitted, 1), [0]);
    assert_eq!(row(&fitted, 2), [0; 0]);
    assert_eq!(row(&fitted, 3), [4]);
}

#[test]
fn confidence_against_chance_is_hand_computed() {
    let user: &[(u32, i64)] = &[(0, 0), (1, 0)];
    let other: &[(u32, i64)] = &[(1, 0)];
    let third: &[(u32, i64)] = &[(2, 0)];
    // Four baskets: 0 in two, 1 in three, both in two.
    let fitted = bought_together::fit(&histories(&[user, user, other, third]), 3, &()).unwrap();
    let chance = 0.75_f64;
    let confidence = (2.0 + 10.0 * chance) / 12.0;
    let wanted = confidence * (confidence / chance).ln();
    assert!((f64::from(fitted.rows.row(0).1[0]) - wanted).abs() < 1e-7);
}

#[test]
fn what_everybody_buys_goes_with_nothing_in_particular() {
    // 9 is in every basket; 0 and 1 are in the same ones.
    let pair: &[(u32, i64)] = &[(0, 0), (1, 0), (9, 0)];
    let alone: &[(u32, i64)] = &[(5, 0), (9, 0)];
    let fitted = bought_together::fit(&histories(&[pair, pair, alone, alone, alone]), 10, &()).unwrap();
    assert_eq!(row(&fitted, 0), [1]);
}

#[test]
fn views_of_one_visit_say_more_than_those_of_one_customer() {
    // 0 and 1 in one visit, 0 and 2 by the same customers on another day, whatever the order.
    let user: &[(u32, i64)] = &[(1, 0), (0, 60), (2, 500_000)];
    let other: &[(u32, i64)] = &[(2, 0), (0, 500_000), (1, 500_060)];
    let fitted = also_viewed::fit(&histories(&[user, other]), 3, 0.5, &()).unwrap();
    assert_eq!(row(&fitted, 0), [1, 2]);
    // Each visit of two weighs 2^-½; customers viewed three, so weigh 3^-½.
    let (visits, customers) = (2.0_f32 / 2.0_f32.sqrt() / 2.0, 2.0 / 3.0_f32.sqrt() / 2.0);
    let scores = fitted.rows.row(0).1;
    assert!((scores[0] - (visits + 0.5 * customers)).abs() < 1e-6);
    assert!((scores[1] - 0.5 * customers).abs() < 1e-6);
    // Two of four visits have 0, as many 1; both customers have all three, which chance would have it too.
    let wanted = [("visits", 2, 4, 1.0, 2.0_f64.sqrt()), ("customers", 2, 2, 2.0, 3.0_f64.sqrt())];
    for (item, wanted) in [(1, &wanted[..]), (2, &wanted[1..])] {
        let told = told(&fitted, 0, item);
        assert_eq!(told.len(), wanted.len());
        for (counts, (of, both, all, by_chance, root)) in told.iter().zip(wanted) {
            assert_eq!((counts.of, counts.both, counts.all), (*of, Some(*both), Some(*all)));
            assert_eq!((counts.asked, counts.item, counts.by_chance), (2, 2, Some(*by_chance)));
            // A customer counts half a visit, and how much of the score is by visits is kept to one in 16,000.
            assert_eq!(counts.discount, Some(if *of == "visits" { 2.0 } else { 4.0 }));
            assert!((counts.weight.unwrap() - 1.0 / root).abs() < 1e-3, "{counts:?}");
        }
    }
}

#[test]
fn what_was_watched_after_counts_and_what_came_before_need_not() {
    let user: &[(u32, i64)] = &[(0, 0), (1, 1), (2, 2), (0, 3)];
    let fit = |backward| {
        let choice = Choice { backward, power: 0.5 };
        because_watched::fit(&histories(&[user, user]), 3, &choice, &()).unwrap()
    };
    // Watching 0 again after 2 says nothing of 2.
    assert_eq!((row(&fit(0.0), 0), row(&fit(0.0), 1), row(&fit(0.0), 2)), (vec![1, 2], vec![2], vec![]));
    let both = fit(0.5);
    assert_eq!(row(&both, 1), [2, 0]);
    // Two viewers, next to each other.
    assert!((both.rows.row(1).1[0] - 2.0 / 2.0_f32.sqrt()).abs() < 1e-6);
    assert!((both.rows.row(1).1[1] - 1.0 / 2.0_f32.sqrt()).abs() < 1e-6);
}

#[test]
fn viewers_in_either_order_are_told_apart() {
    let [user, other]: [&[(u32, i64)]; 2] = [&[(0, 0), (2, 1), (1, 2)], &[(1, 0), (0, 1)]];
    let choice = Choice { backward: 0.25, power: 1.0 };
    let fitted = because_watched::fit(&histories(&[user, user, other, &[(2, 0)], &[]]), 3, &choice, &()).unwrap();
    let told = told(&fitted, 0, 1);
    let numbers = |counts: &PairCounts| (counts.of, counts.both, counts.asked, counts.item, counts.all);
    assert_eq!(numbers(&told[0]), ("viewers, this one later", Some(2), 3, 3, Some(4)));
    assert_eq!(numbers(&told[1]), ("viewers, this one earlier", Some(1), 3, 3, Some(4)));
    for (counts, weight) in told.iter().zip([0.5, 0.25]) {
        // Two apart, and a quarter of one apart; kept to one in 16,000.
        assert!((counts.weight.unwrap() - weight).abs() < 1e-3, "{counts:?}");
        assert_eq!((counts.discount, counts.by_chance), (Some(3.0), None));
    }
}

#[test]
fn an_item_that_goes_with_nothing_gets_popular_items() {
    let user: &[(u32, i64)] = &[(0, 0), (1, 0)];
    let alone: &[(u32, i64)] = &[(2, 0)];
    let fitted = bought_together::fit(&histories(&[user, user, alone]), 3, &()).unwrap();
    for item in [None, Some(2)] {
        let list = fitted.recommend(&Query { item, ..Query::default() }, 2);
        assert_eq!(list.iter().map(|scored| scored.item).collect::<Vec<_>>(), [0, 1]);
    }
}

#[test]
fn each_learns_from_the_events_of_its_page() {
    for (name, event_type) in [
        ("aws-ecomm-frequently-bought-together", Some("Purchase")),
        ("aws-ecomm-customers-who-viewed-x-also-viewed", Some("View")),
        ("aws-vod-because-you-watched-x", Some("Watch")),
        ("aws-vod-more-like-x", None),
    ] {
        let info = describe(name).unwrap();
        assert_eq!(info.event_type, event_type);
        assert_eq!(info.reads.items, name == "aws-vod-more-like-x");
    }
}
