//! What can go wrong in training.

use super::recipe::RecipeError;
use super::run_directory::RunDirectoryError;
use super::trainer::Diverged;
use crate::autodiff::GraphError;
use crate::data::DataError;
use crate::files::FileError;
use crate::model::{ConfigError, WeightsError};
use crate::tensor::memory::OutOfMemory;
use crate::tokenizer::TokenizerError;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Text or instances.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The vocabulary or the tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights to start from, or to write.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A setting of the run.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The output directory.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// Shapes that do not fit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// More memory than there is.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A loss that is not finite.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// `--instances` without a vocabulary.
    #[error(
        "--instances holds ids: say of which vocabulary with --vocab FILE (or start from a model with --init DIR)"
    )]
    InstancesNeedVocabulary,
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
