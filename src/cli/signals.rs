//! Ctrl-C and SIGTERM while a run trains: the step is finished, the run saved. A second one ends it at
//! once.

use cloze::data::Batch;
use cloze::model::Bert;
use cloze::run::Observer;
use cloze::run::metrics::{EvaluationMetrics, TrainingMetrics};
use cloze::tokenizer::Tokenizer;
use cloze::train::trainer::StepReport;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An observer that stops the run when a signal has come.
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

    /// From here on signals are held back until the step is done; before, there is nothing to save.
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
    fn note(&mut self, message: &str) {
        self.inner.note(message);
    }

    fn started(&mut self, step: u64, num_train_steps: u64) {
        self.started = true;
        self.listen();
        self.inner.started(step, num_train_steps);
    }

    fn held_out(&mut self, batches: &[Batch], tokenizer: &Tokenizer) {
        self.inner.held_out(batches, tokenizer);
    }

    fn should_stop(&mut self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    fn stepped(&mut self, report: &StepReport) {
        self.inner.stepped(report);
    }

    fn logged(&mut self, metrics: &TrainingMetrics) {
        self.inner.logged(metrics);
    }

    fn evaluated(&mut self, metrics: &EvaluationMetrics, bert: &Bert, tokenizer: &Tokenizer) {
        self.inner.evaluated(metrics, bert, tokenizer);
    }

    fn finished(&mut self) {
        self.inner.finished();
    }
}
