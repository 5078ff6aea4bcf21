//! The machine: files, memory, threads, locks, digests, other processes.
//!
//! Every other folder may use this one; it uses no other folder of this crate.
//!
//! | file | what |
//! |---|---|
//! | [`files`] | reads and writes whole files; a write is complete or has no effect |
//! | `mapped_file` | a file as a slice of bytes (private) |
//! | [`memory`] | the memory of the machine and of this process |
//! | [`threads`] | splits work among threads; the only file that uses rayon |
//! | [`lock`] | one process for each directory |
//! | [`digest`] | SHA-256 |
//! | [`ranks`] | several processes that compute one run together; the only folder that uses MPI |

pub mod digest;
pub mod files;
pub mod lock;
pub(crate) mod mapped_file;
pub mod memory;
pub mod ranks;
pub mod threads;
