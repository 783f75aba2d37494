//! `palate insights`: what is in a dataset, and what that means for recipes.

use http::StatusCode;
use palate_service::Insights;
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::{
    app::{App, Reply, json_response},
    cli,
    console::say,
    demo::Failed,
    look::{self, refuse},
    workers::chain,
};

/// Where the process tells of datasets: this and the dataset's ARN.
pub const PATH: &str = "/_palate/insights/";

/// Does what `palate insights …` says, also while a process serves the data folder.
pub async fn run(options: cli::Insights) -> Result<(), Failed> {
    let place = &options.place;
    let insights = match &place.url {
        Some(url) => serde_json::from_slice::<Insights>(&look::ask(url, &format!("{PATH}{}", options.dataset)).await?)?,
        None => {
            let service = look::service(&place.kept, &place.account, &place.region).await?;
            let found = service.insights(&options.dataset).await?;
            found.ok_or_else(|| no_such_dataset(&options.dataset))?
        }
    };
    if options.json {
        say!("{}", serde_json::to_string_pretty(&insights)?);
    } else {
        say!("{}", insights.page().trim_end());
    }
    Ok(())
}

fn no_such_dataset(dataset: &str) -> String {
    format!(
        "There is no dataset {dataset}. Name it by its ARN or as <dataset group>/<type>, such as films/INTERACTIONS; \
         by the latter it is looked for in one region and account."
    )
}

impl App {
    /// What is in the dataset that a path names after [`PATH`].
    pub async fn insights(&self, dataset: &str) -> Reply {
        let Ok(dataset) = percent_decode_str(dataset).decode_utf8() else {
            return refuse(StatusCode::BAD_REQUEST, "The name of the dataset is not UTF-8.");
        };
        let service = match self.service().await {
            Ok(service) => service,
            Err(refusal) => return refusal,
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
