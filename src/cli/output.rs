//! Standard output: answers, and nothing else.

use cloze::system::files::{self, FileError};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Lets `write` write to standard output. That the reader has gone away (`| head`) is no error.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> cloze::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = write(&mut out).and_then(|()| out.flush());
    // What is left in the buffer has nowhere to go, and must not be tried again on drop.
    let _ = out.into_parts();
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(FileError::io("write", Path::new("standard output"), error).into())
        }
        _ => Ok(()),
    }
}

/// Checks that a file can be at `path`, before the work that it is for.
pub(super) fn check_place(path: Option<&Path>) -> cloze::Result<()> {
    let Some(path) = path else { return Ok(()) };
    if path.is_dir() {
        return Err(FileError::io("write", path, io::ErrorKind::IsADirectory.into()).into());
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::read_dir(parent)
            .map(drop)
            .map_err(|error| FileError::io("write into", parent, error).into()),
        _ => Ok(()),
    }
}

/// Lets `write` write to the file `path`, whole or not at all; to standard output without one.
pub(super) fn write_or_print(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> cloze::Result<()> {
    match path {
        Some(path) => Ok(files::write_atomically(path, write)?),
        None => print(write),
    }
}
