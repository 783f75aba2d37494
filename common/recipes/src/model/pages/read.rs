use std::sync::Arc;

use bytes::{Buf, Bytes, buf::Reader};
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::UserPage;
use crate::Event;

/// Reads the row group `group`, which begins at byte `begin` of its file and of which `content` is all.
pub fn page(group: &RowGroupMetaData, begin: u64, content: Bytes) -> Result<UserPage> {
    let window = Arc::new(Window { begin, content });
    let users = column::<ByteArrayType>(&window, group, 0)?;
    let items = column::<Int32Type>(&window, group, 1)?;
    let timestamps = column::<Int64Type>(&window, group, 2)?;
    let states = match group.columns().len() {
        3 => Vec::new(),
        _ => column::<ByteArrayType>(&window, group, 3)?,
    };
    let mut page = UserPage {
        ids: Vec::new(),
        ends: Vec::new(),
        events: Vec::with_capacity(items.len()),
        states: Vec::new(),
        state_ends: Vec::new(),
    };
    for (row, user) in users.iter().enumerate() {
        if row == 0 || users[row - 1] != *user {
            page.ids.extend_from_slice(user.data());
            page.ends.push((page.ids.len(), row));
        }
        let item = u32::try_from(items[row]).map_err(|_| ParquetError::General("a row below 0".into()))?;
        page.events.push(Event { item, timestamp_s: timestamps[row] });
        if let Some(end) = page.ends.last_mut() {
            end.1 = row + 1;
        }
    }
    if !states.is_empty() {
        // A state stands beside the last event of its user; the others are empty.
        let mut row = 0;
        for (_, end) in &page.ends {
            states[row..*end].iter().for_each(|state| page.states.extend_from_slice(state.data()));
            page.state_ends.push(page.states.len());
            row = *end;
        }
    }
    Ok(page)
}

fn column<T: DataType>(window: &Arc<Window>, group: &RowGroupMetaData, index: usize) -> Result<Vec<T::T>> {
    let wrong = || ParquetError::General("the columns are not those of users".into());
    let chunk = group.columns().get(index).ok_or_else(wrong)?;
    if chunk.column_type() != T::get_physical_type() || chunk.column_descr().max_def_level() != 0 {
        return Err(wrong());
    }
    let n_rows = usize::try_from(group.num_rows()).map_err(|_| wrong())?;
    let pages = SerializedPageReader::new(window.clone(), chunk, n_rows, None)?;
    let mut reader = get_typed_column_reader::<T>(get_column_reader(chunk.column_descr_ptr(), Box::new(pages)));
    let mut values = Vec::new();
    while values.len() < n_rows {
        let (n_read, _, _) = reader.read_records(n_rows - values.len(), None, None, &mut values)?;
        if n_read == 0 {
            return Err(ParquetError::General("a page has too few rows".into()));
        }
    }
    Ok(values)
}

/// Part of a file, read as if it were the whole.
struct Window {
    begin: u64,
    content: Bytes,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.begin + self.content.len() as u64
    }
}

impl ChunkReader for Window {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let begin = start.checked_sub(self.begin).and_then(|begin| usize::try_from(begin).ok());
        let begin = begin.filter(|begin| *begin <= self.content.len()).ok_or_else(outside)?;
        Ok(self.content.slice(begin..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let content = self.get_read(start)?.into_inner();
        if length <= content.len() { Ok(content.slice(..length)) } else { Err(outside()) }
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("outside the page".into())
}
