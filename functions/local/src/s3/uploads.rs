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
