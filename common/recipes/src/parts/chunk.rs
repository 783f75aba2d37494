//! One column of a row group as the pages that it is stored in.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    column::{
        page::{CompressedPage, Page, PageWriter},
        writer::ColumnCloseResult,
    },
    file::{
        metadata::ColumnChunkMetaData,
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::{
    PartError,
    builder::{Buffer, Filling},
    delta,
    distinct::distinct,
    rle,
    write::ROW_GROUP_ROWS,
};

/// A column with more distinct text than this in a row group gets no dictionary. Ids of half a million users
/// still fit; free text does not.
const DICTIONARY_BYTES: usize = 8 << 20;
/// Text of one page.
const PAGE_BYTES: usize = 8 << 20;
/// How much of a column chunk is compressed to see whether it pays.
const TRIED_BYTES: usize = 32 << 10;

/// A page before compression.
struct RawPage {
    data: Vec<u8>,
    n_values: usize,
    encoding: Encoding,
    is_dictionary: bool,
}

/// The pages of a column of a row group, and what the footer says of them.
#[derive(Clone)]
pub(super) struct Chunk {
    pages: Bytes,
    n_rows: usize,
    compression: Compression,
    encodings: Vec<Encoding>,
    /// Bytes of the pages and their heads, uncompressed.
    uncompressed: usize,
    /// Where data begins, behind the dictionary if there is one.
    data_offset: usize,
    statistics: Option<Statistics>,
}

impl Chunk {
    /// Encodes `rows`, whose values are `values` (nulls take no place there).
    pub fn encode(filling: &Filling, rows: Range<usize>, values: Range<usize>) -> Result<Self, PartError> {
        let levels = filling.levels_of(rows.clone());
        let n_nulls = (rows.len() - values.len()) as u64;
        let mut statistics = None;
        let raw = match &filling.buffer {
            Buffer::Strings { bytes, ends } => strings(bytes, ends, values, levels),
            Buffer::Coded { bytes, ends, codes } => coded(bytes, ends, &codes[values], levels),
            Buffer::Ints(all) => {
                let values = &all[values];
                statistics = span(values)
                    .map(|(least, most)| Statistics::int32(Some(least), Some(most), None, Some(n_nulls), false));
                vec![deltas(values, levels)]
            }
            Buffer::Longs(all) => {
                let values = &all[values];
                statistics = span(values)
                    .map(|(least, most)| Statistics::int64(Some(least), Some(most), None, Some(n_nulls), false));
                vec![deltas(values, levels)]
            }
            Buffer::Floats(all) => vec![plain(&all[values], levels, |value, out| out.extend(value.to_le_bytes()))],
            Buffer::Doubles(all) => vec![plain(&all[values], levels, |value, out| out.extend(value.to_le_bytes()))],
            Buffer::Booleans(all) => vec![booleans(&all[values], levels)],
            Buffer::Encoded(chunk) if chunk.n_rows == rows.len() => return Ok(chunk.clone()),
            Buffer::Encoded(_) => return Err(PartError::Misused { reason: "an encoded column is too long".into() }),
        };
        Self::written(raw, rows.len(), statistics)
    }

    fn written(raw: Vec<RawPage>, n_rows: usize, statistics: Option<Statistics>) -> Result<Self, PartError> {
        let mut snappy = pays(&raw).then(snap::raw::Encoder::new);
        let compression = if snappy.is_some() { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
        let mut encodings = vec![Encoding::RLE];
        let (mut uncompressed, mut data_offset) = (0, 0);
        let mut file = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut file);
        for RawPage { data, n_values, encoding, is_dictionary } in raw {
            let n_bytes = data.len();
            let buf = Bytes::from(match &mut snappy {
                Some(snappy) => snappy.compress_vec(&data).map_err(|error| PartError::Encode(error.into()))?,
                None => data,
            });
            let num_values = u32::try_from(n_values).map_err(too_large)?;
            let page = if is_dictionary {
                Page::DictionaryPage { buf, num_values, encoding, is_sorted: false }
            } else {
                Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding: Encoding::RLE,
                    rep_level_encoding: Encoding::RLE,
                    statistics: None,
                }
            };
            let written = pages.write_page(CompressedPage::new(page, n_bytes)).map_err(PartError::Encode)?;
            uncompressed += written.uncompressed_size;
            if is_dictionary {
                data_offset = written.bytes_written as usize;
            }
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
        }
        pages.close().map_err(PartError::Encode)?;
        let pages = Bytes::from(file.into_inner().map_err(PartError::Encode)?);
        Ok(Self { pages, n_rows, compression, encodings, uncompressed, data_offset, statistics })
    }

    /// A column chunk as somebody else wrote it; `None` if it has more rows than a row group, or is no whole one.
    pub fn foreign(described: &ColumnChunkMetaData, pages: Bytes) -> Option<Self> {
        let (start, length) = described.byte_range();
        let n_rows = usize::try_from(described.num_values()).ok().filter(|rows| *rows <= ROW_GROUP_ROWS)?;
        let data_offset = usize::try_from(described.data_page_offset().checked_sub_unsigned(start)?).ok()?;
        let is_whole = pages.len() as u64 == length && data_offset < pages.len();
        is_whole.then_some(Self {
            pages,
            n_rows,
            compression: described.compression(),
            encodings: described.encodings().collect(),
            uncompressed: usize::try_from(described.uncompressed_size()).ok()?,
            data_offset,
            statistics: None,
        })
    }

    pub fn with_statistics(self, statistics: Statistics) -> Self {
        Self { statistics: Some(statistics), ..self }
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub fn n_bytes(&self) -> usize {
        self.pages.len()
    }

    /// The pages, and what the writer of a file needs to take them over.
    pub fn closed(&self, column: ColumnDescPtr) -> Result<(&Bytes, ColumnCloseResult), PartError> {
        let n_bytes = self.pages.len();
        let offset = |at: usize| i64::try_from(at).map_err(too_large);
        let mut metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(self.encodings.clone())
            .set_compression(self.compression)
            .set_num_values(offset(self.n_rows)?)
            .set_total_compressed_size(offset(n_bytes)?)
            .set_total_uncompressed_size(offset(self.uncompressed)?)
            .set_data_page_offset(offset(self.data_offset)?)
            .set_dictionary_page_offset((self.data_offset > 0).then_some(0));
        if let Some(statistics) = &self.statistics {
            metadata = metadata.set_statistics(statistics.clone());
        }
        let closed = ColumnCloseResult {
            bytes_written: n_bytes as u64,
            rows_written: self.n_rows as u64,
            metadata: metadata.build().map_err(PartError::Encode)?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((&self.pages, closed))
    }
}

fn too_large(error: std::num::TryFromIntError) -> PartError {
    PartError::Misused { reason: format!("a column is too large for one row group: {error}") }
}

/// Whether compression takes off half, judged by the ends of the pages: text stands behind its lengths, which
/// compress better and are little.
fn pays(pages: &[RawPage]) -> bool {
    let mut encoder = snap::raw::Encoder::new();
    let (mut before, mut after) = (0, 0);
    for page in pages.iter().take(2) {
        let tried = &page.data[page.data.len().saturating_sub(TRIED_BYTES)..];
        before += tried.len();
        after += encoder.compress_vec(tried).map_or(tried.len(), |smaller| smaller.len());
    }
    after * 2 < before
}

/// The beginning of a data page: which of its rows have a value.
fn begun(levels: Option<&[u8]>) -> Vec<u8> {
    let Some(levels) = levels else { return Vec::new() };
    let mut data = vec![0; 4];
    rle::encode(levels, 1, &mut data);
    let length = (data.len() - 4) as u32;
    data[..4].copy_from_slice(&length.to_le_bytes());
    data
}

fn deltas<T: delta::Whole>(values: &[T], levels: Option<&[u8]>) -> RawPage {
    let mut data = begun(levels);
    delta::encode(values, &mut data);
    page(data, levels.map_or(values.len(), <[u8]>::len), Encoding::DELTA_BINARY_PACKED)
}

fn plain<T: Copy>(values: &[T], levels: Option<&[u8]>, put: impl Fn(T, &mut Vec<u8>)) -> RawPage {
    let mut data = begun(levels);
    data.reserve(size_of_val(values));
    for value in values {
        put(*value, &mut data);
    }
    page(data, levels.map_or(values.len(), <[u8]>::len), Encoding::PLAIN)
}

fn booleans(values: &[bool], levels: Option<&[u8]>) -> RawPage {
    let mut data = begun(levels);
    data.extend(values.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, is| byte << 1 | u8::from(*is))));
    page(data, levels.map_or(values.len(), <[u8]>::len), Encoding::PLAIN)
}

fn page(data: Vec<u8>, n_values: usize, encoding: Encoding) -> RawPage {
    RawPage { data, n_values, encoding, is_dictionary: false }
}

fn text_at<'a>(bytes: &'a [u8], ends: &[usize], value: usize) -> &'a [u8] {
    let begin = if value == 0 { 0 } else { ends[value - 1] };
    &bytes[begin..ends[value]]
}

fn strings(bytes: &[u8], ends: &[usize], values: Range<usize>, levels: Option<&[u8]>) -> Vec<RawPage> {
    let value = |number: usize| text_at(bytes, ends, values.start + number);
    match distinct(values.len(), value, DICTIONARY_BYTES, true) {
        Some(found) => {
            let entries = found.first_seen.iter().map(|number| value(*number as usize));
            with_dictionary(entries, &found.codes, levels)
        }
        None => lengths_and_text(values.len(), value, levels, |numbers, data| {
            // The values stand one behind the other already.
            let begin = |number: usize| if number == 0 { 0 } else { ends[number - 1] };
            data.extend_from_slice(&bytes[begin(values.start + numbers.start)..begin(values.start + numbers.end)]);
        }),
    }
}

/// Strings that came as codes: their dictionary is cut to what is used, in the order of first sight.
fn coded(bytes: &[u8], ends: &[usize], codes: &[u32], levels: Option<&[u8]>) -> Vec<RawPage> {
    let (used, recoded) = by_first_sight(codes, ends.len());
    let entry = |number: usize| text_at(bytes, ends, used[number] as usize);
    // Entries may stand twice in what was read; here they do not.
    let (entries, recoded) = match distinct(used.len(), entry, usize::MAX, false) {
        Some(found) if found.first_seen.len() < used.len() => {
            let codes: Vec<u32> = recoded.iter().map(|code| found.codes[*code as usize]).collect();
            (found.first_seen, Cow::Owned(codes))
        }
        _ => ((0..used.len() as u32).collect(), recoded),
    };
    let lengths = || entries.iter().map(|number| entry(*number as usize).len());
    let n_bytes = lengths().sum::<usize>() + 4 * entries.len() + 2 * recoded.len();
    let pays = match lengths().min() {
        // The shortest text alone, in place of each value, tells it mostly.
        Some(shortest) if n_bytes < shortest * recoded.len() => true,
        _ => n_bytes < codes.iter().map(|code| text_at(bytes, ends, *code as usize).len()).sum(),
    };
    if !pays {
        let value = |number: usize| text_at(bytes, ends, codes[number] as usize);
        return lengths_and_text(codes.len(), value, levels, |numbers, data| {
            for number in numbers {
                data.extend_from_slice(value(number));
            }
        });
    }
    with_dictionary(entries.iter().map(|number| entry(*number as usize)), &recoded, levels)
}

/// The codes that are used, in the order of first sight, and for each value the place of its code among them.
fn by_first_sight(codes: &[u32], n_entries: usize) -> (Vec<u32>, Cow<'_, [u32]>) {
    // Whoever wrote the codes has mostly given them out in this order.
    let mut next = 0;
    let in_order = codes.iter().all(|code| {
        next += u32::from(*code == next);
        *code < next
    });
    if in_order {
        return ((0..next).collect(), Cow::Borrowed(codes));
    }
    const UNSEEN: u32 = u32::MAX;
    let mut new_codes = vec![UNSEEN; n_entries];
    let mut used: Vec<u32> = Vec::new();
    let recoded = codes.iter().map(|code| {
        let new = &mut new_codes[*code as usize];
        if *new == UNSEEN {
            *new = used.len() as u32;
            used.push(*code);
        }
        *new
    });
    let recoded = recoded.collect();
    (used, Cow::Owned(recoded))
}

fn with_dictionary<'a>(
    entries: impl ExactSizeIterator<Item = &'a [u8]>,
    codes: &[u32],
    levels: Option<&[u8]>,
) -> Vec<RawPage> {
    let n_entries = entries.len();
    let mut dictionary = Vec::with_capacity(16 * n_entries);
    for entry in entries {
        dictionary.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        dictionary.extend_from_slice(entry);
    }
    let width = (u32::BITS - (n_entries.saturating_sub(1) as u32).leading_zeros()).max(1);
    let mut data = begun(levels);
    data.push(width as u8);
    rle::encode(codes, width, &mut data);
    let entries = RawPage { data: dictionary, n_values: n_entries, encoding: Encoding::PLAIN, is_dictionary: true };
    vec![entries, page(data, levels.map_or(codes.len(), <[u8]>::len), Encoding::RLE_DICTIONARY)]
}

/// Pages of the lengths of strings, and then their text in one piece, which `append` appends.
fn lengths_and_text<'a>(
    n_values: usize,
    value: impl Fn(usize) -> &'a [u8],
    levels: Option<&[u8]>,
    append: impl Fn(Range<usize>, &mut Vec<u8>),
) -> Vec<RawPage> {
    let n_rows = levels.map_or(n_values, <[u8]>::len);
    let mut pages = Vec::new();
    let (mut row, mut next) = (0, 0);
    let mut lengths: Vec<i32> = Vec::with_capacity(n_values);
    // An empty column has a page as well: readers take none for a damaged file.
    while row < n_rows || pages.is_empty() {
        let (first_row, first) = (row, next);
        let mut n_bytes = 0;
        lengths.clear();
        while row < n_rows && n_bytes < PAGE_BYTES {
            if levels.is_none_or(|levels| levels[row] == 1) {
                let length = value(next).len();
                n_bytes += length;
                lengths.push(length as i32);
                next += 1;
            }
            row += 1;
        }
        let mut data = begun(levels.map(|levels| &levels[first_row..row]));
        delta::encode(&lengths, &mut data);
        data.reserve(n_bytes);
        append(first..next, &mut data);
        pages.push(page(data, row - first_row, Encoding::DELTA_LENGTH_BYTE_ARRAY));
    }
    pages
}

fn span<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    Some((*values.iter().min()?, *values.iter().max()?))
}
