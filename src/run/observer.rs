//! Who watches a run: the terminal, a test, nobody.

use super::metrics::{EvaluationMetrics, TrainingMetrics};
use crate::data::Batch;
use crate::model::Bert;
use crate::tokenizer::Tokenizer;
use crate::train::trainer::StepReport;

/// Told what happens in a run, as it happens. Every method has a default that does nothing.
pub trait Observer {
    /// Something worth saying before or between steps.
    fn note(&mut self, _message: &str) {}

    /// Text is read: `done` of `total` bytes of the work called `work`. Comes often; the last time with
    /// `done` equal to `total`, unless reading fails.
    fn progress(&mut self, _work: &str, _done: u64, _total: u64) {}

    /// Training is about to begin (or go on) at step `step` of `num_train_steps`.
    fn started(&mut self, _step: u64, _num_train_steps: u64) {}

    /// The held-out instances that evaluations will look at, drawn once.
    fn held_out(&mut self, _batches: &[Batch], _tokenizer: &Tokenizer) {}

    /// Asked before each step: whether to save and stop here.
    fn should_stop(&mut self) -> bool {
        false
    }

    /// A step was taken.
    fn stepped(&mut self, _report: &StepReport) {}

    /// A log line was written.
    fn logged(&mut self, _metrics: &TrainingMetrics) {}

    /// The model, as it is now, was evaluated.
    fn evaluated(&mut self, _metrics: &EvaluationMetrics, _bert: &Bert, _tokenizer: &Tokenizer) {}

    /// The last step was taken.
    fn finished(&mut self) {}
}

/// Nobody.
impl Observer for () {}
