//! One text of a corpus, a file, standard input or a string: its format, and how it is opened.
//!
//! The name decides the format: `.jsonl` and `.ndjson` (in any case) are JSON Lines, everything else is
//! plain text; `.gz` after it is gzip. Standard input and `.json` files are judged by their first line.
//!
//! Lines end at LF or CRLF. A text whose first 64 KiB hold a CR and no LF has the line ends of a classic
//! Mac: there a CR ends a line. In every other text a CR is white space, as for Google's script, which
//! reads lines that end in LF. U+0085, U+2028 and U+2029 never end a line, as in Python's universal newlines.

use super::error::DataError;
use super::sentences::SAMPLE_BYTES;
use super::spool::{GZIP_MAGIC, Spool};
use super::text_field::text_field;
use crate::system::files::FileError;
use flate2::bufread::MultiGzDecoder;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

const BUFFER_BYTES: usize = 1 << 18;

/// The longest first line, in bytes, that is looked at to judge a format: 64 MiB.
const LONGEST_FIRST_LINE: u64 = 64 << 20;

/// What a text consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFormat {
    /// Documents separated by blank lines.
    Plain,
    /// One JSON object on each line, with the document in the field `text`.
    JsonLines,
}

/// What the name of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NamedFormat {
    /// `None` for an extension that is not one of text.
    pub(super) format: Option<TextFormat>,
    /// Whether the extension is `.json`: one value over many lines, or JSON Lines.
    pub(super) is_json: bool,
    /// Whether the name ends in `.gz`.
    pub(super) compressed: bool,
}

impl NamedFormat {
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, compressed) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let extension = Path::new(name).extension().unwrap_or_default();
        let format = match extension.to_str() {
            Some("txt") => Some(TextFormat::Plain),
            Some("jsonl" | "ndjson") => Some(TextFormat::JsonLines),
            _ => None,
        };
        Self { format, is_json: extension == "json", compressed }
    }
}

/// One text of a corpus. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct TextFile {
    /// The path of a file, or the name of another text, for messages.
    pub(super) name: PathBuf,
    pub(super) format: TextFormat,
    compressed: bool,
    content: Content,
    /// What its first 64 KiB showed when it was last opened.
    line_ends: Arc<OnceLock<LineEnds>>,
}

/// How the lines of a text end, as its first 64 KiB show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineEnds {
    /// In LF or CRLF, or there is one line.
    Usual,
    /// In CR alone.
    Classic,
    /// In none, but there are U+0085, U+2028 or U+2029.
    Separators,
}

impl LineEnds {
    fn of(head: &[u8]) -> Self {
        let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
        if head.contains(&b'\n') {
            Self::Usual
        } else if head.contains(&b'\r') {
            Self::Classic
        } else if ["\u{85}", "\u{2028}", "\u{2029}"].iter().any(|text| has(text.as_bytes())) {
            Self::Separators
        } else {
            Self::Usual
        }
    }
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum Content {
    /// In the file called `name`.
    File,
    /// Text that the caller gave.
    Text(Arc<Cow<'static, str>>),
    /// What standard input held.
    Spool(Arc<Spool>),
}

impl TextFile {
    /// A regular file. Any name that is not one of JSON Lines means plain text.
    ///
    /// # Errors
    /// [`DataError::Json`] for a `.json` file that is not JSON Lines; an error of reading its first line.
    pub(super) fn from_path(path: &Path) -> Result<Self, DataError> {
        let NamedFormat { format, is_json, compressed } = NamedFormat::of(path);
        let format = format.unwrap_or(TextFormat::Plain);
        let (content, line_ends) = (Content::File, Arc::default());
        let file = Self { name: path.into(), format, compressed, content, line_ends };
        match is_json {
            false => Ok(file),
            true if file.begins_as_json_lines()? => {
                Ok(Self { format: TextFormat::JsonLines, ..file })
            }
            true => Err(DataError::Json(file.name)),
        }
    }

    /// A file whose name says nothing but whether it is compressed: plain text, until someone knows better.
    pub(super) fn of_any_name(path: &Path) -> Self {
        let NamedFormat { compressed, .. } = NamedFormat::of(path);
        let (format, content, line_ends) = (TextFormat::Plain, Content::File, Arc::default());
        Self { name: path.into(), format, compressed, content, line_ends }
    }

    /// Text in memory.
    pub(super) fn from_text(name: String, text: Cow<'static, str>) -> Self {
        let content = Content::Text(Arc::new(text));
        let (format, line_ends) = (TextFormat::Plain, Arc::default());
        Self { name: name.into(), format, compressed: false, content, line_ends }
    }

    /// What standard input held.
    ///
    /// # Errors
    /// [`DataError::Damaged`] when it begins like a gzip file and is none.
    pub(super) fn from_spool(spool: Spool) -> Result<Self, DataError> {
        let compressed = spool.is_gzip();
        let (name, content) = ("standard input".into(), Content::Spool(Arc::new(spool)));
        let (format, line_ends) = (TextFormat::Plain, Arc::default());
        let file = Self { name, format, compressed, content, line_ends };
        match file.begins_as_json_lines()? {
            true => Ok(Self { format: TextFormat::JsonLines, ..file }),
            false => Ok(file),
        }
    }

    /// Whether it is a file or standard input, not text that the caller gave.
    pub(super) fn is_file(&self) -> bool {
        !matches!(self.content, Content::Text(_))
    }

    /// Whether `name` is a path.
    pub(super) fn is_path(&self) -> bool {
        matches!(self.content, Content::File)
    }

    /// How its lines end; usual until it is opened, and in JSON Lines, which escape what ends a line.
    pub(super) fn line_ends(&self) -> LineEnds {
        match self.format {
            TextFormat::Plain => self.line_ends.get().copied().unwrap_or(LineEnds::Usual),
            TextFormat::JsonLines => LineEnds::Usual,
        }
    }

    /// Whether it is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The size in bytes, compressed if the file is. A file whose size cannot be read counts as 0.
    pub(super) fn bytes(&self) -> u64 {
        match &self.content {
            Content::File => self.name.metadata().map_or(0, |metadata| metadata.len()),
            Content::Text(text) => text.len() as u64,
            Content::Spool(spool) => spool.bytes().len() as u64,
        }
    }

    /// Whether the first line that is not blank is a JSON object with a text.
    fn begins_as_json_lines(&self) -> Result<bool, DataError> {
        Ok(self.first_line()?.is_some_and(|line| text_field(&line).is_ok()))
    }

    /// The first line that is not blank, or its beginning if it is very long.
    pub(super) fn first_line(&self) -> Result<Option<String>, DataError> {
        let mut text = self.open()?;
        let (mut line, mut left) = (Vec::new(), LONGEST_FIRST_LINE);
        while line.trim_ascii().is_empty() {
            line.clear();
            let read = text.reader.by_ref().take(left).read_until(b'\n', &mut line);
            match read.map_err(|error| self.read_error(error))? {
                0 => return Ok(None),
                read => left -= read as u64,
            }
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Opens the text at its beginning, decompressed.
    ///
    /// # Errors
    /// [`DataError::File`] when it cannot be opened; [`DataError::Damaged`] for a damaged gzip file;
    /// [`DataError::Misnamed`] for one that is not called one.
    pub(super) fn open(&self) -> Result<OpenText<'_>, DataError> {
        let raw: Box<dyn Read + Send + '_> = match &self.content {
            Content::File => {
                let file = File::open(&self.name);
                Box::new(file.map_err(|error| FileError::io("open", &self.name, error))?)
            }
            Content::Text(text) => Box::new(text.as_bytes()),
            Content::Spool(spool) => Box::new(spool.bytes()),
        };
        let mut raw_bytes = None;
        let mut reader: Box<dyn BufRead + Send + '_> = if self.compressed {
            let count = Arc::new(AtomicU64::new(0));
            raw_bytes = Some(Arc::clone(&count));
            let raw = BufReader::with_capacity(BUFFER_BYTES, Counted { reader: raw, count });
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, raw))
        };
        let mut head = Vec::new();
        let read = reader.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut head);
        read.map_err(|error| self.read_error(error))?;
        if self.is_path() && !self.compressed && head.starts_with(&GZIP_MAGIC) {
            return Err(DataError::Misnamed(self.name.clone()));
        }
        let line_ends = *self.line_ends.get_or_init(|| LineEnds::of(&head));
        let reader = Cursor::new(head).chain(reader);
        let reader: Box<dyn BufRead + Send + '_> = match line_ends == LineEnds::Classic {
            true => Box::new(CarriageReturns { reader, buffer: Vec::new(), at: 0 }),
            false => Box::new(reader),
        };
        Ok(OpenText { file: self, reader, raw_bytes })
    }

    /// The error of a read that failed.
    pub(super) fn read_error(&self, error: io::Error) -> DataError {
        DataError::read(&self.name, self.compressed, error)
    }
}

/// A text being read.
pub(super) struct OpenText<'c> {
    pub(super) file: &'c TextFile,
    /// The decompressed text; lines end in LF.
    pub(super) reader: Box<dyn BufRead + Send + 'c>,
    /// The bytes read of a compressed file.
    raw_bytes: Option<Arc<AtomicU64>>,
}

impl OpenText<'_> {
    /// How far the file is read, in bytes of the file, when `text_bytes` of its text are.
    pub(super) fn done(&self, text_bytes: u64) -> u64 {
        self.raw_bytes.as_ref().map_or(text_bytes, |bytes| bytes.load(Relaxed))
    }
}

/// Counts the bytes that are read.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Reads CR as LF, unless a LF follows. The number of bytes does not change, so that positions in messages
/// are those of the file.
struct CarriageReturns<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
}

impl<R: BufRead> BufRead for CarriageReturns<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.buffer.extend_from_slice(self.reader.fill_buf()?);
            self.at = 0;
            self.reader.consume(self.buffer.len());
            // The byte after the last one decides too.
            let mut next = match self.buffer.last() {
                Some(b'\r') => self.reader.fill_buf()?.first().copied(),
                _ => None,
            };
            for byte in self.buffer.iter_mut().rev() {
                let this = *byte;
                if this == b'\r' && next != Some(b'\n') {
                    *byte = b'\n';
                }
                next = Some(this);
            }
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

impl<R: BufRead> Read for CarriageReturns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_format() {
        use TextFormat::{JsonLines, Plain};
        for (name, format, is_json, compressed) in [
            ("a.txt", Some(Plain), false, false),
            ("a.TXT.GZ", Some(Plain), false, true),
            ("a.jsonl", Some(JsonLines), false, false),
            ("d/a.JSONL", Some(JsonLines), false, false),
            ("a.ndjson.gz", Some(JsonLines), false, true),
            ("a.json", None, true, false),
            ("a.csv", None, false, false),
            ("txt", None, false, false),
        ] {
            let named = NamedFormat { format, is_json, compressed };
            assert_eq!(NamedFormat::of(Path::new(name)), named, "{name}");
        }
    }

    #[test]
    fn the_beginning_shows_how_lines_end() {
        use LineEnds::{Classic, Separators, Usual};
        for (text, expected) in [
            ("", Usual),
            ("one line", Usual),
            ("a\nb\u{2028}c\r", Usual),
            ("a\r\nb", Usual),
            ("a\rb\u{85}", Classic),
            ("a\u{85}b", Separators),
            ("a\u{2028}", Separators),
            ("\u{2029}a", Separators),
            ("a\u{202a}\u{a8}", Usual),
        ] {
            assert_eq!(LineEnds::of(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_carriage_return_ends_a_line_wherever_the_buffer_ends() {
        let text = "a\rb\r\nc\r\r\n\rd\r";
        for capacity in 1..text.len() + 1 {
            let reader = BufReader::with_capacity(capacity, text.as_bytes());
            let mut read = String::new();
            let mut lines = CarriageReturns { reader, buffer: Vec::new(), at: 0 };
            lines.read_to_string(&mut read).unwrap();
            assert_eq!(read, "a\nb\r\nc\n\r\n\nd\n", "{capacity}");
        }
    }
}
