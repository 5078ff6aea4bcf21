//! From text to batches: reading documents, the token store, sentence pairs, masks.
//!
//! ```text
//! files ─► Corpus ─► Chunk ─► sentences ─► TokenStore ─► pairs ─► masking ─► Instance ─► Batch
//!          corpus    reader   sentences    store         pairs    masking    sampler      batch
//! ```
//!
//! A corpus is tokenized once, on all threads, into a [`TokenStore`]. The store of a large text is a
//! file, so memory does not grow with the corpus.
//!
//! The recipe is that of Google's `create_pretraining_data.py`: [`create_pairs`] is its
//! `create_instances_from_document`, [`Masking`] its `create_masked_lm_predictions`. There is one
//! difference: Google's script draws pairs and masks once and writes them to a file; here they are
//! drawn anew in every pass over the text.

mod batch;
mod builder;
mod check;
mod corpus;
mod error;
pub mod features;
mod inputs;
mod instance;
mod json_lines;
pub mod labelled;
pub mod masking;
mod minimal_pairs;
mod npy;
mod outputs;
pub mod pairs;
mod part;
mod random_next;
mod read_report;
mod reader;
pub mod sampler;
mod sentence_encoder;
mod sentence_objective;
pub mod sentences;
mod spans;
mod spool;
pub mod store;
mod store_format;
pub mod stories;
mod stream;
mod text_field;
mod text_file;
mod text_lines;
mod whole_text;
pub mod word_sample;
mod words;
pub(crate) mod words_of_batch;

pub use batch::Batch;
pub use corpus::{Corpus, InvalidUtf8};
pub use error::DataError;
pub use instance::Instance;
pub use json_lines::{InstanceFile, to_json};
pub use masking::{MaskSettings, MaskUnit, Masking};
pub use minimal_pairs::{MinimalPair, MinimalPairs};
pub use npy::{write_npy_header, write_npy_row};
pub use outputs::PAGE_BEGINNING;
pub use pairs::{Pair, PairSettings, create_pairs};
pub use part::Part;
pub use random_next::{NEARBY_DOCUMENTS, RandomNext};
pub use read_report::{ReadReport, SkipReason, Skipped};
pub use reader::Chunk;
pub use sampler::{Sampler, SamplerPosition, split_documents};
pub use sentence_encoder::SentenceEncoder;
pub use sentence_objective::SentenceObjective;
pub use sentences::Lines;
pub use store::{Progress, Storage, TokenStore};
pub use stream::{InstanceStream, StreamPosition};
pub use text_lines::{BlankLines, TextLines};
pub use whole_text::read_text;
pub use word_sample::WordSample;
pub use words::{Words, count_words};
