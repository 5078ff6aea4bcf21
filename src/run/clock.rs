//! The time of a run, for its log lines. A run that is resumed begins to count anew.

use super::metrics::Timing;
use std::time::Instant;

/// The time of this part of a run.
pub(super) struct Clock {
    start: Instant,
    /// The last log line, or the start; moved by the time of evaluations, which do not count as training.
    pub(super) last_log: Instant,
    /// Tokens since then.
    pub(super) tokens: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { start: now, last_log: now, tokens: 0 }
    }

    /// The timing of a log line; the next one counts from here.
    pub(super) fn lap(&mut self) -> Timing {
        let now = Instant::now();
        let since = |then: Instant| now.saturating_duration_since(then).as_secs_f64();
        let elapsed = since(self.last_log);
        let tokens = std::mem::take(&mut self.tokens);
        let tokens_per_second = if elapsed > 0.0 { tokens as f64 / elapsed } else { 0.0 };
        self.last_log = now;
        Timing { seconds: since(self.start), tokens_per_second }
    }
}
