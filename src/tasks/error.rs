//! The errors of tasks.

use crate::autodiff::GraphError;
use crate::data::DataError;
use crate::data::labelled::LabelledError;
use crate::model::{ConfigError, WeightsError};
use crate::run::newest_weights::NewestWeightsError;
use crate::system::files::FileError;
use crate::tensor::kernels::SimdError;
use crate::tokenizer::TokenizerError;
use crate::train::SettingError;
use std::path::PathBuf;

/// An error of a task: reading a model, or using it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A `config.json` that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Tokenizer files that cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Weights that cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A setting with a value that cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Text that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A graph that cannot be built, or a plan that does not fit in memory.
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
    /// A text with more tokens than the model has positions.
    #[error(
        "{} is {tokens} tokens long with its special tokens, but the model reads at most {most}; \
         shorten it", which(*index, *texts)
    )]
    TooLong {
        /// The index of the text in the call, from 0.
        index: usize,
        /// The number of texts in the call.
        texts: usize,
        /// Tokens of the text.
        tokens: usize,
        /// The model's `max_position_embeddings`.
        most: usize,
    },
    /// A text without `[MASK]`.
    #[error("there is no [MASK] in {text:?}: write [MASK] where a word is to be filled in")]
    NoMask {
        /// The index of the text in the call, from 0.
        index: usize,
        /// The text.
        text: String,
    },
    /// A text without a token.
    #[error(
        "the text has no word that the tokenizer sees (it is empty, or control characters alone)"
    )]
    NoToken {
        /// The index of the text in the call, from 0.
        index: usize,
    },
    /// A special token where words are needed.
    #[error("the text has the special token {token}, which is no word; remove it")]
    SpecialToken {
        /// The index of the text in the call, from 0.
        index: usize,
        /// The token.
        token: String,
    },
    /// A vocabulary of special tokens and pieces of words alone.
    #[error("the vocabulary has no token that a text can begin with: nothing can be written")]
    NothingToWrite,
    /// A prompt without `[MASK]`, and nothing to be written behind it.
    #[error("there is nothing to write: the prompt has no [MASK], and 'length' is 0")]
    NoMaskToFill,
    /// A head that the files of the model do not have: its numbers would be random.
    #[error(
        "this model has no {head}: its weights have no `{missing}`, and answers from random numbers \
         mean nothing; {remedy}"
    )]
    HeadNotStored {
        /// The head that the task needs.
        head: &'static str,
        /// The first of its parameters that is missing.
        missing: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A run of which no weights can be read.
    #[error(transparent)]
    NewestWeights(#[from] NewestWeightsError),
    /// An instruction set that this machine does not have.
    #[error(transparent)]
    Simd(#[from] SimdError),
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A sentence encoder that does something `cloze` does not.
    #[error("`{}`: {message}", path.display())]
    SentenceEncoder {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        message: String,
    },
    /// Labelled examples that cannot be used.
    #[error(transparent)]
    Labelled(#[from] LabelledError),
    /// A model that was only pretrained.
    #[error(
        "the model was pretrained (class {architecture}) and not fine-tuned: it answers no such question yet; \
         fine-tune it with `cloze finetune`, or ask it with `cloze fill-mask`"
    )]
    NotFinetuned {
        /// Hugging Face's name of the model's class.
        architecture: &'static str,
    },
    /// A model that was fine-tuned for another task.
    #[error("the model was fine-tuned to {known}, not to {asked}")]
    OtherTask {
        /// The task that it is for.
        known: String,
        /// The task that was asked for.
        asked: String,
    },
    /// A model that was fine-tuned, where one that was only pretrained is needed.
    #[error(
        "the model was fine-tuned to {task} and has no head of pretraining any more: there is no masked word and no \
         next sentence to show; give the directory that it was fine-tuned from, or ask it with `cloze predict`"
    )]
    Finetuned {
        /// The task that it is for.
        task: String,
    },
    /// An answer with numbers that are infinite or not numbers.
    #[error(
        "{0} of this model on this text is not a finite number: its weights are damaged, or its training diverged; \
         use another model"
    )]
    NotFinite(&'static str),
    /// A head that the model does not have.
    #[error(
        "a model of the class {architecture} has no {head}; use a model that was pretrained with one"
    )]
    NoHead {
        /// The head that the task needs.
        head: &'static str,
        /// Hugging Face's name of the model's class.
        architecture: &'static str,
    },
}

impl TaskError {
    /// The index of the text at fault, if one is, and what is wrong with it, in words for that text alone.
    pub fn text_at_fault(&self) -> Option<(usize, String)> {
        let index = match *self {
            Self::TooLong { index, .. }
            | Self::NoMask { index, .. }
            | Self::NoToken { index }
            | Self::SpecialToken { index, .. } => index,
            _ => return None,
        };
        let alone = match *self {
            Self::TooLong { tokens, most, .. } => {
                Self::TooLong { index: 0, texts: 1, tokens, most }.to_string()
            }
            _ => self.to_string(),
        };
        Some((index, alone))
    }

    /// The same error with another index of the text at fault, among `all` texts.
    pub(super) fn with_index(self, change: impl Fn(usize) -> usize, all: usize) -> Self {
        match self {
            Self::TooLong { index, tokens, most, .. } => {
                Self::TooLong { index: change(index), texts: all, tokens, most }
            }
            Self::NoToken { index } => Self::NoToken { index: change(index) },
            Self::SpecialToken { index, token } => {
                Self::SpecialToken { index: change(index), token }
            }
            error => error,
        }
    }
}

/// Names the text at `index` of `texts`.
fn which(index: usize, texts: usize) -> String {
    if texts == 1 { "the text".into() } else { format!("text {} of {texts}", index + 1) }
}
