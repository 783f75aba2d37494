use super::pages::UserSide;
use super::{Contents, ModelError, ModelFile};
use crate::describe;

/// Takes users out of a model's user side: it knows them no more, and what it has learned from them for all stays.
///
/// `files` are all files of the model, the paged ones too. Gives all files of the new model, `model.json` first;
/// `None` if none of the users is in the model, or if the recipe keeps nothing of users. Takes memory for the
/// histories of all users.
///
/// # Errors
/// If the files are not a model's of that recipe.
pub fn without_users(
    recipe: &str,
    files: &[ModelFile],
    gone: impl Fn(&str) -> bool,
) -> Result<Option<Vec<ModelFile>>, ModelError> {
    let name = describe(recipe).map(|info| info.name);
    let name = name.ok_or_else(|| ModelError::damaged("model.json", format!("the recipe {recipe} is not known")))?;
    let contents = Contents::verify(files, name)?;
    if !files.iter().any(|file| file.name == UserSide::FILE) {
        return Ok(None);
    }
    let Some(pages) = UserSide::read(&contents)?.without(files, gone)? else { return Ok(None) };
    let files = files.iter().filter(|file| contents.manifest.has(&file.name));
    let replaced = files.map(|file| pages.iter().find(|page| page.name == file.name).unwrap_or(file).clone());
    let replaced: Vec<ModelFile> = replaced.collect();
    contents.manifest.seal(replaced).map(Some)
}
