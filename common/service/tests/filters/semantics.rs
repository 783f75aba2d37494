//! What filters keep, expression by expression.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::films::{self, Film, Films, bought, has, price, watched};

/// A filter, its values, and what it keeps for the user `u0`, film by film.
type Case = (&'static str, Value, fn(&Film) -> bool);

fn cases() -> Vec<Case> {
    vec![
        // Without a chain.
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ("comedy")"#, json!({}), |film| has(film, "comedy")),
        (r#"EXCLUDE ItemID WHERE Items.GENRE IN ("comedy")"#, json!({}), |film| !has(film, "comedy")),
        (r#"INCLUDE ItemID WHERE Items.GENRE NOT IN ("comedy", "drama")"#, json!({}), |film| {
            !has(film, "comedy") && !has(film, "drama")
        }),
        (r#"include itemid where items.genre in ("crime")"#, json!({}), |film| has(film, "crime")),
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ("Comedy")"#, json!({}), |_| false),
        ("INCLUDE ItemID WHERE Items.YEAR >= 1980 AND Items.YEAR < 1990", json!({}), |film| {
            (1980..1990).contains(&film.year)
        }),
        ("EXCLUDE ItemID WHERE Items.PRICE <= 20.5", json!({}), |film| !price(film, |price| price <= 20.5)),
        ("INCLUDE ItemID WHERE Items.PRICE != 3.5", json!({}), |film| price(film, |price| price != 3.5)),
        (
            r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama") OR Items.PRICE > 30 AND Items.YEAR < 2005"#,
            json!({}),
            |film| has(film, "drama") || price(film, |price| price > 30.0) && film.year < 2005,
        ),
        (r#"INCLUDE ItemID WHERE Items.STUDIO IN ("north")"#, json!({}), |film| film.n % 2 == 0),
        // Chains: the union of what is included, less the union of what is excluded, in any order.
        (
            r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama") | INCLUDE ItemID WHERE Items.YEAR > 2000"#,
            json!({}),
            |film| has(film, "drama") || film.year > 2000,
        ),
        (
            r#"EXCLUDE ItemID WHERE Items.YEAR > 2000 | INCLUDE ItemID WHERE Items.GENRE IN ("drama")
               | EXCLUDE ItemID WHERE Items.PRICE < 5"#,
            json!({}),
            |film| has(film, "drama") && film.year <= 2000 && !price(film, |price| price < 5.0),
        ),
        // What the user did.
        (r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#, json!({}), |film| !bought("u0", film.n)),
        (r#"INCLUDE ItemID WHERE INTERACTIONS.event_type IN ("BUY")"#, json!({}), |film| bought("u0", film.n)),
        (r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")"#, json!({}), |film| {
            bought("u0", film.n) || watched("u0", film.n)
        }),
        (r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("watch")"#, json!({}), |film| !watched("u0", film.n)),
        (r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T)"#, json!({"T": "\"watch\",\"rent\""}), |film| {
            watched("u0", film.n)
        }),
        (
            r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama") | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")"#,
            json!({}),
            |film| has(film, "drama") && !watched("u0", film.n),
        ),
        // Values.
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ($G)"#, json!({"G": "\"comedy\""}), |film| has(film, "comedy")),
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ($G)"#, json!({"G": "\"drama\",\"crime\""}), |film| {
            has(film, "drama") || has(film, "crime")
        }),
        ("INCLUDE ItemID WHERE Items.PRICE <= $P", json!({"P": "\"10\""}), |film| price(film, |price| price <= 10.0)),
        ("INCLUDE ItemID WHERE Items.PRICE <= ($P)", json!({"P": "10"}), |film| price(film, |price| price <= 10.0)),
        (r#"EXCLUDE ItemID WHERE Items.GENRE IN ($G)"#, json!({}), |_| true),
        (
            r#"INCLUDE ItemID WHERE Items.YEAR > $Y | EXCLUDE ItemID WHERE Items.GENRE IN ($G)"#,
            json!({"Y": "\"1990\""}),
            |film| film.year > 1990,
        ),
        // The user: `u0` is 20 years old and gold.
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama") IF CurrentUser.AGE = 20"#, json!({}), |film| {
            has(film, "drama")
        }),
        (r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama") IF CurrentUser.AGE > 20"#, json!({}), |_| true),
        (
            r#"EXCLUDE ItemID WHERE Items.GENRE IN ($G) IF CurrentUser.AGE = $A AND CurrentUser.LEVEL IN ("gold")"#,
            json!({"G": "\"drama\"", "A": "\"20\""}),
            |film| !has(film, "drama"),
        ),
        (r#"EXCLUDE ItemID WHERE Items.YEAR > 1980 IF CurrentUser.LEVEL = "silver""#, json!({}), |_| true),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_keeps_what_it_says() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    for (number, (expression, values, keeps)) in cases().into_iter().enumerate() {
        let filter = films.filter(&format!("f{number}"), expression).await;
        let input = json!({
            "campaignArn": campaign, "userId": "u0", "numResults": 500, "filterArn": filter, "filterValues": values,
        });
        let expected: BTreeSet<String> = films::all().filter(keeps).map(|film| film.id()).collect();
        assert_eq!(films.recommended(input).await, expected, "{expression} {values}");
        films.palate.call("DeleteFilter", json!({"filterArn": filter})).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_list_is_the_unfiltered_one_without_the_others_and_with_the_same_scores() {
    let films = Films::new().await;
    let campaign = films.campaign("palate-transitions", json!({})).await;
    let filter = films.filter("dramas", r#"INCLUDE ItemID WHERE Items.GENRE IN ("drama")"#).await;
    let mut all = films.items(json!({"campaignArn": campaign, "userId": "u5", "numResults": 500})).await;
    all.retain(|item| has(&films::known(item["itemId"].as_str().unwrap()), "drama"));
    let input = json!({"campaignArn": campaign, "userId": "u5", "numResults": 7, "filterArn": filter});
    let filtered = films.items(input).await;
    assert_eq!(filtered, all[..7]);
    assert!(filtered[0]["score"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_related_items_filter_looks_at_the_item_that_is_asked_about() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-sims", json!({})).await;
    let expression = "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE";
    let filter = films.filter("cheaper", expression).await;
    let ask = |item: &str| json!({"campaignArn": campaign, "itemId": item, "numResults": 500, "filterArn": filter});
    let cheaper = |than: f64, genre: &'static str| -> BTreeSet<String> {
        let fits = move |film: &Film| has(film, genre) && price(film, |price| price < than);
        films::all().filter(fits).map(|film| film.id()).collect()
    };
    assert_eq!(films.recommended(ask("i12")).await, cheaper(12.5, "drama"));
    assert_eq!(films.recommended(ask("i16")).await, cheaper(16.5, "comedy"));
    // Known to the Items dataset alone, and not at all.
    assert_eq!(films.recommended(ask("cold")).await, cheaper(40.5, "comedy"));
    assert_eq!(films.recommended(ask("nothing")).await, BTreeSet::new());
    let other = films.campaign("aws-popularity-count", json!({})).await;
    let input = json!({"campaignArn": other, "userId": "u0", "filterArn": filter});
    let (code, status, message) = films.palate.call("GetRecommendations", input).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("InvalidInputException", 400));
    assert!(message.contains("CurrentItem"), "{message}");
}
