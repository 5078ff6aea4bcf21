//! The run directory: a directory that Hugging Face loads as is, with our own files beside it.
//!
//! `config.json`, `model.safetensors` and the tokenizer's files; `run.json` (every setting, the
//! version, the command to reproduce it), `metrics.jsonl`, `checkpoint/`.

use crate::files::{self, FileError};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory that a run writes into.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// Why a directory cannot take a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// It holds a run or a model already.
    #[error(
        "`{}` already holds `{file}`: nothing there is overwritten; give another --output-dir, or \
         remove that directory", path.display()
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// The file that was found.
        file: &'static str,
    },
    /// It is a file.
    #[error("`{}` is a file, not a directory; give another --output-dir", .0.display())]
    NotADirectory(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Files of ours and of Hugging Face's that a run would overwrite.
const OWN_FILES: [&str; 9] = [
    "run.json",
    "config.json",
    "model.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "metrics.jsonl",
    "checkpoint",
];

impl RunDirectory {
    /// A directory that is to take a new run; nothing is created yet.
    ///
    /// # Errors
    /// [`RunDirectoryError::Occupied`] when it holds a run or a model,
    /// [`RunDirectoryError::NotADirectory`] when it is a file.
    pub fn new(path: &Path) -> Result<Self, RunDirectoryError> {
        if path.exists() && !path.is_dir() {
            return Err(RunDirectoryError::NotADirectory(path.to_path_buf()));
        }
        for file in OWN_FILES {
            if path.join(file).exists() {
                return Err(RunDirectoryError::Occupied { path: path.to_path_buf(), file });
            }
        }
        Ok(Self { path: path.to_path_buf() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(&self) -> Result<(), FileError> {
        files::create_directory(&self.path)
    }

    /// Writes a text file whole.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), FileError> {
        files::write_atomically(&self.path.join(name), |out| out.write_all(text.as_bytes()))
    }

    /// Opens `metrics.jsonl` for appending.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn metrics(&self) -> Result<MetricsFile, FileError> {
        let path = self.path.join("metrics.jsonl");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        Ok(MetricsFile { file: file.map_err(|e| FileError::io("open", &path, e))?, path })
    }
}

/// `metrics.jsonl`, open for appending.
#[derive(Debug)]
pub struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Appends one line.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn append(&mut self, line: &impl serde::Serialize) -> Result<(), FileError> {
        let mut text = serde_json::to_string(line).expect("numbers and names");
        text.push('\n');
        // One write, so that a line is never seen in part.
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| FileError::io("append to", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::new(directory.path()).unwrap();
        run.create().unwrap();
        run.write("notes.txt", "mine").unwrap();
        RunDirectory::new(directory.path()).unwrap();
        run.write("config.json", "{}").unwrap();
        let error = RunDirectory::new(directory.path()).unwrap_err().to_string();
        assert!(error.contains("already holds `config.json`") && error.contains("--output-dir"));
    }

    #[test]
    fn metrics_are_lines() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::new(directory.path()).unwrap();
        run.metrics().unwrap().append(&[1, 2]).unwrap();
        run.metrics().unwrap().append(&[3]).unwrap();
        assert_eq!(
            fs::read_to_string(directory.path().join("metrics.jsonl")).unwrap(),
            "[1,2]\n[3]\n"
        );
    }
}
