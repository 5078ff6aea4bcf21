//! What a pretrained model is for: text in, answers out.
//!
//! [`Model`] reads a directory (ours or any of Hugging Face's). Each task is one file with one method
//! of [`Model`] that answers many texts at once, and its answer is a value that serializes to the JSON
//! of the command line. [`evaluate`] measures a model on text.

mod answer;
mod classify;
mod embed;
mod encode;
mod error;
mod evaluate;
pub mod explain;
mod fill_mask;
mod finetuned;
mod generate;
mod inference;
mod measure;
mod model;
mod next_sentence;
mod offsets;
mod read_text;
mod score;
mod sentence_encoder;
mod sequence;
mod tag;

pub use answer::{AnswerSpan, Answered};
pub use classify::{Classified, Regressed, TextOrPair};
pub use embed::{EmbedOptions, Embedding, Pooling, cosine};
pub use encode::Encoding;
pub use error::TaskError;
pub use evaluate::{EvalSettings, TextEvaluation, evaluate};
pub use explain::{ExplainOptions, Explanation};
pub use fill_mask::{FilledMask, FilledText, Prediction};
pub use finetuned::FinetunedTask;
pub use generate::{GenerateMethod, GenerateOptions, Generated, GenerationStep};
pub use model::Model;
pub use next_sentence::NextSentence;
pub use read_text::Truncated;
pub use score::{PairAccuracy, PairsAnswer, ScoreMethod, ScoredText, ScoredToken};
pub use sentence_encoder::sentence_encoder;
pub use sequence::Sequence;
pub use tag::{Tagged, TaggedEntity, TaggedWord};
