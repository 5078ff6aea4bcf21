//! The examples, and a file of them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The examples of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled<E> {
    /// The file, or the name of text in memory; for messages.
    pub path: PathBuf,
    /// In the order of the file.
    pub examples: Vec<E>,
    /// What a person should know, for example which answers were left out and why. One line each.
    pub warnings: Vec<String>,
}

/// A text or a pair of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextExample {
    /// The text, or the first of a pair; not empty.
    pub text: String,
    /// The second text of a pair. Either all examples of a file have one, or none has.
    pub text_b: Option<String>,
    /// The label as the file writes it: the name of a class, or a number. `None` in a file without labels.
    pub label: Option<String>,
    /// The line of the file, from 1.
    pub line: u64,
}

/// A sentence of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedExample {
    /// The words, joined by single spaces.
    pub text: String,
    /// The range of bytes of each word in `text`.
    pub words: Vec<Range<usize>>,
    /// The label of each word; empty in a file without labels.
    pub labels: Vec<String>,
    /// The line of the first word, from 1.
    pub line: u64,
}

impl TaggedExample {
    /// A sentence of `words`.
    pub fn new(words: &[impl AsRef<str>], labels: Vec<String>, line: u64) -> Self {
        let (mut text, mut ranges) = (String::new(), Vec::with_capacity(words.len()));
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            let start = text.len();
            text += word.as_ref();
            ranges.push(start..text.len());
        }
        Self { text, words: ranges, labels, line }
    }
}

/// A question about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionExample {
    /// The id in the file.
    pub id: String,
    /// The question; not empty.
    pub question: String,
    /// The text that holds the answer. The questions of a paragraph share it.
    pub context: Arc<str>,
    /// The right answers: one in training data, several in test data; none when the question has no answer.
    pub answers: Vec<GoldAnswer>,
}

/// An answer, as a part of its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldAnswer {
    /// The text of the answer.
    pub text: String,
    /// Its bytes in the context.
    pub source: Range<usize>,
}
