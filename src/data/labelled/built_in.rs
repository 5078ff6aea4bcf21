//! The built-in labelled examples, in the words of the built-in stories.

use super::example::{Labelled, QuestionExample, TaggedExample, TextExample};
use super::settings::{Columns, ReadSettings};
use super::source::Source;
use super::{conll, lines, squad, table};
use crate::data::stories::{CLASSES, NUMBERS, QUESTIONS, STORIES, TAGS};
use std::collections::HashSet;

const NAME: &str = "the built-in examples";

fn source(extension: &str, text: &str) -> Source {
    Source::new(NAME.as_ref(), extension, text)
}

fn labelled<E>(examples: Vec<E>) -> Labelled<E> {
    Labelled { path: NAME.into(), examples, warnings: Vec::new() }
}

fn table(text: &str) -> Labelled<TextExample> {
    let settings = ReadSettings::labelled(&Columns::default());
    labelled(table::read(&source("tsv", text), &settings).expect("tests read it"))
}

/// Texts with their classes: who has the thing at the end.
pub fn built_in_texts() -> Labelled<TextExample> {
    table(CLASSES)
}

/// Texts with a number: how many there are at the end.
pub fn built_in_numbers() -> Labelled<TextExample> {
    table(NUMBERS)
}

/// Sentences with a label for each word: people, animals, things, places.
pub fn built_in_tagged() -> Labelled<TaggedExample> {
    let settings = ReadSettings::labelled(&Columns::default());
    labelled(conll::read(&source("conll", TAGS), &settings).expect("tests read it"))
}

/// Questions with their answers.
pub fn built_in_questions() -> Labelled<QuestionExample> {
    labelled(squad::read(&source("json", QUESTIONS)).expect("tests read it").0)
}

/// The sentences of the built-in stories, each once.
pub fn built_in_lines() -> Labelled<TextExample> {
    let mut examples = lines::read(&source("txt", STORIES)).expect("tests read it");
    let mut seen = HashSet::new();
    examples.retain(|example| seen.insert(example.text.clone()));
    labelled(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_examples_are_whole() {
        assert_eq!(built_in_texts().examples.len(), 2000);
        assert_eq!(built_in_numbers().examples.len(), 2000);
        assert_eq!(built_in_tagged().examples.len(), 2000);
        let questions = built_in_questions().examples;
        assert_eq!(questions.len(), 2100);
        let unanswered = questions.iter().filter(|question| question.answers.is_empty()).count();
        assert!((300..900).contains(&unanswered), "{unanswered}");
        assert_eq!(built_in_lines().examples.len(), 15_511);
    }
}
