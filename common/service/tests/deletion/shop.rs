use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use palate_store::RecordStoreExt;
use serde_json::{Value, json};

use crate::support::{INTERACTIONS, Palate, ROLE, arn, interactions_csv, schema_of};

/// When the datasets of a test are created.
const CREATED: u64 = 1_700_000_000_000;

/// A group `films` with interactions, users and action interactions, imported and streamed.
pub struct Shop {
    pub palate: Palate,
    pub group: String,
    pub interactions: String,
    pub users: String,
    pub action_interactions: String,
    tracking_id: Value,
    action_tracking_id: Value,
}

impl Deref for Shop {
    type Target = Palate;

    fn deref(&self) -> &Palate {
        &self.palate
    }
}

impl Shop {
    pub async fn new() -> Self {
        let palate = Palate::new();
        let group = palate.group().await;
        let interactions = palate.dataset(&group, "Interactions", &INTERACTIONS).await;
        let users = palate.dataset(&group, "Users", &schema_of("Users", &["USER_ID: string", "AGE: int?"])).await;
        let fields = ["USER_ID: string", "ACTION_ID: string", "EVENT_TYPE: string", "TIMESTAMP: long"];
        let schema = schema_of("ActionInteractions", &fields);
        let action_interactions = palate.dataset(&group, "Action_Interactions", &schema).await;
        palate.import(&interactions, "FULL", interactions_csv()).await;
        palate.import(&users, "FULL", "USER_ID,AGE\nu1,10\nu2,20\nu3,30\n").await;
        let tracker = json!({"name": "tracker", "datasetGroupArn": group});
        let tracking_id = palate.call("CreateEventTracker", tracker).await.unwrap()["trackingId"].clone();
        let described = palate.call("DescribeDataset", json!({"datasetArn": action_interactions})).await.unwrap();
        let action_tracking_id = described["dataset"]["trackingId"].clone();
        Self { palate, group, interactions, users, action_interactions, tracking_id, action_tracking_id }
    }

    pub async fn event(&self, user: Option<&str>, session: &str, item: &str, sent_at: i64) {
        let event = json!({"eventType": "watch", "itemId": item, "sentAt": sent_at});
        let mut input = json!({"trackingId": self.tracking_id, "sessionId": session, "eventList": [event]});
        if let Some(user) = user {
            input["userId"] = json!(user);
        }
        self.call("PutEvents", input).await.unwrap();
    }

    pub async fn action(&self, user: &str, session: &str) {
        let taken = json!({
            "actionId": "a", "userId": user, "sessionId": session, "timestamp": 1_700_000_000, "eventType": "Taken",
        });
        let input = json!({"trackingId": self.action_tracking_id, "actionInteractions": [taken]});
        self.call("PutActionInteractions", input).await.unwrap();
    }

    pub async fn put_user(&self, user: &str, age: i64) {
        let users = json!([{"userId": user, "properties": json!({"age": age}).to_string()}]);
        self.call("PutUsers", json!({"datasetArn": self.users, "users": users})).await.unwrap();
    }

    /// `ada` was a visitor of `visit` before she signed in; `bob` signed in there later. Half of it stands in a part.
    pub async fn stream(&self) {
        self.event(None, "visit", "i1", 1_700_000_001).await;
        self.event(Some("ada"), "visit", "i2", 1_700_000_002).await;
        self.event(Some("bob"), "visit", "i3", 1_700_000_003).await;
        self.event(Some("bob"), "later", "i4", 1_700_000_004).await;
        self.action("ada", "visit").await;
        self.action("bob", "later").await;
        self.put_user("ada", 36).await;
        self.service.compact(&self.interactions).await.unwrap();
        self.service.compact(&self.users).await.unwrap();
        self.event(None, "visit", "i5", 1_700_000_005).await;
        self.event(Some("ada"), "home", "i6", 1_700_000_006).await;
        self.event(Some("u1"), "home", "i7", 1_700_000_007).await;
        self.event(None, "nobody", "i8", 1_700_000_008).await;
        self.put_user("ada", 37).await;
        self.put_user("bob", 50).await;
    }

    /// A data deletion job that has not begun.
    pub async fn deletion(&self, name: &str, users: &[&str]) -> String {
        let csv = format!("USER_ID\n{}\n", users.join("\n"));
        self.upload("bucket", &format!("{name}/deep/er/users.csv"), csv).await;
        self.upload("bucket", &format!("{name}/notes.txt"), "USER_ID\nu9\n").await;
        let location = format!("s3://bucket/{name}/");
        let input = json!({
            "jobName": name, "datasetGroupArn": self.group, "roleArn": ROLE, "dataSource": {"dataLocation": location},
        });
        self.create("CreateDataDeletionJob", input).await
    }

    /// The number of records that a deletion says it has removed.
    pub async fn deleted(&self, job: &str) -> i64 {
        let answer = self.call("DescribeDataDeletionJob", json!({"dataDeletionJobArn": job})).await.unwrap();
        let described = &answer["dataDeletionJob"];
        assert_eq!(described["status"], "COMPLETED", "{described}");
        described["numDeleted"].as_i64().unwrap()
    }

    pub async fn forget(&self, name: &str, users: &[&str]) -> i64 {
        let job = self.deletion(name, users).await;
        self.run_jobs().await;
        self.deleted(&job).await
    }

    /// All rows of a dataset, sorted.
    pub async fn rows(&self, dataset: &str) -> Vec<String> {
        let name = format!("export-{}", uuid::Uuid::new_v4().simple());
        let input = json!({
            "jobName": name, "datasetArn": dataset, "roleArn": ROLE, "ingestionMode": "ALL",
            "jobOutput": {"s3DataDestination": {"path": "s3://bucket/out/"}},
        });
        self.create("CreateDatasetExportJob", input).await;
        self.run_jobs().await;
        let bucket = self.stores.buckets.bucket("bucket").unwrap();
        let content = bucket.get(&format!("out/{name}/part-00000.csv")).await.unwrap();
        let mut lines: Vec<String> =
            String::from_utf8(content.to_vec()).unwrap().lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// How many streamed events stand under an owner.
    pub async fn n_events(&self, owner: &str) -> usize {
        let mut n = 0;
        for word in ["event", "action-interaction"] {
            let partition = format!("{word}/{}/{CREATED}/id/{owner}", self.group);
            n += self.stores.records.list_all(&partition, "").await.unwrap().len();
        }
        n
    }

    /// What stands in the journal of a dataset.
    pub async fn journal(&self, dataset: &str) -> String {
        let mut text = String::new();
        for shard in 0..4 {
            for record in
                self.stores.records.list_all(&format!("journal/{dataset}/{CREATED}/{shard}"), "").await.unwrap()
            {
                text.push_str(&String::from_utf8(record.value).unwrap());
            }
        }
        text
    }

    /// Keys of Palate's own blobs and their sizes.
    pub async fn blobs(&self, prefix: &str) -> BTreeMap<String, u64> {
        let page = self.stores.blobs.list(prefix, None, 1000).await.unwrap();
        page.entries.into_iter().map(|blob| (blob.key, blob.size)).collect()
    }

    /// Lets the time pass after which nobody reads what was replaced, and has it removed.
    pub async fn settle(&self) {
        self.clock.advance(Duration::from_secs(3600));
        self.service.sweep().await.unwrap();
        self.run_jobs().await;
    }

    /// A campaign of a recipe that looks at users' histories.
    pub async fn campaign(&self) -> String {
        let recipe = "arn:aws:personalize:::recipe/palate-transitions";
        let solution = json!({
            "name": "s", "datasetGroupArn": self.group, "recipeArn": recipe, "performAutoTraining": false,
        });
        let solution = self.create("CreateSolution", solution).await;
        let version = self.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
        self.run_jobs().await;
        let campaign = json!({"name": "c", "solutionVersionArn": version, "minProvisionedTPS": 1});
        let campaign = self.create("CreateCampaign", campaign).await;
        self.run_jobs().await;
        campaign
    }

    pub async fn recommended(&self, campaign: &str, user: &str) -> Value {
        let answer = self.call("GetRecommendations", json!({"campaignArn": campaign, "userId": user})).await.unwrap();
        answer["itemList"].clone()
    }
}

pub fn interactions_of(rows: &[String], user: &str) -> usize {
    rows.iter().filter(|row| row.starts_with(&format!("{user},"))).count()
}

pub fn solution() -> String {
    arn("solution/s")
}
