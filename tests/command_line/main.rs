//! Tests of the program on a dozen short documents and a model of one layer of width 16.
//!
//! - [`answers`]: JSON on standard output, messages on standard error, exit status.
//! - [`bad_input`], [`bad_weights`]: refused input, its messages, and that nothing is written.
//! - [`input_lines`]: commands that use a model, on the lines of a file.
//! - [`options`]: options that contradict each other or are not there; the help.
//! - [`pretraining`]: from text to a directory that every command reads.
//! - [`recipes`]: `--recipe`, `--train-time`, `--dry-run`, and what counting words alone gives.
//! - [`text`]: bytes that are not UTF-8, line ends, other unusual input, large text.
//! - [`threads`]: `--threads`, and threads that cannot be started.
//! - [`unfinished`]: runs that have not finished.

mod answers;
mod bad_input;
mod bad_weights;
mod input_lines;
mod options;
mod place;
mod pretraining;
mod recipes;
mod streams;
mod text;
mod threads;
mod unfinished;
