//! What can go wrong with a file.

use std::io;
use std::path::{Path, PathBuf};

/// A file or directory cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// The action: "read", "write", "create directory" …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A text file has bytes that are not UTF-8.
    #[error(
        "`{}` is not UTF-8: line {line}, byte {byte} of the file; convert it to UTF-8 first",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first bad byte, from 1.
        line: usize,
        /// The offset of the first bad byte, from 0.
        byte: usize,
    },
}

impl FileError {
    /// A [`FileError::Io`] for `path`.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}
