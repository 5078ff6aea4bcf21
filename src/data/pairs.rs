//! Sentence pairs, as in `create_instances_from_document` of Google's `create_pretraining_data.py`.
//!
//! Each pass over a document draws a target length. Sentences are gathered into a chunk until it
//! reaches the target length or the document ends. The chunk then becomes one pair:
//!
//! 1. A is the first k sentences of the chunk, with k drawn uniformly from 1 … n − 1 (1 if n = 1).
//! 2. With probability 1/2, B is the rest of the chunk: the true next sentences.
//! 3. Otherwise, and always if the chunk has one sentence, B is random: sentences of another document,
//!    from a random one on, until A and B reach the target length. The sentences of the chunk that A
//!    does not contain are used again in the next chunk. [`RandomNext`] says which document.
//! 4. While A and B together are too long, the longer one (B if they are equal) loses a token, at the
//!    front or at the back with equal probability.
//!
//! With [`SentenceObjective::SentenceOrder`], steps 2 and 3 are those of ALBERT's
//! `create_pretraining_data.py`: B is always the rest of the chunk, and with probability 1/2 A and B change
//! places. ALBERT takes B from another document when a chunk has one sentence; here every chunk has two, and a
//! last sentence that is left over is a sequence without B.
//!
//! A sequence is `[CLS] A [SEP] B [SEP]`; [`masking`](super::masking) makes it from the pair.

use super::random_next::RandomNext;
use super::sentence_objective::SentenceObjective;
use super::store::TokenStore;
use crate::tensor::random::Generator;
use std::ops::Range;

/// How sentence pairs are made. The default is that of Google's script: 128 tokens, 0.1, pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PairSettings {
    /// The most tokens of a sequence, special tokens included; at least 5.
    pub max_seq_length: usize,
    /// The probability that a document gets a random, shorter target length in a pass; 0 to 1.
    pub short_seq_prob: f64,
    /// What is learned about A and B.
    pub sentence_objective: SentenceObjective,
    /// Which document a random B of next-sentence prediction comes from.
    pub random_next: RandomNext,
}

impl Default for PairSettings {
    fn default() -> Self {
        Self {
            max_seq_length: 128,
            short_seq_prob: 0.1,
            sentence_objective: SentenceObjective::default(),
            random_next: RandomNext::default(),
        }
    }
}

impl PairSettings {
    /// Sets [`max_seq_length`](Self::max_seq_length).
    #[must_use]
    pub fn with_max_seq_length(self, max_seq_length: usize) -> Self {
        Self { max_seq_length, ..self }
    }

    /// Sets [`short_seq_prob`](Self::short_seq_prob).
    #[must_use]
    pub fn with_short_seq_prob(self, short_seq_prob: f64) -> Self {
        Self { short_seq_prob, ..self }
    }

    /// Sets [`sentence_objective`](Self::sentence_objective).
    #[must_use]
    pub fn with_sentence_objective(self, sentence_objective: SentenceObjective) -> Self {
        Self { sentence_objective, ..self }
    }

    /// Leaves next-sentence prediction out, or not: [`SentenceObjective::None`] or
    /// [`SentenceObjective::NextSentence`].
    #[must_use]
    pub fn with_no_nsp(self, no_nsp: bool) -> Self {
        self.with_sentence_objective(match no_nsp {
            true => SentenceObjective::None,
            false => SentenceObjective::NextSentence,
        })
    }

    /// Sets [`random_next`](Self::random_next).
    #[must_use]
    pub fn with_random_next(self, random_next: RandomNext) -> Self {
        Self { random_next, ..self }
    }
}

/// A pair before masking: two ranges of token numbers of a [`TokenStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The tokens of A.
    pub a: Range<u64>,
    /// The tokens of B; empty when there is no B.
    pub b: Range<u64>,
    /// Whether B comes from another document or, with [`SentenceObjective::SentenceOrder`], from before A;
    /// `None` when there is no B.
    pub is_random_next: Option<bool>,
}

/// Appends the pairs of one pass over document `documents[index]` of `store` to `pairs`. Random
/// sentences come from the other `documents`, which are in ascending order. All draws come from
/// `generator`.
///
/// # Panics
/// When `documents` has one element and the objective is next-sentence prediction; when `settings.max_seq_length` is
/// below 5; when `index` or a document number is out of range.
pub fn create_pairs(
    store: &TokenStore,
    documents: &[u32],
    index: usize,
    settings: &PairSettings,
    generator: &mut Generator,
    pairs: &mut Vec<Pair>,
) {
    // Special tokens: [CLS], [SEP], [SEP]; without B, [CLS] and [SEP].
    let objective = settings.sentence_objective;
    let max_num_tokens = settings.max_seq_length - if objective.has_pairs() { 3 } else { 2 };
    let target_length = if generator.uniform() < settings.short_seq_prob {
        generator.between(2, max_num_tokens)
    } else {
        max_num_tokens
    } as u64;
    let others = settings.random_next.among(store, documents, index);
    let document = store.document(documents[index] as usize);
    let least = if objective == SentenceObjective::SentenceOrder { 2 } else { 1 };
    let mut chunk_start = document.start;
    let mut sentence = document.start;
    while sentence < document.end {
        let chunk = chunk_start..sentence + 1;
        let chunk_tokens = tokens(store, chunk.clone());
        let is_short = chunk.len() < least || chunk_tokens.end - chunk_tokens.start < target_length;
        if sentence + 1 < document.end && is_short {
            sentence += 1;
            continue;
        }
        if !objective.has_pairs() || chunk.len() < least {
            let mut a = chunk_tokens;
            truncate_segment(&mut a, max_num_tokens as u64, generator);
            pairs.push(Pair { a, b: 0..0, is_random_next: None });
            sentence += 1;
        } else {
            let sentences = chunk.len();
            let a_length = if sentences >= 2 { generator.between(1, sentences - 1) } else { 1 };
            let a_end = chunk.start + a_length;
            let mut a = tokens(store, chunk.start..a_end);
            let is_random_next = sentences == 1 || generator.uniform() < 0.5;
            let mut b = if is_random_next && objective == SentenceObjective::NextSentence {
                sentence = a_end;
                let b_length = target_length.saturating_sub(a.end - a.start);
                let other = other_than(index, &others, generator);
                random_sentences(store, documents[other], b_length, generator)
            } else {
                sentence += 1;
                tokens(store, a_end..chunk.end)
            };
            if is_random_next && objective == SentenceObjective::SentenceOrder {
                std::mem::swap(&mut a, &mut b);
            }
            truncate_pair(&mut a, &mut b, max_num_tokens as u64, generator);
            pairs.push(Pair { a, b, is_random_next: Some(is_random_next) });
        }
        chunk_start = sentence;
    }
}

/// The tokens of consecutive sentences.
fn tokens(store: &TokenStore, sentences: Range<usize>) -> Range<u64> {
    store.sentence(sentences.start).start..store.sentence(sentences.end - 1).end
}

/// A number drawn from `range` without `own`, which lies within it.
fn other_than(own: usize, range: &Range<usize>, generator: &mut Generator) -> usize {
    let other = range.start + generator.below(range.len() - 1);
    if other >= own { other + 1 } else { other }
}

/// Sentences of `document`, from a random sentence until they have `length` tokens or the document
/// ends.
fn random_sentences(
    store: &TokenStore,
    document: u32,
    length: u64,
    generator: &mut Generator,
) -> Range<u64> {
    let document = store.document(document as usize);
    let start = document.start + generator.below(document.len());
    let first = store.sentence(start).start;
    let mut end = start;
    while end < document.end && (end == start || store.sentence(end - 1).end - first < length) {
        end += 1;
    }
    first..store.sentence(end - 1).end
}

/// Google's `truncate_seq_pair`: shortens A and B until they have at most `max` tokens together.
fn truncate_pair(a: &mut Range<u64>, b: &mut Range<u64>, max: u64, generator: &mut Generator) {
    while (a.end - a.start) + (b.end - b.start) > max {
        let longer = if a.end - a.start > b.end - b.start { &mut *a } else { &mut *b };
        drop_token(longer, generator);
    }
}

/// Shortens A to at most `max` tokens, for sequences without B.
fn truncate_segment(a: &mut Range<u64>, max: u64, generator: &mut Generator) {
    while a.end - a.start > max {
        drop_token(a, generator);
    }
}

/// Drops the first or the last token with equal probability.
fn drop_token(range: &mut Range<u64>, generator: &mut Generator) {
    if generator.uniform() < 0.5 {
        range.start += 1;
    } else {
        range.end -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::tests::store;
    use crate::tensor::random::Purpose;

    const TEXT: &str = "a b c\nd e\nf g h i\nj\n\nk l m\nn o\np q r s t u v w x y z\n\nA B\nC D E";

    fn pairs(settings: &PairSettings, seeds: u64) -> Vec<(usize, Pair)> {
        let store = store(TEXT);
        let mut all = Vec::new();
        for seed in 0..seeds {
            for index in 0..3 {
                let mut generator = Generator::new(seed, Purpose::SentencePairs, 0, index as u64);
                let mut pairs = Vec::new();
                create_pairs(&store, &[0, 1, 2], index, settings, &mut generator, &mut pairs);
                all.extend(pairs.into_iter().map(|pair| (index, pair)));
            }
        }
        all
    }

    fn document_of(store: &TokenStore, token: u64) -> usize {
        (0..store.documents()).find(|&d| tokens(store, store.document(d)).contains(&token)).unwrap()
    }

    #[test]
    fn pairs_are_whole_and_come_from_where_they_say() {
        let store = store(TEXT);
        for max_seq_length in [5, 9, 12, 40] {
            let settings =
                PairSettings { max_seq_length, short_seq_prob: 0.3, ..Default::default() };
            for (index, Pair { a, b, is_random_next }) in pairs(&settings, 200) {
                assert!(a.start < a.end && b.start < b.end, "both sides have tokens");
                assert!((a.end - a.start) + (b.end - b.start) <= max_seq_length as u64 - 3);
                assert_eq!(document_of(&store, a.start), index);
                assert_eq!(document_of(&store, a.end - 1), index);
                let of_b = document_of(&store, b.start);
                assert_eq!(of_b, document_of(&store, b.end - 1));
                assert_eq!(is_random_next.unwrap(), of_b != index);
                if of_b == index {
                    assert!(a.end <= b.start, "B follows A");
                }
            }
        }
    }

    #[test]
    fn a_pass_uses_every_sentence_as_a_or_true_next() {
        // Long enough that nothing is truncated: what goes back after a random pair comes again.
        let settings =
            PairSettings { max_seq_length: 60, short_seq_prob: 0.0, ..Default::default() };
        let store = store(TEXT);
        for seed in 0..100 {
            let mut generator = Generator::new(seed, Purpose::SentencePairs, 0, 0);
            let mut pairs = Vec::new();
            create_pairs(&store, &[0, 1, 2], 0, &settings, &mut generator, &mut pairs);
            let mut covered: Vec<u64> = pairs
                .iter()
                .flat_map(|p| {
                    p.a.clone().chain(if p.is_random_next == Some(false) {
                        p.b.clone()
                    } else {
                        0..0
                    })
                })
                .collect();
            covered.sort_unstable();
            assert_eq!(covered, (0..10).collect::<Vec<_>>(), "{pairs:?}");
        }
    }

    #[test]
    fn without_pairs_a_segment_fills_the_length() {
        let settings = PairSettings::default();
        let settings =
            PairSettings { max_seq_length: 8, short_seq_prob: 0.0, ..settings.with_no_nsp(true) };
        for (_, pair) in pairs(&settings, 20) {
            assert!(pair.b.is_empty() && pair.is_random_next.is_none());
            assert!((1..=6).contains(&(pair.a.end - pair.a.start)));
        }
    }

    #[test]
    fn half_of_the_pairs_are_swapped_and_all_are_of_one_document() {
        let settings = PairSettings { short_seq_prob: 0.3, ..PairSettings::default() }
            .with_sentence_objective(SentenceObjective::SentenceOrder);
        let store = store(TEXT);
        for max_seq_length in [7, 12, 40] {
            let (mut swapped, mut in_order) = (0usize, 0usize);
            for (index, Pair { a, b, is_random_next }) in
                pairs(&PairSettings { max_seq_length, ..settings }, 2000)
            {
                assert!(
                    a.start < a.end
                        && (a.end - a.start) + (b.end - b.start) <= max_seq_length as u64 - 3
                );
                assert_eq!(document_of(&store, a.start), index);
                let Some(is_swapped) = is_random_next else {
                    assert!(b.is_empty(), "a last sentence that is left over");
                    continue;
                };
                assert_eq!(document_of(&store, b.start), index);
                assert_eq!(is_swapped, b.end <= a.start);
                assert_eq!(!is_swapped, a.end <= b.start);
                if is_swapped { swapped += 1 } else { in_order += 1 }
            }
            let all = swapped + in_order;
            assert!(all > 5000);
            // Five standard deviations of √all / 2.
            assert!(
                (swapped.abs_diff(in_order) as f64) < 5.0 * (all as f64).sqrt(),
                "{swapped} {in_order}"
            );
        }
    }

    #[test]
    fn sentence_order_uses_every_sentence_once_a_pass() {
        let settings = PairSettings { short_seq_prob: 0.0, ..PairSettings::default() }
            .with_sentence_objective(SentenceObjective::SentenceOrder);
        for max_seq_length in [18, 60] {
            for seed in 0..50 {
                let mut pairs = Vec::new();
                let mut generator = Generator::new(seed, Purpose::SentencePairs, 0, 0);
                let settings = PairSettings { max_seq_length, ..settings };
                create_pairs(&store(TEXT), &[0], 0, &settings, &mut generator, &mut pairs);
                let mut covered: Vec<u64> =
                    pairs.iter().flat_map(|p| p.a.clone().chain(p.b.clone())).collect();
                covered.sort_unstable();
                assert_eq!(covered, (0..10).collect::<Vec<_>>(), "{pairs:?}");
            }
        }
    }
}
