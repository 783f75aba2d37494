use crate::arn::{Kind, Place};
use crate::error::OpError;
use crate::filters::{DatasetName, Field};
use crate::records::Records;
use crate::resources::{Dataset, DatasetSchema};
use crate::schema::DatasetType;

/// A dataset whose rows have columns that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Catalogued {
    Items,
    Actions,
    Users,
}

impl Catalogued {
    pub fn dataset_type(self) -> DatasetType {
        match self {
            Self::Items => DatasetType::Items,
            Self::Actions => DatasetType::Actions,
            Self::Users => DatasetType::Users,
        }
    }

    pub fn id_field(self) -> &'static str {
        match self {
            Self::Items => "ITEM_ID",
            Self::Actions => "ACTION_ID",
            Self::Users => "USER_ID",
        }
    }
}

/// The dataset of a type in a group, if there is one.
pub(crate) async fn find_dataset(
    records: &Records,
    dataset_group_arn: &str,
    kind: DatasetType,
) -> Result<Option<Dataset>, OpError> {
    let broken = || OpError::internal(format!("{dataset_group_arn} is no dataset group's ARN"));
    let place = Place::of(dataset_group_arn).ok_or_else(broken)?;
    let name = Kind::DatasetGroup.parts(dataset_group_arn).ok_or_else(broken)?.join("/");
    let arn = place.arn(Kind::Dataset, &format!("{name}/{}", kind.arn_suffix()));
    Ok(records.find::<Dataset>(&arn).await?.map(|stored| stored.resource))
}

/// The fields of a dataset, as its schema has them.
pub(crate) async fn fields_of(records: &Records, dataset: &Dataset) -> Result<Vec<Field>, OpError> {
    let schema = records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse()?;
    let field =
        |field: &crate::schema::Field| Field { name: field.name.clone(), kind: field.kind, textual: field.textual };
    Ok(schema.fields().iter().map(field).collect())
}

/// The type of a dataset that filters name.
pub(crate) fn type_of(name: DatasetName) -> DatasetType {
    match name {
        DatasetName::Items => DatasetType::Items,
        DatasetName::Interactions => DatasetType::Interactions,
        DatasetName::Users => DatasetType::Users,
        DatasetName::Actions => DatasetType::Actions,
        DatasetName::ActionInteractions => DatasetType::ActionInteractions,
    }
}
