use std::sync::Arc;

use serde_json::{Map, Value};

use super::rules::always_has_metadata;
use super::{Deployed, Loaded};
use crate::catalogue::{Catalogued, Held, Source};
use crate::error::OpError;
use crate::service::Service;

/// The columns that an answer tells of its items.
pub(super) struct Metadata {
    held: Arc<Held>,
    /// As in the schema, and as in the answer.
    columns: Vec<(String, String)>,
}

impl Metadata {
    /// `None` if no columns are asked for.
    pub async fn of(
        service: &Arc<Service>,
        deployed: &Deployed,
        loaded: &Arc<Loaded>,
        asked: &[String],
    ) -> Result<Option<Self>, OpError> {
        if asked.is_empty() {
            return Ok(None);
        }
        if !deployed.metadata && !always_has_metadata(loaded.info) {
            let message = format!(
                "metadataColumns is given, but {} does not give metadata; update it with \
                 enableMetadataWithRecommendations set to true",
                deployed.arn
            );
            return Err(OpError::invalid(message));
        }
        let source = Source {
            dataset_group_arn: Arc::clone(&deployed.dataset_group_arn),
            kind: Catalogued::Items,
            model: Some(Arc::clone(loaded)),
        };
        let held = service.runtime.catalogue.columns(service, &source).await?;
        let mut columns = Vec::with_capacity(asked.len());
        for name in asked {
            let field = held.field(name).ok_or_else(|| {
                let name = crate::wire::shorten(name);
                OpError::invalid(format!("metadataColumns names {name}, which is no column of the Items dataset"))
            })?;
            columns.push((field.name.clone(), field.name.to_lowercase()));
        }
        Ok(Some(Self { held, columns }))
    }

    /// Puts what is known of an item into its element of the answer; columns without a value are left out.
    pub fn add(&self, id: &str, element: &mut Map<String, Value>) {
        let row = self.held.row(id);
        let value = |column: &str| row.and_then(|row| self.held.columns.text(column, row));
        let values = self.columns.iter().filter_map(|(column, key)| Some((key.clone(), value(column)?.into())));
        element.insert("metadata".into(), Value::Object(values.collect()));
    }
}
