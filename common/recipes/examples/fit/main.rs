//! Trains a recipe on a CSV file in Personalize form and answers for every user in it, as a batch
//! inference job would:
//!
//! ```sh
//! cargo run --release -p palate-recipes --example fit -- palate-transitions history.csv answers.jsonl window=10
//! ```
//!
//! `seed=1` sets the seed; `ask=FILE` answers for the users and histories of another CSV file, of whom nothing is
//! known otherwise (a line without ITEM_ID asks for a user without events); `model=FOLDER` writes the model's files
//! there; `k=20` sets the length of the lists; `budget_s=840` says after how many seconds a training that can go on
//! without end comes to one.
//! Related-items recipes are asked with each user's last item. Plain CSV without quotes; USER_ID, ITEM_ID and
//! TIMESTAMP are read.
//!
//! `items=FILE` and `users=FILE` give metadata, of which the columns are read that `categorical=`, `text=` and
//! `number=` name, such as `items=items.csv users=users.csv categorical=GENRES,GENDER text=TITLE number=YEAR`.

mod metadata;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use palate_recipes::parts::{Column, ColumnType, PartBuilder};
use palate_recipes::{
    Dataset, DatasetParts, Event, Progress, Query, RecipeType, Record, Selection, TrainingTask, recipe,
};

/// Tells when each step begins and when time is up, and finds how long a wish to stop would have waited at worst.
struct Steps {
    begin: Instant,
    budget: Duration,
    asked: Mutex<Asked>,
}

struct Asked {
    last: Instant,
    step: String,
    longest: Duration,
    in_step: String,
}

impl Steps {
    fn new(begin: Instant, budget: Duration) -> Self {
        let asked = Asked { last: begin, step: String::new(), longest: Duration::ZERO, in_step: String::new() };
        Self { begin, budget, asked: Mutex::new(asked) }
    }

    fn longest_silence(&self) -> (Duration, String) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        (asked.longest, asked.in_step.clone())
    }
}

impl Progress for Steps {
    fn report(&self, step: &str, done: f64) {
        self.stopped();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).step = step.to_owned();
        // A progress line that cannot be written is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{:>9.3?} {:>3.0} % {step}", self.begin.elapsed(), 100.0 * done);
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.budget.saturating_sub(self.begin.elapsed()))
    }

    fn stopped(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = asked.last.elapsed();
        if silence > asked.longest {
            (asked.longest, asked.in_step) = (silence, asked.step.clone());
        }
        asked.last = Instant::now();
        false
    }
}

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, input, output, settings @ ..] = arguments.as_slice() else {
        return Err("usage: fit RECIPE INTERACTIONS.csv ANSWERS.jsonl [HYPERPARAMETER=VALUE ...]".into());
    };
    let recipe = recipe(name).ok_or("no such recipe, or none that can be trained")?;
    let hyperparameters = settings.iter().filter_map(|setting| setting.split_once('='));
    let mut hyperparameters: BTreeMap<String, String> =
        hyperparameters.map(|(name, value)| (name.into(), value.into())).collect();
    let seed = hyperparameters.remove("seed").map_or(Ok(0), |seed| seed.parse())?;
    let k = hyperparameters.remove("k").map_or(Ok(500), |k| k.parse())?;
    let budget = hyperparameters.remove("budget_s").map_or(Ok(840), |budget| budget.parse())?;
    let (asked, folder) = (hyperparameters.remove("ask"), hyperparameters.remove("model"));
    let kinds = metadata::kinds(&mut hyperparameters);
    let mut selection = Selection::default();
    let csv = std::fs::read_to_string(input)?;
    let mut parts = DatasetParts { interactions: vec![part(&csv)?], ..DatasetParts::default() };
    if let Some(path) = hyperparameters.remove("items") {
        let items = metadata::read(&path, &kinds)?;
        (parts.items, selection.item_columns) = (vec![items.part], items.columns);
    }
    if let Some(path) = hyperparameters.remove("users") {
        let users = metadata::read(&path, &kinds)?;
        (parts.users, selection.user_columns) = (vec![users.part], users.columns);
    }

    let mut log = std::io::stderr();
    let begin = Instant::now();
    let dataset = Dataset::read(&parts, &selection)?;
    writeln!(log, "read {} interactions in {:?}", dataset.n_interactions(), begin.elapsed())?;
    let begin = Instant::now();
    let steps = Steps::new(begin, Duration::from_secs(budget));
    let task = TrainingTask::new(&dataset, &hyperparameters, seed, &steps);
    let trained = recipe.train(&task)?;
    steps.stopped();
    writeln!(log, "trained in {:?}: {:?}", begin.elapsed(), trained.hyperparameters)?;
    let (silence, step) = steps.longest_silence();
    writeln!(log, "a wish to stop waits {silence:?} at most, in the step: {step}")?;
    writeln!(log, "{:#?}", trained.report)?;
    for file in &trained.files {
        writeln!(log, "{:>12} bytes  {}", file.content.len(), file.name)?;
    }
    if let Some(folder) = folder {
        std::fs::create_dir_all(&folder)?;
        for file in &trained.files {
            std::fs::write(std::path::Path::new(&folder).join(&file.name), &file.content)?;
        }
    }
    let begin = Instant::now();
    let model = recipe.open(&trained.files)?;
    writeln!(log, "opened in {:?}, {} bytes resident", begin.elapsed(), model.resident_bytes())?;

    let others = asked.as_ref().map(std::fs::read_to_string).transpose()?;
    let mut histories: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for row in rows(others.as_ref().unwrap_or(&csv))? {
        let (user, item, timestamp_s) = row?;
        if let Some(item) = model.item_index(item) {
            histories.entry(user).or_default().push(Event { item, timestamp_s });
        } else if item.is_empty() {
            histories.entry(user).or_default();
        }
    }
    let related = recipe.info().recipe_type == RecipeType::RelatedItems;
    let mut out = BufWriter::new(std::fs::File::create(output)?);
    let mut latencies_us = Vec::new();
    for (user, mut history) in histories {
        history.sort_by_key(|event| event.timestamp_s);
        let page = model.user_page(user).filter(|_| others.is_none()).and_then(|page| {
            let file = trained.files.iter().find(|file| file.name == *page.file)?;
            let content = file.content.slice(page.range.start as usize..page.range.end as usize);
            Some(model.open_user_page(&page, content))
        });
        let page = page.transpose()?;
        let known = page.as_ref().and_then(|page| page.history(user)).unwrap_or(&history);
        let item = if related { known.last().map(|event| event.item) } else { None };
        let record = recipe.info().reads.users.then(|| record(&dataset, user));
        let begin = Instant::now();
        let list = model.recommend(&Query { history: known, item, user: record.as_ref(), ..Query::default() }, k);
        latencies_us.push(begin.elapsed().as_micros());
        let items: Vec<&str> = list.iter().map(|scored| model.item_id(scored.item)).collect();
        let line = serde_json::json!({"input": {"userId": user}, "output": {"recommendedItems": items}, "error": null});
        writeln!(out, "{line}")?;
    }
    latencies_us.sort_unstable();
    let at = |share: usize| latencies_us.get(latencies_us.len() * share / 100);
    writeln!(log, "{k} items in µs: median {:?}, 90 % {:?}, 99 % {:?}", at(50), at(90), at(99))?;
    let total_us: u128 = latencies_us.iter().sum();
    writeln!(log, "{:.0} queries a second on one core", latencies_us.len() as f64 * 1e6 / total_us.max(1) as f64)?;
    Ok(())
}

/// What the Users dataset says of a user.
fn record(dataset: &Dataset, user: &str) -> Record {
    let other = || dataset.other_users().get(user).map(|row| row as usize + dataset.users().len());
    let row = dataset.users().get(user).map(|row| row as usize).or_else(other);
    row.map(|row| dataset.user_columns().record(row)).unwrap_or_default()
}

type Row<'a> = (&'a str, &'a str, i64);

/// User, item and time of each line.
fn rows(csv: &str) -> Result<impl Iterator<Item = Result<Row<'_>, Failure>>, Failure> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let find = |name: &str| header.iter().position(|column| *column == name).ok_or(format!("no column {name}"));
    let (user, item, time) = (find("USER_ID")?, find("ITEM_ID")?, find("TIMESTAMP")?);
    Ok(lines.map(move |line| {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |column: usize| cells.get(column).copied().ok_or(format!("too few cells: {line}"));
        Ok((cell(user)?, cell(item)?, cell(time)?.parse()?))
    }))
}

fn part(csv: &str) -> Result<bytes::Bytes, Failure> {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for row in rows(csv)? {
        let (user, item, timestamp_s) = row?;
        part.push_str(0, user);
        part.push_str(1, item);
        part.push_long(2, timestamp_s);
    }
    Ok(part.finish()?)
}
