//! Who watches a run: the terminal, a test, nobody.

use super::forecast::Forecast;
use super::metrics::{EvaluationMetrics, Sample, TrainingMetrics};
use crate::model::Bert;
use crate::tokenizer::Tokenizer;
use crate::train::trainer::StepReport;

/// What happens in a run, as it happens.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something worth knowing before or between steps.
    Note(&'a str),
    /// Something that may be wrong, although the run goes on.
    Warning(&'a str),
    /// Text is read: `done` of `total` bytes. Comes often; the last time with `done` equal to `total`, unless
    /// reading fails.
    Progress {
        /// What is done, for example `tokenizing`.
        work: &'a str,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The text that the model fills in at every evaluation.
    Sample(&'a Sample),
    /// What is known about the run before its first step, or before the first one after `step` steps.
    Forecast {
        /// Steps taken so far.
        step: u64,
        /// What is known.
        forecast: &'a Forecast,
    },
    /// Training begins, or continues, at step `step` of `num_train_steps`.
    Started {
        /// Steps taken so far.
        step: u64,
        /// Steps of the whole run.
        num_train_steps: u64,
    },
    /// A step was taken.
    Step(&'a StepReport),
    /// A log line was written.
    Logged(&'a TrainingMetrics),
    /// An evaluation begins. [`Observer::should_stop`] is asked before each of its batches.
    Evaluating,
    /// The model was evaluated.
    Evaluated {
        /// What was measured.
        metrics: &'a EvaluationMetrics,
        /// The model as it is now.
        bert: &'a Bert,
        /// Its tokenizer.
        tokenizer: &'a Tokenizer,
    },
    /// A checkpoint is being written.
    Saving,
    /// The checkpoint is on disk.
    Saved,
    /// The last step was taken, and the run is saved.
    Finished,
}

/// Receives every [`Event`] of a run.
///
/// ```
/// use cloze::run::{Event, Observer};
///
/// struct Losses(Vec<f64>);
///
/// impl Observer for Losses {
///     fn observe(&mut self, event: Event<'_>) {
///         if let Event::Step(report) = event {
///             self.0.push(report.loss());
///         }
///     }
/// }
/// ```
pub trait Observer {
    /// Receives an event. One method for all, so that an observer that wraps another cannot forget to forward
    /// one.
    fn observe(&mut self, event: Event<'_>);

    /// Asked before each step and before each batch of an evaluation: whether to save and stop here. An
    /// evaluation that is stopped begins again when the run is resumed.
    fn should_stop(&mut self) -> bool {
        false
    }
}

/// Nobody watches.
impl Observer for () {
    fn observe(&mut self, _: Event<'_>) {}
}
