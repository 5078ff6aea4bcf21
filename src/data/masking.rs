//! Masking, as in `create_masked_lm_predictions` of Google's `create_pretraining_data.py`: some tokens
//! are hidden, and the model learns to predict them from both sides.
//!
//! Of a sequence of `length` tokens, special tokens included,
//!
//! ```text
//! min(max_predictions_per_seq, max(1, round(length × masked_lm_prob)))
//! ```
//!
//! positions are drawn, never `[CLS]` or `[SEP]`; halves round to even. Of the drawn positions 80 %
//! become `[MASK]`, 10 % keep their token, and 10 % become a token drawn from the whole vocabulary.
//! [`MaskUnit`] says what is drawn at once: a token, a word, or a span of words.
//!
//! The masks are drawn anew in every pass over the text (dynamic masking; Liu et al., 2019).

use super::instance::Instance;
use super::pairs::Pair;
use super::spans::spans;
use super::store::TokenStore;
use crate::tensor::random::Generator;
use crate::tokenizer::Vocabulary;
use serde::{Deserialize, Serialize};

/// What is masked at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskUnit {
    /// A token.
    #[default]
    Token,
    /// A word with all its `##` pieces. A word that would exceed the number of positions is skipped.
    WholeWord,
    /// A span of 1 to 10 whole words, whose number is drawn from the geometric distribution with p = 0.2.
    /// All tokens of a span become `[MASK]`, or all keep their tokens, or all become random ones (SpanBERT;
    /// Joshi et al., 2020, section 3.1).
    Span,
}

/// How tokens are masked. The default is that of Google's script: 0.15, 20 positions, single tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MaskSettings {
    /// The share of positions that are masked, of all positions of a sequence (`[CLS]` and `[SEP]`
    /// count); 0 to 1.
    pub masked_lm_prob: f64,
    /// The most masked positions of a sequence.
    pub max_predictions_per_seq: usize,
    /// What is masked at once.
    pub masking: MaskUnit,
}

impl Default for MaskSettings {
    fn default() -> Self {
        Self { masked_lm_prob: 0.15, max_predictions_per_seq: 20, masking: MaskUnit::Token }
    }
}

impl MaskSettings {
    /// Sets [`masked_lm_prob`](Self::masked_lm_prob).
    #[must_use]
    pub fn with_masked_lm_prob(self, masked_lm_prob: f64) -> Self {
        Self { masked_lm_prob, ..self }
    }

    /// Sets [`max_predictions_per_seq`](Self::max_predictions_per_seq).
    #[must_use]
    pub fn with_max_predictions_per_seq(self, max_predictions_per_seq: usize) -> Self {
        Self { max_predictions_per_seq, ..self }
    }

    /// Sets [`masking`](Self::masking).
    #[must_use]
    pub fn with_masking(self, masking: MaskUnit) -> Self {
        Self { masking, ..self }
    }

    /// Masks whole words, or tokens: [`MaskUnit::WholeWord`] or [`MaskUnit::Token`].
    #[must_use]
    pub fn with_whole_word_mask(self, whole_word_mask: bool) -> Self {
        self.with_masking(if whole_word_mask { MaskUnit::WholeWord } else { MaskUnit::Token })
    }
}

/// What a masked token becomes.
#[derive(Clone, Copy)]
enum Replacement {
    Mask,
    Original,
    Random,
}

impl Replacement {
    /// 80 % `[MASK]`, 10 % the original token, 10 % any token.
    fn draw(generator: &mut Generator) -> Self {
        if generator.uniform() < 0.8 {
            Self::Mask
        } else if generator.uniform() < 0.5 {
            Self::Original
        } else {
            Self::Random
        }
    }
}

/// Makes masked instances, with the special tokens of one vocabulary.
pub struct Masking {
    settings: MaskSettings,
    cls_id: u32,
    sep_id: u32,
    mask_id: u32,
    /// `[vocab]`: whether the token continues a word (`##`).
    continues: Vec<bool>,
}

impl Masking {
    /// Masking with the tokens of `vocabulary`.
    pub fn new(settings: MaskSettings, vocabulary: &Vocabulary) -> Self {
        let id = 0..vocabulary.len() as u32;
        let continues = |id| vocabulary.token(id).is_some_and(|token| token.starts_with("##"));
        Self {
            settings,
            cls_id: vocabulary.cls_id(),
            sep_id: vocabulary.sep_id(),
            mask_id: vocabulary.mask_id(),
            continues: id.map(continues).collect(),
        }
    }

    /// Masks with `settings` from here on.
    pub fn set_settings(&mut self, settings: MaskSettings) {
        self.settings = settings;
    }

    /// The sequence `[CLS] A [SEP] B [SEP]` of a pair, masked. All draws come from `generator`.
    ///
    /// # Panics
    /// When `pair` does not lie within `store`.
    pub fn instance(&self, store: &TokenStore, pair: &Pair, generator: &mut Generator) -> Instance {
        let mut input_ids = vec![self.cls_id];
        store.extend(pair.a.clone(), &mut input_ids);
        input_ids.push(self.sep_id);
        let mut token_type_ids = vec![0; input_ids.len()];
        if pair.is_random_next.is_some() {
            store.extend(pair.b.clone(), &mut input_ids);
            input_ids.push(self.sep_id);
            token_type_ids.resize(input_ids.len(), 1);
        }
        let (masked_lm_positions, masked_lm_labels) = self.mask(&mut input_ids, generator);
        let is_random_next = pair.is_random_next;
        Instance {
            input_ids,
            token_type_ids,
            is_random_next,
            masked_lm_positions,
            masked_lm_labels,
        }
    }

    /// Whether a `##` piece at `position` belongs to `word`, the positions of the pieces before it.
    fn is_of_word(&self, word: &[u32], position: u32) -> bool {
        match self.settings.masking {
            MaskUnit::Token => false,
            // As in Google's script, also across [SEP].
            MaskUnit::WholeWord => true,
            MaskUnit::Span => word.last().is_some_and(|&last| last + 1 == position),
        }
    }

    /// [`Masking::mask`] with spans of `words`, in `wanted` positions at most.
    fn mask_spans(
        &self,
        words: &[Vec<u32>],
        wanted: usize,
        input_ids: &mut [u32],
        generator: &mut Generator,
    ) -> (Vec<u32>, Vec<u32>) {
        let mut masked: Vec<(u32, u32)> = Vec::with_capacity(wanted);
        for span in spans(words, wanted, generator) {
            let replacement = Replacement::draw(generator);
            for &position in words[span].iter().flatten() {
                let id = &mut input_ids[position as usize];
                masked.push((position, *id));
                self.replace(id, replacement, generator);
            }
        }
        masked.sort_unstable();
        masked.into_iter().unzip()
    }

    /// Replaces the token `id`.
    fn replace(&self, id: &mut u32, replacement: Replacement, generator: &mut Generator) {
        match replacement {
            Replacement::Mask => *id = self.mask_id,
            Replacement::Original => {}
            Replacement::Random => *id = generator.below(self.continues.len()) as u32,
        }
    }

    /// Masks the sequence `input_ids` `[CLS] … [SEP]` in place. Returns the masked positions in ascending order and
    /// their original ids; none when all its tokens are `[CLS]` and `[SEP]`.
    pub fn mask(&self, input_ids: &mut [u32], generator: &mut Generator) -> (Vec<u32>, Vec<u32>) {
        // The positions that are masked together: one, or all of a word.
        let mut candidates: Vec<Vec<u32>> = Vec::new();
        for (position, &id) in (0..).zip(&*input_ids) {
            if id == self.cls_id || id == self.sep_id {
                continue;
            }
            let continues = self.continues.get(id as usize) == Some(&true);
            match candidates.last_mut() {
                Some(word) if continues && self.is_of_word(word, position) => word.push(position),
                _ => candidates.push(vec![position]),
            }
        }
        let share = input_ids.len() as f64 * self.settings.masked_lm_prob;
        // Python's round: halves to even.
        let wanted = (share.round_ties_even() as usize).max(1);
        let wanted = wanted.min(self.settings.max_predictions_per_seq);
        if self.settings.masking == MaskUnit::Span {
            return self.mask_spans(&candidates, wanted, input_ids, generator);
        }
        generator.shuffle(&mut candidates);
        let mut masked: Vec<(u32, u32)> = Vec::with_capacity(wanted);
        for candidate in candidates {
            if masked.len() >= wanted {
                break;
            }
            if masked.len() + candidate.len() > wanted {
                continue;
            }
            for position in candidate {
                let id = &mut input_ids[position as usize];
                masked.push((position, *id));
                self.replace(id, Replacement::draw(generator), generator);
            }
        }
        masked.sort_unstable();
        masked.into_iter().unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::random::Purpose;

    fn masking(settings: MaskSettings) -> Masking {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "##s", "cat"];
        let vocabulary = Vocabulary::from_tokens(tokens.map(String::from).to_vec()).unwrap();
        Masking::new(settings, &vocabulary)
    }

    #[test]
    fn the_count_rounds_halves_to_even_and_is_bounded() {
        for (length, probability, most, expected) in [
            (10, 0.25, 9, 2), // 2.5 → 2
            (14, 0.25, 9, 4), // 3.5 → 4
            (10, 0.01, 9, 1), // at least one
            (20, 0.5, 3, 3),  // at most max_predictions_per_seq
        ] {
            let masking = masking(MaskSettings {
                masked_lm_prob: probability,
                max_predictions_per_seq: most,
                masking: MaskUnit::Token,
            });
            let mut ids = vec![8; length];
            (ids[0], ids[length - 1]) = (2, 3);
            let mut generator = Generator::new(0, Purpose::Testing, 0, 0);
            assert_eq!(masking.mask(&mut ids, &mut generator).0.len(), expected);
        }
    }

    #[test]
    fn whole_words_are_masked_together_or_not_at_all() {
        let settings = MaskSettings {
            masked_lm_prob: 0.25,
            max_predictions_per_seq: 9,
            masking: MaskUnit::WholeWord,
        };
        let masking = masking(settings);
        let (mut whole, mut shorter) = (0, 0);
        for seed in 0..500 {
            let original = [2, 5, 6, 7, 8, 5, 6, 3]; // play ##ing ##s cat play ##ing
            let mut ids = original;
            let mut generator = Generator::new(seed, Purpose::Testing, 0, 0);
            let (positions, labels) = masking.mask(&mut ids, &mut generator);
            assert!((1..=2).contains(&positions.len()));
            assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            for (position, label) in positions.iter().zip(labels) {
                assert_eq!(original[*position as usize], label);
            }
            let has = |p: &u32| positions.contains(p);
            for word in [[1, 2, 3].as_slice(), &[5, 6]] {
                assert!(word.iter().all(has) || !word.iter().any(has), "{positions:?}");
            }
            assert!(!has(&1), "a word of three pieces exceeds a count of two");
            whole += usize::from(has(&5));
            shorter += usize::from(positions.len() < 2);
        }
        assert!(whole > 50 && shorter > 50, "both kinds occur: {whole}, {shorter}");
    }

    /// A sequence of words, every fourth of three pieces.
    fn long_sequence(words: usize) -> Vec<u32> {
        let mut ids = vec![2];
        for word in 0..words {
            ids.extend_from_slice(if word % 4 == 0 { &[5, 6, 7] } else { &[8] });
        }
        ids.push(3);
        ids
    }

    #[test]
    fn a_span_is_replaced_as_one() {
        let settings = MaskSettings {
            masked_lm_prob: 0.02,
            max_predictions_per_seq: 10_000,
            masking: MaskUnit::Span,
        };
        let masking = masking(settings);
        // Spans of [MASK] alone, of original tokens alone, and others: random, or two spans side by side.
        let (mut masks, mut originals, mut others) = (0, 0, 0);
        for seed in 0..20 {
            let original = long_sequence(4000);
            let mut ids = original.clone();
            let mut generator = Generator::new(seed, Purpose::Testing, 0, 0);
            let (positions, labels) = masking.mask(&mut ids, &mut generator);
            // 2 % of 6,002 positions; the last words may not fit.
            assert!((117..=120).contains(&positions.len()), "{}", positions.len());
            for (position, label) in positions.iter().zip(labels) {
                assert_eq!(original[*position as usize], label);
            }
            for span in positions.chunk_by(|a, b| a + 1 == *b) {
                let became = |id: u32| span.iter().all(|&p| ids[p as usize] == id);
                let stayed = span.iter().all(|&p| ids[p as usize] == original[p as usize]);
                *(if became(4) {
                    &mut masks
                } else if stayed {
                    &mut originals
                } else {
                    &mut others
                }) += 1;
                let piece = |p: u32| masking.continues[original[p as usize] as usize];
                let after = span[span.len() - 1] + 1;
                assert!(!piece(span[0]) && !piece(after), "a span is of whole words");
            }
        }
        // Drawn token by token, some 65 % of the spans would be mixed.
        let all = f64::from(masks + originals + others);
        let share = |count: i32| f64::from(count) / all;
        // Five standard deviations of 400 draws: 0.1, 0.075; spans side by side take some of each.
        assert!(all > 350.0 && (share(masks) - 0.8).abs() < 0.1, "{masks} of {all}");
        assert!((share(originals) - 0.1).abs() < 0.075, "{originals} of {all}");
        assert!((share(others) - 0.1).abs() < 0.075, "{others} of {all}");
    }
}
