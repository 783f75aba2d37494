//! `palate jobs`: what is at work, and how far it is.

use std::{
    collections::HashMap,
    env,
    io::{self, IsTerminal},
    sync::Arc,
    time::Duration,
};

use http::StatusCode;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use palate_service::JobStatus;
use serde_json::json;

use crate::{
    app::{App, Reply, json_response},
    cli,
    client::Client,
    console::say,
    demo::Failed,
    workers::chain,
};

/// Where the process tells of its jobs.
pub const PATH: &str = "/_palate/jobs";

/// Workers tell every few seconds.
const EVERY: Duration = Duration::from_secs(1);
/// What a full bar counts to.
const FULL: u64 = 1000;

/// Does what `palate jobs …` says.
pub async fn run(options: cli::Jobs) -> Result<(), Failed> {
    let client = Client::new(options.url.trim_end_matches('/'));
    let jobs = ask(&client).await?;
    if options.json {
        say!("{}", serde_json::to_string_pretty(&jobs)?);
        return Ok(());
    }
    if jobs.is_empty() {
        say!("No job is at work.");
        return Ok(());
    }
    if !io::stdout().is_terminal() {
        for job in &jobs {
            say!("{} {}", job.job, state(job));
        }
        return Ok(());
    }
    watch(&client, jobs).await
}

async fn ask(client: &Client) -> Result<Vec<JobStatus>, Failed> {
    // Where signatures are not checked, anything will do.
    let key = |name| env::var(name).ok();
    let bearer = match (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Some(format!("Bearer {id}:{secret}")),
        _ => None,
    };
    Ok(serde_json::from_slice(&client.own(PATH, bearer.as_deref()).await?)?)
}

/// A bar for each job until all have ended.
async fn watch(client: &Client, mut jobs: Vec<JobStatus>) -> Result<(), Failed> {
    let style = ProgressStyle::with_template("  {spinner} {prefix} {bar:30} {percent:>3} %  {msg}")?;
    let (all, mut bars) = (MultiProgress::new(), HashMap::<String, ProgressBar>::new());
    while !jobs.is_empty() {
        for job in &jobs {
            let bar = bars.entry(job.job.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(FULL).with_style(style.clone()).with_prefix(name(&job.job)));
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            });
            bar.set_position(job.advance.as_ref().map_or(0, |advance| (advance.done * FULL as f64) as u64));
            bar.set_message(state(job));
        }
        bars.retain(|arn, bar| {
            let goes_on = jobs.iter().any(|job| job.job == *arn);
            if !goes_on {
                bar.finish_and_clear();
                all.suspend(|| say!("  {} has ended", name(arn)));
            }
            goes_on
        });
        tokio::time::sleep(EVERY).await;
        jobs = ask(client).await?;
    }
    for (arn, bar) in bars {
        bar.finish_and_clear();
        all.suspend(|| say!("  {} has ended", name(&arn)));
    }
    Ok(())
}

/// The last part of an ARN: `solution/films/2f9a01bc`.
fn name(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or(arn).to_owned()
}

fn state(job: &JobStatus) -> String {
    match (&job.advance, job.running) {
        (Some(advance), _) => format!("{:.0} % {}", advance.done * 100.0, advance.step),
        (None, true) => "at work".to_owned(),
        (None, false) => "waiting".to_owned(),
    }
}

impl App {
    /// The jobs that have not settled.
    pub async fn jobs(&self) -> Reply {
        let failing = |message: &str| json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "message": message }));
        let Some(service) = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service)) else {
            return failing("The service has not started again after a reset.");
        };
        match service.jobs().await {
            Ok(jobs) => json_response(StatusCode::OK, &json!(jobs)),
            Err(error) => {
                tracing::error!(error = chain(&error), "the jobs cannot be listed");
                failing("The store fails; the log says why.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use palate_service::{Advance, JobKind};

    use super::*;

    #[test]
    fn a_job_is_told_in_a_few_words() {
        let job = |running, advance| JobStatus {
            job: "arn:aws:personalize:us-east-1:000000000000:solution/films/2f9a01bc".into(),
            kind: JobKind::Train,
            attempt: 1,
            running,
            advance,
        };
        let advance = Advance { step: "fitting on all users".into(), done: 0.754 };
        assert_eq!(state(&job(true, Some(advance))), "75 % fitting on all users");
        assert_eq!((state(&job(true, None)), state(&job(false, None))), ("at work".into(), "waiting".into()));
        assert_eq!(name(&job(true, None).job), "solution/films/2f9a01bc");
    }
}
