//! The threads of a run.

use super::error::RunError;
use super::training_run::Finished;
use crate::system::threads::Pool;

/// Runs `work` on a pool of `threads` threads of its own, or on the current one.
pub(super) fn on_pool(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<Finished, RunError> + Send,
) -> Result<Finished, RunError> {
    Ok(match threads {
        Some(threads) => Pool::new(threads)?.run(work)?,
        None => work()?,
    })
}
