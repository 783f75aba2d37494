use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// What orders the writers of blobs, in this process and in others: whoever publishes a blob under a
/// condition, or removes one with its empty folders, is alone; everybody else publishes at the same time.
///
/// The system lets go of it when its holder dies. It is held for a look and a rename, never while data is
/// written.
#[derive(Clone, Debug)]
pub(super) struct Lock(PathBuf);

impl Lock {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("lock"))
    }

    pub(super) fn exclusive(&self) -> io::Result<File> {
        let file = self.open()?;
        file.lock()?;
        Ok(file)
    }

    pub(super) fn shared(&self) -> io::Result<File> {
        let file = self.open()?;
        file.lock_shared()?;
        Ok(file)
    }

    /// A handle of its own for each holder: the lock belongs to the handle, not to the process.
    fn open(&self) -> io::Result<File> {
        File::options().create(true).truncate(false).write(true).open(&self.0)
    }
}
