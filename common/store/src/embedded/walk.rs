use std::{
    fs::{self, Metadata},
    io,
    path::Path,
};

use super::place::is_absent;

/// Lists the files below `root` whose key begins with `prefix` and comes after `after`, at most `limit`, in
/// bytewise order of the key. Reads only the folders that the answer needs, one at a time.
///
/// Links to files are files; links to folders are not followed, they might lead in circles.
pub(super) fn files(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<(String, Metadata)>> {
    let mut walk = Walk { prefix, after, limit, found: Vec::new() };
    let folder = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    walk.folder(&root.join(folder), folder)?;
    Ok(walk.found)
}

struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<(String, Metadata)>,
}

impl Walk<'_> {
    /// Visits the folder whose keys begin with `start` (which is empty or ends with a slash).
    fn folder(&mut self, path: &Path, start: &str) -> io::Result<()> {
        let mut keys = Vec::new();
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            // Nothing has the prefix, or the folder went away since its parent was read.
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            // What is not UTF-8 has no key.
            let Ok(name) = entry.file_name().into_string() else { continue };
            // With its slash a folder sorts as all the keys below it do: `a-b`, `a/b`, `a0`.
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            let key = format!("{start}{name}{slash}");
            if self.wants(&key) {
                keys.push(key);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            if self.found.len() == self.limit {
                break;
            }
            let path = path.join(&key[start.len()..]);
            if key.ends_with('/') {
                self.folder(&path, &key)?;
                continue;
            }
            match fs::metadata(&path) {
                Ok(meta) if meta.is_file() => self.found.push((key, meta)),
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the file `key`, or something below the folder `key/`, may belong to the answer.
    fn wants(&self, key: &str) -> bool {
        let is_folder = key.ends_with('/');
        let has_prefix = key.starts_with(self.prefix) || is_folder && self.prefix.starts_with(key);
        let is_after = self.after.is_none_or(|after| key > after || is_folder && after.starts_with(key));
        has_prefix && is_after
    }
}
