//! The runtime: campaign, model, history, scores, answer.

mod cache;
mod history;
mod models;
mod recommend;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palate_recipes::{Model, Query, RecipeInfo, RecipeType};

pub(crate) use history::history;
pub(crate) use models::{Loaded, Models};
pub(crate) use recommend::{MAX_RESULTS, round_score};

use crate::error::OpError;
use crate::jobs::WorkError;
use crate::operations::Operations;
use crate::resources::{Campaign, SolutionVersion, Status};
use crate::service::Service;

/// How long a campaign's record may be served from memory.
const CAMPAIGN_TTL: Duration = Duration::from_secs(1);

pub(crate) fn operations(all: &mut Operations) {
    recommend::operations(all);
}

/// What a process keeps between requests.
pub(crate) struct Runtime {
    campaigns: Mutex<HashMap<String, (Instant, Arc<Deployed>)>>,
    pub models: Models,
}

/// What a campaign serves.
pub(crate) struct Deployed {
    pub version_arn: String,
    pub dataset_group_arn: String,
}

impl Runtime {
    /// `cache_bytes` bounds what models and pages of user histories take.
    pub fn new(cache_bytes: usize) -> Self {
        Self { campaigns: Mutex::default(), models: Models::new(cache_bytes) }
    }

    /// What the campaign serves now, or did a second ago.
    pub async fn deployed(&self, service: &Service, campaign_arn: &str) -> Result<Arc<Deployed>, OpError> {
        // Not the service's clock, which may be held.
        let now = Instant::now();
        if let Some((read_at, deployed)) =
            self.campaigns.lock().unwrap_or_else(PoisonError::into_inner).get(campaign_arn)
            && now.duration_since(*read_at) < CAMPAIGN_TTL
        {
            return Ok(Arc::clone(deployed));
        }
        let campaign = service.records.fetch::<Campaign>(campaign_arn, "campaignArn").await?.resource;
        if campaign.status != Status::Active {
            return Err(OpError::invalid(format!("{campaign_arn} is {}; it must be ACTIVE", campaign.status)));
        }
        let version_arn = campaign.solution_version_arn;
        let version = service.records.fetch::<SolutionVersion>(&version_arn, "solutionVersionArn").await?.resource;
        let deployed = Arc::new(Deployed { version_arn, dataset_group_arn: version.dataset_group_arn });
        let mut campaigns = self.campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        campaigns.insert(campaign_arn.to_owned(), (now, Arc::clone(&deployed)));
        Ok(deployed)
    }

    /// A campaign that is gone is not served from memory any more.
    pub fn forget_campaign(&self, campaign_arn: &str) {
        self.campaigns.lock().unwrap_or_else(PoisonError::into_inner).remove(campaign_arn);
    }

    /// Opens a version's model, checks that all its files are there, and asks it once.
    pub async fn smoke_test(&self, service: &Service, version_arn: &str) -> Result<(), WorkError> {
        let loaded = self.models.get(service, version_arn).await?;
        for file in &loaded.paged {
            service.stores.blobs.head(&format!("{}/{file}", loaded.folder)).await?;
        }
        let item = (loaded.info.recipe_type == RecipeType::RelatedItems && loaded.model.n_items() > 0).then_some(0);
        let answer = loaded.model.recommend(&Query { history: &[], item }, 1);
        if answer.is_empty() && loaded.model.n_items() > 1 {
            return Err(WorkError::Failed(format!("The model of {version_arn} gives no recommendations.")));
        }
        Ok(())
    }
}

/// Whether a recipe looks at the history of the user who asks.
pub(crate) fn personal(info: &RecipeInfo) -> bool {
    info.real_time
}

/// An item's row if the model knows it.
pub(crate) fn known_item(model: &dyn Model, item_id: Option<&str>) -> Option<u32> {
    item_id.and_then(|id| model.item_index(id))
}
