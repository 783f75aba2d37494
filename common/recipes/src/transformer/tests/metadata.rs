use super::*;
use crate::{ColumnChoice, ColumnKind, Exploration, Record, Scored, TimedPart};

const DAY_S: i64 = 86_400;

/// Items of two kinds, and users who turn to those of their kind alone. Even events are on a phone and with one of the
/// first twelve items, odd ones on a tv and with one of the others.
struct Shop {
    /// Id, kind, and day of creation.
    items: Vec<(String, String, i64)>,
    rows: Vec<(String, String, i64, &'static str)>,
}

fn shop() -> Shop {
    let items = (0..24).map(|item| (format!("i{item:02}"), ["garden", "kitchen"][item % 2].to_owned(), 0)).collect();
    let mut rows = Vec::new();
    for user in 0..80 {
        for event in 0..16 {
            let place = (user * 5 + event * (1 + user % 5) + event / 3) % 6;
            let (device, item) =
                if event % 2 == 0 { ("phone", user % 2 + 2 * place) } else { ("tv", 12 + user % 2 + 2 * place) };
            rows.push((format!("u{user:02}"), format!("i{item:02}"), DAY_S * 100 + (user * 20 + event) as i64, device));
        }
    }
    Shop { items, rows }
}

impl Shop {
    fn dataset(&self, columns: &[&str]) -> Dataset {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut interactions = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
            column("DEVICE", ColumnType::String),
        ]);
        for (user, item, time_s, device) in &self.rows {
            interactions.push_str(0, user);
            interactions.push_str(1, item);
            interactions.push_long(2, *time_s);
            interactions.push_str(3, device);
        }
        let mut items = PartBuilder::new(&[
            column("ITEM_ID", ColumnType::String),
            column("KIND", ColumnType::String),
            column("CREATION_TIMESTAMP", ColumnType::Long),
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
        let chosen = |known: &[(&str, ColumnKind)]| -> Vec<ColumnChoice> {
            let known = known.iter().filter(|(name, _)| columns.contains(name));
            known.map(|(name, kind)| ColumnChoice { name: (*name).into(), kind: *kind }).collect()
        };
        let selection = Selection {
            item_columns: chosen(&[("KIND", ColumnKind::Categorical), ("CREATION_TIMESTAMP", ColumnKind::Number)]),
            interaction_columns: chosen(&[("DEVICE", ColumnKind::Categorical)]),
            ..Selection::default()
        };
        Dataset::read(&parts, &selection).unwrap()
    }

    /// Two items that nobody had, the second without anything that is known of others.
    fn with_new_items(mut self) -> Self {
        for (id, kind) in [("new garden", "garden"), ("new kitchen", "kitchen"), ("odd", "nothing else is")] {
            self.items.push((id.to_owned(), kind.to_owned(), 99));
        }
        self
    }
}

const ALL: [&str; 3] = ["KIND", "CREATION_TIMESTAMP", "DEVICE"];

/// Somebody who had these items.
fn answer(model: &Arc<dyn Model>, had: &[&str], asked: Query<'_>) -> Vec<Scored> {
    best(model, had, asked, model.n_items())
}

fn best(model: &Arc<dyn Model>, had: &[&str], asked: Query<'_>, k: usize) -> Vec<Scored> {
    let event = |(place, id): (usize, &&str)| Event {
        item: model.item_index(id).unwrap(),
        timestamp_s: DAY_S * 100 + place as i64,
    };
    let history: Vec<Event> = had.iter().enumerate().map(event).collect();
    model.recommend(&Query { history: &history, ..asked }, k)
}

/// The sum of the scores of those items that pass.
fn share(model: &Arc<dyn Model>, list: &[Scored], passes: impl Fn(&str) -> bool) -> f32 {
    list.iter().filter(|scored| passes(model.item_id(scored.item))).filter_map(|scored| scored.score).sum()
}

#[test]
fn items_that_nobody_turned_to_are_for_those_who_like_their_kind() {
    let dataset = shop().with_new_items().dataset(&ALL);
    let (trained, model) = train(&dataset, &[], usize::MAX);
    assert_eq!((trained.report.n_test_users, model.n_items()), (8, 27));
    for (had, liked, other) in
        [(["i00", "i12"], "new garden", "new kitchen"), (["i01", "i13"], "new kitchen", "new garden")]
    {
        let list = answer(&model, &had, Query::default());
        let score = |id: &str| share(&model, &list, |other| other == id);
        assert!(score(liked) > 3.0 * score(other), "{} {}", score(liked), score(other));
        assert!(score("odd") > 0.0);
        assert!((share(&model, &list, |_| true) - 1.0).abs() < 1e-5);
    }
    // A ranking knows them too.
    let ranking =
        PERSONALIZED_RANKING_V2.train(&TrainingTask::new(&dataset, &BTreeMap::new(), 1, &Clock(AtomicUsize::new(4))));
    let ranking = PERSONALIZED_RANKING_V2.open(&ranking.unwrap().files).unwrap();
    assert_eq!(ranking.n_items(), 27);
}

#[test]
fn the_moment_says_what_comes_next_and_an_unknown_one_says_nothing() {
    let (_, model) = train(&shop().dataset(&["DEVICE"]), &[], usize::MAX);
    let record = |device: &str| -> Record { [("DEVICE".to_owned(), device.to_owned())].into() };
    let of_tv = |record: Option<&Record>| {
        let list = answer(&model, &["i00", "i12", "i02", "i14"], Query { context: record, ..Query::default() });
        assert!(list.iter().all(|scored| scored.score.is_some_and(f32::is_finite)));
        share(&model, &list, |id| id >= "i12")
    };
    let (tv, phone, toaster) = (record("tv"), record("phone"), record("toaster"));
    assert!(of_tv(Some(&tv)) > of_tv(None) && of_tv(None) > of_tv(Some(&phone)));
    assert_eq!(of_tv(Some(&toaster)), of_tv(None));
}

#[test]
fn metadata_that_say_nothing_leave_the_network_number_by_number_as_it_is() {
    // A kind of which there is one item teaches nothing.
    let mut shop = shop();
    for (number, (_, kind, _)) in shop.items.iter_mut().enumerate() {
        *kind = format!("kind {number}");
    }
    let network = |columns: &[&str]| {
        let (trained, _) = train(&shop.dataset(columns), &[], 6);
        trained.files.into_iter().find(|file| file.name == "network.safetensors").unwrap().content
    };
    assert_eq!(network(&["KIND", "CREATION_TIMESTAMP"]), network(&[]));
    assert_ne!(network(&ALL), network(&[]));
}

#[test]
fn an_update_brings_new_items_and_events_and_leaves_the_rest() {
    let mut shop = shop();
    let (trained, before) = train(&shop.dataset(&ALL), &[], usize::MAX);
    // In byte order it stands in front of all others.
    shop.items.push(("a new one".into(), "garden".into(), 101));
    shop.items.push(("another".into(), "of no known kind".into(), 101));
    shop.rows.push(("u00".into(), "i02".into(), DAY_S * 101, "tv"));
    shop.rows.push(("zoe".into(), "i04".into(), DAY_S * 101, "tv"));
    let (dataset, none) = (shop.dataset(&ALL), BTreeMap::new());
    let task = TrainingTask::new(&dataset, &none, 1, &());
    let updated = USER_PERSONALIZATION_V2.update(&trained, &task).unwrap();
    assert_eq!(updated.report, trained.report);
    let after = USER_PERSONALIZATION_V2.open(&updated.files).unwrap();
    assert_eq!((before.item_index("a new one"), after.n_items()), (None, before.n_items() + 2));
    for item in 0..before.n_items() as u32 {
        assert_eq!(after.item_id(item), before.item_id(item));
    }
    for (had, least) in [(["i00", "i12"], true), (["i01", "i13"], false)] {
        let list = answer(&after, &had, Query::default());
        let [new, another] = ["a new one", "another"].map(|id| share(&after, &list, |other| other == id));
        assert!(new > 0.0 && another > 0.0 && (new > another) == least, "{new} {another}");
    }
    for user in ["u00", "zoe"] {
        let page = page(&updated, &after, user);
        assert!(page.state(user).is_some());
        assert_eq!(page.history(user).unwrap().last().unwrap().timestamp_s, DAY_S * 101);
    }
    // Again with nothing new, the same comes out.
    let again = USER_PERSONALIZATION_V2.update(&updated, &task).unwrap();
    let contents = |trained: &Trained| trained.files.iter().map(|file| file.content.clone()).collect::<Vec<_>>();
    assert_eq!(contents(&again), contents(&updated));
}

#[test]
fn new_items_get_places_that_say_so_and_the_list_stays_in_the_order_of_scores() {
    let (_, model) = train(&shop().with_new_items().dataset(&ALL), &[], usize::MAX);
    let plain = answer(&model, &["i00", "i12"], Query::default());
    let new: Vec<u32> = ["new garden", "new kitchen", "odd"].map(|id| model.item_index(id).unwrap()).to_vec();
    let explored = |weight, seed, k| {
        let exploration = Exploration { weight, age_cut_off_days: 30.0, seed, passed_over: &[] };
        best(&model, &["i00", "i12"], Query { exploration: Some(exploration), ..Query::default() }, k)
    };
    assert_eq!(explored(0.0, 1, plain.len()), plain);
    let mut firsts = BTreeMap::new();
    for seed in 0..200 {
        let one = explored(0.5, seed, 1)[0];
        *firsts.entry(one.item).or_insert(0) += usize::from(one.explored);
        let list = explored(0.3, seed, 5);
        assert!(list.iter().all(|scored| !scored.explored || new.contains(&scored.item)));
        assert!(list.is_sorted_by(|a, b| a.score >= b.score));
        assert!(list.iter().all(|scored| plain.contains(&Scored::new(scored.item, scored.score))));
        // What is not explored is the best of the plain list.
        let explored: Vec<u32> = list.iter().filter(|scored| scored.explored).map(|scored| scored.item).collect();
        let kept = list.iter().filter(|scored| !scored.explored);
        let others = plain.iter().filter(|scored| !explored.contains(&scored.item));
        assert!(kept.eq(others.take(5 - explored.len())), "{list:?}");
    }
    // What the user had is not new to the user.
    for seed in 0..50 {
        let exploration = Exploration { weight: 1.0, age_cut_off_days: 30.0, seed, passed_over: &[] };
        let had = best(&model, &["i00", "new garden"], Query { exploration: Some(exploration), ..Query::default() }, 9);
        assert!(had.iter().all(|scored| !scored.explored || scored.item != new[0]), "{had:?}");
    }
    // What suits the user is explored more than what does not.
    let first = |item: u32| firsts.get(&item).copied().unwrap_or(0);
    assert!(first(new[0]) > 50 && first(new[0]) > 2 * first(new[1]), "{firsts:?}");
    // Old items of which little is known are not new.
    let (_, old) = train(&shop().dataset(&ALL), &[], 4);
    let exploration = Exploration { weight: 1.0, age_cut_off_days: 30.0, seed: 1, passed_over: &[] };
    let list = old.recommend(&Query { exploration: Some(exploration), ..Query::default() }, 24);
    assert!(list.iter().all(|scored| !scored.explored));
}
