use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use palate_service::{JobKind, JobOutcome, JobRef, JobStarter, Service, Settings};

use crate::faulty::Faulty;
use crate::shop::Shop;

pub struct Nobody;

#[async_trait]
impl JobStarter for Nobody {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// Runs a job in a process that dies after so many calls of its stores; whether it came to its end.
async fn dies(shop: &Shop, job: &JobRef, calls: i64) -> bool {
    let stores = Faulty::after(&shop.stores, calls);
    let doomed = Service::new(Settings::default(), stores, shop.clock.clone(), Arc::new(Nobody));
    doomed.run_job(job).await.is_ok_and(|outcome| outcome == JobOutcome::Done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_killed_anywhere_and_run_again_ends_as_if_it_had_not_been() {
    let mut ended = false;
    let mut calls = 3;
    while !ended {
        let shop = Shop::new().await;
        shop.stream().await;
        let arn = shop.deletion("forget", &["ada", "u1"]).await;
        shop.drop_jobs();
        let job = JobRef { kind: JobKind::Import, job: arn.clone() };
        ended = dies(&shop, &job, calls).await;
        if !ended {
            // By then the lease has run out.
            shop.clock.advance(Duration::from_secs(60));
            assert_eq!(shop.service.run_job(&job).await.unwrap(), JobOutcome::Done, "{calls}");
        }
        assert_eq!(shop.deleted(&arn).await, 29, "{calls}");
        let rows = [shop.rows(&shop.interactions).await, shop.rows(&shop.users).await].concat();
        assert_eq!(rows.len(), 1200 - 20 + 3 + 3, "{calls}");
        assert!(!rows.iter().any(|row| row.starts_with("ada,") || row.starts_with("u1,") || row.starts_with("visit,")));
        for owner in ["ada", "u1", "visit", "home"] {
            assert_eq!(shop.n_events(owner).await, 0, "{owner} {calls}");
        }
        calls += 4;
    }
    assert!(calls > 60, "it was killed in few places: {calls}");
}
