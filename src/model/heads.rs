//! The heads of pretraining: the masked-LM head over the tied decoder, and the pooler with the
//! next-sentence head (BERT paper, section 3.1; `get_masked_lm_output` and
//! `get_next_sentence_output` of Google's `run_pretraining.py`).

use super::config::Config;
use super::encoder::dense;
use crate::autodiff::ops::{
    LayerNormParameters, gather_rows, layer_norm, linear, linear_gelu, tanh,
};
use crate::autodiff::{Graph, GraphError, Integers, Parameter, Tensor};

/// Pushes the transform of the masked-LM head at the rows `positions` of hidden states
/// `[batch, seq, hidden]`: dense, GELU, LayerNorm. The result is `[positions.length, hidden]`.
///
/// # Errors
/// When shapes do not fit.
pub fn masked_lm_transform(
    g: &mut Graph<'_>,
    config: &Config,
    hidden_state: Tensor,
    positions: Integers,
) -> Result<Tensor, GraphError> {
    g.enter("cls.predictions.transform");
    let [w, b] = dense(g, "cls.predictions.transform.dense")?;
    let [gamma, beta] = dense(g, "cls.predictions.transform.LayerNorm")?;
    let x = gather_rows(g, hidden_state, positions)?; // [positions, hidden]
    let x = linear_gelu(g, x, &w, &b)?;
    layer_norm(g, x, LayerNormParameters { gamma: &gamma, beta: &beta }, config.layer_norm_eps)
}

/// The decoder's weight (the word embeddings themselves) `[vocab_size, hidden]` and its own bias
/// `[vocab_size]`.
///
/// # Errors
/// When the layout has no such parameters.
pub fn decoder(g: &mut Graph<'_>) -> Result<[Parameter; 2], GraphError> {
    g.enter("cls.predictions.decoder");
    Ok([
        g.parameter("bert.embeddings.word_embeddings.weight")?,
        g.parameter("cls.predictions.bias")?,
    ])
}

/// Pushes the masked-LM logits over the whole vocabulary at the rows `positions`:
/// `[positions.length, vocab_size]`.
///
/// # Errors
/// When shapes do not fit.
pub fn masked_lm_logits(
    g: &mut Graph<'_>,
    config: &Config,
    hidden_state: Tensor,
    positions: Integers,
) -> Result<Tensor, GraphError> {
    let x = masked_lm_transform(g, config, hidden_state, positions)?;
    let [w, b] = decoder(g)?;
    linear(g, x, &w, &b)
}

/// Pushes the pooler: tanh of a dense layer over the hidden state of every `[CLS]`, whose rows in
/// `[batch, seq, hidden]` are `first_tokens`. The result is `[batch, hidden]`.
///
/// # Errors
/// When shapes do not fit.
pub fn pooler(
    g: &mut Graph<'_>,
    hidden_state: Tensor,
    first_tokens: Integers,
) -> Result<Tensor, GraphError> {
    g.enter("bert.pooler");
    let [w, b] = dense(g, "bert.pooler.dense")?;
    let x = gather_rows(g, hidden_state, first_tokens)?; // [batch, hidden]
    let x = linear(g, x, &w, &b)?;
    tanh(g, x)
}

/// Pushes the next-sentence logits `[batch, 2]` over the pooled output `[batch, hidden]`: class 0 is
/// the true next sentence, class 1 a random one.
///
/// # Errors
/// When shapes do not fit.
pub fn next_sentence_logits(g: &mut Graph<'_>, pooled: Tensor) -> Result<Tensor, GraphError> {
    g.enter("cls.seq_relationship");
    let [w, b] = dense(g, "cls.seq_relationship")?;
    linear(g, pooled, &w, &b)
}
