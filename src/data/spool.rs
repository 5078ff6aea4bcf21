//! Standard input, kept: text is read more than once, standard input can be read once.

use super::error::DataError;
use crate::system::files::{FileError, UnnamedFile};
use crate::system::mapped_file::MappedFile;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The most bytes that are kept in memory: 64 MiB.
const MEMORY_BYTES: u64 = 64 << 20;

/// All bytes of a stream: in memory, or in a file without a name when there are more than 64 MiB.
#[derive(Debug)]
pub(super) enum Spool {
    Memory(Vec<u8>),
    File {
        bytes: MappedFile,
        /// Held open: where files have names, the name is removed on drop.
        _file: UnnamedFile,
    },
}

impl Spool {
    /// Reads standard input to its end.
    ///
    /// # Errors
    /// [`DataError::StandardInputAgain`] when this process has read it before;
    /// [`DataError::StandardInputEmpty`] when it holds nothing; [`DataError::File`] when it cannot be read
    /// or kept.
    pub(super) fn standard_input() -> Result<Self, DataError> {
        static READ: AtomicBool = AtomicBool::new(false);
        if READ.swap(true, Relaxed) {
            return Err(DataError::StandardInputAgain);
        }
        let spool = Self::new(io::stdin().lock(), MEMORY_BYTES, &std::env::temp_dir())?;
        match spool.bytes() {
            [] => Err(DataError::StandardInputEmpty),
            _ => Ok(spool),
        }
    }

    /// Reads `stream` to its end. More than `memory` bytes go to the file system of `directory`.
    fn new(mut stream: impl Read, memory: u64, directory: &Path) -> Result<Self, DataError> {
        let failed = |error| FileError::io("read", Path::new("standard input"), error);
        let mut bytes = Vec::new();
        stream.by_ref().take(memory + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 <= memory {
            return Ok(Self::Memory(bytes));
        }
        let mut file = UnnamedFile::new(directory)?;
        let kept = |error| FileError::io("keep standard input in", directory, error);
        file.write_all(&bytes).map_err(kept)?;
        loop {
            bytes.clear();
            stream.by_ref().take(1 << 20).read_to_end(&mut bytes).map_err(failed)?;
            if bytes.is_empty() {
                break;
            }
            file.write_all(&bytes).map_err(kept)?;
        }
        let bytes = MappedFile::new(file.file()).map_err(kept)?;
        Ok(Self::File { bytes, _file: file })
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File { bytes, .. } => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_kept_in_memory_or_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let text = "The cat sat.\n".repeat(200_000);
        for memory in [0, text.len() as u64 - 1, text.len() as u64] {
            let spool = Spool::new(text.as_bytes(), memory, directory.path()).unwrap();
            assert_eq!(matches!(spool, Spool::Memory(_)), memory == text.len() as u64);
            assert!(spool.bytes() == text.as_bytes());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
