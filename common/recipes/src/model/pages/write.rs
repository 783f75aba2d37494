use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{FOOTER, PAGES, Page, USERS, UserSide};
use crate::IdMap;
use crate::dataset::Histories;
use crate::model::manifest::sha256;
use crate::model::{ModelError, ModelFile};

const SCHEMA: &str = "message users {
    REQUIRED BYTE_ARRAY USER_ID (UTF8);
    REQUIRED INT32 ITEM_ROW;
    REQUIRED INT64 TIMESTAMP;
}";

const SCHEMA_WITH_STATES: &str = "message users {
    REQUIRED BYTE_ARRAY USER_ID (UTF8);
    REQUIRED INT32 ITEM_ROW;
    REQUIRED INT64 TIMESTAMP;
    REQUIRED BYTE_ARRAY STATE;
}";

/// A page takes users until it has as many events: some tens of kilobytes, which is little to read and to
/// check, and a thousand pages for some millions of events.
const EVENTS_A_PAGE: usize = 4096;

impl UserSide {
    /// Writes the `n_kept` newest events of every user. `users` are in byte order, and all have events.
    pub fn write(users: &IdMap, histories: &Histories, n_kept: usize) -> Result<Vec<ModelFile>, ModelError> {
        Self::write_with(users, histories, n_kept, None)
    }

    /// As [`UserSide::write`], with a state by user.
    pub fn write_with(
        users: &IdMap,
        histories: &Histories,
        n_kept: usize,
        states: Option<&[Vec<u8>]>,
    ) -> Result<Vec<ModelFile>, ModelError> {
        let (content, groups) =
            file(users, histories, n_kept, states).map_err(|error| ModelError::damaged(USERS, error))?;
        let pages = groups.iter().map(|(first_user, group)| {
            let (begin, end) = range(group);
            Page {
                first_user: users.id(*first_user as u32).into(),
                begin,
                end,
                sha256: sha256(&content[begin as usize..end as usize]),
            }
        });
        let pages: Vec<Page> = pages.collect();
        let pages = serde_json::to_vec(&pages).map_err(|error| ModelError::damaged(PAGES, error))?;
        let footer = footer(&content).ok_or_else(|| ModelError::damaged(USERS, "it has no footer"))?;
        Ok(vec![
            ModelFile { name: FOOTER.into(), content: footer, paged: false },
            ModelFile { name: PAGES.into(), content: pages.into(), paged: false },
            ModelFile { name: USERS.into(), content, paged: true },
        ])
    }
}

type Groups = Vec<(usize, RowGroupMetaData)>;

fn file(
    users: &IdMap,
    histories: &Histories,
    n_kept: usize,
    states: Option<&[Vec<u8>]>,
) -> Result<(Bytes, Groups), ParquetError> {
    let properties = WriterProperties::builder()
        // The library's version would change the bytes of a model, and with them its checksum.
        .set_created_by("palate".into())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let schema = if states.is_some() { SCHEMA_WITH_STATES } else { SCHEMA };
    let schema = Arc::new(parse_message_type(schema)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut groups = Vec::new();
    let mut first_user = 0;
    while first_user < users.len() {
        let mut columns = Columns::default();
        let mut user = first_user;
        while user < users.len() && columns.items.len() < EVENTS_A_PAGE {
            columns.push(users.id(user as u32), histories, user, n_kept);
            if let Some(states) = states {
                columns.push_state(states.get(user).map(Vec::as_slice).unwrap_or_default());
            }
            user += 1;
        }
        let mut group = writer.next_row_group()?;
        columns.write(&mut group, states.is_some())?;
        let metadata = group.close()?;
        groups.push((first_user, metadata.as_ref().clone()));
        first_user = user;
    }
    Ok((writer.into_inner()?.into(), groups))
}

/// The rows of one page.
#[derive(Default)]
struct Columns {
    users: Vec<ByteArray>,
    items: Vec<i32>,
    timestamp_s: Vec<i64>,
    states: Vec<ByteArray>,
}

impl Columns {
    fn push(&mut self, id: &str, histories: &Histories, user: usize, n_kept: usize) {
        let items = histories.items_of(user);
        let begin = items.len().saturating_sub(n_kept);
        // Parquet's integers are signed; no item row comes near the sign.
        self.items.extend(items[begin..].iter().map(|item| *item as i32));
        self.timestamp_s.extend(histories.timestamps_of(user).slice(begin..items.len()).iter());
        self.users.resize(self.items.len(), ByteArray::from(id));
    }

    /// Of the user who was pushed last.
    fn push_state(&mut self, state: &[u8]) {
        self.states.resize(self.items.len(), ByteArray::from(Vec::new()));
        if let Some(last) = self.states.last_mut() {
            *last = ByteArray::from(state.to_vec());
        }
    }

    fn write(&self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, states: bool) -> Result<(), ParquetError> {
        column::<ByteArrayType>(group, &self.users)?;
        column::<Int32Type>(group, &self.items)?;
        column::<Int64Type>(group, &self.timestamp_s)?;
        if states { column::<ByteArrayType>(group, &self.states) } else { Ok(()) }
    }
}

fn column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[T::T]) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("the schema has three columns".into()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// Where the columns of a row group begin and end.
fn range(group: &RowGroupMetaData) -> (u64, u64) {
    let ranges: Vec<(u64, u64)> = group.columns().iter().map(|column| column.byte_range()).collect();
    let begin = ranges.iter().map(|(begin, _)| *begin).min().unwrap_or(0);
    (begin, ranges.iter().map(|(begin, length)| begin + length).max().unwrap_or(begin))
}

/// The metadata that ends a Parquet file, before its length (4 bytes) and `PAR1`.
fn footer(file: &Bytes) -> Option<Bytes> {
    let end = file.len().checked_sub(8)?;
    let length = file.get(end..end + 4)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))?;
    let begin = end.checked_sub(length as usize)?;
    Some(file.slice(begin..end))
}
