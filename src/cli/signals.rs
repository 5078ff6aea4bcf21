//! Signals during training: Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed) finish the piece of work at
//! hand and save the run. A second signal ends the process at once.
//!
//! Before training, signals have their usual effect: there is nothing to save. The directory that was created for
//! the run is removed.

use super::option_names::with_option_names;
use cloze::run::run_directory::Unbegun;
use cloze::run::{Event, Observer};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What is said on standard error when a signal has come.
#[derive(Clone, Copy)]
enum Answer {
    Nothing,
    /// What the run finishes first, and how to stop it at once.
    Waits,
    /// The same of a run that ranks share.
    WaitsForRanks,
}

/// What a run is doing: it decides what a signal has to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Moment {
    /// Text is read; there is nothing to save.
    Reading,
    Training,
    Evaluating,
    Saving,
    /// Everything is saved: nothing to wait for.
    Finished,
}

/// What the thread of signals shares with the run.
#[derive(Default)]
struct Shared {
    /// The signal that has come; 0 for none.
    signal: AtomicUsize,
    /// A [`Moment`].
    moment: AtomicUsize,
    /// What a signal removes before training.
    unbegun: OnceLock<Unbegun>,
}

impl Shared {
    fn set(&self, moment: Moment) {
        self.moment.store(moment as usize, Ordering::Relaxed);
    }

    fn is(&self, moment: Moment) -> bool {
        self.moment.load(Ordering::Relaxed) == moment as usize
    }
}

/// An observer that stops the run when a signal has come, and forwards every event.
pub(super) struct StopOnSignal<O> {
    /// Who is told what happens.
    pub(super) inner: O,
    answer: Answer,
    shared: Arc<Shared>,
    /// Whether training has begun.
    pub(super) started: bool,
}

impl<O> StopOnSignal<O> {
    /// An observer that acknowledges signals.
    pub(super) fn new(inner: O) -> Self {
        Self { inner, answer: Answer::Waits, shared: Arc::default(), started: false }
    }

    /// The same for a run of this many ranks.
    pub(super) fn on_ranks(mut self, ranks: usize) -> Self {
        if ranks > 1 && matches!(self.answer, Answer::Waits) {
            self.answer = Answer::WaitsForRanks;
        }
        self
    }

    /// The same for a new run in `directory`: a signal before training removes what was created there.
    pub(super) fn of_new_run(self, directory: &Path) -> Self {
        if cfg!(unix) && self.shared.unbegun.set(Unbegun::of(directory)).is_ok() {
            listen(&self.shared, self.answer);
        }
        self
    }

    /// An observer that says nothing about signals.
    pub(super) fn quiet(inner: O) -> Self {
        Self { answer: Answer::Nothing, ..Self::new(inner) }
    }

    /// What a shell reports for a process that the signal ended: 129, 130 or 143; 1 when the signal came to another
    /// rank of the run.
    pub(super) fn exit_status(&self) -> u8 {
        match self.shared.signal.load(Ordering::Relaxed) as u8 {
            0 => 1,
            signal => 128 + signal,
        }
    }
}

impl<O: Observer> Observer for StopOnSignal<O> {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Started { .. } => {
                self.started = true;
                self.shared.set(Moment::Training);
                // A new run listens already.
                if self.shared.unbegun.get().is_none() {
                    listen(&self.shared, self.answer);
                }
            }
            Event::Evaluating => self.shared.set(Moment::Evaluating),
            Event::Saving => self.shared.set(Moment::Saving),
            Event::Step(_) | Event::Evaluated { .. } | Event::Saved => {
                self.shared.set(Moment::Training);
            }
            Event::Finished => self.shared.set(Moment::Finished),
            _ => {}
        }
        match event {
            Event::Note(text) => self.inner.observe(Event::Note(&with_option_names(text))),
            Event::Warning(text) => self.inner.observe(Event::Warning(&with_option_names(text))),
            event => self.inner.observe(event),
        }
    }

    fn should_stop(&mut self) -> bool {
        self.shared.signal.load(Ordering::Relaxed) != 0
    }
}

/// From here on, signals wait until the piece of work at hand is done. Where no thread can be started, a
/// signal ends the process as usual, and the last checkpoint is there.
#[cfg(unix)]
fn listen(shared: &Arc<Shared>, answer: Answer) {
    use cloze::report::print_line;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    /// `timeout` sends its signal to the process and then to its group: a second signal within this time is
    /// the same request.
    const SAME_REQUEST: Duration = Duration::from_secs(1);

    let mut handled = vec![SIGINT, SIGTERM];
    // `nohup` has the process ignore SIGHUP; it stays ignored.
    if !is_ignored(SIGHUP) {
        handled.push(SIGHUP);
    }
    let shared = Arc::clone(shared);
    let (registered, wait) = mpsc::channel();
    let listens = move || {
        let Ok(mut signals) = Signals::new(handled) else { return };
        let _ = registered.send(());
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            if shared.is(Moment::Reading) {
                shared.unbegun.get().into_iter().for_each(Unbegun::remove);
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            let again = first.is_some_and(|first| first.elapsed() > SAME_REQUEST);
            if again || shared.is(Moment::Finished) {
                std::process::exit(128 + signal);
            }
            if first.is_some() {
                continue;
            }
            first = Some(Instant::now());
            shared.signal.store(signal as usize, Ordering::Relaxed);
            let work = match () {
                () if shared.is(Moment::Evaluating) => "this batch of the evaluation",
                () if shared.is(Moment::Saving) => "this checkpoint",
                () => "this step",
            };
            let how = if signal == SIGINT { "press Ctrl-C again" } else { "signal again" };
            match answer {
                Answer::Nothing => {}
                Answer::Waits => {
                    print_line(format_args!("stopping after {work}; {how} to stop at once"));
                }
                // `mpirun` sends SIGTERM, then SIGKILL, when a rank is lost.
                Answer::WaitsForRanks => print_line(format_args!(
                    "stopping after {work}; if a rank is lost, the run ends here, and `--resume` goes on from the \
                     last checkpoint"
                )),
            }
        }
    };
    if thread::Builder::new().name("signals".into()).spawn(listens).is_ok() {
        let _ = wait.recv();
    }
}

/// Whether this process ignores a signal. Known on Linux only.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// As on Unix, without a line that acknowledges the signal: a second one ends the process.
#[cfg(not(unix))]
fn listen(shared: &Arc<Shared>, _: Answer) {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    use std::sync::atomic::AtomicBool;

    let again = Arc::new(AtomicBool::new(false));
    let come = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds `again` unset, and sets it.
        let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
            .and_then(|_| flag::register(signal, Arc::clone(&again)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&come), signal as usize));
    }
    let shared = Arc::clone(shared);
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(50));
            shared.signal.store(come.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    });
}
