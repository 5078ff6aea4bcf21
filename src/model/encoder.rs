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
//!
//! Where only some rows of the last hidden state are read, the last layer computes only these:
//! [`encoder_at`].

use super::config::Config;
use super::embeddings::embeddings;
use super::encoder_inputs::EncoderInputs;
use super::parameters::layer;
use super::read_rows::ReadRows;
use crate::autodiff::ops::{
    AttentionRows, LayerNormParameters, Queries, add_layer_norm, attention, attention_of,
    gather_counted_rows, linear, linear_gelu,
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
    layers(g, config, inputs, None)
}

/// [`encoder`] for a head that reads `[CLS]` and at most `positions` other rows of each sequence; `None` for one
/// that reads all. The last of the hidden states holds only the [`ReadRows`], `[batch, rows of a sequence, hidden]`,
/// unless they leave no row out. [`load_rows`](super::load_rows) loads them for a batch.
///
/// # Errors
/// As [`encoder`].
pub fn encoder_at(
    g: &mut Graph<'_>,
    config: &Config,
    inputs: &EncoderInputs,
    positions: Option<usize>,
) -> Result<(Vec<Tensor>, Option<ReadRows>), GraphError> {
    let EncoderInputs { batch_size, seq, .. } = *inputs;
    // Without a layer, the hidden state is the embeddings, at all rows.
    let leave_rows_out = |&positions: &usize| config.num_hidden_layers > 0 && positions + 1 < seq;
    let positions = positions.filter(leave_rows_out);
    let read = positions.map(|positions| ReadRows::new(g, batch_size, seq, positions));
    Ok((layers(g, config, inputs, read.as_ref())?, read))
}

fn layers(
    g: &mut Graph<'_>,
    config: &Config,
    inputs: &EncoderInputs,
    read: Option<&ReadRows>,
) -> Result<Vec<Tensor>, GraphError> {
    let mut hidden_states = vec![embeddings(g, config, inputs)?];
    for index in 0..config.num_hidden_layers {
        let x = hidden_states[index];
        let read = read.filter(|_| index + 1 == config.num_hidden_layers);
        hidden_states.push(encoder_layer(g, config, &layer(index), x, inputs, read)?);
    }
    Ok(hidden_states)
}

/// One layer: self-attention, then feed-forward, each followed by dropout, the residual and
/// LayerNorm. x is `[batch, seq, hidden]`, and so is the result; with `read`, the result has only these
/// rows.
fn encoder_layer(
    g: &mut Graph<'_>,
    config: &Config,
    name: &str,
    x: Tensor,
    inputs: &EncoderInputs,
    read: Option<&ReadRows>,
) -> Result<Tensor, GraphError> {
    let (eps, dropout) = (config.layer_norm_eps, config.hidden_dropout_prob);
    let (heads, rate) = (config.num_attention_heads, config.attention_probs_dropout_prob);
    let rows = AttentionRows { attention_mask: inputs.attention_mask, starts: inputs.starts };

    g.enter(format!("{name}.attention.self"));
    // The weight and the bias of several projections, as one: [n·hidden, hidden] and [n·hidden].
    let stacked = |g: &Graph<'_>, parts: &[&str]| -> Result<[Parameter; 2], GraphError> {
        let names = |kind: &str| {
            let name = |part| format!("{name}.attention.self.{part}.{kind}");
            parts.iter().map(name).collect::<Vec<_>>()
        };
        Ok([g.stacked(&names("weight"))?, g.stacked(&names("bias"))?])
    };
    let (context, x, row_ids) = match read {
        None => {
            let [w, b] = stacked(g, &["query", "key", "value"])?;
            let projections = linear(g, x, &w, &b)?; // [batch, seq, 3·hidden]
            let context = attention(g, projections, rows, heads, rate)?; // [batch, seq, hidden]
            (context, x, inputs.row_ids)
        }
        // From here on, `seq` stands for the rows of a sequence that are read.
        Some(read) => {
            let [w, b] = stacked(g, &["key", "value"])?;
            let keys_values = linear(g, x, &w, &b)?; // [batch, seq, 2·hidden]
            let x = gather_counted_rows(g, x, read.rows, read.count, read.batch_size)?;
            let [w, b] = dense(g, &format!("{name}.attention.self.query"))?;
            let queries = linear(g, x, &w, &b)?; // [batch, rows, hidden]
            let queries = Queries { queries, starts: read.starts, rows: read.rows };
            let context = attention_of(g, queries, keys_values, rows, heads, rate)?;
            (context, x, read.row_ids)
        }
    };

    g.enter(format!("{name}.attention.output"));
    let [w, b] = dense(g, &format!("{name}.attention.output.dense"))?;
    let [gamma, beta] = dense(g, &format!("{name}.attention.output.LayerNorm"))?;
    let y = linear(g, context, &w, &b)?; // [batch, seq, hidden]
    let x = add_layer_norm(
        g,
        y,
        (x, row_ids),
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
        (x, row_ids),
        LayerNormParameters { gamma: &gamma, beta: &beta },
        eps,
        dropout,
    )
}
