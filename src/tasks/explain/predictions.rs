//! The answers: the likeliest words at each hidden position, and whether sentence B follows sentence A.

use super::super::error::TaskError;
use super::super::fill_mask::Prediction;
use super::super::model::Model;
use super::super::sequence::Sequence;
use super::masking::{HiddenToken, MaskingStep};
use crate::tensor::math;
use crate::tensor::softmax::{log_probability, softmax};
use serde::Serialize;

/// What the model predicts at one hidden position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HiddenPosition {
    /// The position, counted from 0.
    pub position: usize,
    /// The likeliest tokens, best first. When the position holds `[MASK]`, `cloze fill-mask` gives the same tokens.
    pub predictions: Vec<Prediction>,
    /// The entropy of all probabilities, −Σ p · ln p, in nats: 0 when one word has all of it, ln(vocabulary) when all
    /// words are equally likely.
    pub entropy: f32,
    /// The right word; `None` for a blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<RightWord>,
}

/// The token that was hidden.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RightWord {
    /// The token.
    pub token: String,
    /// Its id.
    pub token_id: u32,
    /// Its probability.
    pub probability: f32,
    /// Its rank among all tokens of the vocabulary, 1 for the likeliest.
    pub rank: usize,
    /// Its loss: −ln(probability).
    pub loss: f32,
}

/// Whether sentence B follows sentence A.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextSentenceStep {
    /// The probability that B follows A, of the texts as they were given: that of `cloze next-sentence`.
    pub is_next_probability: f32,
    /// The logits of "is next" and "is random", of the same.
    pub logits: [f32; 2],
    /// The probability that B follows A, of the texts with their hidden tokens: pretraining asks both questions at
    /// once.
    pub masked_is_next_probability: f32,
    /// What the right answer is taken to be: whether B is random.
    pub is_random_next: bool,
    /// The loss of that answer with the hidden tokens: −ln(its probability).
    pub loss: f32,
}

impl NextSentenceStep {
    /// The probability of the right answer, with the hidden tokens.
    pub fn right_probability(&self) -> f32 {
        let is_next = self.masked_is_next_probability;
        if self.is_random_next { 1.0 - is_next } else { is_next }
    }
}

/// The predictions of `model` at the hidden positions of `sequence`, which is masked.
pub(super) fn hidden_positions(
    model: &Model<'_>,
    sequence: &Sequence,
    hidden: &[HiddenToken],
    top: usize,
) -> Result<Vec<HiddenPosition>, TaskError> {
    let positions = hidden.iter().map(|token| token.position as u32).collect();
    let logits = model.masked_lm_logits(std::slice::from_ref(sequence), &[positions])?;
    let mut scratch = Vec::new();
    let rows = logits[0].outer_iter().zip(hidden).map(|(logits, token)| {
        let logits = logits.to_slice().expect("a row of a matrix in standard layout");
        let probabilities = softmax(logits);
        let right = token.token_id.zip(token.token.clone()).map(|(token_id, token)| {
            let id = token_id as usize;
            let before =
                |(other, z): (usize, &f32)| z.total_cmp(&logits[id]).then(id.cmp(&other)).is_gt();
            RightWord {
                token,
                token_id,
                probability: probabilities[id],
                rank: 1 + logits.iter().enumerate().filter(|&other| before(other)).count(),
                loss: -log_probability(logits, id, &mut scratch),
            }
        });
        HiddenPosition {
            position: token.position,
            predictions: model.best(logits, top),
            entropy: entropy(&probabilities),
            right,
        }
    });
    Ok(rows.collect())
}

/// −Σ p · ln p, in nats.
fn entropy(probabilities: &[f32]) -> f32 {
    let terms = probabilities.iter().filter(|&&p| p > 0.0);
    let sum: f64 = terms.map(|&p| f64::from(p) * f64::from(math::ln(p))).sum();
    // Not −0.
    (0.0 - sum).max(0.0) as f32
}

/// The judgement of a pair: `given` as it is, and `masked` with its hidden tokens.
pub(super) fn next_sentence_step(
    model: &Model<'_>,
    given: &Sequence,
    masking: &MaskingStep,
    is_random_next: bool,
) -> Result<NextSentenceStep, TaskError> {
    let masked = Sequence { input_ids: masking.input_ids.clone(), ..given.clone() };
    // Together they would be computed as one batch, with the same bits.
    let logits = model.next_sentence_logits(&[given.clone(), masked])?;
    let [given, masked] = [logits[0], logits[1]];
    Ok(NextSentenceStep {
        is_next_probability: softmax(&given)[0],
        logits: given,
        masked_is_next_probability: softmax(&masked)[0],
        is_random_next,
        loss: -log_probability(&masked, usize::from(is_random_next), &mut Vec::new()),
    })
}
