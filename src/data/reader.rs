//! Reading text in chunks: one thread reads the files and all threads split the chunks into sentences.
//!
//! A chunk is a number of whole lines of one file. The text alone decides where a chunk ends, so the
//! sentences do not depend on the number of threads. Memory holds two groups of chunks: one being
//! processed, the next being read. A chunk is at least as long as its longest line.

use super::corpus::{Corpus, InvalidUtf8};
use super::error::DataError;
use super::part::Part;
use super::sentences::{Lines, SAMPLE_BYTES};
use super::text_field::{decode, text_field};
use super::text_file::{OpenText, TextFile, TextFormat};
use crate::system::digest::{Digest, Sha256};
use crate::system::threads;
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// A chunk ends with the first line at which it has this many bytes.
pub(super) const CHUNK_BYTES: usize = 1 << 17;

/// A number of whole lines of one file, not decoded yet.
pub struct Chunk<'c> {
    file: &'c TextFile,
    bytes: Vec<u8>,
    /// Bytes of the file read for this chunk: fewer than its text has when the file is compressed.
    file_bytes: u64,
    /// Bytes of the file before this chunk.
    offset: usize,
    /// Lines of the file before this chunk.
    lines_before: usize,
    /// What the lines are; `None` for a chunk that is a whole file, which is judged when it is split.
    lines: Option<Lines>,
    invalid_utf8: InvalidUtf8,
}

impl Corpus {
    /// Runs `map` on every chunk of the text, on all threads, and passes the results to `each` in the
    /// order of the text. `progress` receives the number of bytes done. Returns the digest of the
    /// text, equal to [`Corpus::digest`].
    ///
    /// # Errors
    /// The first error in the order of the text: a [`DataError`] of reading, or an error of `map` or
    /// `each`.
    pub fn map_chunks<T: Send, E: From<DataError> + Send>(
        &self,
        map: impl Fn(&Chunk<'_>) -> Result<T, E> + Sync + Send,
        mut each: impl FnMut(T) -> Result<(), E>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Digest, E> {
        let mut reader = Reader::new(self);
        let mut done = 0;
        let mut group = reader.group()?;
        while !group.is_empty() {
            let (mapped, next) = threads::join(|| threads::map(&group, &map), || reader.group());
            mapped.into_iter().try_for_each(|result| each(result?))?;
            done += group.iter().map(|chunk| chunk.file_bytes).sum::<u64>();
            progress(done);
            group = next?;
        }
        Ok(reader.digest.finish())
    }
}

impl Chunk<'_> {
    /// Whether this is the first chunk of its file.
    pub(super) fn begins_file(&self) -> bool {
        self.offset == 0
    }

    /// Calls `visit` for each sentence and each document boundary of this chunk, in order.
    ///
    /// # Errors
    /// [`DataError::NotUtf8`] or [`DataError::Line`], which name the file and the line.
    pub fn for_each_part(&self, mut visit: impl FnMut(Part<'_>)) -> Result<(), DataError> {
        let mut text = self.text()?;
        if self.begins_file() {
            visit(Part::Boundary);
            if text.starts_with('\u{feff}') {
                text = Cow::Owned(text.trim_start_matches('\u{feff}').to_owned());
            }
        }
        let lines = self.lines.unwrap_or_else(|| judge(self.file, &self.bytes));
        if self.file.format == TextFormat::Plain {
            lines.for_each_sentence(&text, |part| {
                visit(part.map_or(Part::Boundary, Part::Sentence))
            });
            return Ok(());
        }
        for (line, number) in text.split('\n').zip(self.lines_before as u64 + 1..) {
            if line.trim().is_empty() {
                continue;
            }
            let replace = self.invalid_utf8 == InvalidUtf8::Replace;
            let document = text_field(line).and_then(|text| decode(text, "text", replace));
            let document = document.map_err(|message| DataError::Line {
                path: self.file.name.clone(),
                line: number,
                message,
            })?;
            visit(Part::Boundary);
            // Blank lines inside a text separate paragraphs, not documents.
            lines.for_each_sentence(&document, |part| {
                part.map(Part::Sentence).into_iter().for_each(&mut visit);
            });
        }
        Ok(())
    }

    /// The text of the chunk.
    fn text(&self) -> Result<Cow<'_, str>, DataError> {
        match (std::str::from_utf8(&self.bytes), self.invalid_utf8) {
            (Ok(text), _) => Ok(text.into()),
            (Err(_), InvalidUtf8::Replace) => Ok(String::from_utf8_lossy(&self.bytes)),
            (Err(error), InvalidUtf8::Error) => Err(DataError::NotUtf8 {
                path: self.file.name.clone(),
                line: self.lines_before + 1 + line_ends(&self.bytes[..error.valid_up_to()]),
                byte: self.offset + error.valid_up_to(),
            }),
        }
    }
}

/// Cuts the files of a corpus into chunks.
struct Reader<'c> {
    corpus: &'c Corpus,
    /// The number of the file after the open one.
    next_file: usize,
    open: Option<OpenFile<'c>>,
    digest: Sha256,
}

/// A file being read; the fields are those of the next [`Chunk`].
struct OpenFile<'c> {
    text: OpenText<'c>,
    offset: usize,
    /// [`OpenText::done`] before the chunk.
    done: u64,
    lines_before: usize,
    lines: Option<Lines>,
}

impl<'c> Reader<'c> {
    fn new(corpus: &'c Corpus) -> Self {
        Self { corpus, next_file: 0, open: None, digest: corpus.new_digest() }
    }

    /// The next chunks, enough to keep every thread busy; empty at the end of the corpus.
    fn group(&mut self) -> Result<Vec<Chunk<'c>>, DataError> {
        let enough = 8 * threads::count();
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        while bytes < enough * CHUNK_BYTES && chunks.len() < 64 * enough {
            let Some(chunk) = self.chunk()? else { break };
            bytes += chunk.bytes.len();
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// The next chunk; `None` at the end of the corpus.
    fn chunk(&mut self) -> Result<Option<Chunk<'c>>, DataError> {
        loop {
            let mut file = match self.open.take() {
                Some(file) => file,
                None => match self.open_next()? {
                    Some(file) => file,
                    None => return Ok(None),
                },
            };
            let read = file.chunk(self.corpus.invalid_utf8());
            let chunk = read.map_err(|error| file.text.file.read_error(error))?;
            if chunk.bytes.is_empty() {
                Corpus::end_file(&mut self.digest, file.text.file, file.offset as u64);
                continue;
            }
            self.digest.update(&chunk.bytes);
            self.open = Some(file);
            return Ok(Some(chunk));
        }
    }

    /// Opens the next file; `None` after the last.
    fn open_next(&mut self) -> Result<Option<OpenFile<'c>>, DataError> {
        let Some(text) = self.corpus.open(self.next_file)? else { return Ok(None) };
        self.next_file += 1;
        Ok(Some(OpenFile { text, offset: 0, done: 0, lines_before: 0, lines: None }))
    }
}

impl<'c> OpenFile<'c> {
    /// The next chunk; an empty one at the end of the file.
    fn chunk(&mut self, invalid_utf8: InvalidUtf8) -> io::Result<Chunk<'c>> {
        let file = self.text.file;
        let mut bytes = Vec::new();
        self.text.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
        self.text.reader.read_until(b'\n', &mut bytes)?;
        let at_end = self.text.reader.fill_buf()?.is_empty();
        // A file of one chunk is judged by the thread that splits it.
        if self.lines.is_none() && !at_end {
            self.lines = Some(judge(file, &bytes));
        }
        if self.lines == Some(Lines::Wrapped) && file.format == TextFormat::Plain {
            self.finish_paragraph(&mut bytes)?;
        }
        let (offset, lines_before, before) = (self.offset, self.lines_before, self.done);
        self.offset += bytes.len();
        self.lines_before += line_ends(&bytes);
        self.done = self.text.done(self.offset as u64);
        let (lines, file_bytes) = (self.lines, self.done - before);
        Ok(Chunk { file, bytes, file_bytes, offset, lines_before, lines, invalid_utf8 })
    }

    /// Extends `bytes` to the next blank line, so that no sentence is cut. A paragraph of more than two
    /// chunks is cut after a line that ends a sentence; one of more than four after any line.
    fn finish_paragraph(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut line = last_line(bytes).to_vec();
        while !line.is_empty() && !line.trim_ascii().is_empty() {
            let text = line.trim_ascii_end();
            let ends =
                [".", "!", "?", "。", "！", "？"].iter().any(|end| text.ends_with(end.as_bytes()));
            if bytes.len() >= 4 * CHUNK_BYTES || bytes.len() >= 2 * CHUNK_BYTES && ends {
                break;
            }
            line.clear();
            self.text.reader.read_until(b'\n', &mut line)?;
            bytes.extend_from_slice(&line);
        }
        Ok(())
    }
}

/// The last line, with its line end.
fn last_line(bytes: &[u8]) -> &[u8] {
    let before = bytes.len().saturating_sub(1);
    let start = bytes[..before].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    &bytes[start..]
}

/// The number of line feeds.
fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// Decides from the beginning of a file what its lines are.
fn judge(file: &TextFile, bytes: &[u8]) -> Lines {
    if file.format == TextFormat::Plain {
        return Lines::judge(&sample(bytes));
    }
    // A line that cannot be parsed is reported when its chunk is split.
    let mut text = String::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        if text.len() >= SAMPLE_BYTES {
            break;
        }
        let document = text_field(&String::from_utf8_lossy(line));
        text += &document.and_then(|text| decode(text, "text", true)).unwrap_or_default();
        text.push_str("\n\n");
    }
    Lines::judge(&sample(text.as_bytes()))
}

/// The first [`SAMPLE_BYTES`], without the incomplete last line unless that line is most of them.
fn sample(bytes: &[u8]) -> Cow<'_, str> {
    let Some(sample) = bytes.get(..SAMPLE_BYTES) else { return String::from_utf8_lossy(bytes) };
    let end = sample.iter().rposition(|&byte| byte == b'\n').unwrap_or_default();
    String::from_utf8_lossy(if end > SAMPLE_BYTES / 2 { &sample[..end] } else { sample })
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
