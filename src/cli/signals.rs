//! Ctrl-C and SIGTERM during training: the step is finished and the run saved. A second signal ends the process
//! at once.

use super::option_names::with_option_names;
use cloze::run::{Event, Observer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An observer that stops the run when a signal has come, and forwards every event.
pub(super) struct StopOnSignal<O> {
    /// Who is told what happens.
    pub(super) inner: O,
    /// The signal that has come; 0 for none.
    signal: Arc<AtomicUsize>,
    /// Whether training has begun.
    pub(super) started: bool,
}

impl<O> StopOnSignal<O> {
    pub(super) fn new(inner: O) -> Self {
        Self { inner, signal: Arc::default(), started: false }
    }

    /// What a shell reports for a process that the signal ended: 130 or 143.
    pub(super) fn exit_status(&self) -> u8 {
        128 + self.signal.load(Ordering::Relaxed) as u8
    }

    /// From here on, signals wait until the step is done. Before, there is nothing to save.
    fn listen(&self) {
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `again` unset, and sets it. Without handlers a
            // signal still ends the process, and the last checkpoint is there.
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| {
                    flag::register_usize(signal, Arc::clone(&self.signal), signal as usize)
                });
        }
    }
}

impl<O: Observer> Observer for StopOnSignal<O> {
    fn observe(&mut self, event: Event<'_>) {
        if let Event::Started { .. } = event {
            self.started = true;
            self.listen();
        }
        match event {
            Event::Note(text) => self.inner.observe(Event::Note(&with_option_names(text))),
            Event::Warning(text) => self.inner.observe(Event::Warning(&with_option_names(text))),
            event => self.inner.observe(event),
        }
    }

    fn should_stop(&mut self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }
}
