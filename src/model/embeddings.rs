//! The embedding layer: word + position + segment, LayerNorm, dropout (BERT paper, figure 2).
//!
//! ```text
//! x = dropout(LayerNorm(word[input_ids] + position[0 … seq − 1] + token_type[token_type_ids]))
//! ```
//!
//! Shapes: x `[batch, seq, hidden]`; the tables `[vocab_size, hidden]`,
//! `[max_position_embeddings, hidden]` and `[type_vocab_size, hidden]`.

use super::config::Config;
use super::encoder_inputs::EncoderInputs;
use crate::autodiff::ops::{
    EmbeddingIds, EmbeddingTables, LayerNormParameters, dropout, embedding_sum, layer_norm,
};
use crate::autodiff::{Graph, GraphError, Tensor};

/// Pushes the embeddings; the result is `[batch, seq, hidden]`.
///
/// # Errors
/// When the sequence is longer than `max_position_embeddings`.
pub fn embeddings(
    g: &mut Graph<'_>,
    config: &Config,
    inputs: &EncoderInputs,
) -> Result<Tensor, GraphError> {
    g.enter("bert.embeddings");
    let word = g.parameter("bert.embeddings.word_embeddings.weight")?;
    let position = g.parameter("bert.embeddings.position_embeddings.weight")?;
    let token_type = g.parameter("bert.embeddings.token_type_embeddings.weight")?;
    let gamma = g.parameter("bert.embeddings.LayerNorm.weight")?;
    let beta = g.parameter("bert.embeddings.LayerNorm.bias")?;

    let x = embedding_sum(
        g,
        [inputs.batch_size, inputs.seq],
        EmbeddingIds {
            input_ids: inputs.input_ids,
            token_type_ids: inputs.token_type_ids,
            row_ids: inputs.row_ids.ids,
        },
        inputs.rows,
        EmbeddingTables { word: &word, position: &position, token_type: &token_type },
    )?; // [batch, seq, hidden]
    let x = layer_norm(
        g,
        x,
        LayerNormParameters { gamma: &gamma, beta: &beta },
        config.layer_norm_eps,
    )?;
    dropout(g, x, inputs.row_ids, config.hidden_dropout_prob)
}
