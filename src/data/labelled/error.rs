//! What can be wrong with labelled examples.

use crate::system::files::FileError;
use std::path::PathBuf;

/// Labelled examples that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelledError {
    /// A file that cannot be read, or is not UTF-8.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of a file.
    #[error("`{}`, line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// An example that the file gives an id.
    #[error("`{}`, id `{id}`: {message}", path.display())]
    Id {
        /// The file.
        path: PathBuf,
        /// The id of the example.
        id: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The file as a whole.
    #[error("`{}`: {message}", path.display())]
    Whole {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
}
