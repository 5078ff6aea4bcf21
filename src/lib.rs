//! Plain text in, pretrained BERT out: a deterministic, pure-CPU BERT pretrainer.
//!
//! This page is the tour of the house, in the order of the data. A folder uses only those below it.
//!
//! | room | what it is for |
//! |---|---|
//! | [`tokenizer`] | text to word pieces and back; learning a vocabulary |
//! | [`data`] | reading text, the token store, sentence pairs, masks, batches |
//! | [`model`] | BERT: configuration, embeddings, encoder, heads; weights in Hugging Face's form |
//! | [`autodiff`] | the graph and its plan; one file an operation, forward and backward side by side |
//! | [`tensor`] | matrix products, vector kernels, math functions, random numbers |
//! | [`train`] | how anything learns: recipe, optimizer, schedule, one step, evaluation |
//! | [`run`] | the life of a run on disk: options, checkpoints, metrics, resume, verify |
//! | [`tasks`] | what a pretrained model is for: filling blanks, judging pairs of sentences |
//! | [`system`] | the machine: files, memory, threads, locks, digests |
//! | `report` | what a person looks at (feature `cli`) |
//!
//! That the same run gives the same bytes everywhere is a contract: [`determinism`].
//!
//! # The two tasks of pretraining
//!
//! *Masked language modelling* hides some tokens and predicts them from both sides: a cloze test
//! (Taylor, 1953). *Next-sentence prediction* asks whether sentence B really followed sentence A.
//! Both are described in [BERT](https://arxiv.org/abs/1810.04805), section 3.1.
//!
//! # A run in code
//!
//! ```
//! use cloze::data::{
//!     Batch, Corpus, Encoding, MaskSettings, PairSettings, Sampler, Storage, TokenStore,
//!     count_words,
//! };
//! use cloze::model::{Bert, Config};
//! use cloze::tokenizer::{TokenizerOptions, Tokenizer, TrainerOptions, learn};
//! use cloze::train::{Recipe, trainer::Trainer};
//! use std::sync::Arc;
//!
//! let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
//! let corpus = Corpus::from_text("three tiny documents", text);
//!
//! // Text to word pieces.
//! let words = count_words(&corpus, TokenizerOptions::default().normalizer(), &mut |_| ())?;
//! let vocabulary = learn(&words, &TrainerOptions { vocab_size: 100, ..Default::default() })?;
//! let tokenizer = Tokenizer::new(vocabulary, TokenizerOptions::default());
//! let vocabulary = tokenizer.vocabulary();
//! let encoding = Encoding::of(&tokenizer);
//! let store = TokenStore::build(&corpus, &encoding, Storage::Memory, &mut |_, _| {})?;
//! let store = Arc::new(store);
//!
//! // Word pieces to instances.
//! let pairs = PairSettings { max_seq_length: 16, short_seq_prob: 0.1, no_nsp: false };
//! let masks = MaskSettings { masked_lm_prob: 0.15, max_predictions_per_seq: 3, whole_word_mask: false };
//! let mut sampler = Sampler::new(store, vec![0, 1, 2], pairs, masks, vocabulary, 1, "the text")?;
//!
//! // Instances to a trained model.
//! let mut recipe = Recipe { max_seq_length: 16, max_predictions_per_seq: 3, train_batch_size: 8, ..Recipe::default() };
//! (recipe.schedule.num_train_steps, recipe.schedule.num_warmup_steps) = (20, 2);
//! let bert = Bert::new(Config::new(1, 32, vocabulary.len()), recipe.seed);
//! let mut trainer = Trainer::new(bert, recipe)?;
//! let mut batch = Batch::new(8, 16, 3);
//! for _ in 0..20 {
//!     batch.clear(vocabulary.pad_id());
//!     while !batch.is_full() {
//!         batch.push(&sampler.next_instance());
//!     }
//!     let report = trainer.step(std::slice::from_ref(&batch))?;
//!     assert!(report.losses.masked_lm_loss.is_finite());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod autodiff;
#[cfg(feature = "cli")]
pub mod bench;
pub mod data;
#[doc = include_str!("../docs/determinism.md")]
pub mod determinism {}
pub mod error;
pub mod model;
#[cfg(feature = "cli")]
pub mod report;
pub mod run;
pub mod system;
pub mod tasks;
pub mod tensor;
pub mod tokenizer;
pub mod train;

pub use error::{Error, Result};
pub use run::pretrain;
