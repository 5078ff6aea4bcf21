//! Fine-tuning as a run: settings, preparation, the call in one line.
//!
//! - [`FinetuningOptions`]: every setting; [`FinetuningTask`]: what can be learned.
//! - [`Finetuning`]: the builder, from labelled examples to a model in one call.
//! - [`FinetuningJob`]: what [`begin`](super::begin) and [`resume`](super::resume) work on.

mod builder;
mod examples;
mod job;
mod model;
mod options;
mod sources;
mod stream;

pub use builder::Finetuning;
pub use job::FinetuningJob;
pub use options::{FinetuningOptions, FinetuningTask, check_windows, usual_epochs};
pub use sources::{ExampleSource, Examples, InMemory, ModelSource};
