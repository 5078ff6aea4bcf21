//! Text files in chunks: one thread cuts, all threads make sentences of what was cut.
//!
//! A chunk is some whole lines of one file. Where it is cut depends on the text alone, so neither the
//! threads nor the size of the corpus reaches the sentences. What is in memory: two groups of chunks
//! (one in work, the next being read), and never less than the longest line.

use super::corpus::{Corpus, InvalidUtf8};
use super::error::DataError;
use super::fingerprint::Fingerprint;
use super::sentences::{Lines, SAMPLE_BYTES};
use crate::system::files::FileError;
use crate::system::threads;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A chunk ends with the first line that reaches this size.
pub(super) const CHUNK_BYTES: usize = 1 << 17;

type Input<'c> = Box<dyn BufRead + Send + 'c>;

/// Some whole lines of one file, as they were read.
pub struct Chunk<'c> {
    path: &'c Path,
    bytes: Vec<u8>,
    /// Bytes and lines of the file before this chunk.
    offset: usize,
    lines_before: usize,
    /// What the lines are; `None` when the chunk is a whole file that nobody has looked at yet.
    lines: Option<Lines>,
    invalid_utf8: InvalidUtf8,
}

/// What a [`Chunk`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// A document, if one is open, ends here. Sentences up to the next boundary belong together, also
    /// across chunks.
    Boundary,
    /// A sentence: trimmed, not empty.
    Sentence(&'t str),
}

impl Corpus {
    /// Runs `map` on every chunk of the text, on all threads, and hands the results to `each` in
    /// order, while the next chunks are read. `progress` is told how many bytes are done. Returns the
    /// fingerprint of what was read ([`Corpus::fingerprint`]).
    ///
    /// # Errors
    /// [`DataError`] of reading; those of `map` and `each`. The first one in the order of the text.
    pub fn map_chunks<T: Send, E: From<DataError> + Send>(
        &self,
        map: impl Fn(&Chunk<'_>) -> Result<T, E> + Sync + Send,
        mut each: impl FnMut(T) -> Result<(), E>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, E> {
        let mut reader = Reader::new(self);
        let mut done = 0;
        let mut group = reader.group()?;
        while !group.is_empty() {
            let (mapped, next) = threads::join(|| threads::map(&group, &map), || reader.group());
            mapped.into_iter().try_for_each(|result| each(result?))?;
            done += group.iter().map(|chunk| chunk.bytes.len() as u64).sum::<u64>();
            progress(done);
            group = next?;
        }
        Ok(reader.fingerprint.finish())
    }
}

impl Chunk<'_> {
    /// Hands the sentences and document boundaries of this chunk to `visit`, in order.
    ///
    /// # Errors
    /// [`DataError`], naming file and line.
    pub fn for_each_part(&self, mut visit: impl FnMut(Part<'_>)) -> Result<(), DataError> {
        let mut text = self.text()?;
        if self.offset == 0 {
            visit(Part::Boundary);
            if text.starts_with('\u{feff}') {
                text = Cow::Owned(text.trim_start_matches('\u{feff}').to_owned());
            }
        }
        let lines = self.lines.unwrap_or_else(|| judge(self.path, &self.bytes));
        if !is_json_lines(self.path) {
            lines.for_each_sentence(&text, |part| {
                visit(part.map_or(Part::Boundary, Part::Sentence))
            });
            return Ok(());
        }
        for (line, number) in text.split('\n').zip(self.lines_before as u64 + 1..) {
            if line.trim().is_empty() {
                continue;
            }
            let document = text_field(line).map_err(|message| DataError::Line {
                path: self.path.to_path_buf(),
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

    fn text(&self) -> Result<Cow<'_, str>, DataError> {
        match (std::str::from_utf8(&self.bytes), self.invalid_utf8) {
            (Ok(text), _) => Ok(text.into()),
            (Err(_), InvalidUtf8::Replace) => Ok(String::from_utf8_lossy(&self.bytes)),
            (Err(error), InvalidUtf8::Error) => Err(DataError::NotUtf8 {
                path: self.path.to_path_buf(),
                line: self.lines_before + 1 + line_ends(&self.bytes[..error.valid_up_to()]),
                byte: self.offset + error.valid_up_to(),
            }),
        }
    }
}

/// Cuts the files of a corpus into chunks.
struct Reader<'c> {
    corpus: &'c Corpus,
    /// The file after the open one.
    next_file: usize,
    open: Option<OpenFile<'c>>,
    fingerprint: Fingerprint,
}

struct OpenFile<'c> {
    path: &'c Path,
    reader: Input<'c>,
    offset: usize,
    lines_before: usize,
    lines: Option<Lines>,
}

impl<'c> Reader<'c> {
    fn new(corpus: &'c Corpus) -> Self {
        let mut fingerprint = Fingerprint::new();
        corpus.start_fingerprint(&mut fingerprint);
        Self { corpus, next_file: 0, open: None, fingerprint }
    }

    /// The next chunks, enough to keep every thread busy; none at the end.
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
            let chunk = read.map_err(|error| FileError::io("read", file.path, error))?;
            if chunk.bytes.is_empty() {
                Corpus::end_file(&mut self.fingerprint, file.path, file.offset as u64);
                continue;
            }
            self.fingerprint.update(&chunk.bytes);
            self.open = Some(file);
            return Ok(Some(chunk));
        }
    }

    fn open_next(&mut self) -> Result<Option<OpenFile<'c>>, FileError> {
        let Some((path, reader)) = self.corpus.open(self.next_file)? else { return Ok(None) };
        self.next_file += 1;
        Ok(Some(OpenFile { path, reader, offset: 0, lines_before: 0, lines: None }))
    }
}

impl Corpus {
    /// File number `index` and its name; `None` behind the last.
    pub(super) fn open(&self, index: usize) -> Result<Option<(&Path, Input<'_>)>, FileError> {
        match self {
            Self::Text(name, text) if index == 0 => {
                Ok(Some((Path::new(name), Box::new(text.as_bytes()))))
            }
            Self::Text(..) => Ok(None),
            Self::Files(files, _) => {
                let Some(path) = files.get(index) else { return Ok(None) };
                let file = File::open(path).map_err(|error| FileError::io("open", path, error))?;
                Ok(Some((path, Box::new(BufReader::with_capacity(1 << 18, file)))))
            }
        }
    }
}

impl<'c> OpenFile<'c> {
    /// The next chunk; an empty one at the end of the file.
    fn chunk(&mut self, invalid_utf8: InvalidUtf8) -> io::Result<Chunk<'c>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
        self.reader.read_until(b'\n', &mut bytes)?;
        let at_end = self.reader.fill_buf()?.is_empty();
        // A whole file is judged by the thread that splits it.
        if self.lines.is_none() && !at_end {
            self.lines = Some(judge(self.path, &bytes));
        }
        if self.lines == Some(Lines::Wrapped) && !is_json_lines(self.path) {
            self.finish_paragraph(&mut bytes)?;
        }
        let (offset, lines_before) = (self.offset, self.lines_before);
        self.offset += bytes.len();
        self.lines_before += line_ends(&bytes);
        let (path, lines) = (self.path, self.lines);
        Ok(Chunk { path, bytes, offset, lines_before, lines, invalid_utf8 })
    }

    /// Goes on to a blank line, so that no sentence is torn; in a paragraph that will not end, to a
    /// line that ends a sentence; and if there is none either, to where another chunk is full.
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
            self.reader.read_until(b'\n', &mut line)?;
            bytes.extend_from_slice(&line);
        }
        Ok(())
    }
}

/// The last line with its line end.
fn last_line(bytes: &[u8]) -> &[u8] {
    let before = bytes.len().saturating_sub(1);
    let start = bytes[..before].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    &bytes[start..]
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// Looks at the beginning of a file to see what its lines are.
fn judge(path: &Path, bytes: &[u8]) -> Lines {
    if !is_json_lines(path) {
        return Lines::judge(&sample(bytes));
    }
    // What cannot be parsed is reported when its turn comes.
    let mut text = String::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        if text.len() >= SAMPLE_BYTES {
            break;
        }
        text += &text_field(&String::from_utf8_lossy(line)).unwrap_or_default();
        text.push_str("\n\n");
    }
    Lines::judge(&sample(text.as_bytes()))
}

/// The first [`SAMPLE_BYTES`], without a line that is cut short, unless that is most of it.
fn sample(bytes: &[u8]) -> Cow<'_, str> {
    let Some(sample) = bytes.get(..SAMPLE_BYTES) else { return String::from_utf8_lossy(bytes) };
    let end = sample.iter().rposition(|&byte| byte == b'\n').unwrap_or_default();
    String::from_utf8_lossy(if end > SAMPLE_BYTES / 2 { &sample[..end] } else { sample })
}

/// Whether each line of the file is an object with a text.
pub(super) fn is_json_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

fn text_field(line: &str) -> Result<String, String> {
    let line = line.trim_start_matches('\u{feff}');
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
        format!("not JSON ({error}); each line must be an object with a field \"text\"")
    })?;
    match value {
        serde_json::Value::Object(mut fields) => match fields.swap_remove("text") {
            Some(serde_json::Value::String(text)) => Ok(text),
            Some(_) => Err("the field \"text\" is not a string".into()),
            None => Err("there is no field \"text\"".into()),
        },
        _ => Err("there is no field \"text\"".into()),
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
