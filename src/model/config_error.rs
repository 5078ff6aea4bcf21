//! The errors of a configuration.

use crate::system::files::FileError;
use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not JSON, or lacks a key, or holds a value of another type.
    #[error("`{}`, line {line}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that no BERT of ours can have.
    #[error("{origin}: {key} is {value}, but {needed}")]
    Value {
        /// The file, or the option, that gave the value.
        origin: String,
        /// The key of `config.json`.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        needed: String,
    },
    /// Neither a size by name nor a file.
    #[error(
        "no model `{0}`: give a size (tiny, mini, small, medium, base, or layers/width such as 2/128) or the path of a config.json"
    )]
    Unknown(String),
}
