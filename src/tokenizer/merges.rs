//! Byte-pair merges over counted words, each in time proportional to the words it touches.
//!
//! The counts of all pairs of neighbouring symbols are kept up to date, and a heap holds the
//! candidates. Its entries may be out of date; one that is is put back with the present count when it
//! comes to the top (Sennrich et al., 2016, and `BpeTrainer` of `tokenizers`).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Two neighbouring symbols.
pub(super) type Pair = (u32, u32);

/// A pair that could be merged. The most frequent first; of equally frequent ones the pair with the
/// smaller ids.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) count: u64,
    pub(super) pair: Reverse<Pair>,
    /// Where the pair came up when this candidate was made: indices of words, ascending.
    words: Vec<u32>,
}

/// Words as sequences of symbols, and the counts of their pairs.
#[derive(Debug)]
pub(super) struct Merges {
    words: Vec<(Vec<u32>, u64)>,
    pair_counts: HashMap<Pair, u64>,
    queue: BinaryHeap<Candidate>,
}

impl Merges {
    /// Counts the pairs of these words, given with how often each occurs.
    pub(super) fn new(words: Vec<(Vec<u32>, u64)>) -> Self {
        let mut merges = Self { words, pair_counts: HashMap::new(), queue: BinaryHeap::new() };
        let mut found = Vec::new();
        for (index, (symbols, count)) in (0..).zip(&merges.words) {
            for window in symbols.windows(2) {
                let pair = (window[0], window[1]);
                *merges.pair_counts.entry(pair).or_default() += count;
                found.push((pair, index));
            }
        }
        merges.push_candidates(found);
        merges
    }

    /// Takes out the best candidate, with its present count.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
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
    /// The pair's own count is left as it is, as in the reference: where two different merges make
    /// the same piece the pair can arise again, and then counts as frequent as it was.
    pub(super) fn apply(&mut self, candidate: &Candidate, replacement: u32) {
        let mut found = Vec::new();
        for &index in &candidate.words {
            let (symbols, count) = &mut self.words[index as usize];
            let pair_counts = &mut self.pair_counts;
            merge_word(symbols, candidate.pair.0, replacement, |pair, is_new| {
                let pair_count = pair_counts.entry(pair).or_default();
                if is_new {
                    *pair_count += *count;
                    found.push((pair, index));
                } else {
                    *pair_count = pair_count.saturating_sub(*count);
                }
            });
        }
        self.push_candidates(found);
    }

    /// Puts a candidate into the queue for each pair found, given with the word it was found in.
    fn push_candidates(&mut self, mut found: Vec<(Pair, u32)>) {
        // Sorted, so that equal candidates come out in the same order in every run.
        found.sort_unstable();
        found.dedup();
        for group in found.chunk_by(|a, b| a.0 == b.0) {
            let pair = group[0].0;
            let count = self.pair_counts[&pair];
            if count > 0 {
                let words = group.iter().map(|&(_, word)| word).collect();
                self.queue.push(Candidate { count, pair: Reverse(pair), words });
            }
        }
    }
}

/// Replaces `pair` by `replacement` in one word, from the left, and reports each pair of neighbours
/// that is gone (`false`) or new (`true`).
fn merge_word(
    symbols: &mut Vec<u32>,
    pair: Pair,
    replacement: u32,
    mut changed: impl FnMut(Pair, bool),
) {
    let (mut read, mut written) = (0, 0);
    while read < symbols.len() {
        if symbols[read..].starts_with(&[pair.0, pair.1]) {
            if written > 0 {
                let before = symbols[written - 1];
                changed((before, pair.0), false);
                changed((before, replacement), true);
            }
            if let Some(&after) = symbols.get(read + 2) {
                changed((pair.1, after), false);
                changed((replacement, after), true);
            }
            symbols[written] = replacement;
            read += 2;
        } else {
            symbols[written] = symbols[read];
            read += 1;
        }
        written += 1;
    }
    symbols.truncate(written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overlapping_pairs_merge_from_the_left() {
        let mut word = vec![1, 1, 1, 2];
        let mut changes = Vec::new();
        merge_word(&mut word, (1, 1), 9, |pair, is_new| changes.push((pair, is_new)));
        assert_eq!(word, [9, 1, 2]);
        assert_eq!(changes, [((1, 1), false), ((9, 1), true)]);
    }

    #[test]
    fn ties_go_to_the_smaller_ids() {
        let mut merges = Merges::new(vec![(vec![5, 6], 2), (vec![3, 9], 2), (vec![3, 8], 1)]);
        let order: Vec<_> = std::iter::from_fn(|| merges.pop()).map(|c| c.pair.0).collect();
        assert_eq!(order, [(3, 9), (5, 6), (3, 8)]);
    }

    proptest! {
        /// Every candidate that comes out has the count that plain recounting gives, and is the best.
        #[test]
        fn incremental_counts_equal_recounting(
            words in prop::collection::vec((prop::collection::vec(0u32..4, 0..8), 1u64..5), 1..12)
        ) {
            let mut merges = Merges::new(words);
            // New symbols only, so a merged pair never comes back and recounting is exact.
            for replacement in 10..30 {
                let mut recounted: HashMap<Pair, u64> = HashMap::new();
                for (symbols, count) in &merges.words {
                    for window in symbols.windows(2) {
                        *recounted.entry((window[0], window[1])).or_default() += count;
                    }
                }
                let best = recounted.iter().map(|(&pair, &count)| (count, Reverse(pair))).max();
                let Some((count, pair)) = best else { break };
                let mut candidate = merges.pop().unwrap();
                // A pair that was merged before may still be in the queue, with nothing left to do.
                while !recounted.contains_key(&candidate.pair.0) {
                    candidate = merges.pop().unwrap();
                }
                prop_assert_eq!((candidate.count, candidate.pair), (count, pair));
                merges.apply(&candidate, replacement);
            }
        }
    }
}
