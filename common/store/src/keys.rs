//! What keys, values and requests may be: checked here once, so that both backends refuse the same.

use std::collections::HashSet;

use crate::{Key, StoreError, Write};

/// Bytes of a partition, a sort key or a blob's key.
const MAX_KEY: usize = 1024;
/// Bytes of a record's value.
const MAX_VALUE: usize = 350_000;
/// Writes of one commit: DynamoDB's limit.
const MAX_WRITES: usize = 100;
/// Bytes of one commit, keys and values: DynamoDB allows 4 MB.
const MAX_COMMIT: usize = 4_000_000;
/// Entries of one page.
const MAX_PAGE: usize = 1000;

fn invalid(key: impl Into<String>, reason: impl Into<String>) -> StoreError {
    StoreError::Invalid { key: key.into(), reason: reason.into() }
}

pub(crate) fn check_record_key(key: &Key) -> Result<(), StoreError> {
    for (what, part) in [("partition", &key.partition), ("sort key", &key.sort)] {
        if part.is_empty() || part.len() > MAX_KEY {
            return Err(invalid(key.to_string(), format!("a {what} has 1 to {MAX_KEY} bytes, not {}", part.len())));
        }
    }
    Ok(())
}

pub(crate) fn check_writes(writes: &[Write]) -> Result<(), StoreError> {
    let first = writes.first().map(|write| write.key().to_string()).unwrap_or_default();
    if writes.len() > MAX_WRITES {
        return Err(invalid(first, format!("{} writes in one commit, at most {MAX_WRITES} are allowed", writes.len())));
    }
    let mut seen = HashSet::with_capacity(writes.len());
    let mut total = 0;
    for write in writes {
        let key = write.key();
        check_record_key(key)?;
        if !seen.insert(key) {
            return Err(invalid(key.to_string(), "written twice in one commit"));
        }
        total += key.partition.len() + key.sort.len();
        if let Some(value) = write.value() {
            if value.len() > MAX_VALUE {
                let reason = format!("a value has at most {MAX_VALUE} bytes, not {}", value.len());
                return Err(invalid(key.to_string(), reason));
            }
            total += value.len();
        }
    }
    if total > MAX_COMMIT {
        return Err(invalid(first, format!("{total} bytes in one commit, at most {MAX_COMMIT} are allowed")));
    }
    Ok(())
}

pub(crate) fn check_record_list(
    partition: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(), StoreError> {
    check_record_key(&Key::new(partition, "-"))?;
    for part in [prefix, after.unwrap_or_default()] {
        if part.len() > MAX_KEY {
            let reason = format!("a sort key has 1 to {MAX_KEY} bytes, not {}", part.len());
            return Err(invalid(format!("{partition}/{part}"), reason));
        }
    }
    check_limit(partition, limit)
}

pub(crate) fn check_limit(key: &str, limit: usize) -> Result<(), StoreError> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(invalid(key, format!("a page or purge has 1 to {MAX_PAGE} entries, not {limit}")))
}

pub(crate) fn check_blob_key(key: &str) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(invalid(key, format!("a key has 1 to {MAX_KEY} bytes, not {}", key.len())));
    }
    check_parts(key, key.split('/'))
}

/// A prefix may end anywhere in a key, so its last part is free.
pub(crate) fn check_blob_list(prefix: &str, limit: usize) -> Result<(), StoreError> {
    if let Some((folders, _)) = prefix.rsplit_once('/') {
        check_parts(prefix, folders.split('/'))?;
    }
    if prefix.contains('\0') {
        return Err(invalid(prefix, "a key has no NUL"));
    }
    check_limit(prefix, limit)
}

fn check_parts<'a>(key: &str, mut parts: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
    if key.contains('\0') {
        return Err(invalid(key, "a key has no NUL"));
    }
    if parts.any(|part| matches!(part, "" | "." | "..")) {
        return Err(invalid(key, "a key has no empty part, no `.` and no `..` between its slashes"));
    }
    Ok(())
}

/// The rules of S3 for general purpose buckets.
pub(crate) fn check_bucket_name(name: &str) -> Result<(), StoreError> {
    let outer = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let allowed = (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && outer(bytes.first())
        && outer(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if allowed {
        return Ok(());
    }
    Err(invalid(
        name,
        "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, begins and ends with a letter or \
         digit, and is no IP address",
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_stay_inside_their_bucket() {
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b", "a\0b", &"x".repeat(1025)] {
            assert!(matches!(check_blob_key(bad), Err(StoreError::Invalid { .. })), "{bad:?}");
        }
        for good in ["a", "a/b", "...", "a/..b", ".tmp/x", "ü/ß", "a b", &"x".repeat(1024)] {
            check_blob_key(good).unwrap();
        }
    }

    #[test]
    fn a_prefix_may_end_anywhere_in_a_key() {
        for good in ["", "a", "a/", "a/.", "a/..", ".."] {
            check_blob_list(good, 1).unwrap();
        }
        for bad in ["/", "/a", "../", "a/../b", "a//"] {
            assert!(matches!(check_blob_list(bad, 1), Err(StoreError::Invalid { .. })), "{bad:?}");
        }
        assert!(check_blob_list("a", 0).is_err());
        assert!(check_blob_list("a", 1001).is_err());
    }

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in ["abc", "my-bucket.1", "0-0", &"a".repeat(63)] {
            check_bucket_name(good).unwrap();
        }
        for bad in ["", "ab", "Abc", "a_b", "-ab", "ab-", ".ab", "a..b", "192.168.5.4", "../x", "a/b", &"a".repeat(64)]
        {
            assert!(matches!(check_bucket_name(bad), Err(StoreError::Invalid { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_commit_has_at_most_four_megabytes() {
        let writes = |n: usize, size: usize| -> Vec<Write> {
            (0..n).map(|i| Write::Create { key: Key::new("p", i.to_string()), value: vec![0; size] }).collect()
        };
        check_writes(&writes(11, 350_000)).unwrap();
        assert!(matches!(check_writes(&writes(12, 350_000)), Err(StoreError::Invalid { .. })));
        check_writes(&[]).unwrap();
    }
}
