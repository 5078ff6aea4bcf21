//! Progress of a run on standard error: a bar where a person watches, plain lines elsewhere.

use super::duration::duration;
use super::forecast::forecast;
use super::plateau::{ADVICE, Plateau, is_past};
use super::print_line::{print_line, set_bar};
use super::work::Work;
use crate::model::NeighbourAttention;
use crate::run::metrics::{EvaluationMetrics, FilledSample, Sample, SampleToken, TrainingMetrics};
use crate::run::{Event, Observer};
use crate::train::objective::{TermMean, find, total_loss};
use crate::train::pretraining::{MASKED_LM, NEXT_SENTENCE, SENTENCE_ORDER};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Tokens that are shown for each `[MASK]`.
const SHOWN: usize = 3;

/// Seconds after which the time left is said when there is no log line yet.
const FIRST_ESTIMATE: f64 = 5.0;

/// Shows the progress of a run.
#[derive(Default)]
pub struct Terminal {
    sample: Option<Sample>,
    bar: Option<ProgressBar>,
    work: Option<Work>,
    num_train_steps: u64,
    first_step: u64,
    /// When this part of the run began.
    start: Option<Instant>,
    /// Losses and accuracies as the bar shows them.
    numbers: String,
    /// Whether a log line was written: until then, the bar shows single steps.
    logged: bool,
    /// Whether the time left was said before the first log line.
    estimated: bool,
    plateau: Plateau,
}

impl Terminal {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text that the run fills in at every evaluation.
    pub fn sample(&self) -> Option<&str> {
        Some(&self.sample.as_ref()?.text)
    }

    /// Shows that `done` of `total` bytes of a piece of work are done.
    pub fn progress(&mut self, work: &str, done: u64, total: u64) {
        if self.work.as_ref().is_none_or(|now| !now.is(work)) {
            self.work = Some(Work::new(work));
        }
        if let Some(now) = &mut self.work {
            now.show(done, total);
        }
        if done >= total {
            self.work = None;
        }
    }

    fn start(&mut self, step: u64, num_train_steps: u64) {
        (self.first_step, self.num_train_steps) = (step, num_train_steps);
        (self.start, self.logged) = (Some(Instant::now()), false);
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(num_train_steps).with_position(step);
            // The bar takes what the numbers leave of the line; they fit 80 columns.
            let style = "{wide_bar} {pos}/{len}  {msg}";
            bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
            bar.enable_steady_tick(Duration::from_millis(250));
            set_bar(Some(bar.clone()));
            self.bar = Some(bar);
        }
    }

    /// Moves the bar to `step` steps, counted from 1.
    fn stepped(&mut self, step: u64, terms: &[TermMean]) {
        let seconds = self.start.map_or(0.0, |start| start.elapsed().as_secs_f64());
        let Some(bar) = &self.bar else {
            if !self.logged && !self.estimated && seconds >= FIRST_ESTIMATE {
                self.estimated = true;
                let left = duration(self.seconds_left(step, seconds));
                let all = self.num_train_steps;
                print_line(format_args!("step {step}/{all}  about {left} left"));
            }
            return;
        };
        bar.set_position(step);
        let left = duration(self.seconds_left(step, seconds));
        if !self.logged {
            self.numbers = numbers(terms, "masked", "next");
        }
        bar.set_message(format!("{}  {left} left", self.numbers));
    }

    /// How long the rest takes at the speed of this part of the run, which took `seconds` up to `step`.
    fn seconds_left(&self, step: u64, seconds: f64) -> f64 {
        let done = step.saturating_sub(self.first_step).max(1) as f64;
        seconds / done * self.num_train_steps.saturating_sub(step) as f64
    }

    fn logged(&mut self, metrics: &TrainingMetrics) {
        let rate = metrics.tokens_per_second;
        self.logged = true;
        if self.bar.is_some() {
            let numbers = numbers(&metrics.terms, "masked", "next");
            self.numbers = format!("{numbers}  {rate:.0} tokens/s");
            return;
        }
        let message = numbers(&metrics.terms, "masked words", "next sentence");
        let message = format!("{message}  {rate:.0} tokens/s");
        let left = self.seconds_left(metrics.step, metrics.seconds);
        let width = self.num_train_steps.to_string().len();
        print_line(format_args!(
            "step {:>width$}/{}  {message}  {} left",
            metrics.step,
            self.num_train_steps,
            duration(left)
        ));
    }

    fn evaluated(&mut self, metrics: &EvaluationMetrics) {
        let named = [
            (MASKED_LM, "masked words"),
            (NEXT_SENTENCE, "next sentence"),
            (SENTENCE_ORDER, "sentence order"),
        ];
        let terms = named.into_iter().filter_map(|(name, words)| {
            let term = metrics.evaluation.term(name)?;
            let (loss, right) = (term.loss, 100.0 * term.accuracy);
            let counting = metrics.unigram_loss.filter(|_| name == MASKED_LM).map(|counting| {
                let past = if is_past(loss, counting) { "past" } else { "not past" };
                format!(" ({past} counting words, {counting:.3})")
            });
            let counting = counting.unwrap_or_default();
            Some(format!("   {words}: loss {loss:.3}{counting}, {right:.1} % right"))
        });
        let terms: String = terms.collect();
        let named = metrics.evaluation.metrics.iter();
        let measured: String = named
            .map(|(name, value)| format!("   {} {value:.4}", name.replace('_', " ")))
            .collect();
        print_line(format_args!("held out, step {}{terms}{measured}", metrics.step));
        if let Some(attention) = &metrics.evaluation.attention {
            print_line(format_args!("    {}", neighbours(attention)));
        }
        let masked_lm = metrics.evaluation.term(MASKED_LM);
        if let (Some(term), Some(counting)) = (masked_lm, metrics.unigram_loss)
            && self.plateau.stands(metrics.step, self.num_train_steps, term.loss, counting)
        {
            print_line(ADVICE);
        }
        if let Some(FilledSample { text, word, predictions }) = &metrics.sample {
            let answer = word.as_ref().map_or(String::new(), |word| format!("   (it was: {word})"));
            let first = |mask: &Vec<SampleToken>| {
                let tokens = mask.iter().take(SHOWN);
                tokens.map(|token| (token.token.clone(), token.probability)).collect()
            };
            let masks: Vec<_> = predictions.iter().map(first).collect();
            print_line(format_args!("    {}{answer}", show(text, &masks)));
        }
    }
}

/// A run that stops leaves no bar behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        set_bar(None);
    }
}

impl Observer for Terminal {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Note(message) => print_line(message),
            Event::Warning(message) => print_line(format_args!("warning: {message}")),
            Event::Progress { work, done, total } => self.progress(work, done, total),
            Event::Sample(sample) => self.sample = Some(sample.clone()),
            Event::Forecast { step, forecast: known } => {
                forecast(known, step).into_iter().for_each(print_line);
            }
            Event::Started { step, num_train_steps } => self.start(step, num_train_steps),
            Event::Step(report) => self.stepped(report.step + 1, &report.terms),
            Event::Logged(metrics) => self.logged(metrics),
            Event::Evaluated { metrics, .. } => self.evaluated(metrics),
            Event::Evaluating | Event::Saving | Event::Saved => {}
            Event::Finished => {
                set_bar(None);
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// `attention to the previous and the next token, by layer: 0.52 0.47, 0.10 0.12 (uniform: 0.02)`.
fn neighbours(attention: &NeighbourAttention) -> String {
    let NeighbourAttention { previous, next, uniform, .. } = attention;
    let layers = previous.iter().zip(next).map(|(p, n)| format!("{p:.2} {n:.2}"));
    let layers = layers.collect::<Vec<_>>().join(", ");
    format!(
        "attention to the previous and the next token, by layer: {layers} (uniform: {uniform:.2})"
    )
}

/// `loss 6.123  masked 12.1 %  next 50.0 %`.
fn numbers(terms: &[TermMean], masked: &str, next: &str) -> String {
    let named = [(MASKED_LM, masked), (NEXT_SENTENCE, next), (SENTENCE_ORDER, "order")];
    let of_pretraining = named.into_iter().filter_map(|(term, words)| {
        Some(format!("{words} {}", percent(find(terms, term)?.accuracy)))
    });
    let known = |term: &&TermMean| !named.iter().any(|(name, _)| *name == term.name);
    let others = terms.iter().filter(known).filter(|term| term.has_accuracy);
    let of_others = others.map(|term| format!("right {}", percent(term.accuracy)));
    let accuracies = of_pretraining.chain(of_others).collect::<Vec<_>>().join("  ");
    format!("loss {:.3}  {accuracies}", total_loss(terms))
}

/// `82.1 %`.
fn percent(share: f64) -> String {
    format!("{:4.1} %", 100.0 * share)
}

/// `The cat sat on the [mat 93 % | rug 4 %].` For each `[MASK]` of `text`, its tokens with their probabilities.
pub(super) fn show(text: &str, masks: &[Vec<(String, f32)>]) -> String {
    let mut shown = String::new();
    let mut masks = masks.iter();
    for (i, part) in text.split("[MASK]").enumerate() {
        if i > 0 {
            let predictions = masks.next().map_or(String::new(), |mask| {
                let show = |(token, probability): &(String, f32)| {
                    format!("{token} {:.0} %", 100.0 * probability)
                };
                mask.iter().map(show).collect::<Vec<_>>().join(" | ")
            });
            shown += &format!("[{predictions}]");
        }
        shown += part;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_time_left_counts_the_steps_since_the_run_was_resumed() {
        let mut terminal = Terminal::new();
        terminal.start(90, 100);
        assert_eq!(terminal.seconds_left(95, 10.0), 10.0);
        assert_eq!(terminal.seconds_left(100, 20.0), 0.0);
    }

    #[test]
    fn a_filled_text_is_shown_in_its_place() {
        let masks = vec![vec![("cat".to_string(), 0.9), ("dog".to_string(), 0.071)]];
        assert_eq!(show("The [MASK] sat.", &masks), "The [cat 90 % | dog 7 %] sat.");
    }
}
