//! The vocabulary: tokens and their ids. In `vocab.txt` each line is a token, and its id is the line
//! number, counted from 0.

use super::error::TokenizerError;
use super::special_tokens::{CLS, MASK, PAD, SEP, UNK};
use crate::system::files;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// A WordPiece vocabulary. It always contains BERT's five special tokens.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    tokens: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
    pad_id: u32,
    unk_id: u32,
    cls_id: u32,
    sep_id: u32,
    mask_id: u32,
}

impl Vocabulary {
    /// Reads `vocab.txt`. Lines end with LF or CRLF; the last line may lack its line end.
    ///
    /// # Errors
    /// [`TokenizerError`] when the file cannot be read, is not UTF-8 or is empty, when a line is empty,
    /// when a token occurs twice, or when a special token is missing. The message names the file, the
    /// line and the token.
    pub fn from_file(path: &Path) -> Result<Self, TokenizerError> {
        let text = files::read_to_string(path)?;
        let place = format!("`{}`", path.display());
        if text.starts_with('\u{feff}') {
            return Err(TokenizerError::ByteOrderMark { place });
        }
        Self::build(&place, "line", 1, text.lines().map(str::to_owned).collect())
    }

    /// A vocabulary of these tokens; the id of a token is its index.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file), and for a token with a line break. Line numbers in messages
    /// are positions in the list, from 1.
    pub fn from_tokens(tokens: Vec<String>) -> Result<Self, TokenizerError> {
        Self::build("the list of tokens", "line", 1, tokens)
    }

    /// A vocabulary of these tokens. Error messages name `place`, and the first token as `unit first`,
    /// such as "line 1".
    pub(super) fn build(
        place: &str,
        unit: &str,
        first: usize,
        tokens: Vec<String>,
    ) -> Result<Self, TokenizerError> {
        if tokens.is_empty() {
            return Err(TokenizerError::EmptyVocabulary { place: place.to_owned() });
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            let line_place = || format!("{place}, {unit} {}", id + first);
            if token.is_empty() {
                return Err(TokenizerError::EmptyToken { place: line_place() });
            }
            if token.contains(['\n', '\r']) {
                let token = token.clone();
                return Err(TokenizerError::LineBreakInToken { place: line_place(), token });
            }
            if let Some(first_id) = ids.insert(token.as_str().into(), id as u32) {
                let first_place = format!("{unit} {}", first_id as usize + first);
                let (place, token) = (line_place(), token.clone());
                return Err(TokenizerError::DuplicateToken { place, token, first_place });
            }
        }
        let special = |token: &'static str| {
            let missing = || TokenizerError::MissingSpecialToken { place: place.to_owned(), token };
            ids.get(token).copied().ok_or_else(missing)
        };
        Ok(Self {
            pad_id: special(PAD)?,
            unk_id: special(UNK)?,
            cls_id: special(CLS)?,
            sep_id: special(SEP)?,
            mask_id: special(MASK)?,
            tokens: tokens.into_iter().map(String::into_boxed_str).collect(),
            ids,
        })
    }

    /// The number of tokens, special tokens included; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The id of a token; `None` if it is not in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The token with this id; `None` if there is none.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(|token| &**token)
    }

    /// All ids and tokens, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(self.tokens.iter().map(|token| &**token))
    }

    /// The id of `[PAD]`.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The id of `[UNK]`.
    pub fn unk_id(&self) -> u32 {
        self.unk_id
    }

    /// The id of `[CLS]`.
    pub fn cls_id(&self) -> u32 {
        self.cls_id
    }

    /// The id of `[SEP]`.
    pub fn sep_id(&self) -> u32 {
        self.sep_id
    }

    /// The id of `[MASK]`.
    pub fn mask_id(&self) -> u32 {
        self.mask_id
    }

    /// Writes the vocabulary in the form of `vocab.txt`, one token per line.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.tokens.iter().try_for_each(|token| writeln!(out, "{token}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: impl AsRef<[u8]>) -> Result<Vocabulary, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vocab.txt");
        std::fs::write(&path, content).unwrap();
        Vocabulary::from_file(&path).map_err(|error| {
            let message = error.to_string();
            assert!(message.contains("vocab.txt"), "the file is named: {message}");
            message
        })
    }

    #[test]
    fn ids_are_line_numbers() {
        let content = "a\n[MASK]\r\n[SEP]\n[CLS]\n[UNK]\n[PAD]\n##\u{2028}";
        let vocabulary = read(content).unwrap();
        assert_eq!(vocabulary.len(), 7);
        assert_eq!(vocabulary.id("a"), Some(0));
        assert_eq!(vocabulary.id("##\u{2028}"), Some(6));
        assert_eq!(vocabulary.id("b"), None);
        assert_eq!(vocabulary.token(1), Some("[MASK]"));
        assert_eq!(vocabulary.token(7), None);
        let v = &vocabulary;
        let special = [v.pad_id(), v.unk_id(), v.cls_id(), v.sep_id(), v.mask_id()];
        assert_eq!(special, [5, 4, 3, 2, 1]);
        let mut written = Vec::new();
        vocabulary.write(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), content.replace('\r', "") + "\n");
    }

    #[test]
    fn bad_files_are_named_with_line_and_token() {
        assert!(read("").unwrap_err().contains("is empty"));
        assert!(read("[PAD]\n\n[UNK]\n").unwrap_err().contains("line 2: no token"));
        let duplicate = read("[PAD]\n[UNK]\nx\ny\nx\n").unwrap_err();
        assert!(duplicate.contains("line 5") && duplicate.contains("`x`"), "{duplicate}");
        assert!(duplicate.contains("on line 3"), "{duplicate}");
        let missing = read("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[mask]\n").unwrap_err();
        assert!(missing.contains("has no `[MASK]`"), "{missing}");
        let mark = read("\u{feff}[PAD]\n[UNK]\n").unwrap_err();
        assert!(mark.contains("begins with a byte order mark"), "{mark}");
        assert!(read(b"[PAD]\n\xff\n").unwrap_err().contains("line 2, byte 6"));
        assert!(Vocabulary::from_file(Path::new("no/vocab.txt")).is_err());
        let line_break = Vocabulary::from_tokens(vec!["a\nb".into()]).unwrap_err().to_string();
        assert!(line_break.contains("line break"), "{line_break}");
    }
}
