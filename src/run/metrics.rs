//! `metrics.jsonl`: one JSON object per log step and one per evaluation.

use crate::train::Evaluation;
use crate::train::objective::{TermMean, find, total_loss};
use crate::train::trainer::StepReport;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};

/// Names of the fields that depend on the clock.
pub const TIMINGS: [&str; 3] = ["seconds", "tokens_per_second", "eval_seconds"];

/// A log step: means over the steps since the last one. As JSON: `step`, `loss`, `{name}_loss` and
/// `{name}_accuracy` of each term, then the other fields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainingMetrics {
    /// The step, counted from 1.
    pub step: u64,
    /// The means of the objective's terms; for pretraining `masked_lm` and, unless left out,
    /// `next_sentence`.
    pub terms: Vec<TermMean>,
    /// The learning rate of this step.
    pub learning_rate: f32,
    /// The gradient's global norm before clipping, of this step.
    pub grad_norm: f32,
    /// Tokens since the start of the run, padding not counted.
    pub tokens: u64,
    /// Seconds since the start (of this part of the run).
    pub seconds: f64,
    /// Tokens, padding not counted, per second since the last log step or, when that is later, since the run
    /// was resumed.
    pub tokens_per_second: f64,
}

impl TrainingMetrics {
    /// The sum of the mean losses.
    pub fn loss(&self) -> f64 {
        total_loss(&self.terms)
    }

    /// The mean of the term called `name`, if the objective has it.
    pub fn term(&self, name: &str) -> Option<&TermMean> {
        find(&self.terms, name)
    }
}

impl Serialize for TrainingMetrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("loss", &self.loss())?;
        for term in &self.terms {
            for (name, value) in term.fields("") {
                map.serialize_entry(&name, &value)?;
            }
        }
        map.serialize_entry("learning_rate", &self.learning_rate)?;
        map.serialize_entry("grad_norm", &self.grad_norm)?;
        map.serialize_entry("tokens", &self.tokens)?;
        map.serialize_entry("seconds", &self.seconds)?;
        map.serialize_entry("tokens_per_second", &self.tokens_per_second)?;
        map.end()
    }
}

/// A text with `[MASK]`, to watch a model learn on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The text.
    pub text: String,
    /// The word that its only `[MASK]` replaced, where it is known.
    pub word: Option<String>,
}

/// What the model fills into a [`Sample`].
#[derive(Clone, Debug, PartialEq, DeriveSerialize, Deserialize)]
pub struct FilledSample {
    /// [`Sample::text`].
    pub text: String,
    /// [`Sample::word`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// For each `[MASK]`, the likeliest tokens, best first.
    pub predictions: Vec<Vec<SampleToken>>,
}

/// A token with its probability.
#[derive(Clone, Debug, PartialEq, DeriveSerialize, Deserialize)]
pub struct SampleToken {
    /// The word piece.
    pub token: String,
    /// Its probability, from 0 to 1.
    pub probability: f32,
}

/// An evaluation on held-out instances. As JSON: `step`, `eval_loss`, the fields of [`Evaluation::to_json`] with
/// the prefix `eval_`, `unigram_loss` and `sample` where they are known, then `eval_seconds`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EvaluationMetrics {
    /// The step after which the model was evaluated, counted from 1.
    pub step: u64,
    /// What was measured.
    pub evaluation: Evaluation,
    /// The loss that counting words alone gives on the same text ([`Job::unigram_loss`](super::Job::unigram_loss)).
    pub unigram_loss: Option<f64>,
    /// What the model fills into the text that is watched.
    pub sample: Option<FilledSample>,
    /// Seconds that the evaluation took.
    pub seconds: f64,
}

impl Serialize for EvaluationMetrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("eval_loss", &self.evaluation.loss())?;
        for (name, value) in self.evaluation.to_json("eval_") {
            map.serialize_entry(&name, &value)?;
        }
        if let Some(loss) = self.unigram_loss {
            map.serialize_entry("unigram_loss", &loss)?;
        }
        if let Some(sample) = &self.sample {
            map.serialize_entry("sample", sample)?;
        }
        map.serialize_entry("eval_seconds", &self.seconds)?;
        map.end()
    }
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, DeriveSerialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MetricsLine {
    /// A log step.
    Training(TrainingMetrics),
    /// An evaluation.
    Evaluation(Box<EvaluationMetrics>),
}

/// What the clock says at a log step.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Seconds since the start of this part of the run.
    pub seconds: f64,
    /// Tokens, padding not counted, per second since the later of the last log step and that start.
    pub tokens_per_second: f64,
}

/// Sums over the steps since the last log step. They are part of a checkpoint, so that a resumed run logs the
/// same means.
#[derive(Clone, Debug, Default, PartialEq, DeriveSerialize, Deserialize)]
pub struct Interval {
    steps: u64,
    /// Loss and accuracy of each term.
    sums: Vec<[f64; 2]>,
}

impl Interval {
    /// Whether a run can have written these numbers.
    pub(super) fn is_sane(&self) -> bool {
        const MOST: u64 = 1 << 48;
        let finite = self.sums.iter().flatten().all(|sum| sum.is_finite());
        finite && self.steps < MOST
    }

    /// Whether these are sums of an objective of `terms` terms.
    pub(super) fn is_of(&self, terms: usize) -> bool {
        self.sums.len() == terms || self.steps == 0 && self.sums.is_empty()
    }

    /// Adds a step.
    pub fn add(&mut self, report: &StepReport) {
        self.sums.resize(report.terms.len(), [0.0; 2]);
        for ([loss, accuracy], term) in self.sums.iter_mut().zip(&report.terms) {
            *loss += term.loss;
            *accuracy += term.accuracy;
        }
        self.steps += 1;
    }

    /// The log line at `report`, the last step that was added; then starts anew. `total_tokens` is the number
    /// of tokens since the start of the run.
    pub fn finish(
        &mut self,
        report: &StepReport,
        total_tokens: u64,
        timing: Timing,
    ) -> TrainingMetrics {
        let Self { steps, sums } = std::mem::take(self);
        let means = report.terms.iter().zip(sums).map(|(term, sums)| {
            let [loss, accuracy] = sums.map(|sum| sum / steps as f64);
            TermMean { loss, accuracy, ..term.clone() }
        });
        TrainingMetrics {
            step: report.step + 1,
            terms: means.collect(),
            learning_rate: report.learning_rate,
            grad_norm: report.grad_norm,
            tokens: total_tokens,
            seconds: timing.seconds,
            tokens_per_second: timing.tokens_per_second,
        }
    }
}
