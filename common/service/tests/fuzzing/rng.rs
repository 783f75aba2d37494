/// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough to choose what to break.
pub struct Rng(u64);

impl Rng {
    /// The generator of one request.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0xA076_1D64_78BD_642F) ^ number);
        rng.next();
        Self(rng.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Characters that have caused trouble somewhere.
    pub fn text(&mut self, length: usize) -> String {
        const ODD: [char; 16] = [
            '\0',
            '\n',
            '"',
            '\'',
            '\\',
            '/',
            '$',
            '*',
            '|',
            '%',
            'ß',
            '\u{301}',
            '\u{202e}',
            '\u{1f600}',
            '\u{feff}',
            '\u{10ffff}',
        ];
        let letter = |rng: &mut Self| match rng.below(8) {
            0 => *rng.pick(&ODD),
            _ => char::from(b' ' + rng.below(95) as u8),
        };
        (0..length).map(|_| letter(self)).collect()
    }
}
