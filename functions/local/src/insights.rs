//! `palate insights`: what is in a dataset, and what that means for recipes.

use std::sync::Arc;

use palate_service::{Insights, Service};

use crate::{
    app::{App, Reply},
    cli,
    console::say,
    demo::Failed,
    look,
};

/// Where the process tells of datasets: this and the dataset's ARN.
pub const PATH: &str = "/_palate/insights/";

/// Does what `palate insights …` says, also while a process serves the data folder.
pub async fn run(options: cli::Insights) -> Result<(), Failed> {
    let place = &options.place;
    let insights: Insights = match &place.url {
        Some(url) => look::ask_for(url, &format!("{PATH}{}", options.dataset)).await?,
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
        let find = |service: Arc<Service>, name: String| async move { service.insights(&name).await };
        self.look_up(dataset, find, no_such_dataset, "insights").await
    }
}
