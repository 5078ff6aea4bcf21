//! From text to a pretrained model in one call.

use super::job::PretrainingJob;
use super::options::{InMemoryText, InstanceSource, PretrainingOptions};
use super::recipe_name::RecipeName;
use crate::data::SentenceObjective;
use crate::run::error::RunError;
use crate::run::observer::Observer;
use crate::run::on_pool::on_pool;
use crate::run::resuming::resume_on;
use crate::run::train_time::TrainTime;
use crate::run::training_run::{Finished, begin_on};
use crate::system::ranks::{Alone, Team};
use std::path::PathBuf;
use std::sync::Arc;

/// Begins to describe a pretraining run on `text`: documents separated by blank lines, best with one sentence
/// a line. No document is held out unless [`Pretraining::eval_fraction`] says so. See [`Pretraining`].
pub fn pretrain(text: impl Into<Arc<str>>) -> Pretraining {
    Pretraining::new(InstanceSource::InMemory(InMemoryText::new(text))).eval_fraction(0.0)
}

/// A pretraining run, described setting by setting. Settings that are not given are Google's.
///
/// ```
/// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
/// let run = cloze::pretrain(text)
///     .model("1/32")
///     .vocab_size(100)
///     .max_seq_length(16)
///     .train_batch_size(8)
///     .steps(20)
///     .seed(1)
///     .run()?;
/// println!("{} {}", run.model_sha256, run.metrics.len());
/// # Ok::<(), cloze::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a run begins with `run`"]
pub struct Pretraining {
    options: PretrainingOptions,
    command: String,
    threads: Option<usize>,
    team: Team,
}

impl Pretraining {
    /// A run on the instances of `input` with Google's settings.
    pub fn new(input: InstanceSource) -> Self {
        Self::from_options(PretrainingOptions { input, ..PretrainingOptions::default() })
    }

    /// A run with these settings.
    pub fn from_options(options: PretrainingOptions) -> Self {
        Self { options, command: "cloze::pretrain".into(), threads: None, team: Alone::team() }
    }

    /// The built-in run on the built-in stories.
    pub fn stories() -> Self {
        Self::from_options(PretrainingOptions::stories())
    }

    /// A run on the text of files, directories and patterns.
    pub fn from_files<S: Into<String>>(inputs: impl IntoIterator<Item = S>) -> Self {
        let inputs = inputs.into_iter().map(Into::into).collect();
        Self::new(InstanceSource::Text(inputs))
    }

    /// The settings of a recipe. Call it before the methods that change one of them.
    pub fn recipe(mut self, name: RecipeName) -> Self {
        name.apply(&mut self.options);
        self
    }

    /// The size of the model (`tiny`, `mini`, `small`, `medium`, `base`) or the path of a `config.json`.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.options.model.as_new().model = model.into();
        self
    }

    /// Entries of the vocabulary to learn, special tokens included, at most.
    pub fn vocab_size(mut self, vocab_size: usize) -> Self {
        *self.options.model.as_learned().0 = vocab_size;
        self
    }

    /// Tokens of a sequence, special tokens included.
    pub fn max_seq_length(mut self, max_seq_length: usize) -> Self {
        self.options.set_max_seq_length(max_seq_length);
        self
    }

    /// Sequences of a step.
    pub fn train_batch_size(mut self, train_batch_size: usize) -> Self {
        self.options.recipe.training.train_batch_size = train_batch_size;
        self
    }

    /// Steps of the run. A tenth of them warm up, unless [`Pretraining::options`] says otherwise.
    pub fn steps(mut self, num_train_steps: u64) -> Self {
        self.options.set_num_train_steps(num_train_steps);
        self
    }

    /// Trains for about `seconds` instead of a number of steps: the steps are worked out once, before the first one,
    /// from the speed of this machine.
    pub fn train_time(mut self, seconds: u64) -> Self {
        self.options.train_time = Some(TrainTime::new(seconds));
        self
    }

    /// The highest learning rate.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.options.recipe.training.schedule.learning_rate = learning_rate;
        self
    }

    /// The seed of all randomness.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.recipe.training.seed = seed;
        self
    }

    /// Leaves next-sentence prediction out: one segment, no pairs.
    pub fn no_nsp(mut self) -> Self {
        self.options.recipe.set_sentence_objective(SentenceObjective::None);
        self
    }

    /// The share of documents that are held out for evaluation; 0 for none.
    pub fn eval_fraction(mut self, share: f64) -> Self {
        self.options.eval_fraction = share;
        self
    }

    /// Leaves a run directory. Without one, the run stays in memory.
    pub fn output_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.output_dir = Some(directory.into());
        self
    }

    /// The command that `run.json` records.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Shares the run with other processes. This is rank 0 of `team`; the others [`serve`](crate::train::serve).
    pub fn team(mut self, team: Team) -> Self {
        self.team = team;
        self
    }

    /// Threads; they never change the result. Without this, the threads of the current pool.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Changes any other setting.
    pub fn options(mut self, change: impl FnOnce(&mut PretrainingOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Runs from the first step to the last.
    ///
    /// # Errors
    /// [`RunError`], naming what is at fault.
    pub fn run(self) -> Result<Finished, RunError> {
        self.run_with(&mut ())
    }

    /// [`Pretraining::run`], watched by `observer`.
    ///
    /// # Errors
    /// As [`Pretraining::run`].
    pub fn run_with(self, observer: &mut (dyn Observer + Send)) -> Result<Finished, RunError> {
        let Self { options, command, threads, team } = self;
        on_pool(threads, || begin_on::<PretrainingJob>(&team, &options, &command, observer))
    }

    /// Resumes the run of the same settings in [`Pretraining::output_dir`].
    ///
    /// # Errors
    /// As [`Pretraining::run`]; [`RunError::Settings`] when the settings differ from those of the run.
    ///
    /// # Panics
    /// Without an output directory.
    pub fn resume_with(self, observer: &mut (dyn Observer + Send)) -> Result<Finished, RunError> {
        let Self { options, threads, team, .. } = self;
        on_pool(threads, || resume_on::<PretrainingJob>(&team, &options, observer))
    }
}
