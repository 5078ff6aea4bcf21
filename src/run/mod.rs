//! The life of a run on disk: settings, run directory, checkpoints, metrics, resuming, verifying. Generic over
//! what is trained.
//!
//! Read in this order:
//! - [`Job`] and [`RunOptions`]: what a run has to know of what it trains; [`pretraining`] is one job,
//!   [`finetuning`] another.
//! - [`prepare`]: a run before its first step; [`TrainTime`], [`Speed`] and [`Forecast`]: how long it takes.
//! - [`begin`] and [`resume`]: a run from its first step to its last; [`prepare_on`], [`begin_on`] and [`resume_on`]: on several
//!   machines.
//! - [`run_directory`], [`run_json`], [`metrics`], [`checkpoint`], [`checkpoint_directory`]: its files.
//! - [`mod@verify`]: the same run again, compared bit by bit.
//! - [`history`], [`metrics_history`]: a run as its directory tells it, to look at.
//! - [`damage`]: whether the files of a finished run are as it wrote them.
//! - [`Observer`]: who is told what happens.

mod best;
pub mod checkpoint;
pub mod checkpoint_directory;
mod clock;
pub mod damage;
mod error;
pub mod finetuning;
mod forecast;
pub mod history;
mod job;
mod memory;
pub mod metrics;
pub mod metrics_history;
pub mod newest_weights;
mod observer;
mod on_pool;
mod preparation;
pub mod pretraining;
mod recorded;
mod resuming;
pub mod run_directory;
pub mod run_json;
mod run_options;
mod speed;
mod train_time;
mod training_run;
pub mod verify;

pub use best::BestOfTrial;
pub use error::{RunError, VerifyError};
pub use finetuning::{Finetuning, FinetuningJob, FinetuningOptions, FinetuningTask};
pub use forecast::Forecast;
pub use job::{Interrupted, Job};
pub use observer::{Event, Observer};
pub use preparation::{Measure, Prepared, prepare, prepare_on};
pub use pretraining::{Pretraining, PretrainingJob, PretrainingOptions, pretrain};
pub use recorded::Recorded;
pub use resuming::{resume, resume_on};
pub use run_options::RunOptions;
pub use train_time::{Speed, TrainTime};
pub use training_run::{Finished, begin, begin_on};
