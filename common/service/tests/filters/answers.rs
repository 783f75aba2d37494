//! Rankings, metadata and promotions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::films::{self, Film, Films, has, price};

#[tokio::test(flavor = "multi_thread")]
async fn a_ranking_leaves_out_what_the_filter_does_whether_the_model_knows_it_or_not() {
    let films = Films::new().await;
    let campaign = films.campaign("palate-transitions", json!({})).await;
    let filter = films.filter("no-comedy", r#"EXCLUDE ItemID WHERE Items.GENRE IN ($G)"#).await;
    let input = ["i1", "cold", "i2", "nothing", "i3", "i0"];
    let ask = |values: Value| json!({"campaignArn": campaign, "userId": "u0", "inputList": input, "filterArn": filter, "filterValues": values});
    let ranked = films.ranked(ask(json!({"G": "\"comedy\""}))).await;
    assert_eq!(ranked.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(ranked.last().unwrap(), "nothing");
    assert!(!ranked.contains(&"i1".to_owned()) && !ranked.contains(&"cold".to_owned()));
    assert_eq!(films.ranked(ask(json!({}))).await[4..], ["cold", "nothing"]);
    let included = films.filter("comedy", r#"INCLUDE ItemID WHERE Items.GENRE IN ("comedy")"#).await;
    let ask = json!({"campaignArn": campaign, "userId": "u0", "inputList": input, "filterArn": included});
    assert_eq!(films.ranked(ask).await, ["i1", "cold"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_comes_as_strings_under_small_names_where_it_is_enabled() {
    let films = Films::new().await;
    let with = films.campaign("palate-transitions", json!({"enableMetadataWithRecommendations": true})).await;
    let asked = json!({"ITEMS": ["PRICE", "genre", "YEAR", "STORY"]});
    let input = json!({"campaignArn": with, "userId": "u0", "numResults": 50, "metadataColumns": asked});
    let items = films.items(input).await;
    assert_eq!(items.len(), 41);
    for item in items {
        let film = films::known(item["itemId"].as_str().unwrap());
        let mut expected = json!({"year": film.year.to_string(), "story": format!("story of {}", film.n)});
        if let Some(price) = film.price {
            expected["price"] = json!(format!("{price:.1}"));
        }
        if let Some(genre) = film.genre {
            expected["genre"] = json!(genre);
        }
        assert_eq!(item["metadata"], expected, "{}", film.n);
    }
    let input = json!({"campaignArn": with, "userId": "u0", "inputList": ["cold", "i4"], "metadataColumns": asked});
    let ranking = films.palate.call("GetPersonalizedRanking", input).await.unwrap();
    let ranking = &ranking["personalizedRanking"];
    assert_eq!(
        ranking[0]["metadata"],
        json!({"price": "4.5", "genre": "comedy|crime", "year": "1974", "story": "story of 4"})
    );
    assert_eq!(ranking[1]["metadata"]["year"], "2010");
    let without = films.campaign("aws-popularity-count", json!({})).await;
    let many: Vec<String> = (0..11).map(|n| format!("C{n}")).collect();
    for (campaign, changes, fragment) in [
        (&without, json!({"metadataColumns": {"ITEMS": ["PRICE"]}}), "enableMetadataWithRecommendations"),
        (&with, json!({"metadataColumns": {"ITEMS": ["COLOUR"]}}), "COLOUR"),
        (&with, json!({"metadataColumns": {"ITEMS": ["ITEM_ID"]}}), "ITEM_ID"),
        (&with, json!({"metadataColumns": {"USERS": ["AGE"]}}), "USERS"),
        (&with, json!({"metadataColumns": {"ITEMS": many}}), "at most 10"),
        (&with, json!({"metadataColumns": {"ITEMS": ["PRICE"]}, "numResults": 51}), "at most 50"),
    ] {
        let mut input = json!({"campaignArn": campaign, "userId": "u0"});
        input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let (code, _, message) = films.palate.call("GetRecommendations", input).await.unwrap_err();
        assert_eq!(code, "InvalidInputException");
        assert!(message.contains(fragment), "{message}");
    }
    let long: Vec<String> = (0..51).map(|n| format!("i{n}")).collect();
    let input =
        json!({"campaignArn": with, "userId": "u0", "inputList": long, "metadataColumns": {"ITEMS": ["PRICE"]}});
    assert_eq!(films.palate.refused("GetPersonalizedRanking", input).await, "InvalidInputException");
    // None asked for is no request for metadata.
    let input = json!({"campaignArn": without, "metadataColumns": {"ITEMS": []}});
    assert!(films.items(input).await[0].get("metadata").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn promoted_items_stand_among_the_others_each_in_its_order() {
    let films = Films::new().await;
    let campaign = films.campaign("palate-transitions", json!({})).await;
    let dramas = films.filter("dramas", r#"INCLUDE ItemID WHERE Items.GENRE IN ($G)"#).await;
    let cheap = films.filter("cheap", "INCLUDE ItemID WHERE Items.PRICE < 25").await;
    let all = films.items(json!({"campaignArn": campaign, "userId": "u1", "numResults": 500})).await;
    let all: Vec<String> = all.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect();
    let is = |id: &String, fits: fn(&Film) -> bool| fits(&films::known(id));
    let ask = |percent: u32, genre: &str, k: usize| {
        json!({
            "campaignArn": campaign, "userId": "u1", "numResults": k, "filterArn": cheap,
            "promotions": [{
                "name": "spring", "percentPromotedItems": percent, "filterArn": dramas,
                "filterValues": {"G": format!("\"{genre}\"")},
            }],
        })
    };
    for (percent, k, n_promoted) in [(50, 10, 5), (30, 7, 2), (1, 10, 1), (100, 5, 5), (90, 40, 14)] {
        let list = films.items(ask(percent, "drama", k)).await;
        let (promoted, others): (Vec<&Value>, Vec<&Value>) =
            list.iter().partition(|item| item.get("promotionName").is_some());
        let ids = |items: &[&Value]| -> Vec<String> {
            items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect()
        };
        let dramas: Vec<String> = all.iter().filter(|id| is(id, |film| has(film, "drama"))).cloned().collect();
        assert_eq!(ids(&promoted), dramas[..n_promoted], "{percent} % of {k}");
        assert!(promoted.iter().all(|item| item["promotionName"] == "spring"));
        // The request's own filter chooses the others, which are never promoted ones.
        let mut rest = all.clone();
        rest.retain(|id| is(id, |film| price(film, |price| price < 25.0)) && !ids(&promoted).contains(id));
        assert_eq!(ids(&others), rest[..(k - n_promoted).min(rest.len())], "{percent} % of {k}");
    }
    // Nothing to promote: the others fill up.
    let list = films.items(ask(50, "western", 6)).await;
    assert_eq!(list.len(), 6);
    assert!(list.iter().all(|item| item.get("promotionName").is_none()));
    assert_eq!(films.items(ask(50, "drama", 0)).await, Vec::<Value>::new());
    let mut promotions = json!([{"name": "p", "percentPromotedItems": 50, "filterArn": dramas}]);
    for (member, fragment) in [("filterValues", "G"), ("percentPromotedItems", "percent"), ("name", "name")] {
        promotions[0].as_object_mut().unwrap().remove(member);
        let input = json!({"campaignArn": campaign, "userId": "u1", "promotions": promotions});
        let (code, _, message) = films.palate.call("GetRecommendations", input).await.unwrap_err();
        assert_eq!(code, "InvalidInputException");
        assert!(message.contains(fragment), "{message}");
    }
    let two = json!([{"name": "p", "filterArn": dramas}, {"name": "q", "filterArn": dramas}]);
    let input = json!({"campaignArn": campaign, "userId": "u1", "promotions": two});
    assert_eq!(films.palate.refused("GetRecommendations", input).await, "InvalidInputException");
}
