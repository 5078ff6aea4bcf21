//! Reads whole files; lists and creates directories.

use super::error::FileError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// The directory of a file.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_utf8_is_named_by_line_and_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        fs::write(&path, b"one\ntw\xff").unwrap();
        let error = read_to_string(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, byte 6"), "{error}");
    }
}
