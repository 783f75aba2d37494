//! The way from nothing to a campaign, for tests that are about something else.

use aws_sdk_personalize::types::{BatchInferenceJobInput, BatchInferenceJobOutput, DataSource, S3DataConfig};

use crate::{BUCKET, Palate};

/// Any role: the embedded mode asks nobody.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/any";

/// Asks until the answer settles; how often is bounded by the test's own time limit.
#[macro_export]
macro_rules! settled {
    ($describe:expr, $part:ident) => {
        loop {
            let resource = $describe.send().await.unwrap().$part.unwrap();
            match resource.status() {
                Some("ACTIVE" | "CREATE FAILED" | "COMPLETED" | "FAILED") => break resource,
                _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    };
}

impl Palate {
    pub async fn group(&self, name: &str) -> String {
        self.control.create_dataset_group().name(name).send().await.unwrap().dataset_group_arn.unwrap()
    }

    /// A dataset of `kind` with columns like `("GENRE", "string")`.
    pub async fn dataset(&self, group: &str, kind: &str, columns: &[(&str, &str)]) -> String {
        let fields: Vec<serde_json::Value> = columns
            .iter()
            .map(|(name, kind)| match *kind {
                "category" => serde_json::json!({"name": name, "type": ["null", "string"], "categorical": true}),
                kind => serde_json::json!({"name": name, "type": kind}),
            })
            .collect();
        let schema = serde_json::json!({
            "type": "record", "name": kind, "namespace": "com.amazonaws.personalize.schema", "fields": fields,
            "version": "1.0",
        });
        let name = format!("{kind}-{}", group.rsplit('/').next().unwrap());
        let schema = self.control.create_schema().name(&name).schema(schema.to_string()).send().await.unwrap();
        let create = self.control.create_dataset().name(&name).schema_arn(schema.schema_arn.unwrap());
        // The record's name has no underscore, the type's has one.
        let kind = if kind == "ActionInteractions" { "Action_Interactions" } else { kind };
        create.dataset_group_arn(group).dataset_type(kind).send().await.unwrap().dataset_arn.unwrap()
    }

    pub async fn interactions(&self, group: &str) -> String {
        let columns = [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string")];
        self.dataset(group, "Interactions", &columns).await
    }

    /// Uploads `csv` and asks for its import.
    pub async fn create_import(&self, dataset: &str, job: &str, csv: impl Into<bytes::Bytes>) -> String {
        let key = format!("imports/{job}.csv");
        self.upload(&key, csv).await;
        let source = DataSource::builder().data_location(format!("s3://{BUCKET}/{key}")).build();
        let create = self.control.create_dataset_import_job().job_name(job).dataset_arn(dataset).data_source(source);
        create.role_arn(ROLE).send().await.unwrap().dataset_import_job_arn.unwrap()
    }

    /// Status and failure reason of an import, once it has settled.
    pub async fn imported(&self, job: &str) -> (String, Option<String>) {
        let job = settled!(self.control.describe_dataset_import_job().dataset_import_job_arn(job), dataset_import_job);
        (job.status.unwrap(), job.failure_reason)
    }

    /// A group with imported interactions.
    pub async fn group_with_data(&self, name: &str, csv: String) -> String {
        let group = self.group(name).await;
        let dataset = self.interactions(&group).await;
        let job = self.create_import(&dataset, &format!("import-{name}"), csv).await;
        assert_eq!(self.imported(&job).await, ("ACTIVE".into(), None));
        group
    }

    pub async fn solution(&self, group: &str, recipe: &str, name: &str) -> String {
        let create = self.control.create_solution().name(name).dataset_group_arn(group);
        let create = create.recipe_arn(format!("arn:aws:personalize:::recipe/{recipe}"));
        create.send().await.unwrap().solution_arn.unwrap()
    }

    /// Status and failure reason of a new version, once it has settled, and its ARN.
    pub async fn train(&self, solution: &str) -> (String, String, Option<String>) {
        let version = self.control.create_solution_version().solution_arn(solution).send().await.unwrap();
        let arn = version.solution_version_arn.unwrap();
        let version = settled!(self.control.describe_solution_version().solution_version_arn(&arn), solution_version);
        (arn, version.status.unwrap(), version.failure_reason)
    }

    /// An ACTIVE version of a new solution.
    pub async fn trained(&self, group: &str, recipe: &str, name: &str) -> String {
        let solution = self.solution(group, recipe, name).await;
        let (arn, status, reason) = self.train(&solution).await;
        assert_eq!((status.as_str(), reason), ("ACTIVE", None));
        arn
    }

    /// An ACTIVE campaign for a version.
    pub async fn deployed(&self, version: &str, name: &str) -> String {
        let create = self.control.create_campaign().name(name).solution_version_arn(version);
        let arn = create.send().await.unwrap().campaign_arn.unwrap();
        let campaign = settled!(self.control.describe_campaign().campaign_arn(&arn), campaign);
        assert_eq!(campaign.status(), Some("ACTIVE"), "{:?}", campaign.failure_reason());
        arn
    }

    /// Asks for a batch over `input` and gives the job's status, its failure reason and the answers.
    pub async fn batch(&self, version: &str, name: &str, input: &str) -> (String, Option<String>, Option<String>) {
        self.upload(&format!("{name}/in/questions.json"), input.to_owned()).await;
        let path =
            |folder: &str| S3DataConfig::builder().path(format!("s3://{BUCKET}/{name}/{folder}")).build().unwrap();
        let create = self.control.create_batch_inference_job().job_name(name).solution_version_arn(version);
        let create = create
            .job_input(BatchInferenceJobInput::builder().s3_data_source(path("in/questions.json")).build())
            .job_output(BatchInferenceJobOutput::builder().s3_data_destination(path("out/")).build());
        let arn = create.role_arn(ROLE).send().await.unwrap().batch_inference_job_arn.unwrap();
        let job =
            settled!(self.control.describe_batch_inference_job().batch_inference_job_arn(&arn), batch_inference_job);
        (job.status.unwrap(), job.failure_reason, self.download(&format!("{name}/out/questions.json.out")).await)
    }

    /// An ACTIVE filter.
    pub async fn filter(&self, group: &str, name: &str, expression: &str) -> String {
        let create = self.control.create_filter().name(name).dataset_group_arn(group).filter_expression(expression);
        let arn = create.send().await.unwrap().filter_arn.unwrap();
        let filter = settled!(self.control.describe_filter().filter_arn(&arn), filter);
        assert_eq!((filter.status(), filter.failure_reason()), (Some("ACTIVE"), None));
        arn
    }

    /// The ids that a campaign recommends to a user.
    pub async fn recommended(&self, campaign: &str, user: &str) -> Vec<String> {
        let answer = self.runtime.get_recommendations().campaign_arn(campaign).user_id(user).send().await.unwrap();
        answer.item_list().iter().map(|item| item.item_id().unwrap().to_owned()).collect()
    }
}
