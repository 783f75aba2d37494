//! The files of `tests/corpus`, their schemas and expected outcomes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::schema::Schema;

pub(super) struct Corpus {
    pub schemas: BTreeMap<String, Schema>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Table {
    schemas: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

/// A file and what comes of it: its README says what the members mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub file: String,
    pub schema: String,
    pub rows: Option<u64>,
    pub bad: Option<usize>,
    pub reason: Option<String>,
    pub refused: Option<String>,
    #[serde(default)]
    pub has: Vec<String>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "corpus"].iter().collect()
}

impl Corpus {
    pub fn read() -> Self {
        let table = fs::read(folder().join("expected.json")).unwrap();
        let Table { schemas, cases } = serde_json::from_slice(&table).unwrap();
        let parse = |(name, json): (String, Value)| (name, Schema::parse(&json.to_string(), None).unwrap());
        Self { schemas: schemas.into_iter().map(parse).collect(), cases }
    }

    pub fn schema(&self, case: &Case) -> &Schema {
        &self.schemas[&case.schema]
    }

    /// The names of all files that there are.
    pub fn files() -> Vec<String> {
        let entries = fs::read_dir(folder().join("files")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Case {
    pub fn content(&self) -> Bytes {
        fs::read(folder().join("files").join(&self.file)).unwrap().into()
    }
}
