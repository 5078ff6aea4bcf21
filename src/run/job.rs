//! What a run trains, as far as the run has to know it: settings, batches with their position, evaluation.

use super::error::RunError;
use super::metrics::{FilledSample, Sample};
use super::observer::Observer;
use super::run_options::RunOptions;
use crate::autodiff::GraphError;
use crate::data::ReadReport;
use crate::model::Bert;
use crate::system::digest::Digest;
use crate::tokenizer::Tokenizer;
use crate::train::{Evaluation, Objective, SharedObjective};
use serde_json::Value;

/// An evaluation that was stopped before its end. It leaves nothing behind.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

/// Something that can be trained in a run: [`Pretraining`](super::Pretraining) is one.
pub trait Job: Sized {
    /// Its settings.
    type Options: RunOptions;
    /// What a step computes.
    type Objective: SharedObjective;
    /// The name of the job in `run.json`.
    const NAME: &'static str;

    /// Reads and checks everything that `options` name. Writes nothing but the tokens of a large text. Returns
    /// the model with its first weights beside the job.
    ///
    /// # Errors
    /// [`RunError`], naming what is at fault.
    fn prepare(
        options: &Self::Options,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Bert), RunError>;

    /// Changes the first weights that [`prepare`](Self::prepare) returned where they come from the data. Not called
    /// when the weights of a checkpoint take their place.
    ///
    /// # Errors
    /// [`RunError`] when there is not enough memory.
    fn set_first_weights(
        &self,
        _options: &Self::Options,
        _bert: &mut Bert,
        _observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        Ok(())
    }

    /// Compiles a training step for one micro-batch of step `step`, counted from 0. All steps of the same
    /// [`RunOptions::recipe_at`] have the same shapes.
    ///
    /// # Errors
    /// [`GraphError`].
    fn objective(&self, bert: &Bert, step: u64) -> Result<Self::Objective, GraphError>;

    /// The tokenizer that is saved beside the model.
    fn tokenizer(&self) -> &Tokenizer;

    /// The same, when nothing else of the job is needed any more.
    fn into_tokenizer(self) -> Tokenizer;

    /// Digest of vocabulary and data: a run that is resumed must find the same.
    fn data(&self) -> Digest;

    /// Empty micro-batches of step `step`.
    fn batches(&self, step: u64) -> Vec<<Self::Objective as Objective>::Batch>;

    /// Fills the micro-batches of the next step, which is step `step`.
    ///
    /// # Errors
    /// [`RunError`] when a file has changed.
    fn fill(
        &mut self,
        step: u64,
        batches: &mut [<Self::Objective as Objective>::Batch],
    ) -> Result<(), RunError>;

    /// Where the next step begins in the data.
    fn position(&self) -> Value;

    /// Goes to a position that [`Job::position`] gave; false when there is no such position.
    fn seek(&mut self, position: &Value) -> bool;

    /// Bytes of the buffers that evaluation needs, and of the batches.
    fn bytes(&self) -> usize;

    /// Evaluates the model on the held-out data; `None` when there is none. `should_stop` is asked before each
    /// batch.
    ///
    /// # Errors
    /// [`Interrupted`] when `should_stop` said so.
    fn evaluate(
        &mut self,
        bert: &Bert,
        should_stop: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Evaluation>, Interrupted>;

    /// Takes over the number of steps of `options`, once it is known. A job whose runs have no budget of time has
    /// nothing to do.
    fn set_steps(&mut self, _options: &Self::Options) {}

    /// Batches of one evaluation; 0 when there is no held-out data, or its time is not known from a few batches.
    fn evaluation_batches(&self) -> usize {
        0
    }

    /// The part of a pass over the data that a step over `batches` reads; `None` where the job does not count it.
    fn passes(&self, _batches: &[<Self::Objective as Objective>::Batch]) -> Option<f64> {
        None
    }

    /// The loss that the shares of the words in the training data give on the held-out data: what counting alone can
    /// do. `None` where that means nothing.
    fn unigram_loss(&self) -> Option<f64> {
        None
    }

    /// How good the model is by an evaluation: the larger, the better. With a number, the run keeps the weights of its
    /// best evaluation; without one, those of its last step.
    fn score(&self, _evaluation: &Evaluation) -> Option<f64> {
        None
    }

    /// What was read, for `run.json`; empty when there was no text.
    fn read(&self) -> &[ReadReport];

    /// A text to watch the model learn on.
    fn sample(&self) -> Option<&Sample> {
        None
    }

    /// What the model fills into [`Job::sample`].
    fn fill_sample(&mut self, _bert: &Bert) -> Option<FilledSample> {
        None
    }

    /// Files that the run directory has beside those of every model, with their content.
    fn other_files(&self, _bert: &Bert) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
