//! What exploration buys and costs: a simulated shop that asks aws-user-personalization what to show.
//!
//! ```sh
//! cargo run --release -p palate-recipes --example exploration
//! ```
//!
//! 400 users each prefer one of five kinds of 300 items. An item has an appeal of its own, and is chosen with that
//! probability when it is shown to somebody who prefers its kind, and with a fifth of it otherwise. A model learns
//! from what users chose among random items; then 60 items are added that nobody was shown. Ten rounds follow: 1500
//! times a random user is shown five items, what is chosen becomes an interaction with its impression, and the model
//! is brought up to date as every two hours in service. Regret is what the five best items for each user would have
//! been chosen more often. Everything is drawn from one seed, so that the lines differ by the weight alone.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;

use palate_recipes::parts::{Column, ColumnType, PartBuilder};
use palate_recipes::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, Event, Exploration, Query, Recipe, Selection, TimedPart, Trained,
    TrainingTask, recipe,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const N_USERS: usize = 400;
const N_KINDS: usize = 5;
const N_OLD: usize = 300;
const N_NEW: usize = 60;
const N_ROUNDS: usize = 10;
const SHOWN_A_ROUND: usize = 1500;
const N_SHOWN: usize = 5;
const DAY_S: i64 = 86_400;

type Failure = Box<dyn Error>;

/// What is true of the shop, and what is known of it.
struct Shop {
    appeal: Vec<f64>,
    n_items: usize,
    /// User, item, time, and what was shown.
    events: Vec<(usize, usize, i64, String)>,
    now_s: i64,
}

impl Shop {
    fn chance(&self, user: usize, item: usize) -> f64 {
        self.appeal[item] * if user % N_KINDS == item % N_KINDS { 1.0 } else { 0.2 }
    }

    /// The expected choices of the best list.
    fn best(&self, user: usize) -> f64 {
        let mut chances: Vec<f64> = (0..self.n_items).map(|item| self.chance(user, item)).collect();
        chances.sort_by(|a, b| b.total_cmp(a));
        chances[..N_SHOWN].iter().sum()
    }

    /// Shows items; notes what is chosen, and gives how much was to be expected.
    fn show(&mut self, user: usize, items: &[usize], rng: &mut ChaCha8Rng) -> f64 {
        self.now_s += 60;
        let impression = items.iter().map(|item| format!("i{item:03}")).collect::<Vec<_>>().join("|");
        for item in items {
            if rng.random_bool(self.chance(user, *item)) {
                self.events.push((user, *item, self.now_s, impression.clone()));
            }
        }
        items.iter().map(|item| self.chance(user, *item)).sum()
    }

    fn dataset(&self) -> Result<Dataset, Failure> {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut interactions = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
            column("IMPRESSION", ColumnType::String),
        ]);
        for (user, item, time_s, impression) in &self.events {
            interactions.push_str(0, &format!("u{user:03}"));
            interactions.push_str(1, &format!("i{item:03}"));
            interactions.push_long(2, *time_s);
            interactions.push_str(3, impression);
        }
        let mut items = PartBuilder::new(&[
            column("ITEM_ID", ColumnType::String),
            column("KIND", ColumnType::String),
            column("CREATION_TIMESTAMP", ColumnType::Long),
        ]);
        for item in 0..self.n_items {
            items.push_str(0, &format!("i{item:03}"));
            items.push_str(1, &format!("kind {}", item % N_KINDS));
            items.push_long(2, if item < N_OLD { -200 * DAY_S } else { self.now_s });
        }
        let parts = DatasetParts {
            interactions: vec![interactions.finish()?],
            items: vec![TimedPart { content: items.finish()?, at_ms: 0 }],
            ..DatasetParts::default()
        };
        let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
        let selection = Selection {
            item_columns: vec![
                choice("KIND", ColumnKind::Categorical),
                choice("CREATION_TIMESTAMP", ColumnKind::Number),
            ],
            interaction_columns: vec![choice("IMPRESSION", ColumnKind::Text)],
            ..Selection::default()
        };
        Ok(Dataset::read(&parts, &selection)?)
    }
}

/// The shop before there were new items.
fn opened(rng: &mut ChaCha8Rng) -> Shop {
    // Most items are dull, a few are not; new ones are like the old ones.
    let appeal = (0..N_OLD + N_NEW).map(|_| 0.02 + 0.5 * rng.random::<f64>().powi(4)).collect();
    let mut shop = Shop { appeal, n_items: N_OLD, events: Vec::new(), now_s: 0 };
    for visit in 0..40 * N_USERS {
        let items: Vec<usize> = (0..N_SHOWN).map(|_| rng.random_range(0..N_OLD)).collect();
        shop.show(visit % N_USERS, &items, rng);
    }
    shop
}

fn main() -> Result<(), Failure> {
    let recipe = recipe("aws-user-personalization").ok_or("the recipe is missing")?;
    let hyperparameters = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    let mut log = std::io::stderr();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let shop = opened(&mut rng);
    let dataset = shop.dataset()?;
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
    let trained = recipe.train(&task)?;
    writeln!(log, "learned from {} choices", dataset.n_interactions())?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| weight | chosen of 100 shown | regret a list | new items shown | chosen of 100 in the last round |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for weight in [0.0, 0.3, 1.0] {
        run(&shop, recipe, &trained, &hyperparameters, weight, rng.clone(), &mut out)?;
    }
    Ok(())
}

fn run(
    before: &Shop,
    recipe: &dyn Recipe,
    trained: &Trained,
    hyperparameters: &BTreeMap<String, String>,
    weight: f64,
    mut rng: ChaCha8Rng,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut shop = Shop {
        appeal: before.appeal.clone(),
        n_items: N_OLD + N_NEW,
        events: before.events.clone(),
        now_s: before.now_s,
    };
    let (mut expected, mut regret, mut n_new, mut last) = (0.0, 0.0, 0, 0.0);
    let mut files = trained.files.clone();
    for round in 0..N_ROUNDS {
        let dataset = shop.dataset()?;
        let task = TrainingTask::new(&dataset, hyperparameters, 1, &());
        let current = Trained {
            files,
            report: trained.report.clone(),
            hyperparameters: trained.hyperparameters.clone(),
            chosen: BTreeMap::new(),
        };
        files = recipe.update(&current, &task)?.files;
        let model = recipe.open(&files)?;
        last = 0.0;
        for visit in 0..SHOWN_A_ROUND {
            let user = rng.random_range(0..N_USERS);
            let events = shop.events.iter().filter(|event| event.0 == user);
            let history: Vec<Event> = events
                .filter_map(|(_, item, timestamp_s, _)| {
                    let item = model.item_index(&format!("i{item:03}"))?;
                    Some(Event { item, timestamp_s: *timestamp_s })
                })
                .collect();
            let seed = (round * SHOWN_A_ROUND + visit) as u64;
            let exploration = Exploration { weight, age_cut_off_days: 30.0, seed, passed_over: &[] };
            let query = Query { history: &history, exploration: Some(exploration), ..Query::default() };
            let list = model.recommend(&query, N_SHOWN);
            let items: Result<Vec<usize>, _> =
                list.iter().map(|scored| model.item_id(scored.item)[1..].parse()).collect();
            let items = items?;
            n_new += items.iter().filter(|item| **item >= N_OLD).count();
            let chance = shop.show(user, &items, &mut rng);
            expected += chance;
            last += chance;
            regret += shop.best(user) - chance;
        }
    }
    let lists = (N_ROUNDS * SHOWN_A_ROUND) as f64;
    let shown = lists * N_SHOWN as f64;
    let last = 100.0 * last / (SHOWN_A_ROUND * N_SHOWN) as f64;
    let (chosen, regret, new) = (100.0 * expected / shown, regret / lists, 100.0 * n_new as f64 / shown);
    writeln!(out, "| {weight} | {chosen:.2} | {regret:.3} | {new:.1} % | {last:.2} |")?;
    Ok(())
}
