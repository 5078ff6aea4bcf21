//! The real binary on small things: a dozen short documents, a model of one layer of width 16.
//!
//! - [`answers`]: JSON on standard output and nothing else there, talk on standard error, exit status.
//! - [`bad_input`], [`bad_weights`]: what is refused, with which words, and that nothing is written.
//! - [`pretraining`]: from text to a directory that every command reads.
//! - [`text`]: bytes that are not UTF-8, line ends and other oddities; text that is large.

mod answers;
mod bad_input;
mod bad_weights;
mod place;
mod pretraining;
mod text;
