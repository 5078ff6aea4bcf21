//! Plain text in, pretrained BERT out: a deterministic, pure-CPU BERT pretrainer.
//!
//! # From text to a model, in one call
//!
//! ```
//! let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
//! // 1 layer of width 32; 20 steps of 8 sequences of 16 tokens.
//! let run = cloze::pretrain(text)
//!     .model("1/32")
//!     .vocab_size(100)
//!     .max_seq_length(16)
//!     .train_batch_size(8)
//!     .steps(20)
//!     .seed(1)
//!     .run()?;
//! assert_eq!(run.bert.config.hidden_size, 32);
//! # Ok::<(), cloze::Error>(())
//! ```
//!
//! The result holds model, tokenizer, metrics and digest. Nothing is written and nothing printed, unless
//! [`output_dir`](run::Pretraining::output_dir) names a run directory.
//!
//! **In the tests of another crate**, Cargo does not optimise dependencies. Two lines in that crate's `Cargo.toml`
//! make such a test some 50 times as fast:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```
//!
//! # Predictions, in one call
//!
//! ```
//! # let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
//! # let run = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(1).run()?;
//! // Or from a directory, ours or Hugging Face's: cloze::Model::open("run")?
//! let model = cloze::Model::from(run);
//! let filled = model.fill_mask(&["The cat [MASK].", "The [MASK] slept."], 5)?;
//! let judged = model.next_sentence(&[("The dog slept.", "It was lazy.")])?;
//! let encoded = model.encode(&["The fox ran."])?;
//! println!("{:?} {}", filled[0].masks[0].predictions, judged[0].is_next_probability);
//! # assert_eq!(encoded.len(), 1);
//! # Ok::<(), cloze::Error>(())
//! ```
//!
//! # The same bits, in a test
//!
//! ```
//! # let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
//! # let pretrain = || cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(2);
//! let digest = pretrain().seed(1).run()?.model_sha256.to_string();
//! assert_eq!(digest, pretrain().seed(1).threads(3).run()?.model_sha256.to_string());
//! # Ok::<(), cloze::Error>(())
//! ```
//!
//! That the same run gives the same bytes everywhere is a contract: [`determinism`].
//!
//! # The two tasks of pretraining
//!
//! *Masked language modelling* hides some tokens and predicts them from both sides: a cloze test
//! (Taylor, 1953). *Next-sentence prediction* asks whether sentence B really followed sentence A.
//! Both are described in [BERT](https://arxiv.org/abs/1810.04805), section 3.1.
//!
//! [The book](book) explains all of it, from the first character to the last bit: fifteen short chapters whose code
//! runs. It begins with [what pretraining is](book::what_pretraining_is).
//!
//! # The architecture, in the order of the data
//!
//! A module uses only modules below it in this table.
//!
//! | module | what it is for |
//! |---|---|
//! | `report` | what a person looks at (feature `cli`) |
//! | `bench` | how fast this machine is (feature `cli`) |
//! | [`tasks`] | what a trained model is for: filling blanks, judging pairs of sentences, vectors, scores, text, classes, tags, answers |
//! | [`run`] | the life of a run on disk: settings, checkpoints, metrics, resuming, verifying |
//! | [`train`] | how anything learns: one step, optimizer, schedule, evaluation |
//! | [`model`] | BERT: configuration, embeddings, encoder, heads; weights in Hugging Face's form |
//! | [`data`] | reading text, the token store, sentence pairs, masks, batches |
//! | [`tokenizer`] | text to word pieces and back; learning a vocabulary |
//! | [`autodiff`] | the graph and its plan; [one file an operation](autodiff::ops), with its equations |
//! | [`tensor`] | matrix products, vector kernels, math functions, random numbers |
//! | [`system`] | the machine: files, memory, threads, locks, digests, other processes |

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod autodiff;
#[cfg(feature = "cli")]
pub mod bench;
// Pages alone: only rustdoc and documentation tests read them, so changing one compiles nothing.
#[cfg(doc)]
pub mod book;
pub mod data;
#[doc = include_str!("book/determinism.md")]
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
pub use tasks::Model;
