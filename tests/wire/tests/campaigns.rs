//! UpdateCampaign: the old version serves until the new one does.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aws_sdk_personalize::error::ProvideErrorMetadata;
use aws_sdk_personalize::types::Campaign;
use palate_service::{JobKind, JobOutcome, JobRef, Settings};
use palate_store::{Key, RecordStoreExt};
use palate_wire_tests::{Never, Palate, interactions_csv};

async fn described(palate: &Palate, campaign: &str) -> Campaign {
    palate.control.describe_campaign().campaign_arn(campaign).send().await.unwrap().campaign.unwrap()
}

/// An installation that runs jobs only when it is told to, with two versions of a solution, the first deployed.
async fn two_versions() -> (Palate, [String; 2], String) {
    let palate = Palate::with(Settings::default(), Arc::new(Never));
    let group = palate.group("films").await;
    let dataset = palate.interactions(&group).await;
    let job = palate.create_import(&dataset, "bulk", interactions_csv(60, 30, 50)).await;
    assert_eq!(palate.run(JobKind::Import, &job).await, JobOutcome::Done);
    let solution = palate.solution(&group, "palate-transitions", "next").await;
    let mut versions = Vec::new();
    for _ in 0..2 {
        let version = palate.control.create_solution_version().solution_arn(&solution).send().await.unwrap();
        let version = version.solution_version_arn.unwrap();
        let early = palate.control.create_campaign().name("early").solution_version_arn(&version).send().await;
        assert_eq!(early.unwrap_err().code(), Some("ResourceInUseException"));
        assert_eq!(palate.run(JobKind::Train, &version).await, JobOutcome::Done);
        versions.push(version);
    }
    let campaign =
        palate.control.create_campaign().name("next").solution_version_arn(&versions[0]).send().await.unwrap();
    let campaign = campaign.campaign_arn.unwrap();
    assert_eq!(described(&palate, &campaign).await.status(), Some("CREATE PENDING"));
    let asked = palate.runtime.get_recommendations().campaign_arn(&campaign).user_id("user-0").send().await;
    assert_eq!(asked.unwrap_err().code(), Some("InvalidInputException"));
    assert_eq!(palate.run(JobKind::Deploy, &campaign).await, JobOutcome::Done);
    (palate, versions.try_into().unwrap(), campaign)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_switches_when_it_is_done_and_not_before() {
    let (palate, [first, second], campaign) = two_versions().await;
    assert!(described(&palate, &campaign).await.latest_campaign_update().is_none());
    let update = palate.control.update_campaign().campaign_arn(&campaign).solution_version_arn(&second);
    update.min_provisioned_tps(3).send().await.unwrap();

    let before = described(&palate, &campaign).await;
    assert_eq!((before.status(), before.solution_version_arn()), (Some("ACTIVE"), Some(first.as_str())));
    let pending = before.latest_campaign_update().unwrap();
    assert_eq!((pending.status(), pending.solution_version_arn()), (Some("CREATE PENDING"), Some(second.as_str())));
    assert_eq!(palate.recommended(&campaign, "user-0").await[0], "item-30");
    let again = palate.control.update_campaign().campaign_arn(&campaign).min_provisioned_tps(2).send().await;
    assert_eq!(again.unwrap_err().code(), Some("ResourceInUseException"));
    let deleted = palate.control.delete_campaign().campaign_arn(&campaign).send().await;
    assert_eq!(deleted.unwrap_err().code(), Some("ResourceInUseException"));
    let solution = second.rsplit_once('/').unwrap().0;
    let deleted = palate.control.delete_solution().solution_arn(solution).send().await;
    assert_eq!(deleted.unwrap_err().code(), Some("ResourceInUseException"));

    assert_eq!(palate.run(JobKind::Deploy, &campaign).await, JobOutcome::Done);
    let after = described(&palate, &campaign).await;
    assert_eq!((after.status(), after.solution_version_arn()), (Some("ACTIVE"), Some(second.as_str())));
    assert_eq!(after.min_provisioned_tps(), Some(3));
    assert_eq!(after.latest_campaign_update().unwrap().status(), Some("ACTIVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_leaves_the_old_version_serving() {
    let (palate, [first, second], campaign) = two_versions().await;
    let model = Key::new("model", second.as_str());
    let record = palate.stores.records.get(&model).await.unwrap().unwrap();
    palate.stores.records.delete(model, record.version).await.unwrap();
    let update = palate.control.update_campaign().campaign_arn(&campaign).solution_version_arn(&second);
    update.send().await.unwrap();
    let job = JobRef { kind: JobKind::Deploy, job: campaign.clone() };
    let outcome = loop {
        if let Ok(outcome) = palate.service.run_job(&job).await {
            break outcome;
        }
    };
    assert_eq!(outcome, JobOutcome::Failed);
    let after = described(&palate, &campaign).await;
    assert_eq!((after.status(), after.solution_version_arn()), (Some("ACTIVE"), Some(first.as_str())));
    let failed = after.latest_campaign_update().unwrap();
    assert_eq!(failed.status(), Some("CREATE FAILED"));
    assert!(failed.failure_reason().is_some() && after.failure_reason().is_none());
    assert_eq!(palate.recommended(&campaign, "user-0").await[0], "item-30");
}
