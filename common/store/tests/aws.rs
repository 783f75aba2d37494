//! The AWS backend under the whole contract, against moto's server (`tests/moto.py`), each case with a
//! table and buckets of its own.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use palate_store::{
    BlobStore, Key, PutCondition, RecordStore, RecordStoreExt as _, StoreError, Stores, Write,
    aws::{self, AwsConfig},
    blob_store_conformance,
    conformance::expiry::HeldClock,
    record_expiry_conformance, record_store_conformance, stores_conformance,
};
use uuid::Uuid;

async fn sdk() -> SdkConfig {
    let moto = std::env::var("PALATE_TEST_MOTO").expect("PALATE_TEST_MOTO is the URL of moto's server");
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .endpoint_url(moto)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .load()
        .await
}

fn config() -> AwsConfig {
    let name = format!("palate-{}", Uuid::new_v4().simple());
    AwsConfig { table: name.clone(), bucket: name, region: None }
}

async fn open() -> Stores {
    let (sdk, config) = (sdk().await, config());
    aws::create_with(&sdk, &config).await.unwrap();
    aws::connect_with(&sdk, &config).unwrap()
}

async fn open_records() -> ((), Arc<dyn RecordStore>) {
    ((), open().await.records)
}

async fn open_at() -> ((), (Arc<dyn RecordStore>, HeldClock)) {
    let (sdk, config, clock) = (sdk().await, config(), HeldClock::default());
    aws::create_with(&sdk, &config).await.unwrap();
    ((), (aws::connect_at(&sdk, &config, clock.now()).unwrap().records, clock))
}

async fn open_blobs() -> ((), Arc<dyn BlobStore>) {
    ((), open().await.blobs)
}

async fn open_all() -> ((), (Stores, String)) {
    let users = config();
    aws::create_with(&sdk().await, &users).await.unwrap();
    ((), (open().await, users.bucket))
}

record_store_conformance!(open_records(), #[ignore = "needs moto: tests/run starts it"]);
record_expiry_conformance!(open_at(), #[ignore = "needs moto: tests/run starts it"]);
blob_store_conformance!(own_blobs, open_blobs(), #[ignore = "needs moto: tests/run starts it"]);
stores_conformance!(open_all(), #[ignore = "needs moto: tests/run starts it"]);

/// Stores of which the tests know the table's and the bucket's name, to make moto answer otherwise.
struct Watched {
    stores: Stores,
    name: String,
}

impl Watched {
    async fn open() -> Self {
        let (sdk, config) = (sdk().await, config());
        aws::create_with(&sdk, &config).await.unwrap();
        Self { stores: aws::connect_with(&sdk, &config).unwrap(), name: config.table }
    }

    /// The next request is served but answered like this (see `tests/moto_server.py`).
    fn answer(&self, times: u32, status: u16, body: &str) {
        let url = std::env::var("PALATE_TEST_MOTO").unwrap();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')).unwrap();
        let path = format!("/_palate/answer?text={}&times={times}&status={status}", self.name);
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.0\r\nHost: moto\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert!(reply.contains(" 200 "), "{reply}");
    }
}

const LOST: u16 = 500;

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn a_write_whose_answer_is_lost_is_not_taken_for_somebody_elses() {
    let watched = Watched::open().await;
    let records = &watched.stores.records;
    let (a, b) = (Key::new("p", "a"), Key::new("p", "b"));

    watched.answer(2, LOST, "");
    records.create(a.clone(), b"1".to_vec()).await.unwrap();
    watched.answer(1, LOST, "");
    records.update(a.clone(), 1, b"2".to_vec()).await.unwrap();
    watched.answer(1, LOST, "");
    records
        .commit(vec![
            Write::Create { key: b.clone(), value: b"1".to_vec() },
            Write::Update { key: a.clone(), expected: 2, value: b"3".to_vec() },
        ])
        .await
        .unwrap();
    assert_eq!(records.get(&a).await.unwrap().unwrap().version, 3);
    watched.answer(1, LOST, "");
    records.delete(b.clone(), 1).await.unwrap();
    assert_eq!(records.get(&b).await.unwrap(), None);
    // What was there before is still somebody else's.
    watched.answer(1, LOST, "");
    let result = records.create(a.clone(), Vec::new()).await;
    assert!(matches!(result, Err(StoreError::AlreadyExists { .. })), "{result:?}");
    watched.answer(1, LOST, "");
    assert!(matches!(records.update(a, 2, Vec::new()).await, Err(StoreError::Conflict { .. })));

    let blobs = &watched.stores.blobs;
    watched.answer(1, LOST, "");
    let one = blobs.put("blob", "one".into(), PutCondition::Absent).await.unwrap();
    assert_eq!(blobs.head("blob").await.unwrap().etag, one.etag);
    watched.answer(1, LOST, "");
    let two = blobs.put("blob", "two".into(), PutCondition::Etag(one.etag.clone())).await.unwrap();
    assert_eq!(blobs.head("blob").await.unwrap().etag, two.etag);
    watched.answer(1, LOST, "");
    let result = blobs.put("blob", "three".into(), PutCondition::Absent).await;
    assert!(matches!(result, Err(StoreError::AlreadyExists { .. })), "{result:?}");
    watched.answer(1, LOST, "");
    let result = blobs.put("blob", "three".into(), PutCondition::Etag(one.etag)).await;
    assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
    assert_eq!(blobs.get("blob").await.unwrap(), "two");
}

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn a_write_that_meets_a_transaction_is_tried_again() {
    let watched = Watched::open().await;
    let conflict = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"x"}"#;
    watched.answer(2, 400, conflict);
    watched.stores.records.create(Key::new("p", "a"), Vec::new()).await.unwrap();

    let reasons = r#""CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]"#;
    let cancelled = r#""__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"x""#;
    watched.answer(2, 400, &format!("{{{cancelled},{reasons}}}"));
    let create = |sort: &str| Write::Create { key: Key::new("p", sort), value: Vec::new() };
    watched.stores.records.commit(vec![create("b"), create("c")]).await.unwrap();

    watched.answer(1, 409, "<Error><Code>ConditionalRequestConflict</Code></Error>");
    watched.stores.blobs.put("blob", "x".into(), PutCondition::Absent).await.unwrap();
}

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn what_the_role_does_not_allow_is_denied() {
    let watched = Watched::open().await;
    let denied = |error| matches!(error, StoreError::Denied { .. });
    let records = &watched.stores.records;
    let key = Key::new("p", "a");
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}"#;
    watched.answer(1, 400, body);
    assert!(denied(records.get(&key).await.unwrap_err()));
    watched.answer(1, 400, body);
    assert!(denied(records.create(key, Vec::new()).await.unwrap_err()));

    let blobs = &watched.stores.blobs;
    let body = "<Error><Code>AccessDenied</Code></Error>";
    watched.answer(1, 403, body);
    assert!(denied(blobs.get("a").await.unwrap_err()));
    watched.answer(1, 403, "");
    assert!(denied(blobs.head("a").await.unwrap_err()));
    watched.answer(1, 403, body);
    assert!(denied(blobs.put("a", "x".into(), PutCondition::Always).await.unwrap_err()));
    watched.answer(1, 403, body);
    assert!(denied(blobs.list("", None, 1).await.unwrap_err()));
}

async fn plain_s3() -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk().await).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn an_upload_given_up_leaves_no_parts() {
    let Watched { stores, name } = Watched::open().await;
    let mut writer = stores.blobs.writer("a").await.unwrap();
    writer.write(vec![0; 20 << 20].into()).await.unwrap();
    let s3 = plain_s3().await;
    let uploads = async || s3.list_multipart_uploads().bucket(&name).send().await.unwrap().uploads().len();
    assert_eq!(uploads().await, 1);
    writer.abort().await.unwrap();
    assert_eq!(uploads().await, 0);
}

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn the_folders_of_the_console_are_not_blobs() {
    let Watched { stores, name } = Watched::open().await;
    let s3 = plain_s3().await;
    for key in ["a/", "b/", "b/c", "d/"] {
        s3.put_object().bucket(&name).key(key).send().await.unwrap();
    }
    let page = stores.blobs.list("", None, 1).await.unwrap();
    assert_eq!(page.entries.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["b/c"]);
    assert!(stores.blobs.list("a/", None, 10).await.unwrap().entries.is_empty());
}

#[tokio::test]
#[ignore = "needs moto: tests/run starts it"]
async fn creating_what_is_there_already_changes_nothing() {
    let (sdk, config) = (sdk().await, config());
    aws::create_with(&sdk, &config).await.unwrap();
    let stores = aws::connect_with(&sdk, &config).unwrap();
    stores.blobs.put("a", "x".into(), PutCondition::Always).await.unwrap();
    aws::create_with(&sdk, &config).await.unwrap();
    assert_eq!(stores.blobs.get("a").await.unwrap(), "x");
}
