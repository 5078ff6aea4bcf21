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
    /// A file that is not JSON, lacks a key, or holds a value of the wrong type.
    #[error("`{}`, line {line}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that is not supported.
    #[error("{origin}: {key} is {value}, but {needed}")]
    Value {
        /// The source of the value: a file, or the options.
        origin: String,
        /// The key of `config.json`.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        needed: String,
    },
    /// A name that is neither a size nor a file.
    #[error(
        "no model `{0}`: give a size (tiny, mini, small, medium, base, or layers/width such as 2/128) or the path of a config.json"
    )]
    Unknown(String),
}
