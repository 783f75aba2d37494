//! Forty films that 60 users watched or bought, with what filters ask of them, and one that nobody knows.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use palate_service::{Service, Settings, SystemClock};
use serde_json::{Value, json};

use crate::support::Palate;

pub const ITEMS_HEADER: &str = "ITEM_ID,GENRE,PRICE,YEAR,STUDIO,STORY";

pub static ITEMS: LazyLock<Value> = LazyLock::new(|| {
    schema(
        "Items",
        json!([
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRE", "type": ["null", "string"], "categorical": true},
            {"name": "PRICE", "type": ["null", "float"]},
            {"name": "YEAR", "type": "int"},
            {"name": "STUDIO", "type": "string"},
            {"name": "STORY", "type": ["null", "string"], "textual": true},
        ]),
    )
});

pub static USERS: LazyLock<Value> = LazyLock::new(|| {
    schema(
        "Users",
        json!([
            {"name": "USER_ID", "type": "string"},
            {"name": "AGE", "type": "int"},
            {"name": "LEVEL", "type": "string", "categorical": true},
        ]),
    )
});

fn schema(name: &str, fields: Value) -> Value {
    let namespace = "com.amazonaws.personalize.schema";
    json!({"type": "record", "name": name, "namespace": namespace, "fields": fields, "version": "1.0"})
}

pub struct Film {
    pub n: usize,
    pub genre: Option<&'static str>,
    pub price: Option<f64>,
    pub year: i64,
}

impl Film {
    pub fn id(&self) -> String {
        if self.n == COLD { "cold".to_owned() } else { format!("i{}", self.n) }
    }
}

/// In the Items dataset, but not among the interactions.
const COLD: usize = 40;

pub fn has(film: &Film, genre: &str) -> bool {
    film.genre.is_some_and(|genres| genres.split('|').any(|one| one == genre))
}

pub fn price(film: &Film, holds: impl Fn(f64) -> bool) -> bool {
    film.price.is_some_and(holds)
}

pub fn film(n: usize) -> Film {
    Film {
        n,
        genre: [Some("drama"), Some("comedy|crime"), None][n % 3],
        price: (n % 10 != 9).then_some(n as f64 + 0.5),
        year: 1970 + n as i64,
    }
}

/// Those that have interactions.
pub fn all() -> impl Iterator<Item = Film> {
    (0..COLD).map(film)
}

/// All, and the one that nobody watched, which recipes know that read metadata of items.
pub fn all_and_cold() -> impl Iterator<Item = Film> {
    (0..=COLD).map(film)
}

pub fn user_of(n: usize) -> String {
    format!("u{n}")
}

/// The film of an id.
pub fn known(id: &str) -> Film {
    film(if id == "cold" { COLD } else { id[1..].parse().unwrap() })
}

/// As [`crate::support::interactions_csv`] has it.
fn did(user: &str, n: usize, holds: fn(usize) -> bool) -> bool {
    let Ok(user) = user[1..].parse::<usize>() else { return false };
    (0..20).any(|step| holds(step) && (user % 4) * 10 + (user * 7 + step * 3) % 10 == n)
}

pub fn bought(user: &str, n: usize) -> bool {
    did(user, n, |step| step % 5 == 0)
}

pub fn watched(user: &str, n: usize) -> bool {
    did(user, n, |step| step % 5 != 0)
}

fn items_csv() -> String {
    let mut csv = format!("{ITEMS_HEADER}\n");
    for film in all_and_cold() {
        let (id, n) = (film.id(), film.n);
        let (genre, year) = (film.genre.unwrap_or_default(), film.year);
        let price = film.price.map(|price| price.to_string()).unwrap_or_default();
        let studio = ["north", "south"][n % 2];
        csv.push_str(&format!("{id},{genre},{price},{year},{studio},story of {n}\n"));
    }
    csv
}

fn users_csv() -> String {
    let mut csv = "USER_ID,AGE,LEVEL\n".to_owned();
    for n in 0..60 {
        csv.push_str(&format!("u{n},{},{}\n", 20 + 10 * (n % 3), ["gold", "silver"][n % 2]));
    }
    csv
}

pub struct Films {
    pub palate: Palate,
    pub group: String,
    pub interactions: String,
    pub items: String,
}

impl Films {
    pub async fn new() -> Self {
        let palate = Palate::new();
        let group = palate.group().await;
        let interactions = palate.dataset(&group, "Interactions", &crate::support::INTERACTIONS).await;
        palate.import(&interactions, "FULL", crate::support::interactions_csv()).await;
        let items = palate.dataset(&group, "Items", &ITEMS).await;
        palate.import(&items, "FULL", items_csv()).await;
        let users = palate.dataset(&group, "Users", &USERS).await;
        palate.import(&users, "FULL", users_csv()).await;
        Self { palate, group, interactions, items }
    }

    pub async fn version(&self, recipe: &str) -> String {
        let palate = &self.palate;
        let recipe_arn = format!("arn:aws:personalize:::recipe/{recipe}");
        let input = json!({"name": recipe, "datasetGroupArn": self.group, "recipeArn": recipe_arn, "performAutoTraining": false});
        let solution = palate.create("CreateSolution", input).await;
        palate.run_jobs().await;
        let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
        palate.run_jobs().await;
        version
    }

    pub async fn campaign(&self, recipe: &str, config: Value) -> String {
        let version = self.version(recipe).await;
        let input = json!({"name": recipe, "solutionVersionArn": version, "campaignConfig": config});
        let campaign = self.palate.create("CreateCampaign", input).await;
        self.palate.run_jobs().await;
        campaign
    }

    /// A filter that is ready.
    pub async fn filter(&self, name: &str, expression: &str) -> String {
        let filter = self.filter_of(&self.group, name, expression).await;
        let described = self.palate.call("DescribeFilter", json!({"filterArn": filter})).await.unwrap();
        assert_eq!(described["filter"]["status"], "ACTIVE", "{described}");
        filter
    }

    /// A filter of any group, ready or failed.
    pub async fn filter_of(&self, group: &str, name: &str, expression: &str) -> String {
        let input = json!({"name": name, "datasetGroupArn": group, "filterExpression": expression});
        let filter = self.palate.create("CreateFilter", input).await;
        self.palate.run_jobs().await;
        filter
    }

    /// The same installation as another process sees it.
    pub fn elsewhere(&self) -> Elsewhere {
        let stores = self.palate.stores.clone();
        Elsewhere(Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(NoJobs)))
    }

    pub async fn items(&self, input: Value) -> Vec<Value> {
        let answer = self.palate.call("GetRecommendations", input.clone()).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{input}: {refusal:?}"));
        answer["itemList"].as_array().unwrap().clone()
    }

    pub async fn recommended(&self, input: Value) -> BTreeSet<String> {
        ids(&self.items(input).await).into_iter().collect()
    }

    pub async fn ranked(&self, input: Value) -> Vec<String> {
        let answer = self.palate.call("GetPersonalizedRanking", input).await.unwrap();
        ids(answer["personalizedRanking"].as_array().unwrap())
    }
}

pub fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect()
}

pub struct Elsewhere(Arc<Service>);

impl Elsewhere {
    async fn ask(&self, input: Value) -> (u16, Value) {
        use http_body_util::{BodyExt, Full};
        let body = Full::new(bytes::Bytes::from(input.to_string()));
        let response = self.0.handle(http::Request::post("/recommendations").body(body).unwrap()).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub async fn status(&self, input: Value) -> u16 {
        self.ask(input).await.0
    }

    pub async fn recommended(&self, input: Value) -> BTreeSet<String> {
        let (status, answer) = self.ask(input).await;
        assert_eq!(status, 200, "{answer}");
        ids(answer["itemList"].as_array().unwrap()).into_iter().collect()
    }
}

struct NoJobs;

#[async_trait::async_trait]
impl palate_service::JobStarter for NoJobs {
    async fn start(&self, _job: &palate_service::JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("nobody is there to work".into())
    }
}
