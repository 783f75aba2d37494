//! Records in one DynamoDB table, blobs in S3.
//!
//! The table has the keys `pk` and `sk` (strings, which DynamoDB orders by their UTF-8 bytes), `version`
//! (number), `value` (binary), `write`, a name for the write that made the record what it is, and, in records that end
//! by themselves, `expires` (number, seconds since the Unix epoch), which is the table's time to live.

mod blobs;
mod error;
mod records;
mod upload;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata as _,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
        TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_types::service_config::ServiceConfigKey;

use crate::{BlobStore, Buckets, Now, StoreError, Stores, keys};

/// Tries of one request, the first included. Throttling lasts longer than the SDK's three allow for.
const TRIES: u32 = 6;

/// Where the stores are.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// The DynamoDB table.
    pub table: String,
    /// The bucket of Palate's own blobs.
    pub bucket: String,
    /// Else what the SDK finds by itself.
    pub region: Option<String>,
}

/// Connects with the endpoints and credentials that the SDK finds by itself: `AWS_ENDPOINT_URL_S3`,
/// `AWS_ENDPOINT_URL_DYNAMODB`, the role of the function, and so on. No request is made yet.
///
/// # Errors
/// [`StoreError::Invalid`] if the bucket's name is none.
pub async fn connect(config: AwsConfig) -> Result<Stores, StoreError> {
    connect_with(&load(&config).await, &config)
}

/// Connects with what the caller has loaded already.
///
/// # Errors
/// [`StoreError::Invalid`] if the bucket's name is none.
pub fn connect_with(sdk: &SdkConfig, config: &AwsConfig) -> Result<Stores, StoreError> {
    connect_at(sdk, config, Now::system())
}

/// As [`connect_with`], with a clock of the caller's.
///
/// # Errors
/// As those of [`connect_with`].
pub fn connect_at(sdk: &SdkConfig, config: &AwsConfig, now: Now) -> Result<Stores, StoreError> {
    let buckets = S3Buckets(s3_client(sdk));
    Ok(Stores {
        records: Arc::new(records::DynamoRecords::new(dynamodb_client(sdk), config.table.clone(), now)),
        blobs: buckets.bucket(&config.bucket)?,
        buckets: Arc::new(buckets),
    })
}

/// Creates the table and the bucket if they are not there: for tests and local endpoints. In an account
/// `template.yaml` does it, with what else belongs to them.
///
/// # Errors
/// As the requests fail; the table's and the bucket's states are waited for.
pub async fn create(config: AwsConfig) -> Result<(), StoreError> {
    create_with(&load(&config).await, &config).await
}

/// As [`create`], with what the caller has loaded already.
///
/// # Errors
/// As those of [`create`].
pub async fn create_with(sdk: &SdkConfig, config: &AwsConfig) -> Result<(), StoreError> {
    create_table(&dynamodb_client(sdk), &config.table).await?;
    let region = sdk.region().map(Region::as_ref);
    create_bucket(&s3_client(sdk), &config.bucket, region).await
}

async fn load(config: &AwsConfig) -> SdkConfig {
    // By date and not "latest", so that an update of the SDK does not change how we retry or sign.
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

fn dynamodb_client(sdk: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let retry = RetryConfig::standard().with_max_attempts(TRIES);
    aws_sdk_dynamodb::Client::from_conf(aws_sdk_dynamodb::config::Builder::from(sdk).retry_config(retry).build())
}

fn s3_client(sdk: &SdkConfig) -> aws_sdk_s3::Client {
    let own_endpoint = || {
        let key = ServiceConfigKey::builder()
            .service_id("S3")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .expect("its three fields are set");
        sdk.service_config()?.load_config(key)
    };
    let retry = RetryConfig::standard().with_max_attempts(TRIES);
    let config = aws_sdk_s3::config::Builder::from(sdk)
        .retry_config(retry)
        // Servers other than Amazon's seldom have a host name for each bucket.
        .force_path_style(sdk.endpoint_url().is_some() || own_endpoint().is_some())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

struct S3Buckets(aws_sdk_s3::Client);

impl Buckets for S3Buckets {
    fn bucket(&self, name: &str) -> Result<Arc<dyn BlobStore>, StoreError> {
        keys::check_bucket_name(name)?;
        Ok(Arc::new(blobs::S3Blobs::new(self.0.clone(), name)))
    }
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<(), StoreError> {
    let doing = format!("creating the table {table}");
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        request = request
            .attribute_definitions(attribute.build().map_err(|error| error::backend(&doing, error))?)
            .key_schema(key.build().map_err(|error| error::backend(&doing, error))?);
    }
    match request.send().await {
        Err(error) if error.code() != Some("ResourceInUseException") => {
            return Err(error::failed(doing, table, error));
        }
        _ => {}
    }
    loop {
        let answer = client.describe_table().table_name(table).send().await;
        let answer = answer.map_err(|error| error::failed(&doing, table, error))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described = described.map_err(|error| error::failed(&doing, table, error))?;
    let status = described.time_to_live_description().and_then(|described| described.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder().attribute_name(records::EXPIRES).enabled(true);
    let wanted = wanted.build().map_err(|error| error::backend(&doing, error))?;
    let enabled = client.update_time_to_live().table_name(table).time_to_live_specification(wanted).send().await;
    enabled.map(|_| ()).map_err(|error| error::failed(doing, table, error))
}

async fn create_bucket(client: &aws_sdk_s3::Client, bucket: &str, region: Option<&str>) -> Result<(), StoreError> {
    let mut request = client.create_bucket().bucket(bucket);
    // us-east-1 is the one region that must not be named.
    if let Some(region) = region.filter(|region| *region != "us-east-1") {
        let location = BucketLocationConstraint::from(region);
        request = request
            .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(location).build());
    }
    match request.send().await {
        Err(error) if error.code() != Some("BucketAlreadyOwnedByYou") => {
            Err(error::failed(format!("creating the bucket {bucket}"), bucket, error))
        }
        _ => Ok(()),
    }
}
