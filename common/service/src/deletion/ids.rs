//! The list of users to be forgotten, from CSV files with the single column USER_ID.

use std::sync::Arc;

use palate_recipes::IdMap;
use palate_store::{BlobMeta, BlobStore, StoreError};

use crate::import::line::cells_of;
use crate::jobs::WorkError;

/// Bytes of all files together.
const MAX_BYTES: u64 = 100 << 20;
const MAX_ID_CHARS: usize = 256;
const COLUMN: &str = "USER_ID";

/// Where the files are.
pub(crate) struct IdSource {
    /// The user's bucket.
    pub store: Arc<dyn BlobStore>,
    /// Its name, for messages.
    pub bucket: String,
    /// The key of one file, or of a folder if it is empty or ends with `/`: all files `.csv` at any depth.
    pub location: String,
}

/// Reads the ids, each once.
///
/// # Errors
/// [`WorkError::Failed`] if there is no file, they are too large, or something in them is not an id; the message
/// names file and line, and no id.
pub(crate) async fn read_ids(source: &IdSource) -> Result<IdMap, WorkError> {
    let files = source.files().await?;
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    if bytes > MAX_BYTES {
        return Err(WorkError::Failed(format!(
            "Invalid Data location. {} has {bytes} bytes of .csv files, and at most {MAX_BYTES} are allowed; delete \
             users with several jobs.",
            source.name(&source.location)
        )));
    }
    let mut all: Vec<String> = Vec::new();
    for file in files {
        let content = source.store.get(&file.key).await.map_err(|error| source.refusal(&file.key, error))?;
        let name = source.name(&file.key);
        let read = tokio::task::spawn_blocking(move || {
            read_file(&content, &mut all).map(|()| all).map_err(|reason| format!("{name}{reason}"))
        });
        all = read.await.map_err(WorkError::retry)?.map_err(WorkError::Failed)?;
    }
    if all.is_empty() {
        let reason = format!("{} names no users: there are only headers.", source.name(&source.location));
        return Err(WorkError::Failed(reason));
    }
    Ok(all.iter().map(String::as_str).collect())
}

/// Adds the ids of a file; what is wrong with it begins with the line.
fn read_file(content: &[u8], into: &mut Vec<String>) -> Result<(), String> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = content.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        format!(", line {line}: it is not UTF-8; save the file as UTF-8, uncompressed.")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut header = true;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let at = |problem: &str| format!(", line {}: {problem}.", number + 1);
        let cells = cells_of(line).ok_or_else(|| at("a quote is not closed before the line's end"))?;
        let [cell] = <[String; 1]>::try_from(cells)
            .map_err(|cells| at(&format!("{} columns, and only {COLUMN} is allowed", cells.len())))?;
        if std::mem::take(&mut header) {
            if cell != COLUMN {
                return Err(at(&format!("the first line must be the header {COLUMN}; nothing was deleted")));
            }
            continue;
        }
        match cell.chars().count() {
            0 => return Err(at("the id is empty")),
            n if n > MAX_ID_CHARS => {
                return Err(at(&format!("the id has {n} characters, and at most {MAX_ID_CHARS} are allowed")));
            }
            _ => into.push(cell),
        }
    }
    if header {
        return Err(format!(" is empty; its first line must be the header {COLUMN}."));
    }
    Ok(())
}

impl IdSource {
    fn name(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    async fn files(&self) -> Result<Vec<BlobMeta>, WorkError> {
        let location = &self.location;
        if !location.is_empty() && !location.ends_with('/') {
            let file = self.store.head(location).await.map_err(|error| self.refusal(location, error))?;
            return Ok(vec![file]);
        }
        let (mut files, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.store.list(location, after.as_deref(), 1000).await;
            let page = page.map_err(|error| self.refusal(location, error))?;
            files.extend(page.entries.into_iter().filter(|file| file.key.ends_with(".csv")));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if files.is_empty() {
            let folder = self.name(location);
            let reason = format!("Invalid Data location. {folder} has no file that ends with .csv, at any depth.");
            return Err(WorkError::Failed(reason));
        }
        Ok(files)
    }

    /// What a store's failure means for the job.
    fn refusal(&self, key: &str, error: StoreError) -> WorkError {
        let name = self.name(key);
        match error {
            StoreError::NotFound { .. } => {
                WorkError::Failed(format!("Invalid Data location. {name} does not exist; nothing was deleted."))
            }
            StoreError::Invalid { reason, .. } => {
                WorkError::Failed(format!("Invalid Data location. {name} cannot be read: {reason}."))
            }
            StoreError::Denied { .. } => WorkError::Failed(format!(
                "Insufficient privileges for accessing data in Amazon S3. {name} cannot be read; allow Palate to list \
                 the bucket and to get its objects."
            )),
            other => other.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(content: &[u8]) -> Result<Vec<String>, String> {
        let mut ids = Vec::new();
        read_file(content, &mut ids).map(|()| ids)
    }

    #[test]
    fn ids_are_read_as_imports_read_them() {
        assert_eq!(
            read(b"\xef\xbb\xbfUSER_ID\r\n\r\nu1\r\n\"a,b\"\n\"x\"\"y\"\nu2").unwrap(),
            ["u1", "a,b", "x\"y", "u2"]
        );
        assert_eq!(read(b"USER_ID\n").unwrap(), [""; 0]);
        assert_eq!(read(b"\"USER_ID\"\nu1\n").unwrap(), ["u1"]);
    }

    #[test]
    fn what_is_no_list_of_ids_is_refused_with_its_line_and_without_the_ids() {
        for (content, told) in [
            (&b"u1\nu2\n"[..], "line 1: the first line must be the header USER_ID"),
            (b"", "is empty"),
            (b"\n\n", "is empty"),
            (b"USER_ID,AGE\nu1,2\n", "line 1: 2 columns"),
            (b"USER_ID\nu1,2\n", "line 2: 2 columns"),
            (b"USER_ID\n\"u1\n", "line 2: a quote"),
            (b"USER_ID\n\"\"\n", "line 2: the id is empty"),
            (b"USER_ID\nu1\n\xff\n", "line 3: it is not UTF-8"),
            (&[b"USER_ID\n", &b"x".repeat(257)[..]].concat(), "line 2: the id has 257 characters"),
        ] {
            let refusal = read(content).unwrap_err();
            assert!(refusal.contains(told) && !refusal.contains("u1"), "{refusal}");
        }
    }
}
