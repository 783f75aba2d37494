//! Times GetRecommendations in process: one request after the other through `Service::handle`, the user's
//! history read each time.
//!
//! ```text
//! cargo run --release -p palate-service --example latency -- DATA CAMPAIGN_ARN USERS_FILE [REQUESTS] [MEMBERS]
//! cargo run --release -p palate-service --example latency -- --import FOLDER [REQUESTS [RECIPE [SECONDS]]]
//! ```
//!
//! `DATA` is the data folder of `palate serve` (which may be running), `USERS_FILE` has one user id a line,
//! `MEMBERS` is a JSON object that every request holds besides campaign and user. With `--import` the
//! program makes an installation of its own from `interactions.csv`, `items.csv` and `users.csv` of `FOLDER`
//! (the columns of MovieLens), trains `RECIPE` (palate-transitions unless told otherwise) for `SECONDS` at most, where it
//! learns in epochs, and times requests without and with a filter and metadata, and of users who did something since.

#![allow(clippy::print_stdout, reason = "a program that prints its measurements")]

mod imported;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};
use serde_json::{Map, Value, json};

type Failure = Box<dyn Error + Send + Sync>;

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Failure> {
        Err("this program runs no jobs".into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: Option<&String>| text.map_or(Ok(20_000), |text| text.parse::<usize>());
    match &arguments[..] {
        [flag, folder, rest @ ..] if flag == "--import" => {
            let recipe = rest.get(1).map_or("palate-transitions", String::as_str);
            let seconds = rest.get(2).map(|text| text.parse()).transpose()?;
            let imported = imported::Imported::new(Path::new(folder), recipe, seconds).await?;
            let requests = number(rest.first())?;
            for (name, members) in imported.requests() {
                print!("{name}: ");
                time(&imported.service, &imported.campaign, &imported.users, &members, requests).await?;
            }
            imported.stream(Path::new(folder)).await?;
            print!("plain, after an event since the training: ");
            time(&imported.service, &imported.campaign, &imported.users, &Map::new(), requests).await
        }
        [data, campaign, users, rest @ ..] => {
            let users = std::fs::read_to_string(users)?;
            let users: Vec<String> = users.lines().filter(|user| !user.is_empty()).map(str::to_owned).collect();
            let members = rest.get(1).map_or(Ok(Map::new()), |text| serde_json::from_str(text))?;
            let stores = palate_store::embedded::open(Path::new(data))?;
            let service = Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(NoJobs));
            time(&service, campaign, &users, &members, number(rest.first())?).await
        }
        _ => Err("usage: latency DATA CAMPAIGN_ARN USERS_FILE [REQUESTS] [MEMBERS] | latency --import FOLDER [REQUESTS [RECIPE [SECONDS]]]"
            .into()),
    }
}

async fn time(
    service: &Arc<Service>,
    campaign: &str,
    users: &[String],
    members: &Map<String, Value>,
    requests: usize,
) -> Result<(), Failure> {
    let body = |user: &String| {
        let mut input = members.clone();
        input.extend([("campaignArn".to_owned(), json!(campaign)), ("userId".to_owned(), json!(user))]);
        Bytes::from(Value::Object(input).to_string())
    };
    let bodies: Vec<Bytes> = users.iter().map(body).collect();
    if bodies.is_empty() {
        return Err("there are no users".into());
    }
    // The first round loads the model and the pages of all users.
    for body in &bodies {
        ask(service, body).await?;
    }
    let mut took_us = Vec::with_capacity(requests);
    for body in bodies.iter().cycle().take(requests) {
        let start = Instant::now();
        ask(service, body).await?;
        took_us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    took_us.sort_by(f64::total_cmp);
    let at = |share: f64| took_us[((took_us.len() - 1) as f64 * share) as usize];
    println!(
        "{} requests, {} users: p50 {:.0} us, p95 {:.0} us, p99 {:.0} us",
        took_us.len(),
        bodies.len(),
        at(0.50),
        at(0.95),
        at(0.99)
    );
    Ok(())
}

async fn ask(service: &Arc<Service>, body: &Bytes) -> Result<(), Failure> {
    let request = http::Request::post("/recommendations").body(Full::new(body.clone()))?;
    let response = service.handle(request).await;
    if response.status() != http::StatusCode::OK {
        return Err(format!("the service answered {}: {:?}", response.status(), response.body()).into());
    }
    Ok(())
}
