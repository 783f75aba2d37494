//! `/_palate/…`: what the process tells of itself, and what tests may do to it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use palate_service::BodyStalled;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    app::{App, Reply, json_response},
    cli::Store,
    clock::{Move, Shown, now},
    live::{Live, unused},
    workers::chain,
};

/// A store that takes longer than this to answer does not serve anybody.
const HEALTHY: Duration = Duration::from_secs(1);
/// How long a reset waits for the requests in flight.
const RESET_PATIENCE: Duration = Duration::from_secs(30);
/// Where the bad rows of imports are, by the ARN of the job.
pub const IMPORTS: &str = "/_palate/imports/";
/// What `/_palate/…` takes is small: a notification names a handful of objects.
const MAX_BODY: usize = 1 << 20;

impl App {
    /// Whether the store answers, and how many jobs wait.
    pub async fn health(&self) -> Reply {
        let store = match self.setup.store {
            Store::Embedded => "embedded",
            Store::Aws => "aws",
        };
        let version = env!("CARGO_PKG_VERSION");
        let counted = match self.live.read().await.as_ref() {
            Some(live) => {
                let service = Arc::clone(&live.service);
                // In a task of its own: the embedded store reads on the thread that asks.
                timeout(HEALTHY, tokio::spawn(async move { service.queued_jobs().await })).await
            }
            None => return failing("the service has not started again after a reset; the log says why"),
        };
        match counted {
            Ok(Ok(Ok(jobs))) => {
                let jobs = json!({ "waiting": jobs.waiting, "running": jobs.running });
                let health = json!({ "status": "ok", "version": version, "store": store, "jobs": jobs });
                json_response(StatusCode::OK, &health)
            }
            Ok(Ok(Err(error))) => {
                tracing::error!(error = chain(&error), "the store fails");
                failing("the store fails; the log says why")
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the look at the store ended badly");
                failing("the store fails; the log says why")
            }
            Err(_) => failing("the store does not answer within a second"),
        }
    }

    /// The bad rows of a failed import: `/_palate/imports/<ARN of the job>/errors.jsonl`.
    pub async fn import_errors(&self, path: &str) -> Reply {
        let none = || json_response(StatusCode::NOT_FOUND, &json!({ "message": "This import left no errors.jsonl." }));
        let inner = path.strip_prefix(IMPORTS).and_then(|rest| rest.strip_suffix("/errors.jsonl"));
        let Some(arn) = inner.and_then(|arn| percent_decode_str(arn).decode_utf8().ok()) else { return none() };
        let Some(service) = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service)) else {
            return failing("the service has not started again after a reset; the log says why");
        };
        match service.import_errors(&arn).await {
            Ok(Some(lines)) => {
                let mut response = Response::new(Full::from(lines));
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl; charset=utf-8"));
                response
            }
            Ok(None) => none(),
            Err(error) => {
                tracing::error!(error = chain(&error), "errors.jsonl cannot be read");
                failing("the store fails; the log says why")
            }
        }
    }

    /// Prometheus' text format.
    pub async fn metrics(&self) -> Reply {
        let service = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service));
        let mut text = match service {
            Some(service) => service.metrics_text().await,
            None => String::new(),
        };
        text += "# HELP palate_connections_open Connections that clients have open.\n\
                 # TYPE palate_connections_open gauge\n";
        text += &format!("palate_connections_open {}\n", self.open_connections());
        if let Some(bytes) = resident_bytes() {
            text += "# HELP process_resident_memory_bytes Memory of the process that is in use.\n\
                     # TYPE process_resident_memory_bytes gauge\n";
            text += &format!("process_resident_memory_bytes {bytes}\n");
        }
        let mut response = Response::new(Full::from(text));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    /// Tells the time of the clock that may be moved.
    pub fn read_clock(&self) -> Reply {
        match &self.clock {
            Some(clock) => shown(clock.shown()),
            None => not_allowed("--allow-clock"),
        }
    }

    /// Moves the clock; what is due by then has been started when this answers.
    pub async fn move_clock(&self, body: &[u8]) -> Reply {
        let Some(clock) = &self.clock else { return not_allowed("--allow-clock") };
        let asked: Move = match serde_json::from_slice(body) {
            Ok(asked) => asked,
            Err(error) => {
                let message = format!("The body is not what is expected here: {error}");
                return json_response(StatusCode::BAD_REQUEST, &json!({ "message": message }));
            }
        };
        let now = match clock.apply(asked) {
            Ok(now) => now,
            Err(message) => return json_response(StatusCode::BAD_REQUEST, &json!({ "message": message })),
        };
        tracing::info!(now_s = now.now_ms as f64 / 1e3, held = now.held, "the clock was moved");
        let service = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service));
        if let Some(service) = service
            && let Err(error) = service.sweep().await
        {
            tracing::error!(error = chain(&error), "the sweep after the clock's move failed");
            let message = "The clock was moved, but what is due could not be started; it is tried again soon.";
            return json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": message }));
        }
        shown(now)
    }

    /// Empties everything. New requests wait meanwhile; jobs that run are dropped.
    pub async fn reset(self: &Arc<Self>) -> Reply {
        if !self.allow_reset {
            return not_allowed("--allow-reset");
        }
        let app = Arc::clone(self);
        // In a task of its own: a client that goes away must not leave it half-done.
        match tokio::spawn(async move { app.empty().await }).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(%error, "the reset ended badly");
                failing("the reset failed; the log says why")
            }
        }
    }

    async fn empty(&self) -> Reply {
        let Ok(mut live) = timeout(RESET_PATIENCE, self.live.write()).await else {
            return failing("requests are still in flight, and nothing was emptied; try again");
        };
        if let Some(live) = live.take() {
            unused(live.end().await).await;
        }
        let (data, now) = (self.setup.data.clone(), now(&self.setup.clock));
        let emptied = tokio::task::spawn_blocking(move || {
            let emptied = palate_store::embedded::empty(&data);
            // Whatever is left is served again.
            (emptied, palate_store::embedded::open_with(&data, now))
        });
        let (emptied, stores) = match emptied.await {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "the emptying ended badly");
                return failing("the reset failed; the log says why");
            }
        };
        let started = stores.map_err(Into::into).and_then(|stores| Live::start(&self.setup, stores));
        match started {
            Ok(started) => *live = Some(started),
            Err(error) => {
                tracing::error!(error = chain(error.as_ref()), "the service does not start again");
                return failing("the service does not start again; the log says why");
            }
        }
        if let Err(error) = emptied {
            tracing::error!(error = chain(&error), "not everything was emptied");
            return failing("not everything was emptied, the log says why; try again");
        }
        tracing::info!("everything was emptied");
        json_response(StatusCode::OK, &json!({}))
    }
}

/// Reads the body of a request to an own endpoint, whole.
pub async fn read<B: Body>(body: B) -> Result<Bytes, Reply>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let refuse = |status, message: String| json_response(status, &json!({ "message": message }));
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(content) => Ok(content.to_bytes()),
        Err(error) if error.is::<BodyStalled>() => Err(refuse(StatusCode::REQUEST_TIMEOUT, error.to_string())),
        Err(error) => Err(refuse(StatusCode::BAD_REQUEST, format!("The body cannot be read: {error}"))),
    }
}

fn shown(now: Shown) -> Reply {
    json_response(StatusCode::OK, &json!({ "now": now.now_ms as f64 / 1e3, "held": now.held }))
}

fn not_allowed(flag: &str) -> Reply {
    let message = format!("This is not allowed here: start palate with {flag}.");
    json_response(StatusCode::NOT_FOUND, &json!({ "message": message }))
}

fn failing(reason: &str) -> Reply {
    json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "failing", "message": reason }))
}

/// Memory of this process that is in use, where the system says so.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
