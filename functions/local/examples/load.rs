//! A bounded load of GetRecommendations requests: requests a second and how long answers take.
//!
//! ```text
//! cargo run --release -p palate --example load -- --campaign arn:aws:personalize:…:campaign/… --users users.txt
//! ```
//!
//! `users.txt` holds a user id a line; each request asks for the next one. The client shares the machine with the
//! server, and its own work is in the figures.

use std::{
    error::Error,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Parser;
use http::{Request, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

type Failed = Box<dyn Error + Send + Sync>;

/// Asks for recommendations as fast as it can, for a while.
#[derive(Parser)]
struct Load {
    /// Host and port
    #[arg(long, default_value = "127.0.0.1:4747")]
    address: String,
    /// ARN of the campaign
    #[arg(long)]
    campaign: String,
    /// File with a user id a line
    #[arg(long)]
    users: PathBuf,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests before the measurement
    #[arg(long, default_value_t = 2000)]
    warm_up: usize,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let load = Arc::new(Load::parse());
    let users: Vec<String> = std::fs::read_to_string(&load.users)?.lines().map(str::to_owned).collect();
    if users.is_empty() {
        return Err("the file of users is empty".into());
    }
    let body = |user: &String| {
        let input = json!({ "campaignArn": load.campaign, "userId": user });
        Bytes::from(input.to_string())
    };
    let bodies: Arc<Vec<Bytes>> = Arc::new(users.iter().map(body).collect());
    let next = Arc::new(AtomicUsize::new(0));

    let warm_up = load.warm_up;
    round(&load, &bodies, &next, move |_, sent| sent < warm_up).await?;
    let (begun, length) = (Instant::now(), Duration::from_secs(load.seconds));
    let mut times = round(&load, &bodies, &next, move |now, _| now < begun + length).await?;
    let took = begun.elapsed();

    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).copied().unwrap_or_default();
    let per_second = times.len() as f64 / took.as_secs_f64();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} requests on {} connections in {took:.1?}: {per_second:.0} a second",
        times.len(),
        load.connections
    )?;
    writeln!(
        out,
        "p50 {:.2?}, p95 {:.2?}, p99 {:.2?}, longest {:.2?}",
        at(500),
        at(950),
        at(990),
        at(1000).max(times.last().copied().unwrap_or_default())
    )?;
    Ok(())
}

/// Sends requests on all connections as long as `go_on` says so, given the time and the number sent; how long
/// each took.
async fn round(
    load: &Arc<Load>,
    bodies: &Arc<Vec<Bytes>>,
    next: &Arc<AtomicUsize>,
    go_on: impl Fn(Instant, usize) -> bool + Clone + Send + 'static,
) -> Result<Vec<Duration>, Failed> {
    let first = next.load(Ordering::Relaxed);
    let connections: Vec<_> = (0..load.connections)
        .map(|_| {
            let (load, bodies, next, go_on) = (Arc::clone(load), Arc::clone(bodies), Arc::clone(next), go_on.clone());
            tokio::spawn(async move {
                let mut connection = connect(&load.address).await?;
                let mut times = Vec::new();
                loop {
                    let (begun, at) = (Instant::now(), next.fetch_add(1, Ordering::Relaxed));
                    if !go_on(begun, at - first) {
                        return Ok::<_, Failed>(times);
                    }
                    ask(&mut connection, &load.address, bodies[at % bodies.len()].clone()).await?;
                    times.push(begun.elapsed());
                }
            })
        })
        .collect();
    let mut times = Vec::new();
    for connection in connections {
        times.extend(connection.await??);
    }
    Ok(times)
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(connection: &mut SendRequest<Full<Bytes>>, address: &str, body: Bytes) -> Result<(), Failed> {
    let request = Request::post("/recommendations")
        .header(HOST, address)
        .header("content-type", "application/json")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/personalize/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Full::new(body))?;
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    let content = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&content)).into());
    }
    Ok(())
}
