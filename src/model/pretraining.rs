//! Pretraining, compiled: encoder, masked-LM head and next-sentence head with their losses, for one
//! shape of batch. [`train`](crate::train) replays it.

use super::bert::Bert;
use super::encoder::encoder_at;
use super::encoder_inputs::{EncoderInputs, Padding, Sequences};
use super::heads::{decoder, masked_lm_transform, next_sentence_logits, pooler};
use super::read_rows::{ReadRows, load_rows};
use crate::autodiff::ops::{cross_entropy, masked_lm_loss};
use crate::autodiff::{Floats, Graph, GraphError, Integers, Mode, Plan, Tensor};
use crate::data::Batch;
use crate::tensor::dropout::DropoutKey;
use serde::{Deserialize, Serialize};

/// The shape of a pretraining batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchShape {
    /// Sequences of a batch.
    pub batch_size: usize,
    /// Tokens of each sequence, padding included.
    pub max_seq_length: usize,
    /// Masked positions of each sequence, at most.
    pub max_predictions_per_seq: usize,
}

/// The inputs of pretraining in a plan's memory. A row is an index into the encoder's rows; see
/// [`EncoderInputs`].
#[derive(Clone, Copy, Debug)]
pub struct PretrainingInputs {
    /// Ids, segments and attention mask.
    pub encoder: EncoderInputs,
    /// Rows of the last hidden state at the masked positions, real ones first,
    /// `[batch · max_predictions_per_seq]`.
    pub masked_lm_positions: Integers,
    /// The ids before masking, `[batch · max_predictions_per_seq]`.
    pub masked_lm_ids: Integers,
    /// The weight of each masked position in the loss, 0 for padding,
    /// `[batch · max_predictions_per_seq]`.
    pub masked_lm_weights: Floats,
    /// Row of the last hidden state of every `[CLS]`, `[batch]`.
    pub first_tokens: Integers,
    /// 0 true next, 1 random, `[batch]`.
    pub next_sentence_labels: Integers,
    /// The weight of each pair in the loss, 0 for padding, `[batch]`.
    pub next_sentence_weights: Floats,
}

/// Forward (and backward) of pretraining, compiled for one shape of batch.
pub struct PretrainingPlan {
    plan: Plan,
    /// The inputs, which [`PretrainingPlan::load`] fills.
    pub inputs: PretrainingInputs,
    /// The rows of the last hidden state that are computed; all when `None`.
    read: Option<ReadRows>,
    /// The embeddings and every layer's output, each `[batch, seq, hidden]`; readable when kept.
    pub hidden_states: Vec<Tensor>,
    /// The pooled output `[batch, hidden]`; readable when hidden states are kept.
    pub pooler_output: Option<Tensor>,
    /// `[batch, 2]`: class 0 is the true next sentence; readable when hidden states are kept.
    pub next_sentence_logits: Option<Tensor>,
    masked_lm: Tensor,
    next_sentence: Option<Tensor>,
    /// Computed where hidden states can be read.
    padding: Padding,
}

/// Losses and accuracies of one forward pass: sums, weighted by the weights of the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Σ weight · −ln p(the masked word).
    pub masked_lm_loss: f32,
    /// Σ weight · [the likeliest word is the masked one].
    pub masked_lm_accuracy: f32,
    /// Σ weight · −ln p(the right answer); 0 without next-sentence prediction.
    pub next_sentence_loss: f32,
    /// Σ weight · [the likelier answer is right]; 0 without next-sentence prediction.
    pub next_sentence_accuracy: f32,
}

impl Losses {
    /// Adds the sums of another forward pass.
    pub fn add(&mut self, other: &Self) {
        self.masked_lm_loss += other.masked_lm_loss;
        self.masked_lm_accuracy += other.masked_lm_accuracy;
        self.next_sentence_loss += other.next_sentence_loss;
        self.next_sentence_accuracy += other.next_sentence_accuracy;
    }
}

impl PretrainingPlan {
    /// Compiles pretraining for batches of `shape`. `next_sentence` tells whether next-sentence
    /// prediction is part of the loss. With `keep`, hidden states, pooled output and next-sentence
    /// logits can be read after a pass, and padding is computed.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the configuration.
    pub fn new(
        bert: &Bert,
        shape: BatchShape,
        mode: Mode,
        next_sentence: bool,
        keep: bool,
    ) -> Result<Self, GraphError> {
        let mut graph = Graph::new(&bert.layout);
        let g = &mut graph;
        let config = &bert.config;
        let BatchShape { batch_size, max_seq_length, max_predictions_per_seq } = shape;
        let predictions = batch_size * max_predictions_per_seq;
        let inputs = PretrainingInputs {
            encoder: EncoderInputs::new(g, batch_size, max_seq_length),
            masked_lm_positions: g.integers(predictions),
            masked_lm_ids: g.integers(predictions),
            masked_lm_weights: g.floats(predictions),
            first_tokens: g.integers(batch_size),
            next_sentence_labels: g.integers(batch_size),
            next_sentence_weights: g.floats(batch_size),
        };

        // The last layer is computed where it is read, unless everything is.
        let positions = (!keep).then_some(max_predictions_per_seq);
        let (hidden_states, read) = encoder_at(g, config, &inputs.encoder, positions)?;
        let last = *hidden_states.last().expect("at least the embeddings");

        let x = masked_lm_transform(g, config, last, inputs.masked_lm_positions)?;
        let [w, b] = decoder(g)?;
        let masked_lm =
            masked_lm_loss(g, x, &w, &b, inputs.masked_lm_ids, inputs.masked_lm_weights)?;
        g.add_loss(masked_lm);

        let (mut pooler_output, mut logits, mut next_sentence_output) = (None, None, None);
        if next_sentence {
            let pooled = pooler(g, last, inputs.first_tokens)?;
            let z = next_sentence_logits(g, pooled)?;
            let (labels, weights) = (inputs.next_sentence_labels, inputs.next_sentence_weights);
            let loss = cross_entropy(g, z, labels, weights)?;
            g.add_loss(loss);
            (pooler_output, logits, next_sentence_output) = (Some(pooled), Some(z), Some(loss));
        }
        if keep {
            for tensor in hidden_states.iter().copied().chain(pooler_output).chain(logits) {
                g.keep(tensor);
            }
        }
        Ok(Self {
            plan: Plan::new(graph, mode)?,
            inputs,
            read,
            hidden_states,
            pooler_output,
            next_sentence_logits: logits,
            masked_lm,
            next_sentence: next_sentence_output,
            padding: if keep { Padding::Computed } else { Padding::LeftOut },
        })
    }

    /// The compiled graph, to print it and to read kept values.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The compiled graph, to fill its inputs.
    pub fn plan_mut(&mut self) -> &mut Plan {
        &mut self.plan
    }

    /// Copies `batch` into the inputs. Padding is left out unless hidden states are kept; no loss
    /// depends on it. The weights of masked positions are multiplied by `masked_lm_scale` (1 / their
    /// number makes the loss a mean), the weights of pairs by `next_sentence_scale`.
    ///
    /// # Panics
    /// When the shape of the batch is not that of the plan.
    pub fn load(&mut self, batch: &Batch, masked_lm_scale: f32, next_sentence_scale: f32) {
        let inputs = self.inputs;
        let sequences = Sequences {
            input_ids: &batch.input_ids,
            token_type_ids: &batch.token_type_ids,
            attention_mask: &batch.attention_mask,
        };
        let packed = inputs.encoder.load(&mut self.plan, sequences, self.padding);
        let real = batch.masked_lm_weights.iter().rposition(|&weight| weight != 0.0);
        let masks = real.map_or(0, |last| last + 1);
        let positions = &batch.masked_lm_positions[..masks];
        let (first_tokens, rows) =
            load_rows(self.read.as_ref(), &mut self.plan, &packed, positions);
        self.plan.integers_mut(inputs.first_tokens).copy_from_slice(&first_tokens);
        let (real, padding) =
            self.plan.integers_mut(inputs.masked_lm_positions).split_at_mut(masks);
        real.copy_from_slice(&rows);
        padding.fill(0);
        for (place, values) in [
            (inputs.masked_lm_ids, &batch.masked_lm_ids),
            (inputs.next_sentence_labels, &batch.next_sentence_labels),
        ] {
            self.plan.integers_mut(place).copy_from_slice(values);
        }
        for (place, values, scale) in [
            (inputs.masked_lm_weights, &batch.masked_lm_weights, masked_lm_scale),
            (inputs.next_sentence_weights, &batch.next_sentence_weights, next_sentence_scale),
        ] {
            for (to, from) in self.plan.floats_mut(place).iter_mut().zip(values) {
                *to = scale * from;
            }
        }
    }

    /// Computes the losses of the batch in the inputs.
    pub fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> Losses {
        self.plan.forward(parameters, dropout_key);
        let masked_lm = self.plan.value(self.masked_lm);
        let next_sentence =
            self.next_sentence.map_or([0.0; 2].as_slice(), |tensor| self.plan.value(tensor));
        Losses {
            masked_lm_loss: masked_lm[0],
            masked_lm_accuracy: masked_lm[1],
            next_sentence_loss: next_sentence[0],
            next_sentence_accuracy: next_sentence[1],
        }
    }

    /// −ln p of the masked word at every masked position of the last pass, and 1 where the likeliest word is right,
    /// `[batch · max_predictions_per_seq]` each, in the order of the batch; 0 where the weight is 0.
    pub fn masked_lm_rows(&self) -> (&[f32], &[f32]) {
        let of_rows = &self.plan.value(self.masked_lm)[2..];
        of_rows.split_at(of_rows.len() / 2)
    }

    /// Writes the gradient of masked-LM loss + next-sentence loss into `gradients`, computed from zero. Elements of
    /// unused parameters stay as they are.
    ///
    /// # Panics
    /// When compiled for evaluation.
    pub fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        self.plan.backward(parameters, gradients, dropout_key);
    }
}
