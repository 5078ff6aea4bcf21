//! Standard input or a decompressed file, kept: text is read more than once, and instances in any order.

use super::error::DataError;
use crate::system::files::{FileError, UnnamedFile};
use crate::system::mapped_file::MappedFile;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The most bytes that are kept in memory: 64 MiB.
const MEMORY_BYTES: u64 = 64 << 20;

/// The first bytes of every gzip file, and of no text in UTF-8.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

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
        let (stream, directory) = (io::stdin().lock(), std::env::temp_dir());
        let failed = |error| DataError::read(Path::new("standard input"), false, error);
        let spool = Self::new(stream, MEMORY_BYTES, &directory, failed)?;
        match spool.bytes() {
            [] => Err(DataError::StandardInputEmpty),
            _ => Ok(spool),
        }
    }

    /// Decompresses the gzip `stream`, called `name` in errors, to its end.
    ///
    /// # Errors
    /// [`DataError::Damaged`] when it is not gzip; [`DataError::File`] when it cannot be read or kept.
    pub(super) fn decompressed(stream: impl BufRead, name: &Path) -> Result<Self, DataError> {
        let failed = |error| DataError::read(name, true, error);
        let stream = MultiGzDecoder::new(stream);
        Self::new(stream, MEMORY_BYTES, &std::env::temp_dir(), failed)
    }

    /// Reads `stream` to its end. More than `memory` bytes go to the file system of `directory`. `failed` is
    /// the error of a failed read.
    fn new(
        mut stream: impl Read,
        memory: u64,
        directory: &Path,
        failed: impl Fn(io::Error) -> DataError,
    ) -> Result<Self, DataError> {
        let mut bytes = Vec::new();
        stream.by_ref().take(memory + 1).read_to_end(&mut bytes).map_err(&failed)?;
        if bytes.len() as u64 <= memory {
            return Ok(Self::Memory(bytes));
        }
        let mut file = UnnamedFile::new(directory)?;
        let kept = |error| FileError::io("keep the text in", directory, error);
        file.write_all(&bytes).map_err(kept)?;
        loop {
            bytes.clear();
            stream.by_ref().take(1 << 20).read_to_end(&mut bytes).map_err(&failed)?;
            if bytes.is_empty() {
                break;
            }
            file.write_all(&bytes).map_err(kept)?;
        }
        let bytes = MappedFile::new(file.file()).map_err(kept)?;
        Ok(Self::File { bytes, _file: file })
    }

    /// Whether it begins like a gzip file.
    pub(super) fn is_gzip(&self) -> bool {
        self.bytes().starts_with(&GZIP_MAGIC)
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File { bytes, .. } => bytes,
        }
    }
}

impl AsRef<[u8]> for Spool {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
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
            let spool =
                Spool::new(text.as_bytes(), memory, directory.path(), |_| unreachable!()).unwrap();
            assert_eq!(matches!(spool, Spool::Memory(_)), memory == text.len() as u64);
            assert!(spool.bytes() == text.as_bytes());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
