//! The text: which files, and what is done about bytes that are no text.
//!
//! `.txt`: documents are separated by blank lines. `.jsonl`: one document a line, in the field
//! `text`. How lines become sentences is decided once a file, by its beginning (see
//! [`Lines`](super::sentences::Lines)); [`reader`](super::reader) does the reading.

use super::error::DataError;
use super::fingerprint::Fingerprint;
use super::reader::is_json_lines;
use crate::system::files::FileError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is done about bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// An error names file, line and byte.
    #[default]
    Error,
    /// Each maximal part of a broken character becomes U+FFFD (Unicode 16.0, section 3.9.6, "U+FFFD
    /// Substitution of Maximal Subparts"), as in Python's `errors="replace"`.
    Replace,
}

/// Where text comes from.
#[derive(Clone, Debug)]
pub enum Corpus {
    /// Files, in order.
    Files(Vec<PathBuf>, InvalidUtf8),
    /// Text in memory, with a name for messages.
    Text(&'static str, &'static str),
}

impl Corpus {
    /// Text in memory, with a name for messages.
    pub fn from_text(name: &'static str, text: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        match text.into() {
            std::borrow::Cow::Borrowed(text) => Self::Text(name, text),
            std::borrow::Cow::Owned(text) => Self::Text(name, text.leak()),
        }
    }

    /// The files of `inputs`, each a file, a directory (its `.txt` and `.jsonl` files, at any depth, by
    /// name) or a pattern such as `texts/*.txt` (matches by name). A file that is named twice is read
    /// twice.
    ///
    /// # Errors
    /// [`DataError::NoFile`], [`DataError::NotAFile`], [`DataError::Pattern`].
    pub fn from_inputs(inputs: &[String]) -> Result<Self, DataError> {
        let mut files = Vec::new();
        for input in inputs {
            let before = files.len();
            let path = Path::new(input);
            if path.is_dir() {
                add_directory(path, &mut files)?;
            } else if path.exists() {
                files.push(path.to_path_buf());
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
                    if found.is_dir() {
                        add_directory(&found, &mut files)?;
                    } else {
                        files.push(found);
                    }
                }
            }
            if files.len() == before {
                return Err(DataError::NoFile(input.clone()));
            }
        }
        // A pipe would be empty the second time.
        match files.iter().find(|path| path.exists() && !path.is_file()) {
            Some(path) => Err(DataError::NotAFile(path.clone())),
            None => Ok(Self::Files(files, InvalidUtf8::default())),
        }
    }

    /// The name of the corpus in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Text(name, _) => (*name).into(),
            Self::Files(files, _) => match files.as_slice() {
                [file] => format!("`{}`", file.display()),
                files => format!("the text of {} files", files.len()),
            },
        }
    }

    /// The same text, with this done about bytes that are not UTF-8 (which text in memory has not).
    #[must_use]
    pub fn with_invalid_utf8(self, invalid_utf8: InvalidUtf8) -> Self {
        match self {
            Self::Files(files, _) => Self::Files(files, invalid_utf8),
            text => text,
        }
    }

    /// What is done about bytes that are not UTF-8.
    pub fn invalid_utf8(&self) -> InvalidUtf8 {
        match self {
            Self::Files(_, invalid_utf8) => *invalid_utf8,
            Self::Text(..) => InvalidUtf8::default(),
        }
    }

    /// The size of the text in bytes, as far as the file system knows.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Files(files, _) => {
                files.iter().map(|path| path.metadata().map_or(0, |metadata| metadata.len())).sum()
            }
            Self::Text(_, text) => text.len() as u64,
        }
    }

    /// A fingerprint of the text: of the bytes of all files, and of whatever else decides which
    /// sentences they become (this program's version among it). Names and dates do not matter. Reads
    /// everything; `progress` is told how many bytes are done.
    ///
    /// # Errors
    /// [`DataError::File`].
    pub fn fingerprint(&self, progress: &mut dyn FnMut(u64)) -> Result<u64, DataError> {
        let mut fingerprint = Fingerprint::new();
        self.start_fingerprint(&mut fingerprint);
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
                fingerprint.update(bytes);
                length += bytes.len();
                let read = bytes.len();
                reader.consume(read);
                progress(done + length as u64);
            }
            done += length as u64;
            Self::end_file(&mut fingerprint, path, length as u64);
        }
        Ok(fingerprint.finish())
    }

    /// What comes before the first file in the fingerprint.
    pub(super) fn start_fingerprint(&self, fingerprint: &mut Fingerprint) {
        fingerprint.update_text(env!("CARGO_PKG_VERSION"));
        fingerprint.update(&[(self.invalid_utf8() == InvalidUtf8::Replace).into()]);
    }

    /// What comes after the bytes of each file.
    pub(super) fn end_file(fingerprint: &mut Fingerprint, path: &Path, length: u64) {
        fingerprint.update(&length.to_le_bytes());
        fingerprint.update(&[is_json_lines(path).into()]);
    }
}

/// The `.txt` and `.jsonl` files below a directory, by name.
fn add_directory(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let read = |error| FileError::io("read directory", directory, error);
    let mut entries = Vec::new();
    for entry in directory.read_dir().map_err(read)? {
        entries.push(entry.map_err(read)?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory could lead in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add_directory(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "txt" || e == "jsonl") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::reader::{Chunk, Part};

    fn documents(corpus: &Corpus) -> Result<Vec<Vec<String>>, DataError> {
        let mut documents = vec![Vec::new()];
        let map = |chunk: &Chunk<'_>| {
            let mut parts = Vec::new();
            chunk.for_each_part(|part| {
                parts.push(match part {
                    Part::Boundary => None,
                    Part::Sentence(text) => Some(text.to_owned()),
                });
            })?;
            Ok::<_, DataError>(parts)
        };
        let collect = |parts: Vec<Option<String>>| {
            for part in parts {
                match part {
                    None => documents.push(Vec::new()),
                    Some(text) => documents.last_mut().unwrap().push(text),
                }
            }
            Ok(())
        };
        corpus.map_chunks(map, collect, &mut |_| {})?;
        documents.retain(|document| !document.is_empty());
        Ok(documents)
    }

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
    fn blank_lines_separate_documents_whatever_the_line_ends() {
        let text = "\u{feff}A cat sat.\r\nA dog ran.\r\n\r\n \r\nA hen slept.".as_bytes();
        let (_directory, corpus) = corpus(&[("a.txt", text)], "a.txt");
        let expected = [vec!["A cat sat.", "A dog ran."], vec!["A hen slept."]];
        assert_eq!(documents(&corpus.unwrap()).unwrap(), expected);
    }

    #[test]
    fn directories_and_patterns_are_read_by_name() {
        let files: [(&str, &[u8]); 4] = [
            ("b/2.txt", b"Two."),
            ("a.jsonl", b"{\"text\": \"One.\\n\\nAnd a half.\"}\n\n{\"text\": \"\"}\n"),
            ("b/1.txt", b"Three."),
            ("c.csv", b"not text"),
        ];
        let (_directory, all) = corpus(&files, "");
        let all = documents(&all.unwrap()).unwrap();
        assert_eq!(all, [vec!["One.", "And a half."], vec!["Three."], vec!["Two."]]);
        let (_directory, some) = corpus(&files, "b/*.txt");
        assert_eq!(documents(&some.unwrap()).unwrap(), [vec!["Three."], vec!["Two."]]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |files: &[(&str, &[u8])], input: &str| {
            let (_directory, corpus) = corpus(files, input);
            corpus.and_then(|corpus| documents(&corpus)).unwrap_err().to_string()
        };
        assert!(error(&[], "none.txt").contains("none.txt` matches no file"));
        assert!(error(&[("d/x.csv", b"")], "d").contains("matches no file"));
        assert!(error(&[], "a[").contains("is not a pattern"));
        assert!(error(&[("x.txt", b"one\ntw\xffo\n")], "x.txt").contains("line 2, byte 6"));
        let message = error(&[("x.jsonl", b"{\"text\": \"a\"}\n{\"body\": 1}\n")], "x.jsonl");
        assert!(message.contains("x.jsonl`, line 2: there is no field"), "{message}");
        assert!(error(&[("x.jsonl", b"nonsense")], "x.jsonl").contains("line 1: not JSON"));
    }

    #[test]
    fn the_fingerprint_is_of_the_content() {
        let of = |name: &str, bytes: &[u8]| {
            let (directory, corpus) = corpus(&[(name, bytes)], name);
            (corpus.unwrap().fingerprint(&mut |_| {}).unwrap(), directory)
        };
        let text = of("a.txt", b"One.\nTwo.").0;
        assert_eq!(of("b.txt", b"One.\nTwo.").0, text);
        assert_ne!(of("a.txt", b"One.\nTwo!").0, text);
        assert_ne!(of("a.jsonl", b"One.\nTwo.").0, text);
        let (_directory, corpus) = corpus(&[("a", b"One.\n"), ("b", b"Two.")], "*");
        let cut = corpus.unwrap();
        assert_ne!(cut.fingerprint(&mut |_| {}).unwrap(), text);
        let replace = cut.clone().with_invalid_utf8(InvalidUtf8::Replace);
        let (cut, replace) = (cut.fingerprint(&mut |_| {}), replace.fingerprint(&mut |_| {}));
        assert_ne!(cut.unwrap(), replace.unwrap());
    }
}
