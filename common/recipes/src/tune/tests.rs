#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::contract::dataset;

fn space() -> Vec<Dimension> {
    let dimension = |name: &str, values| Dimension { name: name.into(), values };
    vec![
        dimension("a", Values::Continuous(0.0, 1.0)),
        dimension("b", Values::Integer(1, 50)),
        dimension("c", Values::Continuous(0.001, 10.0)),
        dimension("d", Values::Categorical(vec!["x".into(), "y".into(), "z".into()])),
    ]
}

/// A hill with its top, 0, at a = 0.3, b = 40, c = 0.1 and d = y.
fn hill(values: &BTreeMap<String, String>) -> f64 {
    let number = |name: &str| values[name].parse::<f64>().unwrap();
    let off = [number("a") - 0.3, (number("b") - 40.0) / 50.0, (number("c") / 0.1).log10() / 4.0];
    -off.iter().map(|off| off * off).sum::<f64>() - if values["d"] == "y" { 0.0 } else { 0.1 }
}

fn climb(trials: usize, parallel: usize, seed: u64, space: &[Dimension]) -> Vec<(BTreeMap<String, String>, f64)> {
    let rounds = Rounds { space, budget: Budget { trials, parallel }, seed, progress: &() };
    let middle = space.iter().map(|dimension| (dimension.name.clone(), dimension.at(0.5))).collect();
    let tried = rounds.run(&middle, |values, _| Ok(Outcome { objective: hill(values), in_force: values.clone() }));
    tried.unwrap().into_iter().map(|trial| (trial.values, trial.result.unwrap().objective)).collect()
}

fn top(trials: &[(BTreeMap<String, String>, f64)]) -> f64 {
    trials.iter().map(|trial| trial.1).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn a_search_comes_nearer_to_the_top_than_chance_with_the_same_budget() {
    const SEEDS: std::ops::Range<u64> = 0..40;
    let mean = |found: &dyn Fn(u64) -> f64| SEEDS.map(found).sum::<f64>() / 40.0;
    let search = mean(&|seed| top(&climb(40, 1, seed, &space())));
    let four = mean(&|seed| top(&climb(40, 4, seed, &space())));
    let chance = mean(&|seed| {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let draw = |_| space().iter().map(|one| (one.name.clone(), one.at(rng.random()))).collect();
        (0..40).map(draw).map(|values| hill(&values)).fold(f64::NEG_INFINITY, f64::max)
    });
    assert!(search > 0.2 * chance, "{search} {four} {chance}");
    assert!(four > 0.4 * chance, "{search} {four} {chance}");
}

#[test]
fn the_same_seed_finds_the_same_and_nothing_is_tried_twice() {
    for parallel in [1, 3] {
        let one = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| climb(25, parallel, 7, &space()))
        };
        let trials = one(1);
        assert_eq!(trials, one(4));
        assert_ne!(trials, climb(25, parallel, 8, &space()));
        let distinct: std::collections::BTreeSet<_> = trials.iter().map(|trial| &trial.0).collect();
        assert_eq!((trials.len(), distinct.len()), (25, 25));
    }
}

#[test]
fn a_small_space_is_tried_as_a_whole_and_no_more() {
    let small = |values| {
        let mut small = space();
        small[0].values = Values::Continuous(0.5, 0.5);
        small[1].values = values;
        small[2].values = Values::Continuous(1.0, 1.0);
        small
    };
    let trials = climb(40, 4, 1, &small(Values::Integer(1, 3)));
    assert_eq!(trials.len(), 9);
    assert_eq!(climb(4, 1, 1, &small(Values::Integer(1, 3))).len(), 4);
    assert_eq!(climb(0, 0, 1, &small(Values::Integer(1, 3))).len(), 1);
}

#[test]
fn trials_that_fail_are_told_and_the_best_of_the_others_wins() {
    let sims = crate::recipe("aws-sims").unwrap();
    let (dataset, none) = (dataset(200, 20, 6), BTreeMap::new());
    let task = TrainingTask::new(&dataset, &none, 1, &());
    let space = [Dimension::of(&sims.info().hyperparameters[0])];
    let found = search(sims, &task, &space, Budget { trials: 6, parallel: 2 }, METRIC, &()).unwrap();
    let trials = &found.search.trials;
    assert_eq!(trials.len(), 6);
    assert_eq!(trials[0].hyperparameters["popularity_discount_factor"], "0.5");
    let best = trials.iter().filter_map(|trial| trial.objective).fold(f64::MIN, f64::max);
    let chosen: Vec<_> = trials.iter().filter(|trial| trial.chosen).collect();
    assert_eq!((chosen.len(), chosen[0].objective), (1, Some(best)));
    assert_eq!(chosen[0].hyperparameters, found.hyperparameters);
    assert!(found.search.reason.contains(&chosen[0].name), "{}", found.search.reason);

    let too_few = crate::contract::dataset(24, 50, 50);
    let task = TrainingTask { dataset: &too_few, ..task };
    let error = search(sims, &task, &space, Budget { trials: 3, parallel: 1 }, METRIC, &()).unwrap_err();
    assert_eq!(error.to_string(), "Dataset has fewer than 25 users with at least 2 interactions each.");
    let trial = try_recipe(sims, &task, METRIC).unwrap();
    assert_eq!((trial.objective, trial.note), (None, Some(error.to_string())));
}

#[test]
fn of_recipes_the_best_wins_and_the_reason_names_the_next() {
    let trial = |name: &str, objective| Trial { recipe: name.into(), name: name.into(), objective, ..Trial::default() };
    let trials = vec![trial("a", Some(0.1)), trial("b", None), trial("c", Some(0.3)), trial("d", Some(0.3))];
    let (recipe, search) = choose(trials, METRIC).unwrap();
    assert_eq!(recipe, "c");
    let wanted = "c has the highest NDCG at 25 on the validation users, 0.3000; next is d with 0.3000.";
    assert_eq!(search.reason, wanted);
    assert_eq!(search.trials.iter().map(|trial| trial.chosen).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(choose(vec![trial("a", None), trial("b", Some(f64::NAN))], METRIC), None);
}

#[test]
fn another_metric_may_choose_another_trial() {
    let (dataset, none) = (dataset(200, 20, 6), BTreeMap::new());
    let task = TrainingTask::new(&dataset, &none, 1, &());
    let names = ["palate-transitions", "aws-popularity-count"];
    let tried = |metric: &str| {
        names.map(|name| try_recipe(crate::recipe(name).unwrap(), &task, metric).unwrap().objective.unwrap())
    };
    let reports =
        names.map(|name| crate::recipe(name).unwrap().train(&TrainingTask { trial: true, ..task }).unwrap().report);
    for metric in METRICS {
        assert_eq!(tried(metric), [0, 1].map(|recipe| reports[recipe].metrics[metric]), "{metric}");
    }
    assert_eq!(reports[0].metrics.len(), METRICS.len());
    assert_eq!(tried(METRIC), [0, 1].map(|recipe| reports[recipe].figures[METRIC].value));
    let trial = |name: &str, objective| Trial { recipe: name.into(), name: name.into(), objective, ..Trial::default() };
    let (winner, search) = choose(vec![trial("a", Some(0.1)), trial("b", Some(0.2))], "coverage").unwrap();
    assert_eq!((winner.as_str(), search.metric.as_str()), ("b", "coverage"));
    assert!(search.reason.starts_with("b has the highest coverage"), "{}", search.reason);
}

#[test]
fn a_search_stops_when_it_is_asked_to_and_tells_how_far_it_is() {
    struct After(AtomicUsize, std::sync::Mutex<Vec<f64>>);
    impl Progress for After {
        fn report(&self, step: &str, done: f64) {
            assert!(step.starts_with("trial ") && step.contains(" of 40: "), "{step}");
            self.1.lock().unwrap().push(done);
        }
        fn stopped(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 5
        }
    }
    let after = After(AtomicUsize::new(0), std::sync::Mutex::default());
    let rounds = Rounds { space: &space(), budget: Budget { trials: 40, parallel: 1 }, seed: 1, progress: &after };
    let stopped = rounds.run(&BTreeMap::new(), |values, _| {
        after.0.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome { objective: 0.0, in_force: values.clone() })
    });
    assert!(matches!(stopped, Err(TrainError::Stopped)));
    let shares = after.1.into_inner().unwrap();
    assert_eq!(shares.len(), 6);
    assert!(shares.is_sorted() && shares[5] == 6.0 / 40.0, "{shares:?}");
}
