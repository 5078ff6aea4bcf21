//! What can go wrong with text and instances.

use crate::system::files::FileError;
use std::path::PathBuf;

/// What can go wrong with text and instances.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Text with bytes that are not UTF-8.
    #[error(
        "`{}` is not UTF-8: line {line}, byte {byte} of the file; convert it to UTF-8 first, or go on \
         with U+FFFD in place of what is wrong: --invalid-utf8 replace",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first bad byte, from 1.
        line: usize,
        /// The offset of the first bad byte, from 0.
        byte: usize,
    },
    /// A path or pattern that matches nothing.
    #[error(
        "`{0}` matches no file; give a .txt or .jsonl file, a directory that holds some, or a pattern in quotes"
    )]
    NoFile(String),
    /// A path or pattern that matches only files and directories that `cloze` writes.
    #[error(
        "`{0}` is, or holds, only what cloze writes itself (a run directory, an output, a vocabulary), which \
         is never read as text; give the text itself"
    )]
    OnlyOutput(String),
    /// A pattern that is not one.
    #[error("`{pattern}` is not a pattern: {message}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        message: String,
    },
    /// A line that cannot be understood.
    #[error("`{}`, line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Text without a single sentence.
    #[error("{0} holds no usable sentence: it is empty, or the tokenizer finds no word in it")]
    NoSentence(String),
    /// Too few documents for pairs.
    #[error(
        "{origin} holds {documents} document(s), but next-sentence prediction draws random sentences \
         from other documents; separate documents by blank lines, or leave it out with --no-nsp"
    )]
    TooFewDocuments {
        /// Where the text came from.
        origin: String,
        /// How many documents there are.
        documents: usize,
    },
    /// Too few documents to hold some out.
    #[error(
        "{origin} holds {documents} document(s), but {least} are needed to hold some out for \
         evaluation; separate documents by blank lines, give other text with --eval-input, or hold out \
         none with --eval-fraction 0"
    )]
    NothingToHoldOut {
        /// Where the text came from.
        origin: String,
        /// How many documents there are.
        documents: usize,
        /// How many are needed.
        least: usize,
    },
    /// A token store that is cut short, altered, or of another version.
    #[error("the token store `{}` cannot be used: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that is neither a file nor a directory.
    #[error(
        "`{}` is not a regular file: text is read more than once; write it to a file first",
        .0.display()
    )]
    NotAFile(PathBuf),
    /// A file of instances without one.
    #[error("`{}` holds no instance", .0.display())]
    NoInstance(PathBuf),
}
