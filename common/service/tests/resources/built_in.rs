use serde_json::{Value, json};

use crate::support::Palate;

#[tokio::test]
async fn an_algorithm_tells_its_parameters_with_their_ranges() {
    let palate = Palate::new();
    let arn = "arn:aws:personalize:::algorithm/aws-similar-items";
    let answer = palate.call("DescribeAlgorithm", json!({"algorithmArn": arn})).await.unwrap();
    let algorithm = &answer["algorithm"];
    assert_eq!((&algorithm["name"], &algorithm["algorithmArn"]), (&json!("aws-similar-items"), &json!(arn)));
    let defaults = json!({
        "popularity_discount_factor": "0.0", "item_id_hidden_dim": "100", "item_metadata_hidden_dim": "100",
    });
    assert_eq!(algorithm["defaultHyperParameters"], defaults);
    let ranges = &algorithm["defaultHyperParameterRanges"];
    let hidden = json!({"name": "item_id_hidden_dim", "minValue": 30, "maxValue": 200, "isTunable": true});
    assert_eq!(ranges["integerHyperParameterRanges"][0], hidden);
    let discount =
        json!([{"name": "popularity_discount_factor", "minValue": 0.0, "maxValue": 1.0, "isTunable": false}]);
    assert_eq!(ranges["continuousHyperParameterRanges"], discount);
    assert_eq!(ranges["categoricalHyperParameterRanges"], json!([]));
}

#[tokio::test]
async fn every_recipe_names_an_algorithm_and_a_feature_transformation_that_are_there() {
    let palate = Palate::new();
    let recipes = palate.call("ListRecipes", json!({})).await.unwrap();
    let recipes = recipes["recipes"].as_array().unwrap();
    assert!(recipes.len() >= 25);
    for recipe in recipes {
        let answer = palate.call("DescribeRecipe", json!({"recipeArn": recipe["recipeArn"]})).await.unwrap();
        let recipe = &answer["recipe"];
        let of = |arn: &Value| arn.as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        let algorithm =
            palate.call("DescribeAlgorithm", json!({"algorithmArn": recipe["algorithmArn"]})).await.unwrap();
        assert_eq!(algorithm["algorithm"]["name"], of(&recipe["algorithmArn"]));
        let input = json!({"featureTransformationArn": recipe["featureTransformationArn"]});
        let transformation = palate.call("DescribeFeatureTransformation", input).await.unwrap();
        let transformation = &transformation["featureTransformation"];
        assert_eq!(transformation["name"], of(&recipe["featureTransformationArn"]));
        assert_eq!(transformation["status"], "ACTIVE");
    }
}

#[tokio::test]
async fn a_transformation_that_recipes_share_tells_the_parameters_of_all() {
    let palate = Palate::new();
    let input = json!({"featureTransformationArn": "arn:aws:personalize:::feature-transformation/sims"});
    let answer = palate.call("DescribeFeatureTransformation", input).await.unwrap();
    let parameters = answer["featureTransformation"]["defaultParameters"].as_object().unwrap();
    assert_eq!(parameters["max_item_interaction_count_percentile"], "0.9");
    assert_eq!(parameters.len(), 4);
}

#[tokio::test]
async fn what_is_not_built_in_is_not_found() {
    let palate = Palate::new();
    for (arn, code) in [
        ("arn:aws:personalize:::algorithm/unknown", "ResourceNotFoundException"),
        ("arn:aws:personalize:::recipe/aws-sims", "InvalidInputException"),
        ("arn:aws:personalize:us-east-1:000000000000:algorithm/aws-sims", "InvalidInputException"),
    ] {
        assert_eq!(palate.refused("DescribeAlgorithm", json!({"algorithmArn": arn})).await, code, "{arn}");
        let arn = arn.replace("algorithm", "feature-transformation");
        let input = json!({"featureTransformationArn": arn});
        assert_eq!(palate.refused("DescribeFeatureTransformation", input).await, code, "{arn}");
    }
}
