//! Reads and writes whole files, for every folder above that uses the disk.
//!
//! A write replaces a file completely or not at all: it goes to a temporary file in the same directory,
//! which is synced and renamed; then the directory is synced.

use std::fs::{self, File};
use std::io::{self, Write};
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

/// Reads a whole file.
///
/// # Errors
/// [`FileError::Io`] when it cannot be opened or read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError::io("read", path, source))
}

/// Reads a whole UTF-8 file.
///
/// # Errors
/// [`FileError::Io`] when it cannot be read; [`FileError::NotUtf8`] with the line and byte when it is
/// not UTF-8.
pub fn read_to_string(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..byte].iter().filter(|&&b| b == b'\n').count();
        FileError::NotUtf8 { path: path.to_path_buf(), line, byte }
    })
}

/// Creates a directory and its parents, if they do not exist.
///
/// # Errors
/// [`FileError::Io`] when one cannot be created.
pub fn create_directory(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|source| FileError::io("create directory", path, source))
}

/// Writes a file completely or not at all. `write` writes to a temporary file in the same directory; the
/// file is synced and renamed to `path`. On any error the temporary file is removed, and an existing file
/// at `path` stays unchanged.
///
/// # Errors
/// [`FileError::Io`] when `write` fails, or the temporary file cannot be created, synced or renamed.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{file_name}.{}.tmp", std::process::id()));
    let result = (|| {
        let mut out = io::BufWriter::new(File::create(&temporary)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_directory(path.parent().unwrap_or(Path::new("")))
    })();
    result.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        FileError::io("write", path, source)
    })
}

/// The entries of a directory, sorted by name.
///
/// # Errors
/// [`FileError::Io`] when it cannot be read.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = fs::read_dir(directory).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
    });
    let mut paths = entries.map_err(|source| FileError::io("read directory", directory, source))?;
    paths.sort();
    Ok(paths)
}

/// Removes the temporary files that killed processes left in `directory` during [`write_atomically`].
/// Call it only when no other process writes into the directory.
///
/// # Errors
/// [`FileError::Io`] when the directory cannot be read or a file cannot be removed.
pub fn remove_temporary_files(directory: &Path) -> Result<(), FileError> {
    for path in list(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let middle = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
        let process = middle.and_then(|name| name.rsplit_once('.')).map(|(_, process)| process);
        if process.is_some_and(|process| process.parse::<u32>().is_ok()) {
            fs::remove_file(&path).map_err(|source| FileError::io("remove", &path, source))?;
        }
    }
    Ok(())
}

/// Makes a rename durable. Only Unix can sync a directory; elsewhere this does nothing.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |out| {
            out.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_temporary_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".a.json.12.tmp", "a.json", ".a.json.tmp", "a.12.tmp", ".b.x1.tmp"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        remove_temporary_files(directory.path()).unwrap();
        let left = list(directory.path()).unwrap();
        let left: Vec<_> = left.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(left, [".a.json.tmp", ".b.x1.tmp", "a.12.tmp", "a.json"]);
    }

    #[test]
    fn bad_utf8_is_named_by_line_and_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        fs::write(&path, b"one\ntw\xff").unwrap();
        let error = read_to_string(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, byte 6"), "{error}");
    }
}
