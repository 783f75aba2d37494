//! A bounded load of PutEvents requests: events a second and how long answers take, and what the server did for it.
//!
//! ```text
//! palate serve --data /var/tmp/load &
//! cargo run --release -p palate --example put_events_load -- --server-pid $!
//! ```
//!
//! It makes a dataset group, an Interactions dataset and an event tracker of its own. The client shares the machine
//! with the server, and its own work is in the figures.

use std::{
    error::Error,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use clap::Parser;
use http::{Request, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

type Failed = Box<dyn Error + Send + Sync>;

/// Puts events as fast as it can or at a rate, for a while.
#[derive(Parser)]
struct Load {
    /// Host and port
    #[arg(long, default_value = "127.0.0.1:4747")]
    address: String,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Events of one request
    #[arg(long, default_value_t = 10)]
    events: usize,
    /// Users whose turn it is one after the other
    #[arg(long, default_value_t = 20_000)]
    users: usize,
    /// Events a second; without it, as many as the connections get through. An answer is timed from when its request
    /// was due, so that one that is held up by others counts in full
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Requests before the measurement
    #[arg(long, default_value_t = 500)]
    warm_up: usize,
    /// Process id of the server: what it used of the processors and what it wrote is shown then (Linux)
    #[arg(long)]
    server_pid: Option<u32>,
}

/// What was put: requests are made as they are sent, each with events that were not there before.
struct Stream {
    load: Load,
    tracking_id: String,
    run: u128,
    sent: AtomicUsize,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let load = Load::parse();
    let run = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
    let tracking_id = tracker(&load.address, &format!("load-{run}")).await?;
    let stream = Arc::new(Stream { load, tracking_id, run, sent: AtomicUsize::new(0) });
    let load = &stream.load;

    let warm_up = load.warm_up;
    round(&stream, move |_, sent| sent < warm_up).await?;
    let before = load.server_pid.map(Use::of).transpose()?;
    let (begun, length) = (Instant::now(), Duration::from_secs(load.seconds));
    let mut times = round(&stream, move |now, _| now < begun + length).await?;
    let took = begun.elapsed();
    let after = load.server_pid.map(Use::of).transpose()?;

    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).or(times.last()).copied().unwrap_or_default();
    let n_events = (times.len() * load.events) as f64;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} requests of {} events on {} connections in {took:.1?}: {:.0} events a second",
        times.len(),
        load.events,
        load.connections,
        n_events / took.as_secs_f64()
    )?;
    writeln!(
        out,
        "p50 {:.2?}, p95 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, longest {:.2?}",
        at(500),
        at(950),
        at(990),
        at(999),
        at(1000)
    )?;
    if let (Some(before), Some(after)) = (before, after) {
        writeln!(
            out,
            "the server: {:.1} µs of the processors an event, {:.0} bytes written an event",
            (after.cpu_ticks - before.cpu_ticks) as f64 * 1e4 / n_events,
            (after.written_bytes - before.written_bytes) as f64 / n_events,
        )?;
    }
    Ok(())
}

/// What a process has used since it began.
struct Use {
    /// Hundredths of a second.
    cpu_ticks: u64,
    written_bytes: u64,
}

impl Use {
    fn of(pid: u32) -> Result<Self, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let field = |at: usize| after_name.split(' ').nth(at).unwrap_or_default().parse::<u64>();
        let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
        Ok(Self { cpu_ticks: field(11)? + field(12)?, written_bytes: written.parse()? })
    }
}

/// Sends requests on all connections as long as `go_on` says so, given the time and the number sent; how long
/// each took.
async fn round(
    stream: &Arc<Stream>,
    go_on: impl Fn(Instant, usize) -> bool + Clone + Send + 'static,
) -> Result<Vec<Duration>, Failed> {
    let (first, started) = (stream.sent.load(Ordering::Relaxed), Instant::now());
    let connections: Vec<_> = (0..stream.load.connections)
        .map(|_| {
            let (stream, go_on) = (Arc::clone(stream), go_on.clone());
            tokio::spawn(async move {
                let mut connection = connect(&stream.load.address).await?;
                let mut times = Vec::new();
                loop {
                    let number = stream.sent.fetch_add(1, Ordering::Relaxed);
                    let body = stream.request(number);
                    let mut begun = Instant::now();
                    if let Some(rate) = stream.load.rate {
                        let due = (number - first) as f64 * stream.load.events as f64 / rate;
                        begun = started + Duration::from_secs_f64(due);
                        tokio::time::sleep_until(begun.into()).await;
                    }
                    if !go_on(begun, number - first) {
                        return Ok::<_, Failed>(times);
                    }
                    ask(&mut connection, &stream.load.address, "/events", None, body).await?;
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

impl Stream {
    fn request(&self, number: usize) -> Bytes {
        let event = |n: usize| {
            json!({
                "eventId": format!("{}-{number}-{n}", self.run),
                "eventType": "watch",
                "itemId": format!("item-{}", (number * 7 + n * 13) % 5_000),
                "sentAt": 1_700_000_000 + number,
                "properties": "{\"device\":\"tv\"}",
            })
        };
        let user = format!("user-{}", number % self.load.users);
        let list: Vec<Value> = (0..self.load.events).map(event).collect();
        let body = json!({
            "trackingId": self.tracking_id, "userId": user, "sessionId": format!("{user}-s"), "eventList": list,
        });
        Bytes::from(body.to_string())
    }
}

/// A group with an Interactions dataset and a tracker; gives the tracker's tracking id.
async fn tracker(address: &str, name: &str) -> Result<String, Failed> {
    let column = |name: &str, kind: Value| json!({ "name": name, "type": kind });
    let schema = json!({
        "type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": [
            column("USER_ID", json!("string")), column("ITEM_ID", json!("string")), column("TIMESTAMP", json!("long")),
            column("EVENT_TYPE", json!("string")), column("DEVICE", json!(["null", "string"])),
        ],
    });
    let mut connection = connect(address).await?;
    let mut control = async |operation: &str, input: Value| -> Result<Value, Failed> {
        let body = Bytes::from(input.to_string());
        let answer = ask(&mut connection, address, "/", Some(format!("AmazonPersonalize.{operation}")), body).await?;
        Ok(serde_json::from_slice(&answer)?)
    };
    let group = control("CreateDatasetGroup", json!({ "name": name })).await?;
    let schema = control("CreateSchema", json!({ "name": name, "schema": schema.to_string() })).await?;
    let group = &group["datasetGroupArn"];
    let dataset = json!({
        "name": name, "datasetGroupArn": group, "schemaArn": schema["schemaArn"], "datasetType": "Interactions",
    });
    control("CreateDataset", dataset).await?;
    let tracker = control("CreateEventTracker", json!({ "name": name, "datasetGroupArn": group })).await?;
    Ok(tracker["trackingId"].as_str().ok_or("no trackingId")?.to_owned())
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(
    connection: &mut SendRequest<Full<Bytes>>,
    address: &str,
    path: &str,
    target: Option<String>,
    body: Bytes,
) -> Result<Bytes, Failed> {
    let mut request = Request::post(path).header(HOST, address).header(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/personalize/aws4_request, SignedHeaders=host, Signature=0",
    );
    request = match target {
        Some(target) => request.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", target),
        None => request.header("content-type", "application/json"),
    };
    connection.ready().await?;
    let response = connection.send_request(request.body(Full::new(body))?).await?;
    let status = response.status();
    let content = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&content)).into());
    }
    Ok(content)
}
