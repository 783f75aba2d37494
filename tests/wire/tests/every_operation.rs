//! Every operation of the three APIs, as the published clients call it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use aws_sdk_personalize::error::ProvideErrorMetadata;
use aws_sdk_personalize::types::{
    AutoTrainingConfig, BatchSegmentJobInput, BatchSegmentJobOutput, CampaignConfig, DataSource,
    DatasetExportJobOutput, Domain, IngestionMode, MetricAttribute, MetricAttributionOutput, RecommenderConfig,
    S3DataConfig, SolutionUpdateConfig, Tag,
};
use aws_sdk_personalizeevents::primitives::DateTime;
use aws_sdk_personalizeevents::types::{Action, ActionInteraction, Event, Item, User};
use aws_sdk_personalizeruntime::types::Promotion;
use palate_wire_tests::resources::ROLE;
use palate_wire_tests::{BUCKET, Palate, interactions_csv, items_csv, settled};

const NOW_S: i64 = 1_700_000_000;

fn s3(path: &str) -> S3DataConfig {
    S3DataConfig::builder().path(format!("s3://{BUCKET}/{path}")).build().unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().tag_key(key).tag_value(value).build().unwrap()
}

/// The code of the exception that a call ends in.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    result: Result<T, aws_smithy_runtime_api::client::result::SdkError<E, R>>,
) -> String {
    result.unwrap_err().code().unwrap().to_owned()
}

/// A group with interactions and items, imported.
async fn films(palate: &Palate) -> (String, String) {
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let items = palate.dataset(&group, "Items", &[("ITEM_ID", "string"), ("GENRE", "category")]).await;
    let job = palate.create_import(&items, "items", items_csv(50)).await;
    assert_eq!(palate.imported(&job).await, ("ACTIVE".into(), None));
    (group, items)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_the_published_clients() {
    let palate = Palate::new();
    let (group, items) = films(&palate).await;
    data(&palate, &group, &items).await;
    let (solution, version) = training(&palate, &group).await;
    let (campaign, filter) = serving(&palate, &group, &version).await;
    batches(&palate, &version).await;
    jobs_on_data(&palate, &group, &items).await;
    attribution(&palate, &group).await;
    streams(&palate, &group, &items).await;
    tags(&palate, &group).await;
    recommenders(&palate).await;

    let control = &palate.control;
    assert_eq!(code(control.delete_solution().solution_arn(&solution).send().await), "ResourceInUseException");
    control.delete_campaign().campaign_arn(&campaign).send().await.unwrap();
    control.delete_solution().solution_arn(&solution).send().await.unwrap();
    let trackers = control.list_event_trackers().dataset_group_arn(&group).send().await.unwrap();
    let tracker = trackers.event_trackers()[0].event_tracker_arn().unwrap();
    control.describe_event_tracker().event_tracker_arn(tracker).send().await.unwrap();
    control.delete_event_tracker().event_tracker_arn(tracker).send().await.unwrap();
    assert_eq!(code(control.delete_dataset().dataset_arn(&items).send().await), "ResourceInUseException");
    control.delete_filter().filter_arn(&filter).send().await.unwrap();
    let datasets = control.list_datasets().dataset_group_arn(&group).send().await.unwrap();
    for dataset in datasets.datasets() {
        let arn = dataset.dataset_arn().unwrap();
        let schema = control.describe_dataset().dataset_arn(arn).send().await.unwrap().dataset.unwrap().schema_arn;
        assert_eq!(
            code(control.delete_schema().schema_arn(schema.as_ref().unwrap()).send().await),
            "ResourceInUseException"
        );
        assert_eq!(
            code(control.delete_dataset_group().dataset_group_arn(&group).send().await),
            "ResourceInUseException"
        );
        control.delete_dataset().dataset_arn(arn).send().await.unwrap();
        control.delete_schema().schema_arn(schema.unwrap()).send().await.unwrap();
    }
    control.delete_dataset_group().dataset_group_arn(&group).send().await.unwrap();
    let gone = control.describe_dataset_group().dataset_group_arn(&group).send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");

    let model = include_str!("../../../common/service/src/wire/personalize.model");
    let all: BTreeSet<String> = model
        .lines()
        .filter(|line| line.starts_with("operation "))
        .map(|line| line.split(' ').nth(2).unwrap().into())
        .collect();
    assert_eq!(all.len(), 79);
    let called = palate.called();
    let missing: Vec<&String> = all.difference(&called).collect();
    assert!(missing.is_empty(), "not called: {missing:?}");
}

async fn data(palate: &Palate, group: &str, items: &str) {
    let control = &palate.control;
    let groups = control.list_dataset_groups().send().await.unwrap();
    assert_eq!(groups.dataset_groups()[0].dataset_group_arn(), Some(group));
    let schemas = control.list_schemas().send().await.unwrap();
    assert_eq!(schemas.schemas().len(), 2);
    let schema = control.describe_schema().schema_arn(schemas.schemas()[0].schema_arn().unwrap()).send().await.unwrap();
    assert!(schema.schema.unwrap().schema.unwrap().contains("ITEM_ID"));
    let wider = serde_json::json!({
        "type": "record", "name": "Items", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": [{"name": "ITEM_ID", "type": "string"},
                   {"name": "GENRE", "type": ["null", "string"], "categorical": true},
                   {"name": "PRICE", "type": ["null", "float"]}],
    });
    let wider = control.create_schema().name("wider").schema(wider.to_string()).send().await.unwrap();
    let wider = wider.schema_arn.unwrap();
    control.update_dataset().dataset_arn(items).schema_arn(&wider).send().await.unwrap();
    loop {
        let dataset = control.describe_dataset().dataset_arn(items).send().await.unwrap().dataset.unwrap();
        let update = dataset.latest_dataset_update().unwrap();
        assert_eq!(update.schema_arn(), Some(wider.as_str()));
        if update.status() == Some("ACTIVE") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let jobs = control.list_dataset_import_jobs().dataset_arn(items).send().await.unwrap();
    assert_eq!(jobs.dataset_import_jobs()[0].job_name(), Some("items"));
}

async fn training(palate: &Palate, group: &str) -> (String, String) {
    let control = &palate.control;
    let arn = "arn:aws:personalize:::recipe/aws-sims";
    let recipe = control.describe_recipe().recipe_arn(arn).send().await.unwrap().recipe.unwrap();
    let algorithm = control.describe_algorithm().algorithm_arn(recipe.algorithm_arn().unwrap()).send().await.unwrap();
    let algorithm = algorithm.algorithm.unwrap();
    assert!(algorithm.default_hyper_parameters().unwrap().contains_key("popularity_discount_factor"));
    let feature = recipe.feature_transformation_arn().unwrap();
    let feature = control.describe_feature_transformation().feature_transformation_arn(feature).send().await.unwrap();
    assert_eq!(feature.feature_transformation.unwrap().status(), Some("ACTIVE"));
    assert_eq!(
        control
            .list_recipes()
            .send()
            .await
            .unwrap()
            .recipes()
            .iter()
            .filter(|r| r.name().unwrap().starts_with("aws-"))
            .count(),
        25
    );

    let solution = palate.solution(group, "palate-transitions", "next").await;
    let (version, status, reason) = palate.train(&solution).await;
    assert_eq!((status.as_str(), reason), ("ACTIVE", None));
    let config = AutoTrainingConfig::builder().scheduling_expression("rate(3 days)").build();
    let config = SolutionUpdateConfig::builder().auto_training_config(config).build();
    control.update_solution().solution_arn(&solution).solution_update_config(config).send().await.unwrap();
    let described = control.describe_solution().solution_arn(&solution).send().await.unwrap().solution.unwrap();
    assert_eq!(described.latest_solution_version().unwrap().solution_version_arn(), Some(version.as_str()));
    assert!(described.latest_solution_update().is_some());
    assert_eq!(control.list_solutions().dataset_group_arn(group).send().await.unwrap().solutions().len(), 1);
    let versions = control.list_solution_versions().solution_arn(&solution).send().await.unwrap();
    assert_eq!(versions.solution_versions().len(), 1);
    control.get_solution_metrics().solution_version_arn(&version).send().await.unwrap();
    let stop = control.stop_solution_version_creation().solution_version_arn(&version).send().await;
    assert!(["InvalidInputException", "ResourceInUseException"].contains(&code(stop).as_str()));
    (solution, version)
}

async fn serving(palate: &Palate, group: &str, version: &str) -> (String, String) {
    let control = &palate.control;
    let campaign = palate.deployed(version, "next").await;
    let config = CampaignConfig::builder().enable_metadata_with_recommendations(true).build();
    control.update_campaign().campaign_arn(&campaign).campaign_config(config).send().await.unwrap();
    loop {
        let described = control.describe_campaign().campaign_arn(&campaign).send().await.unwrap().campaign.unwrap();
        if described.latest_campaign_update().unwrap().status() == Some("ACTIVE") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(control.list_campaigns().send().await.unwrap().campaigns().len(), 1);

    let filter = palate.filter(group, "genre", "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)").await;
    assert_eq!(control.list_filters().dataset_group_arn(group).send().await.unwrap().filters().len(), 1);
    // Answers may be a second behind an update of the campaign.
    let answer = loop {
        let ask = palate.runtime.get_recommendations().campaign_arn(&campaign).user_id("user-0").num_results(10);
        let ask = ask.filter_arn(&filter).filter_values("GENRE", "\"drama\"");
        match ask.metadata_columns("ITEMS", vec!["GENRE".into()]).send().await {
            Ok(answer) => break answer,
            Err(error) => assert!(error.to_string().contains("service error"), "{error:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(answer.item_list().len(), 10);
    assert!(answer.item_list().iter().all(|item| item.metadata().unwrap()["genre"] == "drama"));
    assert_eq!(answer.item_list()[0].item_id(), Some("item-30"));

    let promotion = Promotion::builder().name("comedies").percent_promoted_items(20).filter_arn(&filter);
    let promotion = promotion.filter_values("GENRE", "\"comedy\"").build();
    let answer = palate.runtime.get_recommendations().campaign_arn(&campaign).user_id("user-0").num_results(10);
    let answer = answer.promotions(promotion).send().await.unwrap();
    let promoted = answer.item_list().iter().filter(|item| item.promotion_name() == Some("comedies"));
    assert_eq!((promoted.count(), answer.item_list().len()), (2, 10));

    let ranking = palate.runtime.get_personalized_ranking().campaign_arn(&campaign).user_id("user-0");
    let ranking = ranking.input_list("item-4").input_list("item-31").input_list("item-30");
    let ranking = ranking.filter_arn(&filter).filter_values("GENRE", "\"drama\"").send().await.unwrap();
    let ids: Vec<&str> = ranking.personalized_ranking().iter().map(|item| item.item_id().unwrap()).collect();
    assert_eq!(ids, ["item-30", "item-4"]);
    let actions = palate.runtime.get_action_recommendations().campaign_arn(&campaign).user_id("user-0").send().await;
    assert_eq!(code(actions), "InvalidInputException");
    (campaign, filter)
}

async fn batches(palate: &Palate, version: &str) {
    let control = &palate.control;
    let (status, _, answers) = palate.batch(version, "all", "{\"userId\":\"user-0\"}\n").await;
    assert_eq!(status, "ACTIVE");
    assert!(answers.unwrap().contains("item-30"));
    assert_eq!(control.list_batch_inference_jobs().send().await.unwrap().batch_inference_jobs().len(), 1);
    let segment = control.create_batch_segment_job().job_name("segment").solution_version_arn(version).role_arn(ROLE);
    let segment = segment.job_input(BatchSegmentJobInput::builder().s3_data_source(s3("in/")).build());
    let segment = segment.job_output(BatchSegmentJobOutput::builder().s3_data_destination(s3("out/")).build());
    assert_eq!(code(segment.send().await), "InvalidInputException");
    assert!(control.list_batch_segment_jobs().send().await.unwrap().batch_segment_jobs().is_empty());
    let missing = "arn:aws:personalize:eu-west-1:000000000000:batch-segment-job/segment";
    let missing = control.describe_batch_segment_job().batch_segment_job_arn(missing).send().await;
    assert_eq!(code(missing), "ResourceNotFoundException");
}

/// An export of what was imported, and a deletion whose list of users is not there.
async fn jobs_on_data(palate: &Palate, group: &str, items: &str) {
    let control = &palate.control;
    let output = DatasetExportJobOutput::builder().s3_data_destination(s3("export/")).build();
    let export = control.create_dataset_export_job().job_name("export").dataset_arn(items).role_arn(ROLE);
    let export = export.ingestion_mode(IngestionMode::All).job_output(output).send().await.unwrap();
    let export = export.dataset_export_job_arn.unwrap();
    let job = settled!(control.describe_dataset_export_job().dataset_export_job_arn(&export), dataset_export_job);
    assert_eq!((job.status(), job.failure_reason()), (Some("ACTIVE"), None));
    assert_eq!(control.list_dataset_export_jobs().send().await.unwrap().dataset_export_jobs().len(), 1);

    let source = DataSource::builder().data_location(format!("s3://{BUCKET}/users.csv")).build();
    let deletion = control.create_data_deletion_job().job_name("forget").dataset_group_arn(group).role_arn(ROLE);
    let deletion = deletion.data_source(source).send().await.unwrap().data_deletion_job_arn.unwrap();
    let job = settled!(control.describe_data_deletion_job().data_deletion_job_arn(&deletion), data_deletion_job);
    assert_eq!(job.status(), Some("FAILED"));
    assert!(job.failure_reason().is_some());
    assert_eq!(control.list_data_deletion_jobs().send().await.unwrap().data_deletion_jobs().len(), 1);
}

async fn attribution(palate: &Palate, group: &str) {
    let control = &palate.control;
    let metric = |name: &str| {
        let metric = MetricAttribute::builder().metric_name(name).event_type("watch").expression("SAMPLECOUNT()");
        metric.build().unwrap()
    };
    let output = MetricAttributionOutput::builder().role_arn(ROLE).s3_data_destination(s3("metrics/")).build().unwrap();
    let create = control.create_metric_attribution().name("watches").dataset_group_arn(group);
    let arn = create.metrics(metric("one")).metrics_output_config(output).send().await.unwrap();
    let arn = arn.metric_attribution_arn.unwrap();
    loop {
        let described = control.describe_metric_attribution().metric_attribution_arn(&arn).send().await.unwrap();
        if described.metric_attribution.unwrap().status() == Some("ACTIVE") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let update = control.update_metric_attribution().metric_attribution_arn(&arn).add_metrics(metric("two"));
    update.remove_metrics("one").send().await.unwrap();
    let metrics = control.list_metric_attribution_metrics().metric_attribution_arn(&arn).send().await.unwrap();
    let names: Vec<&str> = metrics.metrics().iter().map(|metric| metric.metric_name()).collect();
    assert_eq!(names, ["two"]);
    assert_eq!(control.list_metric_attributions().send().await.unwrap().metric_attributions().len(), 1);
    control.delete_metric_attribution().metric_attribution_arn(&arn).send().await.unwrap();
}

async fn streams(palate: &Palate, group: &str, items: &str) {
    let control = &palate.control;
    let tracker = control.create_event_tracker().name("web").dataset_group_arn(group).send().await.unwrap();
    let put = palate.events.put_events().tracking_id(tracker.tracking_id().unwrap()).session_id("s").user_id("new");
    let event = Event::builder().event_type("watch").item_id("item-10").sent_at(DateTime::from_secs(NOW_S));
    put.event_list(event.build().unwrap()).send().await.unwrap();
    let item = Item::builder().item_id("item-new").properties("{\"genre\":\"drama\",\"price\":2.5}").build().unwrap();
    palate.events.put_items().dataset_arn(items).items(item).send().await.unwrap();
    let users = palate.dataset(group, "Users", &[("USER_ID", "string"), ("TOWN", "category")]).await;
    let user = User::builder().user_id("new").properties("{\"town\":\"Bern\"}").build().unwrap();
    palate.events.put_users().dataset_arn(users).users(user).send().await.unwrap();
    let actions = palate.dataset(group, "Actions", &[("ACTION_ID", "string"), ("PLACE", "category")]).await;
    let action = Action::builder().action_id("subscribe").properties("{\"place\":\"top\"}").build().unwrap();
    palate.events.put_actions().dataset_arn(&actions).actions(action).send().await.unwrap();
    let columns = [("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")];
    let taken = palate.dataset(group, "ActionInteractions", &columns).await;
    let taken = control.describe_dataset().dataset_arn(taken).send().await.unwrap().dataset.unwrap();
    let interaction = ActionInteraction::builder().action_id("subscribe").user_id("new").session_id("s");
    let interaction = interaction.timestamp(DateTime::from_secs(NOW_S)).event_type("Taken").build().unwrap();
    let put = palate.events.put_action_interactions().tracking_id(taken.tracking_id().unwrap());
    put.action_interactions(interaction).send().await.unwrap();
}

async fn tags(palate: &Palate, group: &str) {
    let control = &palate.control;
    let tagging = control.tag_resource().resource_arn(group).tags(tag("team", "films")).tags(tag("cost centre", "7"));
    tagging.send().await.unwrap();
    control.untag_resource().resource_arn(group).tag_keys("team").send().await.unwrap();
    let tags = control.list_tags_for_resource().resource_arn(group).send().await.unwrap();
    assert_eq!(tags.tags(), [tag("cost centre", "7")]);
}

async fn recommenders(palate: &Palate) {
    let control = &palate.control;
    let create = control.create_dataset_group().name("videos").domain(Domain::VideoOnDemand);
    let group = create.send().await.unwrap().dataset_group_arn.unwrap();
    let schema = serde_json::json!({
        "type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
                   {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": "string"}],
    });
    let schema = control.create_schema().name("videos").domain(Domain::VideoOnDemand).schema(schema.to_string());
    let schema = schema.send().await.unwrap().schema_arn.unwrap();
    let dataset = control.create_dataset().name("videos").schema_arn(schema).dataset_group_arn(&group);
    let dataset = dataset.dataset_type("Interactions").send().await.unwrap().dataset_arn.unwrap();
    let job = palate.create_import(&dataset, "videos", interactions_csv(60, 30, 50)).await;
    assert_eq!(palate.imported(&job).await, ("ACTIVE".into(), None));

    let recipe = "arn:aws:personalize:::recipe/aws-vod-most-popular";
    let create = control.create_recommender().name("popular").dataset_group_arn(&group).recipe_arn(recipe);
    let arn = create.send().await.unwrap().recommender_arn.unwrap();
    let recommender = settled!(control.describe_recommender().recommender_arn(&arn), recommender);
    assert_eq!((recommender.status(), recommender.failure_reason()), (Some("ACTIVE"), None));
    assert!(recommender.model_metrics().is_some_and(|metrics| metrics.contains_key("coverage")));
    let answer = palate.runtime.get_recommendations().recommender_arn(&arn).user_id("user-0").num_results(5);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.item_list().len(), 5);
    assert!(answer.item_list().iter().all(|item| item.score().is_none()));
    assert_eq!(control.list_recommenders().dataset_group_arn(&group).send().await.unwrap().recommenders().len(), 1);
    let config = RecommenderConfig::builder().min_recommendation_requests_per_second(2).build();
    control.update_recommender().recommender_arn(&arn).recommender_config(config).send().await.unwrap();
    let is = |status: &'static str| {
        let arn = arn.clone();
        async move {
            loop {
                let described = control.describe_recommender().recommender_arn(&arn).send().await.unwrap();
                let described = described.recommender.unwrap();
                let updated = described.latest_recommender_update().and_then(|update| update.status());
                if described.status() == Some(status) && updated == Some("ACTIVE") {
                    return;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    is("ACTIVE").await;
    control.stop_recommender().recommender_arn(&arn).send().await.unwrap();
    is("INACTIVE").await;
    control.start_recommender().recommender_arn(&arn).send().await.unwrap();
    is("ACTIVE").await;
    control.delete_recommender().recommender_arn(&arn).send().await.unwrap();
}
