//! What a person reads before the first step of a run: how long, how much text, how much memory, and what counting
//! words alone would give.

use super::job::Job;
use super::run_options::RunOptions;
use super::train_time::Speed;
use crate::system::memory;
use crate::train::trainer::Trainer;
use serde::{Deserialize, Serialize};

/// What is known about a run before its first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Steps of the whole run.
    pub num_train_steps: u64,
    /// The budget of time that the steps were worked out from.
    pub train_time: Option<String>,
    /// Seconds of the whole run with evaluations and checkpoints, at the speed of this machine now; `None` where
    /// nothing was measured: nobody asked for it, or the run has very few steps.
    pub seconds: Option<f64>,
    /// How often the run reads the text, on average; `None` where the job does not count it.
    pub passes: Option<f64>,
    /// Parameters of the model.
    pub parameters: usize,
    /// Bytes of memory of the model: parameters, gradients, moments, and everything a step computes.
    pub model_bytes: u64,
    /// Bytes of memory of the text and of everything else that is loaded before the first step.
    pub text_bytes: u64,
    /// The masked-LM loss that the shares of the word pieces give on the held-out text; `None` without one.
    pub unigram_loss: Option<f64>,
}

/// Bytes of the memory of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    model: u64,
    text: u64,
}

impl Memory {
    /// Checks that a run whose trainer needs `trainer_bytes` fits into memory. Until here, only the parameters have
    /// been written: the other buffers are not resident yet.
    ///
    /// # Errors
    /// [`memory::OutOfMemory`].
    pub(super) fn check<J: Job>(
        job: &J,
        trainer: &Trainer<J::Objective>,
        trainer_bytes: usize,
    ) -> Result<Self, memory::OutOfMemory> {
        let parameters = 4 * trainer.bert.layout.len();
        let model = trainer_bytes + job.bytes();
        memory::check(model.saturating_sub(parameters) / 4)?;
        let resident = memory::resident().unwrap_or(parameters as u64);
        let text = resident.saturating_sub(parameters as u64);
        Ok(Self { model: model as u64, text })
    }
}

impl Forecast {
    /// For a run of `options`. `passes` are those of one step.
    pub(super) fn new<J: Job>(
        options: &J::Options,
        job: &J,
        memory: Memory,
        parameters: usize,
        passes: Option<f64>,
        speed: Option<&Speed>,
    ) -> Self {
        let num_train_steps = options.recipe().schedule.num_train_steps;
        let (eval_every, save_every) = (options.eval_every(), options.save_checkpoints_steps());
        Self {
            num_train_steps,
            train_time: None,
            seconds: speed.map(|speed| speed.seconds(num_train_steps, eval_every, save_every)),
            passes: passes.map(|passes| passes * num_train_steps as f64),
            parameters,
            model_bytes: memory.model,
            text_bytes: memory.text,
            unigram_loss: job.unigram_loss(),
        }
    }
}
