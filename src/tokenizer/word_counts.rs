//! How often each word occurs in a text: the input of learning a vocabulary.

use super::fast::{NumberMap, Word, WordSplitter};
use super::normalizer::Normalizer;
use std::collections::HashMap;

/// Words and how often each occurs. Memory grows with the number of distinct words, not with the text.
/// The counts do not depend on the order of the texts, nor on how they are split among several
/// `WordCounts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordCounts {
    short: NumberMap<u128, u64>,
    long: HashMap<Box<str>, u64>,
}

impl WordCounts {
    /// No words.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the words of a text, such as a line, a sentence or a document. Special tokens written in
    /// it are ordinary text, as in the reference.
    pub fn add_text(&mut self, normalizer: &Normalizer, text: &str) {
        WordSplitter::of(*normalizer).for_each_word(text, |word| self.add(word, 1));
    }

    /// Adds `count` occurrences of `word`. An empty word is ignored.
    pub fn add_word(&mut self, word: &str, count: u64) {
        if !word.is_empty() {
            self.add(Word::of(word), count);
        }
    }

    fn add(&mut self, word: Word<'_>, count: u64) {
        match word {
            Word::Short(number) => *self.short.entry(number).or_default() += count,
            Word::Long(text) => match self.long.get_mut(text) {
                Some(total) => *total += count,
                None => {
                    self.long.insert(text.into(), count);
                }
            },
        }
    }

    /// Adds all counts of `other`, for example those of another thread or file.
    pub fn merge(&mut self, other: Self) {
        other.short.into_iter().for_each(|(word, count)| self.add(Word::Short(word), count));
        other.long.into_iter().for_each(|(word, count)| self.add(Word::Long(&word), count));
    }

    /// The number of distinct words.
    pub fn distinct(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// The total number of occurrences of all words.
    pub fn total(&self) -> u64 {
        self.short.values().chain(self.long.values()).sum()
    }

    /// The total number of occurrences of the words that satisfy `predicate`, which is called once for
    /// each distinct word.
    pub fn total_of(&self, predicate: impl Fn(&str) -> bool) -> u64 {
        let short = self.short.iter().filter(|(word, _)| Word::Short(**word).with_text(&predicate));
        let long = self.long.iter().filter(|(word, _)| predicate(word));
        short.map(|(_, count)| count).chain(long.map(|(_, count)| count)).sum()
    }

    /// The words with their counts, sorted by the bytes of the word.
    pub fn sorted(&self) -> Vec<(Box<str>, u64)> {
        let short = self
            .short
            .iter()
            .map(|(&word, &count)| (Word::Short(word).with_text(|text| text.into()), count));
        let long = self.long.iter().map(|(word, &count)| (word.clone(), count));
        let mut words: Vec<(Box<str>, u64)> = short.chain(long).collect();
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenizerOptions;

    #[test]
    fn the_order_and_the_split_of_texts_do_not_matter() {
        let normalizer = TokenizerOptions::default().normalizer();
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
        let first = [(",", 1), (".", 1), ("a", 1), ("cat", 1)];
        assert_eq!(all.sorted()[..4], first.map(|(word, count)| (word.into(), count)));
        assert_eq!((all.distinct(), all.total()), (7, 8));
    }

    #[test]
    fn short_and_long_words_are_one_list() {
        let mut counts = WordCounts::new();
        for word in ["abcdefghijklmnopq", "abcdefghijklmnop", "b", "abcdefghijklmnopq", ""] {
            counts.add_word(word, 2);
        }
        let mut other = WordCounts::new();
        other.add_word("abcdefghijklmnopqr", 1);
        other.merge(counts);
        let expected = [
            ("abcdefghijklmnop", 2),
            ("abcdefghijklmnopq", 4),
            ("abcdefghijklmnopqr", 1),
            ("b", 2),
        ];
        assert_eq!(other.sorted(), expected.map(|(word, count)| (word.into(), count)));
        assert_eq!((other.distinct(), other.total()), (4, 9));
        assert_eq!(other.total_of(|word| word.len() < 18), 8);
        assert_eq!(other.total_of(|word| word.len() > 16), 5);
    }
}
