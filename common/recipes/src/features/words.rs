use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Longest word that is told from others; of a longer one the beginning counts.
const MAX_WORD: usize = 40;

/// Words up to which pairs of them are counted too.
const MAX_WORDS_FOR_PAIRS: usize = 20_000_000;

/// Rows that a word has to occur in for pairs with it to count.
const LEAST_FOR_PAIRS: u32 = 3;

/// Of each row the words and pairs of neighbouring words, as numbers, and how often they occur in it.
///
/// Numbers are given in the order of occurrence, `max_words` to the commonest words at most.
pub fn counts<'a>(texts: impl Iterator<Item = Option<&'a str>>, max_words: usize) -> Vec<Vec<(u32, f32)>> {
    let mut numbers: HashMap<String, u32, FixedState> = HashMap::default();
    let mut n_with: Vec<u32> = Vec::new();
    let mut rows: Vec<Vec<u32>> = Vec::new();
    let mut last_row: Vec<usize> = Vec::new();
    for (row, text) in texts.enumerate() {
        let mut words = Vec::new();
        for_each_word(text.unwrap_or_default(), |word| {
            let number = numbers.get(word).copied().unwrap_or_else(|| {
                let number = n_with.len() as u32;
                numbers.insert(word.to_owned(), number);
                n_with.push(0);
                last_row.push(usize::MAX);
                number
            });
            let at = number as usize;
            if last_row[at] != row {
                (last_row[at], n_with[at]) = (row, n_with[at] + 1);
            }
            words.push(number);
        });
        rows.push(words);
    }
    drop(numbers);
    let least = least_of_commonest(&n_with, max_words);
    let n_words: usize = rows.iter().map(Vec::len).sum();
    let mut pairs: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
    let next = n_with.len() as u32;
    rows.into_iter()
        .map(|words| {
            let mut found: Vec<u32> = words.iter().copied().filter(|word| n_with[*word as usize] >= least).collect();
            if n_words <= MAX_WORDS_FOR_PAIRS {
                let common = |word: u32| n_with[word as usize] >= LEAST_FOR_PAIRS.max(least);
                for pair in words.windows(2).filter(|pair| common(pair[0]) && common(pair[1])) {
                    let new = next.saturating_add(pairs.len() as u32);
                    found.push(*pairs.entry((pair[0], pair[1])).or_insert(new));
                }
            }
            counted(found)
        })
        .collect()
}

/// So many rows have a word of the `max` commonest.
fn least_of_commonest(n_with: &[u32], max: usize) -> u32 {
    let mut sorted = n_with.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    // One more, lest a tie bring in thousands.
    sorted.get(max).map_or(0, |last| last + 1)
}

fn counted(mut found: Vec<u32>) -> Vec<(u32, f32)> {
    found.sort_unstable();
    found.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as f32)).collect()
}

/// Runs of letters and digits, in lower case; of scripts without spaces each character.
fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::new();
    for character in text.chars() {
        if !character.is_alphanumeric() || stands_alone(character) {
            if !word.is_empty() {
                each(&word);
                word.clear();
            }
            if stands_alone(character) {
                each(character.encode_utf8(&mut [0; 4]));
            }
        } else if word.len() < MAX_WORD {
            word.extend(character.to_lowercase());
        }
    }
    if !word.is_empty() {
        each(&word);
    }
}

/// Kana, and Chinese characters.
fn stands_alone(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_and_single_characters_of_other_scripts() {
        assert_eq!(words("Heat (1995): Pacino's best"), ["heat", "1995", "pacino", "s", "best"]);
        assert_eq!(words("東京 tower"), ["東", "京", "tower"]);
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words(&"a".repeat(100))[0].len(), MAX_WORD);
    }

    #[test]
    fn pairs_follow_words_and_repetitions_are_counted() {
        let texts = ["red cup", "red cup red", "cup red", "red", "other cup"];
        let counts = counts(texts.iter().map(|text| Some(*text)), 10);
        // red 0, cup 1, other 2; "red cup" 3, "cup red" 4.
        assert_eq!(counts[0], [(0, 1.0), (1, 1.0), (3, 1.0)]);
        assert_eq!(counts[1], [(0, 2.0), (1, 1.0), (3, 1.0), (4, 1.0)]);
        assert_eq!(counts[4], [(1, 1.0), (2, 1.0)]);
    }

    #[test]
    fn only_the_commonest_words_are_kept() {
        let texts = ["a b", "a b", "a c", "d"];
        let counts = counts(texts.iter().map(|text| Some(*text)), 2);
        assert_eq!(counts, [vec![(0, 1.0), (1, 1.0)], vec![(0, 1.0), (1, 1.0)], vec![(0, 1.0)], vec![]]);
    }
}
