//! What every recipe must do, on data with a known answer.
//!
//! The data are a checkerboard: users and items are even or odd, and users take items of their own kind
//! alone, one after the other, from different places on.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, Event, Explanation, ItemSet, Model, ModelError, ModelFile,
    PairCounts, Part, Progress, Query, Recipe, RecipeType, Selection, TimedPart, TrainError, Trained, TrainingTask,
    recipe,
};

mod explanations;
pub mod leaks;
mod odd;

/// aws-hrnn-coldstart, which wants a hundred cold items, has a test of its own at the end.
const RECIPES: [&str; 24] = [
    "aws-hrnn",
    "aws-hrnn-metadata",
    "aws-personalized-ranking",
    "aws-user-personalization",
    "aws-ecomm-recommended-for-you",
    "aws-vod-top-picks",
    "aws-popularity-count",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-popular-items-by-purchases",
    "aws-vod-most-popular",
    "aws-similar-items",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
    "aws-trending-now",
    "aws-vod-trending-now",
    "aws-sims",
    "palate-transitions",
    "palate-ease",
    "palate-ials",
    "palate-session-knn",
    "aws-user-personalization-v2",
    "aws-personalized-ranking-v2",
];
/// Those that are asked with an item.
const RELATED: [&str; 6] = [
    "aws-sims",
    "aws-similar-items",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
];
/// Those that find users for items: they recommend nothing, so what is asked of lists of items is not asked of them.
const SEGMENTS: [&str; 2] = ["aws-item-affinity", "aws-item-attribute-affinity"];
const N_ITEMS: usize = 20;

fn interactions(n_users: usize, n_items: usize, events_a_user: usize) -> Bytes {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for user in 0..n_users {
        for event in 0..events_a_user {
            let item = (user % 2 + 2 * (user / 2 + event)) % n_items;
            part.push_str(0, &format!("u{user:03}"));
            part.push_str(1, &format!("i{item:02}"));
            part.push_long(2, (1000 * user + event) as i64);
        }
    }
    part.finish().unwrap()
}

pub fn dataset(n_users: usize, n_items: usize, events_a_user: usize) -> Dataset {
    read(interactions(n_users, n_items, events_a_user), n_items)
}

/// With `n_more` items, even and odd in turns, that nobody has had.
pub fn dataset_with_cold_items(n_users: usize, n_items: usize, events_a_user: usize, n_more: usize) -> Dataset {
    read(interactions(n_users, n_items, events_a_user), n_items + n_more)
}

/// Items are even or odd.
fn read(interactions: Bytes, n_items: usize) -> Dataset {
    read_of_kinds(interactions, n_items, |item| ["even", "odd"][item % 2].to_owned())
}

/// With the kind of each item as its metadata.
fn read_of_kinds(interactions: Bytes, n_items: usize, kind_of: impl Fn(usize) -> String) -> Dataset {
    let column = |name: &str| Column { name: name.into(), kind: ColumnType::String, nullable: false };
    let mut items = PartBuilder::new(&[column("ITEM_ID"), column("KIND")]);
    for item in 0..n_items {
        items.push_str(0, &format!("i{item:02}"));
        items.push_str(1, &kind_of(item));
    }
    let items = vec![TimedPart { content: items.finish().unwrap(), at_ms: 1 }];
    let kind = ColumnChoice { name: "KIND".into(), kind: ColumnKind::Categorical };
    let selection = Selection { item_columns: vec![kind], ..Selection::default() };
    let parts = DatasetParts { interactions: vec![interactions], items, ..DatasetParts::default() };
    Dataset::read(&parts, &selection).unwrap()
}

fn items_without_interactions(name: &str) -> bool {
    let others = [
        "palate-transitions",
        "aws-similar-items",
        "aws-vod-more-like-x",
        "aws-personalized-ranking",
        "aws-user-personalization",
        "aws-ecomm-recommended-for-you",
        "aws-vod-top-picks",
        "palate-ials",
        "aws-user-personalization-v2",
        "aws-personalized-ranking-v2",
    ];
    others.contains(&name)
}

fn checkerboard() -> Dataset {
    dataset(200, N_ITEMS, 6)
}

/// With every filter of sims open: the checkerboard has no unusual users or items to leave out. As many factors as items
/// know the checkerboard by heart, unless they are drawn together more strongly than is best for the next item alone.
fn train_with(name: &str, dataset: &Dataset, progress: &dyn Progress) -> Result<Trained, TrainError> {
    let open = [
        ("min_user_history_length_percentile", "0"),
        ("max_user_history_length_percentile", "1"),
        ("min_item_interaction_count_percentile", "0"),
        ("max_item_interaction_count_percentile", "1"),
    ];
    let open = open.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let small = [("hidden_dimension".to_owned(), "32".to_owned())];
    let hyperparameters = match name {
        "aws-sims" => BTreeMap::from(open),
        "palate-ials" => BTreeMap::from([("regularization".to_owned(), "0.03".to_owned())]),
        // As small as networks can be made.
        name if recurrent(name) => BTreeMap::from(small),
        _ => BTreeMap::new(),
    };
    let task = TrainingTask::new(dataset, &hyperparameters, 1, progress);
    recipe(name).unwrap().train(&task)
}

fn recurrent(name: &str) -> bool {
    recipe(name).is_some_and(|recipe| recipe.info().hyperparameters.iter().any(|parameter| parameter.name == "bptt"))
}

/// Lets networks learn for a few epochs: enough where it does not matter how much was learned.
#[derive(Default)]
pub struct Hurry(AtomicUsize);

/// Looks at the clock before time is up.
const LOOKS: usize = 4;

impl Hurry {
    /// Time is up from the beginning.
    pub fn over() -> Self {
        Self(AtomicUsize::new(LOOKS))
    }
}

impl Progress for Hurry {
    fn report(&self, _step: &str, _done: f64) {}

    fn time_left(&self) -> Option<Duration> {
        let over = self.0.fetch_add(1, Ordering::Relaxed) >= LOOKS;
        Some(if over { Duration::ZERO } else { Duration::from_secs(3600) })
    }
}

fn train(name: &str) -> (&'static dyn Recipe, Trained) {
    (recipe(name).unwrap(), train_with(name, &checkerboard(), &()).unwrap())
}

/// What the model says to a user whose events were these, the last of them also being the item.
fn ask(model: &Arc<dyn Model>, items: &[&str], k: usize) -> Vec<(String, Option<f32>)> {
    let items: Vec<u32> = items.iter().map(|item| model.item_index(item).unwrap()).collect();
    let history: Vec<Event> = (0..).zip(&items).map(|(time, item)| Event { item: *item, timestamp_s: time }).collect();
    let list = model.recommend(&Query { history: &history, item: items.last().copied(), ..Query::default() }, k);
    list.iter().map(|scored| (model.item_id(scored.item).to_owned(), scored.score)).collect()
}

/// The page of a user.
pub fn page(trained: &Trained, model: &Arc<dyn Model>, user: &str) -> crate::UserPage {
    let page = model.user_page(user).unwrap();
    let file = trained.files.iter().find(|file| file.name == *page.file).unwrap();
    let content = file.content.slice(page.range.start as usize..page.range.end as usize);
    model.open_user_page(&page, content).unwrap()
}

fn resident(files: &[ModelFile]) -> Vec<ModelFile> {
    files.iter().filter(|file| !file.paged).cloned().collect()
}

#[test]
fn personal_and_related_answers_are_of_the_users_kind() {
    for name in RELATED.into_iter().chain([
        "palate-transitions",
        "palate-ease",
        "palate-ials",
        "palate-session-knn",
        "aws-user-personalization-v2",
    ]) {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        for (items, parity) in [(["i02", "i04"], 0), (["i03", "i05"], 1)] {
            for (item, _) in ask(&model, &items, 5) {
                assert_eq!(item[1..].parse::<usize>().unwrap() % 2, parity, "{name} {item}");
            }
        }
    }
}

#[test]
fn transitions_know_the_next_item() {
    let (recipe, trained) = train("palate-transitions");
    let model = recipe.open(&trained.files).unwrap();
    assert_eq!(ask(&model, &["i02", "i04"], 1)[0].0, "i06");
    assert_eq!(ask(&model, &["i15", "i17"], 1)[0].0, "i19");
}

#[test]
fn learning_beats_popularity_on_held_out_users() {
    for name in RELATED.into_iter().chain([
        "palate-transitions",
        "palate-ease",
        "palate-ials",
        "palate-session-knn",
        "aws-user-personalization-v2",
        "aws-hrnn",
    ]) {
        let report = &shared(name).1.report;
        let ndcg = "normalized_discounted_cumulative_gain_at_25";
        assert!(report.metrics[ndcg] > report.popularity_baseline[ndcg], "{name} {report:?}");
        assert_eq!(report.n_test_users, 20);
        assert_eq!(report.metrics.len(), 8);
    }
}

#[test]
fn a_list_is_as_long_as_asked_or_has_every_item_once() {
    for name in RECIPES {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        let others = if recipe.info().recipe_type == RecipeType::RelatedItems { N_ITEMS - 1 } else { N_ITEMS };
        for items in [vec![], vec!["i03"], vec!["i00", "i01", "i02", "i03"]] {
            for k in [0, 1, 7, 500] {
                let list = ask(&model, &items, k);
                let wanted = if items.is_empty() { N_ITEMS } else { others };
                assert_eq!(list.len(), k.min(wanted), "{name} {items:?} {k}");
                let mut ids: Vec<&String> = list.iter().map(|(item, _)| item).collect();
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), list.len(), "{name}");
                // What fills a list of the transformer up has none, and that is what the user had.
                let fills_up = |item: &String| name.ends_with("-v2") && items.contains(&item.as_str());
                let has_score = |(item, score): &(String, Option<f32>)| {
                    score.is_some() == recipe.info().scores || score.is_none() && fills_up(item)
                };
                assert!(list.iter().all(has_score), "{name} {list:?}");
                assert!(list.is_sorted_by(|a, b| a.1 >= b.1));
            }
        }
    }
}

#[test]
fn a_list_of_allowed_items_is_the_whole_ranking_without_the_others() {
    for name in RECIPES {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        // None, all, every third, one alone, and the last ten.
        for bits in [0, u64::MAX, 0x9249_2492_4924_9249, 1 << 7, !0 << 10] {
            let allowed = ItemSet::from_words(vec![bits], N_ITEMS);
            for items in [vec![], vec![3], vec![0, 1, 2, 3]] {
                let history: Vec<Event> =
                    (0..).zip(&items).map(|(time, item)| Event { item: *item, timestamp_s: time }).collect();
                let query = Query { history: &history, item: items.last().copied(), ..Query::default() };
                let mut wanted = model.recommend(&query, 500);
                wanted.retain(|scored| allowed.contains(scored.item));
                for k in [0, 1, 4, 500] {
                    let list = model.recommend(&Query { allowed: Some(&allowed), ..query }, k);
                    assert_eq!(list, wanted[..k.min(wanted.len())], "{name} {bits:x} {items:?} {k}");
                }
            }
        }
    }
}

#[test]
fn scores_sum_to_one() {
    for name in ["palate-transitions", "aws-user-personalization-v2", "aws-hrnn"] {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        for items in [vec![], vec!["i03"], vec!["i02", "i04", "i06"]] {
            let sum: f32 = ask(&model, &items, 500).iter().filter_map(|(_, score)| *score).sum();
            // Twenty roundings of numbers below 1.
            assert!((sum - 1.0).abs() < 1e-5, "{name} {sum}");
        }
    }
}

#[test]
fn ranking_agrees_with_recommending() {
    for name in [
        "aws-popularity-count",
        "palate-transitions",
        "palate-ease",
        "palate-ials",
        "palate-session-knn",
        "aws-personalized-ranking-v2",
        "aws-hrnn",
    ] {
        let (recipe, trained) = shared(name);
        let model = recipe.open(&trained.files).unwrap();
        let history = [Event { item: 4, timestamp_s: 0 }];
        let query = Query { history: &history, ..Query::default() };
        let list: Vec<u32> = model.recommend(&query, 500).iter().map(|scored| scored.item).collect();
        let scores = model.rank(&query, &list);
        assert!(scores.is_sorted_by(|a, b| a >= b), "{name}");
    }
}

#[test]
fn the_user_side_holds_everybodys_events() {
    let (recipe, trained) = train("palate-transitions");
    let model = recipe.open(&resident(&trained.files)).unwrap();
    for user in 0..200 {
        let id = format!("u{user:03}");
        let page = model.user_page(&id).unwrap();
        let file = trained.files.iter().find(|file| file.name == *page.file).unwrap();
        let content = file.content.slice(page.range.start as usize..page.range.end as usize);
        let page = model.open_user_page(&page, content).unwrap();
        let history = page.history(&id).unwrap();
        let last = history.last().unwrap();
        assert_eq!(model.item_id(last.item), format!("i{:02}", (user % 2 + 2 * (user / 2 + 5)) % N_ITEMS));
        assert_eq!(last.timestamp_s, (1000 * user + 5) as i64);
        assert!(page.history("nobody").is_none());
    }
    for name in ["aws-popularity-count", "aws-sims"] {
        let (recipe, trained) = shared(name);
        assert_eq!(recipe.open(&trained.files).unwrap().user_page("u000"), None);
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    for name in RECIPES {
        let data = checkerboard();
        let files = [1, 2, 5].map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let trained = pool.install(|| train_with(name, &data, &Hurry::default()).unwrap());
            (trained.files.into_iter().map(|file| (file.name, file.content)).collect::<Vec<_>>(), trained.report)
        });
        assert_eq!(files[0], files[1], "{name}");
        assert_eq!(files[0], files[2], "{name}");
    }
}

#[test]
fn what_is_given_is_in_force_and_what_is_not_is_told_as_chosen() {
    let given = BTreeMap::from([("window".to_owned(), "7".to_owned()), ("half_life".to_owned(), "1.25".to_owned())]);
    let data = checkerboard();
    let task = TrainingTask::new(&data, &given, 1, &());
    let recipe = recipe("palate-transitions").unwrap();
    let trained = recipe.train(&task).unwrap();
    assert_eq!(trained.hyperparameters["window"], "7");
    assert_eq!(trained.hyperparameters["half_life"], "1.25");
    assert_eq!(trained.hyperparameters.len(), recipe.info().hyperparameters.len());
    let names: Vec<&str> = trained.chosen.keys().map(String::as_str).collect();
    let expected = "backward_weight borrowed_events count_power fade_days from_power history_length query_fade_days \
                    seen_weight to_power";
    assert_eq!(names.join(" "), expected);
    let again = TrainingTask { hyperparameters: &trained.hyperparameters, ..task };
    let again = recipe.train(&again).unwrap();
    assert!(again.chosen.is_empty());
    assert_eq!(again.report, trained.report);
}

#[test]
fn a_stopped_training_ends_as_stopped() {
    struct Stop;
    impl Progress for Stop {
        fn report(&self, _step: &str, _done: f64) {}
        fn stopped(&self) -> bool {
            true
        }
    }
    for name in RECIPES.into_iter().chain(SEGMENTS) {
        let trained = train_with(name, &checkerboard(), &Stop);
        assert!(matches!(trained, Err(TrainError::Stopped)), "{name}");
    }
}

#[test]
fn a_training_stops_at_every_step_that_it_tells_of() {
    /// Wants the training to end from a certain report on.
    struct At(AtomicUsize, Option<usize>, Hurry);
    impl Progress for At {
        fn report(&self, _step: &str, _done: f64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn stopped(&self) -> bool {
            self.1.is_some_and(|at| self.0.load(Ordering::Relaxed) >= at)
        }
        fn time_left(&self) -> Option<Duration> {
            self.2.time_left()
        }
    }
    let data = checkerboard();
    for name in RECIPES.into_iter().chain(SEGMENTS) {
        let all = At(AtomicUsize::new(0), None, Hurry::default());
        train_with(name, &data, &all).unwrap();
        let n_reports = all.0.into_inner();
        assert!(n_reports >= 4, "{name} tells of {n_reports} steps");
        // A few, however many there are.
        for place in 0..=4 {
            let at = 1 + (n_reports - 1) * place / 4;
            let stopped = train_with(name, &data, &At(AtomicUsize::new(0), Some(at), Hurry::default()));
            assert!(matches!(stopped, Err(TrainError::Stopped)), "{name} goes on after report {at} of {n_reports}");
        }
    }
}

#[test]
fn too_little_data_fail_and_the_least_that_is_enough_does_not() {
    for name in RECIPES.into_iter().chain(SEGMENTS) {
        let error = train_with(name, &dataset(24, 50, 50), &Hurry::default()).err().unwrap();
        assert_eq!(error.to_string(), "Dataset has fewer than 25 users with at least 2 interactions each.");
        for least in [dataset(25, 2, 40), dataset(500, 2, 2), dataset(25, 1000, 40)] {
            let (recipe, trained) = (recipe(name).unwrap(), train_with(name, &least, &Hurry::default()).unwrap());
            let n_items = recipe.open(&trained.files).unwrap().n_items();
            // Some also answer with items that nobody took.
            let all = if items_without_interactions(name) { least.all_items() } else { least.items().clone() };
            assert_eq!(n_items, all.len(), "{name}");
        }
    }
}

#[test]
fn what_cannot_be_updated_says_so() {
    let updated = [
        "aws-user-personalization",
        "aws-ecomm-recommended-for-you",
        "aws-vod-top-picks",
        "aws-user-personalization-v2",
    ];
    for name in RECIPES.into_iter().filter(|name| !updated.contains(name)) {
        let (recipe, trained) = shared(name);
        let (dataset, hyperparameters) = (checkerboard(), trained.hyperparameters.clone());
        let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
        let error = recipe.update(trained, &task).err().unwrap().to_string();
        assert_eq!(error, format!("Recipe {name} cannot be updated; it can only be trained in full."));
    }
}

#[test]
fn a_model_of_another_recipe_or_version_is_refused() {
    let (_, trained) = train("aws-popularity-count");
    let sims = recipe("aws-sims").unwrap();
    assert!(matches!(sims.open(&trained.files), Err(ModelError::Recipe { .. })));
    let mut newer = trained.files.clone();
    let manifest = std::str::from_utf8(&newer[0].content).unwrap();
    newer[0].content = manifest.replace("\"formatVersion\": 1", "\"formatVersion\": 2").into();
    let popularity = recipe("aws-popularity-count").unwrap();
    assert!(matches!(popularity.open(&newer), Err(ModelError::Version { found: 2, supported: 1 })));
    assert!(matches!(popularity.open(&newer[1..]), Err(ModelError::Missing(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn damage_anywhere_is_told_and_never_a_panic(place in any::<prop::sample::Index>(), bit in 0_u32..8, cut: bool) {
        for name in RECIPES {
            let (recipe, trained) = shared(name);
            for number in 0..resident(&trained.files).len() {
                let mut files = resident(&trained.files);
                let mut content = files[number].content.to_vec();
                let place = place.index(content.len());
                if cut {
                    content.truncate(place);
                } else {
                    content[place] ^= 1 << bit;
                }
                let same_meaning = number == 0 && !cut && means_the_same(&content, &files[0].content);
                files[number].content = content.into();
                prop_assert!(recipe.open(&files).is_err() || same_meaning, "{name} {}", files[number].name);
            }
        }
    }
}

#[test]
fn a_cold_start_recipe_wants_a_hundred_cold_items_and_then_trains_as_the_others() {
    let name = "aws-hrnn-coldstart";
    let error = train_with(name, &checkerboard(), &()).err().unwrap().to_string();
    assert!(error.starts_with("Dataset has 0 cold start items; there must be between 100 and 80000"), "{error}");
    // Six interactions with each of 200 items.
    let (recipe, data) = (recipe(name).unwrap(), dataset(200, 200, 6));
    let trained = train_with(name, &data, &Hurry::default()).unwrap();
    let model = recipe.open(&trained.files).unwrap();
    assert_eq!((model.n_items(), model.recommend(&Query::default(), 500).len()), (200, 200));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| train_with(name, &data, &Hurry::default()).unwrap());
    let contents = |trained: &Trained| trained.files.iter().map(|file| file.content.clone()).collect::<Vec<_>>();
    assert_eq!(contents(&trained), contents(&alone));
    // An update brings the items that came since.
    let (later, hyperparameters) = (dataset_with_cold_items(200, 200, 6, 5), trained.hyperparameters.clone());
    let updated = recipe.update(&trained, &TrainingTask::new(&later, &hyperparameters, 1, &())).unwrap();
    let model = recipe.open(&updated.files).unwrap();
    assert_eq!((model.n_items(), updated.report), (205, trained.report));
    let new = model.item_index("i204").unwrap();
    assert!(model.rank(&Query::default(), &[new, 0]).iter().all(|share| *share > 0.0));
}

/// White space in JSON says nothing.
fn means_the_same(a: &[u8], b: &[u8]) -> bool {
    let parse = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).ok();
    parse(a).is_some() && parse(a) == parse(b)
}

/// Trained once for all cases.
fn shared(name: &'static str) -> &'static (&'static dyn Recipe, Trained) {
    static ALL: std::sync::LazyLock<BTreeMap<&str, (&'static dyn Recipe, Trained)>> =
        std::sync::LazyLock::new(|| RECIPES.into_iter().map(|name| (name, train(name))).collect());
    &ALL[name]
}
