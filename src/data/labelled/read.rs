//! Reading labelled examples: which reader a file needs.

use super::error::LabelledError;
use super::example::{Labelled, QuestionExample, TaggedExample, TextExample};
use super::settings::ReadSettings;
use super::source::Source;
use super::{conll, json_lines, lines, squad, table};
use std::path::Path;

/// Texts or pairs with their labels: `.csv`; `.jsonl`, `.ndjson` and any file that begins with `{`; plain lines in a
/// `.txt` that needs no labels; else TSV.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn read_texts(
    path: &Path,
    settings: &ReadSettings,
) -> Result<Labelled<TextExample>, LabelledError> {
    texts(&Source::read(path)?, settings)
}

/// [`read_texts`] for the text of standard input: plain lines, or JSON Lines.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn parse_lines(name: &str, text: &str) -> Result<Labelled<TextExample>, LabelledError> {
    texts(&Source::new(name.as_ref(), "txt", text), &ReadSettings::default())
}

fn texts(source: &Source, settings: &ReadSettings) -> Result<Labelled<TextExample>, LabelledError> {
    let is_json = ["jsonl", "ndjson", "json"].contains(&source.extension.as_str())
        || source.text.trim_start().starts_with('{');
    let examples = if is_json {
        json_lines::read(source, settings)?
    } else if source.extension == "txt" && !settings.needs_labels {
        lines::read(source)?
    } else {
        table::read(source, settings)?
    };
    let pairs = examples.iter().filter(|example| example.text_b.is_some()).count();
    if pairs > 0 && pairs < examples.len() {
        let is_other =
            |example: &&TextExample| example.text_b.is_none() == examples[0].text_b.is_some();
        let line = examples.iter().find(is_other).map_or(1, |example| example.line);
        return Err(
            source.error(line, "some examples are pairs of texts and some are single texts")
        );
    }
    labelled(source, examples, Vec::new())
}

/// Sentences of words with their labels: CoNLL or CoNLL-U.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn read_tagged(
    path: &Path,
    settings: &ReadSettings,
) -> Result<Labelled<TaggedExample>, LabelledError> {
    let source = Source::read(path)?;
    let examples = conll::read(&source, settings)?;
    labelled(&source, examples, Vec::new())
}

/// Questions with their answers: SQuAD's JSON. Answers whose offsets do not match their text are left out and named in
/// [`Labelled::warnings`]; so is a question that has no other answer.
///
/// # Errors
/// [`LabelledError`], naming the id.
pub fn read_questions(path: &Path) -> Result<Labelled<QuestionExample>, LabelledError> {
    let source = Source::read(path)?;
    let (examples, warnings) = squad::read(&source)?;
    labelled(&source, examples, warnings)
}

/// A file holds one example at least.
fn labelled<E>(
    source: &Source,
    examples: Vec<E>,
    warnings: Vec<String>,
) -> Result<Labelled<E>, LabelledError> {
    if examples.is_empty() {
        return Err(source.whole("it holds no example"));
    }
    Ok(Labelled { path: source.path.clone(), examples, warnings })
}
