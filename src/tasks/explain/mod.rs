//! One text, or a pair, through every step of pretraining: what `cloze explain` shows.
//!
//! ```text
//! text ─► characters ─► words ─► pieces ─► masks ─► embeddings ─► attention ─► predictions ─► loss ─► gradient ─► step
//!         text                             masking  embeddings    attention    predictions    backward
//! ```
//!
//! [`Model::explain`](super::Model::explain) returns an [`Explanation`], which has one field for each step and
//! serializes to the JSON of `cloze explain --json`. Every number comes from the model at hand, and from the same
//! functions that train it and use it.

mod attention;
mod backward;
mod embeddings;
mod explanation;
mod masking;
mod predictions;
mod text;

pub use attention::{HeadAttention, LayerAttention};
pub use backward::{
    BackwardStep, Change, ExampleLoss, OptimizerStep, PartGradient, RightWordChange,
};
pub use embeddings::EmbeddedToken;
pub use explanation::{ExplainOptions, Explanation, ModelSizes};
pub use masking::{Became, DrawCounts, Draws, HiddenToken, MaskingStep};
pub use predictions::{HiddenPosition, NextSentenceStep, RightWord};
pub use text::{CutText, ReadCharacter, ReadToken, TextSteps, Word};
