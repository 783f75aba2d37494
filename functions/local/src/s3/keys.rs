//! Which keys the folder behind the local S3 endpoint can hold, whatever way they were spelt.

use std::path::Path;

use s3s::{S3Result, path::check_bucket_name, s3_error};

/// What filesystems take between two slashes, in bytes.
const MAX_NAME: usize = 255;

/// Refuses names that a path would not keep inside its bucket, or not keep apart: parts that are empty,
/// `.` or `..`. A slash at the end is a folder's.
pub fn check(bucket: &str, key: &str) -> S3Result<()> {
    if !check_bucket_name(bucket) {
        return Err(s3_error!(InvalidBucketName));
    }
    let parts = key.strip_suffix('/').unwrap_or(key).split('/');
    if key.contains('\0') || parts.clone().any(|part| matches!(part, "" | "." | "..")) {
        return Err(s3_error!(
            InvalidArgument,
            "Object keys are file names here: the parts between slashes cannot be empty, `.` or `..`."
        ));
    }
    Ok(())
}

/// Refuses a key that could be written only in part: `s3s-fs` keeps an object's metadata in a file that is
/// named after bucket and key.
pub fn check_length(bucket: &str, key: &str) -> S3Result<()> {
    let longest_note = format!(".bucket-.object-.upload-{}.metadata.json", "0".repeat(36)).len();
    let note = longest_note + base64_length(bucket) + base64_length(key);
    if note > MAX_NAME || key.split('/').any(|part| part.len() > MAX_NAME) {
        return Err(s3_error!(
            KeyTooLongError,
            "The local S3 endpoint takes keys of up to {} bytes in this bucket, {} between two slashes.",
            (MAX_NAME - longest_note - base64_length(bucket)) * 3 / 4,
            MAX_NAME
        ));
    }
    Ok(())
}

/// Refuses an object where a folder is, and a folder where an object is. `root` holds the buckets.
pub fn check_place(root: &Path, bucket: &str, key: &str) -> S3Result<()> {
    let bucket = root.join(bucket);
    if !bucket.is_dir() {
        return Err(s3_error!(NoSuchBucket));
    }
    let path = bucket.join(key);
    if path.is_dir() && !key.ends_with('/') && std::fs::remove_dir(&path).is_err() {
        return Err(s3_error!(
            InvalidArgument,
            "Objects are files here: others lie below this key, and a file cannot be a folder."
        ));
    }
    let above = path.ancestors().skip(1).take_while(|folder| *folder != bucket);
    if above.into_iter().any(Path::is_file) {
        return Err(s3_error!(
            InvalidArgument,
            "Objects are files here: one has the name of a folder of this key, and a file cannot be a folder."
        ));
    }
    Ok(())
}

/// Bytes of `text` in base64 without padding.
fn base64_length(text: &str) -> usize {
    (text.len() * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_that_stay_in_their_bucket_are_taken() {
        for key in ["a", "a/b.csv", "a/", "..a", "a..", "a/.b", "…", "%2e%2e/a", "a\\..\\b", "a b+c"] {
            check("bucket", key).unwrap();
        }
    }

    #[test]
    fn keys_that_leave_it_are_refused() {
        for key in ["..", "../a", "a/../b", "a/..", ".", "./a", "a/./b", "/a", "a//b", "a//", "", "/", "a\0b"] {
            assert!(check("bucket", key).is_err(), "{key:?}");
        }
        for bucket in ["..", ".hidden", "a/b", "", "Upper"] {
            assert!(check(bucket, "a").is_err(), "{bucket:?}");
        }
    }

    #[test]
    fn a_key_is_refused_when_its_notes_would_have_too_long_a_name() {
        let longest = |length| check_length("bucket", &"k/".repeat(length)[..length]);
        assert!(longest(120).is_ok());
        let error = longest(1000).unwrap_err();
        assert!(error.message().unwrap().contains("keys of up to 129 bytes"), "{error:?}");
        assert!(longest(129).is_ok() && longest(130).is_err());
    }

    #[test]
    fn a_file_is_no_folder() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("bucket/folder/empty")).unwrap();
        std::fs::write(root.path().join("bucket/folder/file"), "").unwrap();
        let place = |key| check_place(root.path(), "bucket", key);
        assert!(place("folder/new").is_ok() && place("folder/file").is_ok() && place("folder/").is_ok());
        assert!(place("folder/empty").is_ok());
        assert!(place("folder").is_err() && place("folder/file/below").is_err());
        assert!(check_place(root.path(), "another", "key").is_err());
    }
}
