//! Writing a token store; [`store`](super::store) describes the layout.
//!
//! The corpus is read once, encoded on all threads and written in order. Memory does not grow with
//! the corpus: the starts of sentences, documents and files, which follow the tokens in the store, are
//! collected in files without a name.

use super::corpus::Corpus;
use super::error::DataError;
use super::part::Part;
use super::reader::Chunk;
use super::sentence_encoder::SentenceEncoder;
use super::store_format::{MAGIC, VERSION};
use crate::system::digest::{Digest, Sha256};
use crate::system::files::{FileError, Output, UnnamedFile};
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

/// Builds the store of `corpus` in memory. `progress` receives the number of bytes of text read so far.
pub(super) fn in_memory(
    corpus: &Corpus,
    encoder: &SentenceEncoder<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let starts = [(); 3].map(|()| Spill::Memory(Vec::new()));
    write(corpus, encoder, &mut bytes, starts, progress).map_err(|failure| match failure {
        Failure::Data(error) => error,
        Failure::Io(error) => FileError::io("write", Path::new("memory"), error).into(),
    })?;
    Ok(bytes)
}

/// Builds the store of `corpus` in the file `path`, which is written whole or not at all.
pub(super) fn into_file(
    path: &Path,
    corpus: &Corpus,
    encoder: &SentenceEncoder<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    let output = Output::open(path)?;
    let starts = Spill::files(path.parent().unwrap_or(Path::new("")))?;
    let mut failed = None;
    let written = output.write(|out| {
        write(corpus, encoder, out, starts, progress).map_err(|failure| match failure {
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

/// Builds the store of `corpus` in a file without a name on the file system of `directory`.
pub(super) fn into_unnamed_file(
    directory: &Path,
    corpus: &Corpus,
    encoder: &SentenceEncoder<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<UnnamedFile, DataError> {
    let store = UnnamedFile::new(directory)?;
    let mut out = BufWriter::new(store.file());
    let written = write(corpus, encoder, &mut out, Spill::files(directory)?, progress);
    match written.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => {
            drop(out);
            Ok(store)
        }
        Err(Failure::Data(error)) => Err(error),
        Err(Failure::Io(error)) => Err(FileError::io("write into", directory, error).into()),
    }
}

/// A corpus that cannot be read, or a store that cannot be written.
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

/// Writes the whole store to `out`.
fn write(
    corpus: &Corpus,
    encoder: &SentenceEncoder<'_>,
    out: &mut dyn Write,
    [sentence_starts, document_starts, file_starts]: [Spill; 3],
    progress: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let mut out = Checked { out, checksum: Sha256::new(), written: 0 };
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&encoder.token_bytes().to_le_bytes())?;
    out.write_all(&(encoder.vocab_size as u64).to_le_bytes())?;
    out.write_all(&encoder.digest.0)?;

    let (tokens, sentences, documents, files) = (0, 0, 0, 0);
    let (starts_file, starts_document) = (true, true);
    let mut builder = Builder {
        out,
        sentence_starts,
        document_starts,
        file_starts,
        tokens,
        sentences,
        documents,
        files,
        starts_file,
        starts_document,
    };
    let text_digest = corpus.map_chunks(
        |chunk| Ok::<_, Failure>(Encoded::of(chunk, encoder)?),
        |encoded| Ok(builder.add(&encoded)?),
        progress,
    )?;
    if builder.documents == 0 {
        return Err(DataError::NoSentence(corpus.name()).into());
    }
    Ok(builder.finish(text_digest)?)
}

/// The tokens of one chunk. Sentences without a token are left out.
#[derive(Default)]
struct Encoded {
    /// Whether the chunk is the first of its file. Then a boundary lies before its first sentence.
    begins_file: bool,
    /// The tokens, encoded as in the file.
    tokens: Vec<u8>,
    /// Number of tokens of each sentence.
    lengths: Vec<u32>,
    /// Document boundaries: boundary `b` lies before sentence `b` of the chunk, or at the chunk's end
    /// when there is no such sentence.
    boundaries: Vec<usize>,
}

impl Encoded {
    fn of(chunk: &Chunk<'_>, encoder: &SentenceEncoder<'_>) -> Result<Self, DataError> {
        let mut encoded = Self { begins_file: chunk.begins_file(), ..Self::default() };
        let Self { tokens, lengths, boundaries, .. } = &mut encoded;
        let wide = encoder.token_bytes() == 4;
        chunk.for_each_part(|part| {
            let ids = match part {
                Part::Sentence(text) => (encoder.encode)(text),
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
                // Ids are below the vocabulary size, which fits.
                ids.iter().for_each(|&id| tokens.extend((id as u16).to_le_bytes()));
            }
        })?;
        Ok(encoded)
    }
}

/// The state of writing: the output, the later sections and the counts so far.
struct Builder<'w> {
    out: Checked<'w>,
    sentence_starts: Spill,
    document_starts: Spill,
    file_starts: Spill,
    tokens: u64,
    sentences: u64,
    documents: u64,
    files: u64,
    /// Whether the next document starts a file.
    starts_file: bool,
    /// Whether the next sentence starts a document.
    starts_document: bool,
}

impl Builder<'_> {
    /// Appends the tokens of a chunk. Documents without a sentence and files without a document are left out.
    fn add(&mut self, encoded: &Encoded) -> io::Result<()> {
        self.starts_file |= encoded.begins_file;
        let mut boundaries = encoded.boundaries.iter().peekable();
        for (number, &length) in encoded.lengths.iter().enumerate() {
            while boundaries.next_if(|boundary| **boundary <= number).is_some() {
                self.starts_document = true;
            }
            if std::mem::take(&mut self.starts_document) {
                if std::mem::take(&mut self.starts_file) {
                    self.file_starts.push(self.documents)?;
                    self.files += 1;
                }
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

    /// Writes everything that follows the tokens.
    fn finish(mut self, text_digest: Digest) -> io::Result<()> {
        let padding = self.out.written.next_multiple_of(8) - self.out.written;
        self.out.write_all(&[0; 8][..padding as usize])?;
        self.sentence_starts.push(self.tokens)?;
        self.document_starts.push(self.sentences)?;
        self.file_starts.push(self.documents)?;
        self.sentence_starts.copy_to(&mut self.out)?;
        self.document_starts.copy_to(&mut self.out)?;
        self.file_starts.copy_to(&mut self.out)?;
        for number in [self.tokens, self.sentences, self.documents, self.files] {
            self.out.write_all(&number.to_le_bytes())?;
        }
        self.out.write_all(&text_digest.0)?;
        let checksum = self.out.checksum.finish();
        self.out.out.write_all(&checksum.0)
    }
}

/// A writer that computes the checksum of all bytes written.
struct Checked<'w> {
    out: &'w mut dyn Write,
    checksum: Sha256,
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

/// The numbers of a later section, collected in memory or in a file without a name.
enum Spill {
    Memory(Vec<u8>),
    File(BufWriter<UnnamedFile>),
}

impl Spill {
    /// Creates three files on the file system of `directory`.
    fn files(directory: &Path) -> Result<[Self; 3], FileError> {
        let file = || {
            let file = UnnamedFile::new(directory)?;
            Ok(Self::File(BufWriter::with_capacity(1 << 16, file)))
        };
        Ok([file()?, file()?, file()?])
    }

    /// Appends a number.
    fn push(&mut self, number: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.write_all(&number.to_le_bytes()),
            Self::File(file) => file.write_all(&number.to_le_bytes()),
        }
    }

    /// Writes all numbers to `out`.
    fn copy_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => out.write_all(bytes),
            Self::File(file) => {
                file.flush()?;
                let mut file = file.get_ref().file();
                file.rewind()?;
                io::copy(&mut file, out).map(drop)
            }
        }
    }
}
