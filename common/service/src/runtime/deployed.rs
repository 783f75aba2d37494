use std::sync::Arc;
use std::time::Instant;

use palate_recipes::{Selection, describe};
use serde_json::{Map, Value};

use super::Runtime;
use crate::arn::recipe_name;
use crate::error::OpError;
use crate::resources::{Campaign, Recommender, SolutionVersion, Status, event_value_threshold, trained_model};
use crate::service::Service;

/// What a campaign or recommender serves.
pub(crate) struct Deployed {
    /// The campaign's or recommender's own.
    pub arn: String,
    /// Whose model it is: a solution version, or the recommender itself.
    pub model_arn: String,
    /// Where that model's files are: it may change, by a training of a recommender or when users are deleted.
    pub folder: Option<String>,
    pub dataset_group_arn: Arc<str>,
    /// The events that the model learned from, for models that follow what happens.
    pub events: Selection,
    /// Whether answers may hold metadata, as far as that is a setting.
    pub metadata: bool,
    /// `itemExplorationConfig`, as it was given.
    pub exploration: Option<Value>,
}

impl Runtime {
    /// What the campaign serves now, or did a second ago.
    pub async fn campaign(&self, service: &Service, arn: &str) -> Result<Arc<Deployed>, OpError> {
        if let Some(deployed) = self.deployed.get(arn) {
            return Ok(deployed);
        }
        let read_at = Instant::now();
        let campaign = service.records.fetch::<Campaign>(arn, "campaignArn").await?.resource;
        if campaign.status != Status::Active {
            return Err(not_active(arn, campaign.status));
        }
        let model_arn = campaign.solution_version_arn;
        let version = service.records.fetch::<SolutionVersion>(&model_arn, "solutionVersionArn").await?.resource;
        let folder = trained_model(&service.records, &model_arn).await?.map(|model| model.folder);
        let deployed = Arc::new(Deployed {
            arn: arn.to_owned(),
            model_arn,
            folder,
            events: Selection {
                event_value_threshold: event_value_threshold(version.solution_config.as_ref())?,
                event_type: version.event_type,
                ..Selection::default()
            },
            dataset_group_arn: version.dataset_group_arn.into(),
            metadata: enables_metadata(campaign.campaign_config.as_ref()),
            exploration: exploration(campaign.campaign_config.as_ref()),
        });
        self.deployed.put(arn, read_at, Arc::clone(&deployed));
        Ok(deployed)
    }

    /// What the recommender serves now, or did a second ago.
    pub async fn recommender(&self, service: &Service, arn: &str) -> Result<Arc<Deployed>, OpError> {
        if let Some(deployed) = self.deployed.get(arn) {
            return Ok(deployed);
        }
        let read_at = Instant::now();
        let recommender = service.records.fetch::<Recommender>(arn, "recommenderArn").await?.resource;
        if !recommender.answers() {
            return Err(not_active(arn, recommender.status));
        }
        let missing = || OpError::internal(format!("{arn} has no model"));
        // It is trained again under the same ARN.
        let folder = trained_model(&service.records, arn).await?.ok_or_else(missing)?.folder;
        let recipe = recipe_name(&recommender.recipe_arn).and_then(describe);
        let event_type = recipe.and_then(|recipe| recipe.event_type).map(str::to_owned);
        let deployed = Arc::new(Deployed {
            arn: arn.to_owned(),
            model_arn: arn.to_owned(),
            folder: Some(folder),
            events: Selection { event_type, ..Selection::default() },
            dataset_group_arn: recommender.dataset_group_arn.into(),
            metadata: enables_metadata(Some(&recommender.recommender_config)),
            exploration: exploration(Some(&recommender.recommender_config)),
        });
        self.deployed.put(arn, read_at, Arc::clone(&deployed));
        Ok(deployed)
    }
}

fn not_active(arn: &str, status: Status) -> OpError {
    OpError::invalid(format!("{arn} is {status}; it must be ACTIVE"))
}

fn enables_metadata(config: Option<&Map<String, Value>>) -> bool {
    config.and_then(|config| config.get("enableMetadataWithRecommendations")).and_then(Value::as_bool) == Some(true)
}

fn exploration(config: Option<&Map<String, Value>>) -> Option<Value> {
    config?.get("itemExplorationConfig").cloned()
}
