//! Labelled examples: texts with a class or a number, words with tags, questions with answers, in the formats
//! that people have.
//!
//! | example | formats | read by |
//! |---|---|---|
//! | [`TextExample`]: a text or a pair, a class or a number | TSV and CSV with a header, GLUE's own files, JSON Lines; without labels also plain lines | [`read_texts`] |
//! | [`TaggedExample`]: words, a label for each | two-column CoNLL, CoNLL-U | [`read_tagged`] |
//! | [`QuestionExample`]: question, context, answers | SQuAD 1.1 and 2.0 | [`read_questions`] |
//!
//! A label stays as the file writes it. What it means (a class, a number) is decided by the task.

mod built_in;
mod columns;
mod conll;
mod error;
mod example;
mod json_lines;
mod lines;
mod read;
mod settings;
mod source;
mod squad;
mod table;

pub use built_in::{
    built_in_lines, built_in_numbers, built_in_questions, built_in_tagged, built_in_texts,
};
pub use error::LabelledError;
pub use example::{GoldAnswer, Labelled, QuestionExample, TaggedExample, TextExample};
pub use read::{parse_lines, read_questions, read_tagged, read_texts};
pub use settings::{Columns, ReadSettings};
