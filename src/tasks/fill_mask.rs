//! Fill-mask: what the model puts in place of `[MASK]`, reading both sides.

use super::error::TaskError;
use super::pretrained::Model;
use crate::model::heads::masked_lm_logits;
use crate::tensor::math;
use serde::Serialize;

/// The answer to one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledText {
    /// The text as it was given.
    pub text: String,
    /// One entry for each `[MASK]`, in order.
    pub masks: Vec<FilledMask>,
}

/// What may stand in one masked place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledMask {
    /// The place, counted in tokens with `[CLS]` at 0.
    pub position: usize,
    /// The likeliest tokens, best first.
    pub predictions: Vec<Prediction>,
}

/// One token that may stand in a masked place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The word piece.
    pub token: String,
    /// Its id.
    pub token_id: u32,
    /// The softmax over the whole vocabulary.
    pub probability: f32,
}

/// Fills every `[MASK]` of `text`, each on its own (as BERT predicts them): the `top` likeliest tokens
/// with their probabilities.
///
/// # Errors
/// [`TaskError::NoMask`], [`TaskError::TooLong`].
pub fn fill_mask(model: Model<'_>, text: &str, top: usize) -> Result<FilledText, TaskError> {
    let sequence = model.sequence(text, None)?;
    let mask_id = model.tokenizer.vocabulary().mask_id();
    let positions: Vec<u32> =
        (0..).zip(&sequence.0).filter(|(_, id)| **id == mask_id).map(|(i, _)| i).collect();
    if positions.is_empty() {
        return Err(TaskError::NoMask(text.into()));
    }
    let logits = model.run(&sequence, &positions, |g, hidden_state, positions| {
        masked_lm_logits(g, &model.bert.config, hidden_state, positions)
    })?;
    let masks = positions
        .iter()
        .zip(logits.chunks_exact(model.bert.config.vocab_size))
        .map(|(&position, logits)| FilledMask {
            position: position as usize,
            predictions: best(model, logits, top),
        })
        .collect();
    Ok(FilledText { text: text.into(), masks })
}

/// The `top` likeliest tokens; of equals, the lower id first.
fn best(model: Model<'_>, logits: &[f32], top: usize) -> Vec<Prediction> {
    let probabilities = softmax(logits);
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    ids.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
    ids.truncate(top);
    let vocabulary = model.tokenizer.vocabulary();
    ids.into_iter()
        .map(|id| Prediction {
            // An embedding table may have more rows than the vocabulary has tokens.
            token: vocabulary.token(id).unwrap_or("").to_string(),
            token_id: id,
            probability: probabilities[id as usize],
        })
        .collect()
}

/// softmax(logits), summed in `f64`.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let exps: Vec<f32> = logits.iter().map(|&z| math::exp(z - max)).collect();
    let sum: f64 = exps.iter().map(|&e| f64::from(e)).sum();
    exps.into_iter().map(|e| (f64::from(e) / sum) as f32).collect()
}
