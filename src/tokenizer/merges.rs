//! Byte-pair merges over counted words. The time of a merge is proportional to the words that contain
//! its pair.
//!
//! The counts of all pairs of neighbouring symbols are updated with every merge, and a heap holds the
//! candidates. The counts in the heap may be outdated: a candidate with an outdated count is put back
//! with the current count when it reaches the top (as in Sennrich et al., 2016, and `BpeTrainer` of
//! `tokenizers`).

use super::fast::{LongWord, NumberMap};
use super::merge_word::{Pair, merge_word};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The most symbols of a short word; a longer one is a [`LongWord`].
const SHORT_SYMBOLS: usize = 256;

/// A pair that could be merged. The greatest candidate is the most frequent; of equally frequent ones,
/// the pair with the smaller ids.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// How often the pair occurs.
    pub(super) count: u64,
    /// The pair, reversed so that smaller ids are greater.
    pub(super) pair: Reverse<Pair>,
    /// The words in which the pair was found: ascending indices.
    words: Vec<u32>,
}

/// Words as sequences of symbols, and the counts of their pairs.
#[derive(Debug, Default)]
pub(super) struct Merges {
    /// The symbols of all short words in order. A word keeps its position when merges shorten it.
    symbols: Vec<u32>,
    words: Vec<Word>,
    pair_counts: NumberMap<Pair, u64>,
    /// Pairs found since the last candidates were pushed.
    found: Found,
    queue: BinaryHeap<Candidate>,
}

/// A word and how often it occurs.
#[derive(Debug)]
struct Word {
    symbols: Symbols,
    count: u64,
}

/// The symbols of a word.
#[derive(Debug)]
enum Symbols {
    /// `length` elements of `Merges::symbols`, from `start`.
    Short { start: usize, length: usize },
    /// A word of more than `SHORT_SYMBOLS` symbols.
    Long(Box<LongWord>),
}

/// Pairs in the order in which they were found, each with its words in ascending order.
#[derive(Debug, Default)]
struct Found {
    places: NumberMap<Pair, usize>,
    pairs: Vec<(Pair, Vec<u32>)>,
}

impl Found {
    /// Adds an occurrence of `pair` in `word`. Words must come in ascending order.
    fn add(&mut self, pair: Pair, word: u32) {
        let place = *self.places.entry(pair).or_insert(self.pairs.len());
        if place == self.pairs.len() {
            self.pairs.push((pair, Vec::new()));
        }
        let words = &mut self.pairs[place].1;
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
}

impl Merges {
    /// No words.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a word that occurs `count` times. All words must be added before the first call of
    /// [`Merges::pop`].
    pub(super) fn add_word(&mut self, symbols: impl IntoIterator<Item = u32>, count: u64) {
        let (start, index) = (self.symbols.len(), self.words.len() as u32);
        self.symbols.extend(symbols);
        let symbols = &self.symbols[start..];
        for window in symbols.windows(2) {
            let pair = (window[0], window[1]);
            *self.pair_counts.entry(pair).or_default() += count;
            self.found.add(pair, index);
        }
        let symbols = if symbols.len() <= SHORT_SYMBOLS {
            Symbols::Short { start, length: symbols.len() }
        } else {
            let symbols = self.symbols.split_off(start);
            // A word may be as long as the text, so what was reserved for it is given back.
            self.symbols.shrink_to(2 * start);
            Symbols::Long(Box::new(LongWord::new(symbols)))
        };
        self.words.push(Word { symbols, count });
    }

    /// Removes and returns the best candidate, with its current count.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
        self.push_candidates();
        loop {
            let mut candidate = self.queue.pop()?;
            let count = self.pair_counts[&candidate.pair.0];
            if candidate.count == count {
                return Some(candidate);
            }
            candidate.count = count;
            self.queue.push(candidate);
        }
    }

    /// Replaces the candidate's pair by `replacement` in its words.
    ///
    /// The count of the pair itself does not change, as in the reference. If two different merges give
    /// the same piece, the pair can occur again; it then has its old count.
    pub(super) fn apply(&mut self, candidate: &Candidate, replacement: u32) {
        let Self { symbols, words, pair_counts, found, .. } = self;
        for &index in &candidate.words {
            let word = &mut words[index as usize];
            let count = word.count;
            let changed = |pair, is_new| {
                let pair_count = pair_counts.entry(pair).or_default();
                if is_new {
                    *pair_count += count;
                    found.add(pair, index);
                } else {
                    *pair_count = pair_count.saturating_sub(count);
                }
            };
            match &mut word.symbols {
                Symbols::Short { start, length } => {
                    let symbols = &mut symbols[*start..*start + *length];
                    *length = merge_word(symbols, candidate.pair.0, replacement, changed);
                }
                Symbols::Long(word) => word.merge(candidate.pair.0, replacement, changed),
            }
        }
    }

    /// Pushes a candidate for each pair found. The order of candidates is total, so the order of pushing
    /// does not matter.
    fn push_candidates(&mut self) {
        for (pair, words) in std::mem::take(&mut self.found).pairs {
            let count = self.pair_counts[&pair];
            if count > 0 {
                self.queue.push(Candidate { count, pair: Reverse(pair), words });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn merges(words: Vec<(Vec<u32>, u64)>) -> Merges {
        let mut merges = Merges::new();
        words.into_iter().for_each(|(symbols, count)| merges.add_word(symbols, count));
        merges
    }

    #[test]
    fn ties_go_to_the_smaller_ids() {
        let mut merges = merges(vec![(vec![5, 6], 2), (vec![3, 9], 2), (vec![3, 8], 1)]);
        let order: Vec<_> = std::iter::from_fn(|| merges.pop()).map(|c| c.pair.0).collect();
        assert_eq!(order, [(3, 9), (5, 6), (3, 8)]);
    }

    #[test]
    fn a_long_word_leaves_nothing_reserved() {
        let merges = merges(vec![(vec![1; 10], 1), (vec![2; 1 << 20], 1)]);
        assert!(merges.symbols.capacity() < 1 << 10, "{}", merges.symbols.capacity());
    }

    proptest! {
        /// Every popped candidate is the best one, with the count that recounting gives.
        #[test]
        fn incremental_counts_equal_recounting(
            mut words in prop::collection::vec((prop::collection::vec(0u32..4, 0..8), 1u64..5), 1..12),
            long in prop::option::of((prop::collection::vec(0u32..4, 257..300), 1u64..5)),
        ) {
            words.extend(long);
            let mut merges = merges(words);
            // Only new symbols: a merged pair never occurs again, so recounting is exact.
            for replacement in 10..30 {
                let mut recounted: HashMap<Pair, u64> = HashMap::new();
                for Word { symbols, count } in &merges.words {
                    let symbols = match symbols {
                        Symbols::Short { start, length } => {
                            merges.symbols[*start..start + length].to_vec()
                        }
                        Symbols::Long(word) => word.symbols(),
                    };
                    for window in symbols.windows(2) {
                        *recounted.entry((window[0], window[1])).or_default() += count;
                    }
                }
                let best = recounted.iter().map(|(&pair, &count)| (count, Reverse(pair))).max();
                let Some((count, pair)) = best else { break };
                let mut candidate = merges.pop().unwrap();
                // The queue may still contain a pair that was merged before.
                while !recounted.contains_key(&candidate.pair.0) {
                    candidate = merges.pop().unwrap();
                }
                prop_assert_eq!((candidate.count, candidate.pair), (count, pair));
                merges.apply(&candidate, replacement);
            }
        }
    }
}
