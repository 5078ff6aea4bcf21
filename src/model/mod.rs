//! BERT: configuration, embeddings, encoder, heads, and weights on disk in Hugging Face's form.
//!
//! Read in this order: [`Config`] (the sizes), [`embeddings`], [`encoder`], [`heads`] (the model as
//! functions that push operations), [`Bert`] and [`PretrainingPlan`] (the model with its parameters,
//! compiled for a shape of batch), [`weights`] (files).

mod bert;
mod config;
mod element_type;
mod embeddings;
mod encoder;
pub mod heads;
mod parameters;
pub mod weights;

pub use bert::{BatchShape, Bert, Losses, PretrainingInputs, PretrainingPlan};
pub use config::{Config, ConfigError};
pub use embeddings::embeddings;
pub use encoder::{EncoderInputs, encoder};
pub use parameters::{decays, layout};
pub use weights::{LoadReport, WeightsError};
