//! The attention probabilities of a layer, computed again from the layer's input, to look at them. A pass of the
//! graph keeps them only as long as it needs them.
//!
//! ```text
//! Q = x·W_qᵀ + b_q        K = x·W_kᵀ + b_k        P = softmax(Q·Kᵀ / √d) by row
//! ```
//!
//! Shapes: x `[length, hidden]`, the tokens of one sequence without padding; P `[heads, length, length]`. The
//! operation itself is [`attention`](mod@crate::autodiff::ops::attention); dropout is left out here.

use super::bert::Bert;
use super::encoder::encoder;
use super::encoder_inputs::{EncoderInputs, Padding, Sequences};
use super::parameters::layer;
use crate::autodiff::{Graph, GraphError, Mode, Plan};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{add_bias, softmax_row};
use crate::tensor::math;
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use ndarray::s;

/// P of layer `index` (counted from 0) for its input `x` `[length, hidden]`: `[heads, length, length]`, of each head
/// one row for each query.
///
/// # Panics
/// When the model has no such layer, or `x` does not have whole rows.
pub fn attention_probabilities(bert: &Bert, index: usize, x: &[f32]) -> Vec<f32> {
    let (hidden, heads) = (bert.config.hidden_size, bert.config.num_attention_heads);
    let (d, length) = (hidden / heads, x.len() / hidden);
    let [q, k] = ["query", "key"]
        .map(|name| project(bert, &format!("{}.attention.self.{name}", layer(index)), x)); // [length, hidden]
    let (q, k) = (matrix(&q, length, hidden), matrix(&k, length, hidden));
    let mut probabilities = vec![0.0; heads * length * length]; // [heads, length, length]
    let no_mask = vec![0.0; length];
    for (head, p) in probabilities.chunks_exact_mut((length * length).max(1)).enumerate() {
        let columns = s![.., head * d..(head + 1) * d];
        let scores = matrix_mut(p, length, length);
        matmul(q.slice(columns), k.slice(columns).t(), WriteMode::Store, scores);
        for row in p.chunks_exact_mut(length) {
            softmax_row(row, &no_mask, math::rsqrt(d as f32));
        }
    }
    probabilities
}

/// The embeddings and every layer's output for one sequence, without dropout: `num_hidden_layers + 1` hidden states,
/// each `[length, hidden]`. `input_ids` and `token_type_ids` are `[length]`.
///
/// # Errors
/// [`GraphError`] when the sequence has more tokens than the model has positions, or memory is short.
pub fn hidden_states(
    bert: &Bert,
    input_ids: &[u32],
    token_type_ids: &[u32],
) -> Result<Vec<Vec<f32>>, GraphError> {
    let mut graph = Graph::new(&bert.layout);
    let g = &mut graph;
    let inputs = EncoderInputs::new(g, 1, input_ids.len());
    let states = encoder(g, &bert.config, &inputs)?;
    states.iter().for_each(|&tensor| g.keep(tensor));
    let mut plan = Plan::new(graph, Mode::Evaluation)?;
    let attention_mask = &vec![1; input_ids.len()];
    let sequence = Sequences { input_ids, token_type_ids, attention_mask };
    inputs.load(&mut plan, sequence, Padding::Computed);
    plan.forward(&bert.parameters, DropoutKey { seed: 0, step: 0, first_sequence: 0 });
    Ok(states.into_iter().map(|tensor| plan.value(tensor).to_vec()).collect())
}

/// x·Wᵀ + b of the linear layer called `name`; x is `[rows, hidden]`, and so is the result.
fn project(bert: &Bert, name: &str, x: &[f32]) -> Vec<f32> {
    let hidden = bert.config.hidden_size;
    let parameter = |kind: &str| {
        let entry = bert.layout.get(&format!("{name}.{kind}")).expect("a parameter of the encoder");
        &bert.parameters[entry.range.clone()]
    };
    let rows = x.len() / hidden;
    let mut y = vec![0.0; x.len()]; // [rows, hidden]
    let w = matrix(parameter("weight"), hidden, hidden);
    matmul(matrix(x, rows, hidden), w.t(), WriteMode::Store, matrix_mut(&mut y, rows, hidden));
    y.chunks_exact_mut(hidden).for_each(|y| add_bias(parameter("bias"), y));
    y
}
