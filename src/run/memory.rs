//! The memory of a run, and what is known with it before the first step.

use super::forecast::Forecast;
use super::job::Job;
use super::run_options::RunOptions;
use super::train_time::Speed;
use crate::system::memory;
use crate::train::trainer::Trainer;

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
    /// For a run of `options`. `passes` is the share of the text that one step reads.
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
