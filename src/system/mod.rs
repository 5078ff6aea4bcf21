//! The machine below everything: files, memory, threads, locks, digests.
//!
//! Every other folder may use this one; this one uses nothing of this crate.
//!
//! | file | what |
//! |---|---|
//! | [`files`] | reading and writing whole files; a file is written whole or not at all |
//! | [`mapped_file`] | a file as a slice of bytes |
//! | [`memory`] | how much memory there is and how much this process has taken |
//! | [`threads`] | splitting work among threads; the one file that names rayon |
//! | [`lock`] | one process per directory |
//! | [`digest`] | SHA-256 |

pub mod digest;
pub mod files;
pub mod lock;
pub(crate) mod mapped_file;
pub mod memory;
pub mod threads;
