//! The texts of a command that uses a model: arguments, or the lines of a file.

use cloze::Error;
use cloze::data::{BlankLines, DataError, InvalidUtf8, TextLines};
use cloze::tasks::TaskError;
use std::path::{Path, PathBuf};

/// The options that name a file of texts.
#[derive(clap::Args)]
pub(super) struct TextInput {
    /// A file of texts, one a line: plain text, JSON Lines, or either as .gz; - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// Pass over blank lines, which are an error otherwise
    #[arg(long)]
    skip_blank_lines: bool,
    #[command(flatten)]
    encoding: super::TextOptions,
}

/// What is to be answered: `N` texts each, and where they come from.
pub(super) struct Texts<const N: usize> {
    pub(super) texts: Vec<[String; N]>,
    /// The file, and the line of each; `None` for arguments.
    lines: Option<(PathBuf, Vec<u64>)>,
}

impl TextInput {
    /// How text is read that is not UTF-8.
    pub(super) fn invalid_utf8(&self) -> InvalidUtf8 {
        self.encoding.invalid_utf8
    }

    /// The option with its value.
    pub(super) fn path(&self) -> Option<(&'static str, &Path)> {
        self.input.as_deref().filter(|path| *path != "-").map(|path| ("--input", path.as_ref()))
    }

    /// The lines of the file; without one `arguments`, and without any of those the lines of standard input.
    /// `fields` names the texts in JSON Lines.
    pub(super) fn texts<const N: usize>(
        &self,
        arguments: Vec<[String; N]>,
        fields: [&str; N],
    ) -> Result<Texts<N>, DataError> {
        let input = match &self.input {
            Some(input) => input,
            None if arguments.is_empty() => "-",
            None => return Ok(Texts { texts: arguments, lines: None }),
        };
        let blank = if self.skip_blank_lines { BlankLines::Skip } else { BlankLines::Error };
        let lines = TextLines::read(input, fields, self.encoding.invalid_utf8, blank)?;
        Ok(Texts { texts: lines.texts, lines: Some((lines.name, lines.numbers)) })
    }
}

impl<const N: usize> Texts<N> {
    /// Where text `index` comes from: `` `a.txt`, line 3 ``; `text 3 of 5`; `the text`.
    pub(super) fn origin(&self, index: usize) -> String {
        match &self.lines {
            Some((path, numbers)) => format!("`{}`, line {}", path.display(), numbers[index]),
            None if self.texts.len() == 1 => "the text".into(),
            None => format!("text {} of {}", index + 1, self.texts.len()),
        }
    }

    /// An error of answering, with the file and the line of the text at fault.
    pub(super) fn locate(&self, error: TaskError) -> Error {
        match (&self.lines, error.text_at_fault()) {
            (Some((path, numbers)), Some((index, message))) => {
                DataError::Line { path: path.clone(), line: numbers[index], message }.into()
            }
            _ => error.into(),
        }
    }
}
