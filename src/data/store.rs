//! The token store: a corpus tokenized once and then sampled any number of times.
//!
//! A store lies in memory when the text is small, else in one memory-mapped file, so that memory does
//! not grow with the corpus. All numbers are little-endian:
//!
//! ```text
//! header           magic "CLOZETOK", version u32, bytes per token u32 (2 or 4),
//!                  vocabulary size u64, digest of the tokenizer (32 bytes)      56 bytes
//! tokens           u16 (u32 if the vocabulary has more than 65,536 entries), all sentences in
//!                  order, then zeros up to a multiple of 8 bytes
//! sentence starts  u64 for each sentence: the number of its first token; then the number of tokens
//! document starts  u64 for each document: the number of its first sentence; then the number of
//!                  sentences
//! file starts      u64 for each file with a document: the number of its first document; then the
//!                  number of documents
//! trailer          tokens u64, sentences u64, documents u64, files u64, digest of the text
//!                  (32 bytes), SHA-256 of all bytes before it (32 bytes)        96 bytes
//! ```
//!
//! The counts are in the trailer because they are known only after the whole text has been read, and
//! the file is written sequentially. A file is used only after all of it has been checked. Sentences
//! without a token and documents without a sentence are left out, as Google's script does.

use super::builder;
use super::check::check;
use super::corpus::Corpus;
use super::error::DataError;
use super::read_report::ReadReport;
use super::sentence_encoder::SentenceEncoder;
use super::store_format::{HEADER_BYTES, StoreHeader};
use crate::system::files::{self, FileError, UnnamedFile};
use crate::system::mapped_file::MappedFile;
use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The largest text, in bytes, whose store [`Storage::unless_small`] keeps in memory: 64 MiB.
const SMALL_TEXT_BYTES: u64 = 64 << 20;

/// A callback that receives the current work ("tokenizing" …) and the number of bytes of text done.
pub type Progress<'p> = dyn FnMut(&'static str, u64) + 'p;

/// Where the bytes of a [`TokenStore`] are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory.
    Memory,
    /// In this file. The file stays; if it already holds the store of the same text and tokenizer, it
    /// is used instead of tokenizing again. Missing directories are created.
    File(PathBuf),
    /// In a temporary file on the file system of this directory. On Unix the file has no name, so that
    /// nothing of it is left when the process ends, even when it is killed.
    TemporaryFile(PathBuf),
}

impl Storage {
    /// This storage, or [`Storage::Memory`] when `corpus` has at most 64 MiB of text.
    #[must_use]
    pub fn unless_small(self, corpus: &Corpus) -> Self {
        if corpus.most_text_bytes() <= SMALL_TEXT_BYTES { Self::Memory } else { self }
    }
}

/// A tokenized corpus: documents of sentences of tokens, none of them empty.
pub struct TokenStore {
    header: StoreHeader,
    // Dropped before the file is removed: some systems do not remove a mapped file.
    bytes: Bytes,
    replaced: Option<DataError>,
    _temporary: Option<UnnamedFile>,
}

/// The whole store, header and trailer included.
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

impl TokenStore {
    /// Tokenizes `corpus` with `encoder` on all threads and keeps the result in `storage`. `progress`
    /// receives the number of bytes of text done. A damaged file is replaced; see
    /// [`TokenStore::replaced`].
    ///
    /// # Errors
    /// [`DataError`] when the text cannot be read or the store cannot be written;
    /// [`DataError::NoSentence`] when no sentence has a token.
    pub fn build(
        corpus: &Corpus,
        encoder: &SentenceEncoder<'_>,
        storage: Storage,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        match storage {
            Storage::Memory => Self::in_memory(corpus, encoder, progress),
            Storage::File(path) => Self::in_file(&path, corpus, encoder, progress),
            Storage::TemporaryFile(directory) => {
                Self::in_temporary_file(&directory, corpus, encoder, progress)
            }
        }
    }

    fn in_memory(
        corpus: &Corpus,
        encoder: &SentenceEncoder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let bytes = builder::in_memory(corpus, encoder, &mut |done| progress("tokenizing", done))?;
        let header = check(&mut Cursor::new(&bytes), Path::new("memory"))?;
        Ok(Self { header, bytes: Bytes::Memory(bytes), replaced: None, _temporary: None })
    }

    fn in_temporary_file(
        directory: &Path,
        corpus: &Corpus,
        encoder: &SentenceEncoder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let progress = &mut |done| progress("tokenizing", done);
        let temporary = builder::into_unnamed_file(directory, corpus, encoder, progress)?;
        let store = Self::from_file(temporary.file(), directory)?;
        Ok(Self { _temporary: Some(temporary), ..store })
    }

    fn in_file(
        path: &Path,
        corpus: &Corpus,
        encoder: &SentenceEncoder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, DataError> {
        let mut replaced = None;
        match Self::open(path) {
            Ok(store) => {
                let header = &store.header;
                if header.vocab_size == encoder.vocab_size as u64
                    && header.vocabulary_digest == encoder.digest
                    && header.text_digest
                        == corpus.digest(&mut |done| progress("checking the text", done))?
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
        builder::into_file(path, corpus, encoder, &mut |done| progress("tokenizing", done))?;
        Ok(Self { replaced, ..Self::open(path)? })
    }

    /// Opens the store in the file `path` and checks all of it.
    fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|error| FileError::io("read", path, error))?;
        Self::from_file(&file, path)
    }

    /// Checks all of the store in an open file. `path` is named in errors.
    fn from_file(mut file: &File, path: &Path) -> Result<Self, DataError> {
        // Checking reads the file in blocks; through the map, all of it would count as memory.
        let header = check(&mut file, path)?;
        let mapped = MappedFile::new(file).map_err(|error| FileError::io("read", path, error))?;
        Ok(Self { header, bytes: Bytes::Mapped(mapped), replaced: None, _temporary: None })
    }

    /// What was read of `corpus`, which the store was built of: documents and sentences that have a token.
    pub fn read_report(&self, corpus: &Corpus) -> ReadReport {
        corpus.read_report(self.documents() as u64, self.sentences() as u64)
    }

    /// Why the store found in the file could not be used, when this one replaced it.
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

    /// Lets the operating system drop the pages read so far, so that they do not add up to the whole
    /// file in memory. Nothing happens for a store in memory.
    pub fn release(&self) {
        if let Bytes::Mapped(bytes) = &self.bytes {
            bytes.release();
        }
    }

    /// The number of files that have a document.
    pub fn files(&self) -> usize {
        self.header.files
    }

    /// The range of document numbers of file `file`. Files without a document are not counted.
    ///
    /// # Panics
    /// When `file` is not below [`files`](Self::files).
    pub fn file(&self, file: usize) -> Range<usize> {
        assert!(file < self.files(), "file {file} of {}", self.files());
        let start = |number| self.start(self.header.file_starts, number) as usize;
        start(file)..start(file + 1)
    }

    /// The number of the file that document `document` is in.
    ///
    /// # Panics
    /// When `document` is not below [`documents`](Self::documents).
    pub fn file_of(&self, document: usize) -> usize {
        assert!(document < self.documents(), "document {document} of {}", self.documents());
        // Binary search: the file's first document is at most `document`, that of the next is above it.
        let (mut file, mut after) = (0, self.files());
        while after - file > 1 {
            let middle = file.midpoint(after);
            let half = if self.file(middle).start <= document { &mut file } else { &mut after };
            *half = middle;
        }
        file
    }

    /// The range of sentence numbers of document `document`.
    ///
    /// # Panics
    /// When `document` is not below [`documents`](Self::documents).
    pub fn document(&self, document: usize) -> Range<usize> {
        assert!(document < self.documents(), "document {document} of {}", self.documents());
        let start = |number| self.start(self.header.document_starts, number) as usize;
        start(document)..start(document + 1)
    }

    /// The range of token numbers of sentence `sentence`.
    ///
    /// # Panics
    /// When `sentence` is not below [`sentences`](Self::sentences).
    pub fn sentence(&self, sentence: usize) -> Range<u64> {
        assert!(sentence < self.sentences(), "sentence {sentence} of {}", self.sentences());
        let start = |number| self.start(self.header.sentence_starts, number);
        start(sentence)..start(sentence + 1)
    }

    /// Appends the ids of the tokens with the numbers `range` to `ids`.
    ///
    /// # Panics
    /// When `range` does not lie within `0 .. tokens()`.
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

    /// Entry `number` of the section of starts at byte `section`.
    fn start(&self, section: usize, number: usize) -> u64 {
        let start = section + 8 * number;
        u64::from_le_bytes(self.bytes[start..start + 8].try_into().expect("eight bytes"))
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
pub(super) mod tests;
