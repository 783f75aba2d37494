//! Why aws-user-personalization-v2 recommends an item, in requests and in batches.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aws_sdk_personalizeruntime::types::Promotion;
use palate_service::Settings;
use palate_wire_tests::{Palate, interactions_csv, items_csv};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn items_tell_that_they_are_promoted_or_explored() {
    let palate = Palate::running(Settings { training_time: Some(Duration::from_secs(3)), ..Settings::default() });
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let items = palate.dataset(&group, "Items", &[("ITEM_ID", "string"), ("GENRE", "category")]).await;
    // Two more than there are interactions with.
    let job = palate.create_import(&items, "items", items_csv(52)).await;
    assert_eq!(palate.imported(&job).await, ("ACTIVE".into(), None));
    let version = palate.trained(&group, "aws-user-personalization-v2", "next").await;
    let campaign = palate.deployed(&version, "next").await;
    let is_new = |id: &str| ["item-50", "item-51"].contains(&id);

    let filter = palate.filter(&group, "dramas", r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama")"#).await;
    let promotion = Promotion::builder().name("dramas").percent_promoted_items(20).filter_arn(&filter).build();
    let asked = palate.runtime.get_recommendations().campaign_arn(&campaign).user_id("user-0").num_results(10);
    let answer = asked.promotions(promotion).send().await.unwrap();
    let (promoted, others): (Vec<_>, Vec<_>) =
        answer.item_list().iter().partition(|item| item.promotion_name() == Some("dramas"));
    assert_eq!((promoted.len(), others.len()), (2, 8));
    assert!(promoted.iter().all(|item| item.reason() == ["Promoted item"]), "{promoted:?}");
    for item in others {
        let explored = item.reason() == ["Exploration"];
        assert!(if explored { is_new(item.item_id().unwrap()) } else { item.reason().is_empty() }, "{item:?}");
    }

    let questions: String = (0..60).map(|user| format!("{{\"userId\":\"user-{user}\"}}\n")).collect();
    let (status, reason, answers) = palate.batch(&version, "batch", &questions).await;
    assert_eq!((status.as_str(), reason), ("ACTIVE", None));
    let (mut n_explored, mut n_popular) = (0, 0);
    for line in answers.unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let list = |member: &str| line["output"][member].as_array().unwrap().clone();
        let (items, scores, reasons) = (list("recommendedItems"), list("scores"), list("reasons"));
        assert_eq!((items.len(), scores.len(), reasons.len()), (25, 25, 25), "{line}");
        for ((item, score), reasons) in items.iter().zip(&scores).zip(&reasons) {
            let reasons = reasons.as_array().unwrap();
            let explored = reasons == &["Exploration"];
            // What the user had is no candidate, and fills the list up without a score.
            let popular = reasons == &["Popular item"];
            assert_eq!(popular, score.is_null(), "{line}");
            assert!(if explored { is_new(item.as_str().unwrap()) } else { popular || reasons.is_empty() }, "{line}");
            n_explored += usize::from(explored);
            n_popular += usize::from(popular);
        }
    }
    // Each of 1,500 places is open with a chance of a tenth.
    assert!(n_explored > 0 && n_popular > 0);
}
