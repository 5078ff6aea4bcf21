//! Evaluation on held-out batches: the mean of every term of an objective.

use super::objective::{Objective, TermMean, find, total_loss};
use crate::model::NeighbourAttention;
use crate::tensor::dropout::DropoutKey;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Means over all targets of the held-out batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// The terms that have at least one target.
    pub terms: Vec<TermMean>,
    /// The number of examples.
    pub instances: u64,
    /// The number of targets of each term that has a
    /// [`count_name`](super::objective::Term::count_name), under that name.
    pub counts: Vec<(Cow<'static, str>, u64)>,
    /// The attention to the neighbours, over the first few examples, where it was measured.
    #[serde(default)]
    pub attention: Option<NeighbourAttention>,
    /// The metrics of a fine-tuned model by name, the main one first; for example `accuracy`. Not a number
    /// where a metric has no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_nan")]
    pub metrics: Vec<(Cow<'static, str>, f64)>,
    /// Masked language modelling by kind of token, where it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<TokenKind>,
    /// How often each class was predicted where each class is right, `[right][predicted]`; empty for other tasks, and
    /// for more than [`CONFUSION_CLASSES`] classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
}

/// The most classes of [`Evaluation::confusion`]: a larger table is of no use to a reader.
pub const CONFUSION_CLASSES: usize = 30;

/// How well the masked tokens of one kind are predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenKind {
    /// The kind, for example `numbers`.
    pub kind: Cow<'static, str>,
    /// Masked tokens of this kind.
    pub masked_tokens: u64,
    /// Mean −ln p of the masked token.
    pub loss: f64,
    /// The share of them for which the likeliest token is right.
    pub accuracy: f64,
    /// The loss that counting word pieces gives for them.
    pub unigram_loss: Option<f64>,
}

/// JSON has no NaN.
fn null_is_nan<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Vec<(Cow<'static, str>, f64)>, D::Error> {
    let metrics = Vec::<(Cow<'static, str>, Option<f64>)>::deserialize(value)?;
    Ok(metrics.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

impl Evaluation {
    /// The mean of the term called `name`; `None` when it has no target.
    pub fn term(&self, name: &str) -> Option<&TermMean> {
        find(&self.terms, name)
    }

    /// The sum of the mean losses.
    pub fn loss(&self) -> f64 {
        total_loss(&self.terms)
    }

    /// The metric called `name`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The number of targets called `name`, for example `masked_tokens`; 0 when there is none.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }

    /// The metrics, `{name}_loss` and `{name}_accuracy` of every term, `instances`, and the numbers of targets. Each name
    /// begins with `prefix`. Then `attention_previous` and `attention_next`, by layer, and `attention_uniform`; `kinds`,
    /// an object for each kind of token; `confusion`, rows of numbers. For pretraining, Google's
    /// `run_pretraining.py` prints the same names.
    pub fn to_json(&self, prefix: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, value) in &self.metrics {
            fields.insert(format!("{prefix}{name}"), (*value).into());
        }
        for term in &self.terms {
            fields.extend(term.fields(prefix).map(|(name, value)| (name, value.into())));
        }
        fields.insert(format!("{prefix}instances"), self.instances.into());
        for (name, count) in &self.counts {
            fields.insert(format!("{prefix}{name}"), (*count).into());
        }
        if let Some(NeighbourAttention { previous, next, uniform, .. }) = &self.attention {
            fields.insert(format!("{prefix}attention_previous"), previous.clone().into());
            fields.insert(format!("{prefix}attention_next"), next.clone().into());
            fields.insert(format!("{prefix}attention_uniform"), (*uniform).into());
        }
        if !self.kinds.is_empty() {
            let kinds = serde_json::to_value(&self.kinds).expect("numbers and names");
            fields.insert(format!("{prefix}kinds"), kinds);
        }
        if !self.confusion.is_empty() {
            fields.insert(format!("{prefix}confusion"), self.confusion.clone().into());
        }
        fields
    }
}

/// Evaluates a model on batches of one shape, as often as needed.
pub struct Evaluator<O> {
    objective: O,
}

impl<O: Objective> Evaluator<O> {
    /// An evaluator of `objective`. The objective's plan must be compiled for evaluation.
    pub fn new(objective: O) -> Self {
        Self { objective }
    }

    /// Bytes of all buffers of the plan.
    pub fn bytes(&self) -> usize {
        self.objective.plan().bytes()
    }

    /// The means over `batches`, with one batch in memory at a time. `parameters` are flat, in the layout of
    /// the model that the objective was compiled for.
    ///
    /// # Errors
    /// The first error of `batches`.
    pub fn evaluate<E>(
        &mut self,
        parameters: &[f32],
        batches: impl IntoIterator<Item = Result<impl std::borrow::Borrow<O::Batch>, E>>,
    ) -> Result<Evaluation, E> {
        self.evaluate_each(parameters, batches, |_, _| ())
    }

    /// [`Evaluator::evaluate`] that calls `visit` after the pass of each batch, with the objective and the batch.
    ///
    /// # Errors
    /// The first error of `batches`.
    pub fn evaluate_each<E>(
        &mut self,
        parameters: &[f32],
        batches: impl IntoIterator<Item = Result<impl std::borrow::Borrow<O::Batch>, E>>,
        mut visit: impl FnMut(&O, &O::Batch),
    ) -> Result<Evaluation, E> {
        let terms = self.objective.terms();
        // [terms]: Σ loss, Σ accuracy, number of targets.
        let mut sums = vec![[0.0f64; 3]; terms.len()];
        let mut instances = 0;
        for batch in batches {
            let batch = batch?;
            let batch = batch.borrow();
            // Weights of 1 give sums instead of means, so every target counts the same in a batch of any size.
            self.objective.load(batch, &vec![1.0; terms.len()]);
            let dropout_key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
            let of_batch = self.objective.forward(parameters, dropout_key);
            let targets = self.objective.targets(batch);
            for ((sum, term), targets) in sums.iter_mut().zip(of_batch).zip(targets) {
                for (sum, value) in sum.iter_mut().zip([term.loss, term.accuracy, targets]) {
                    *sum += f64::from(value);
                }
            }
            instances += self.objective.examples(batch);
            visit(&self.objective, batch);
        }
        let mut evaluation = Evaluation { instances, ..Evaluation::default() };
        for (term, [loss, accuracy, targets]) in terms.iter().zip(sums) {
            if targets > 0.0 {
                let (loss, accuracy) = (loss / targets, accuracy / targets);
                evaluation.terms.push(TermMean::new(term, loss, accuracy));
            }
            if let Some(name) = term.count_name {
                evaluation.counts.push((name.into(), targets as u64));
            }
        }
        Ok(evaluation)
    }
}
