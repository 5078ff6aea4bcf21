//! BERT: configuration, embeddings, encoder, heads, and weights on disk in Hugging Face's form.
//!
//! Read in this order: [`Config`] (the sizes), [`embeddings`], [`encoder`], [`heads`] (the model as
//! functions that push operations), [`Head`] and [`Bert`] (the model with its parameters),
//! [`PretrainingPlan`] (pretraining, compiled for a shape of batch), [`weights`] (files).

mod bert;
mod config;
mod config_error;
mod element_type;
mod embeddings;
mod encoder;
mod encoder_inputs;
mod head;
pub mod heads;
mod parameters;
mod pretraining;
pub mod weights;

pub use bert::Bert;
pub use config::Config;
pub use config_error::ConfigError;
pub use embeddings::embeddings;
pub use encoder::encoder;
pub use encoder_inputs::{EncoderInputs, PackedRows, Padding, Sequences};
pub use head::Head;
pub use parameters::{decays, layout};
pub use pretraining::{BatchShape, Losses, PretrainingInputs, PretrainingPlan};
pub use weights::{LoadReport, WeightsError};
