//! The text: which files are read, and what is done about invalid UTF-8.
//!
//! A `.txt` file holds documents separated by blank lines. A `.jsonl` file holds one document per
//! line, in the field `text`. [`Lines`](super::sentences::Lines) decides once per file how its lines
//! become sentences, and [`reader`](super::reader) reads the files.

use super::error::DataError;
use super::outputs::Outputs;
use crate::system::digest::{Digest, Sha256};
use crate::system::files::FileError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file of a corpus, or its text in memory.
pub(super) type TextReader<'c> = Box<dyn BufRead + Send + 'c>;

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
    source: Source,
    invalid_utf8: InvalidUtf8,
    passed_over: Arc<[PathBuf]>,
}

/// Where the text comes from.
#[derive(Clone, Debug)]
enum Source {
    /// Files, in order.
    Files(Arc<[PathBuf]>),
    /// Text in memory, read like a `.txt` file.
    Text { name: Arc<str>, text: Arc<Cow<'static, str>> },
}

impl Corpus {
    /// Text in memory, read like a `.txt` file: documents are separated by blank lines. `name` stands
    /// for the text in messages.
    pub fn from_text(name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Self {
        let source = Source::Text { name: name.into().into(), text: Arc::new(text.into()) };
        Self { source, invalid_utf8: InvalidUtf8::default(), passed_over: Arc::new([]) }
    }

    /// The files of `inputs`. An input is a file, a directory (all `.txt` and `.jsonl` files in it, at
    /// any depth, sorted by name) or a pattern such as `texts/*.txt` (all matches, sorted by name). A
    /// file named twice is read twice. Run directories are passed over: a directory with a `run.json`, or
    /// with `model.safetensors` and `config.json`.
    ///
    /// # Errors
    /// [`DataError::NoFile`] for an input that matches nothing, [`DataError::OnlyOutput`] for one that
    /// matches run directories only, [`DataError::NotAFile`] for a pipe or device, [`DataError::Pattern`]
    /// for an invalid pattern, [`DataError::File`] for a directory that cannot be read.
    pub fn from_inputs(inputs: &[String]) -> Result<Self, DataError> {
        Self::from_inputs_without(inputs, &[])
    }

    /// [`Corpus::from_inputs`], also without `outputs`: the files and directories that the same command
    /// writes, or reads as something else than text. [`Corpus::passed_over`] names the ones that were found.
    ///
    /// # Errors
    /// As [`Corpus::from_inputs`]; [`DataError::OnlyOutput`] also for an input that is one of `outputs`.
    pub fn from_inputs_without(inputs: &[String], outputs: &[&Path]) -> Result<Self, DataError> {
        let mut files = Vec::new();
        let mut outputs = Outputs::new(outputs);
        for input in inputs {
            let before = (files.len(), outputs.passed_over.len());
            let path = Path::new(input);
            if path.exists() {
                add(path, &mut files, &mut outputs)?;
            } else {
                let matches = glob::glob(input).map_err(|error| DataError::Pattern {
                    pattern: input.clone(),
                    message: error.to_string(),
                })?;
                for found in matches {
                    let found = found.map_err(|error| {
                        let path = error.path().to_path_buf();
                        FileError::io("read", &path, error.into())
                    })?;
                    if !outputs.hold_part_of(&found) {
                        add(&found, &mut files, &mut outputs)?;
                    }
                }
            }
            if files.len() == before.0 {
                return Err(match outputs.passed_over.len() == before.1 {
                    true => DataError::NoFile(input.clone()),
                    false => DataError::OnlyOutput(input.clone()),
                });
            }
        }
        // Text is read more than once; a pipe would be empty the second time.
        match files.iter().find(|path| path.exists() && !path.is_file()) {
            Some(path) => Err(DataError::NotAFile(path.clone())),
            None => Ok(Self {
                source: Source::Files(files.into()),
                invalid_utf8: InvalidUtf8::default(),
                passed_over: outputs.passed_over.into(),
            }),
        }
    }

    /// A line that names the files and directories among the inputs that are not read because `cloze`
    /// writes them; `None` when there are none.
    pub fn passed_over(&self) -> Option<String> {
        let paths = self.passed_over.iter().map(|path| format!("`{}`", path.display()));
        let names = paths.collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("not read as text, because cloze writes it: {names}"))
    }

    /// The name of the corpus in messages.
    pub fn name(&self) -> String {
        match &self.source {
            Source::Text { name, .. } => name.to_string(),
            Source::Files(files) => match &**files {
                [file] => format!("`{}`", file.display()),
                files => format!("the text of {} files", files.len()),
            },
        }
    }

    /// The number of files; 0 for text in memory.
    pub fn files(&self) -> usize {
        match &self.source {
            Source::Text { .. } => 0,
            Source::Files(files) => files.len(),
        }
    }

    /// The same text, read with `invalid_utf8`. Text in memory is always valid.
    #[must_use]
    pub fn with_invalid_utf8(self, invalid_utf8: InvalidUtf8) -> Self {
        match self.source {
            Source::Files(_) => Self { invalid_utf8, ..self },
            Source::Text { .. } => self,
        }
    }

    /// What is done about bytes that are not UTF-8.
    pub fn invalid_utf8(&self) -> InvalidUtf8 {
        self.invalid_utf8
    }

    /// The size of the text in bytes. A file whose size cannot be read counts as 0.
    pub fn bytes(&self) -> u64 {
        match &self.source {
            Source::Files(files) => {
                files.iter().map(|path| path.metadata().map_or(0, |metadata| metadata.len())).sum()
            }
            Source::Text { text, .. } => text.len() as u64,
        }
    }

    /// A digest of everything that decides which sentences the text becomes: the bytes of all files,
    /// their formats, the handling of invalid UTF-8 and the version of this crate. File names and
    /// dates do not matter. Reads all files; `progress` receives the number of bytes read so far.
    ///
    /// # Errors
    /// [`DataError::File`] when a file cannot be read.
    pub fn digest(&self, progress: &mut dyn FnMut(u64)) -> Result<Digest, DataError> {
        let mut digest = self.new_digest();
        let mut done = 0;
        for index in 0.. {
            let Some((path, mut reader)) = self.open(index)? else { break };
            let mut length = 0;
            loop {
                let bytes =
                    reader.fill_buf().map_err(|error| FileError::io("read", path, error))?;
                if bytes.is_empty() {
                    break;
                }
                digest.update(bytes);
                length += bytes.len();
                let read = bytes.len();
                reader.consume(read);
                progress(done + length as u64);
            }
            done += length as u64;
            Self::end_file(&mut digest, path, length as u64);
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

    /// Adds the end of a file of `length` bytes to the digest.
    pub(super) fn end_file(digest: &mut Sha256, path: &Path, length: u64) {
        digest.update(&length.to_le_bytes());
        digest.update(&[is_json_lines(path).into()]);
    }

    /// Opens file number `index`; returns it with its path, or `None` after the last file.
    pub(super) fn open(&self, index: usize) -> Result<Option<(&Path, TextReader<'_>)>, FileError> {
        match &self.source {
            Source::Text { name, text } if index == 0 => {
                Ok(Some((Path::new(&**name), Box::new(text.as_bytes()))))
            }
            Source::Text { .. } => Ok(None),
            Source::Files(files) => {
                let Some(path) = files.get(index) else { return Ok(None) };
                let file = File::open(path).map_err(|error| FileError::io("open", path, error))?;
                Ok(Some((path, Box::new(BufReader::with_capacity(1 << 18, file)))))
            }
        }
    }
}

/// Whether each line of the file is a JSON object with a text.
pub(super) fn is_json_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Appends a file, or the `.txt` and `.jsonl` files in a directory, at any depth, sorted by name; no output.
fn add(path: &Path, files: &mut Vec<PathBuf>, outputs: &mut Outputs) -> Result<(), DataError> {
    if outputs.hold(path) {
        return Ok(());
    }
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let read = |error| FileError::io("read directory", path, error);
    let mut entries = Vec::new();
    for entry in path.read_dir().map_err(read)? {
        entries.push(entry.map_err(read)?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links to directories are not followed: they could form a cycle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add(&path, files, outputs)?;
        } else if path.extension().is_some_and(|e| e == "txt" || e == "jsonl")
            && !outputs.hold(&path)
        {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(
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
            let (directory, corpus) = corpus(&[(name, bytes)], name);
            (corpus.unwrap().digest(&mut |_| {}).unwrap(), directory)
        };
        let text = of("a.txt", b"One.\nTwo.").0;
        assert_eq!(of("b.txt", b"One.\nTwo.").0, text);
        assert_ne!(of("a.txt", b"One.\nTwo!").0, text);
        assert_ne!(of("a.jsonl", b"One.\nTwo.").0, text);
        let (_directory, corpus) = corpus(&[("a", b"One.\n"), ("b", b"Two.")], "*");
        let cut = corpus.unwrap();
        assert_ne!(cut.digest(&mut |_| {}).unwrap(), text);
        let replace = cut.clone().with_invalid_utf8(InvalidUtf8::Replace);
        let (cut, replace) = (cut.digest(&mut |_| {}), replace.digest(&mut |_| {}));
        assert_ne!(cut.unwrap(), replace.unwrap());
    }
}
