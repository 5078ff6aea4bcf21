//! Short texts, or pairs of texts, one on each line: what the commands that use a model read. (Text to learn
//! from is a [`Corpus`](super::Corpus), whose documents are read in parts.)
//!
//! - Plain text: a line is a text. Of a pair, a tab separates the two.
//! - JSON Lines: each line is an object, with the texts in fields that the caller names.
//!
//! The name of a file decides its format, as for a corpus: `.jsonl` and `.ndjson` are JSON Lines, and `.gz`
//! after any name is gzip. Standard input and `.json` files are judged by their first line.

use super::corpus::InvalidUtf8;
use super::error::DataError;
use super::spool::Spool;
use super::text_field::{decode, string_field};
use super::text_file::{NamedFormat, TextFile, TextFormat};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// What is done about a blank line of plain text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlankLines {
    /// An error that names the line: an answer for each line is expected.
    #[default]
    Error,
    /// It is passed over.
    Skip,
}

/// The texts of one file or of standard input: `N` of them on each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLines<const N: usize> {
    /// The path of the file, or `standard input`.
    pub name: PathBuf,
    /// The texts of each line that holds some.
    pub texts: Vec<[String; N]>,
    /// The number of each of these lines, from 1.
    pub numbers: Vec<u64>,
    /// Whether the lines are JSON Lines.
    pub is_json: bool,
    /// The field beside the texts that [`TextLines::read_with_field`] was asked for, as long as `texts`; empty
    /// without one.
    pub field: Vec<Option<String>>,
}

impl<const N: usize> TextLines<N> {
    /// Reads `input`, a path or `-` for standard input, whole. `fields` names the texts in JSON Lines.
    ///
    /// # Errors
    /// [`DataError::Line`] for a line that does not hold `N` texts; [`DataError::NotUtf8`];
    /// [`DataError::NoText`] when there is no line with a text; [`DataError::File`],
    /// [`DataError::Damaged`] and [`DataError::StandardInputEmpty`] for an input that cannot be read.
    pub fn read(
        input: &str,
        fields: [&str; N],
        invalid_utf8: InvalidUtf8,
        blank_lines: BlankLines,
    ) -> Result<Self, DataError> {
        Reader::new(Path::new(input), fields[0])?.read(fields, None, invalid_utf8, blank_lines)
    }

    /// Reads the JSON Lines of `path`, whatever its name, and a field beside the texts: its value, when it is
    /// a string, comes into [`TextLines::field`].
    ///
    /// # Errors
    /// As [`TextLines::read`].
    pub fn read_with_field(
        path: &Path,
        fields: [&str; N],
        field: &str,
        invalid_utf8: InvalidUtf8,
    ) -> Result<Self, DataError> {
        let reader = Reader { is_json: true, ..Reader::new(path, fields[0])? };
        reader.read(fields, Some(field), invalid_utf8, BlankLines::Skip)
    }
}

/// A file whose format is known.
struct Reader {
    file: TextFile,
    is_json: bool,
}

impl Reader {
    /// A file, or standard input for `-`.
    fn new(path: &Path, first_field: &str) -> Result<Self, DataError> {
        let named = NamedFormat::of(path);
        let (file, judge) = match path.as_os_str() == "-" {
            true => (TextFile::from_spool(Spool::standard_input()?)?, true),
            false => (TextFile::of_any_name(path), named.is_json),
        };
        let is_json = match judge {
            // The first line that is not blank is an object with that field.
            true => file.first_line()?.is_some_and(|line| string_field(&line, first_field).is_ok()),
            false => named.format == Some(TextFormat::JsonLines),
        };
        Ok(Self { file, is_json })
    }

    fn read<const N: usize>(
        self,
        fields: [&str; N],
        field: Option<&str>,
        invalid_utf8: InvalidUtf8,
        blank_lines: BlankLines,
    ) -> Result<TextLines<N>, DataError> {
        let replace = invalid_utf8 == InvalidUtf8::Replace;
        let name = self.file.name.clone();
        let mut read = TextLines {
            name,
            texts: Vec::new(),
            numbers: Vec::new(),
            is_json: self.is_json,
            field: Vec::new(),
        };
        let mut reader = self.file.open()?.reader;
        let (mut bytes, mut number, mut offset) = (Vec::new(), 0, 0);
        loop {
            bytes.clear();
            let length = reader.read_until(b'\n', &mut bytes);
            match length.map_err(|error| self.file.read_error(error))? {
                0 => break,
                _ => number += 1,
            }
            let line = match std::str::from_utf8(&bytes) {
                Ok(line) => line.into(),
                Err(_) if replace => String::from_utf8_lossy(&bytes),
                Err(error) => {
                    let (path, byte) = (read.name, offset + error.valid_up_to());
                    return Err(DataError::NotUtf8 { path, line: number as usize, byte });
                }
            };
            offset += bytes.len();
            let line = line.strip_suffix('\n').unwrap_or(&line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
            let wrong =
                |message| DataError::Line { path: self.file.name.clone(), line: number, message };
            if line.trim().is_empty() {
                if blank_lines == BlankLines::Skip || self.is_json {
                    continue;
                }
                return Err(wrong(
                    "the line is blank; remove it, or pass over blank lines: 'skip_blank_lines'"
                        .into(),
                ));
            }
            let texts = match self.is_json {
                true => from_json(line, fields, replace).map_err(wrong)?,
                false => from_plain(line).map_err(wrong)?,
            };
            read.texts.push(texts);
            read.numbers.push(number);
            if let Some(field) = field {
                let value =
                    string_field(line, field).and_then(|bytes| decode(bytes, field, replace));
                read.field.push(value.ok());
            }
        }
        match read.texts.is_empty() {
            true => Err(DataError::NoText(read.name)),
            false => Ok(read),
        }
    }
}

/// The fields of an object.
fn from_json<const N: usize>(
    line: &str,
    fields: [&str; N],
    replace: bool,
) -> Result<[String; N], String> {
    let mut texts = [const { String::new() }; N];
    for (text, field) in texts.iter_mut().zip(fields) {
        *text = decode(string_field(line, field)?, field, replace)?;
        if text.trim().is_empty() {
            return Err(format!("the field \"{field}\" is empty; every text needs a word"));
        }
    }
    Ok(texts)
}

/// The texts of a line of plain text, separated by tabs.
fn from_plain<const N: usize>(line: &str) -> Result<[String; N], String> {
    if N == 1 {
        return Ok(std::array::from_fn(|_| line.to_string()));
    }
    let parts: Vec<&str> = line.split('\t').collect();
    if parts.len() != N {
        let parts = parts.len();
        return Err(format!("{parts} text(s), but {N} are needed, with a tab between them"));
    }
    if let Some(empty) = parts.iter().position(|part| part.trim().is_empty()) {
        return Err(format!("text {} of {N} is empty; every text needs a word", empty + 1));
    }
    Ok(std::array::from_fn(|index| parts[index].to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const NONE: (InvalidUtf8, BlankLines) = (InvalidUtf8::Error, BlankLines::Error);

    fn read<const N: usize>(
        name: &str,
        bytes: &[u8],
        fields: [&str; N],
        (invalid_utf8, blank_lines): (InvalidUtf8, BlankLines),
    ) -> Result<Vec<(u64, [String; N])>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        let lines = TextLines::read(path.to_str().unwrap(), fields, invalid_utf8, blank_lines);
        let lines = lines.map_err(|error| {
            error.to_string().replace(&format!("{}/", directory.path().display()), "")
        })?;
        Ok(lines.numbers.into_iter().zip(lines.texts).collect())
    }

    fn pair(number: u64, a: &str, b: &str) -> (u64, [String; 2]) {
        (number, [a.into(), b.into()])
    }

    #[test]
    fn plain_lines_are_texts() {
        let text = "\u{feff}a b\r\n c\td \nlast".as_bytes();
        let lines = read("a.txt", text, ["text"], NONE).unwrap();
        let expected = [(1, "a b"), (2, " c\td "), (3, "last")];
        assert_eq!(lines, expected.map(|(number, text)| (number, [text.to_string()])));
        let pairs = read("a.tsv", b"a b\tc\nd\t e\n", ["a", "b"], NONE).unwrap();
        assert_eq!(pairs, [pair(1, "a b", "c"), pair(2, "d", " e")]);
    }

    #[test]
    fn lines_of_json_are_fields() {
        let text = b"{\"b\": \"B\\t\", \"a\": \"A\", \"n\": 1e999}\n\n{\"a\": \"C\", \"b\": \"D\"}";
        for name in ["a.jsonl", "a.NDJSON", "a.json"] {
            let pairs = read(name, text, ["a", "b"], NONE).unwrap();
            assert_eq!(pairs, [pair(1, "A", "B\t"), pair(3, "C", "D")], "{name}");
        }
    }

    #[test]
    fn blank_lines_are_an_error_or_passed_over() {
        let error = read("a.txt", b"a\n \t\nb\n", ["text"], NONE).unwrap_err();
        assert!(error.starts_with("`a.txt`, line 2: the line is blank"), "{error}");
        let skip = (InvalidUtf8::Error, BlankLines::Skip);
        let lines = read("a.txt", b"a\n \t\nb\n", ["text"], skip).unwrap();
        assert_eq!(lines, [(1, ["a".to_string()]), (3, ["b".to_string()])]);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_line() {
        let replace = (InvalidUtf8::Replace, BlankLines::Error);
        for (name, bytes, message) in [
            ("a.txt", &b"a\tb\nc\n"[..], "`a.txt`, line 2: 1 text(s), but 2 are needed"),
            ("a.txt", b"a\tb\tc\n", "`a.txt`, line 1: 3 text(s)"),
            ("a.txt", b"a\tb\nc\t \n", "`a.txt`, line 2: text 2 of 2 is empty"),
            ("a.txt", b"a\tb\nc\t\xff\n", "`a.txt` is not UTF-8: line 2, byte 6"),
            ("a.txt", b"", "`a.txt` holds no text"),
            ("a.jsonl", b"\n\n", "`a.jsonl` holds no text"),
            ("a.jsonl", b"{\"a\": \"A\"}", "`a.jsonl`, line 1: there is no field \"b\""),
            ("a.jsonl", b"{\"a\": \"A\", \"b\": 1}", "line 1: the field \"b\" is not a string"),
            ("a.jsonl", b"{\"a\": \"A\", \"b\": \" \"}", "line 1: the field \"b\" is empty"),
            ("a.jsonl", b"a\tb\n", "`a.jsonl`, line 1: not JSON"),
            ("a.jsonl", b"{\"a\": \"\\ud800\", \"b\": \"B\"}", "\"a\" holds half of a surrogate"),
            ("a.txt.gz", b"a\tb\n", "`a.txt.gz` is not a whole gzip file"),
        ] {
            let error = read(name, bytes, ["a", "b"], NONE).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let pairs = read("a.txt", b"a\t\xff\n", ["a", "b"], replace).unwrap();
        assert_eq!(pairs, [pair(1, "a", "\u{fffd}")]);
        let error = TextLines::read("no/file", ["text"], NONE.0, NONE.1).unwrap_err().to_string();
        assert!(error.starts_with("cannot open `no/file`"), "{error}");
    }
}
