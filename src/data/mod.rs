//! From text to batches: reading documents, the token store, sentence pairs, masks.
//!
//! ```text
//! files ─► Corpus ─► Chunk ─► sentences ─► TokenStore ─► pairs ─► masking ─► Instance ─► Batch
//!          corpus    reader   sentences    store         pairs    masking    sampler      batch
//! ```
//!
//! A corpus is tokenized once, on all threads, into a store that is a file as soon as the text is
//! large: memory does not grow with the corpus.
//!
//! The recipe is Google's `create_pretraining_data.py`, function by function: [`create_pairs`] is its
//! `create_instances_from_document`, [`Masking`] its `create_masked_lm_predictions`. What differs:
//! pairs and masks are drawn anew at every pass instead of once, and nothing is written in between.

mod batch;
mod builder;
mod check;
mod corpus;
mod error;
mod fingerprint;
mod instance;
mod json_lines;
mod masking;
mod pairs;
mod reader;
mod sampler;
mod sentences;
mod store;
pub mod stories;
mod stream;
mod words;

pub use batch::Batch;
pub use corpus::{Corpus, InvalidUtf8};
pub use error::DataError;
pub use instance::Instance;
pub use json_lines::{InstanceFile, to_json};
pub use masking::{MaskSettings, Masking};
pub use pairs::{Pair, PairSettings, create_pairs};
pub use reader::{Chunk, Part};
pub use sampler::{Sampler, SamplerPosition, split_documents};
pub use sentences::Lines;
pub use store::{Progress, SMALL_TEXT_BYTES, TokenStore};
pub use stream::{InstanceStream, StreamPosition};
pub use words::count_words;
