//! `metrics.jsonl`: one JSON object a log step, one an evaluation.

use crate::train::evaluation::Evaluation;
use crate::train::trainer::StepReport;
use serde::{Deserialize, Serialize};

/// A log step: means over the steps since the last one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingMetrics {
    /// The step, counted from 1.
    pub step: u64,
    /// Masked-LM loss + next-sentence loss.
    pub loss: f64,
    /// Mean of −ln p(the masked word).
    pub masked_lm_loss: f64,
    /// Share of masked words that were the likeliest.
    pub masked_lm_accuracy: f64,
    /// Mean of −ln p(the right answer); absent with `--no-nsp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence_loss: Option<f64>,
    /// Share of right answers; absent with `--no-nsp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence_accuracy: Option<f64>,
    /// The rate of this step.
    pub learning_rate: f32,
    /// The gradient's global norm before clipping, of this step.
    pub grad_norm: f32,
    /// Tokens seen since the start of the run, padding not counted.
    pub tokens: u64,
    /// Seconds since the start (of this part of the run).
    pub seconds: f64,
    /// Tokens, padding not counted, per second since the last log step.
    pub tokens_per_second: f64,
}

/// An evaluation on held-out instances.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationMetrics {
    /// The step after which the model was evaluated, counted from 1; 0 before the first.
    pub step: u64,
    /// Masked-LM loss + next-sentence loss.
    pub eval_loss: f64,
    /// [`Evaluation::masked_lm_loss`].
    pub eval_masked_lm_loss: f64,
    /// [`Evaluation::masked_lm_accuracy`].
    pub eval_masked_lm_accuracy: f64,
    /// [`Evaluation::next_sentence_loss`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_next_sentence_loss: Option<f64>,
    /// [`Evaluation::next_sentence_accuracy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_next_sentence_accuracy: Option<f64>,
    /// [`Evaluation::instances`].
    pub eval_instances: u64,
    /// [`Evaluation::masked_tokens`].
    pub eval_masked_tokens: u64,
    /// Seconds that the evaluation took.
    pub eval_seconds: f64,
}

impl EvaluationMetrics {
    /// The line for `evaluation` after `step` steps.
    pub fn new(step: u64, evaluation: &Evaluation, seconds: f64) -> Self {
        Self {
            step,
            eval_loss: evaluation.masked_lm_loss + evaluation.next_sentence_loss.unwrap_or(0.0),
            eval_masked_lm_loss: evaluation.masked_lm_loss,
            eval_masked_lm_accuracy: evaluation.masked_lm_accuracy,
            eval_next_sentence_loss: evaluation.next_sentence_loss,
            eval_next_sentence_accuracy: evaluation.next_sentence_accuracy,
            eval_instances: evaluation.instances,
            eval_masked_tokens: evaluation.masked_tokens,
            eval_seconds: seconds,
        }
    }
}

/// Sums over the steps since the last log step: part of a checkpoint, so that a resumed run logs the
/// same means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    steps: u64,
    sums: [f64; 4],
    tokens: u64,
}

impl Interval {
    /// Whether these can be sums over steps.
    pub(super) fn is_sane(&self) -> bool {
        const MOST: u64 = 1 << 48;
        self.steps < MOST && self.tokens < MOST && self.sums.iter().all(|sum| sum.is_finite())
    }

    /// Counts a step in.
    pub fn add(&mut self, report: &StepReport) {
        let losses = report.losses;
        let values = [
            losses.masked_lm_loss,
            losses.masked_lm_accuracy,
            losses.next_sentence_loss,
            losses.next_sentence_accuracy,
        ];
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += f64::from(value);
        }
        self.steps += 1;
        self.tokens += report.tokens;
    }

    /// The log line at `report`, the last step counted in; then starts anew. `total_tokens` is the
    /// number of tokens since the start of the run, `seconds` of this part of it, `elapsed` since the
    /// last log step.
    pub fn finish(
        &mut self,
        report: &StepReport,
        next_sentence: bool,
        total_tokens: u64,
        seconds: f64,
        elapsed: f64,
    ) -> TrainingMetrics {
        let [masked_lm_loss, masked_lm_accuracy, ns_loss, ns_accuracy] =
            self.sums.map(|sum| sum / self.steps.max(1) as f64);
        let line = TrainingMetrics {
            step: report.step + 1,
            loss: masked_lm_loss + ns_loss,
            masked_lm_loss,
            masked_lm_accuracy,
            next_sentence_loss: next_sentence.then_some(ns_loss),
            next_sentence_accuracy: next_sentence.then_some(ns_accuracy),
            learning_rate: report.learning_rate,
            grad_norm: report.grad_norm,
            tokens: total_tokens,
            seconds,
            tokens_per_second: if elapsed > 0.0 { self.tokens as f64 / elapsed } else { 0.0 },
        };
        *self = Self::default();
        line
    }
}
