//! Which columns a training reads: what the recipe learns from, what the schemas have, and what
//! `trainingDataConfig` leaves of it.

use palate_recipes::parts::ColumnType;
use palate_recipes::{ColumnChoice, ColumnKind, Reads};
use serde_json::{Map, Value};

use super::dataset_update::added_after;
use super::schema::DatasetSchema;
use crate::catalogue::find_dataset;
use crate::error::OpError;
use crate::records::Records;
use crate::schema::{DatasetType, Field};
use crate::wire::Timestamp;

/// What every training of interactions reads anyway, and what none learns from.
const NOT_METADATA: [&str; 8] = [
    "USER_ID",
    "ITEM_ID",
    "TIMESTAMP",
    "EVENT_TYPE",
    "EVENT_VALUE",
    "IMPRESSION",
    "RECOMMENDATION_ID",
    "EVENT_ATTRIBUTION_SOURCE",
];

/// What the owner of a solution or recommender has said about columns.
#[derive(Clone, Debug, Default)]
pub(super) struct TrainingColumns {
    /// `trainingDataConfig`.
    config: Option<Map<String, Value>>,
    /// Columns that a dataset got later than this are not learned from. `None` takes all.
    since: Option<Timestamp>,
}

impl TrainingColumns {
    /// `config` is `solutionConfig` or `recommenderConfig`.
    pub fn of(config: Option<&Map<String, Value>>, since: Timestamp) -> Self {
        let config = config.and_then(|config| config.get("trainingDataConfig")).and_then(Value::as_object);
        Self { config: config.cloned(), since: Some(since) }
    }

    /// Chooses the columns of Items, Users and Interactions and puts them into the selection.
    pub async fn choose(
        &self,
        records: &Records,
        dataset_group_arn: &str,
        reads: Reads,
        selection: &mut palate_recipes::Selection,
    ) -> Result<(), OpError> {
        for (wanted, kind, into) in [
            (reads.items, DatasetType::Items, &mut selection.item_columns),
            (reads.users, DatasetType::Users, &mut selection.user_columns),
            (reads.context, DatasetType::Interactions, &mut selection.interaction_columns),
        ] {
            let dataset = if wanted { find_dataset(records, dataset_group_arn, kind).await? } else { None };
            let Some(dataset) = dataset else { continue };
            let schema = records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse()?;
            let added = match self.since {
                Some(since) => added_after(records, &dataset.dataset_arn, since).await?,
                None => Vec::new(),
            };
            let chosen =
                schema.fields().iter().filter(|field| self.allows(kind, field) && !added.contains(&field.name));
            *into = chosen.filter_map(choice).collect();
            // Of what was shown, exploration learns what users pass over.
            let shown = schema.fields().iter().find(|field| field.name.eq_ignore_ascii_case("IMPRESSION"));
            if let (true, DatasetType::Interactions, Some(shown)) = (reads.impressions, kind, shown) {
                into.push(ColumnChoice { name: shown.name.clone(), kind: ColumnKind::Text });
            }
        }
        Ok(())
    }

    fn allows(&self, kind: DatasetType, field: &Field) -> bool {
        let listed = |member: &str| {
            let types = self.config.as_ref()?.get(member)?.as_object()?;
            let names = types.iter().find(|(name, _)| DatasetType::parse(name) == Some(kind))?.1.as_array()?;
            let named = |name: &Value| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(&field.name));
            Some(names.iter().any(named))
        };
        listed("includedDatasetColumns").unwrap_or(true) && !listed("excludedDatasetColumns").unwrap_or(false)
    }
}

/// What a recipe makes of a field. Booleans, and strings that are neither categorical nor text, are for filters and
/// answers alone.
fn choice(field: &Field) -> Option<ColumnChoice> {
    let kind = match field.kind {
        _ if NOT_METADATA.iter().any(|name| name.eq_ignore_ascii_case(&field.name)) => return None,
        ColumnType::Boolean => return None,
        ColumnType::String if field.categorical => ColumnKind::Categorical,
        ColumnType::String if field.textual || field.item_name => ColumnKind::Text,
        ColumnType::String => return None,
        ColumnType::Int | ColumnType::Long | ColumnType::Float | ColumnType::Double => ColumnKind::Number,
    };
    Some(ColumnChoice { name: field.name.clone(), kind })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn names(config: Value) -> Vec<String> {
        let schema = json!({"type": "record", "name": "Items", "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRES", "type": "string", "categorical": true},
            {"name": "PLOT", "type": ["null", "string"], "textual": true},
            {"name": "TITLE", "type": "string", "itemName": true},
            {"name": "SHELF", "type": "string"},
            {"name": "ADULT_ONLY", "type": "boolean"},
            {"name": "YEAR", "type": "int"},
            {"name": "CREATION_TIMESTAMP", "type": "long"},
        ]});
        let schema = Schema::parse(&schema.to_string(), None).unwrap();
        let config = json!({ "trainingDataConfig": config });
        let columns = TrainingColumns::of(config.as_object(), Timestamp(0));
        let allowed = schema.fields().iter().filter(|field| columns.allows(DatasetType::Items, field));
        allowed.filter_map(choice).map(|choice| choice.name).collect()
    }

    #[test]
    fn booleans_and_plain_strings_are_never_learned_from() {
        assert_eq!(names(Value::Null), ["GENRES", "PLOT", "TITLE", "YEAR", "CREATION_TIMESTAMP"]);
    }

    #[test]
    fn columns_are_included_or_excluded_in_any_case() {
        assert_eq!(names(json!({"includedDatasetColumns": {"items": ["genres", "SHELF"]}})), ["GENRES"]);
        assert_eq!(names(json!({"includedDatasetColumns": {"ITEMS": []}})), [""; 0]);
        let excluded = json!({"excludedDatasetColumns": {"Items": ["Plot", "title", "YEAR"]}});
        assert_eq!(names(excluded), ["GENRES", "CREATION_TIMESTAMP"]);
        // What is said of another dataset is not said of this one.
        assert_eq!(names(json!({"includedDatasetColumns": {"USERS": ["AGE"]}})).len(), 5);
    }
}
