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
//! With whole-word masking, a word with all its `##` pieces is drawn at once; a word that would exceed
//! the number of positions is skipped.
//!
//! The masks are drawn anew in every pass over the text (dynamic masking; Liu et al., 2019).

use super::instance::Instance;
use super::pairs::Pair;
use super::store::TokenStore;
use crate::tensor::random::Generator;
use crate::tokenizer::Vocabulary;

/// How tokens are masked. The default is that of Google's script: 0.15, 20 positions, single tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MaskSettings {
    /// The share of positions that are masked, of all positions of a sequence (`[CLS]` and `[SEP]`
    /// count); 0 to 1.
    pub masked_lm_prob: f64,
    /// The most masked positions of a sequence.
    pub max_predictions_per_seq: usize,
    /// Whether all pieces of a word are masked together.
    pub whole_word_mask: bool,
}

impl Default for MaskSettings {
    fn default() -> Self {
        Self { masked_lm_prob: 0.15, max_predictions_per_seq: 20, whole_word_mask: false }
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

    /// Sets [`whole_word_mask`](Self::whole_word_mask).
    #[must_use]
    pub fn with_whole_word_mask(self, whole_word_mask: bool) -> Self {
        Self { whole_word_mask, ..self }
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

    /// Masks `input_ids` in place. Returns the masked positions in ascending order and their original
    /// ids.
    fn mask(&self, input_ids: &mut [u32], generator: &mut Generator) -> (Vec<u32>, Vec<u32>) {
        // The positions that are masked together: one, or all of a word.
        let mut candidates: Vec<Vec<u32>> = Vec::new();
        for (position, &id) in (0..).zip(&*input_ids) {
            if id == self.cls_id || id == self.sep_id {
                continue;
            }
            let continues = self.continues.get(id as usize) == Some(&true);
            match candidates.last_mut() {
                Some(word) if self.settings.whole_word_mask && continues => word.push(position),
                _ => candidates.push(vec![position]),
            }
        }
        generator.shuffle(&mut candidates);

        let share = input_ids.len() as f64 * self.settings.masked_lm_prob;
        // Python's round: halves to even.
        let wanted = (share.round_ties_even() as usize).max(1);
        let wanted = wanted.min(self.settings.max_predictions_per_seq);
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
                // 80 % [MASK], 10 % the original token, 10 % any token.
                if generator.uniform() < 0.8 {
                    *id = self.mask_id;
                } else if generator.uniform() >= 0.5 {
                    *id = generator.below(self.continues.len()) as u32;
                }
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
                whole_word_mask: false,
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
            whole_word_mask: true,
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
}
