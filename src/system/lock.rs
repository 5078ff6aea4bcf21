//! One run a directory: a lock that the operating system releases when the process ends, however it
//! ends.

use crate::system::files::FileError;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Another run is writing into the directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A living process holds the lock.
    #[error(
        "another run{holder} is writing into `{}`; wait until it ends, or give another 'output_dir'",
        path.display()
    )]
    Held {
        /// The directory.
        path: PathBuf,
        /// Its process, if it could be read: ` (process 123)`.
        holder: String,
    },
    /// The lock file cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The lock of a directory, held while this lives. The file `.lock` stays behind: it is the lock on
/// it that counts, not its being there.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The lock file of a directory.
fn lock_file(directory: &Path) -> PathBuf {
    directory.join(".lock")
}

impl Lock {
    /// Locks `directory`, which must exist.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process holds the lock, [`LockError::File`].
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = lock_file(directory);
        let options = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let mut file = options.map_err(|error| FileError::io("open", &path, error))?;
        Self::try_lock(directory, &file)?;
        // For people only, so a full disk is no reason to stop here.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }

    /// Checks that no living process holds the lock of `directory`; nothing is made or changed.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub fn check(directory: &Path) -> Result<(), LockError> {
        match File::open(lock_file(directory)) {
            Ok(file) => Self::try_lock(directory, &file),
            Err(_) => Ok(()),
        }
    }

    fn try_lock(directory: &Path, file: &File) -> Result<(), LockError> {
        // A process that is being started holds its parent's open files until it begins: a lock that
        // was just released may look held for a moment.
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
                let text = fs::read_to_string(lock_file(directory)).unwrap_or_default();
                let process = text.trim().parse::<u32>();
                let holder = process.map_or(String::new(), |id| format!(" (process {id})"));
                Err(LockError::Held { path: directory.to_path_buf(), holder })
            }
            Err(TryLockError::Error(error)) => {
                Err(FileError::io("lock", &lock_file(directory), error).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
