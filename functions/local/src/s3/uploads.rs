//! What happens after an upload.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use palate_store::Buckets;

/// An object that came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// Where its uploader works, if that is known.
    pub region: Option<String>,
    pub bucket: String,
    pub key: String,
    /// Tells one upload of the key from the next.
    pub version: String,
}

/// Takes note of an object. A failure is worth another attempt.
pub type Note = Arc<dyn Fn(NewObject) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Before the first new attempt; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 8;

/// Tells the service of every upload.
#[derive(Clone)]
pub struct Uploads {
    buckets: Arc<dyn Buckets>,
    note: Note,
}

impl Uploads {
    pub fn new(buckets: Arc<dyn Buckets>, note: Note) -> Self {
        Self { buckets, note }
    }

    /// Returns when the service has taken note, so that a client that got its answer need not fear for the
    /// job. If the service fails, the client gets its answer all the same and further attempts follow.
    pub async fn note(&self, region: Option<String>, bucket: &str, key: &str) {
        // The version is the file's, not the content's: the same file dropped again is a new upload.
        let Ok(blobs) = self.buckets.bucket(bucket) else { return };
        let Ok(meta) = blobs.head(key).await else { return };
        let object = NewObject { region, bucket: bucket.to_owned(), key: key.to_owned(), version: meta.etag };
        let Err(error) = (self.note)(object.clone()).await else { return };
        tracing::warn!(error, "an upload was not taken note of; trying again");
        let note = Arc::clone(&self.note);
        tokio::spawn(async move {
            for again in 0..ATTEMPTS {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(again)).await;
                match note(object.clone()).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(error, again, "an upload was not taken note of"),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures::FutureExt;
    use palate_store::PutCondition;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn an_upload_is_noted_again_and_again_until_that_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = palate_store::embedded::open(folder.path()).unwrap().buckets;
        std::fs::create_dir(folder.path().join("s3/bucket")).unwrap();
        let blobs = buckets.bucket("bucket").unwrap();
        blobs.put("key", Bytes::from_static(b"content"), PutCondition::Always).await.unwrap();
        let (sent, mut noted) = mpsc::unbounded_channel();
        let attempts = AtomicUsize::new(0);
        let note: Note = Arc::new(move |object| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst);
            let sent = sent.clone();
            async move {
                if attempt == 0 {
                    return Err("not yet".into());
                }
                sent.send(object).unwrap();
                Ok(())
            }
            .boxed()
        });
        let uploads = Uploads::new(buckets, note);
        uploads.note(Some("eu-west-1".into()), "bucket", "key").await;
        let first = noted.recv().await.unwrap();
        assert_eq!((first.region.as_deref(), first.key.as_str()), (Some("eu-west-1"), "key"));
        // What has gone meanwhile is not told of.
        uploads.note(None, "bucket", "gone").await;
        uploads.note(None, "bucket", "key").await;
        assert_eq!(noted.recv().await.unwrap(), NewObject { region: None, ..first });
    }
}
