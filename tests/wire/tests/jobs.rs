//! Jobs whose workers die, come late or come twice.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use palate_service::{JobKind, JobOutcome, JobRef, Service, Settings, SystemClock};
use palate_wire_tests::{Never, Palate, interactions_csv};

/// A lease so short that a dead worker's job is free at once.
fn short_leases() -> Palate {
    Palate::with(Settings { lease_ms: 60, ..Settings::default() }, Arc::new(Never))
}

async fn queued_import(palate: &Palate) -> (String, String) {
    let group = palate.group("films").await;
    let dataset = palate.interactions(&group).await;
    let job = palate.create_import(&dataset, "bulk", interactions_csv(60, 30, 50)).await;
    (group, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_start_failed_stays_queued_until_it_is_run() {
    let palate = short_leases();
    let (_, job) = queued_import(&palate).await;
    let described = palate.control.describe_dataset_import_job().dataset_import_job_arn(&job).send().await.unwrap();
    assert_eq!(described.dataset_import_job().unwrap().status(), Some("CREATE PENDING"));
    assert_eq!(palate.run(JobKind::Import, &job).await, JobOutcome::Done);
    assert_eq!(palate.run(JobKind::Import, &job).await, JobOutcome::Settled);
    assert_eq!(palate.imported(&job).await, ("ACTIVE".into(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_one_gets_the_job() {
    let palate = Palate::with(Settings::default(), Arc::new(Never));
    let (_, job) = queued_import(&palate).await;
    let both = [1, 2].map(|_| {
        let (service, job) = (Arc::clone(&palate.service), JobRef { kind: JobKind::Import, job: job.clone() });
        tokio::spawn(async move { service.run_job(&job).await.unwrap() })
    });
    let mut outcomes = Vec::new();
    for worker in both {
        outcomes.push(worker.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == JobOutcome::Done).count(), 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_leaves_nothing_and_another_finishes() {
    let palate = short_leases();
    let (group, job) = queued_import(&palate).await;
    let reference = JobRef { kind: JobKind::Import, job: job.clone() };
    for after_us in [0, 500, 2_000, 5_000] {
        // The future is dropped where it stands, as if the process had been killed there.
        let cut = palate.service.run_job(&reference);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(after_us), cut).await;
    }
    loop {
        match palate.run(JobKind::Import, &job).await {
            JobOutcome::Busy => tokio::task::yield_now().await,
            JobOutcome::Done | JobOutcome::Settled => break,
            JobOutcome::Failed | JobOutcome::Stopped => panic!("{:?}", palate.imported(&job).await),
        }
    }
    assert_eq!(palate.imported(&job).await, ("ACTIVE".into(), None));
    let solution = palate.solution(&group, "palate-transitions", "next").await;
    let version = palate.control.create_solution_version().solution_arn(&solution).send().await.unwrap();
    assert_eq!(palate.run(JobKind::Train, version.solution_version_arn().unwrap()).await, JobOutcome::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_never_works_out_is_given_up_with_a_reason() {
    let palate = short_leases();
    let (_, job) = queued_import(&palate).await;
    // Palate's own blobs are gone from under it: every attempt fails for reasons of ours.
    let other = tempfile::tempdir().unwrap();
    let broken = palate_store::embedded::open(other.path()).unwrap();
    let stores = palate_store::Stores { blobs: broken.blobs, ..palate.stores.clone() };
    std::fs::remove_dir_all(other.path()).unwrap();
    std::fs::write(other.path(), "a file where the folder was").unwrap();
    let settings = Settings { lease_ms: 60, ..Settings::default() };
    let service = Service::new(settings, stores, Arc::new(SystemClock), Arc::new(Never));
    let mut errors = 0;
    let outcome = loop {
        match service.run_job(&JobRef { kind: JobKind::Import, job: job.clone() }).await {
            Ok(outcome) => break outcome,
            Err(_) => errors += 1,
        }
    };
    assert_eq!((outcome, errors), (JobOutcome::Failed, 5));
    let (status, reason) = palate.imported(&job).await;
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.unwrap().contains("5 times"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_data_and_configuration_give_the_same_model() {
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    for recipe in
        ["aws-popularity-count", "aws-sims", "palate-ease", "palate-ials", "palate-session-knn", "palate-transitions"]
    {
        let solution = palate.solution(&group, recipe, recipe).await;
        let mut models = Vec::new();
        for _ in 0..2 {
            let (version, status, _) = palate.train(&solution).await;
            assert_eq!(status, "ACTIVE");
            let prefix = format!("models/000000000000/eu-west-1/{}/", version.split_once("solution/").unwrap().1);
            let mut files = Vec::new();
            for blob in palate.stores.blobs.list(&prefix, None, 100).await.unwrap().entries {
                let name = blob.key.rsplit('/').next().unwrap().to_owned();
                files.push((name, palate.stores.blobs.get(&blob.key).await.unwrap()));
            }
            assert!(files.iter().any(|(name, _)| name == "model.json"));
            models.push(files);
        }
        assert!(models[0] == models[1], "{recipe}");
    }
}
