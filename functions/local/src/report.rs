//! `palate report`: how good a model is, as a table and as a page.

use std::path::PathBuf;

use http::StatusCode;
use palate_service::ModelReport;
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

/// Where the process tells of models: this and the ARN.
pub const PATH: &str = "/_palate/reports/";

/// Does what `palate report …` says, also while a process serves the data folder.
pub async fn run(options: cli::Report) -> Result<(), Failed> {
    let place = &options.place;
    let report = match &place.url {
        Some(url) => {
            serde_json::from_slice::<ModelReport>(&look::ask(url, &format!("{PATH}{}", options.model)).await?)?
        }
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
        let Ok(model) = percent_decode_str(model).decode_utf8() else {
            return refuse(StatusCode::BAD_REQUEST, "The name of the model is not UTF-8.");
        };
        let service = match self.service().await {
            Ok(service) => service,
            Err(refusal) => return refusal,
        };
        match service.model_report(&model).await {
            Ok(Some(report)) => json_response(StatusCode::OK, &json!(report)),
            Ok(None) => refuse(StatusCode::NOT_FOUND, &no_such_model(&model)),
            Err(error) => {
                tracing::error!(error = chain(&error), "no report");
                refuse(StatusCode::INTERNAL_SERVER_ERROR, "The report could not be read; the log says why.")
            }
        }
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
