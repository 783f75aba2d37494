//! The checks of an import by themselves: nothing is written.

use std::sync::Arc;

use palate_store::{BlobStore, StoreError};

use super::{BadRows, ImportError, TUNING, Tuning, run, source::Source};
use crate::schema::{DatasetType, Schema};

/// A schema that files can be checked against.
pub struct CheckSchema(Schema);

impl CheckSchema {
    /// Reads an Avro schema, for dataset groups of `domain` and for a dataset of `dataset_type`, where they are
    /// given as the API spells them.
    ///
    /// # Errors
    /// What is wrong with it, as CreateSchema and CreateDataset would say.
    pub fn parse(json: &str, domain: Option<&str>, dataset_type: Option<&str>) -> Result<Self, String> {
        let schema = Schema::parse(json, domain).map_err(|error| error.to_string())?;
        if let Some(name) = dataset_type {
            let kind = DatasetType::parse(name).ok_or_else(|| {
                let names = "Interactions, Items, Users, Actions or Action_Interactions";
                format!("The dataset type is '{name}'; expected {names}.")
            })?;
            schema.check_dataset(kind).map_err(|error| error.to_string())?;
        }
        Ok(Self(schema))
    }
}

/// What came of a check.
#[derive(Debug)]
pub enum Checked {
    /// Everything can be imported: so many rows, and the least and greatest TIMESTAMP in seconds.
    Good {
        rows: u64,
        span: Option<(i64, i64)>,
    },
    Bad(BadRows),
    /// The files as a whole are at fault: the reason that an import would fail with.
    Refused(String),
}

/// Checks files as one import job of all of them would. A location that ends with `/` stands for the files of
/// that folder; messages call files by their locations.
///
/// # Errors
/// If the store fails, or a file changes while it is read.
pub async fn check_files(
    store: Arc<dyn BlobStore>,
    locations: &[String],
    schema: &CheckSchema,
) -> Result<Checked, StoreError> {
    check_tuned(store, locations, &schema.0, TUNING).await
}

pub(super) async fn check_tuned(
    store: Arc<dyn BlobStore>,
    locations: &[String],
    schema: &Schema,
    tuning: Tuning,
) -> Result<Checked, StoreError> {
    let source = Source { store, bucket: String::new() };
    let checked = async {
        let mut files = Vec::new();
        for location in locations {
            files.extend(source.files(location).await?);
        }
        let name = if let [one] = locations { one } else { "The files together" };
        run(&source, files, name, schema, tuning, None).await
    };
    match checked.await {
        Ok(outcome) => Ok(Checked::Good { rows: outcome.rows, span: outcome.span }),
        Err(ImportError::BadRows(bad)) => Ok(Checked::Bad(bad)),
        Err(ImportError::Data(reason)) => Ok(Checked::Refused(reason)),
        Err(ImportError::Store(error)) => Err(error),
    }
}
