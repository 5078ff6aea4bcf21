//! What can go wrong between text and ids.

use crate::system::files::FileError;
use std::path::PathBuf;

/// A vocabulary or tokenizer file that cannot be used, or a vocabulary that cannot be learned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A vocabulary with U+FEFF before its first token, which would be part of that token.
    #[error("{place} begins with a byte order mark (U+FEFF); save it as UTF-8 without one")]
    ByteOrderMark {
        /// The file.
        place: String,
    },
    /// A vocabulary without a single token.
    #[error("{place} is empty: a vocabulary holds one token a line, special tokens included")]
    EmptyVocabulary {
        /// The file, or where else the tokens came from.
        place: String,
    },
    /// A line of a vocabulary with no token on it. Dropping it would shift every id below.
    #[error(
        "{place}: no token on it; every line is one id, so remove the line or restore its token"
    )]
    EmptyToken {
        /// File and line.
        place: String,
    },
    /// A token that stands twice in a vocabulary.
    #[error("{place}: the token `{token}` already stands on {first_place}; remove one of the two")]
    DuplicateToken {
        /// File and line.
        place: String,
        /// The token.
        token: String,
        /// The line where it stands first.
        first_place: String,
    },
    /// A token that `vocab.txt` cannot hold.
    #[error("{place}: the token {token:?} contains a line break, which vocab.txt cannot hold")]
    LineBreakInToken {
        /// File and line.
        place: String,
        /// The token.
        token: String,
    },
    /// A vocabulary without one of the five tokens that BERT cannot do without.
    #[error(
        "{place} has no `{token}`: pretraining needs [PAD], [UNK], [CLS], [SEP] and [MASK], in this \
         spelling; add the missing line or learn a vocabulary with `cloze vocab`"
    )]
    MissingSpecialToken {
        /// The file, or where else the tokens came from.
        place: String,
        /// The missing token.
        token: &'static str,
    },
    /// A file that is not the JSON it should be.
    #[error("`{}` is not a usable tokenizer file: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and with a syntax error its line and column.
        problem: String,
    },
    /// A tokenizer of another kind, or with a setting that this one does not have.
    #[error(
        "`{}`: {setting} is {found}, but only {supported} is supported; \
         use the directory of a BERT (WordPiece) model",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The setting at fault.
        setting: String,
        /// Its value.
        found: String,
        /// What would do.
        supported: String,
    },
    /// A directory with neither `tokenizer.json` nor `vocab.txt`.
    #[error(
        "`{}` holds neither tokenizer.json nor vocab.txt; give the directory of a BERT model",
        path.display()
    )]
    NoTokenizer {
        /// The directory.
        path: PathBuf,
    },
    /// A text file with nothing in it.
    #[error("`{}` is empty: give a file with text", path.display())]
    EmptyInput {
        /// The file.
        path: PathBuf,
    },
    /// Text without a single word.
    #[error(
        "there is no word in the text, so there is no vocabulary to learn; give text with words"
    )]
    NoWords,
    /// A vocabulary size that does not even hold the single characters.
    #[error(
        "a vocabulary size of {vocab_size} is too small: {special} special tokens and {alphabet} \
         single characters (each as a word's start or after it) make at least {minimum}; \
         ask for more entries or lower the alphabet limit"
    )]
    VocabularySizeTooSmall {
        /// What was asked for.
        vocab_size: usize,
        /// How many special tokens there are.
        special: usize,
        /// How many one-character entries there are, with and without `##`.
        alphabet: usize,
        /// The least size that would do.
        minimum: usize,
    },
}
