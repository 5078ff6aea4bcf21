//! Where the model and the examples of a fine-tuning come from.

use crate::data::labelled::{Labelled, QuestionExample, TaggedExample, TextExample};
use crate::model::{Bert, weights};
use crate::system::digest::{Digest, Sha256};
use crate::tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A value that a program holds in memory. `run.json` records its digest only, so such a run can be resumed and
/// verified only by a program that gives the value again.
#[derive(Clone, Serialize, Deserialize)]
pub struct InMemory<T> {
    /// The value; `None` when read from a `run.json`.
    #[serde(skip, default = "nothing")]
    pub value: Option<Arc<T>>,
    /// SHA-256 of the value.
    pub sha256: String,
}

fn nothing<T>() -> Option<Arc<T>> {
    None
}

impl<T> PartialEq for InMemory<T> {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl<T> fmt::Debug for InMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// The model to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ModelSource {
    /// A directory: ours or any of Hugging Face's.
    Directory(PathBuf),
    /// A model with its tokenizer.
    InMemory(InMemory<(Bert, Tokenizer)>),
}

impl ModelSource {
    /// A model in memory.
    pub fn in_memory(bert: Bert, tokenizer: Tokenizer) -> Self {
        let mut digest = Sha256::new();
        digest.update(&weights::digest(&bert.layout, &bert.parameters).0);
        tokenizer.vocabulary().write(&mut digest).expect("a digest takes every byte");
        let sha256 = digest.finish().to_string();
        Self::InMemory(InMemory { value: Some(Arc::new((bert, tokenizer))), sha256 })
    }
}

/// Labelled examples of one kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Examples {
    /// Texts or pairs: to classify, to regress, to embed.
    Texts(Labelled<TextExample>),
    /// Sentences: to tag.
    Tagged(Labelled<TaggedExample>),
    /// Questions: to answer.
    Questions(Labelled<QuestionExample>),
}

/// Where labelled examples come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExampleSource {
    /// Those made from the grammar of the built-in stories.
    BuiltIn,
    /// Files, read in order.
    Files(Vec<PathBuf>),
    /// Examples that a program holds in memory.
    InMemory(InMemory<Examples>),
}

impl ExampleSource {
    /// Examples in memory.
    pub fn in_memory(examples: Examples) -> Self {
        let sha256 = Digest::of(format!("{examples:?}").as_bytes()).to_string();
        Self::InMemory(InMemory { value: Some(Arc::new(examples)), sha256 })
    }
}
