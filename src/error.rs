//! One error type for the whole library, made of one type per room.

use crate::data::DataError;
use crate::run::TrainError;
use crate::system::files::FileError;
use crate::system::threads::PoolError;
use crate::tasks::TaskError;
use crate::tokenizer::TokenizerError;

/// Anything that can go wrong in `cloze`. Every message names the file, line or value at fault and
/// says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Vocabularies, tokenizer files, learning a vocabulary.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Text and instances.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Using a pretrained model.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Threads.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// `Result` with this crate's [`Error`](enum@Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;
