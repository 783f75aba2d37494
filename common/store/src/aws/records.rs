use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    primitives::Blob,
    types::{AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use uuid::Uuid;

use super::error::{backend, failed, pauses};
use crate::{Key, Now, Order, Page, Record, RecordStore, StoreError, Write, keys};

type Item = HashMap<String, AttributeValue>;

/// The attribute that DynamoDB's time to live goes by, in seconds since the Unix epoch.
pub(super) const EXPIRES: &str = "expires";
/// The record is not there. DynamoDB may delete a record days after its time has come: such a one counts as absent.
const ABSENT: &str = "attribute_not_exists(pk) OR #expires <= :now";
/// The record is at the expected version.
const UNCHANGED: &str = "#version = :expected AND (attribute_not_exists(#expires) OR #expires > :now)";

/// Records in one DynamoDB table.
pub(super) struct DynamoRecords {
    client: Client,
    table: String,
    now: Now,
}

impl DynamoRecords {
    pub(super) fn new(client: Client, table: String, now: Now) -> Self {
        Self { client, table, now }
    }

    /// The time as conditions compare it.
    fn now(&self) -> AttributeValue {
        AttributeValue::N(self.now.seconds().to_string())
    }

    /// Commits one create or update, at half the price of a transaction.
    ///
    /// An answer may be lost after the write was done; the next try then finds its own record in the way
    /// and knows it by the name of the write. (If somebody else has updated it within that moment, the
    /// caller is told of the conflict, and finds its own write in the record's past.)
    async fn put(&self, write: &Write) -> Result<(), StoreError> {
        let (key, name) = (write.key(), Uuid::new_v4());
        let put = self.as_put(write, name)?;
        let mut pauses = pauses(name.as_u64_pair().0);
        loop {
            let request = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(put.item.clone()))
                .set_condition_expression(put.condition_expression.clone())
                .set_expression_attribute_names(put.expression_attribute_names.clone())
                .set_expression_attribute_values(put.expression_attribute_values.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = request.send().await else { return Ok(()) };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    let ours = AttributeValue::S(name.to_string());
                    let is_ours = refused.item().and_then(|item| item.get("write")) == Some(&ours);
                    return if is_ours { Ok(()) } else { Err(refusal(write)) };
                }
                Some(PutItemError::TransactionConflictException(_)) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(failed("writing records", &key.to_string(), error)),
                },
                _ => return Err(failed("writing records", &key.to_string(), error)),
            }
        }
    }

    /// Commits all writes in one transaction. Its token lets DynamoDB tell another try from another
    /// transaction for ten minutes.
    async fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        let name = Uuid::new_v4();
        let items = writes.iter().map(|write| self.as_step(write, name)).collect::<Result<Vec<_>, _>>()?;
        let mut pauses = pauses(name.as_u64_pair().0);
        loop {
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(name.to_string());
            let Err(error) = request.send().await else { return Ok(()) };
            let again = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code());
                    if let Some(first) = codes().position(|code| code == Some("ConditionalCheckFailed"))
                        && let Some(write) = writes.get(first)
                    {
                        return Err(refusal(write));
                    }
                    codes().flatten().any(|code| {
                        matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
                    })
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => true,
                _ => false,
            };
            match pauses.next() {
                Some(pause) if again => tokio::time::sleep(pause).await,
                _ => {
                    let key = writes.first().map(|write| write.key().to_string()).unwrap_or_default();
                    return Err(failed("writing records", &key, error));
                }
            }
        }
    }

    fn as_step(&self, write: &Write, name: Uuid) -> Result<TransactWriteItem, StoreError> {
        let unchanged = |expected: u64| AttributeValue::N(expected.to_string());
        let step = TransactWriteItem::builder();
        let step = match write {
            Write::Create { .. } | Write::CreateUntil { .. } | Write::Update { .. } => {
                step.put(self.as_put(write, name)?)
            }
            Write::Delete { key, expected } => step.delete(
                Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(item_key(key)))
                    .condition_expression(UNCHANGED)
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_names("#expires", EXPIRES)
                    .expression_attribute_values(":expected", unchanged(*expected))
                    .expression_attribute_values(":now", self.now())
                    .build()
                    .map_err(incomplete)?,
            ),
            Write::Check { key, expected } => step.condition_check(
                ConditionCheck::builder()
                    .table_name(&self.table)
                    .set_key(Some(item_key(key)))
                    .condition_expression(UNCHANGED)
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_names("#expires", EXPIRES)
                    .expression_attribute_values(":expected", unchanged(*expected))
                    .expression_attribute_values(":now", self.now())
                    .build()
                    .map_err(incomplete)?,
            ),
        };
        Ok(step.build())
    }

    /// A create or an update as the put that it is.
    fn as_put(&self, write: &Write, name: Uuid) -> Result<Put, StoreError> {
        let (expected, value, expires_s) = match write {
            Write::Create { value, .. } => (None, value.clone(), None),
            Write::CreateUntil { value, expires_s, .. } => (None, value.clone(), Some(*expires_s)),
            Write::Update { expected, value, .. } => (Some(*expected), value.clone(), None),
            Write::Delete { .. } | Write::Check { .. } => unreachable!("callers put creates and updates only"),
        };
        let version = expected.unwrap_or(0).saturating_add(1);
        let mut item = item_key(write.key());
        item.insert("version".into(), AttributeValue::N(version.to_string()));
        item.insert("value".into(), AttributeValue::B(Blob::new(value)));
        item.insert("write".into(), AttributeValue::S(name.to_string()));
        if let Some(expires_s) = expires_s {
            item.insert(EXPIRES.into(), AttributeValue::N(expires_s.to_string()));
        }
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":now", self.now());
        let put = match expected {
            None => put.condition_expression(ABSENT),
            Some(expected) => put
                .condition_expression(UNCHANGED)
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", AttributeValue::N(expected.to_string())),
        };
        put.build().map_err(incomplete)
    }
}

#[async_trait]
impl RecordStore for DynamoRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        keys::check_record_key(key)?;
        let request = self.client.get_item().table_name(&self.table).set_key(Some(item_key(key))).consistent_read(true);
        let answer = request.send().await.map_err(|error| failed("reading records", &key.to_string(), error))?;
        let item = answer.item.filter(|item| lasts(item, self.now.seconds()));
        item.map(|item| record(&key.partition, item)).transpose()
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        keys::check_writes(&writes)?;
        match writes.as_slice() {
            [] => Ok(()),
            [write @ (Write::Create { .. } | Write::CreateUntil { .. } | Write::Update { .. })] => {
                self.put(write).await
            }
            _ => self.transact(&writes).await,
        }
    }

    async fn list(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        order: Order,
    ) -> Result<Page<Record>, StoreError> {
        keys::check_record_list(partition, prefix, after, limit)?;
        let Some(after) = start(prefix, after, order) else { return Ok(Page { entries: Vec::new(), next: None }) };
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(order == Order::Ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .expression_attribute_values(":pk", AttributeValue::S(partition.into()));
        // DynamoDB refuses an empty prefix.
        request = if prefix.is_empty() {
            request.key_condition_expression("pk = :pk")
        } else {
            request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()))
        };
        if let Some(after) = after {
            request = request.set_exclusive_start_key(Some(item_key(&Key::new(partition, after))));
        }
        let answer = request.send().await.map_err(|error| failed("listing records", partition, error))?;
        let next = answer.last_evaluated_key.as_ref().map(|key| text(key, "sk")).transpose()?;
        let now_s = self.now.seconds();
        let entries = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .filter(|item| lasts(item, now_s))
            .map(|item| record(partition, item))
            .collect::<Result<_, _>>()?;
        Ok(Page { entries, next })
    }

    async fn purge_expired(&self, limit: usize) -> Result<usize, StoreError> {
        keys::check_limit("purge_expired", limit)?;
        Ok(0)
    }
}

/// Where a query starts: `None` if nothing can follow, `Some(None)` if everything does. DynamoDB refuses a
/// start outside of what the prefix allows.
fn start<'a>(prefix: &str, after: Option<&'a str>, order: Order) -> Option<Option<&'a str>> {
    let Some(after) = after else { return Some(None) };
    if after.starts_with(prefix) && !after.is_empty() {
        return Some(Some(after));
    }
    let before_all = after < prefix || after.is_empty();
    (before_all == (order == Order::Ascending)).then_some(None)
}

/// What a failed condition means.
fn refusal(write: &Write) -> StoreError {
    let key = write.key().to_string();
    match write {
        Write::Create { .. } | Write::CreateUntil { .. } => StoreError::AlreadyExists { key },
        _ => StoreError::Conflict { key },
    }
}

fn item_key(key: &Key) -> Item {
    Item::from([
        ("pk".into(), AttributeValue::S(key.partition.clone())),
        ("sk".into(), AttributeValue::S(key.sort.clone())),
    ])
}

/// Whether the item's time has not come, if it has one.
fn lasts(item: &Item, now_s: u64) -> bool {
    let expires_s = item.get(EXPIRES).and_then(|expires| expires.as_n().ok()).and_then(|n| n.parse::<u64>().ok());
    expires_s.is_none_or(|expires_s| expires_s > now_s)
}

fn record(partition: &str, mut item: Item) -> Result<Record, StoreError> {
    let key = Key::new(partition, text(&item, "sk")?);
    let version = item.get("version").and_then(|version| version.as_n().ok()).and_then(|n| n.parse().ok());
    match (version, item.remove("value")) {
        (Some(version), Some(AttributeValue::B(value))) => Ok(Record { key, version, value: value.into_inner() }),
        _ => Err(foreign(&key.to_string())),
    }
}

fn text(item: &Item, name: &str) -> Result<String, StoreError> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or_else(|| foreign(name))
}

fn foreign(key: &str) -> StoreError {
    backend("reading records", format!("the item `{key}` was not written by Palate: has the table another use?"))
}

fn incomplete(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    backend("writing records", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_starts_within_its_prefix_or_at_its_beginning_or_is_empty() {
        use Order::{Ascending, Descending};
        assert_eq!(start("b", None, Ascending), Some(None));
        assert_eq!(start("b", Some("bx"), Ascending), Some(Some("bx")));
        assert_eq!(start("b", Some("b"), Descending), Some(Some("b")));
        assert_eq!(start("b", Some("a"), Ascending), Some(None));
        assert_eq!(start("b", Some("a"), Descending), None);
        assert_eq!(start("b", Some("c"), Ascending), None);
        assert_eq!(start("b", Some("c"), Descending), Some(None));
        assert_eq!(start("", Some(""), Ascending), Some(None));
        assert_eq!(start("", Some(""), Descending), None);
    }
}
