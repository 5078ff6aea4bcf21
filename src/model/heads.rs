//! The functions of the heads, on top of the encoder's last hidden state. [`Head`](super::Head) says
//! which of them a model has parameters for.
//!
//! For pretraining: the masked-LM head over the tied decoder, and the pooler with the next-sentence
//! head (BERT paper, section 3.1; `get_masked_lm_output` and `get_next_sentence_output` of Google's
//! `run_pretraining.py`). For fine-tuning: sequence classification, token classification and
//! question answering (BERT paper, section 4; the classes of the same names in Hugging Face's
//! `modeling_bert.py`).
//!
//! A hidden state is `[batch, seq, hidden]`. Where padding is left out, its rows lie closer together:
//! [`PackedRows`](super::PackedRows) says which row a position has.

use super::config::Config;
use super::encoder::dense;
use crate::autodiff::ops::{
    LayerNormParameters, RowIds, dropout, gather_rows, layer_norm, linear, linear_gelu, tanh,
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

/// The decoder of the masked-LM head: its weight `[vocab_size, hidden]`, which is the table of word
/// embeddings, and its bias `[vocab_size]`.
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

/// Pushes the pooler: tanh of a dense layer over the hidden state of every `[CLS]`. `first_tokens`
/// `[batch]` are their rows in the hidden state `[batch, seq, hidden]`. The result is
/// `[batch, hidden]`.
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

/// The dropout rate before a classifier: `classifier_dropout`, else `hidden_dropout_prob`.
fn classifier_dropout(config: &Config) -> f32 {
    config.classifier_dropout.unwrap_or(config.hidden_dropout_prob)
}

/// Pushes the logits of sequence classification `[batch, num_labels]` over the pooled output
/// `[batch, hidden]`: dropout, then a dense layer. `sequence_ids` `[batch]` numbers the sequences from
/// 0; the dropout mask depends on it.
///
/// # Errors
/// When shapes do not fit.
pub fn sequence_classification_logits(
    g: &mut Graph<'_>,
    config: &Config,
    pooled: Tensor,
    sequence_ids: Integers,
) -> Result<Tensor, GraphError> {
    g.enter("classifier");
    let [w, b] = dense(g, "classifier")?;
    let row_ids = RowIds { ids: sequence_ids, seq: 1 };
    let x = dropout(g, pooled, row_ids, classifier_dropout(config))?; // [batch, hidden]
    linear(g, x, &w, &b)
}

/// Pushes the logits of token classification `[batch, seq, num_labels]` over the hidden state
/// `[batch, seq, hidden]`: dropout, then a dense layer at every position. `row_ids` are those of the
/// [encoder's inputs](super::EncoderInputs); the dropout mask depends on them.
///
/// # Errors
/// When shapes do not fit.
pub fn token_classification_logits(
    g: &mut Graph<'_>,
    config: &Config,
    hidden_state: Tensor,
    row_ids: RowIds,
) -> Result<Tensor, GraphError> {
    g.enter("classifier");
    let [w, b] = dense(g, "classifier")?;
    let x = dropout(g, hidden_state, row_ids, classifier_dropout(config))?; // [batch, seq, hidden]
    linear(g, x, &w, &b)
}

/// Pushes the logits of question answering `[batch, seq, 2]` over the hidden state
/// `[batch, seq, hidden]`: column 0 for the first token of the answer, column 1 for the last.
///
/// # Errors
/// When shapes do not fit.
pub fn question_answering_logits(
    g: &mut Graph<'_>,
    hidden_state: Tensor,
) -> Result<Tensor, GraphError> {
    g.enter("qa_outputs");
    let [w, b] = dense(g, "qa_outputs")?;
    linear(g, hidden_state, &w, &b)
}
