//! The token store: a corpus tokenized once, sampled from ever after.
//!
//! Little-endian, in memory when the text is small, else one file, mapped rather than read, so that
//! memory does not grow with the corpus:
//!
//! ```text
//! header           magic "CLOZETOK", version u32, bytes a token u32 (2 or 4),
//!                  vocabulary size u64, vocabulary fingerprint u64             32 bytes
//! tokens           u16 (u32 if the vocabulary is larger than 65,536), all sentences end to end,
//!                  then zeros up to a multiple of 8 bytes
//! sentence starts  u64 each: number of its first token; one more, past the end
//! document starts  u64 each: number of its first sentence; one more, past the end
//! trailer          tokens u64, sentences u64, documents u64, text fingerprint u64,
//!                  checksum u64 (of all bytes before it)                       40 bytes
//! ```
//! Counts stand at the end because they are known only there: the file is written in one go. A file is
//! believed only after all of it has been checked. Sentences without a token and documents without a
//! sentence are dropped (as Google's script drops them).

use super::builder::{self, Encoding};
use super::check::{Header, check};
use super::corpus::Corpus;
use super::error::DataError;
use crate::system::files::{self, FileError};
use crate::system::mapped_file::MappedFile;
use crate::tokenizer::Tokenizer;
use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(super) const MAGIC: &[u8; 8] = b"CLOZETOK";
pub(super) const VERSION: u32 = 2;
pub(super) const HEADER_BYTES: usize = 32;
pub(super) const TRAILER_BYTES: usize = 40;

/// The store of a text of this size or less stays in memory.
pub const SMALL_TEXT_BYTES: u64 = 64 << 20;

/// Told what is being done, and how many bytes of the text are done.
pub type Progress<'p> = dyn FnMut(&'static str, u64) + 'p;

/// A tokenized corpus: documents of sentences of tokens. Neither a document nor a sentence is empty.
pub struct TokenStore {
    header: Header,
    // Before the guard: not every system removes a mapped file.
    bytes: Bytes,
    replaced: Option<DataError>,
    _temporary: Option<TemporaryFile>,
}

enum Bytes {
    Memory(Vec<u8>),
    Mapped(MappedFile),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

/// A file that goes with this value.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl TokenStore {
    /// Tokenizes `corpus` into memory with `encode`, whose ids are below `vocab_size`. `progress` is
    /// told the bytes of text done so far.
    ///
    /// # Errors
    /// [`DataError`] of reading; [`DataError::NoSentence`] when nothing is left.
    pub fn build(
        corpus: &Corpus,
        vocab_size: usize,
        encode: impl Fn(&str) -> Vec<u32> + Sync + Send,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let encoding = Encoding { vocab_size, fingerprint: 0, encode: Box::new(encode) };
        Self::encode(corpus, &encoding, &mut progress)
    }

    /// Tokenizes `corpus` into memory.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn in_memory(
        corpus: &Corpus,
        tokenizer: &Tokenizer,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        Self::encode(corpus, &Encoding::of(tokenizer), &mut |done| progress("tokenizing", done))
    }

    /// The store in the file `path` if it was made from this text by this tokenizer. Otherwise (and
    /// when it is damaged or not there) it is made anew, whole or not at all. Directories that are
    /// missing are created.
    ///
    /// # Errors
    /// [`DataError`] of reading and writing; [`DataError::NoSentence`] when nothing is left.
    pub fn open_or_create(
        path: &Path,
        corpus: &Corpus,
        tokenizer: &Tokenizer,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        Self::open_or_encode(path, corpus, &Encoding::of(tokenizer), progress)
    }

    /// A store for as long as this value lives: in memory if the text is small, else in a temporary
    /// file in `directory`.
    ///
    /// # Errors
    /// As [`open_or_create`](Self::open_or_create).
    pub fn temporary(
        directory: &Path,
        corpus: &Corpus,
        tokenizer: &Tokenizer,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let small = corpus.bytes() <= SMALL_TEXT_BYTES;
        Self::encode_temporary(
            (!small).then_some(directory),
            corpus,
            &Encoding::of(tokenizer),
            progress,
        )
    }

    fn encode(
        corpus: &Corpus,
        encoding: &Encoding<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, DataError> {
        let bytes = builder::in_memory(corpus, encoding, progress)?;
        let header = check(&mut Cursor::new(&bytes), Path::new("memory"))?;
        Ok(Self { header, bytes: Bytes::Memory(bytes), replaced: None, _temporary: None })
    }

    fn encode_temporary(
        directory: Option<&Path>,
        corpus: &Corpus,
        encoding: &Encoding<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let Some(directory) = directory else {
            return Self::encode(corpus, encoding, &mut |done| progress("tokenizing", done));
        };
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = directory.join(format!(".cloze.{}.{number}.tokens", std::process::id()));
        builder::into_file(&path, corpus, encoding, &mut |done| progress("tokenizing", done))?;
        let temporary = TemporaryFile(path);
        let store = Self::open(&temporary.0)?;
        Ok(Self { _temporary: Some(temporary), ..store })
    }

    fn open_or_encode(
        path: &Path,
        corpus: &Corpus,
        encoding: &Encoding<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let mut replaced = None;
        match Self::open(path) {
            Ok(store) => {
                let header = &store.header;
                if header.vocab_size == encoding.vocab_size as u64
                    && header.vocabulary_fingerprint == encoding.fingerprint
                    && header.text_fingerprint
                        == corpus.fingerprint(&mut |done| progress("checking the text", done))?
                {
                    return Ok(store);
                }
            }
            Err(error @ DataError::Store { .. }) => replaced = Some(error),
            Err(_) => {}
        }
        if let Some(directory) = path.parent() {
            files::create_directory(directory)?;
        }
        builder::into_file(path, corpus, encoding, &mut |done| progress("tokenizing", done))?;
        Ok(Self { replaced, ..Self::open(path)? })
    }

    /// Opens a store and checks all of it.
    fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |error| FileError::io("read", path, error);
        let mut file = File::open(path).map_err(failed)?;
        // Read, not mapped: what was read once for the check need not stay.
        let header = check(&mut file, path)?;
        let bytes = Bytes::Mapped(MappedFile::new(&file).map_err(failed)?);
        Ok(Self { header, bytes, replaced: None, _temporary: None })
    }

    /// What was wrong with the file that was there, when this store was made anew because of it.
    pub fn replaced(&self) -> Option<&DataError> {
        self.replaced.as_ref()
    }

    /// The number of documents.
    pub fn documents(&self) -> usize {
        self.header.documents
    }

    /// The number of sentences.
    pub fn sentences(&self) -> usize {
        self.header.sentences
    }

    /// The number of tokens.
    pub fn tokens(&self) -> u64 {
        self.header.tokens as u64
    }

    /// Says that what was read so far is not needed for now, so that the pages of the file do not add
    /// up to all of it in memory.
    pub fn release(&self) {
        if let Bytes::Mapped(bytes) = &self.bytes {
            bytes.release();
        }
    }

    /// The sentences of document `document`.
    ///
    /// # Panics
    /// When there is no such document.
    pub fn document(&self, document: usize) -> Range<usize> {
        assert!(document < self.documents(), "document {document} of {}", self.documents());
        let start = |number| self.start(self.header.document_starts, number) as usize;
        start(document)..start(document + 1)
    }

    /// The tokens of sentence `sentence`, as a range of the store.
    ///
    /// # Panics
    /// When there is no such sentence.
    pub fn sentence(&self, sentence: usize) -> Range<u64> {
        assert!(sentence < self.sentences(), "sentence {sentence} of {}", self.sentences());
        let start = |number| self.start(self.header.sentence_starts, number);
        start(sentence)..start(sentence + 1)
    }

    /// Appends the ids of a range of tokens to `ids`.
    ///
    /// # Panics
    /// When the range is not inside the store.
    pub fn extend(&self, range: Range<u64>, ids: &mut Vec<u32>) {
        assert!(range.start <= range.end && range.end <= self.tokens(), "tokens {range:?}");
        let width = self.header.token_bytes;
        let at = |token: u64| HEADER_BYTES + token as usize * width;
        let tokens = &self.bytes[at(range.start)..at(range.end)];
        if width == 2 {
            let tokens = tokens.as_chunks::<2>().0.iter();
            ids.extend(tokens.map(|token| u32::from(u16::from_le_bytes(*token))));
        } else {
            let tokens = tokens.as_chunks::<4>().0.iter();
            ids.extend(tokens.map(|token| u32::from_le_bytes(*token)));
        }
    }

    /// Number `number` of the starts that begin at `section`.
    fn start(&self, section: usize, number: usize) -> u64 {
        let start = section + 8 * number;
        u64::from_le_bytes(self.bytes[start..start + 8].try_into().expect("eight bytes"))
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
pub(super) mod tests;
