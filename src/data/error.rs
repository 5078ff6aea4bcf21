//! Errors of reading text and instances.

use crate::system::files::FileError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// An error of reading text or instances.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A text file with bytes that are not UTF-8.
    #[error(
        "`{}` is not UTF-8: line {line}, byte {byte} of the file; convert it to UTF-8 first, or \
         read U+FFFD in place of invalid bytes: 'invalid_utf8' replace",
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
    /// An input that matches no file.
    #[error(
        "`{0}` matches no file; give a .txt or .jsonl file (or .gz), a directory that holds some, or a pattern in quotes"
    )]
    NoFile(String),
    /// A path or pattern that matches only files and directories that `cloze` writes.
    #[error(
        "`{0}` is, or holds, only what cloze writes itself (a run directory, an output, a vocabulary), which \
         is never read as text; give the text itself"
    )]
    OnlyOutput(String),
    /// An input that is not a valid pattern.
    #[error("`{pattern}` is not a pattern: {message}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        message: String,
    },
    /// An invalid line of a JSON Lines file.
    #[error("`{}`, line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A `.json` file that is not JSON Lines.
    #[error(
        "`{}` is JSON, not text: write each document as one line, an object with a field \"text\", into a \
         .jsonl file",
        .0.display()
    )]
    Json(PathBuf),
    /// A damaged gzip file.
    #[error(
        "`{}` is not a whole gzip file: {message}; compress the text again, or give it uncompressed",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A gzip file that is not called one.
    #[error(
        "`{}` is compressed by gzip, but its name does not end in .gz; rename it, or decompress it",
        .0.display()
    )]
    Misnamed(PathBuf),
    /// Standard input that holds nothing.
    #[error(
        "standard input is empty; pipe the text into the command (a run that read standard input is resumed \
         and verified with the same text on standard input)"
    )]
    StandardInputEmpty,
    /// Standard input that was read before.
    #[error("standard input can be read once; give `-` once, and other text as files")]
    StandardInputAgain,
    /// A text without any sentence that has a token.
    #[error("{0} holds no usable sentence: it is empty, or the tokenizer finds no word in it")]
    NoSentence(String),
    /// Fewer than two documents, which next-sentence prediction needs.
    #[error(
        "{origin} holds {documents} document(s), but next-sentence prediction draws random sentences \
         from other documents; separate documents by blank lines, or leave it out with 'no_nsp'"
    )]
    TooFewDocuments {
        /// The name of the text.
        origin: String,
        /// The number of documents.
        documents: usize,
    },
    /// No document has two sentences, which the order of sentences needs.
    #[error(
        "every document of {0} is one sentence, so there is no order of sentences to learn; give longer documents, \
         or leave it out with 'no_nsp'"
    )]
    NoPair(String),
    /// Too few documents to hold some out for evaluation.
    #[error(
        "{origin} holds {documents} document(s), but {least} are needed to hold some out for \
         evaluation; separate documents by blank lines, give other text with 'eval_input', or hold \
         out none with 'eval_fraction' 0"
    )]
    NothingToHoldOut {
        /// The name of the text.
        origin: String,
        /// The number of documents.
        documents: usize,
        /// The number of documents needed.
        least: usize,
    },
    /// A token store that is damaged or of another version.
    #[error("the token store `{}` cannot be used: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pipe, a device or the like, which cannot be read twice.
    #[error(
        "`{}` is not a regular file, but it is read more than once; write it to a file first, or pipe text into \
         the command and name it `-`",
        .0.display()
    )]
    NotAFile(PathBuf),
    /// A file of texts that holds none.
    #[error("`{}` holds no text", .0.display())]
    NoText(PathBuf),
    /// A directory without a file of minimal pairs.
    #[error("`{}` holds no file of pairs: JSON Lines, named .jsonl or .ndjson (or .gz)", .0.display())]
    NoPairs(PathBuf),
    /// A file of instances that holds none.
    #[error("`{}` holds no instance", .0.display())]
    NoInstance(PathBuf),
}

impl DataError {
    /// The error of a read of `path` that failed.
    pub(super) fn read(path: &Path, compressed: bool, error: io::Error) -> Self {
        use ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof if compressed => {
                Self::Damaged { path: path.into(), message: error.to_string() }
            }
            _ => FileError::io("read", path, error).into(),
        }
    }
}
