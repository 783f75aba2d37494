//! What requests with filters are refused for.

use serde_json::{Value, json};

use crate::films::{self, Films};

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_does_not_go_with_the_request_is_refused_in_its_own_words() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    let genre = films.filter("genre", "INCLUDE ItemID WHERE Items.GENRE IN ($G)").await;
    let priced = films.filter("price", "INCLUDE ItemID WHERE Items.PRICE < $P").await;
    let bought = films.filter("bought", r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#).await;
    let grown = films.filter("grown", r#"EXCLUDE ItemID WHERE Items.YEAR > 1 IF CurrentUser.AGE < 18"#).await;
    let users = films.filter("users", "INCLUDE UserID WHERE Users.AGE > 18").await;
    let group = films.palate.create("CreateDatasetGroup", json!({"name": "others"})).await;
    films.palate.dataset(&group, "Items", &films::ITEMS).await;
    let foreign = films.filter_of(&group, "foreign", r#"INCLUDE ItemID WHERE Items.GENRE IN ("a")"#).await;
    let failed = films.filter_of(&group, "failed", r#"INCLUDE ItemID WHERE Items.COLOUR IN ("a")"#).await;
    let missing = genre.replace("/genre", "/none");
    let with = |filter: &str, values: Value| json!({"filterArn": filter, "filterValues": values});
    for (input, code, fragment) in [
        (with(&missing, json!({})), "ResourceNotFoundException", "none"),
        (with(&group, json!({})), "InvalidInputException", "filterArn"),
        (with(&foreign, json!({})), "InvalidInputException", "another dataset group"),
        (with(&failed, json!({})), "InvalidInputException", "CREATE FAILED"),
        (with(&users, json!({})), "InvalidInputException", "UserID"),
        (with(&genre, json!({})), "InvalidInputException", "G"),
        (with(&genre, json!({"G": "\"a\"", "H": "\"b\""})), "InvalidInputException", "H"),
        (with(&priced, json!({"P": "\"cheap\""})), "InvalidInputException", "P"),
        (with(&priced, json!({"P": "\"1\",\"2\""})), "InvalidInputException", "P"),
        (with(&bought, json!({})), "InvalidInputException", "userId"),
        (with(&grown, json!({})), "InvalidInputException", "userId"),
    ] {
        let mut asked = json!({"campaignArn": campaign});
        asked.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        let (found, status, message) = films.palate.call("GetRecommendations", asked.clone()).await.unwrap_err();
        assert_eq!(found, code, "{asked} {message}");
        assert_eq!(status, if code == "ResourceNotFoundException" { 404 } else { 400 });
        assert!(message.contains(fragment), "{asked} {message}");
    }
    // A promotion's filter is held to the same.
    let promotions = json!([{"name": "p", "percentPromotedItems": 10, "filterArn": users}]);
    let input = json!({"campaignArn": campaign, "promotions": promotions});
    let (code, _, message) = films.palate.call("GetRecommendations", input).await.unwrap_err();
    assert_eq!(code, "InvalidInputException");
    assert!(message.contains("promotions[0].filterArn"), "{message}");
}
