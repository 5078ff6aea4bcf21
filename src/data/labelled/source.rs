//! The whole text of a file of examples, in lines with their numbers.

use super::error::LabelledError;
use crate::system::files::{self, FileError};
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The text of a file, and what its name says about its format.
pub(super) struct Source {
    /// The file, or the name of text in memory.
    pub(super) path: PathBuf,
    /// The extension in lower case, that before `.gz`; empty when there is none.
    pub(super) extension: String,
    /// The text without a byte order mark.
    pub(super) text: String,
}

impl Source {
    /// Reads `path`, which may be compressed with gzip.
    pub(super) fn read(path: &Path) -> Result<Self, LabelledError> {
        let mut name = path.to_path_buf();
        let is_compressed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let text = if is_compressed {
            name.set_extension("");
            let (bytes, mut text) = (files::read(path)?, Vec::new());
            let read = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text);
            read.map_err(|error| FileError::io("decompress", path, error))?;
            String::from_utf8(text).map_err(|error| not_utf8(path, &error))?
        } else {
            files::read_to_string(path)?
        };
        let extension = name.extension().and_then(OsStr::to_str).unwrap_or_default();
        Ok(Self::new(path, &extension.to_lowercase(), &text))
    }

    /// Text in memory, called `name` in errors.
    pub(super) fn new(name: &Path, extension: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).to_string();
        Self { path: name.to_path_buf(), extension: extension.into(), text }
    }

    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &str)> {
        (1..).zip(self.text.lines())
    }

    /// An error about a line.
    pub(super) fn error(&self, line: u64, message: impl Into<String>) -> LabelledError {
        LabelledError::Line { path: self.path.clone(), line, message: message.into() }
    }

    /// An error about the file as a whole.
    pub(super) fn whole(&self, message: impl Into<String>) -> LabelledError {
        LabelledError::Whole { path: self.path.clone(), message: message.into() }
    }
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> FileError {
    let byte = error.utf8_error().valid_up_to();
    let line = 1 + error.as_bytes()[..byte].iter().filter(|&&b| b == b'\n').count();
    FileError::NotUtf8 { path: path.to_path_buf(), line, byte }
}
