//! One error type for the whole library, made of one type per folder.

use crate::data::DataError;
use crate::run::RunError;
use crate::system::files::FileError;
use crate::system::threads::PoolError;
use crate::tasks::TaskError;
use crate::tokenizer::TokenizerError;

/// Anything that can go wrong in `cloze`. Every message names the file, line or value at fault and
/// says what to do. A setting is in single quotes (`'train_batch_size'`), so that a command line can replace it by
/// its own spelling.
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
    /// A run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Using a trained model.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Threads that cannot be started.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A page that cannot be filled in.
    #[cfg(feature = "cli")]
    #[error(transparent)]
    Page(#[from] crate::report::page::PageError),
    /// A page about runs.
    #[cfg(feature = "cli")]
    #[error(transparent)]
    Report(#[from] crate::report::run_page::ReportError),
}

/// `Result` with this crate's [`Error`](enum@Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;
