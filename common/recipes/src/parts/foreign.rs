//! Column chunks of Parquet files that somebody else wrote, which stand in a part as they are: neither encoding them
//! anew nor compressing them takes any time.

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, Type as Physical},
    column::page::{Page, PageReader},
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
};

use super::{Column, ColumnType, PartError, chunk::Chunk, error::guarded, rle, strings::DataPage};

/// A column chunk that a part can have as it is.
///
/// Whoever makes one has looked at all of its values: parts are read without checking them again.
pub struct ForeignChunk {
    chunk: Chunk,
    kind: ColumnType,
    nullable: bool,
}

impl ForeignChunk {
    /// Takes over the column chunk that `described` describes; `content` is its bytes in the file.
    ///
    /// `None` if parts do not have such: it is nested, of another type, longer than a row group (2²⁰ rows),
    /// or compressed by what takes long to read.
    pub fn new(described: &ColumnChunkMetaData, content: Bytes) -> Option<Self> {
        let column = described.column_descr();
        let fast = matches!(
            described.compression(),
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) | Compression::LZ4_RAW
        );
        let flat = column.max_rep_level() == 0 && column.max_def_level() <= 1 && column.path().parts().len() == 1;
        let kind = match column.physical_type() {
            Physical::BYTE_ARRAY => ColumnType::String,
            Physical::INT32 => ColumnType::Int,
            Physical::INT64 => ColumnType::Long,
            Physical::FLOAT => ColumnType::Float,
            Physical::DOUBLE => ColumnType::Double,
            Physical::BOOLEAN => ColumnType::Boolean,
            Physical::INT96 | Physical::FIXED_LEN_BYTE_ARRAY => return None,
        };
        let taken = fast && flat;
        let chunk = Chunk::foreign(described, content).filter(|_| taken)?;
        Some(Self { chunk, kind, nullable: column.max_def_level() == 1 })
    }

    /// Notes the least and the greatest of longs and how many rows are null, for readers that look for some rows.
    #[must_use]
    pub fn with_span(self, (least, most): (i64, i64), n_nulls: usize) -> Self {
        let statistics = Statistics::int64(Some(least), Some(most), None, Some(n_nulls as u64), false);
        match self.kind {
            ColumnType::Long => Self { chunk: self.chunk.with_statistics(statistics), ..self },
            _ => self,
        }
    }

    pub(super) fn is_of(&self, column: &Column) -> bool {
        self.kind == column.kind && self.nullable == column.nullable
    }

    pub(super) fn into_inner(self) -> Chunk {
        self.chunk
    }
}

/// Looks at the pages of a column chunk of strings, of `n_rows` rows, whether a part can have them as they are. Gives
/// the number of nulls, if so.
///
/// `None` if not: if something that is no UTF-8 or that `fits` refuses stands there; if its dictionary, where it has
/// one, is not in the order of first sight, or has more than occurs; or if its encodings are not those two that
/// nearly all writers use. Entries of a dictionary are looked at once, however often they occur.
///
/// # Errors
/// [`PartError::Corrupt`] if the pages are not such a column.
pub fn strings_fit(
    pages: &mut dyn PageReader,
    n_rows: usize,
    nullable: bool,
    mut fits: impl FnMut(&str) -> bool,
) -> Result<Option<usize>, PartError> {
    guarded(|| {
        let (mut n_entries, mut seen) = (0, 0_u32);
        let (mut missing, mut n_nulls) = (n_rows, 0);
        let (mut levels, mut codes) = (Vec::new(), Vec::new());
        while let Some(page) = pages.get_next_page().map_err(PartError::corrupt)? {
            if let Page::DictionaryPage { buf, num_values, .. } = &page {
                let first = n_entries == 0 && missing == n_rows;
                if !first || !plain_fits(buf, *num_values as usize, &mut fits)? {
                    return Ok(None);
                }
                n_entries = *num_values;
                continue;
            }
            let mut page = DataPage::of(&page, nullable)?;
            missing = missing
                .checked_sub(page.n_rows)
                .ok_or_else(|| PartError::corrupt("a page has more rows than its row group"))?;
            let mut n_values = page.n_rows;
            if let Some(runs) = page.levels.filter(|levels| !rle::is_all_ones(levels, page.n_rows)) {
                levels.clear();
                rle::decode(runs, 1, page.n_rows, &mut levels)?;
                n_values = levels.iter().filter(|level| **level == 1).count();
            }
            n_nulls += page.n_rows - n_values;
            match page.encoding {
                Encoding::PLAIN => {
                    if !plain_fits(page.data, n_values, &mut fits)? {
                        return Ok(None);
                    }
                }
                Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                    let width = rle::take(&mut page.data, 1)?[0];
                    codes.clear();
                    rle::decode(page.data, u32::from(width), n_values, &mut codes)?;
                    let in_order = codes.iter().all(|code| {
                        seen += u32::from(*code == seen);
                        *code < seen
                    });
                    if !in_order {
                        return Ok(None);
                    }
                }
                _ => return Ok(None),
            }
        }
        if missing > 0 {
            return Err(PartError::corrupt("a row group has too few rows"));
        }
        // Codes beyond the dictionary have been seen as well.
        Ok(Some(n_nulls).filter(|_| seen == n_entries))
    })
}

/// Whether all of the values, with a length before each, are UTF-8 and fit.
#[inline]
fn plain_fits(data: &[u8], n_values: usize, fits: &mut impl FnMut(&str) -> bool) -> Result<bool, PartError> {
    // Lengths below 128 are UTF-8 as well: then all is looked at in one go.
    let whole = std::str::from_utf8(data).ok();
    let mut rest = data;
    for _ in 0..n_values {
        // Written out, since this is what the time of an import goes into.
        let split = rest.split_first_chunk::<4>();
        let split = split.and_then(|(length, after)| after.split_at_checked(u32::from_le_bytes(*length) as usize));
        let Some((text, after)) = split else { return Err(PartError::corrupt("a page ends early")) };
        rest = after;
        let end = data.len() - after.len();
        let text = match whole {
            Some(whole) => whole.get(end - text.len()..end),
            None => std::str::from_utf8(text).ok(),
        };
        if !text.is_some_and(&mut *fits) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use parquet::{
        basic::ZstdLevel,
        column::page::PageMetadata,
        data_type::{ByteArray, ByteArrayType, Int64Type},
        errors::Result,
        file::{
            properties::WriterProperties,
            reader::{ChunkReader, FileReader},
            serialized_reader::SerializedFileReader,
            writer::SerializedFileWriter,
        },
        schema::parser::parse_message_type,
    };

    use super::*;
    use crate::parts::{Part, PartBuilder};

    struct Pages(std::vec::IntoIter<Page>);

    impl Iterator for Pages {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.get_next_page().transpose()
        }
    }

    impl PageReader for Pages {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.next())
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn plain(values: &[&[u8]]) -> Vec<u8> {
        values.iter().flat_map(|value| [&(value.len() as u32).to_le_bytes()[..], value].concat()).collect()
    }

    fn dictionary(values: &[&[u8]]) -> Page {
        let (buf, num_values) = (plain(values).into(), values.len() as u32);
        Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false }
    }

    fn data(buf: Vec<u8>, n_rows: usize, encoding: Encoding) -> Page {
        Page::DataPage {
            buf: buf.into(),
            num_values: n_rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }

    fn coded(codes: &[u32]) -> Page {
        let mut buf = vec![2];
        rle::encode(codes, 2, &mut buf);
        data(buf, codes.len(), Encoding::RLE_DICTIONARY)
    }

    fn fit(pages: Vec<Page>, n_rows: usize) -> Option<usize> {
        strings_fit(&mut Pages(pages.into_iter()), n_rows, false, |text| !text.is_empty() && text != "bad").unwrap()
    }

    #[test]
    fn a_dictionary_is_taken_if_all_of_it_occurs_in_the_order_of_first_sight() {
        let of = |codes: &[u32]| fit(vec![dictionary(&[b"a", b"b"]), coded(codes)], codes.len());
        assert_eq!(of(&[0, 0, 1, 0]), Some(0));
        assert_eq!(of(&[1, 0]), None, "the other way round");
        assert_eq!(of(&[0, 0]), None, "nobody has `b`");
        assert_eq!(of(&[0, 1, 2]), None, "a code too many");
        let overflown = vec![dictionary(&[b"a", b"b"]), coded(&[0, 1]), data(plain(&[b"c"]), 1, Encoding::PLAIN)];
        assert_eq!(fit(overflown, 3), Some(0));
    }

    #[test]
    fn values_that_do_not_fit_or_are_no_utf8_are_seen_wherever_they_stand() {
        let of = |values: &[&[u8]]| fit(vec![data(plain(values), values.len(), Encoding::PLAIN)], values.len());
        let long = "é".repeat(100);
        assert_eq!(of(&[b"a", "ß漢".as_bytes(), long.as_bytes()]), Some(0));
        for values in [[&b"a"[..], b"bad"], [b"", b"a"], [b"a", b"\xc3"], [long.as_bytes(), b"\xff"]] {
            assert_eq!(of(&values), None, "{values:?}");
        }
        // Together they are UTF-8, each alone is not.
        assert_eq!(of(&["é".as_bytes().split_at(1).0, b"\xa9"]), None);
        assert_eq!(fit(vec![dictionary(&[b"a", b"bad"]), coded(&[0, 1])], 2), None);
    }

    #[test]
    fn pages_that_have_not_as_many_rows_as_said_or_end_early_are_errors() {
        for (buf, n_rows) in [(plain(&[b"a"]), 2), (plain(&[b"a", b"b"]), 2), (vec![9, 0, 0, 0, b'a'], 1)] {
            let pages = vec![data(buf, n_rows, Encoding::PLAIN)];
            let n_said = if n_rows == 2 { 3 } else { 1 };
            assert!(strings_fit(&mut Pages(pages.into_iter()), n_said, false, |_| true).is_err());
        }
    }

    #[test]
    fn a_part_has_the_pages_of_another_file_and_reads_them() {
        let message = "message t { optional binary ID (UTF8); required int64 T; }";
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let described = Arc::new(parse_message_type(message).unwrap());
        let mut file = SerializedFileWriter::new(Vec::new(), described, Arc::new(properties)).unwrap();
        let mut group = file.next_row_group().unwrap();
        let ids: Vec<ByteArray> = (0..2_000).map(|row| format!("user{}", row % 700).as_str().into()).collect();
        let levels: Vec<i16> = (0..3_000).map(|row| i16::from(row % 3 > 0)).collect();
        let times: Vec<i64> = (0..3_000).map(|row| 1_700_000_000 + row * 7).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&ids, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        let file = Bytes::from(file.into_inner().unwrap());

        let reader = SerializedFileReader::new(file.clone()).unwrap();
        let group = reader.get_row_group(0).unwrap();
        let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
        let columns = [column("ID", ColumnType::String, true), column("T", ColumnType::Long, false)];
        let taken = |number: usize| {
            let described = group.metadata().column(number);
            let (start, length) = described.byte_range();
            let content = file.get_bytes(start, length as usize).unwrap();
            (ForeignChunk::new(described, content.clone()).unwrap(), content)
        };
        let mut pages = group.get_column_page_reader(0).unwrap();
        assert_eq!(strings_fit(pages.as_mut(), 3_000, true, |id| id.starts_with("user")).unwrap(), Some(1_000));
        let mut builder = PartBuilder::new(&columns);
        builder.put_chunk(0, taken(0).0);
        builder.put_chunk(1, taken(1).0.with_span((1_700_000_000, 1_700_020_993), 0));
        let content = builder.finish().unwrap();
        assert!(content.windows(taken(0).1.len()).any(|window| window == taken(0).1));
        let part = Part::open(content).unwrap();
        assert_eq!(part.longs("T").unwrap().values, times);
        let read = part.strings("ID").unwrap();
        let mut values = ids.iter();
        for (row, level) in levels.iter().enumerate() {
            let expected = (*level == 1).then(|| values.next().unwrap().as_utf8().unwrap());
            assert_eq!(read.get(row), expected);
        }

        let mut builder = PartBuilder::new(&columns);
        builder.put_chunk(1, taken(0).0);
        assert!(matches!(builder.finish(), Err(PartError::Misused { .. })), "strings are no longs");
    }
}
