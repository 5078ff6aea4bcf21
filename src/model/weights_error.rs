//! The errors of weights on disk.

use crate::system::files::FileError;
use crate::system::memory::OutOfMemory;
use safetensors::tensor::Dtype;
use std::path::PathBuf;

/// Weights that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory without `model.safetensors`.
    #[error(
        "`{}` has no model.safetensors; convert the checkpoint to safetensors first \
         (transformers: `model.save_pretrained(…)`)", .0.display()
    )]
    Missing(PathBuf),
    /// A file that is cut short, or has a wrong header.
    #[error("`{}` is not a whole safetensors file: {message}; fetch or write it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A tensor with a shape that does not fit the configuration.
    #[error(
        "`{}`: tensor `{name}` has shape {got:?}, but config.json asks for {expected:?}",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A tensor of a type that is not a float we read.
    #[error("`{}`: tensor `{name}` has type {dtype:?}; F32, F16, BF16 and F64 can be read", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// A parameter of the encoder that the file does not have.
    #[error("`{}` has no tensor for `{name}`: it is not the BERT that its config.json describes", path.display())]
    NoTensor {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
    },
    /// A decoder that is not the word embeddings.
    #[error(
        "`{}`: tensor `{decoder}` differs from `{tied_to}`, but only a decoder that is tied to the \
         word embeddings is supported; train one with tie_word_embeddings", path.display()
    )]
    Untied {
        /// The file.
        path: PathBuf,
        /// The decoder's tensor.
        decoder: &'static str,
        /// The tensor that it should be equal to.
        tied_to: &'static str,
    },
    /// An index of several files that does not fit them.
    #[error("`{}`: {message}; fetch the model again", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A number that is not finite. The run diverged, or the file is damaged.
    #[error("`{}`: tensor `{name}` holds {value}; a model needs finite numbers", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        name: String,
        /// The number.
        value: f32,
    },
    /// More parameters than there is memory for.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// One parameter under two names.
    #[error("`{}` has `{name}` twice, under different names", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
    },
}
