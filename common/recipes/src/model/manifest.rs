use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ModelError, ModelFile};
use crate::params::Params;
use crate::{RecipeInfo, TrainingTask};

const NAME: &str = "model.json";
const FORMAT_VERSION: u64 = 1;

/// `model.json`: what a model is and what it consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    format_version: u64,
    pub recipe: String,
    pub seed: u64,
    /// Every hyperparameter in force.
    pub hyperparameters: BTreeMap<String, String>,
    pub n_users: usize,
    pub n_items: usize,
    pub n_interactions: usize,
    files: Vec<FileEntry>,
    /// SHA-256 of this document in its compact form with an empty string here.
    checksum: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileEntry {
    name: String,
    bytes: u64,
    sha256: String,
    /// Read by range, not when the model is opened.
    paged: bool,
}

/// What has to be read before it is certain that the rest can be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    format_version: u64,
    recipe: String,
}

impl Manifest {
    /// What a training leaves, without files yet.
    pub fn of(info: &RecipeInfo, task: &TrainingTask<'_>, hyperparameters: &BTreeMap<String, String>) -> Self {
        Self {
            n_users: task.dataset.users().len(),
            n_items: task.dataset.items().len(),
            n_interactions: task.dataset.n_interactions(),
            ..Self::empty(info.name, task.seed, hyperparameters)
        }
    }

    /// For models whose items are those of [`crate::Dataset::all_items`], not those with interactions alone.
    pub fn with_items(self, n_items: usize) -> Self {
        Self { n_items, ..self }
    }

    pub(crate) fn empty(recipe: &str, seed: u64, hyperparameters: &BTreeMap<String, String>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            recipe: recipe.into(),
            seed,
            hyperparameters: hyperparameters.clone(),
            n_users: 0,
            n_items: 0,
            n_interactions: 0,
            files: Vec::new(),
            checksum: String::new(),
        }
    }

    /// Whether it vouches for a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|entry| entry.name == name)
    }

    /// The files with `model.json`, which vouches for them, in front.
    pub fn seal(mut self, files: Vec<ModelFile>) -> Result<Vec<ModelFile>, ModelError> {
        self.files = files.iter().map(FileEntry::of).collect();
        self.checksum = self.digest()?;
        let text = serde_json::to_vec_pretty(&self).map_err(|error| ModelError::damaged(NAME, error))?;
        let mut all = vec![ModelFile { name: NAME.into(), content: text.into(), paged: false }];
        all.extend(files);
        Ok(all)
    }

    fn digest(&self) -> Result<String, ModelError> {
        let open = Self { checksum: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&open).map_err(|error| ModelError::damaged(NAME, error))?;
        Ok(sha256(&text))
    }

    fn read(content: &[u8], recipe: &'static str) -> Result<Self, ModelError> {
        let damaged = |error| ModelError::damaged(NAME, error);
        let head: Head = serde_json::from_slice(content).map_err(damaged)?;
        if head.format_version != FORMAT_VERSION {
            return Err(ModelError::Version { found: head.format_version, supported: FORMAT_VERSION });
        }
        if head.recipe != recipe {
            return Err(ModelError::Recipe { found: head.recipe, expected: recipe });
        }
        let manifest: Self = serde_json::from_slice(content).map_err(damaged)?;
        if manifest.checksum != manifest.digest()? {
            return Err(ModelError::damaged(NAME, "its checksum does not match"));
        }
        Ok(manifest)
    }
}

impl FileEntry {
    fn of(file: &ModelFile) -> Self {
        Self {
            name: file.name.clone(),
            bytes: file.content.len() as u64,
            sha256: sha256(&file.content),
            paged: file.paged,
        }
    }
}

/// The resident files of a model, found to be as they were written.
pub struct Contents {
    pub manifest: Manifest,
    files: HashMap<String, Bytes>,
}

impl Contents {
    /// Checks the files against `model.json`, and that against the recipe.
    pub fn verify(files: &[ModelFile], recipe: &'static str) -> Result<Self, ModelError> {
        let find = |name: &str| files.iter().find(|file| file.name == name);
        let manifest = find(NAME).ok_or_else(|| ModelError::Missing(NAME.into()))?;
        let manifest = Manifest::read(&manifest.content, recipe)?;
        let mut verified = HashMap::new();
        for entry in manifest.files.iter().filter(|entry| !entry.paged) {
            let file = find(&entry.name).ok_or_else(|| ModelError::Missing(entry.name.clone()))?;
            if FileEntry::of(file) != *entry {
                return Err(ModelError::damaged(&entry.name, "its checksum does not match"));
            }
            verified.insert(entry.name.clone(), file.content.clone());
        }
        Ok(Self { manifest, files: verified })
    }

    /// The hyperparameters that the model was made with; `settle` gives `None` if one is missing.
    ///
    /// # Errors
    /// [`ModelError::Damaged`]
    pub fn settled<P>(
        &self,
        info: &'static RecipeInfo,
        settle: impl FnOnce(&Params) -> Option<P>,
    ) -> Result<P, ModelError> {
        let params = Params::check(info, &self.manifest.hyperparameters);
        let params = params.map_err(|error| ModelError::damaged(NAME, error))?;
        settle(&params).ok_or_else(|| ModelError::damaged(NAME, "a hyperparameter is missing"))
    }

    pub fn file(&self, name: &str) -> Result<&Bytes, ModelError> {
        self.files.get(name).ok_or_else(|| ModelError::Missing(name.into()))
    }
}

/// In lower-case hex.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
