//! Reads and writes whole files, for every folder above that uses the disk.
//!
//! A write replaces a file completely or not at all: it goes to a temporary file in the same directory,
//! which is synced and renamed; then the directory is synced. Links are followed, the mode of a replaced
//! file is kept, and a pipe or device is written into, never replaced.
//!
//! | file | what |
//! |---|---|
//! | `error` | [`FileError`] |
//! | `whole` | reads a whole file, lists and creates directories |
//! | `temporary` | names, creates and removes temporary files |
//! | `output` | [`Output`]: a file to be written, prepared before the work and replaced after it |

mod error;
mod output;
mod temporary;
mod whole;

pub use error::FileError;
pub use output::{Output, check_writable, write_atomically};
pub use temporary::{UnnamedFile, remove_temporary_files};
pub use whole::{create_directory, list, read, read_to_string};
