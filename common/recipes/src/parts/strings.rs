use parquet::{
    basic::Encoding,
    column::page::{Page, PageReader},
};

use super::{PartError, delta, error::guarded, rle};

/// Many strings in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at `index`; empty if there is none.
    pub fn get(&self, index: usize) -> &str {
        let begin = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(index).and_then(|end| self.text.get(begin..*end)).unwrap_or("")
    }

    /// The text, and for each string where it ends.
    pub(super) fn into_inner(self) -> (String, Vec<usize>) {
        (self.text, self.ends)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut begin = 0;
        self.ends.iter().map(move |end| {
            let begin = std::mem::replace(&mut begin, *end);
            self.text.get(begin..*end).unwrap_or("")
        })
    }
}

/// A column of strings: each row is a code into a dictionary.
///
/// The dictionary keeps the order in which values first occur. An entry can occur more than once in it:
/// each row group of the file brings its own entries, and columns of mostly distinct values are not
/// stored as a dictionary at all. To intern, look up each entry once and map the codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringColumn {
    pub dictionary: Strings,
    /// Per row a position in `dictionary`, or [`StringColumn::NULL`].
    pub codes: Vec<u32>,
}

impl StringColumn {
    /// The code of a row without value.
    pub const NULL: u32 = u32::MAX;

    /// The value of `row`; `None` if it is null or there is no such row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.codes.get(row).filter(|code| **code != Self::NULL).map(|code| self.dictionary.get(*code as usize))
    }
}

/// Reads the strings of one column chunk of any flat Parquet file, whoever wrote it, in one of the encodings
/// PLAIN, RLE_DICTIONARY, PLAIN_DICTIONARY and DELTA_LENGTH_BYTE_ARRAY.
///
/// # Errors
/// [`PartError::Corrupt`] if the pages are not such a column of `n_rows` rows.
pub fn foreign_strings(pages: &mut dyn PageReader, n_rows: usize, nullable: bool) -> Result<StringColumn, PartError> {
    guarded(|| {
        let mut collector = Collector::default();
        collector.reserve(n_rows)?;
        collector.chunk(pages, n_rows, nullable)?;
        collector.finish()
    })
}

/// A [`StringColumn`] in reading, row group after row group.
#[derive(Default)]
pub(super) struct Collector {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    codes: Vec<u32>,
    /// Scratch, to be reused from page to page.
    levels: Vec<u32>,
    page_codes: Vec<u32>,
}

/// Texts up to this long are copied by so many bytes at once, which is faster than by their length.
const SHORT: usize = 16;

impl Collector {
    pub fn reserve(&mut self, n_rows: usize) -> Result<(), PartError> {
        self.codes.try_reserve_exact(n_rows).map_err(PartError::corrupt)
    }

    /// Reads one column chunk of `n_rows` rows.
    pub fn chunk(&mut self, pages: &mut dyn PageReader, n_rows: usize, nullable: bool) -> Result<(), PartError> {
        let goal = self.codes.len() + n_rows;
        let first_entry = self.ends.len();
        let mut n_entries = 0;
        while let Some(page) = pages.get_next_page().map_err(PartError::corrupt)? {
            match &page {
                Page::DictionaryPage { buf, num_values, .. } => {
                    self.plain(buf, *num_values as usize)?;
                    n_entries = self.ends.len() - first_entry;
                }
                Page::DataPage { .. } | Page::DataPageV2 { .. } => {
                    let DataPage { levels, data, n_rows, encoding } = DataPage::of(&page, nullable)?;
                    if n_rows > goal - self.codes.len() {
                        return Err(PartError::corrupt("a page has more rows than its row group"));
                    }
                    self.data(levels, data, n_rows, encoding, first_entry, n_entries)?;
                }
            }
        }
        if self.codes.len() == goal { Ok(()) } else { Err(PartError::corrupt("a row group has too few rows")) }
    }

    pub fn finish(self) -> Result<StringColumn, PartError> {
        let text = String::from_utf8(self.bytes).map_err(|_| PartError::corrupt("text that is not UTF-8"))?;
        if !text.is_ascii() && !self.ends.iter().all(|end| text.is_char_boundary(*end)) {
            return Err(PartError::corrupt("text that is not UTF-8"));
        }
        Ok(StringColumn { dictionary: Strings { text, ends: self.ends }, codes: self.codes })
    }

    /// Appends length-prefixed values to the dictionary.
    fn plain(&mut self, mut data: &[u8], n_values: usize) -> Result<(), PartError> {
        // Each value has a length of four bytes before it.
        let n_bytes = data.len().saturating_sub(n_values.saturating_mul(4));
        self.bytes.try_reserve(n_bytes.saturating_add(SHORT)).map_err(PartError::corrupt)?;
        self.ends.try_reserve(n_values.min(data.len())).map_err(PartError::corrupt)?;
        let mut end = self.bytes.len();
        // Room for what is copied behind the last text too.
        self.bytes.resize(end + n_bytes + SHORT, 0);
        for _ in 0..n_values {
            let length = length_prefix(&mut data)?;
            let room = self.bytes.get_mut(end..).unwrap_or_default();
            match (data.first_chunk::<SHORT>(), room.first_chunk_mut::<SHORT>()) {
                (Some(short), Some(room)) if length <= SHORT => {
                    *room = *short;
                    data = &data[length..];
                }
                _ => {
                    let text = rle::take(&mut data, length)?;
                    let room = room.get_mut(..length).ok_or_else(|| PartError::corrupt("a page ends early"))?;
                    room.copy_from_slice(text);
                }
            }
            end += length;
            self.ends.push(end);
        }
        self.bytes.truncate(end);
        self.check_entries()
    }

    fn check_entries(&self) -> Result<(), PartError> {
        if self.ends.len() >= Self::MAX_ENTRIES {
            return Err(PartError::corrupt("more distinct strings than codes"));
        }
        Ok(())
    }

    const MAX_ENTRIES: usize = StringColumn::NULL as usize;

    fn data(
        &mut self,
        levels: Option<&[u8]>,
        mut data: &[u8],
        n_rows: usize,
        encoding: Encoding,
        first_entry: usize,
        n_entries: usize,
    ) -> Result<(), PartError> {
        self.levels.clear();
        let mut n_values = n_rows;
        if let Some(levels) = levels.filter(|levels| !rle::is_all_ones(levels, n_rows)) {
            rle::decode(levels, 1, n_rows, &mut self.levels)?;
            n_values = self.levels.iter().filter(|level| **level == 1).count();
        }
        // Without nulls, the codes of the values are those of the rows.
        let mut page_codes = std::mem::take(if n_values == n_rows { &mut self.codes } else { &mut self.page_codes });
        let begin_codes = if n_values == n_rows { page_codes.len() } else { 0 };
        page_codes.truncate(begin_codes);
        match encoding {
            Encoding::PLAIN => {
                let begin = self.ends.len() as u32;
                self.plain(data, n_values)?;
                page_codes.extend(begin..self.ends.len() as u32);
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let begin = self.ends.len() as u32;
                let lengths = delta::decode(&mut data, n_values)?;
                let first = self.bytes.len();
                let mut end = first;
                self.ends.reserve(n_values);
                for length in lengths {
                    let length = usize::try_from(length).ok().filter(|length| *length <= data.len());
                    end += length.ok_or_else(|| PartError::corrupt("a string of impossible length"))?;
                    self.ends.push(end);
                }
                self.bytes.extend_from_slice(rle::take(&mut data, end - first)?);
                self.check_entries()?;
                page_codes.extend(begin..self.ends.len() as u32);
            }
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let width = rle::take(&mut data, 1)?[0];
                rle::decode(data, u32::from(width), n_values, &mut page_codes)?;
                let new_codes = &mut page_codes[begin_codes..];
                if new_codes.iter().max().is_some_and(|most| *most as usize >= n_entries) {
                    return Err(PartError::corrupt("a code that its dictionary does not have"));
                }
                if first_entry > 0 {
                    new_codes.iter_mut().for_each(|code| *code += first_entry as u32);
                }
            }
            other => return Err(PartError::corrupt(format!("strings in {other}, which is not used here"))),
        }
        if n_values == n_rows {
            self.codes = page_codes;
        } else {
            let mut values = page_codes.iter();
            let of_level = |level: &u32| match level {
                1 => values.next().copied().unwrap_or(StringColumn::NULL),
                _ => StringColumn::NULL,
            };
            self.codes.extend(self.levels.iter().map(of_level));
            self.page_codes = page_codes;
        }
        Ok(())
    }
}

/// A data page of a flat column of strings.
pub(super) struct DataPage<'a> {
    /// Which rows have a value, as runs; `None` if all have one.
    pub levels: Option<&'a [u8]>,
    pub data: &'a [u8],
    pub n_rows: usize,
    pub encoding: Encoding,
}

impl<'a> DataPage<'a> {
    /// # Errors
    /// If the page ends early, or is a dictionary.
    pub fn of(page: &'a Page, nullable: bool) -> Result<Self, PartError> {
        let mut data = &page.buffer()[..];
        let levels = match page {
            Page::DataPage { .. } if nullable => {
                let length = length_prefix(&mut data)?;
                Some(rle::take(&mut data, length)?)
            }
            Page::DataPage { .. } => None,
            Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
                rle::take(&mut data, *rep_levels_byte_len as usize)?;
                Some(rle::take(&mut data, *def_levels_byte_len as usize)?).filter(|_| nullable)
            }
            Page::DictionaryPage { .. } => return Err(PartError::corrupt("a dictionary in the place of values")),
        };
        Ok(Self { levels, data, n_rows: page.num_values() as usize, encoding: page.encoding() })
    }
}

fn length_prefix(data: &mut &[u8]) -> Result<usize, PartError> {
    let head = rle::take(data, 4)?;
    Ok(head.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize)
}
