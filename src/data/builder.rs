//! Writing a token store (its form is in [`store`](super::store)): the corpus is read once, encoded by
//! all threads, and written as it comes. Memory does not grow with the corpus: boundaries, which
//! belong behind the tokens, wait in files of their own.

use super::corpus::Corpus;
use super::error::DataError;
use super::fingerprint::Fingerprint;
use super::reader::{Chunk, Part};
use super::store::{MAGIC, VERSION};
use crate::system::files::{self, FileError};
use crate::tokenizer::Tokenizer;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

type Encode<'t> = dyn Fn(&str) -> Vec<u32> + Sync + Send + 't;

/// Sentences to tokens, as the store needs it.
pub(super) struct Encoding<'t> {
    /// Every id is below it.
    pub vocab_size: usize,
    /// Changes when `encode` would give other ids.
    pub fingerprint: u64,
    /// The ids of a sentence.
    pub encode: Box<Encode<'t>>,
}

impl<'t> Encoding<'t> {
    /// The encoding of `tokenizer`. The fingerprint is of its vocabulary, its special tokens and its
    /// settings.
    pub fn of(tokenizer: &'t Tokenizer) -> Self {
        let (vocabulary, normalizer) = (tokenizer.vocabulary(), tokenizer.options().normalizer());
        let mut fingerprint = Fingerprint::new();
        for (id, token) in vocabulary.iter() {
            fingerprint.update_text(token);
            fingerprint.update(&[tokenizer.is_special_token(id).into()]);
        }
        fingerprint.update(&[
            normalizer.lower_case.into(),
            normalizer.strip_accents.into(),
            normalizer.tokenize_chinese_chars.into(),
        ]);
        fingerprint.update(&tokenizer.max_characters_per_word().to_le_bytes());
        Self {
            vocab_size: vocabulary.len(),
            fingerprint: fingerprint.finish(),
            encode: Box::new(|sentence| tokenizer.encode_text(sentence)),
        }
    }

    /// Bytes of a token.
    fn token_bytes(&self) -> u32 {
        if self.vocab_size > 1 << 16 { 4 } else { 2 }
    }
}

/// The store of `corpus`, in memory.
pub(super) fn in_memory(
    corpus: &Corpus,
    encoding: &Encoding<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let starts = [Spill::Memory(Vec::new()), Spill::Memory(Vec::new())];
    write(corpus, encoding, &mut bytes, starts, progress).map_err(|failure| match failure {
        Failure::Data(error) => error,
        Failure::Io(error) => FileError::io("write", Path::new("memory"), error).into(),
    })?;
    Ok(bytes)
}

/// The store of `corpus`, in a file that is written whole or not at all.
pub(super) fn into_file(
    path: &Path,
    corpus: &Corpus,
    encoding: &Encoding<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    let starts = [Spill::file(path, "sentences")?, Spill::file(path, "documents")?];
    let mut failed = None;
    let written = files::write_atomically(path, |out| {
        write(corpus, encoding, out, starts, progress).map_err(|failure| match failure {
            Failure::Io(error) => error,
            Failure::Data(error) => {
                failed = Some(error);
                io::Error::other("the corpus cannot be read")
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

enum Failure {
    Data(DataError),
    Io(io::Error),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write(
    corpus: &Corpus,
    encoding: &Encoding<'_>,
    out: &mut dyn Write,
    [sentence_starts, document_starts]: [Spill; 2],
    progress: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let mut out = Checked { out, checksum: Fingerprint::new(), written: 0 };
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&encoding.token_bytes().to_le_bytes())?;
    out.write_all(&(encoding.vocab_size as u64).to_le_bytes())?;
    out.write_all(&encoding.fingerprint.to_le_bytes())?;

    let (tokens, sentences, documents) = (0, 0, 0);
    let starts_document = true;
    let mut builder = Builder {
        out,
        sentence_starts,
        document_starts,
        tokens,
        sentences,
        documents,
        starts_document,
    };
    let text_fingerprint = corpus.map_chunks(
        |chunk| Ok::<_, Failure>(Encoded::of(chunk, encoding)?),
        |encoded| Ok(builder.add(&encoded)?),
        progress,
    )?;
    if builder.documents == 0 {
        return Err(DataError::NoSentence(corpus.name()).into());
    }
    Ok(builder.finish(text_fingerprint)?)
}

/// An encoded chunk. Sentences without a token are left out.
#[derive(Default)]
struct Encoded {
    /// The tokens as they stand in the file.
    tokens: Vec<u8>,
    /// Tokens of each sentence.
    lengths: Vec<u32>,
    /// The sentences that a document boundary stands before; their number, when at the end.
    boundaries: Vec<usize>,
}

impl Encoded {
    fn of(chunk: &Chunk<'_>, encoding: &Encoding<'_>) -> Result<Self, DataError> {
        let mut encoded = Self::default();
        let Self { tokens, lengths, boundaries } = &mut encoded;
        let wide = encoding.token_bytes() == 4;
        chunk.for_each_part(|part| {
            let ids = match part {
                Part::Sentence(text) => (encoding.encode)(text),
                Part::Boundary if boundaries.last() == Some(&lengths.len()) => return,
                Part::Boundary => return boundaries.push(lengths.len()),
            };
            if ids.is_empty() {
                return;
            }
            lengths.push(u32::try_from(ids.len()).expect("a line is shorter than 4 GB"));
            if wide {
                ids.iter().for_each(|id| tokens.extend(id.to_le_bytes()));
            } else {
                // Every id is below the vocabulary's size.
                ids.iter().for_each(|&id| tokens.extend((id as u16).to_le_bytes()));
            }
        })?;
        Ok(encoded)
    }
}

struct Builder<'w> {
    out: Checked<'w>,
    sentence_starts: Spill,
    document_starts: Spill,
    tokens: u64,
    sentences: u64,
    documents: u64,
    /// Whether the next sentence begins a document.
    starts_document: bool,
}

impl Builder<'_> {
    /// Adds a chunk. Documents without a sentence are passed over.
    fn add(&mut self, encoded: &Encoded) -> io::Result<()> {
        let mut boundaries = encoded.boundaries.iter().peekable();
        for (number, &length) in encoded.lengths.iter().enumerate() {
            while boundaries.next_if(|boundary| **boundary <= number).is_some() {
                self.starts_document = true;
            }
            if std::mem::take(&mut self.starts_document) {
                self.document_starts.push(self.sentences)?;
                self.documents += 1;
            }
            self.sentence_starts.push(self.tokens)?;
            self.sentences += 1;
            self.tokens += u64::from(length);
        }
        self.starts_document |= boundaries.next().is_some();
        self.out.write_all(&encoded.tokens)
    }

    fn finish(mut self, text_fingerprint: u64) -> io::Result<()> {
        let padding = self.out.written.next_multiple_of(8) - self.out.written;
        self.out.write_all(&[0; 8][..padding as usize])?;
        self.sentence_starts.push(self.tokens)?;
        self.document_starts.push(self.sentences)?;
        self.sentence_starts.copy_to(&mut self.out)?;
        self.document_starts.copy_to(&mut self.out)?;
        for number in [self.tokens, self.sentences, self.documents, text_fingerprint] {
            self.out.write_all(&number.to_le_bytes())?;
        }
        let checksum = self.out.checksum.finish();
        self.out.write_all(&checksum.to_le_bytes())
    }
}

/// A writer that takes the checksum of what passes.
struct Checked<'w> {
    out: &'w mut dyn Write,
    checksum: Fingerprint,
    written: u64,
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Numbers kept aside until their section's turn comes; a file of its own goes with it.
enum Spill {
    Memory(Vec<u8>),
    File { path: PathBuf, file: BufWriter<File> },
}

impl Spill {
    /// A spill in a file beside `store`.
    fn file(store: &Path, section: &str) -> Result<Self, FileError> {
        let name = store.file_name().unwrap_or_default().to_string_lossy();
        let path = store.with_file_name(format!(".{name}.{}.{section}.tmp", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(|error| FileError::io("write", &path, error))?;
        Ok(Self::File { path, file: BufWriter::with_capacity(1 << 16, file) })
    }

    fn push(&mut self, number: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.write_all(&number.to_le_bytes()),
            Self::File { file, .. } => file.write_all(&number.to_le_bytes()),
        }
    }

    fn copy_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => out.write_all(bytes),
            Self::File { file, .. } => {
                file.flush()?;
                let file = file.get_mut();
                file.rewind()?;
                io::copy(file, out).map(drop)
            }
        }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Self::File { path, .. } = self {
            let _ = fs::remove_file(path);
        }
    }
}
