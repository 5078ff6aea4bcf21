//! The text with `[MASK]` that a run fills in at every evaluation, so that a person can watch the model learn: the one
//! that the settings give, else a sentence of the built-in stories or of the held-out text.

use super::options::{InstanceSource, PretrainingOptions};
use crate::autodiff::GraphError;
use crate::data::Batch;
use crate::model::{Bert, MaskedLmPlan};
use crate::run::metrics::{FilledSample, Sample, SampleToken};
use crate::tensor::softmax::likeliest;
use crate::tokenizer::Tokenizer;

/// The sentence that is watched on the built-in stories.
const OF_STORIES: &str = "The quick brown fox [MASK] over the lazy dog.";

/// Tokens that are noted for each `[MASK]`.
const TOP: usize = 5;

/// Tokens of a sample, at most, so that it fits a line.
const LONGEST: usize = 20;

/// A text that is watched, and the plan that fills it in.
pub(super) struct Watched {
    pub(super) sample: Sample,
    /// `None` when the text is too long for the model.
    plan: Option<MaskedLmPlan>,
}

impl Watched {
    /// The text that a run of `options` watches; `held_out` are its batches for evaluation.
    ///
    /// # Errors
    /// [`GraphError`] when there is not enough memory.
    pub(super) fn new(
        options: &PretrainingOptions,
        held_out: &[Batch],
        bert: &Bert,
        tokenizer: &Tokenizer,
    ) -> Result<Option<Self>, GraphError> {
        let given = options.sample.clone();
        let of_stories = || (options.input == InstanceSource::Stories).then(|| OF_STORIES.into());
        let sample = match given.or_else(of_stories) {
            Some(text) => Some(Sample { text, word: None }),
            None => of_held_out(held_out, tokenizer),
        };
        let Some(sample) = sample else { return Ok(None) };
        let vocabulary = tokenizer.vocabulary();
        let mut ids = vec![vocabulary.cls_id()];
        tokenizer.encode_into(&sample.text, &mut ids);
        ids.push(vocabulary.sep_id());
        let masks: Vec<u32> = (0..)
            .zip(&ids)
            .filter(|(_, id)| **id == vocabulary.mask_id())
            .map(|(i, _)| i)
            .collect();
        let fits = ids.len() <= bert.config.max_position_embeddings && !masks.is_empty();
        let plan = fits.then(|| MaskedLmPlan::new(bert, &ids, &masks)).transpose()?;
        Ok(Some(Self { sample, plan }))
    }

    /// Bytes of the plan.
    pub(super) fn bytes(&self) -> usize {
        self.plan.as_ref().map_or(0, MaskedLmPlan::bytes)
    }

    /// What `bert` fills in.
    pub(super) fn fill(&mut self, bert: &Bert, tokenizer: &Tokenizer) -> Option<FilledSample> {
        let logits = self.plan.as_mut()?.logits(bert);
        let token = |(id, probability)| {
            // An embedding table may have more rows than the vocabulary has tokens.
            let token = tokenizer.vocabulary().token(id).unwrap_or("").to_string();
            SampleToken { token, probability }
        };
        let predictions = logits
            .chunks_exact(bert.config.vocab_size)
            .map(|logits| likeliest(logits, TOP).into_iter().map(token).collect());
        let predictions = predictions.collect();
        let Sample { text, word } = self.sample.clone();
        Some(FilledSample { text, word, predictions })
    }
}

/// The beginning of the first sentence A of `batches` that is long enough, with a whole word near its
/// middle replaced by `[MASK]`; and that word.
fn of_held_out(batches: &[Batch], tokenizer: &Tokenizer) -> Option<Sample> {
    let vocabulary = tokenizer.vocabulary();
    let continues = |id: &u32| vocabulary.token(*id).is_some_and(|token| token.starts_with("##"));
    let is_word = |id: u32| {
        let token = vocabulary.token(id).unwrap_or_default();
        token.chars().count() > 2 && token.chars().all(char::is_alphabetic)
    };
    for batch in batches {
        let original = batch.unmasked_ids();
        for sequence in original.chunks_exact(batch.max_seq_length).take(batch.instances) {
            // Without [CLS], up to the first [SEP], ending with a whole word.
            let length = sequence[1..].iter().position(|&id| id == vocabulary.sep_id())?;
            let mut sentence = &sequence[1..1 + length.min(LONGEST)];
            while sentence.len() < length && continues(&sequence[1 + sentence.len()]) {
                sentence = &sentence[..sentence.len() - 1];
            }
            let middle = sentence.len() / 2;
            let place = (middle..sentence.len().saturating_sub(1))
                .find(|&i| is_word(sentence[i]) && !continues(&sentence[i + 1]));
            if let (true, Some(place)) = (sentence.len() >= 8, place) {
                let [before, word, after] =
                    [&sentence[..place], &sentence[place..=place], &sentence[place + 1..]]
                        .map(|ids| tokenizer.decode(ids, false));
                return Some(Sample { text: format!("{before} [MASK] {after}"), word: Some(word) });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;
    use crate::tokenizer::{TokenizerOptions, Vocabulary};

    #[test]
    fn a_whole_word_near_the_middle_is_hidden() {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox jump ##ed over lazy dog .";
        let vocabulary =
            Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect()).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
        let mut input_ids = vec![2];
        input_ids.extend(tokenizer.encode("the quick brown fox jumped over the lazy dog."));
        input_ids.push(3);
        let mut batch = Batch::new(1, 16, 1);
        let masked = std::mem::replace(&mut input_ids[7], 4);
        batch.push(&Instance {
            token_type_ids: vec![0; input_ids.len()],
            input_ids,
            is_random_next: None,
            masked_lm_positions: vec![7],
            masked_lm_labels: vec![masked],
        });
        let text = "the quick brown fox jumped [MASK] the lazy dog.".into();
        let expected = Sample { text, word: Some("over".into()) };
        assert_eq!(of_held_out(&[batch], &tokenizer), Some(expected));
        assert_eq!(of_held_out(&[], &tokenizer), None);
    }
}
