//! The lock of a run directory: at most one process writes into it. The operating system releases the lock
//! when the process ends, even after a crash.

use crate::system::files::FileError;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds the lock.
    #[error(
        "another run{holder} is writing into `{}`; wait until it ends, or give another 'output_dir'",
        path.display()
    )]
    Held {
        /// The directory.
        path: PathBuf,
        /// ` (process 123)` if the lock file names the process, else empty.
        holder: String,
    },
    /// The lock file cannot be opened or locked.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The lock of a directory, held until this value is dropped. The file `.lock` stays: the lock on the file
/// counts, not its existence.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `directory`, which must exist.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process holds the lock; [`LockError::File`] when the lock file
    /// cannot be opened or locked.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = Self::file_in(directory);
        loop {
            let options =
                fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let mut file = options.map_err(|error| FileError::io("open", &path, error))?;
            Self::try_lock(directory, &file)?;
            // Its last holder may have removed the file before this process locked it.
            if !is_at(&file, &path) {
                continue;
            }
            // Only people read this, so a full disk must not stop the run here.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            return Ok(Self { _file: file });
        }
    }

    /// The lock file of `directory`.
    pub fn file_in(directory: &Path) -> PathBuf {
        directory.join(".lock")
    }

    /// Whether the lock file at `path` names this process.
    pub fn is_of_this_process(path: &Path) -> bool {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().parse() == Ok(std::process::id())
    }

    /// Whether `directory` has a lock file, locked or not.
    pub fn exists(directory: &Path) -> bool {
        Self::file_in(directory).exists()
    }

    /// Checks that no other process holds the lock of `directory`. Creates and changes nothing.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub fn check(directory: &Path) -> Result<(), LockError> {
        match File::open(Self::file_in(directory)) {
            Ok(file) => Self::try_lock(directory, &file),
            Err(_) => Ok(()),
        }
    }

    fn try_lock(directory: &Path, file: &File) -> Result<(), LockError> {
        // A child process shares its parent's open files until it starts its own program, so a lock that was
        // just released may still look held for a moment.
        const TRIES: usize = 20;
        let mut result = file.try_lock();
        for _ in 1..TRIES {
            if !matches!(result, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            result = file.try_lock();
        }
        match result {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(Self::file_in(directory)).unwrap_or_default();
                let process = text.trim().parse::<u32>();
                let holder = process.map_or(String::new(), |id| format!(" (process {id})"));
                Err(LockError::Held { path: directory.to_path_buf(), holder })
            }
            Err(TryLockError::Error(error)) => {
                Err(FileError::io("lock", &Self::file_in(directory), error).into())
            }
        }
    }
}

/// Whether the open file is the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(there)) = (file.metadata(), path.metadata()) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_was_removed_locks_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = Lock::file_in(directory.path());
        let lock = Lock::acquire(directory.path()).unwrap();
        let opened = File::open(&path).unwrap();
        assert!(is_at(&opened, &path));
        fs::remove_file(&path).unwrap();
        drop(lock);
        assert!(!path.exists() && !is_at(&opened, &path));
        // A process that opened the file before it was removed now has the lock of no directory.
        opened.try_lock().unwrap();
        let _lock = Lock::acquire(directory.path()).unwrap();
        assert!(!is_at(&opened, &path));
    }

    #[test]
    fn the_second_is_refused_while_the_first_lives() {
        let directory = tempfile::tempdir().unwrap();
        Lock::check(directory.path()).unwrap();
        let first = Lock::acquire(directory.path()).unwrap();
        for result in [Lock::acquire(directory.path()).map(drop), Lock::check(directory.path())] {
            let error = result.unwrap_err().to_string();
            let process = format!("another run (process {})", std::process::id());
            assert!(error.contains(&process) && error.contains("'output_dir'"), "{error}");
        }
        drop(first);
        Lock::check(directory.path()).unwrap();
        Lock::acquire(directory.path()).unwrap();
    }
}
