//! Times GetRecommendations in process: one request after the other through `Service::handle`, the user's
//! history read each time.
//!
//! ```text
//! cargo run --release -p palate-service --example latency -- DATA CAMPAIGN_ARN USERS_FILE [REQUESTS]
//! ```
//!
//! `DATA` is the data folder of `palate serve` (which may be running), `USERS_FILE` has one user id a line.

#![allow(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn Error + Send + Sync>> {
        Err("this program runs no jobs".into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, campaign, users, rest @ ..] = &arguments[..] else {
        return Err("usage: latency DATA CAMPAIGN_ARN USERS_FILE [REQUESTS]".into());
    };
    let requests = rest.first().map_or(Ok(20_000), |text| text.parse())?;
    let users = std::fs::read_to_string(users)?;
    let bodies: Vec<Bytes> = users
        .lines()
        .filter(|user| !user.is_empty())
        .map(|user| Bytes::from(serde_json::json!({"campaignArn": campaign, "userId": user}).to_string()))
        .collect();
    if bodies.is_empty() {
        return Err("the users file is empty".into());
    }
    let stores = palate_store::embedded::open(Path::new(data))?;
    let service = Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(NoJobs));
    // The first round loads the model and the pages of all users.
    for body in &bodies {
        ask(&service, body).await?;
    }
    let mut took_us = Vec::with_capacity(requests);
    for body in bodies.iter().cycle().take(requests) {
        let start = Instant::now();
        ask(&service, body).await?;
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

async fn ask(service: &Arc<Service>, body: &Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
    let request = http::Request::post("/recommendations").body(Full::new(body.clone()))?;
    let response = service.handle(request).await;
    if response.status() != http::StatusCode::OK {
        return Err(format!("the service answered {}", response.status()).into());
    }
    Ok(())
}
