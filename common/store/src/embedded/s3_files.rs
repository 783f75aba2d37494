//! The users' buckets: folders that the local S3 endpoint (`s3s-fs`) serves as well.

use std::{fs, io, path::Path, path::PathBuf, sync::Arc};

use super::{blobs::FileBlobs, lock::Lock};
use crate::{BlobStore, Buckets, StoreError, keys};

pub(super) struct FileBuckets {
    root: PathBuf,
    aside: PathBuf,
    lock: Lock,
}

impl FileBuckets {
    pub(super) fn new(root: PathBuf, aside: PathBuf, lock: Lock) -> Self {
        Self { root, aside, lock }
    }
}

impl Buckets for FileBuckets {
    /// The bookkeeping of `s3s-fs` lies beside the buckets, not in them, and no bucket's name begins with
    /// a dot: neither is ever reached from here.
    fn bucket(&self, name: &str) -> Result<Arc<dyn BlobStore>, StoreError> {
        keys::check_bucket_name(name)?;
        Ok(Arc::new(FileBlobs::bucket(self.root.join(name), self.aside.clone(), self.lock.clone(), name)))
    }
}

/// Removes what `s3s-fs` noted of the object that `key` had: it would answer with the checksum of the old
/// content, and clients refuse the new one. Without the notes it computes the etag from the file.
pub(super) fn forget(root: &Path, bucket: &str, key: &str) -> io::Result<()> {
    let Some(beside) = root.parent() else { return Ok(()) };
    let stem = format!(".bucket-{}.object-{}", base64url(bucket), base64url(key));
    for kind in ["internal", "metadata"] {
        match fs::remove_file(beside.join(format!("{stem}.{kind}.json"))) {
            // Too long a name for a file: then there are no notes.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Base64 for URLs without padding (RFC 4648, section 5), as `s3s-fs` names its notes.
fn base64url(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |bits: u32| char::from(DIGITS[bits as usize & 63]);
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        encoded.extend((0..=chunk.len()).map(|at| digit(bits >> (18 - 6 * at))));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("?~ÿ", "P37Dvw")];
        for (plain, encoded) in pairs {
            assert_eq!(base64url(plain), encoded);
        }
    }
}
