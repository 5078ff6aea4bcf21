//! Reading labelled examples: which reader a file needs.

use super::error::LabelledError;
use super::example::{Labelled, QuestionExample, TaggedExample, TextExample};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The names of the columns, where they are not the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Columns {
    /// The text: `text`, `sentence`, or `sentence1` when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// The second text of a pair: `sentence2` when `None`, if there is such a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_b_column: Option<String>,
    /// The label: `label` or `score` when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadSettings {
    /// The names of columns.
    pub columns: Columns,
    /// Whether a file without labels is an error.
    pub needs_labels: bool,
}

impl ReadSettings {
    /// Settings for examples to learn from, or to be measured on.
    pub fn labelled(columns: &Columns) -> Self {
        Self { columns: columns.clone(), needs_labels: true }
    }
}

/// Texts or pairs with their labels.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn read_texts(
    path: &Path,
    _settings: &ReadSettings,
) -> Result<Labelled<TextExample>, LabelledError> {
    Err(LabelledError::Whole { path: path.into(), message: "no reader yet".into() })
}

/// Sentences of words with their labels.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn read_tagged(
    path: &Path,
    _settings: &ReadSettings,
) -> Result<Labelled<TaggedExample>, LabelledError> {
    Err(LabelledError::Whole { path: path.into(), message: "no reader yet".into() })
}

/// Questions with their answers. Answers whose offsets do not match their text are left out and named in
/// [`Labelled::warnings`]; so is a question of training data that has no other answer.
///
/// # Errors
/// [`LabelledError`], naming the id.
pub fn read_questions(
    path: &Path,
    _settings: &ReadSettings,
) -> Result<Labelled<QuestionExample>, LabelledError> {
    Err(LabelledError::Whole { path: path.into(), message: "no reader yet".into() })
}

/// Built-in texts with their classes.
pub fn built_in_texts() -> Labelled<TextExample> {
    empty()
}

/// Built-in texts with a number.
pub fn built_in_numbers() -> Labelled<TextExample> {
    empty()
}

/// Built-in sentences with a label for each word.
pub fn built_in_tagged() -> Labelled<TaggedExample> {
    empty()
}

/// Built-in questions with their answers.
pub fn built_in_questions() -> Labelled<QuestionExample> {
    empty()
}

/// The sentences of the built-in stories.
pub fn built_in_lines() -> Labelled<TextExample> {
    empty()
}

fn empty<E>() -> Labelled<E> {
    Labelled { path: "the built-in examples".into(), examples: Vec::new(), warnings: Vec::new() }
}
