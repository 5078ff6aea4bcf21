//! Fine-tuning, compiled: encoder, the head of a task and its loss, for one shape of batch (BERT paper, section 4;
//! losses as the classes of Hugging Face's `modeling_bert.py` compute them). [`train`](crate::train) replays it.

use super::bert::Bert;
use super::encoder::encoder_at;
use super::encoder_inputs::{EncoderInputs, PackedRows, Padding, Sequences};
use super::head::Head;
use super::heads::{
    pooler, question_answering_logits, sequence_classification_logits, token_classification_logits,
};
use super::read_rows::{ReadRows, load_rows};
use crate::autodiff::ops::{
    SpanLabels, contrastive_loss, cross_entropy, gather_rows, mean_rows, span_cross_entropy,
    squared_error,
};
use crate::autodiff::{Floats, Graph, GraphError, Integers, Mode, Plan, Tensor};
use crate::data::features::{FeatureBatch, FeatureShape};
use crate::tensor::dropout::DropoutKey;
use serde::{Deserialize, Serialize};

/// What a head learns to say, and so the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum HeadLoss {
    /// One class for each sequence: cross-entropy.
    Classes,
    /// A number for each sequence: squared error.
    Number,
    /// A label for each word: cross-entropy over the tokens that have a label.
    Tags,
    /// The first and the last token of an answer: the mean of their cross-entropies.
    Span,
    /// Texts that belong together have similar embeddings: the contrastive loss of SimCSE.
    Contrastive {
        /// How a sequence becomes one vector.
        pooling: Pooling,
        /// The number that cosines are divided by.
        temperature: f32,
    },
}

impl HeadLoss {
    /// Whether the head reads the last hidden state of `[CLS]` alone.
    fn reads_only_cls(self) -> bool {
        match self {
            Self::Classes | Self::Number => true,
            Self::Contrastive { pooling, .. } => pooling == Pooling::Cls,
            Self::Tags | Self::Span => false,
        }
    }
}

/// How the hidden states of a sequence become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean over all tokens, `[CLS]` and `[SEP]` included: `pooling_mode_mean_tokens` of
    /// sentence-transformers.
    #[default]
    Mean,
    /// That of `[CLS]`: `pooling_mode_cls_token` of sentence-transformers. (It is not the output of BERT's pooler,
    /// which has a layer more.)
    Cls,
}

/// The inputs of a head's loss in a plan's memory.
#[derive(Clone, Copy)]
struct Inputs {
    encoder: EncoderInputs,
    /// The row of every `[CLS]` in the last hidden state, `[batch]`.
    first_tokens: Integers,
    /// 0, 1, 2 …: what the dropout mask of a sequence depends on, `[batch]`.
    sequence_ids: Integers,
    /// Classes `[batch]`, or the label of each row `[batch, seq]`.
    labels: Integers,
    /// Rows of the first and the last token of each answer, `[batch]`.
    span: [Integers; 2],
    /// Numbers to predict, `[batch]`.
    numbers: Floats,
    /// The weight of each label in the loss: `[batch]`, `[batch, seq]` for tags, `[batch / 2]` for pairs.
    weights: Floats,
}

/// Forward (and backward) of a task, compiled for one shape of batch.
pub struct FinetuningPlan {
    plan: Plan,
    inputs: Inputs,
    /// The rows of the last hidden state that are computed; all when `None`.
    read: Option<ReadRows>,
    loss: HeadLoss,
    shape: FeatureShape,
    logits: Tensor,
    loss_and_accuracy: Tensor,
    packed: Option<PackedRows>,
}

impl FinetuningPlan {
    /// Compiles `loss` on the head of `bert` for batches of `shape`.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the configuration, or the head is not the one that `loss` is for.
    pub fn new(
        bert: &Bert,
        loss: HeadLoss,
        shape: FeatureShape,
        mode: Mode,
    ) -> Result<Self, GraphError> {
        let mut graph = Graph::new(&bert.layout);
        let g = &mut graph;
        let config = &bert.config;
        let FeatureShape { batch_size, max_seq_length } = shape;
        let labels = match loss {
            HeadLoss::Tags => batch_size * max_seq_length,
            HeadLoss::Contrastive { .. } => batch_size / 2,
            _ => batch_size,
        };
        let inputs = Inputs {
            encoder: EncoderInputs::new(g, batch_size, max_seq_length),
            first_tokens: g.integers(batch_size),
            sequence_ids: g.integers(batch_size),
            labels: g.integers(labels),
            span: [g.integers(batch_size), g.integers(batch_size)],
            numbers: g.floats(batch_size),
            weights: g.floats(labels),
        };
        let (hidden_states, read) =
            encoder_at(g, config, &inputs.encoder, loss.reads_only_cls().then_some(0))?;
        let last = *hidden_states.last().expect("at least the embeddings");
        let (logits, loss_and_accuracy) = match loss {
            HeadLoss::Classes | HeadLoss::Number => {
                let pooled = pooler(g, last, inputs.first_tokens)?;
                let z = sequence_classification_logits(g, config, pooled, inputs.sequence_ids)?;
                let loss = match loss {
                    HeadLoss::Number => squared_error(g, z, inputs.numbers, inputs.weights)?,
                    _ => cross_entropy(g, z, inputs.labels, inputs.weights)?,
                };
                (z, loss)
            }
            HeadLoss::Tags => {
                let z = token_classification_logits(g, config, last, inputs.encoder.row_ids)?;
                (z, cross_entropy(g, z, inputs.labels, inputs.weights)?)
            }
            HeadLoss::Span => {
                let z = question_answering_logits(g, last)?;
                let [first, end] = inputs.span;
                let (starts, weights) = (inputs.encoder.starts, inputs.weights);
                let labels = SpanLabels { starts, first, last: end, weights };
                (z, span_cross_entropy(g, z, labels)?)
            }
            HeadLoss::Contrastive { pooling, temperature } => {
                g.enter("pooling");
                let e = match pooling {
                    Pooling::Mean => mean_rows(g, last, inputs.encoder.starts)?,
                    Pooling::Cls => gather_rows(g, last, inputs.first_tokens)?,
                }; // [batch, hidden]
                (e, contrastive_loss(g, e, inputs.weights, temperature)?)
            }
        };
        g.keep(logits);
        g.add_loss(loss_and_accuracy);
        let mut plan = Plan::new(graph, mode)?;
        plan.integers_mut(inputs.sequence_ids).iter_mut().zip(0..).for_each(|(id, b)| *id = b);
        Ok(Self { plan, inputs, read, loss, shape, logits, loss_and_accuracy, packed: None })
    }

    /// The head that `loss` needs.
    pub fn head(loss: HeadLoss, num_labels: usize) -> Head {
        match loss {
            HeadLoss::Classes => Head::SequenceClassification { num_labels },
            HeadLoss::Number => Head::SequenceClassification { num_labels: 1 },
            HeadLoss::Tags => Head::TokenClassification { num_labels },
            HeadLoss::Span => Head::QuestionAnswering,
            HeadLoss::Contrastive { .. } => Head::None,
        }
    }

    /// The number of labels in `batch`: what the loss is a sum over.
    pub fn targets(&self, batch: &FeatureBatch) -> f32 {
        self.weights(batch).iter().sum()
    }

    /// The weights of the labels of `batch`, in the length of the input.
    fn weights<'b>(&self, batch: &'b FeatureBatch) -> &'b [f32] {
        match self.loss {
            HeadLoss::Tags => &batch.tag_weights,
            HeadLoss::Contrastive { .. } => &batch.weights[..self.shape.batch_size / 2],
            _ => &batch.weights,
        }
    }

    /// Copies `batch` into the inputs, without padding. Every weight is multiplied by `scale`: 1 / the number of
    /// labels makes the loss a mean.
    ///
    /// # Panics
    /// When the shape of the batch is not that of the plan.
    pub fn load(&mut self, batch: &FeatureBatch, scale: f32) {
        let inputs = self.inputs;
        let sequences = Sequences {
            input_ids: &batch.input_ids,
            token_type_ids: &batch.token_type_ids,
            attention_mask: &batch.attention_mask,
        };
        let packed = inputs.encoder.load(&mut self.plan, sequences, Padding::LeftOut);
        let (first_tokens, _) = load_rows(self.read.as_ref(), &mut self.plan, &packed, &[]);
        self.plan.integers_mut(inputs.first_tokens).copy_from_slice(&first_tokens);
        match self.loss {
            HeadLoss::Tags => {
                self.plan.floats_mut(inputs.weights).fill(0.0);
                for b in 0..self.shape.batch_size {
                    let (rows, first) = (packed.rows(b), b * self.shape.max_seq_length);
                    let positions = first..first + rows.len();
                    self.plan.integers_mut(inputs.labels)[rows.clone()]
                        .copy_from_slice(&batch.tags[positions.clone()]);
                    let weights = &mut self.plan.floats_mut(inputs.weights)[rows];
                    for (to, from) in weights.iter_mut().zip(&batch.tag_weights[positions]) {
                        *to = scale * from;
                    }
                }
            }
            _ => {
                let weights = self.weights(batch);
                for (to, from) in self.plan.floats_mut(inputs.weights).iter_mut().zip(weights) {
                    *to = scale * from;
                }
                if !matches!(self.loss, HeadLoss::Contrastive { .. }) {
                    self.plan.integers_mut(inputs.labels).copy_from_slice(&batch.classes);
                }
                self.plan.floats_mut(inputs.numbers).copy_from_slice(&batch.numbers);
                for (rows, positions) in inputs.span.into_iter().zip([&batch.first, &batch.last]) {
                    let rows = self.plan.integers_mut(rows);
                    for (row, &position) in rows.iter_mut().zip(positions) {
                        *row = packed.row(position as usize);
                    }
                }
            }
        }
        self.packed = Some(packed);
    }

    /// Computes the loaded batch: Σ weight · loss, and Σ weight · (1 when the likeliest answer is right, else 0; 0 for
    /// numbers).
    pub fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> [f32; 2] {
        self.plan.forward(parameters, dropout_key);
        let value = self.plan.value(self.loss_and_accuracy);
        [value[0], value.get(1).copied().unwrap_or(0.0)]
    }

    /// The logits of sequence `b` of the last batch: `[num_labels]`, or `[tokens, num_labels]` where the head speaks of
    /// tokens; `[hidden]` embeddings for the contrastive loss.
    ///
    /// # Panics
    /// Before the first batch.
    pub fn logits(&self, b: usize) -> &[f32] {
        let width = self.logits.shape.columns();
        let rows = match self.loss {
            HeadLoss::Tags | HeadLoss::Span => self.packed.as_ref().expect("loaded").rows(b),
            _ => b..b + 1,
        };
        &self.plan.value(self.logits)[rows.start * width..rows.end * width]
    }

    /// Writes the gradient of the loss into `gradients`, computed from zero. Elements of unused parameters stay as
    /// they are.
    ///
    /// # Panics
    /// When compiled for evaluation.
    pub fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        self.plan.backward(parameters, gradients, dropout_key);
    }

    /// What it was compiled for.
    pub fn loss(&self) -> HeadLoss {
        self.loss
    }

    /// The shape of its batches.
    pub fn shape(&self) -> FeatureShape {
        self.shape
    }

    /// The compiled graph.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The compiled graph, for its profile.
    pub fn plan_mut(&mut self) -> &mut Plan {
        &mut self.plan
    }
}
