use std::{fs, io, io::Write, path::Path};

use super::{aside, aside::Aside, backend, lock::Lock};
use crate::StoreError;

/// The secret text in the file `name` of the data folder. If there is no such file, it is made of `fresh`, for
/// its owner alone to read; of several processes that do this at once, one makes it and all get its text.
///
/// # Errors
/// [`StoreError::Backend`] if the file cannot be read or made.
pub fn secret(data: &Path, name: &str, fresh: &str) -> Result<String, StoreError> {
    let path = data.join(name);
    let failed = |error| backend(format!("the secret {}", path.display()), error);
    if let Some(text) = read(&path).map_err(failed)? {
        return Ok(text);
    }
    let aside = data.join(".tmp");
    fs::create_dir_all(&aside).map_err(failed)?;
    let lock = Lock::new(&aside);
    let _alone = lock.exclusive().map_err(failed)?;
    if let Some(text) = read(&path).map_err(failed)? {
        return Ok(text);
    }
    make(data, &aside, &path, fresh).map_err(failed)?;
    Ok(fresh.to_owned())
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn make(data: &Path, aside: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut made = Aside::create(aside)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Before there is anything to read.
        made.file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    writeln!(made.file, "{text}")?;
    made.seal()?;
    made.publish(path)?;
    aside::sync_folder(data)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::thread;

    use super::*;

    #[test]
    fn the_first_text_stays() {
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<String> = thread::scope(|scope| {
            let folder = folder.path();
            let threads: Vec<_> =
                (0..8).map(|n| scope.spawn(move || secret(folder, "a.key", &n.to_string()).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        assert_eq!(secret(folder.path(), "a.key", "later").unwrap(), texts[0]);
        assert_eq!(secret(folder.path(), "b.key", "later").unwrap(), "later");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        secret(folder.path(), "a.key", "text").unwrap();
        let mode = fs::metadata(folder.path().join("a.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_read_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a.key")).unwrap();
        assert!(secret(folder.path(), "a.key", "text").is_err());
    }
}
