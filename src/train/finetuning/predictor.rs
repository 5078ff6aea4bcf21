//! The logits of many features with one compiled plan.

use crate::autodiff::{GraphError, Mode};
use crate::data::features::{Feature, FeatureBatch, FeatureShape};
use crate::model::{Bert, FinetuningPlan, HeadLoss};
use crate::tensor::dropout::DropoutKey;

/// Tokens of a batch, padding included, at most. Padding is not computed, so a batch may have much of it.
const BATCH_TOKENS: usize = 8192;

/// A head compiled for evaluation, used for as many features as needed.
pub struct Predictor {
    plan: FinetuningPlan,
    batch: FeatureBatch,
}

impl Predictor {
    /// Compiles the head that `loss` is for, for features of up to `max_seq_length` tokens.
    ///
    /// # Errors
    /// [`GraphError`].
    pub fn new(bert: &Bert, loss: HeadLoss, max_seq_length: usize) -> Result<Self, GraphError> {
        let batch_size = (BATCH_TOKENS / max_seq_length.max(1)).max(2).next_multiple_of(2);
        let shape = FeatureShape { batch_size, max_seq_length };
        let plan = FinetuningPlan::new(bert, loss, shape, Mode::Evaluation)?;
        Ok(Self { plan, batch: FeatureBatch::new(shape) })
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        let tokens = self.batch.input_ids.len();
        self.plan.plan().bytes() + 4 * 5 * tokens
    }

    /// The logits of every feature, as [`FinetuningPlan::logits`] has them; features of similar length are computed
    /// together. The logits of a feature have the same bits whatever other features there are. `should_stop` is asked
    /// before each batch; `None` when it said so.
    ///
    /// # Panics
    /// When a feature is longer than `max_seq_length`.
    pub fn logits(
        &mut self,
        bert: &Bert,
        features: &[Feature],
        should_stop: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<Vec<f32>>> {
        let mut order: Vec<usize> = (0..features.len()).collect();
        order.sort_by_key(|&i| features[i].input_ids.len());
        let mut logits = vec![Vec::new(); features.len()];
        for chunk in order.chunks(self.batch.shape.batch_size) {
            if should_stop() {
                return None;
            }
            self.batch.clear(bert.config.pad_token_id);
            chunk.iter().for_each(|&i| self.batch.push(&features[i]));
            self.plan.load(&self.batch, 1.0);
            let key = DropoutKey { seed: 0, step: 0, first_sequence: 0 };
            self.plan.forward(&bert.parameters, key);
            for (b, &i) in chunk.iter().enumerate() {
                logits[i] = self.plan.logits(b).to_vec();
            }
        }
        Some(logits)
    }
}
