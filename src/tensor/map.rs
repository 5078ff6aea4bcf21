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
            assert_eq!(&MappedFile::new(&File::open(&path).unwrap()).unwrap()[..], content);
            std::fs::remove_file(&path).unwrap();
        }
        assert!(MappedFile::new(&File::open(directory.path()).unwrap()).is_err());
    }
}
