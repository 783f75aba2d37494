//! `palate explain`: why a user gets an item.

use http::StatusCode;
use palate_service::{Explain, ExplainError, ItemExplanation};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;

use crate::{
    app::{App, Reply, json_response},
    cli,
    console::say,
    demo::Failed,
    look::{self, refuse},
    workers::chain,
};

/// Where the process tells why: this and the campaign's ARN, with `user`, `item` and `of` in the query.
pub const PATH: &str = "/_palate/explanations/";

/// Does what `palate explain …` says, also while a process serves the data folder.
pub async fn run(options: cli::Explain) -> Result<(), Failed> {
    let place = &options.place;
    let asked = Explain {
        deployed: options.campaign.or(options.recommender).unwrap_or_default(),
        user_id: options.user,
        item_id: options.item,
        of_item_id: options.of,
    };
    let explanation: ItemExplanation = match &place.url {
        Some(url) => look::ask_for(url, &path(&asked)).await?,
        None => look::service(&place.kept, &place.account, &place.region).await?.explain(&asked).await?,
    };
    if options.json {
        say!("{}", serde_json::to_string_pretty(&explanation)?);
    } else {
        say!("{}", explanation.text().trim_end());
    }
    Ok(())
}

fn path(asked: &Explain) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut path = format!("{PATH}{}?item={}", encoded(&asked.deployed), encoded(&asked.item_id));
    for (name, value) in [("user", &asked.user_id), ("of", &asked.of_item_id)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    path
}

/// Reads what [`path`] writes, after [`PATH`].
fn parse(deployed: &str, query: &str) -> Option<Explain> {
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let mut asked = Explain { deployed: decoded(deployed)?, ..Explain::default() };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "item" => asked.item_id = decoded(value)?,
            "user" => asked.user_id = Some(decoded(value)?),
            "of" => asked.of_item_id = Some(decoded(value)?),
            _ => {}
        }
    }
    Some(asked)
}

impl App {
    /// Why an item has its score, by what a path has after [`PATH`] and in its query.
    pub async fn explanation(&self, deployed: &str, query: &str) -> Reply {
        let Some(asked) = parse(deployed, query) else {
            return refuse(StatusCode::BAD_REQUEST, "What is asked for is not UTF-8.");
        };
        let service = match self.service().await {
            Ok(service) => service,
            Err(refusal) => return refusal,
        };
        match service.explain(&asked).await {
            Ok(explanation) => json_response(StatusCode::OK, &json!(explanation)),
            Err(ExplainError::Refused(message)) => refuse(StatusCode::NOT_FOUND, &message),
            Err(ExplainError::Failed(error)) => {
                tracing::error!(error = chain(&error), "no explanation");
                refuse(StatusCode::INTERNAL_SERVER_ERROR, "The score could not be explained; the log says why.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn whatever_is_asked_for_arrives() {
        let asked = Explain {
            deployed: "arn:aws:personalize:us-east-1:000000000000:campaign/films".into(),
            user_id: Some("a&b=ü%".into()),
            item_id: "1/2?".into(),
            of_item_id: None,
        };
        for asked in [Explain { of_item_id: Some(" ".into()), user_id: None, ..asked.clone() }, asked] {
            let path = path(&asked);
            let (deployed, query) = path.strip_prefix(PATH).unwrap().split_once('?').unwrap();
            assert_eq!(parse(deployed, query).unwrap(), asked);
        }
        assert!(parse("%ff", "item=1").is_none());
    }
}
