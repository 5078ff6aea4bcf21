//! One text, read whole: what the commands read that look at lines of text instead of learning from it.

use super::corpus::InvalidUtf8;
use super::error::DataError;
use super::spool::Spool;
use super::text_field::{decode, text_field};
use super::text_file::{TextFile, TextFormat};
use std::io::Read;
use std::path::Path;

/// The text of the file `input`, or of standard input for `-`, without a byte order mark. As in a
/// [`Corpus`](super::Corpus), `.gz` after the name is gzip, and `.jsonl` and `.ndjson` are JSON Lines, of which
/// the documents are returned one after the other. A pipe may be given: it is read once.
///
/// # Errors
/// [`DataError::File`] when it cannot be read; [`DataError::Damaged`]; [`DataError::NotUtf8`];
/// [`DataError::Line`] for a line of JSON Lines without a text; [`DataError::StandardInputEmpty`].
pub fn read_text(input: &str, invalid_utf8: InvalidUtf8) -> Result<String, DataError> {
    let file = match input {
        "-" => TextFile::from_spool(Spool::standard_input()?)?,
        path => TextFile::from_path(Path::new(path))?,
    };
    let replace = invalid_utf8 == InvalidUtf8::Replace;
    let mut bytes = Vec::new();
    let read = file.open()?.reader.read_to_end(&mut bytes);
    read.map_err(|error| file.read_error(error))?;
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if replace => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        Err(error) => {
            let byte = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..byte].iter().filter(|&&b| b == b'\n').count();
            return Err(DataError::NotUtf8 { path: file.name, line, byte });
        }
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if file.format == TextFormat::Plain {
        return Ok(text);
    }
    let mut documents = String::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let document = text_field(line).and_then(|text| decode(text, "text", replace));
        documents += &document.map_err(|message| DataError::Line {
            path: file.name.clone(),
            line: number,
            message,
        })?;
        documents.push('\n');
    }
    Ok(documents)
}
