//! Kinds of tokens, so that an evaluation can tell which ones a model predicts well.
//!
//! Every masked token is of one kind by its form and of one by its frequency in the training text:
//!
//! - `whole words`: a word that is one piece; `pieces of words`: a piece of a word that has several; `numbers`:
//!   digits; `punctuation`: no letter and no digit; `other`: the rest, for example `[UNK]`.
//! - `frequent`: the most frequent word pieces that together make up half of the text; `rare`: the least frequent
//!   ones that together make up a tenth of it; `less frequent`: those between.

use super::unigrams::Unigrams;
use crate::data::Batch;
use crate::tokenizer::Vocabulary;
use crate::train::evaluation::TokenKind;

/// The names of the kinds, in the order in which they are shown.
const KINDS: [&str; 8] = [
    "whole words",
    "pieces of words",
    "numbers",
    "punctuation",
    "other",
    "frequent",
    "less frequent",
    "rare",
];

/// Indices into [`KINDS`].
const WHOLE_WORD: usize = 0;
const PIECE: usize = 1;
const NUMBER: usize = 2;
const PUNCTUATION: usize = 3;
const OTHER: usize = 4;
const FREQUENT: usize = 5;
const LESS_FREQUENT: usize = 6;
const RARE: usize = 7;

/// The kinds of all masked tokens of the held-out batches.
pub(super) struct TokenKinds {
    /// By batch and masked position: by form and by frequency. `None` where nothing is masked.
    of_targets: Vec<Vec<Option<[usize; 2]>>>,
    /// `[kinds]`: masked tokens, and Σ −ln p by their shares in the training text.
    counting: Vec<(u64, f64)>,
    has_frequencies: bool,
}

/// Sums over the masked tokens of each kind.
pub(super) struct KindSums<'k> {
    kinds: &'k TokenKinds,
    /// `[kinds]`: Σ loss, Σ accuracy.
    sums: [[f64; 2]; KINDS.len()],
    /// Batches that were added.
    batches: usize,
}

impl TokenKinds {
    /// The kinds of the masked tokens of `batches`, in the text that `unigrams` counted.
    ///
    /// # Panics
    /// When an id is not in `vocabulary`.
    pub(super) fn new(batches: &[Batch], vocabulary: &Vocabulary, unigrams: &Unigrams) -> Self {
        let frequencies = frequencies(unigrams);
        let mut counting = vec![(0, 0.0); KINDS.len()];
        let mut of_batch = |batch: &Batch| {
            let original = batch.unmasked_ids();
            let mut of_position = |i: usize| {
                if batch.masked_lm_weights[i] == 0.0 {
                    return None;
                }
                let (at, id) = (batch.masked_lm_positions[i] as usize, batch.masked_lm_ids[i]);
                let ends = (at + 1) % batch.max_seq_length == 0;
                let next = if ends { None } else { vocabulary.token(original[at + 1]) };
                let token = vocabulary.token(id).expect("an id of the vocabulary");
                let of_token = [form(token, next), frequencies[id as usize]];
                for kind in of_token {
                    counting[kind].0 += 1;
                    counting[kind].1 -= f64::from(unigrams.log_share(id as usize));
                }
                Some(of_token)
            };
            (0..batch.masked_lm_ids.len()).map(&mut of_position).collect()
        };
        let of_targets = batches.iter().map(&mut of_batch).collect();
        Self { of_targets, counting, has_frequencies: unigrams.total() > 0 }
    }

    /// Begins to add up an evaluation.
    pub(super) fn sums(&self) -> KindSums<'_> {
        KindSums { kinds: self, sums: [[0.0; 2]; KINDS.len()], batches: 0 }
    }
}

impl KindSums<'_> {
    /// Adds the next batch: the loss of each masked position, and 1 where the likeliest token is right.
    pub(super) fn add(&mut self, (losses, correct): (&[f32], &[f32])) {
        let targets = &self.kinds.of_targets[self.batches];
        for ((target, &loss), &correct) in targets.iter().zip(losses).zip(correct) {
            for &kind in target.iter().flatten() {
                self.sums[kind][0] += f64::from(loss);
                self.sums[kind][1] += f64::from(correct);
            }
        }
        self.batches += 1;
    }

    /// The means of the kinds that occur.
    pub(super) fn means(&self) -> Vec<TokenKind> {
        let mean = |kind: usize| {
            let (masked_tokens, counting) = self.kinds.counting[kind];
            let [loss, accuracy] = self.sums[kind];
            let n = masked_tokens as f64;
            let is_known = masked_tokens > 0 && (kind < FREQUENT || self.kinds.has_frequencies);
            is_known.then(|| TokenKind {
                kind: KINDS[kind].into(),
                masked_tokens,
                loss: loss / n,
                accuracy: accuracy / n,
                unigram_loss: self.kinds.has_frequencies.then_some(counting / n),
            })
        };
        (0..KINDS.len()).filter_map(mean).collect()
    }
}

/// The kind of `token` by its form; `next` is the token behind it.
fn form(token: &str, next: Option<&str>) -> usize {
    let continues = token.strip_prefix("##").filter(|rest| !rest.is_empty());
    let text = continues.unwrap_or(token);
    let is_special = token.starts_with('[') && token.ends_with(']') && token.len() > 2;
    if is_special {
        OTHER
    } else if text.chars().all(char::is_numeric) {
        NUMBER
    } else if !text.chars().any(char::is_alphanumeric) {
        PUNCTUATION
    } else if continues.is_some() || next.is_some_and(|next| next.starts_with("##")) {
        PIECE
    } else if text.chars().all(char::is_alphabetic) {
        WHOLE_WORD
    } else {
        OTHER
    }
}

/// The kind of every word piece by its frequency, `[vocab_size]`.
fn frequencies(unigrams: &Unigrams) -> Vec<usize> {
    let counts = unigrams.counts();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    // The most frequent first; of equals, the lower id first.
    order.sort_by_key(|&id| (std::cmp::Reverse(counts[id]), id));
    let mut kinds = vec![RARE; counts.len()];
    let mut before = 0;
    for id in order {
        if 2 * before < unigrams.total() {
            kinds[id] = FREQUENT;
        } else if 10 * before < 9 * unigrams.total() {
            kinds[id] = LESS_FREQUENT;
        }
        before += counts[id];
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;

    #[test]
    fn every_form_has_its_kind() {
        for (token, next, kind) in [
            ("fox", Some("ran"), WHOLE_WORD),
            ("fox", None, WHOLE_WORD),
            ("jump", Some("##ed"), PIECE),
            ("##ed", Some("over"), PIECE),
            ("1984", Some("."), NUMBER),
            ("##84", Some("."), NUMBER),
            (".", None, PUNCTUATION),
            ("##", None, PUNCTUATION),
            ("[", None, PUNCTUATION),
            ("[UNK]", Some("##ed"), OTHER),
            ("b2b", Some("."), OTHER),
            ("東", Some("京"), WHOLE_WORD),
        ] {
            assert_eq!(KINDS[form(token, next)], KINDS[kind], "{token} {next:?}");
        }
    }

    #[test]
    fn sums_are_those_of_the_masked_tokens_of_each_kind() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the fox jump ##ed .";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        // the: 5 of 10, fox 4, jump 1.
        let unigrams = Unigrams::from_counts(vec![0, 0, 0, 0, 0, 5, 4, 1, 0, 0]);
        // [CLS] the fox jump ##ed . [SEP] with `the`, `jump` and `.` hidden.
        let mut batch = Batch::new(1, 8, 4);
        batch.clear(0);
        batch.push(&Instance {
            input_ids: vec![2, 4, 6, 4, 8, 4, 3],
            token_type_ids: vec![0; 7],
            is_random_next: None,
            masked_lm_positions: vec![1, 3, 5],
            masked_lm_labels: vec![5, 7, 9],
        });
        let kinds = TokenKinds::new(&[batch], &vocabulary, &unigrams);
        let mut sums = kinds.sums();
        sums.add((&[1.0, 2.0, 4.0, 0.0], &[1.0, 0.0, 1.0, 0.0]));
        let means = sums.means();
        let found: Vec<_> = means
            .iter()
            .map(|kind| (&*kind.kind, kind.masked_tokens, kind.loss, kind.accuracy))
            .collect();
        let expected = [
            ("whole words", 1, 1.0, 1.0),
            ("pieces of words", 1, 2.0, 0.0),
            ("punctuation", 1, 4.0, 1.0),
            ("frequent", 1, 1.0, 1.0),
            ("rare", 2, 3.0, 0.5),
        ];
        assert_eq!(found, expected);
        // the: (5 + 1) / (10 + 10).
        let counting = means[0].unigram_loss.unwrap();
        // The logarithm is of an f32.
        assert!((counting + 0.3f64.ln()).abs() < 1e-6, "{counting}");
    }
}
