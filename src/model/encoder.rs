//! The encoder: a stack of post-LayerNorm transformer layers (BERT paper, section 3; Vaswani et al.,
//! 2017). The same functions serve training, evaluation and every task.
//!
//! ```text
//! x₀     = embeddings
//! yᵢ     = LayerNorm(xᵢ + dropout(W_o · attention(xᵢ) + b_o))
//! xᵢ₊₁   = LayerNorm(yᵢ + dropout(W₂ · GELU(W₁ · yᵢ + b₁) + b₂))
//! ```
//!
//! Shapes: x, y `[batch, seq, hidden]`; W₁ `[intermediate, hidden]`, W₂ `[hidden, intermediate]`.

use super::config::Config;
use super::embeddings::embeddings;
use super::encoder_inputs::EncoderInputs;
use super::parameters::layer;
use crate::autodiff::ops::{
    AttentionRows, LayerNormParameters, add_layer_norm, attention, linear, linear_gelu,
};
use crate::autodiff::{Graph, GraphError, Parameter, Tensor};

/// A weight and its bias.
pub(super) fn dense(g: &Graph<'_>, name: &str) -> Result<[Parameter; 2], GraphError> {
    Ok([g.parameter(&format!("{name}.weight"))?, g.parameter(&format!("{name}.bias"))?])
}

/// Pushes embeddings and all layers. Returns `num_hidden_layers + 1` hidden states, each
/// `[batch, seq, hidden]`: the embeddings, then every layer's output.
///
/// # Errors
/// When shapes do not fit; [`Config::validate`] finds such a configuration first.
pub fn encoder(
    g: &mut Graph<'_>,
    config: &Config,
    inputs: &EncoderInputs,
) -> Result<Vec<Tensor>, GraphError> {
    let mut hidden_states = vec![embeddings(g, config, inputs)?];
    for index in 0..config.num_hidden_layers {
        let x = hidden_states[index];
        hidden_states.push(encoder_layer(g, config, &layer(index), x, inputs)?);
    }
    Ok(hidden_states)
}

/// One layer: self-attention, then feed-forward, each followed by dropout, the residual and
/// LayerNorm. x and the result are `[batch, seq, hidden]`.
fn encoder_layer(
    g: &mut Graph<'_>,
    config: &Config,
    name: &str,
    x: Tensor,
    inputs: &EncoderInputs,
) -> Result<Tensor, GraphError> {
    let (eps, dropout) = (config.layer_norm_eps, config.hidden_dropout_prob);

    g.enter(format!("{name}.attention.self"));
    let stacked = |g: &Graph<'_>, kind: &str| {
        let names = ["query", "key", "value"].map(|p| format!("{name}.attention.self.{p}.{kind}"));
        g.stacked(&names)
    };
    let (w, b) = (stacked(g, "weight")?, stacked(g, "bias")?); // [3·hidden, hidden], [3·hidden]
    let projections = linear(g, x, &w, &b)?; // [batch, seq, 3·hidden]
    let context = attention(
        g,
        projections,
        AttentionRows { attention_mask: inputs.attention_mask, starts: inputs.starts },
        config.num_attention_heads,
        config.attention_probs_dropout_prob,
    )?; // [batch, seq, hidden]

    g.enter(format!("{name}.attention.output"));
    let [w, b] = dense(g, &format!("{name}.attention.output.dense"))?;
    let [gamma, beta] = dense(g, &format!("{name}.attention.output.LayerNorm"))?;
    let y = linear(g, context, &w, &b)?; // [batch, seq, hidden]
    let x = add_layer_norm(
        g,
        y,
        (x, inputs.row_ids),
        LayerNormParameters { gamma: &gamma, beta: &beta },
        eps,
        dropout,
    )?;

    g.enter(format!("{name}.intermediate"));
    let [w, b] = dense(g, &format!("{name}.intermediate.dense"))?;
    let y = linear_gelu(g, x, &w, &b)?; // [batch, seq, intermediate]

    g.enter(format!("{name}.output"));
    let [w, b] = dense(g, &format!("{name}.output.dense"))?;
    let [gamma, beta] = dense(g, &format!("{name}.output.LayerNorm"))?;
    let y = linear(g, y, &w, &b)?; // [batch, seq, hidden]
    add_layer_norm(
        g,
        y,
        (x, inputs.row_ids),
        LayerNormParameters { gamma: &gamma, beta: &beta },
        eps,
        dropout,
    )
}
