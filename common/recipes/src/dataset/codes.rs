use rayon::prelude::*;

/// A small number per row, 0 for none, in as many bytes as the greatest of them needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::U8(Vec::new())
    }
}

impl Codes {
    pub fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
        }
    }

    /// The code of a row; 0 if there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> u32 {
        match self {
            Self::U8(codes) => codes.get(row).copied().map_or(0, u32::from),
            Self::U16(codes) => codes.get(row).copied().map_or(0, u32::from),
            Self::U32(codes) => codes.get(row).copied().unwrap_or(0),
        }
    }

    pub fn resident_bytes(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len() * 2,
            Self::U32(codes) => codes.len() * 4,
        }
    }

    /// Lets the codes be as long as `len`, with zeros.
    pub fn pad(&mut self, len: usize) {
        match self {
            Self::U8(codes) => codes.resize(len, 0),
            Self::U16(codes) => codes.resize(len, 0),
            Self::U32(codes) => codes.resize(len, 0),
        }
    }

    pub fn extend(&mut self, others: impl Iterator<Item = u32> + Clone) {
        self.widen(others.clone().max().unwrap_or(0));
        match self {
            Self::U8(codes) => codes.extend(others.map(|code| code as u8)),
            Self::U16(codes) => codes.extend(others.map(|code| code as u16)),
            Self::U32(codes) => codes.extend(others),
        }
    }

    fn widen(&mut self, greatest: u32) {
        let all = 0..self.len();
        match self {
            Self::U8(_) if greatest > u32::from(u16::MAX) => *self = Self::U32(all.map(|row| self.get(row)).collect()),
            Self::U8(_) if greatest > u32::from(u8::MAX) => {
                *self = Self::U16(all.map(|row| self.get(row) as u16).collect());
            }
            Self::U16(_) if greatest > u32::from(u16::MAX) => *self = Self::U32(all.map(|row| self.get(row)).collect()),
            _ => {}
        }
    }

    /// What `new` makes of the codes of some rows, in this order. `greatest` is the greatest that it gives.
    pub fn gather(&self, rows: &[u32], greatest: u32, new: impl Fn(u32) -> u32 + Sync) -> Self {
        let code = |row: &u32| new(self.get(*row as usize));
        match greatest {
            0..=0xff => Self::U8(rows.par_iter().map(|row| code(row) as u8).collect()),
            0x100..=0xffff => Self::U16(rows.par_iter().map(|row| code(row) as u16).collect()),
            _ => Self::U32(rows.par_iter().map(code).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_take_the_bytes_that_the_greatest_needs() {
        let mut codes = Codes::default();
        for (code, bytes) in [(255, 1), (256, 2), (3, 2), (65_535, 2), (65_536, 4), (u32::MAX, 4)] {
            codes.extend([code, 0].into_iter());
            assert_eq!(codes.resident_bytes(), bytes * codes.len());
        }
        codes.pad(13);
        let all: Vec<u32> = (0..14).map(|row| codes.get(row)).collect();
        assert_eq!(all, [255, 0, 256, 0, 3, 0, 65_535, 0, 65_536, 0, u32::MAX, 0, 0, 0]);
        assert_eq!(codes.gather(&[0, 4, 1], 255, |code| code), Codes::U8(vec![255, 3, 0]));
        assert_eq!(codes.gather(&[2, 0], 512, |code| code * 2), Codes::U16(vec![512, 510]));
    }
}
