//! Next-sentence judgement: did sentence B really follow sentence A?

use super::error::TaskError;
use super::fill_mask::softmax;
use super::pretrained::Model;
use crate::model::heads::{next_sentence_logits, pooler};
use serde::Serialize;

/// The answer to one pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextSentence {
    /// Sentence A.
    pub sentence_a: String,
    /// Sentence B.
    pub sentence_b: String,
    /// How likely B is to follow A.
    pub is_next_probability: f32,
    /// The logits of "is next" and "is random".
    pub logits: [f32; 2],
}

/// Judges whether `sentence_b` follows `sentence_a`.
///
/// # Errors
/// [`TaskError::TooLong`].
pub fn next_sentence(
    model: Model<'_>,
    sentence_a: &str,
    sentence_b: &str,
) -> Result<NextSentence, TaskError> {
    let sequence = model.sequence(sentence_a, Some(sentence_b))?;
    let logits = model.run(&sequence, &[0], |g, hidden_state, first_token| {
        let pooled = pooler(g, hidden_state, first_token)?;
        next_sentence_logits(g, pooled)
    })?;
    Ok(NextSentence {
        sentence_a: sentence_a.into(),
        sentence_b: sentence_b.into(),
        is_next_probability: softmax(&logits)[0],
        logits: [logits[0], logits[1]],
    })
}
