//! The life of a run on disk.
pub mod checkpoint;
pub mod checkpoint_directory;
mod error;
pub mod metrics;
mod observer;
mod options;
mod prepare;
mod pretrain;
pub mod run_directory;
pub mod run_json;
pub mod verify;

pub use error::TrainError;
pub use observer::Observer;
pub use options::{Input, ModelSource, Options, VocabularySource};

pub use pretrain::{Finished, pretrain, resume};
