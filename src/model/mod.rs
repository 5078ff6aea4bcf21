//! BERT: configuration, embeddings, encoder, heads, and weights on disk in Hugging Face's form.
//!
//! Read in this order: [`config`](mod@config) (the sizes), [`embeddings`](mod@embeddings),
//! [`encoder`](mod@encoder), [`heads`] (the model, as functions that push operations),
//! [`head`](mod@head) and [`bert`](mod@bert) (the model with its parameters),
//! [`initialization`](mod@initialization) (first weights), [`word_embeddings`] (those that come from counting words),
//! [`encoder_inputs`] (how a batch gets in), [`pretraining`] and [`finetuning`] (the losses, compiled for a shape of batch), [`attention_probabilities`](mod@attention_probabilities) (where each
//! token looks), [`neighbour_attention`] (whether a model looks at its context), [`weights`] (files).

pub mod attention_probabilities;
pub mod bert;
pub mod config;
mod config_defaults;
mod config_error;
mod element_type;
pub mod embeddings;
pub mod encoder;
pub mod encoder_inputs;
pub mod finetuning;
pub mod head;
pub mod heads;
pub mod initialization;
pub mod masked_lm;
pub mod neighbour_attention;
pub mod parameters;
pub mod pretraining;
mod read_rows;
mod weight_files;
pub mod weights;
mod weights_error;
pub mod word_embeddings;

pub use attention_probabilities::{attention_probabilities, hidden_states};
pub use bert::Bert;
pub use config::Config;
pub use config_error::ConfigError;
pub use embeddings::embeddings;
pub use encoder::{encoder, encoder_at};
pub use encoder_inputs::{EncoderInputs, PackedRows, Padding, Sequences};
pub use finetuning::{FinetuningPlan, HeadLoss, Pooling};
pub use head::Head;
pub use initialization::{Initialization, OutputBias};
pub use masked_lm::MaskedLmPlan;
pub use neighbour_attention::{NeighbourAttention, NeighbourAttentionPlan};
pub use parameters::{decays, layout};
pub use pretraining::{BatchShape, Losses, PretrainingInputs, PretrainingPlan};
pub use read_rows::{ReadRows, load_rows};
pub use weights::LoadReport;
pub use weights_error::WeightsError;
pub use word_embeddings::WordEmbeddings;
