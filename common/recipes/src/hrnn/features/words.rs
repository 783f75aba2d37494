//! Words of texts, weighed by how telling they are.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Words that are features, in byte order, and what each weighs.
///
/// A word that a text has `t` times, and `n` of `N` texts at all, weighs `(1 + ln t) ln(N / n)` (Salton and Buckley,
/// 1988); the weights of a text are then divided by their length as a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Words {
    words: Vec<String>,
    /// `ln(N / n)`
    weights: Vec<f32>,
}

/// Share of the texts from which on a word says nothing.
const EVERYWHERE: f64 = 0.5;

impl Words {
    /// The `most` words that most of the texts have: at least `least` texts, and not every second one.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>, n_texts: usize, least: usize, most: usize) -> Self {
        let mut n_with: HashMap<String, usize> = HashMap::new();
        for text in texts {
            let distinct: BTreeMap<String, usize> = count(text);
            for (word, _) in distinct {
                *n_with.entry(word).or_default() += 1;
            }
        }
        let telling = |n: usize| n >= least && n as f64 <= EVERYWHERE * n_texts as f64;
        let mut words: Vec<(String, usize)> = n_with.into_iter().filter(|(_, n)| telling(*n)).collect();
        words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        words.truncate(most);
        words.sort_unstable();
        let weights = words.iter().map(|(_, n)| (n_texts as f32 / *n as f32).ln()).collect();
        Self { words: words.into_iter().map(|(word, _)| word).collect(), weights }
    }

    pub fn len(&self) -> usize {
        self.words.len().min(self.weights.len())
    }

    /// Adds the words of a text that are features.
    pub fn find(&self, text: &str, found: &mut Vec<(usize, f32)>) {
        let begin = found.len();
        for (word, times) in count(text) {
            if let Ok(place) = self.words.binary_search(&word)
                && let Some(weight) = self.weights.get(place)
            {
                found.push((place, weight * (1.0 + (times as f32).ln())));
            }
        }
        let length = found[begin..].iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        if length > 0.0 {
            for (_, weight) in &mut found[begin..] {
                *weight /= length;
            }
        }
    }
}

/// The words of a text in lower case, of at least two letters or digits, with how often each occurs.
fn count(text: &str) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.chars().nth(1).is_some()) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_weigh_by_how_few_texts_have_them() {
        let texts = ["A toy story", "Toy soldiers: the story of a toy", "The end", "the rest", "the best", "a bug"];
        let words = Words::of(texts.iter().copied(), texts.len(), 2, 10);
        // "the" is everywhere, "end" is in one text, "a" has one letter.
        assert_eq!(words.words, ["story", "toy"]);
        let mut found = Vec::new();
        words.find("TOY, toy and a story", &mut found);
        let [story, toy] = [1.0, 1.0 + 2_f32.ln()].map(|times| times * 3_f32.ln());
        let length = (story * story + toy * toy).sqrt();
        assert_eq!(found, [(0, story / length), (1, toy / length)]);
        assert_eq!(Words::of(texts.iter().copied(), texts.len(), 2, 1).words, ["story"]);
        let mut found = Vec::new();
        words.find("nothing of it", &mut found);
        assert!(found.is_empty());
    }
}
