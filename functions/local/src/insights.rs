//! `palate insights`: what is in a dataset, and what that means for recipes.

use std::{env, error::Error, sync::Arc};

use async_trait::async_trait;
use http::StatusCode;
use palate_service::{Insights, JobRef, JobStarter, Service, Settings, SystemClock};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::{
    app::{App, Reply, json_response},
    cli,
    client::Client,
    console::say,
    demo::Failed,
    keys,
    workers::chain,
};

/// Where the process tells of datasets: this and the dataset's ARN.
pub const PATH: &str = "/_palate/insights/";

/// Does what `palate insights …` says, also while a process serves the data folder.
pub async fn run(options: cli::Insights) -> Result<(), Failed> {
    let insights = match &options.url {
        Some(url) => ask(url, &options.dataset).await?,
        None => compute(&options).await?,
    };
    if options.json {
        say!("{}", serde_json::to_string_pretty(&insights)?);
    } else {
        say!("{}", insights.page().trim_end());
    }
    Ok(())
}

async fn ask(url: &str, dataset: &str) -> Result<Insights, Failed> {
    // What an access key is called everywhere; where signatures are not checked, anything will do.
    let key = |name| env::var(name).ok();
    let bearer = match (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Some(format!("Bearer {id}:{secret}")),
        _ => None,
    };
    let content = Client::new(url.trim_end_matches('/')).own(&format!("{PATH}{dataset}"), bearer.as_deref()).await?;
    Ok(serde_json::from_slice(&content)?)
}

async fn compute(options: &cli::Insights) -> Result<Insights, Failed> {
    keys::existing(&options.kept)?;
    let settings =
        Settings { account_id: options.account.id.clone(), region: options.region.clone(), ..Settings::default() };
    let stores = keys::open(&options.kept).await?;
    let service = Service::new(settings, stores, Arc::new(SystemClock), Arc::new(NoJobs));
    let found = service.insights(&options.dataset).await?;
    found.ok_or_else(|| no_such_dataset(&options.dataset).into())
}

fn no_such_dataset(dataset: &str) -> String {
    format!(
        "There is no dataset {dataset}. Name it by its ARN or as <dataset group>/<type>, such as films/INTERACTIONS; \
         by the latter it is looked for in one region and account."
    )
}

/// Who only looks starts no work.
struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl App {
    /// What is in the dataset that a path names after [`PATH`].
    pub async fn insights(&self, dataset: &str) -> Reply {
        let refuse = |status, message: &str| json_response(status, &json!({ "message": message }));
        let Ok(dataset) = percent_decode_str(dataset).decode_utf8() else {
            return refuse(StatusCode::BAD_REQUEST, "The name of the dataset is not UTF-8.");
        };
        let Some(service) = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service)) else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "The service has not started again after a reset.");
        };
        match service.insights(&dataset).await {
            Ok(Some(insights)) => json_response(StatusCode::OK, &json!(insights)),
            Ok(None) => refuse(StatusCode::NOT_FOUND, &no_such_dataset(&dataset)),
            Err(error) => {
                tracing::error!(error = chain(&error), "no insights");
                refuse(StatusCode::INTERNAL_SERVER_ERROR, "The insights could not be computed; the log says why.")
            }
        }
    }
}
