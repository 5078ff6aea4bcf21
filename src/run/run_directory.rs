//! The run directory: a directory that Hugging Face loads as is, with our own files beside it.
//!
//! `config.json`, `model.safetensors` and the tokenizer's files; `run.json` (every setting, the
//! version, the command to reproduce it), `metrics.jsonl`, `checkpoint/`, `report.html` (which the program
//! writes at the end), and the lock file.

use crate::system::digest::{Digest, Sha256};
use crate::system::files::{self, FileError};
use crate::system::lock::{Lock, LockError};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The directory that a run writes into.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    // After the lock file is removed, so that no other process gets the lock of a file that is gone.
    lock: Option<Lock>,
    /// What was created for a run that has not begun.
    unbegun: Option<Unbegun>,
}

/// What [`RunDirectory::new`] creates for a run that has not begun: directories and the lock file.
#[derive(Clone, Debug)]
pub struct Unbegun {
    /// Innermost first.
    directories: Vec<PathBuf>,
    lock: Option<PathBuf>,
}

impl Unbegun {
    /// What would have to be created now for a run in `directory`.
    pub fn of(directory: &Path) -> Self {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing = directory.ancestors().take_while(is_missing);
        let lock = (!Lock::exists(directory)).then(|| Lock::file_in(directory));
        Self { directories: missing.map(Path::to_path_buf).collect(), lock }
    }

    /// Removes it, if the lock is that of this process. Directories that hold something stay.
    pub fn remove(&self) {
        if let Some(lock) = self.lock.as_ref().filter(|lock| Lock::is_of_this_process(lock)) {
            let _ = fs::remove_file(lock);
        }
        self.directories.iter().for_each(|directory| drop(fs::remove_dir(directory)));
    }
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
const OWN_FILES: [&str; 10] = [
    "run.json",
    "config.json",
    "model.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "metrics.jsonl",
    "checkpoint",
    "report.html",
];

impl RunDirectory {
    /// The directory of a new run, created if it is not there, and locked until this is dropped, so that no
    /// other run can begin there while this one reads its text. The temporary files of a killed process are
    /// removed. Until [`RunDirectory::create`] is called, dropping this removes what was created.
    ///
    /// # Errors
    /// [`RunDirectoryError::Occupied`] when it holds a run or a model,
    /// [`RunDirectoryError::NotADirectory`] when it is a file, [`RunDirectoryError::Lock`] when a run
    /// is writing or reading its text there, [`RunDirectoryError::File`] when it cannot be written into or
    /// created.
    pub fn new(path: &Path) -> Result<Self, RunDirectoryError> {
        if path.exists() && !path.is_dir() {
            return Err(RunDirectoryError::NotADirectory(path.to_path_buf()));
        }
        Lock::check(path)?;
        let mut directory = Self { path: path.to_path_buf(), lock: None, unbegun: None };
        directory.check_free()?;
        directory.check_writable()?;
        directory.unbegun = Some(Unbegun::of(path));
        files::create_directory(path)?;
        directory.lock = Some(Lock::acquire(path)?);
        // Another run may have come first.
        directory.check_free()?;
        remove_temporary_files(path)?;
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
        Ok(Self { path: path.to_path_buf(), lock, unbegun: None })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run begins: what was created stays.
    ///
    /// # Errors
    /// [`RunDirectoryError::File`] when the directory was removed in the meantime and cannot be created again.
    pub fn create(&mut self) -> Result<(), RunDirectoryError> {
        files::create_directory(&self.path)?;
        self.unbegun = None;
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
        let file = fs::OpenOptions::new().create(true).append(true).read(true).open(&path);
        let file = file.map_err(|error| FileError::io("open", &path, error))?;
        let mut digest = Sha256::new();
        let read = io::copy(&mut &file, &mut digest);
        read.map_err(|error| FileError::io("read", &path, error))?;
        Ok(MetricsFile { path, file, digest })
    }

    /// Opens `metrics.jsonl` for appending, cut back to its first `length` bytes. With fewer there,
    /// all are kept, and the second value is false.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn metrics_cut_to(&self, length: u64) -> Result<(MetricsFile, bool), FileError> {
        let path = self.path.join("metrics.jsonl");
        // Windows does not cut a file through a handle that may only append.
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let cut = file.and_then(|file| {
            let there = file.metadata()?.len();
            file.set_len(length.min(there))?;
            Ok(there >= length)
        });
        let whole = cut.map_err(|error| FileError::io("cut", &path, error))?;
        Ok((self.metrics()?, whole))
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if let Some(unbegun) = &self.unbegun {
            unbegun.remove();
        }
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
    /// Of all bytes of the file.
    digest: Sha256,
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
        written.map_err(|error| FileError::io("append to", &self.path, error))?;
        self.digest.update(text.as_bytes());
        Ok(())
    }

    /// The digest of the bytes that were there when the file was opened, and of all lines since.
    pub fn digest(&self) -> Digest {
        self.digest.clone().finish()
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
    fn a_run_that_never_begins_leaves_nothing_and_holds_the_lock_until_then() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/run");
        let run = RunDirectory::new(&path).unwrap();
        let error = RunDirectory::new(&path).unwrap_err().to_string();
        assert!(error.contains("another run"), "{error}");
        drop(run);
        assert!(!place.path().join("a").exists());
        // What others wrote, and what was there before, stays.
        let run = RunDirectory::new(&path).unwrap();
        fs::write(path.join("mine"), "").unwrap();
        drop(run);
        assert_eq!(files::list(&path).unwrap(), [path.join("mine")]);
        let mut run = RunDirectory::new(&path).unwrap();
        run.create().unwrap();
        drop(run);
        drop(RunDirectory::new(&path).unwrap());
        assert_eq!(files::list(&path).unwrap(), [path.join(".lock"), path.join("mine")]);
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
        assert_eq!(metrics.digest(), Digest::of(b"[1,2]\n"));
        metrics.append(&[4]).unwrap();
        assert_eq!(metrics.digest(), Digest::of(b"[1,2]\n[4]\n"));
        assert_eq!(
            fs::read_to_string(directory.path().join("metrics.jsonl")).unwrap(),
            "[1,2]\n[4]\n"
        );
        assert!(!run.metrics_cut_to(100).unwrap().1);
        assert_eq!(run.metrics().unwrap().sync().unwrap(), 10);
    }
}
