//! How commands look at what a process or a data folder has, without starting any work.

use std::{env, error::Error, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    app::{App, Reply, json_response},
    cli::{Account, Kept},
    client::Client,
    demo::Failed,
    keys,
    workers::chain,
};

/// What the process at `url` says under one of its own paths.
pub async fn ask(url: &str, path: &str) -> Result<Bytes, Failed> {
    // What an access key is called everywhere; where signatures are not checked, anything will do.
    let key = |name| env::var(name).ok();
    let bearer = match (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Some(format!("Bearer {id}:{secret}")),
        _ => None,
    };
    Ok(Client::new(url.trim_end_matches('/')).own(path, bearer.as_deref()).await?)
}

/// The service over what is kept already, also while a process serves it.
pub async fn service(kept: &Kept, account: &Account, region: &str) -> Result<Arc<Service>, Failed> {
    keys::existing(kept)?;
    let settings = Settings { account_id: account.id.clone(), region: region.to_owned(), ..Settings::default() };
    Ok(Service::new(settings, keys::open(kept).await?, Arc::new(SystemClock), Arc::new(NoJobs)))
}

/// Who only looks starts no work.
struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// What a process says under one of its own paths, as it says it.
pub async fn ask_for<T: DeserializeOwned>(url: &str, path: &str) -> Result<T, Failed> {
    Ok(serde_json::from_slice(&ask(url, path).await?)?)
}

/// An answer that is no answer.
pub fn refuse(status: StatusCode, message: &str) -> Reply {
    json_response(status, &json!({ "message": message }))
}

impl App {
    /// The service behind the port, or the answer that it is not there.
    pub async fn service(&self) -> Result<Arc<Service>, Reply> {
        let service = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service));
        let message = "The service has not started again after a reset.";
        service.ok_or_else(|| refuse(StatusCode::SERVICE_UNAVAILABLE, message))
    }

    /// What `find` finds under a name that is written as in a path; `missing` says that there is nothing, and `what` is
    /// the thing in the log.
    pub async fn look_up<T, E, Found>(
        &self,
        name: &str,
        find: impl FnOnce(Arc<Service>, String) -> Found,
        missing: fn(&str) -> String,
        what: &'static str,
    ) -> Reply
    where
        T: Serialize,
        E: Error + 'static,
        Found: Future<Output = Result<Option<T>, E>>,
    {
        let Ok(name) = percent_decode_str(name).decode_utf8() else {
            return refuse(StatusCode::BAD_REQUEST, "The name is not UTF-8.");
        };
        let service = match self.service().await {
            Ok(service) => service,
            Err(refusal) => return refusal,
        };
        match find(service, name.to_string()).await {
            Ok(Some(found)) => json_response(StatusCode::OK, &json!(found)),
            Ok(None) => refuse(StatusCode::NOT_FOUND, &missing(&name)),
            Err(error) => {
                tracing::error!(error = chain(&error), "no {what}");
                let message = format!("The {what} could not be read; the log says why.");
                refuse(StatusCode::INTERNAL_SERVER_ERROR, &message)
            }
        }
    }
}
