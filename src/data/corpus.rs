//! The text: which files are read, and what is done about invalid UTF-8.
//!
//! A `.txt` file holds documents separated by blank lines. A `.jsonl` or `.ndjson` file holds one document
//! per line, in the field `text`. Both may be compressed (`.gz`). [`Lines`](super::sentences::Lines) decides
//! once per file how its lines become sentences, and [`reader`](super::reader) reads the files.

use super::error::DataError;
use super::inputs::{Collected, collect};
use super::read_report::{ReadReport, Skipped, notes, passed_over};
use super::text_file::{OpenText, TextFile, TextFormat};
use crate::system::digest::{Digest, Sha256};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

/// What is done about bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// An error that names file, line and byte.
    #[default]
    Error,
    /// Replace each maximal part of a broken character by U+FFFD (Unicode 16.0, section 3.9.6, "U+FFFD
    /// Substitution of Maximal Subparts"), as Python's `errors="replace"` does.
    Replace,
}

/// The text to learn from: files, or text in memory. Cheap to clone.
///
/// ```
/// use cloze::data::Corpus;
///
/// let text: String = ["The fox ran.", "It was quick."].join("\n");
/// let corpus = Corpus::from_text("two sentences", text);
/// assert_eq!(corpus.bytes(), 26);
/// ```
#[derive(Clone, Debug)]
pub struct Corpus {
    files: Arc<[TextFile]>,
    invalid_utf8: InvalidUtf8,
    skipped: Arc<[Skipped]>,
}

impl Corpus {
    /// Text in memory, read like a `.txt` file: documents are separated by blank lines. `name` stands
    /// for the text in messages.
    pub fn from_text(name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            files: Arc::new([TextFile::from_text(name.into(), text.into())]),
            invalid_utf8: InvalidUtf8::default(),
            skipped: Arc::new([]),
        }
    }

    /// The files of `inputs`. An input is a file; a directory (its files `.txt`, `.jsonl` and `.ndjson`, in
    /// any case, also with `.gz` after it, at any depth, sorted by name); a pattern such as `texts/*.txt`
    /// (all matches, sorted by name); or `-`, standard input, which is read to its end at once and kept. Links
    /// are followed.
    ///
    /// The name decides the format: `.jsonl` and `.ndjson` are JSON Lines, all other names plain text. A
    /// `.json` file is JSON Lines if its first line is an object with a field `text`, otherwise an error.
    /// Standard input is JSON Lines on the same condition, otherwise plain text; it may be compressed.
    ///
    /// The same real file is read once, whatever its names are. Passed over are hidden files and directories
    /// that are not named themselves, files of a directory with another extension, links that lead nowhere,
    /// run directories (a directory with a `run.json`, or with `model.safetensors` and `config.json`), and
    /// vocabularies and instances that `cloze` has written.
    /// [`Corpus::passed_over`] names them.
    ///
    /// # Errors
    /// [`DataError::NoFile`] for an input that matches nothing, [`DataError::OnlyOutput`] for one that
    /// matches run directories only, [`DataError::NotAFile`] for a pipe or device, [`DataError::Json`] for a
    /// `.json` file that is not JSON Lines, [`DataError::Pattern`] for an invalid pattern,
    /// [`DataError::StandardInputEmpty`] and [`DataError::StandardInputAgain`] for `-`,
    /// [`DataError::File`] for a file or directory that cannot be read.
    pub fn from_inputs(inputs: &[String]) -> Result<Self, DataError> {
        Self::from_inputs_without(inputs, &[])
    }

    /// [`Corpus::from_inputs`], also without `outputs`: the files and directories that the same command
    /// writes, or reads as something else than text.
    ///
    /// # Errors
    /// As [`Corpus::from_inputs`]; [`DataError::OnlyOutput`] also for an input that is one of `outputs`.
    pub fn from_inputs_without(inputs: &[String], outputs: &[&Path]) -> Result<Self, DataError> {
        let Collected { files, skipped } = collect(inputs, outputs)?;
        let (files, skipped) = (files.into(), skipped.into());
        Ok(Self { files, invalid_utf8: InvalidUtf8::default(), skipped })
    }

    /// A line that names what was found among the inputs and is not read, and why; `None` when there is
    /// nothing.
    pub fn passed_over(&self) -> Option<String> {
        passed_over(&self.skipped)
    }

    /// What was read, once `documents` and `sentences` are counted.
    pub fn read_report(&self, documents: u64, sentences: u64) -> ReadReport {
        let files = self.files.iter().filter(|file| file.is_file()).count() as u64;
        let (name, bytes, skipped) = (self.name(), self.bytes(), self.skipped.to_vec());
        let notes = notes(&self.files, documents);
        ReadReport { name, files, documents, sentences, bytes, notes, skipped }
    }

    /// The name of the corpus in messages.
    pub fn name(&self) -> String {
        match &*self.files {
            [file] if file.is_path() => format!("`{}`", file.name.display()),
            [file] => file.name.display().to_string(),
            files => format!("the text of {} files", files.len()),
        }
    }

    /// The same text, read with `invalid_utf8`. Text in memory is always valid.
    #[must_use]
    pub fn with_invalid_utf8(self, invalid_utf8: InvalidUtf8) -> Self {
        match self.files.iter().any(TextFile::is_file) {
            true => Self { invalid_utf8, ..self },
            false => self,
        }
    }

    /// What is done about bytes that are not UTF-8.
    pub fn invalid_utf8(&self) -> InvalidUtf8 {
        self.invalid_utf8
    }

    /// The size of the text in bytes, compressed files as they are. A file whose size cannot be read counts
    /// as 0.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(TextFile::bytes).sum()
    }

    /// The most bytes that the decompressed text can have.
    pub(super) fn most_text_bytes(&self) -> u64 {
        // Deflate makes text at most 1032 times smaller (https://zlib.net/zlib_tech.html).
        let most = |file: &TextFile| file.bytes() * if file.is_compressed() { 1032 } else { 1 };
        self.files.iter().map(most).sum()
    }

    /// A digest of everything that decides which sentences the text becomes: the (decompressed) text of all
    /// files, their formats, the handling of invalid UTF-8 and the version of this crate. File names and
    /// dates do not matter. Reads all files; `progress` receives the number of bytes read so far.
    ///
    /// # Errors
    /// [`DataError::File`] when a file cannot be read, [`DataError::Damaged`] for a damaged gzip file.
    pub fn digest(&self, progress: &mut dyn FnMut(u64)) -> Result<Digest, DataError> {
        let mut digest = self.new_digest();
        let mut done = 0;
        for index in 0.. {
            let Some(mut text) = self.open(index)? else { break };
            let mut length = 0;
            loop {
                let bytes = text.reader.fill_buf().map_err(|error| text.file.read_error(error))?;
                if bytes.is_empty() {
                    break;
                }
                digest.update(bytes);
                length += bytes.len() as u64;
                let read = bytes.len();
                text.reader.consume(read);
                progress(done + text.done(length));
            }
            done += text.done(length);
            Self::end_file(&mut digest, text.file, length);
        }
        Ok(digest.finish())
    }

    /// The state of the digest before the first file.
    pub(super) fn new_digest(&self) -> Sha256 {
        let mut digest = Sha256::new();
        digest.update_text(env!("CARGO_PKG_VERSION"));
        digest.update(&[(self.invalid_utf8 == InvalidUtf8::Replace).into()]);
        digest
    }

    /// Adds the end of a file with `length` bytes of text to the digest.
    pub(super) fn end_file(digest: &mut Sha256, file: &TextFile, length: u64) {
        digest.update(&length.to_le_bytes());
        digest.update(&[(file.format == TextFormat::JsonLines).into()]);
    }

    /// Opens file number `index`; `None` after the last file.
    pub(super) fn open(&self, index: usize) -> Result<Option<OpenText<'_>>, DataError> {
        self.files.get(index).map(TextFile::open).transpose()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A directory with `files`, and the corpus of `input` in it.
    pub(in crate::data) fn corpus_of(
        files: &[(&str, &[u8])],
        input: &str,
    ) -> (tempfile::TempDir, Result<Corpus, DataError>) {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let input = directory.path().join(input).display().to_string();
        let corpus = Corpus::from_inputs(&[input]);
        (directory, corpus)
    }

    #[test]
    fn the_digest_is_of_the_content() {
        let of = |name: &str, bytes: &[u8]| {
            let (directory, corpus) = corpus_of(&[(name, bytes)], name);
            (corpus.unwrap().digest(&mut |_| {}).unwrap(), directory)
        };
        let text = of("a.txt", b"One.\nTwo.").0;
        assert_eq!(of("b.txt", b"One.\nTwo.").0, text);
        assert_ne!(of("a.txt", b"One.\nTwo!").0, text);
        assert_ne!(of("a.jsonl", b"One.\nTwo.").0, text);
        let (_directory, corpus) = corpus_of(&[("a", b"One.\n"), ("b", b"Two.")], "*");
        let cut = corpus.unwrap();
        assert_ne!(cut.digest(&mut |_| {}).unwrap(), text);
        let replace = cut.clone().with_invalid_utf8(InvalidUtf8::Replace);
        let (cut, replace) = (cut.digest(&mut |_| {}), replace.digest(&mut |_| {}));
        assert_ne!(cut.unwrap(), replace.unwrap());
    }
}
