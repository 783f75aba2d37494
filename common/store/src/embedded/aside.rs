//! Files in writing: they grow in a folder of their own, are made durable there and then renamed.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Younger leftovers stay: their writer may be between creating and locking the file.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// A file that nobody sees yet. Dropping it removes it.
///
/// Its writer holds a lock on it, which the system gives up if the process dies: what is old and not locked
/// is a leftover.
pub(super) struct Aside {
    pub(super) file: File,
    path: PathBuf,
    published: bool,
}

impl Aside {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}-{now}-{number}.part", std::process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let aside = Self { file, path, published: false };
                    aside.file.lock()?;
                    return Ok(aside);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the content durable.
    ///
    /// The time of change is set from the fine clock, because the filesystem's own may stand still for
    /// milliseconds: with size and inode it tells any two contents of a key apart.
    pub(super) fn seal(&self) -> io::Result<()> {
        self.file.set_modified(SystemTime::now())?;
        self.file.sync_all()
    }

    /// Moves the file to where readers see it.
    pub(super) fn publish(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a file in writing stays behind");
        }
    }
}

/// Removes what dead writers have left.
pub(super) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") && is_leftover(&path) {
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed what a dead writer had left"),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn is_leftover(path: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(path) else { return false };
    let age = file.metadata().and_then(|meta| meta.modified()).map(|at| at.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > LEFTOVER_AGE) && file.try_lock().is_ok()
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_old_files_without_a_writer_are_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - 2 * LEFTOVER_AGE;
        let held = Aside::create(folder.path()).unwrap();
        held.file.set_modified(long_ago).unwrap();
        File::create(folder.path().join("young.part")).unwrap();
        File::create(folder.path().join("old.part")).unwrap().set_modified(long_ago).unwrap();
        File::create(folder.path().join("lock")).unwrap().set_modified(long_ago).unwrap();

        remove_leftovers(folder.path()).unwrap();

        assert!(held.path.exists());
        assert!(folder.path().join("young.part").exists());
        assert!(folder.path().join("lock").exists());
        assert!(!folder.path().join("old.part").exists());
        let path = held.path.clone();
        drop(held);
        assert!(!path.exists());
    }
}
