//! Lists: newest first, in pages that neither skip nor repeat.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_personalize::error::ProvideErrorMetadata;
use palate_service::{Quota, Settings};
use palate_wire_tests::{Never, Palate};

#[tokio::test]
async fn pages_give_what_was_there_throughout_exactly_once_while_others_come_and_go() {
    let mut settings = Settings::default();
    settings.quotas.set(Quota::DatasetGroups, 100);
    let palate = Palate::with(settings, Arc::new(Never));
    for number in 0..25 {
        palate.group(&format!("stays-{number}")).await;
        palate.group(&format!("goes-{number}")).await;
    }
    let (mut seen, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let list = palate.control.list_dataset_groups().max_results(7).set_next_token(token);
        let page = list.send().await.unwrap();
        assert!(page.dataset_groups().len() <= 7);
        seen.extend(page.dataset_groups().iter().map(|group| group.name().unwrap().to_owned()));
        palate.group(&format!("comes-{pages}")).await;
        let gone = format!("arn:aws:personalize:eu-west-1:000000000000:dataset-group/goes-{pages}");
        palate.control.delete_dataset_group().dataset_group_arn(gone).send().await.unwrap();
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len());
    assert!((0..25).all(|number| distinct.contains(&format!("stays-{number}"))));
    assert_eq!(
        seen.iter().filter(|name| name.starts_with("comes")).count(),
        0,
        "newer ones stand before the first page"
    );
}

#[tokio::test]
async fn the_sdk_s_paginator_reads_all_recipes_in_order_of_name() {
    let palate = Palate::new();
    let pages = palate.control.list_recipes().into_paginator().page_size(4).items().send();
    let recipes: Vec<_> = pages.collect::<Result<_, _>>().await.unwrap();
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name().unwrap()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    // Amazon's 25 and Palate's own.
    assert_eq!(names.iter().filter(|name| name.starts_with("aws-")).count(), 25);
    assert!(names.contains(&"palate-transitions"));
    let vod =
        palate.control.list_recipes().domain(aws_sdk_personalize::types::Domain::VideoOnDemand).send().await.unwrap();
    assert_eq!(vod.recipes().len(), 5);
    let arn = "arn:aws:personalize:::recipe/aws-sims";
    let sims = palate.control.describe_recipe().recipe_arn(arn).send().await.unwrap().recipe.unwrap();
    assert_eq!((sims.recipe_type(), sims.status()), (Some("RELATED_ITEMS"), Some("ACTIVE")));
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let palate = Palate::new();
    palate.group("a").await;
    palate.group("b").await;
    let token = palate.control.list_dataset_groups().max_results(1).send().await.unwrap().next_token;
    let error = palate.control.list_schemas().set_next_token(token).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidNextTokenException"));
    let error = palate.control.list_dataset_groups().next_token("made-up").send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidNextTokenException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_solutions_created_at_once_are_all_there() {
    let palate = Palate::new();
    let group = palate.group("films").await;
    let creations = (0..20).map(|number| {
        let create = palate.control.create_solution().name(format!("s-{number}")).dataset_group_arn(&group);
        tokio::spawn(create.recipe_arn("arn:aws:personalize:::recipe/aws-sims").send())
    });
    for creation in creations.collect::<Vec<_>>() {
        creation.await.unwrap().unwrap();
    }
    let solutions = palate.control.list_solutions().dataset_group_arn(&group).send().await.unwrap();
    assert_eq!(solutions.solutions().len(), 20);
}
