//! How much of its attention each layer gives to the previous and to the next token: a few numbers that tell whether
//! a model looks at its context at all. Before it does, attention is nearly uniform: about 1 / length everywhere.
//!
//! The encoder runs on a few sequences with its hidden states kept. For each layer and head the probabilities P are
//! [computed again](super::attention_probabilities()) from the layer's input:
//!
//! ```text
//! previous = mean of P[i, i − 1]        next = mean of P[i, i + 1]
//! ```
//!
//! Means over all heads and all tokens i that have such a neighbour, `[CLS]` and `[SEP]` among them, added up in
//! order on one thread.

use super::attention_probabilities::attention_probabilities;
use super::bert::Bert;
use super::encoder::encoder;
use super::encoder_inputs::{EncoderInputs, Padding, Sequences};
use crate::autodiff::{Graph, GraphError, Mode, Plan, Tensor};
use crate::data::Batch;
use crate::tensor::dropout::DropoutKey;
use serde::{Deserialize, Serialize};

/// Sequences that are looked at, at most.
const SEQUENCES: usize = 8;

/// The mean attention to the neighbours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NeighbourAttention {
    /// To the previous token, `[layers]`.
    pub previous: Vec<f64>,
    /// To the next token, `[layers]`.
    pub next: Vec<f64>,
    /// What uniform attention would give.
    pub uniform: f64,
}

/// Measures [`NeighbourAttention`] of a model, as often as needed.
pub struct NeighbourAttentionPlan {
    plan: Plan,
    inputs: EncoderInputs,
    hidden_states: Vec<Tensor>,
}

impl NeighbourAttentionPlan {
    /// For the first sequences of batches of `batch_size` sequences of `seq` tokens.
    ///
    /// # Errors
    /// [`GraphError`] when such sequences do not fit the model.
    pub fn new(bert: &Bert, batch_size: usize, seq: usize) -> Result<Self, GraphError> {
        let mut graph = Graph::new(&bert.layout);
        let g = &mut graph;
        let inputs = EncoderInputs::new(g, batch_size.min(SEQUENCES), seq);
        let mut hidden_states = encoder(g, &bert.config, &inputs)?;
        // Attention reads the input of a layer.
        hidden_states.pop();
        hidden_states.iter().for_each(|&tensor| g.keep(tensor));
        Ok(Self { plan: Plan::new(graph, Mode::Evaluation)?, inputs, hidden_states })
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        let hidden = self.hidden_states.first().map_or(0, |x| x.shape.columns());
        let seq = self.inputs.seq;
        self.plan.bytes() + 4 * (2 * seq * hidden + seq * seq)
    }

    /// The attention of `bert`, in the layout that the plan was made for, over the first sequences of `batch`.
    ///
    /// # Panics
    /// When the shape of `batch` is another one.
    pub fn measure(&mut self, bert: &Bert, batch: &Batch) -> NeighbourAttention {
        let Self { plan, inputs, hidden_states } = self;
        let (sequences, tokens) =
            (batch.instances.min(inputs.batch_size), inputs.batch_size * inputs.seq);
        let input = Sequences {
            input_ids: &batch.input_ids[..tokens],
            token_type_ids: &batch.token_type_ids[..tokens],
            attention_mask: &batch.attention_mask[..tokens],
        };
        let packed = inputs.load(plan, input, Padding::LeftOut);
        plan.forward(&bert.parameters, DropoutKey { seed: 0, step: 0, first_sequence: 0 });

        let hidden = bert.config.hidden_size;
        let mut measured = NeighbourAttention::default();
        for (index, &x) in hidden_states.iter().enumerate() {
            let (mut previous, mut next, mut uniform, mut count) = (0.0f64, 0.0f64, 0.0f64, 0usize);
            for b in 0..sequences {
                let rows = packed.rows(b);
                let length = rows.len();
                let x = &plan.value(x)[rows.start * hidden..rows.end * hidden]; // [length, hidden]
                let probabilities = attention_probabilities(bert, index, x); // [heads, length, length]
                for p in probabilities.chunks_exact(length * length) {
                    for i in 1..length {
                        previous += f64::from(p[i * length + i - 1]);
                        next += f64::from(p[(i - 1) * length + i]);
                        uniform += 1.0 / length as f64;
                    }
                    count += length - 1;
                }
            }
            let count = count.max(1) as f64;
            measured.previous.push(previous / count);
            measured.next.push(next / count);
            measured.uniform = uniform / count;
        }
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Instance;
    use crate::model::Config;
    use crate::model::parameters::layer;

    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::new(4, 8, 1);
        for &length in lengths {
            batch.push(&Instance {
                input_ids: (0..length as u32).map(|i| 5 + i).collect(),
                token_type_ids: vec![0; length],
                is_random_next: None,
                masked_lm_positions: vec![1],
                masked_lm_labels: vec![6],
            });
        }
        batch
    }

    fn measure(bert: &Bert, batch: &Batch) -> NeighbourAttention {
        NeighbourAttentionPlan::new(bert, 4, 8).unwrap().measure(bert, batch)
    }

    #[test]
    fn attention_without_weights_is_uniform() {
        let mut bert = Bert::new(Config::new(2, 16, 20), 1);
        for name in ["query", "key"] {
            let name = format!("{}.attention.self.{name}.weight", layer(0));
            let range = bert.layout.get(&name).unwrap().range.clone();
            bert.parameters[range].fill(0.0);
        }
        let measured = measure(&bert, &batch(&[4, 8]));
        // 3 neighbours of 1/4, 7 of 1/8.
        let uniform = (3.0 * 0.25 + 7.0 * 0.125) / 10.0;
        assert_eq!(measured.uniform, uniform);
        assert!((measured.previous[0] - uniform).abs() < 1e-7, "{measured:?}");
        assert!((measured.next[0] - uniform).abs() < 1e-7, "{measured:?}");
        assert!((measured.previous[1] - uniform).abs() > 1e-5, "{measured:?}");
        // Sequences without instances count nothing.
        assert_eq!(measure(&bert, &batch(&[])).previous, [0.0, 0.0]);
    }

    /// Queries that are the keys of the previous position: all attention goes there.
    #[test]
    fn attention_to_the_previous_token_is_found() {
        let config = Config::new(1, 16, 20);
        let mut bert = Bert::new(Config { num_attention_heads: 1, ..config }, 1);
        let range = |bert: &Bert, name: &str| bert.layout.get(name).unwrap().range.clone();
        for name in ["word_embeddings", "token_type_embeddings"] {
            let range = range(&bert, &format!("bert.embeddings.{name}.weight"));
            bert.parameters[range].fill(0.0);
        }
        // The embedding of position i is the unit vector i.
        let positions = range(&bert, "bert.embeddings.position_embeddings.weight");
        for (i, row) in bert.parameters[positions].chunks_exact_mut(16).enumerate() {
            row.fill(0.0);
            row[i % 16] = 1.0;
        }
        let [query, key] = ["query", "key"]
            .map(|name| range(&bert, &format!("{}.attention.self.{name}.weight", layer(0))));
        // q of position i is e(i − 1), k is e(i), both times 20.
        bert.parameters[query.clone()].fill(0.0);
        bert.parameters[key.clone()].fill(0.0);
        for i in 0..16 {
            bert.parameters[key.start + 16 * i + i] = 20.0;
            if i + 1 < 16 {
                bert.parameters[query.start + 16 * i + i + 1] = 20.0;
            }
        }
        let measured = measure(&bert, &batch(&[8, 6, 8]));
        assert!(measured.previous[0] > 0.99, "{measured:?}");
        // Position 0 has no previous token: its scores are 0, and it looks at 6 or 8 tokens alike.
        let next = (2.0 * (1.0 / 8.0) + 1.0 / 6.0) / (7.0 + 5.0 + 7.0);
        assert!((measured.next[0] - next).abs() < 1e-3, "{measured:?}");
    }
}
