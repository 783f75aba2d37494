//! `palate report`: how good a model is, as a table and as a page.

use std::{path::PathBuf, sync::Arc};

use palate_service::{ModelReport, Service};

use crate::{
    app::{App, Reply},
    cli,
    console::say,
    demo::Failed,
    look,
};

/// Where the process tells of models: this and the ARN.
pub const PATH: &str = "/_palate/reports/";

/// Does what `palate report …` says, also while a process serves the data folder.
pub async fn run(options: cli::Report) -> Result<(), Failed> {
    let place = &options.place;
    let report: ModelReport = match &place.url {
        Some(url) => look::ask_for(url, &format!("{PATH}{}", options.model)).await?,
        None => {
            let service = look::service(&place.kept, &place.account, &place.region).await?;
            let found = service.model_report(&options.model).await?;
            found.ok_or_else(|| no_such_model(&options.model))?
        }
    };
    if options.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    say!("{}", report.table().trim_end());
    let file = options.html.unwrap_or_else(|| file_name(report.name()));
    std::fs::write(&file, report.page()).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    say!();
    say!("With plots: {}", file.display());
    Ok(())
}

/// `films/3f2a9c1e` as `report-films-3f2a9c1e.html`.
fn file_name(model: &str) -> PathBuf {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    format!("report-{}.html", model.chars().map(plain).collect::<String>()).into()
}

fn no_such_model(model: &str) -> String {
    format!(
        "There is no trained model {model}. Name a solution version or recommender by its ARN, or say \
         <solution>/<version>, or <solution> for its newest version; names are looked for in one region and account."
    )
}

impl App {
    /// The report of the model that a path names after [`PATH`].
    pub async fn report(&self, model: &str) -> Reply {
        let find = |service: Arc<Service>, name: String| async move { service.model_report(&name).await };
        self.look_up(model, find, no_such_model, "report").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_after_its_model_in_one_folder() {
        assert_eq!(file_name("films/3f2a-9c_1e"), PathBuf::from("report-films-3f2a-9c_1e.html"));
        assert_eq!(file_name("../x"), PathBuf::from("report----x.html"));
    }
}
