//! What can go wrong when a pretrained model is used.

use crate::autodiff::GraphError;
use crate::data::DataError;
use crate::model::{ConfigError, WeightsError};
use crate::tokenizer::TokenizerError;
use crate::train::SettingError;
use std::path::PathBuf;

/// What can go wrong when a pretrained model is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The model's `config.json`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model's tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model's weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A setting that makes no sense.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Text that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The graph: a configuration that does not hold together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// More tokens in the vocabulary than rows in the embedding table.
    #[error(
        "`{}`: the vocabulary has {tokens} tokens, but config.json's vocab_size is {vocab_size}: \
         they do not belong together", directory.display()
    )]
    Vocabulary {
        /// The model's directory.
        directory: PathBuf,
        /// Tokens of the vocabulary.
        tokens: usize,
        /// Rows of the embedding table.
        vocab_size: usize,
    },
    /// A text longer than the model's positions.
    #[error(
        "the text is {tokens} tokens long with its special tokens, but the model reads at most {most}; shorten it"
    )]
    TooLong {
        /// Tokens of the text.
        tokens: usize,
        /// The model's `max_position_embeddings`.
        most: usize,
    },
    /// Nothing to fill in.
    #[error("there is no [MASK] in {0:?}: write [MASK] where a word is to be filled in")]
    NoMask(String),
}
