//! From files to campaigns.

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

use super::{
    Failed, heading,
    material::Material,
    pick,
    progress::Progress,
    resources::{CAMPAIGN, GROUP, IMPORT, Resources, VERSION},
};

pub const BUCKET: &str = "palate-demo";

/// The recipes that are shown, each with the short name that its resources get.
const RECIPES: [(&str, &str); 3] =
    [("popularity", "aws-popularity-count"), ("sims", "aws-sims"), ("transitions", "palate-transitions")];

/// How a recipe is set. As Amazon sets it, aws-sims leaves the most popular tenth of the items out; a shop
/// wants to know what goes with just these, and less of what goes with everything.
fn config(recipe: &str) -> Value {
    match recipe {
        "aws-sims" => json!({
            "algorithmHyperParameters": { "popularity_discount_factor": "0.7", "min_cointeraction_count": "10" },
            "featureTransformationParameters": {
                "min_item_interaction_count_percentile": "0.7",
                "max_item_interaction_count_percentile": "1.0",
            },
        }),
        _ => json!({}),
    }
}

/// What the demo made.
pub struct Made {
    /// In the order of popularity, sims, transitions.
    pub solutions: Vec<Solution>,
    pub tracking_id: String,
    /// The user that is shown.
    pub user: String,
}

/// A recipe, trained and deployed.
pub struct Solution {
    /// Name of the solution.
    pub name: String,
    pub campaign: String,
    /// As GetSolutionMetrics answers.
    pub metrics: Value,
}

impl Made {
    pub fn sims(&self) -> &Solution {
        &self.solutions[1]
    }

    pub fn transitions(&self) -> &Solution {
        &self.solutions[2]
    }
}

/// Uploads, imports, trains and deploys. `name` tells the data from other data.
pub async fn make(resources: &Resources, progress: &Progress, material: &Material, name: &str) -> Result<Made, Failed> {
    heading("Into Palate");
    upload(resources, progress, material, name).await?;

    let group_name = format!("demo-{name}");
    let step = progress.step("Create the dataset group");
    let group = resources.ensure(GROUP, &group_name, json!({ "name": group_name })).await?;
    resources.active(GROUP, &group, Some(&step)).await?;
    step.done("ACTIVE");

    let imports = material.tables.iter().map(|table| async {
        let kind = table.kind.to_lowercase();
        let step = progress.step(format!("Import {kind}"));
        let from = format!("s3://{BUCKET}/{name}/{kind}.csv");
        let job = resources.import(&group, &format!("{kind}-{name}"), table, &from).await?;
        resources.active(IMPORT, &job, Some(&step)).await?;
        let rows = table.csv.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        step.done(&format!("ACTIVE, {} rows", super::thousands(rows)));
        Ok::<_, Failed>(())
    });
    try_join_all(imports).await?;

    heading("Three recipes, trained and evaluated on held-out data at the same time");
    let group = &group;
    let trained = try_join_all(RECIPES.map(|(short, recipe)| async move {
        let step = progress.step(format!("Train {recipe}"));
        let name = format!("{short}-{name}");
        let version = resources.solution(group, &name, recipe, &config(recipe)).await?;
        resources.active(VERSION, &version, Some(&step)).await?;
        let of_version = json!({ "solutionVersionArn": version });
        let mut metrics = resources.client.control("GetSolutionMetrics", &of_version).await?;
        step.done("ACTIVE");
        Ok::<_, Failed>((recipe, name, version, metrics["metrics"].take()))
    }))
    .await?;

    let deployed = join_all(trained.into_iter().map(|(recipe, name, version, metrics)| async move {
        let step = progress.step(format!("Deploy {recipe}"));
        let campaign = resources.campaign(&name, &version).await?;
        resources.active(CAMPAIGN, &campaign, Some(&step)).await?;
        step.done("ACTIVE, answering requests");
        Ok::<_, Failed>(Solution { name, campaign, metrics })
    }))
    .await;
    let solutions = deployed.into_iter().collect::<Result<_, _>>()?;
    let tracking_id = resources.tracking_id(group, &format!("demo-{name}")).await?;
    let user = material.users[pick::typical_user(material) as usize].clone();
    Ok(Made { solutions, tracking_id, user })
}

async fn upload(resources: &Resources, progress: &Progress, material: &Material, name: &str) -> Result<(), Failed> {
    let bytes: usize = material.tables.iter().map(|table| table.csv.len()).sum();
    let step = progress.bytes("Upload the CSV files to S3", bytes as u64);
    resources.client.create_bucket(BUCKET).await?;
    for table in &material.tables {
        let key = format!("{name}/{}.csv", table.kind.to_lowercase());
        resources.client.put_object(BUCKET, &key, Bytes::clone(&table.csv)).await?;
        step.advance(table.csv.len() as u64);
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    step.done(&format!("{:.1} MB in {} objects", bytes as f64 / 1e6, material.tables.len()));
    Ok(())
}
