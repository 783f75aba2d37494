//! The runtime: campaign or recommender, model, the user's history, filters, scores, answer.

mod actions;
mod cache;
mod deployed;
mod explain;
mod filter;
#[cfg(test)]
pub(crate) mod fixed;
mod metadata;
mod models;
mod person;
mod promote;
mod ranking;
mod recommend;
mod request;
mod rules;
mod trends;
mod users_by_event;

use std::sync::Arc;

use palate_recipes::{Model, Query, RecipeInfo, RecipeType};

pub(crate) use cache::ByteCache;
pub(crate) use deployed::Deployed;
pub use explain::{Contributor, Counted, Explain, ExplainedPart, ItemExplanation};
pub(crate) use explain::{asked_for, explain};
pub(crate) use filter::{ReadyFilter, check_filter, item_set};
pub(crate) use models::{Loaded, Models};
pub(crate) use person::{Person, Wanted};
pub(crate) use ranking::rank;
pub(crate) use request::{MAX_RESULTS, mark_in, mark_of, read_context, read_values, round_score};
pub(crate) use rules::{gives_reasons, leaves_out, reason};
pub(crate) use users_by_event::UsersByEvent;

use crate::catalogue::{Catalogue, Recent};
use crate::jobs::WorkError;
use crate::operations::Operations;
use crate::service::Service;
use filter::OpenFilter;

pub(crate) fn operations(all: &mut Operations) {
    all.add("GetRecommendations", recommend::recommendations)
        .add("GetPersonalizedRanking", ranking::ranking)
        .add("GetActionRecommendations", actions::actions);
}

/// What a process keeps between requests.
pub(crate) struct Runtime {
    /// By ARN of the campaign or recommender.
    deployed: Recent<Arc<Deployed>>,
    filters: Recent<Arc<OpenFilter>>,
    pub models: Models,
    trending: trends::Trending,
    pub catalogue: Catalogue,
}

impl Runtime {
    /// `cache_bytes` bounds what models, pages of user histories and columns take together.
    pub fn new(cache_bytes: usize) -> Self {
        let catalogue = cache_bytes / 3;
        // What is evaluated has the size of its model, which stays too.
        let models = (cache_bytes - catalogue) / 4 * 3;
        Self {
            deployed: Recent::default(),
            filters: Recent::default(),
            models: Models::new(models),
            trending: trends::Trending::new(cache_bytes - catalogue - models),
            catalogue: Catalogue::new(catalogue),
        }
    }

    /// A campaign or recommender that is gone is not served from memory any more.
    pub fn forget(&self, arn: &str) {
        self.deployed.forget(arn);
    }

    /// Nor is a filter applied from memory.
    pub fn forget_filter(&self, arn: &str) {
        self.filters.forget(arn);
    }

    /// What is kept of models takes so many bytes, in so many entries.
    pub fn cache_bytes(&self) -> (usize, usize) {
        self.models.usage()
    }

    /// Opens a version's model, checks that all its files are there, and asks it once.
    pub async fn smoke_test(&self, service: &Service, version_arn: &str) -> Result<(), WorkError> {
        let loaded = self.models.get(service, version_arn, None).await?;
        for file in &loaded.paged {
            service.stores.blobs.head(&format!("{}/{file}", loaded.folder)).await?;
        }
        let item = (loaded.info.recipe_type == RecipeType::RelatedItems && loaded.model.n_items() > 0).then_some(0);
        let answer = loaded.model.recommend(&Query { item, ..Query::default() }, 1);
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
