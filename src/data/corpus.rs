//! Reading text: files, directories and patterns become a stream of documents.
//!
//! `.txt`: documents are separated by blank lines. `.jsonl`: one document a line, in the field
//! `text`. A document is a list of sentences; how lines become sentences is decided once a file, by
//! its first lines (see [`Lines`](super::sentences::Lines)). Nothing but one document is in memory at
//! a time.

use super::error::DataError;
use super::sentences::{Lines, SAMPLE_LINES};
use crate::files::FileError;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};
use std::path::{Path, PathBuf};

/// Where text comes from.
#[derive(Clone, Debug)]
pub enum Corpus {
    /// Files, in order.
    Files(Vec<PathBuf>),
    /// Text in memory, with a name for messages.
    Text(&'static str, &'static str),
}

impl Corpus {
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
            None => Ok(Self::Files(files)),
        }
    }

    /// The name of the corpus in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Text(name, _) => (*name).into(),
            Self::Files(files) => match files.as_slice() {
                [file] => format!("`{}`", file.display()),
                files => format!("the text of {} files", files.len()),
            },
        }
    }

    /// Hands every document (its sentences, none of them blank) to `each`, in order.
    ///
    /// # Errors
    /// [`DataError`], naming file and line; whatever `each` returns.
    pub fn for_each_document<E: From<DataError>>(
        &self,
        mut each: impl FnMut(Vec<String>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Text(name, text) => {
                read_text(|| Ok(Cursor::new(text)), Path::new(name), &mut each)
            }
            Self::Files(files) => files.iter().try_for_each(|path| {
                let open = || {
                    let file = File::open(path).map_err(|e| FileError::io("open", path, e))?;
                    Ok(BufReader::with_capacity(1 << 18, file))
                };
                if path.extension().is_some_and(|extension| extension == "jsonl") {
                    read_json_lines(open, path, &mut each)
                } else {
                    read_text(open, path, &mut each)
                }
            }),
        }
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

/// Lines of a UTF-8 file, without line ends and byte-order mark.
struct Utf8Lines<R> {
    reader: R,
    path: PathBuf,
    bytes: Vec<u8>,
    line: u64,
    offset: usize,
}

impl<R: BufRead> Utf8Lines<R> {
    fn new(reader: R, path: &Path) -> Self {
        Self { reader, path: path.to_path_buf(), bytes: Vec::new(), line: 0, offset: 0 }
    }

    fn next(&mut self) -> Result<Option<&str>, DataError> {
        self.offset += self.bytes.len();
        self.bytes.clear();
        let read = self.reader.read_until(b'\n', &mut self.bytes);
        if read.map_err(|error| FileError::io("read", &self.path, error))? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = std::str::from_utf8(&self.bytes).map_err(|error| FileError::NotUtf8 {
            path: self.path.clone(),
            line: self.line as usize,
            byte: self.offset + error.valid_up_to(),
        })?;
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        Ok(Some(text.trim_end_matches(['\n', '\r'])))
    }
}

/// Looks at the first lines of a file to see what its lines are.
fn judge<R: BufRead>(
    mut lines: Utf8Lines<R>,
    mut text_of: impl FnMut(&str) -> Option<String>,
) -> Result<Lines, DataError> {
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_LINES
        && let Some(line) = lines.next()?
    {
        let text = text_of(line).unwrap_or_default();
        sample.extend(text.lines().filter(|line| !line.trim().is_empty()).map(String::from));
    }
    Ok(Lines::judge(&sample))
}

fn read_text<R: BufRead, E: From<DataError>>(
    open: impl Fn() -> Result<R, DataError>,
    path: &Path,
    each: &mut impl FnMut(Vec<String>) -> Result<(), E>,
) -> Result<(), E> {
    let kind = judge(Utf8Lines::new(open()?, path), |line| Some(line.into()))?;
    let mut lines = Utf8Lines::new(open()?, path);
    let mut paragraph: Vec<String> = Vec::new();
    loop {
        let line = lines.next()?;
        match line {
            Some(line) if !line.trim().is_empty() => paragraph.push(line.trim().into()),
            _ if !paragraph.is_empty() => {
                each(kind.sentences(&std::mem::take(&mut paragraph)))?;
            }
            _ => {}
        }
        if line.is_none() {
            return Ok(());
        }
    }
}

fn read_json_lines<R: BufRead, E: From<DataError>>(
    open: impl Fn() -> Result<R, DataError>,
    path: &Path,
    each: &mut impl FnMut(Vec<String>) -> Result<(), E>,
) -> Result<(), E> {
    let kind = judge(Utf8Lines::new(open()?, path), |line| text_field(line).ok())?;
    let mut lines = Utf8Lines::new(open()?, path);
    loop {
        let number = lines.line + 1;
        let Some(line) = lines.next()? else { return Ok(()) };
        if line.trim().is_empty() {
            continue;
        }
        let text = text_field(line).map_err(|message| DataError::Line {
            path: path.to_path_buf(),
            line: number,
            message,
        })?;
        // Blank lines inside a text separate paragraphs, not documents.
        let mut sentences = Vec::new();
        let mut paragraph: Vec<String> = Vec::new();
        for line in text.lines().chain([""]) {
            if !line.trim().is_empty() {
                paragraph.push(line.trim().into());
            } else if !paragraph.is_empty() {
                sentences.extend(kind.sentences(&std::mem::take(&mut paragraph)));
            }
        }
        if !sentences.is_empty() {
            each(sentences)?;
        }
    }
}

fn text_field(line: &str) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
        format!("not JSON ({error}); each line must be an object with a field \"text\"")
    })?;
    match value.get("text") {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(_) => Err("the field \"text\" is not a string".into()),
        None => Err("there is no field \"text\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(corpus: &Corpus) -> Result<Vec<Vec<String>>, DataError> {
        let mut documents = Vec::new();
        corpus.for_each_document(|document| {
            documents.push(document);
            Ok::<_, DataError>(())
        })?;
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
}
