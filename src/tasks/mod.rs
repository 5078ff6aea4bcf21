//! What a pretrained model is for: filling in blanks, judging pairs of sentences, being measured.
//!
//! [`Pretrained`] reads a directory (ours or any of Hugging Face's); each task is one function over
//! it, and its answer is a value that serialises to the JSON of the command line.

mod error;
mod evaluate;
mod fill_mask;
mod next_sentence;
mod pretrained;

pub use error::TaskError;
pub use evaluate::{EvalSettings, evaluate};
pub use fill_mask::{FilledMask, FilledText, Prediction, fill_mask};
pub use next_sentence::{NextSentence, next_sentence};
pub use pretrained::{Model, Pretrained};
