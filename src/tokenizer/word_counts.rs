//! How often each word occurs: all that learning a vocabulary needs to know of a text.

use super::normalizer::Normalizer;
use super::word_splitter::WordSplitter;
use std::collections::HashMap;

/// Words and how often each occurs. Memory grows with the distinct words, not with the text, and the
/// result does not depend on the order of the texts or on how they are split among several counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordCounts {
    counts: HashMap<Box<str>, u64>,
}

impl WordCounts {
    /// No words yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the words of one stretch of text (a line, a sentence, a document). Special tokens
    /// written in it count as ordinary text, as in the reference.
    pub fn add_text(&mut self, normalizer: &Normalizer, text: &str) {
        let splitter = WordSplitter::of(*normalizer);
        splitter.for_each_word(text, |word| self.add_word(word, 1));
    }

    /// Counts `word` another `count` times.
    pub fn add_word(&mut self, word: &str, count: u64) {
        match self.counts.get_mut(word) {
            Some(total) => *total += count,
            None => {
                self.counts.insert(word.into(), count);
            }
        }
    }

    /// Adds the words of another count, for example of another thread or file.
    pub fn merge(&mut self, other: Self) {
        other.counts.into_iter().for_each(|(word, count)| match self.counts.get_mut(&word) {
            Some(total) => *total += count,
            None => {
                self.counts.insert(word, count);
            }
        });
    }

    /// How many distinct words there are.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// How many words there are in all.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The words and counts in the order of the words' text.
    pub fn sorted(&self) -> Vec<(&str, u64)> {
        let mut words: Vec<_> = self.counts.iter().map(|(word, &count)| (&**word, count)).collect();
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Options;

    #[test]
    fn the_order_and_the_split_of_texts_do_not_matter() {
        let normalizer = Options::default().normalizer();
        let count = |texts: &[&str]| {
            let mut counts = WordCounts::new();
            texts.iter().for_each(|text| counts.add_text(&normalizer, text));
            counts
        };
        let all = count(&["The fox, the dog.", "A cat"]);
        assert_eq!(all, count(&["a cat", "the dog. The fox,"]));
        let mut merged = count(&["A cat"]);
        merged.merge(count(&["The fox, the dog."]));
        assert_eq!(all, merged);
        assert_eq!(all.sorted()[..4], [(",", 1), (".", 1), ("a", 1), ("cat", 1)]);
        assert_eq!((all.distinct(), all.total()), (7, 8));
    }
}
