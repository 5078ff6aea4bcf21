//! What a pretrained model is for: text in, answers out.
//!
//! [`Model`] reads a directory (ours or any of Hugging Face's). Each task is one file with one method
//! of [`Model`] that answers many texts at once, and its answer is a value that serializes to the JSON
//! of the command line. [`evaluate`] measures a model on text.

mod encode;
mod error;
mod evaluate;
mod fill_mask;
mod inference;
mod model;
mod next_sentence;
mod sequence;
mod softmax;

pub use encode::Encoding;
pub use error::TaskError;
pub use evaluate::{EvalSettings, TextEvaluation, evaluate};
pub use fill_mask::{FilledMask, FilledText, Prediction};
pub use model::Model;
pub use next_sentence::NextSentence;
pub use sequence::Sequence;
