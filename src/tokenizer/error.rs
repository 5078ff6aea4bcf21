//! Errors of tokenizers and vocabularies.

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
    /// A vocabulary without tokens.
    #[error("{place} is empty: a vocabulary holds one token a line, special tokens included")]
    EmptyVocabulary {
        /// The file, or another name of the vocabulary.
        place: String,
    },
    /// An empty line in a vocabulary. Skipping it would change the id of every later token.
    #[error(
        "{place}: no token on it; the line number is the id, so remove the line or restore its token"
    )]
    EmptyToken {
        /// File and line.
        place: String,
    },
    /// A token that occurs twice in a vocabulary.
    #[error("{place}: the token `{token}` already stands on {first_place}; remove one of the two")]
    DuplicateToken {
        /// File and line.
        place: String,
        /// The token.
        token: String,
        /// The line of its first occurrence.
        first_place: String,
    },
    /// A token with a line break, which `vocab.txt` cannot represent.
    #[error("{place}: the token {token:?} contains a line break, which vocab.txt cannot represent")]
    LineBreakInToken {
        /// File and line.
        place: String,
        /// The token.
        token: String,
    },
    /// A vocabulary that lacks one of the five special tokens.
    #[error(
        "{place} has no `{token}`: pretraining needs [PAD], [UNK], [CLS], [SEP] and [MASK], spelled \
         like this; add the missing line, or learn a new vocabulary"
    )]
    MissingSpecialToken {
        /// The file, or another name of the vocabulary.
        place: String,
        /// The missing token.
        token: &'static str,
    },
    /// A JSON file with a syntax error or an invalid value.
    #[error("`{}` is not a usable tokenizer file: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong; for a syntax error also its line and column.
        problem: String,
    },
    /// A tokenizer of another kind, or with a setting that is not supported.
    #[error(
        "`{}`: {setting} is {found}, but only {supported} is supported; \
         use the directory of a BERT (WordPiece) model",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The unsupported setting.
        setting: String,
        /// Its value.
        found: String,
        /// The supported value.
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
    /// An empty text file.
    #[error("`{}` is empty: give a file with text", path.display())]
    EmptyInput {
        /// The file.
        path: PathBuf,
    },
    /// A text without words.
    #[error("the text contains no word to learn a vocabulary from; give text with words")]
    NoWords,
    /// A vocabulary size too small for the special tokens and the alphabet.
    #[error(
        "a vocabulary size of {vocab_size} is too small: {special} special tokens and {alphabet} \
         single characters (at the start of a word or, with ##, inside it) make at least {minimum}; \
         increase 'vocab_size' or decrease 'limit_alphabet'"
    )]
    VocabularySizeTooSmall {
        /// The requested size.
        vocab_size: usize,
        /// The number of special tokens.
        special: usize,
        /// The number of one-character entries, with and without `##`.
        alphabet: usize,
        /// The smallest possible size.
        minimum: usize,
    },
}
