//! Pretraining as an [`Objective`]: masked-LM cross-entropy averaged over all masked positions, plus
//! next-sentence cross-entropy averaged over all pairs (BERT paper, section 3.1).

use super::evaluation::Evaluator;
use super::objective::{Objective, Term, TermSums};
use crate::autodiff::{GraphError, Mode, Plan, Profile};
use crate::data::Batch;
use crate::model::{BatchShape, Bert, PretrainingPlan};
use crate::tensor::dropout::DropoutKey;

/// The term of masked language modelling.
pub const MASKED_LM: &str = "masked_lm";
/// The term of next-sentence prediction.
pub const NEXT_SENTENCE: &str = "next_sentence";

const TERMS: [Term; 2] = [
    Term { name: MASKED_LM, count_name: Some("masked_tokens"), has_accuracy: true },
    Term { name: NEXT_SENTENCE, count_name: None, has_accuracy: true },
];

/// Pretraining, compiled for one shape of batch.
pub struct Pretraining {
    plan: PretrainingPlan,
    next_sentence: bool,
}

impl Pretraining {
    /// Compiles pretraining of `bert` for batches of `shape`, with or without next-sentence prediction.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the model.
    pub fn new(
        bert: &Bert,
        shape: BatchShape,
        mode: Mode,
        next_sentence: bool,
    ) -> Result<Self, GraphError> {
        let plan = PretrainingPlan::new(bert, shape, mode, next_sentence, false)?;
        Ok(Self { plan, next_sentence })
    }

    /// An evaluator for batches of `shape`. Next-sentence prediction counts only the instances that are
    /// pairs.
    ///
    /// # Errors
    /// [`GraphError`] when `shape` does not fit the model.
    pub fn evaluator(bert: &Bert, shape: BatchShape) -> Result<Evaluator<Self>, GraphError> {
        Ok(Evaluator::new(Self::new(bert, shape, Mode::Evaluation, true)?))
    }
}

impl Objective for Pretraining {
    type Batch = Batch;

    fn terms(&self) -> &'static [Term] {
        if self.next_sentence { &TERMS } else { &TERMS[..1] }
    }

    fn targets(&self, batch: &Batch) -> Vec<f32> {
        let weights = [&batch.masked_lm_weights, &batch.next_sentence_weights];
        weights.into_iter().take(self.terms().len()).map(|weights| weights.iter().sum()).collect()
    }

    fn examples(&self, batch: &Batch) -> u64 {
        batch.instances as u64
    }

    fn tokens(&self, batch: &Batch) -> u64 {
        batch.attention_mask.iter().map(|&real| u64::from(real)).sum()
    }

    fn load(&mut self, batch: &Batch, scales: &[f32]) {
        self.plan.load(batch, scales[0], scales.get(1).copied().unwrap_or(0.0));
    }

    fn forward(&mut self, parameters: &[f32], dropout_key: DropoutKey) -> Vec<TermSums> {
        let losses = self.plan.forward(parameters, dropout_key);
        let masked_lm =
            TermSums { loss: losses.masked_lm_loss, accuracy: losses.masked_lm_accuracy };
        let next_sentence =
            TermSums { loss: losses.next_sentence_loss, accuracy: losses.next_sentence_accuracy };
        [masked_lm, next_sentence].into_iter().take(self.terms().len()).collect()
    }

    fn backward(&mut self, parameters: &[f32], gradients: &mut [f32], dropout_key: DropoutKey) {
        self.plan.backward(parameters, gradients, dropout_key);
    }

    fn trains(&self, name: &str) -> bool {
        let of_next_sentence =
            name.starts_with("bert.pooler.") || name.starts_with("cls.seq_relationship.");
        self.next_sentence || !of_next_sentence
    }

    fn plan(&self) -> &Plan {
        self.plan.plan()
    }

    fn profile(&mut self) -> &mut Profile {
        self.plan.plan_mut().profile()
    }
}
