//! Counting which words stand beside which, in a text that is tokenized: [`WordSample`].
//! Word vectors are made of these counts. A word here is a word piece.

use super::store::TokenStore;
use crate::system::threads;
use crate::tensor::random::{Generator, Purpose};
use std::ops::Range;

/// The tokens that are counted, at most: 16,777,216. Every count of a single offset is then exact as an `f32`.
pub const MOST_TOKENS: u64 = 1 << 24;

/// In place of the rank of a word that is too rare.
const RARE: u32 = u32::MAX;

/// Tokens read between calls of [`TokenStore::release`].
const RELEASED_AT_ONCE: usize = 1 << 22;

/// The words of some documents of a token store by frequency, to count their neighbours.
pub struct WordSample<'s> {
    store: &'s TokenStore,
    /// Sentences as numbers in the store.
    sentences: Vec<Range<usize>>,
    /// Ids of the words that occur often enough, the most frequent first.
    words: Vec<u32>,
    /// How often each of `words` occurs.
    counts: Vec<u64>,
    /// The index in `words` of every id.
    ranks: Vec<u32>,
    tokens: u64,
}

impl<'s> WordSample<'s> {
    /// Counts the words of `documents` of `store`, whose ids are below `vocab_size`. Words that occur fewer than `least`
    /// times are left out. When the documents have more than [`MOST_TOKENS`] tokens, documents drawn from `seed` are
    /// counted, up to that number.
    ///
    /// # Panics
    /// When `store` has no such document, or an id that is not below `vocab_size`.
    pub fn new(
        store: &'s TokenStore,
        documents: &[u32],
        vocab_size: usize,
        least: u64,
        seed: u64,
    ) -> Self {
        Self::with_most_tokens(store, documents, vocab_size, least, seed, MOST_TOKENS)
    }

    fn with_most_tokens(
        store: &'s TokenStore,
        documents: &[u32],
        vocab_size: usize,
        least: u64,
        seed: u64,
        most_tokens: u64,
    ) -> Self {
        let sentences = sentences(store, documents, most_tokens, seed);
        let mut sample =
            Self { store, sentences, words: vec![], counts: vec![], ranks: vec![], tokens: 0 };
        let mut counts = vec![0u64; vocab_size];
        sample.for_each_sentence(|ids| ids.iter().for_each(|&id| counts[id as usize] += 1));
        sample.tokens = counts.iter().sum();
        sample.words = (0..vocab_size as u32).filter(|&id| counts[id as usize] >= least).collect();
        // The sort is stable: words of the same frequency stay in the order of their ids.
        sample.words.sort_by_key(|&id| std::cmp::Reverse(counts[id as usize]));
        sample.counts = sample.words.iter().map(|&id| counts[id as usize]).collect();
        sample.ranks = vec![RARE; vocab_size];
        for (rank, &id) in sample.words.iter().enumerate() {
            sample.ranks[id as usize] = rank as u32;
        }
        sample
    }

    /// Ids of the words that occur often enough, the most frequent first.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The number of tokens that are counted.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// `[words, groups, contexts]`: how often word number `contexts` of [`words`](Self::words) stands beside a word, at one
    /// of the offsets of a group. The contexts are the first words. An offset of 1 is the next word; offsets do not
    /// leave the sentence. A count stays at 2²⁴ where it would be larger.
    ///
    /// # Panics
    /// When there are fewer words than `contexts`.
    pub fn neighbours(&self, groups: &[Vec<isize>], contexts: usize) -> Vec<f32> {
        assert!(contexts <= self.words.len(), "every context is one of the words");
        let width = groups.len() * contexts;
        let mut neighbours = vec![0.0; self.words.len() * width];
        // Every task reads all sentences and counts for words of its own, so that no two of them write the same count.
        let tasks = threads::count() as u64;
        let all: u64 = self.counts.iter().sum();
        let (mut rest, mut parts) = (neighbours.as_mut_slice(), Vec::new());
        let (mut start, mut before) = (0, 0);
        for task in 1..=tasks {
            let mut end = start;
            while end < self.words.len() && (task == tasks || before < all * task / tasks) {
                before += self.counts[end];
                end += 1;
            }
            let (part, behind) = rest.split_at_mut((end - start) * width);
            rest = behind;
            parts.push((start as u32..end as u32, part));
            start = end;
        }
        threads::for_each(parts, |(words, part)| {
            let mut ranks = Vec::new();
            self.for_each_sentence(|ids| {
                ranks.clear();
                ranks.extend(ids.iter().map(|&id| self.ranks[id as usize]));
                for (at, rank) in ranks.iter().enumerate().filter(|(_, rank)| words.contains(*rank))
                {
                    let row = &mut part[(*rank - words.start) as usize * width..][..width];
                    for (group, offsets) in groups.iter().enumerate() {
                        let there = offsets.iter().filter_map(|&by| at.checked_add_signed(by));
                        for &rank in there.filter_map(|at| ranks.get(at)) {
                            if (rank as usize) < contexts {
                                row[group * contexts + rank as usize] += 1.0;
                            }
                        }
                    }
                }
            });
        });
        neighbours
    }

    fn for_each_sentence(&self, mut visit: impl FnMut(&[u32])) {
        let (mut ids, mut read) = (Vec::new(), 0);
        for sentence in self.sentences.iter().cloned().flatten() {
            ids.clear();
            self.store.extend(self.store.sentence(sentence), &mut ids);
            visit(&ids);
            read += ids.len();
            if read >= RELEASED_AT_ONCE {
                self.store.release();
                read = 0;
            }
        }
        self.store.release();
    }
}

/// The sentences of `documents`; of documents drawn from `seed` when there are more than `most_tokens` tokens. The last
/// one that is drawn is cut after a sentence.
fn sentences(
    store: &TokenStore,
    documents: &[u32],
    most_tokens: u64,
    seed: u64,
) -> Vec<Range<usize>> {
    let tokens = |sentences: &Range<usize>| -> u64 {
        if sentences.is_empty() {
            return 0;
        }
        store.sentence(sentences.end - 1).end - store.sentence(sentences.start).start
    };
    let of_document = |&document: &u32| store.document(document as usize);
    let mut left = most_tokens;
    let mut drawn: Vec<Range<usize>> = Vec::new();
    if documents.iter().map(|document| tokens(&of_document(document))).sum::<u64>() <= left {
        drawn.extend(documents.iter().map(of_document));
    } else {
        let mut order = documents.to_vec();
        Generator::new(seed, Purpose::WordEmbeddings, 0, 0).shuffle(&mut order);
        for mut sentences in order.iter().map(of_document) {
            let whole = tokens(&sentences) <= left;
            while tokens(&sentences) > left {
                sentences.end -= 1;
            }
            left -= tokens(&sentences);
            drawn.push(sentences);
            if !whole {
                break;
            }
        }
        // The text is read in its order.
        drawn.sort_by_key(|sentences| sentences.start);
    }
    let mut merged: Vec<Range<usize>> = Vec::new();
    for sentences in drawn {
        match merged.last_mut() {
            Some(last) if last.end == sentences.start => last.end = sentences.end,
            _ => merged.push(sentences),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::tests::store;
    use crate::system::threads::Pool;

    /// Ids are 5 for `a`, 6 for `b`, 7 for `c`, 8 for `d`.
    const TEXT: &str = "a b a c\nb a\n\na a b\nd\n";

    #[test]
    fn neighbours_are_counted_at_their_offsets_within_a_sentence() {
        let store = store(TEXT);
        for threads in [1, 2, 3, 7] {
            Pool::new(threads).unwrap().run(|| {
                let sample = WordSample::new(&store, &[0, 1], 9, 1, 0);
                assert_eq!((sample.words(), sample.tokens()), ([5, 6, 7, 8].as_slice(), 10));
                let neighbours = sample.neighbours(&[vec![1], vec![-2, -1]], 2);
                let expected = [
                    // a: followed by a, b; a, b among the two words before.
                    [1.0, 2.0, 2.0, 2.0],
                    [2.0, 0.0, 3.0, 0.0],
                    [0.0, 0.0, 1.0, 1.0],
                    [0.0, 0.0, 0.0, 0.0],
                ];
                assert_eq!(neighbours, expected.as_flattened());
            });
        }
    }

    #[test]
    fn other_documents_and_rare_words_are_left_out() {
        let store = store(TEXT);
        let sample = WordSample::new(&store, &[0], 9, 2, 0);
        assert_eq!((sample.words(), sample.tokens()), ([5, 6].as_slice(), 6));
        assert_eq!(sample.neighbours(&[vec![1]], 1), [0.0, 2.0]);
        let none = WordSample::new(&store, &[0], 9, 100, 0);
        assert!(none.neighbours(&[vec![1]], 0).is_empty());
    }

    #[test]
    fn of_a_large_text_documents_are_drawn() {
        let text: String = (0..50).map(|_| "a b\nc\nd\n\n").collect();
        let store = store(text.leak());
        let documents: Vec<u32> = (0..50).collect();
        let drawn = |seed| {
            let sample = WordSample::with_most_tokens(&store, &documents, 9, 1, seed, 43);
            // Ten whole documents, and the first two sentences of another.
            assert_eq!(
                (sample.tokens(), sample.counts.as_slice()),
                (43, [11, 11, 11, 10].as_slice())
            );
            assert!(sample.sentences.is_sorted_by(|a, b| a.end < b.start));
            sample.sentences
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
