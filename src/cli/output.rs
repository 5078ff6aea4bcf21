//! Where answers go: a file that is prepared before the work, or standard output, which holds nothing else.

use clap::CommandFactory;
use clap::error::ErrorKind;
use cloze::system::files::{FileError, Output};
use cloze::tasks::TaskError;
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Lets `write` write to standard output. That the reader has gone away (`| head`) is no error.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> cloze::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = write(&mut out).and_then(|()| out.flush());
    // What is left in the buffer has nowhere to go, and must not be tried again on drop.
    let _ = out.into_parts();
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(FileError::io("write", Path::new("standard output"), error).into())
        }
        _ => Ok(()),
    }
}

/// Prepares the file that `--output` names, before the work. `sources` are the options that name what the
/// command reads, with their values: a file, a directory of a model, or a pattern. An output that would
/// replace one of these files is wrong usage and ends the program.
pub(super) fn open<'s>(
    path: Option<&Path>,
    sources: impl IntoIterator<Item = (&'static str, &'s Path)>,
) -> cloze::Result<Option<Output>> {
    open_named("--output", path, sources)
}

/// [`open`] for the file that the option `name` names.
pub(super) fn open_named<'s>(
    name: &str,
    path: Option<&Path>,
    sources: impl IntoIterator<Item = (&'static str, &'s Path)>,
) -> cloze::Result<Option<Output>> {
    let Some(path) = path else { return Ok(None) };
    if let Some((option, source)) =
        sources.into_iter().find(|(option, source)| replaces(path, option, source))
    {
        let message = format!(
            "{name} `{}` would overwrite {option} `{}`; give another {name}\n",
            path.display(),
            source.display()
        );
        super::Cli::command().error(ErrorKind::ValueValidation, message).exit();
    }
    Ok(Some(Output::open(path)?))
}

/// Whether writing to `output` replaces a file that `option` names, links followed.
fn replaces(output: &Path, option: &str, source: &Path) -> bool {
    let (Ok(output), Ok(source)) = (output.canonicalize(), source.canonicalize()) else {
        return false;
    };
    // A pipe or device is written into, not replaced.
    output.is_file()
        && (output == source || (option == "--model" && output.parent() == Some(&source)))
}

/// Lets `write` write to the prepared file, whole or not at all; to standard output without one.
pub(super) fn write_or_print(
    output: Option<Output>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> cloze::Result<()> {
    match output {
        Some(output) => Ok(output.write(write)?),
        None => print(write),
    }
}

/// An error of answering or of writing an answer.
pub(super) enum AnswerError {
    Task(TaskError),
    Write(io::Error),
}

impl From<TaskError> for AnswerError {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

impl From<io::Error> for AnswerError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// [`write_or_print`] for answers that are written as they come. `locate` names the text at fault.
pub(super) fn write_answers(
    output: Option<Output>,
    locate: impl FnOnce(TaskError) -> cloze::Error,
    answer: impl FnOnce(&mut dyn Write) -> Result<(), AnswerError>,
) -> cloze::Result<()> {
    let mut failed = None;
    let written = write_or_print(output, |out| {
        answer(out).map_err(|error| match error {
            AnswerError::Write(error) => error,
            AnswerError::Task(error) => {
                let message = error.to_string();
                failed = Some(error);
                io::Error::other(message)
            }
        })
    });
    match failed {
        Some(error) => Err(locate(error)),
        None => written,
    }
}

/// Writes `answer` as one line of JSON.
pub(super) fn write_json(out: &mut dyn Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, answer)?;
    writeln!(out)
}
