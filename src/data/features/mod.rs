//! Features: labelled examples as the model reads them (`InputFeatures` of Google's `run_classifier.py` and
//! `run_squad.py`).
//!
//! ```text
//! TextExample     ─► text_features      ─┐
//! TaggedExample   ─► sentence_features  ─┼─► Feature ─► FeatureBatch
//! QuestionExample ─► question_features  ─┘
//! ```
//!
//! One example is one feature, except where a text does not fit: a long sentence is cut between words, and a long
//! context gives overlapping windows.

mod batch;
mod feature;
mod questions;
mod sentences;
mod texts;

pub use batch::{FeatureBatch, FeatureShape};
pub use feature::{Feature, Target};
pub use questions::{Window, WindowSettings, question_features};
pub use sentences::{SentencePart, sentence_features, split_words};
pub use texts::text_feature;
