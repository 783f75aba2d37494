use std::sync::Arc;

use palate_recipes::{Model, ModelFile, RecipeInfo, UserPage, UserPageRef, recipe};

use super::cache::ByteCache;
use crate::error::OpError;
use crate::resources::trained_model;
use crate::service::Service;

/// A model in memory and where its paged files are.
pub(crate) struct Loaded {
    /// What tells it from every other model.
    key: Arc<str>,
    pub info: &'static RecipeInfo,
    pub model: Arc<dyn Model>,
    /// Where the model's files are in Palate's own blobs.
    pub folder: String,
    /// Names of the files that are read a page at a time.
    pub paged: Vec<String>,
}

impl Loaded {
    #[cfg(test)]
    pub fn of(info: &'static RecipeInfo, model: Arc<dyn Model>) -> Self {
        Self { key: "".into(), info, model, folder: String::new(), paged: Vec::new() }
    }

    /// What tells it from every other model.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The same with `model` in place of its own, as evaluated at a moment.
    pub fn evaluated(&self, at_s: i64, model: Option<Arc<dyn Model>>) -> Self {
        Self {
            key: format!("{} at {at_s}", self.key).into(),
            info: self.info,
            model: model.unwrap_or_else(|| Arc::clone(&self.model)),
            folder: self.folder.clone(),
            paged: self.paged.clone(),
        }
    }
}

/// Models in memory, and pages of user histories.
pub(crate) struct Models {
    models: ByteCache<Arc<str>, Arc<Loaded>>,
    pages: ByteCache<(Arc<str>, UserPageRef), Arc<UserPage>>,
    /// One model is loaded at a time: requests that wait for the same one find it when their turn comes.
    loading: tokio::sync::Mutex<()>,
}

impl Models {
    /// Three quarters of `cache_bytes` are for models, one for pages.
    pub fn new(cache_bytes: usize) -> Self {
        let pages = cache_bytes / 4;
        Self {
            models: ByteCache::new(cache_bytes - pages),
            pages: ByteCache::new(pages),
            loading: tokio::sync::Mutex::default(),
        }
    }

    /// What models and pages take, and how many there are.
    pub fn usage(&self) -> (usize, usize) {
        let (models, pages) = (self.models.usage(), self.pages.usage());
        (models.0 + pages.0, models.1 + pages.1)
    }

    /// The model of a solution version or recommender, loaded if need be. The model of an ARN may change: `folder`
    /// says which one is meant, and without it the newest is.
    pub async fn get(&self, service: &Service, arn: &str, folder: Option<&str>) -> Result<Arc<Loaded>, OpError> {
        let key: Arc<str> = match folder {
            Some(folder) => folder.into(),
            None => {
                let missing = || OpError::internal(format!("{arn} has no model"));
                trained_model(&service.records, arn).await?.ok_or_else(missing)?.folder.into()
            }
        };
        if let Some(loaded) = self.models.get(&key) {
            return Ok(loaded);
        }
        let _turn = self.loading.lock().await;
        if let Some(loaded) = self.models.get(&key) {
            return Ok(loaded);
        }
        let loaded = Arc::new(load(service, arn, Arc::clone(&key)).await?);
        self.models.insert(key, Arc::clone(&loaded), loaded.model.resident_bytes());
        Ok(loaded)
    }

    /// The page of histories that may hold the user, if the model keeps histories.
    pub async fn page(&self, service: &Service, loaded: &Loaded, user: &str) -> Result<Option<Arc<UserPage>>, OpError> {
        let Some(page_ref) = loaded.model.user_page(user) else { return Ok(None) };
        let key = (Arc::clone(&loaded.key), page_ref);
        if let Some(page) = self.pages.get(&key) {
            return Ok(Some(page));
        }
        let file = format!("{}/{}", loaded.folder, key.1.file);
        let content = service.stores.blobs.get_range(&file, key.1.range.clone()).await?;
        let page = Arc::new(loaded.model.open_user_page(&key.1, content).map_err(OpError::internal)?);
        self.pages.insert(key, Arc::clone(&page), page.resident_bytes());
        Ok(Some(page))
    }
}

async fn load(service: &Service, arn: &str, key: Arc<str>) -> Result<Loaded, OpError> {
    let missing = || OpError::internal(format!("{arn} has no model"));
    let model = trained_model(&service.records, arn).await?.ok_or_else(missing)?;
    let recipe = recipe(&model.recipe)
        .ok_or_else(|| OpError::internal(format!("{arn} is of the unknown recipe {}", model.recipe)))?;
    let mut files = Vec::with_capacity(model.resident.len());
    for name in &model.resident {
        let content = service.stores.blobs.get(&format!("{}/{name}", model.folder)).await?;
        files.push(ModelFile { name: name.clone(), content, paged: false });
    }
    let opened = tokio::task::spawn_blocking(move || recipe.open(&files)).await.map_err(OpError::internal)?;
    let opened = opened.map_err(OpError::internal)?;
    Ok(Loaded { key, info: recipe.info(), model: opened, folder: model.folder, paged: model.paged })
}
