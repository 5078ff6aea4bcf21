//! How fast training is when several ranks share each step, and what that costs in messages.

use super::training::{Settings, prepare, time_steps};
use crate::run::RunError;
use crate::system::ranks::{Counting, Team};
use crate::system::{memory, threads};
use crate::train::probe_ranks;
use serde::Serialize;
use std::sync::Arc;

/// What was measured, as rank 0 sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOnRanks {
    /// [`Settings::model`].
    pub model: String,
    /// Processes.
    pub ranks: usize,
    /// Threads of rank 0.
    pub threads: usize,
    /// Parameters of the model.
    pub parameters: usize,
    /// Micro-batches of a step.
    pub micro_batches: usize,
    /// Median time of a step, in milliseconds.
    pub step_ms_median: f64,
    /// Tokens of a step over the median time.
    pub tokens_per_second: f64,
    /// The share of a step in which rank 0 waits until the last rank has computed its part.
    pub waiting_share: f64,
    /// The share of a step in which bytes move between ranks.
    pub moving_share: f64,
    /// Bytes that rank 0 sends in a step.
    pub sent_bytes_per_step: f64,
    /// The time of a short message between ranks 0 and 1, in microseconds.
    pub latency_us: Option<f64>,
    /// What long messages between them reach, in 10⁹ bytes a second.
    pub gigabytes_per_second: Option<f64>,
    /// The most memory that rank 0 has had, where the system tells (Linux); else what is planned.
    pub peak_memory_bytes: u64,
}

/// Measures training on the ranks of `team`. This is rank 0. The others [`serve`](crate::train::serve) with a
/// [`Counting`] team.
///
/// # Errors
/// [`RunError`] when the settings make no sense.
pub fn benchmark_on_ranks(settings: &Settings, team: &Team) -> Result<MeasuredOnRanks, RunError> {
    let counting = Arc::new(Counting::new(Team::clone(team)));
    let (mut trainer, batches) = prepare(settings, Arc::clone(&counting) as Team)?;
    let link = probe_ranks(team);
    let begin = |_: &mut _| {
        counting.take();
    };
    let times = time_steps(&mut trainer, &batches, settings.steps, begin)?;
    let traffic = counting.take();
    let all: f64 = times.iter().sum();
    let median = times[times.len() / 2];
    Ok(MeasuredOnRanks {
        model: settings.model.clone(),
        ranks: team.size(),
        threads: threads::count(),
        parameters: trainer.bert.layout.len(),
        micro_batches: batches.len(),
        step_ms_median: 1e3 * median,
        tokens_per_second: (settings.batch_size * settings.max_seq_length) as f64 / median,
        waiting_share: traffic.waited / all,
        moving_share: traffic.moved / all,
        sent_bytes_per_step: traffic.sent_bytes as f64 / times.len() as f64,
        latency_us: link.map(|link| 1e6 * link.latency),
        gigabytes_per_second: link.map(|link| link.bandwidth / 1e9),
        peak_memory_bytes: memory::peak().unwrap_or(trainer.bytes() as u64),
    })
}
