//! What can go wrong in a run.

use super::checkpoint::CheckpointError;
use super::newest_weights::NewestWeightsError;
use super::run_directory::RunDirectoryError;
use super::run_json::{Difference, RunJsonError};
use crate::autodiff::GraphError;
use crate::data::DataError;
use crate::data::labelled::LabelledError;
use crate::model::{ConfigError, WeightsError};
use crate::system::files::FileError;
use crate::system::memory::OutOfMemory;
use crate::system::threads::PoolError;
use crate::tensor::kernels::SimdError;
use crate::tokenizer::TokenizerError;
use crate::train::SettingError;
use crate::train::trainer::{Diverged, RankError};
use std::path::PathBuf;

/// What can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Text or instances.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Labelled examples.
    #[error(transparent)]
    Labelled(#[from] LabelledError),
    /// Examples of another kind than the task needs.
    #[error("these are no examples for the task {0}")]
    OtherExamples(&'static str),
    /// The vocabulary or the tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights to start from, or to write.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The run to start from has no weights that can be read.
    #[error(transparent)]
    NewestWeights(#[from] NewestWeightsError),
    /// An instruction set that this machine does not have.
    #[error(transparent)]
    Simd(#[from] SimdError),
    /// A setting of the run.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The output directory.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// Shapes that do not fit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// More memory than there is.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// Threads that cannot be started.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A loss or a gradient that is not finite.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// Another machine that shares the run.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// A checkpoint to resume from.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A `run.json` that cannot be used.
    #[error(transparent)]
    RunJson(#[from] RunJsonError),
    /// A run cannot be resumed with other settings than it began with.
    #[error(
        "the run in `{}` began with other settings: {}; leave these settings out to resume it, or begin \
         another run with another 'output_dir' (only 'num_train_steps' can be made larger)",
        path.display(), list(differ)
    )]
    Settings {
        /// The run directory.
        path: PathBuf,
        /// What differs.
        differ: Vec<Difference>,
    },
    /// A run cannot be resumed with another model than it began with.
    #[error(
        "the run in `{}` began with another model configuration: the one in run.json is not the one that \
         its settings give now; the file that 'model' or 'init' names, or the text, has changed", .0.display()
    )]
    OtherConfig(PathBuf),
    /// The run was trained from text that a program held in memory.
    #[error(
        "the text of this run was given by a program in memory, so run.json holds its digest only: give the \
         text again from a program"
    )]
    TextInMemory,
    /// The observer asked the run to stop. It is saved if it has a run directory.
    #[error("stopped after step {step} of {num_train_steps}")]
    Stopped {
        /// Steps taken.
        step: u64,
        /// Steps of the whole run.
        num_train_steps: u64,
    },
    /// A run that cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file of instances without a vocabulary.
    #[error(
        "'instances' holds ids: say of which vocabulary with 'vocab' FILE (or start from a model with 'init' DIR)"
    )]
    InstancesNeedVocabulary,
    /// Instances without next sentences cannot train next-sentence prediction.
    #[error(
        "`{}`: no instance has a next sentence (`is_random_next` is null in all of them), so there is nothing \
         for next-sentence prediction to learn from; leave it out with 'no_nsp', or make the instances \
         without 'no_nsp'", .0.display()
    )]
    InstancesWithoutPairs(PathBuf),
    /// The vocabulary does not fit the model to start from.
    #[error(
        "`{directory}`: the vocabulary has {tokens} tokens, but config.json's vocab_size is \
         {vocab_size}: they do not belong together"
    )]
    Vocabulary {
        /// The model's directory.
        directory: String,
        /// Tokens of the vocabulary.
        tokens: usize,
        /// Rows of the embedding table.
        vocab_size: usize,
    },
}

/// A run that cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The run has not ended.
    #[error("the run in `{}` is not finished; resume it first with 'resume'", .0.display())]
    Unfinished(PathBuf),
    /// The run was made longer on the way.
    #[error(
        "the run in `{}` was made longer at step {step}, so its settings alone do not give it again",
        path.display()
    )]
    Extended {
        /// The run directory.
        path: PathBuf,
        /// Steps that had been taken.
        step: u64,
    },
    /// The files that the run was made from have changed.
    #[error(
        "the file that 'model' or 'init' names gives another configuration than `{}` records: there is \
         nothing to compare", .0.join("run.json").display()
    )]
    OtherConfig(PathBuf),
}

/// `'seed' was 1, now 2; 'cased' was …`.
fn list(differ: &[Difference]) -> String {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "not given".to_string(),
        value => value.to_string(),
    };
    let one =
        |d: &Difference| format!("'{}' was {}, now {}", d.setting, value(&d.before), value(&d.now));
    differ.iter().map(one).collect::<Vec<_>>().join("; ")
}
