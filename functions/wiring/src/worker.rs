//! Events that start workers, and how a run of a job is told to Lambda.

use std::sync::Arc;

use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use lambda_runtime::Diagnostic;
use palate_service::{JobError, JobKind, JobOutcome, JobRef, Service};
use percent_encoding::percent_decode_str;

use crate::stream::{BatchReply, StreamEvent, compact_streamed};

/// What the import worker is invoked with.
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum ImportEvent {
    Job(JobRef),
    Stream(StreamEvent),
}

/// What goes back to Lambda from the import worker.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum ImportReply {
    Job(()),
    Stream(BatchReply),
}

/// What the batch inference worker is invoked with.
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum BatchEvent {
    Job(JobRef),
    Uploads(S3Event),
}

/// Why an invocation failed; Lambda tries an asynchronous one again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    #[error("{}: a job of kind {:?}, but this function does those of kind {expected:?}", .job.job, .job.kind)]
    WrongKind { expected: JobKind, job: JobRef },
    #[error("the object key {0:?} is not UTF-8 when decoded")]
    Key(String),
    #[error("the event names no {0}")]
    Missing(&'static str),
    #[error(transparent)]
    Job(#[from] JobError),
}

impl From<WorkerError> for Diagnostic {
    /// Gives the error our code, so that a state machine can branch on it.
    fn from(error: WorkerError) -> Self {
        let error_type = match error {
            WorkerError::WrongKind { .. } | WorkerError::Key(_) | WorkerError::Missing(_) => "InvalidInputException",
            WorkerError::Job(_) => "InternalFailure",
        };
        tracing::error!(error = &error as &dyn std::error::Error, "the invocation failed");
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

/// Does a job, if it is of the kind that this function is for.
///
/// A job that another worker holds ends quietly. An error would make Lambda try again a minute later and
/// at last put the event among the dead letters, though nothing is wrong: the holder was started by an
/// event of its own, which Lambda tries again if the holder dies, and the sweep starts whatever is left
/// without a holder.
pub(crate) async fn do_job(service: &Arc<Service>, expected: JobKind, job: JobRef) -> Result<(), WorkerError> {
    if job.kind != expected {
        return Err(WorkerError::WrongKind { expected, job });
    }
    match service.run_job(&job).await? {
        JobOutcome::Busy => tracing::info!(job = job.job, "another worker has this job"),
        outcome => tracing::info!(job = job.job, ?outcome, "the job is settled"),
    }
    Ok(())
}

/// Does a job of the import function, or compacts what the table's stream tells of.
pub(crate) async fn do_import(service: &Arc<Service>, event: ImportEvent) -> Result<ImportReply, WorkerError> {
    match event {
        ImportEvent::Job(job) => do_job(service, JobKind::Import, job).await.map(ImportReply::Job),
        ImportEvent::Stream(event) => {
            let reply = compact_streamed(&event, async |dataset_arn: &str| service.compact(dataset_arn).await).await?;
            Ok(ImportReply::Stream(reply))
        }
    }
}

/// Does a batch job, or starts one for each uploaded file that asks for it.
pub(crate) async fn do_batch(service: &Arc<Service>, event: BatchEvent) -> Result<(), WorkerError> {
    match event {
        BatchEvent::Job(job) => do_job(service, JobKind::BatchInference, job).await,
        BatchEvent::Uploads(uploads) => {
            for record in &uploads.records {
                let Some(upload) = Upload::from_record(record)? else { continue };
                let Upload { bucket, key, version } = &upload;
                if let Some(job) = service.object_created(record.aws_region.as_deref(), bucket, key, version).await? {
                    tracing::info!(job, "an upload has started a job");
                }
            }
            Ok(())
        }
    }
}

/// A new object.
#[derive(Debug, PartialEq, Eq)]
struct Upload {
    bucket: String,
    /// As its owner wrote it; S3 sends it form-encoded.
    key: String,
    /// Tells this upload of the key from others.
    version: String,
}

impl Upload {
    /// `None` for events other than an object's creation.
    fn from_record(record: &S3EventRecord) -> Result<Option<Self>, WorkerError> {
        if !record.event_name.as_deref().unwrap_or_default().trim_start_matches("s3:").starts_with("ObjectCreated:") {
            return Ok(None);
        }
        let bucket = record.s3.bucket.name.clone().ok_or(WorkerError::Missing("bucket"))?;
        let encoded = record.s3.object.key.as_deref().ok_or(WorkerError::Missing("object key"))?;
        let key = percent_decode_str(&encoded.replace('+', "%20"))
            .decode_utf8()
            .map_err(|_| WorkerError::Key(encoded.into()))?
            .into_owned();
        let object = &record.s3.object;
        // The same content uploaded twice has one ETag and two sequencers.
        let version = object.sequencer.as_ref().or(object.e_tag.as_ref()).ok_or(WorkerError::Missing("sequencer"))?;
        Ok(Some(Self { bucket, key, version: version.clone() }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_samples_of_the_workers_name_a_job_of_their_kind() {
        for (json, kind) in [
            (include_str!("../../../events/import.json"), JobKind::Import),
            (include_str!("../../../events/train.json"), JobKind::Train),
            (include_str!("../../../events/deploy.json"), JobKind::Deploy),
            (include_str!("../../../events/batch-inference.json"), JobKind::BatchInference),
        ] {
            assert_eq!(serde_json::from_str::<JobRef>(json).unwrap().kind, kind);
        }
    }

    #[test]
    fn the_batch_worker_takes_jobs_and_uploads() {
        let job = serde_json::from_str(include_str!("../../../events/batch-inference.json")).unwrap();
        assert!(matches!(job, BatchEvent::Job(JobRef { kind: JobKind::BatchInference, .. })));
        let BatchEvent::Uploads(event) = serde_json::from_str(UPLOAD).unwrap() else { panic!("not an upload") };
        assert_eq!(event.records.len(), 1);
    }

    #[test]
    fn the_import_worker_tells_jobs_and_streams_apart_and_refuses_the_rest() {
        let of = serde_json::from_str::<ImportEvent>;
        let job = of(include_str!("../../../events/import.json")).unwrap();
        assert!(matches!(job, ImportEvent::Job(JobRef { kind: JobKind::Import, .. })));
        let stream = of(include_str!("../../../events/import-stream.json")).unwrap();
        assert!(matches!(stream, ImportEvent::Stream(_)));
        assert!(of(UPLOAD).is_err(), "an event of S3 has records too");
        for bad in ["{}", r#"{"Records":[{}]}"#, r#"{"Records":[{"eventSource":"aws:sqs"}]}"#] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_job_is_answered_with_null_and_a_stream_with_its_failures() {
        assert_eq!(serde_json::to_string(&ImportReply::Job(())).unwrap(), "null");
        let stream = serde_json::to_string(&ImportReply::Stream(BatchReply::default())).unwrap();
        assert_eq!(stream, r#"{"batchItemFailures":[]}"#);
    }

    const UPLOAD: &str = include_str!("../../../events/batch-inference-upload.json");

    fn upload(change: impl Fn(&mut S3EventRecord)) -> Result<Option<Upload>, WorkerError> {
        let mut event: S3Event = serde_json::from_str(UPLOAD).unwrap();
        change(&mut event.records[0]);
        Upload::from_record(&event.records[0])
    }

    #[test]
    fn an_uploads_key_is_decoded_as_s3_encodes_it() {
        let expected = Upload {
            bucket: "movies".into(),
            key: "batch/input/movies/first users+more.json".into(),
            version: "0A1B2C3D4E5F678901".into(),
        };
        assert_eq!(upload(|_| ()).unwrap(), Some(expected));
        let bad = upload(|record| record.s3.object.key = Some("batch/input/m/%ff.json".into()));
        assert!(matches!(bad, Err(WorkerError::Key(_))));
    }

    #[test]
    fn only_a_creation_is_an_upload() {
        assert_eq!(upload(|record| record.event_name = Some("ObjectRemoved:Delete".into())).unwrap(), None);
        assert!(upload(|record| record.event_name = Some("s3:ObjectCreated:Put".into())).unwrap().is_some());
    }

    #[test]
    fn errors_carry_our_codes() {
        let job = JobRef { kind: JobKind::Train, job: "arn:aws:personalize:::x".into() };
        let diagnostic = Diagnostic::from(WorkerError::WrongKind { expected: JobKind::Import, job });
        assert_eq!(diagnostic.error_type, "InvalidInputException");
        let source = Box::new(std::io::Error::other("disk"));
        let diagnostic = Diagnostic::from(WorkerError::Job(JobError { doing: "import movies".into(), source }));
        assert_eq!(
            (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
            ("InternalFailure", "import movies")
        );
    }
}
