//! The run directory: a directory that Hugging Face loads as is, with our own files beside it.
//!
//! `config.json`, `model.safetensors` and the tokenizer's files; `run.json` (every setting, the
//! version, the command to reproduce it), `metrics.jsonl`, `checkpoint/`, and the lock file.

use crate::system::files::{self, FileError};
use crate::system::lock::{Lock, LockError};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory that a run writes into.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    lock: Option<Lock>,
}

/// A directory that cannot take a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// It holds a run or a model already.
    #[error(
        "`{}` already holds `{file}`: nothing there is overwritten; resume that run with 'resume', give \
         another 'output_dir', or remove that directory", path.display()
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// The file that was found.
        file: &'static str,
    },
    /// It is a file.
    #[error("`{}` is a file, not a directory; give another 'output_dir'", .0.display())]
    NotADirectory(PathBuf),
    /// The run to resume was never begun.
    #[error(
        "`{}` has no run.json: there is no run to resume; begin one by giving its settings, or give the \
         run's 'output_dir'", .0.display()
    )]
    NoRun(PathBuf),
    /// Another run is writing there.
    #[error(transparent)]
    Lock(#[from] LockError),
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
    /// The directory of a new run; nothing is created yet, but it is checked that it can be.
    ///
    /// # Errors
    /// [`RunDirectoryError::Occupied`] when it holds a run or a model,
    /// [`RunDirectoryError::NotADirectory`] when it is a file, [`RunDirectoryError::Lock`] when a run
    /// is writing there, [`RunDirectoryError::File`] when it cannot be written into or created.
    pub fn new(path: &Path) -> Result<Self, RunDirectoryError> {
        if path.exists() && !path.is_dir() {
            return Err(RunDirectoryError::NotADirectory(path.to_path_buf()));
        }
        Lock::check(path)?;
        let directory = Self { path: path.to_path_buf(), lock: None };
        directory.check_free()?;
        directory.check_writable()?;
        Ok(directory)
    }

    /// Checks that files can be created in the directory, or in the nearest parent that exists.
    fn check_writable(&self) -> Result<(), FileError> {
        let mut ancestors = self.path.ancestors().map(|path| match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        });
        let nearest = ancestors.find(|path| path.symlink_metadata().is_ok());
        match nearest.unwrap_or(Path::new(".")) {
            path if path.is_dir() => files::check_writable(path),
            _ => {
                let error = std::io::ErrorKind::NotADirectory.into();
                Err(FileError::io("create directory", &self.path, error))
            }
        }
    }

    fn check_free(&self) -> Result<(), RunDirectoryError> {
        match OWN_FILES.into_iter().find(|file| self.path.join(file).exists()) {
            Some(file) => Err(RunDirectoryError::Occupied { path: self.path.clone(), file }),
            None => Ok(()),
        }
    }

    /// The directory of a run to resume: locks it, and removes the temporary files of a killed process.
    ///
    /// # Errors
    /// [`RunDirectoryError::NoRun`] when no run was begun there; [`RunDirectoryError::Lock`].
    pub fn existing(path: &Path) -> Result<Self, RunDirectoryError> {
        if !path.join("run.json").is_file() {
            return Err(RunDirectoryError::NoRun(path.to_path_buf()));
        }
        let lock = Some(Lock::acquire(path)?);
        files::check_writable(path)?;
        remove_temporary_files(path)?;
        Ok(Self { path: path.to_path_buf(), lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory, if it is not there, locks it until this is dropped, and removes the temporary
    /// files of a killed process.
    ///
    /// # Errors
    /// As [`RunDirectory::new`]: another run may have come first.
    pub fn create(&mut self) -> Result<(), RunDirectoryError> {
        if self.lock.is_none() {
            files::create_directory(&self.path)?;
            self.lock = Some(Lock::acquire(&self.path)?);
            self.check_free()?;
            remove_temporary_files(&self.path)?;
        }
        Ok(())
    }

    /// Writes a text file whole; `name` may be in a directory of the run directory, which is created.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        if let Some(directory) = path.parent() {
            files::create_directory(directory)?;
        }
        files::write_atomically(&path, |out| out.write_all(text.as_bytes()))
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

    /// Opens `metrics.jsonl` for appending, cut back to its first `length` bytes. With fewer there,
    /// all are kept, and the second value is false.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn metrics_cut_to(&self, length: u64) -> Result<(MetricsFile, bool), FileError> {
        let metrics = self.metrics()?;
        // Windows does not cut a file through a handle that may only append.
        let cut = fs::OpenOptions::new().write(true).open(&metrics.path).and_then(|file| {
            let there = file.metadata()?.len();
            file.set_len(length.min(there))?;
            Ok(there >= length)
        });
        let whole = cut.map_err(|error| FileError::io("cut", &metrics.path, error))?;
        Ok((metrics, whole))
    }
}

/// Removes the temporary files of killed processes from a run directory and the directories in it that hold
/// files of ours. The caller holds the lock.
fn remove_temporary_files(run: &Path) -> Result<(), FileError> {
    for directory in [run.to_path_buf(), run.join("checkpoint"), run.join("tokens")] {
        if directory.is_dir() {
            files::remove_temporary_files(&directory)?;
        }
    }
    Ok(())
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

    /// Makes all lines durable; returns the length of the file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn sync(&self) -> Result<u64, FileError> {
        let synced = self.file.sync_data().and_then(|()| self.file.metadata());
        Ok(synced.map_err(|error| FileError::io("sync", &self.path, error))?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::new(directory.path()).unwrap();
        run.create().unwrap();
        run.write("notes.txt", "mine").unwrap();
        let error = RunDirectory::new(directory.path()).unwrap_err().to_string();
        assert!(error.contains("another run"), "{error}");
        run.write("config.json", "{}").unwrap();
        drop(run);
        let error = RunDirectory::new(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("already holds `config.json`") && error.contains("'resume'"),
            "{error}"
        );
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
        let (mut metrics, whole) = run.metrics_cut_to(6).unwrap();
        assert!(whole && metrics.sync().unwrap() == 6);
        metrics.append(&[4]).unwrap();
        assert_eq!(
            fs::read_to_string(directory.path().join("metrics.jsonl")).unwrap(),
            "[1,2]\n[4]\n"
        );
        assert!(!run.metrics_cut_to(100).unwrap().1);
        assert_eq!(run.metrics().unwrap().sync().unwrap(), 10);
    }
}
