//! What filters know of what users did and of what items are, as it changes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::films::{self, Films, watched};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn the_very_next_request_sees_a_streamed_event() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    let filter = films.filter("unwatched", r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")"#).await;
    let tracker = films.palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": films.group})).await;
    let tracking_id = tracker.unwrap()["trackingId"].clone();
    let ask = |user: &str| json!({"campaignArn": campaign, "userId": user, "numResults": 500, "filterArn": filter});
    for user in ["u0", "new"] {
        let mut expected: BTreeSet<String> =
            films::all().filter(|film| !watched(user, film.n)).map(|film| film.id()).collect();
        for (item, event_type) in [("i17", "Watch"), ("i30", "WATCH"), ("i31", "buy")] {
            assert_eq!(films.recommended(ask(user)).await, expected, "{user}");
            let event = json!({"eventType": event_type, "itemId": item, "sentAt": 1_700_000_000});
            let put = json!({"trackingId": tracking_id, "userId": user, "sessionId": "s", "eventList": [event]});
            films.palate.call("PutEvents", put).await.unwrap();
            if event_type != "buy" {
                expected.remove(item);
            }
        }
        assert_eq!(films.recommended(ask(user)).await, expected, "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_hundred_newest_events_of_a_type_count() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    let filter = films.filter("bought", r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#).await;
    let tracker = films.palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": films.group})).await;
    let tracking_id = tracker.unwrap()["trackingId"].clone();
    let ask = || json!({"campaignArn": campaign, "userId": "u0", "numResults": 500, "filterArn": filter});
    let imported = BTreeSet::from(["i0".to_owned(), "i5".to_owned()]);
    assert_eq!(films.recommended(ask()).await, imported);
    // 96 of one item leave the four imported ones in; of another type, any number does.
    for (n, event_type) in [(96, "buy"), (110, "watch")] {
        for at in 0..n {
            let event = json!({"eventType": event_type, "itemId": "i20", "sentAt": 1_690_000_000 + at});
            let put = json!({"trackingId": tracking_id, "userId": "u0", "sessionId": "s", "eventList": [event]});
            films.palate.call("PutEvents", put).await.unwrap();
        }
    }
    let mut with_new = imported.clone();
    with_new.insert("i20".into());
    assert_eq!(films.recommended(ask()).await, with_new);
    // The oldest imported ones are i0 and i5, in turn; three more newer events leave but one of them.
    for at in 0..3 {
        let event = json!({"eventType": "buy", "itemId": "i21", "sentAt": 1_690_001_000 + at});
        let put = json!({"trackingId": tracking_id, "userId": "u0", "sessionId": "s", "eventList": [event]});
        films.palate.call("PutEvents", put).await.unwrap();
    }
    assert_eq!(films.recommended(ask()).await, BTreeSet::from(["i20", "i21", "i5"].map(str::to_owned)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_changes_what_filters_see_without_a_new_training() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    let bought = films.filter("bought", r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#).await;
    let dramas = films.filter("dramas", r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama")"#).await;
    let ask = |filter: &str| json!({"campaignArn": campaign, "userId": "u0", "numResults": 500, "filterArn": filter});
    let before = films.recommended(ask(&dramas)).await;
    assert_eq!(films.recommended(ask(&bought)).await, BTreeSet::from(["i0", "i5"].map(str::to_owned)));
    // A thousand rows more, of which one is of `u0`.
    let mut csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu0,i33,1700000000,Buy,\n".to_owned();
    for row in 0..1000 {
        csv.push_str(&format!("x{},i{},{},watch,\n", row % 50, row % 40, 1_650_000_000 + row));
    }
    films.palate.import(&films.interactions, "INCREMENTAL", csv).await;
    films
        .palate
        .import(&films.items, "INCREMENTAL", format!("{}\ni1,drama,,2001,north,told anew", films::ITEMS_HEADER))
        .await;
    // Another process sees it at once, this one within a second or two, answering all the while.
    let mut after = before.clone();
    after.insert("i1".into());
    let more = BTreeSet::from(["i0", "i5", "i33"].map(str::to_owned));
    assert_eq!(films.elsewhere().recommended(ask(&bought)).await, more);
    assert_eq!(films.elsewhere().recommended(ask(&dramas)).await, after);
    for (filter, old, new) in [(&bought, None, &more), (&dramas, Some(&before), &after)] {
        loop {
            let found = films.recommended(ask(filter)).await;
            if found == *new {
                break;
            }
            assert!(old.is_none_or(|old| found == *old));
            tokio::task::yield_now().await;
        }
    }
    // FULL replaces: what users did before is gone.
    films.palate.import(&films.interactions, "FULL", support::interactions_csv().replace(",buy,", ",rent,")).await;
    assert_eq!(films.elsewhere().recommended(ask(&bought)).await, BTreeSet::new());
}
