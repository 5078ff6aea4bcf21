//! The embeddings: how long the three vectors of each token are, and their sum.

use super::super::sequence::Sequence;
use crate::model::Bert;
use serde::Serialize;

/// The embedding of one token: the lengths (Euclidean norms) of its vectors, each `[hidden]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EmbeddedToken {
    /// The position, counted from 0.
    pub position: usize,
    /// The id that the model reads there.
    pub input_id: u32,
    /// The word embedding: the row `input_id` of `bert.embeddings.word_embeddings.weight`.
    pub word_norm: f32,
    /// The position embedding.
    pub position_norm: f32,
    /// The segment embedding.
    pub segment_norm: f32,
    /// The sum of the three vectors. It is shorter than the sum of their lengths, because they point into different
    /// directions.
    pub sum_norm: f32,
    /// The sum after LayerNorm: what the first layer reads.
    pub output_norm: f32,
}

/// The embeddings of `sequence`. `output` `[tokens, hidden]` are the first hidden states.
pub(super) fn embedded_tokens(
    bert: &Bert,
    sequence: &Sequence,
    output: &[f32],
) -> Vec<EmbeddedToken> {
    let hidden = bert.config.hidden_size;
    let row = |table: &str, index: usize| {
        let name = format!("bert.embeddings.{table}_embeddings.weight");
        let start = bert.layout.get(&name).expect("of every BERT").range.start + index * hidden;
        &bert.parameters[start..start + hidden]
    };
    let ids = sequence.input_ids.iter().zip(&sequence.token_type_ids).enumerate();
    ids.zip(output.chunks_exact(hidden))
        .map(|((position, (&input_id, &segment)), output)| {
            let parts = [
                row("word", input_id as usize),
                row("position", position),
                row("token_type", segment as usize),
            ];
            let [word_norm, position_norm, segment_norm] = parts.map(norm);
            let [word, of_position, of_segment] = parts;
            let sum: Vec<f32> =
                (0..hidden).map(|i| word[i] + of_position[i] + of_segment[i]).collect();
            let (sum_norm, output_norm) = (norm(&sum), norm(output));
            EmbeddedToken {
                position,
                input_id,
                word_norm,
                position_norm,
                segment_norm,
                sum_norm,
                output_norm,
            }
        })
        .collect()
}

/// √Σ x².
fn norm(vector: &[f32]) -> f32 {
    sum_of_squares(vector).sqrt() as f32
}

/// Σ x², in `f64`.
pub(super) fn sum_of_squares(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
