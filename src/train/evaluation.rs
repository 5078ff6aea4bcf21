//! Evaluation on held-out instances with fixed masks, under the names that Google's
//! `run_pretraining.py` prints.

use crate::autodiff::{GraphError, Mode};
use crate::data::Batch;
use crate::model::{BatchShape, Bert, PretrainingPlan};
use crate::tensor::dropout::DropoutKey;
use serde::{Deserialize, Serialize};

/// Means over all masked positions, and all pairs, of the held-out instances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean of −ln p(the masked word).
    pub masked_lm_loss: f64,
    /// Share of masked words that were the likeliest.
    pub masked_lm_accuracy: f64,
    /// Mean of −ln p(the right answer); `None` when no instance is a pair.
    pub next_sentence_loss: Option<f64>,
    /// Share of right answers; `None` when no instance is a pair.
    pub next_sentence_accuracy: Option<f64>,
    /// Instances seen.
    pub instances: u64,
    /// Masked positions seen.
    pub masked_tokens: u64,
}

/// Evaluates a model again and again on batches of one shape.
pub struct Evaluator {
    plan: PretrainingPlan,
}

impl Evaluator {
    /// Compiles evaluation for batches of `shape`.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the model.
    pub fn new(bert: &Bert, shape: BatchShape) -> Result<Self, GraphError> {
        Ok(Self { plan: PretrainingPlan::new(bert, shape, Mode::Evaluation, true, false)? })
    }

    /// Bytes of all buffers.
    pub fn bytes(&mut self) -> usize {
        self.plan.plan().bytes()
    }

    /// The means over `batches`, which are looked at one at a time.
    ///
    /// # Errors
    /// Those of `batches`.
    pub fn evaluate<E>(
        &mut self,
        bert: &Bert,
        mut batches: impl FnMut() -> Result<Option<Batch>, E>,
    ) -> Result<Evaluation, E> {
        let mut sums = [0.0f64; 4];
        let (mut instances, mut masked, mut pairs) = (0, 0.0f64, 0.0f64);
        while let Some(batch) = batches()? {
            // Weights of 1: sums, not means, so that batches of different fill count fairly.
            self.plan.load(&batch, 1.0, 1.0);
            let dropout_key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
            let losses = self.plan.forward(&bert.parameters, dropout_key);
            for (sum, value) in sums.iter_mut().zip([
                losses.masked_lm_loss,
                losses.masked_lm_accuracy,
                losses.next_sentence_loss,
                losses.next_sentence_accuracy,
            ]) {
                *sum += f64::from(value);
            }
            instances += batch.instances as u64;
            masked += batch.masked_lm_weights.iter().map(|&w| f64::from(w)).sum::<f64>();
            pairs += batch.next_sentence_weights.iter().map(|&w| f64::from(w)).sum::<f64>();
        }
        let mean = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
        let of_pairs = |sum: f64| (pairs > 0.0).then(|| sum / pairs);
        Ok(Evaluation {
            masked_lm_loss: mean(sums[0], masked),
            masked_lm_accuracy: mean(sums[1], masked),
            next_sentence_loss: of_pairs(sums[2]),
            next_sentence_accuracy: of_pairs(sums[3]),
            instances,
            masked_tokens: masked as u64,
        })
    }
}
