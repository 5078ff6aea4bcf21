//! The encoder: a stack of post-LayerNorm transformer layers (BERT paper, section 3; Vaswani et al.,
//! 2017). The same functions serve training, evaluation and every task.

use super::config::Config;
use super::embeddings::embeddings;
use super::parameters::layer;
use crate::autodiff::ops::{
    AttentionRows, LayerNormParameters, add_layer_norm, attention, linear, linear_gelu,
};
use crate::autodiff::{Graph, GraphError, Integers, Parameter, Plan, RowCount, Tensor};

/// What the encoder reads. Rows that are padding need not be computed: the arrays `[batch, seq]` may hold
/// fewer rows than they have room for, one sequence right behind the other. [`EncoderInputs::fill`]
/// says where they are.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInputs {
    /// Sequences side by side.
    pub batch_size: usize,
    /// Tokens of each sequence, padding included.
    pub seq: usize,
    /// Ids of the word pieces.
    pub input_ids: Integers,
    /// 0 for sentence A, 1 for sentence B.
    pub token_type_ids: Integers,
    /// 1 for tokens, 0 for padding.
    pub attention_mask: Integers,
    /// The place of each row in `[batch, seq]`.
    pub row_ids: Integers,
    /// `[batch + 1]`: the first row of each sequence, then the number of rows.
    pub starts: Integers,
    /// The number of rows.
    pub rows: RowCount,
}

impl EncoderInputs {
    /// Places for `batch_size` sequences of `seq` tokens.
    pub fn new(g: &mut Graph<'_>, batch_size: usize, seq: usize) -> Self {
        let tokens = batch_size * seq;
        Self {
            batch_size,
            seq,
            input_ids: g.integers(tokens),
            token_type_ids: g.integers(tokens),
            attention_mask: g.integers(tokens),
            row_ids: g.integers(tokens),
            starts: g.integers(batch_size + 1),
            rows: g.row_count(),
        }
    }

    /// Says that sequence `b` has its first `length(b)` rows, and returns where each begins. The other
    /// arrays are to be filled accordingly.
    pub fn fill(&self, plan: &mut Plan, length: impl Fn(usize) -> usize) -> Vec<u32> {
        let (mut starts, mut row) = (vec![0], 0);
        for b in 0..self.batch_size {
            let rows = length(b);
            let row_ids = &mut plan.integers_mut(self.row_ids)[row..row + rows];
            for (row_id, place) in row_ids.iter_mut().zip(b * self.seq..) {
                *row_id = place as u32;
            }
            row += rows;
            starts.push(row as u32);
        }
        plan.integers_mut(self.starts).copy_from_slice(&starts);
        plan.set_row_count(self.rows, row);
        starts
    }
}

/// A weight and its bias.
pub(super) fn dense(g: &Graph<'_>, name: &str) -> Result<[Parameter; 2], GraphError> {
    Ok([g.parameter(&format!("{name}.weight"))?, g.parameter(&format!("{name}.bias"))?])
}

/// Pushes embeddings and all layers. Returns `num_hidden_layers + 1` hidden states, each
/// `[batch, seq, hidden]`: the embeddings, then every layer's output.
///
/// # Errors
/// When shapes do not fit: a mistake in the configuration that [`Config::validate`] finds first.
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
