//! Files as memory: a read-only map, so that a corpus larger than memory can be sampled.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// A whole file as a slice of bytes. The operating system loads pages when they are read and may
/// drop them again, so the file costs address space rather than memory.
#[derive(Debug)]
pub struct MappedFile(memmap2::Mmap);

impl MappedFile {
    /// Maps an open file.
    ///
    /// # Errors
    /// When it cannot be mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the map is private to this value, read-only, and lives as long as the slices lent
        // from it. What the compiler cannot see is another process changing the file meanwhile. The
        // files mapped here are this program's own, written under a temporary name and renamed, never
        // changed in place; every byte is a valid `u8` whatever it holds, and readers check what they
        // take from it. (A file that is cut short by someone else while mapped ends the process with
        // a bus error.)
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }

    /// Says that what was read so far is not needed for now: it no longer counts as memory of this
    /// process. Reading it again loads it again. Only Unix knows how; elsewhere nothing happens.
    pub fn release(&self) {
        #[cfg(unix)]
        {
            // SAFETY: the map is read-only and the file does not change (see `new`), so that a page
            // that is dropped and loaded again holds the same bytes; slices lent from it stay valid.
            // Should the system refuse, the pages just stay.
            let _ = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_the_file() {
        let directory = tempfile::tempdir().unwrap();
        for content in [&b""[..], b"some bytes"] {
            let path = directory.path().join("x");
            std::fs::write(&path, content).unwrap();
            let mapped = MappedFile::new(&File::open(&path).unwrap()).unwrap();
            assert_eq!(&mapped[..], content);
            mapped.release();
            assert_eq!(&mapped[..], content, "loaded again");
            std::fs::remove_file(&path).unwrap();
        }
        assert!(MappedFile::new(&File::open(directory.path()).unwrap()).is_err());
    }
}
