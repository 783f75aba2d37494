use super::*;
use crate::{ColumnChoice, ColumnKind, Exploration, Objective, Record, Scored, Sensitivity, TimedPart};

const DAY_S: i64 = 86_400;

/// Items by kind, created on day 0 unless told otherwise; users of each kind who turn to items of their kind.
struct Shop {
    /// Id, kind, and day of creation.
    items: Vec<(String, &'static str, i64)>,
    rows: Vec<(String, String, i64)>,
    /// What was shown with each of `rows`.
    impressions: Vec<Option<String>>,
}

fn shop() -> Shop {
    let kinds = ["garden", "kitchen"];
    let items = (0..24).map(|item| (format!("i{item:02}"), kinds[item % 2], 0)).collect();
    let mut rows = Vec::new();
    for user in 0..80 {
        for event in 0..15 {
            let item = (user % 2 + 2 * (user * 5 + event * (1 + user % 3))) % 24;
            rows.push((format!("u{user:02}"), format!("i{item:02}"), DAY_S * 100 + (user * 20 + event) as i64));
        }
    }
    let impressions = vec![None; rows.len()];
    Shop { items, rows, impressions }
}

impl Shop {
    fn dataset(&self) -> Dataset {
        let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
        let mut interactions = PartBuilder::new(&[
            column("USER_ID", ColumnType::String, false),
            column("ITEM_ID", ColumnType::String, false),
            column("TIMESTAMP", ColumnType::Long, false),
            column("DEVICE", ColumnType::String, false),
            column("IMPRESSION", ColumnType::String, true),
        ]);
        for ((user, item, time_s), impression) in self.rows.iter().zip(&self.impressions) {
            interactions.push_str(0, user);
            interactions.push_str(1, item);
            interactions.push_long(2, *time_s);
            interactions.push_str(3, "tv");
            match impression {
                Some(impression) => interactions.push_str(4, impression),
                None => interactions.push_null(4),
            }
        }
        let mut items = PartBuilder::new(&[
            column("ITEM_ID", ColumnType::String, false),
            column("KIND", ColumnType::String, false),
            column("CREATION_TIMESTAMP", ColumnType::Long, false),
        ]);
        for (id, kind, day) in &self.items {
            items.push_str(0, id);
            items.push_str(1, kind);
            items.push_long(2, DAY_S * day);
        }
        let parts = DatasetParts {
            interactions: vec![interactions.finish().unwrap()],
            items: vec![TimedPart { content: items.finish().unwrap(), at_ms: 0 }],
            ..DatasetParts::default()
        };
        let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
        let item_columns =
            vec![choice("KIND", ColumnKind::Categorical), choice("CREATION_TIMESTAMP", ColumnKind::Number)];
        let interaction_columns =
            vec![choice("DEVICE", ColumnKind::Categorical), choice("IMPRESSION", ColumnKind::Text)];
        Dataset::read(&parts, &Selection { item_columns, interaction_columns, ..Selection::default() }).unwrap()
    }

    fn train(&self, recipe: &Recurrent, given: &[(&str, &str)]) -> Result<Trained, TrainError> {
        let mut hyperparameters = hyperparameters(recipe);
        hyperparameters.extend(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let dataset = self.dataset();
        let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
        recipe.train(&task)
    }
}

fn hyperparameters(recipe: &Recurrent) -> BTreeMap<String, String> {
    match recipe.0.hyperparameters {
        [] => BTreeMap::new(),
        _ => BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]),
    }
}

/// Somebody who had these items.
fn score(model: &Arc<dyn Model>, had: &[&str], item: &str) -> f32 {
    let event = |(place, id): (usize, &&str)| Event {
        item: model.item_index(id).unwrap(),
        timestamp_s: DAY_S * 100 + place as i64,
    };
    let history: Vec<Event> = had.iter().enumerate().map(event).collect();
    let list = model.recommend(&Query { history: &history, ..Query::default() }, model.n_items());
    list.iter().find(|scored| model.item_id(scored.item) == item).unwrap().score.unwrap()
}

#[test]
fn an_item_that_nobody_turned_to_can_be_recommended() {
    let mut shop = shop();
    shop.items.extend([("new garden".into(), "garden", 100), ("new kitchen".into(), "kitchen", 100)]);
    for recipe in [&USER_PERSONALIZATION, &PERSONALIZED_RANKING] {
        let trained = shop.train(recipe, &[]).unwrap();
        let model = recipe.open(&trained.files).unwrap();
        assert!(score(&model, &["i00", "i04", "i08"], "new garden") > 0.0, "{}", recipe.0.name);
    }
    // aws-hrnn-metadata answers with what somebody turned to.
    let trained = shop.train(&HRNN_METADATA, &[]).unwrap();
    assert_eq!(HRNN_METADATA.open(&trained.files).unwrap().item_index("new garden"), None);
}

#[test]
fn an_update_brings_new_items_and_events_and_leaves_the_rest() {
    let mut shop = shop();
    let trained = shop.train(&USER_PERSONALIZATION, &[]).unwrap();
    let before = USER_PERSONALIZATION.open(&trained.files).unwrap();
    assert_eq!(before.item_index("a new one"), None);
    // In byte order it stands in front of all others.
    shop.items.push(("a new one".into(), "garden", 101));
    shop.rows.push(("u00".into(), "i02".into(), DAY_S * 101));
    shop.rows.push(("zoe".into(), "i04".into(), DAY_S * 101));
    shop.impressions.extend([Some("i02|a new one".into()), None]);
    let (dataset, hyperparameters) = (shop.dataset(), hyperparameters(&USER_PERSONALIZATION));
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
    let updated = USER_PERSONALIZATION.update(&trained, &task).unwrap();
    assert_eq!(updated.report, trained.report);
    let after = USER_PERSONALIZATION.open(&updated.files).unwrap();
    assert_eq!(after.n_items(), before.n_items() + 1);
    for item in 0..before.n_items() as u32 {
        assert_eq!(after.item_id(item), before.item_id(item));
    }
    assert!(score(&after, &["i00", "i04"], "a new one") > 0.0);
    for user in ["u00", "zoe"] {
        let page = page(&updated, &after, user);
        assert_eq!(page.history(user).unwrap().last().unwrap().timestamp_s, DAY_S * 101);
        assert!(page.state(user).is_some());
    }
    // Again with nothing new, the same comes out.
    let again = USER_PERSONALIZATION.update(&updated, &task).unwrap();
    let contents = |trained: &Trained| trained.files.iter().map(|file| file.content.clone()).collect::<Vec<_>>();
    assert_eq!(contents(&again), contents(&updated));
}

#[test]
fn exploration_shows_new_items_and_scores_stay_those_of_relevance() {
    let mut shop = shop();
    shop.items.push(("fresh".into(), "garden", 99));
    let trained = shop.train(&USER_PERSONALIZATION, &[]).unwrap();
    let model = USER_PERSONALIZATION.open(&trained.files).unwrap();
    let plain = model.recommend(&Query::default(), 25);
    let explored_of = |weight, age_cut_off_days, k| {
        let exploration = Exploration { weight, age_cut_off_days, seed: 3, passed_over: &[] };
        model.recommend(&Query { exploration: Some(exploration), ..Query::default() }, k)
    };
    let explored = |weight, age_cut_off_days| explored_of(weight, age_cut_off_days, 25);
    assert_eq!(explored(0.0, 30.0), plain);
    assert_eq!(explored(1.0, 0.5), plain);
    let one = explored_of(1.0, 30.0, 1);
    assert_eq!((model.item_id(one[0].item), one[0].explored), ("fresh", true));
    let list = explored(1.0, 30.0);
    let explored: Vec<&str> = list.iter().filter(|scored| scored.explored).map(|s| model.item_id(s.item)).collect();
    assert_eq!(explored, ["fresh"]);
    // All items are in the list, so it is the plain one.
    let unmarked: Vec<_> = list.iter().map(|scored| Scored::new(scored.item, scored.score)).collect();
    assert_eq!(unmarked, plain);
}

#[test]
fn what_the_user_had_is_explored_only_where_users_come_back() {
    for come_back in [true, false] {
        let mut shop = shop();
        shop.items.push(("fresh".into(), "garden", 99));
        let mut had = HashSet::new();
        shop.rows.retain(|(user, item, _)| come_back || had.insert((user.clone(), item.clone())));
        let others: Vec<_> =
            shop.rows.iter().map(|(user, item, time_s)| (format!("other {user}"), item.clone(), *time_s)).collect();
        shop.rows.extend(others);
        shop.impressions = vec![None; shop.rows.len()];
        let trained = shop.train(&USER_PERSONALIZATION, &[]).unwrap();
        let model = USER_PERSONALIZATION.open(&trained.files).unwrap();
        let history = [Event { item: model.item_index("fresh").unwrap(), timestamp_s: DAY_S * 100 }];
        let exploration = Exploration { weight: 1.0, age_cut_off_days: 30.0, seed: 3, passed_over: &[] };
        let list = model.recommend(&Query { history: &history, exploration: Some(exploration), ..Query::default() }, 5);
        assert_eq!(list.iter().any(|scored| scored.explored), come_back, "{list:?}");
    }
}

#[test]
fn metadata_and_context_that_say_nothing_change_nothing() {
    let trained = shop().train(&USER_PERSONALIZATION, &[]).unwrap();
    let model = USER_PERSONALIZATION.open(&trained.files).unwrap();
    let unknown: Record = [("DEVICE", "toaster"), ("AGE", "x")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let asked = Query { user: Some(&unknown), context: Some(&unknown), ..Query::default() };
    assert_eq!(model.recommend(&asked, 10), model.recommend(&Query::default(), 10));
    let known: Record = [("DEVICE".to_owned(), "tv".to_owned())].into();
    let list = model.recommend(&Query { context: Some(&known), ..Query::default() }, 30);
    assert!(list.iter().all(|scored| scored.score.is_some_and(f32::is_finite)));
}

#[test]
fn items_without_any_metadata_are_learned_from_interactions() {
    let mut shop = shop();
    shop.items.clear();
    let trained = shop.train(&USER_PERSONALIZATION, &[]).unwrap();
    let model = USER_PERSONALIZATION.open(&trained.files).unwrap();
    let exploration = Exploration { weight: 1.0, age_cut_off_days: 1e-9, seed: 0, passed_over: &[] };
    let list = model.recommend(&Query { exploration: Some(exploration), ..Query::default() }, 30);
    assert_eq!(list.len(), 24);
}

/// Mean day of creation of the five best items, over users who had one item each.
fn mean_day(shop: &Shop, model: &Arc<dyn Model>) -> f64 {
    let day = |id: &str| shop.items.iter().find(|(item, ..)| item == id).unwrap().2 as f64;
    let lists = (0..24).map(|item| {
        let history = [Event { item, timestamp_s: DAY_S * 100 }];
        let list = model.recommend(&Query { history: &history, ..Query::default() }, 5);
        let shares = model.rank(&Query { history: &history, ..Query::default() }, &[0, 5, 20]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{shares:?}");
        list.iter().map(|scored| day(model.item_id(scored.item))).sum::<f64>() / 5.0
    });
    lists.sum::<f64>() / 24.0
}

#[test]
fn what_is_worth_more_is_shown_more_the_more_that_counts() {
    let mut shop = shop();
    for (number, item) in shop.items.iter_mut().enumerate() {
        // The 24 items are worth 0 to 23, in an order that tells nothing of who takes them.
        item.2 = (number * 7 % 24) as i64;
    }
    let dataset = shop.dataset();
    for recipe in [&USER_PERSONALIZATION, &PERSONALIZED_RANKING] {
        let hyperparameters = hyperparameters(recipe);
        let train = |sensitivity: Option<Sensitivity>| {
            let objective =
                sensitivity.map(|sensitivity| Objective { item_attribute: "CREATION_TIMESTAMP".into(), sensitivity });
            let task =
                TrainingTask { objective: objective.as_ref(), ..TrainingTask::new(&dataset, &hyperparameters, 1, &()) };
            let trained = recipe.train(&task).unwrap();
            let model = recipe.open(&trained.files).unwrap();
            (trained, mean_day(&shop, &model))
        };
        let (plain, by_relevance) = train(None);
        let (off, when_off) = train(Some(Sensitivity::Off));
        assert_eq!(when_off, by_relevance);
        let contents = |trained: &Trained| trained.files.iter().map(|file| file.content.clone()).collect::<Vec<_>>();
        assert_eq!(contents(&off), contents(&plain));
        let rewards = |trained: &Trained| trained.report.metrics.get("average_rewards_at_k").copied();
        assert_eq!(rewards(&plain), None);
        assert!(rewards(&off).is_some_and(|share| share > 0.0 && share <= 1.0));
        let mut before = when_off;
        for sensitivity in [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High] {
            let (trained, mean) = train(Some(sensitivity));
            assert!(mean > before, "{} {sensitivity:?}: {mean} after {before}", recipe.0.name);
            assert!(rewards(&trained).is_some());
            before = mean;
        }
    }
}

#[test]
fn an_update_knows_what_new_items_are_worth() {
    let mut shop = shop();
    let objective = Objective { item_attribute: "CREATION_TIMESTAMP".into(), sensitivity: Sensitivity::High };
    let hyperparameters = hyperparameters(&USER_PERSONALIZATION);
    let (before, after) = (shop.dataset(), {
        shop.items.extend([("new and cheap".into(), "garden", 0), ("new and dear".into(), "garden", 50)]);
        shop.dataset()
    });
    let task = TrainingTask { objective: Some(&objective), ..TrainingTask::new(&before, &hyperparameters, 1, &()) };
    // All are worth the same, so nothing is weighed.
    let trained = USER_PERSONALIZATION.train(&task).unwrap();
    let updated = USER_PERSONALIZATION.update(&trained, &TrainingTask { dataset: &after, ..task }).unwrap();
    let model = USER_PERSONALIZATION.open(&updated.files).unwrap();
    let (cheap, dear) = (score(&model, &["i00"], "new and cheap"), score(&model, &["i00"], "new and dear"));
    assert!(dear > 10.0 * cheap && cheap > 0.0, "{cheap} {dear}");
}
