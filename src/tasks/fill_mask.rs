//! Fill-mask: what the model puts in place of `[MASK]`, reading both sides.

use super::error::TaskError;
use super::inference::{Output, blocks, lengths};
use super::model::Model;
use super::sequence::Sequence;
use crate::tensor::softmax::likeliest;
use ndarray::Array2;
use serde::Serialize;

/// The answer to one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledText {
    /// The text as it was given.
    pub text: String,
    /// One entry for each `[MASK]`, in order.
    pub masks: Vec<FilledMask>,
}

/// The predictions for one `[MASK]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledMask {
    /// Its position in tokens, with `[CLS]` at 0.
    pub position: usize,
    /// The likeliest tokens, best first.
    pub predictions: Vec<Prediction>,
}

/// One token that the model predicts for a `[MASK]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The word piece.
    pub token: String,
    /// Its id.
    pub token_id: u32,
    /// Its probability, from 0 to 1: the softmax over the whole vocabulary.
    pub probability: f32,
}

impl Model<'_> {
    /// Fills every `[MASK]` of every text: the `top` likeliest tokens with their probabilities. Each
    /// `[MASK]` is filled as if the others of its text stayed masked. Answers are in the order of
    /// `texts`.
    ///
    /// ```
    /// use cloze::model::{Bert, Config};
    /// use cloze::tasks::Model;
    /// use cloze::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
    ///
    /// // A model in memory, not trained. `Model::open("run")?` reads one that is.
    /// let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat on mat .";
    /// let vocabulary = Vocabulary::from_tokens(tokens.split(' ').map(String::from).collect())?;
    /// let bert = Bert::new(Config::new(1, 32, vocabulary.len()), 1);
    /// let model = Model::new(bert, Tokenizer::new(vocabulary, TokenizerOptions::default()));
    ///
    /// let filled = model.fill_mask(&["The [MASK] sat on the [MASK].", "A [MASK]."], 5)?;
    /// assert_eq!(filled[0].masks.len(), 2);
    /// assert_eq!(filled[1].masks[0].position, 2); // [CLS] a [MASK] . [SEP]
    /// assert_eq!(filled[1].masks[0].predictions.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::NoMask`], [`TaskError::TooLong`], [`TaskError::NoHead`]; no text is answered then.
    pub fn fill_mask(
        &self,
        texts: &[impl AsRef<str>],
        top: usize,
    ) -> Result<Vec<FilledText>, TaskError> {
        let mut filled = Vec::with_capacity(texts.len());
        self.for_each_filled(texts, top, |text| {
            filled.push(text);
            Ok::<_, TaskError>(())
        })?;
        Ok(filled)
    }

    /// [`Model::fill_mask`] that calls `visit` with each answer, in the order of `texts`. Memory holds the
    /// answers of a block of texts. All texts are checked before the first one is answered.
    ///
    /// # Errors
    /// As [`Model::fill_mask`]; the error of `visit`, which ends the work.
    pub fn for_each_filled<E: From<TaskError>>(
        &self,
        texts: &[impl AsRef<str>],
        top: usize,
        mut visit: impl FnMut(FilledText) -> Result<(), E>,
    ) -> Result<(), E> {
        let single: Vec<_> = texts.iter().map(|text| (text.as_ref(), None)).collect();
        let sequences = self.sequences(&single)?;
        let mask_id = self.tokenizer().vocabulary().mask_id();
        let mut positions = Vec::with_capacity(texts.len());
        for (index, (&(text, _), sequence)) in single.iter().zip(&sequences).enumerate() {
            let ids = (0..).zip(&sequence.input_ids);
            let masks: Vec<u32> = ids.filter(|(_, id)| **id == mask_id).map(|(i, _)| i).collect();
            if masks.is_empty() {
                return Err(TaskError::NoMask { index, text: text.into() }.into());
            }
            positions.push(masks);
        }
        self.need_masked_lm()?;
        for block in blocks(lengths(&sequences)) {
            let (texts, positions) = (&single[block.clone()], &positions[block.clone()]);
            let mut filled: Vec<FilledText> = texts
                .iter()
                .map(|(text, _)| FilledText { text: (*text).into(), masks: Vec::new() })
                .collect();
            self.for_each_masked_lm(&sequences[block], positions, |i, logits| {
                let logits = logits.chunks_exact(self.bert().config.vocab_size);
                let masks = positions[i].iter().zip(logits).map(|(&position, logits)| FilledMask {
                    position: position as usize,
                    predictions: self.best(logits, top),
                });
                filled[i].masks = masks.collect();
            })?;
            filled.into_iter().try_for_each(&mut visit)?;
        }
        Ok(())
    }

    /// The masked-LM logits of sequence i at the positions `positions[i]` (with `[CLS]` at 0):
    /// `[positions[i].len(), vocab_size]`. Whether a token there is `[MASK]` is up to the caller.
    ///
    /// # Errors
    /// [`TaskError::NoHead`].
    ///
    /// # Panics
    /// When `positions` has another length than `sequences`, a position is not below the length of
    /// its sequence, or a sequence is longer than `max_position_embeddings`.
    pub fn masked_lm_logits(
        &self,
        sequences: &[Sequence],
        positions: &[Vec<u32>],
    ) -> Result<Vec<Array2<f32>>, TaskError> {
        assert_eq!(positions.len(), sequences.len());
        let mut all = vec![Array2::default((0, 0)); sequences.len()];
        self.for_each_masked_lm(sequences, positions, |i, logits| {
            let shape = (positions[i].len(), self.bert().config.vocab_size);
            all[i] = Array2::from_shape_vec(shape, logits.to_vec()).expect("its own shape");
        })?;
        Ok(all)
    }

    /// Calls `read(i, logits)` for each sequence i, in no particular order, with its logits
    /// `[positions[i].len(), vocab_size]`, flat.
    pub(super) fn for_each_masked_lm(
        &self,
        sequences: &[Sequence],
        positions: &[Vec<u32>],
        mut read: impl FnMut(usize, &[f32]),
    ) -> Result<(), TaskError> {
        self.need_masked_lm()?;
        let read = |i: usize, values: &[&[f32]]| read(i, values[0]);
        Ok(self.inference.run(self.bert(), Output::MaskedLm, sequences, positions, read)?)
    }

    /// The `top` likeliest tokens; of equals, the lower id first.
    pub(super) fn best(&self, logits: &[f32], top: usize) -> Vec<Prediction> {
        let vocabulary = self.tokenizer().vocabulary();
        let prediction = |(token_id, probability)| Prediction {
            // An embedding table may have more rows than the vocabulary has tokens.
            token: vocabulary.token(token_id).unwrap_or("").to_string(),
            token_id,
            probability,
        };
        likeliest(logits, top).into_iter().map(prediction).collect()
    }
}
