//! Progress of a run on standard error: a bar where a person watches, plain lines elsewhere.

use super::duration::duration;
use super::print_line::print_line;
use super::work::Work;
use crate::run::metrics::{EvaluationMetrics, TrainingMetrics};
use crate::run::{Event, Observer};
use crate::tasks::{FilledText, Model, fill_mask};
use crate::train::pretraining::{MASKED_LM, NEXT_SENTENCE};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows the progress of a run.
pub struct Terminal {
    sample: Option<String>,
    /// The word that `[MASK]` replaced, where it is known.
    answer: Option<String>,
    bar: Option<ProgressBar>,
    work: Option<Work>,
    num_train_steps: u64,
    first_step: u64,
}

impl Terminal {
    /// `sample` is a text with `[MASK]` that the model fills in at every evaluation; without one, a
    /// sentence of the held-out text is taken.
    pub fn new(sample: Option<String>) -> Self {
        Self { sample, answer: None, bar: None, work: None, num_train_steps: 0, first_step: 0 }
    }

    /// The text that is filled in.
    pub fn sample(&self) -> Option<&str> {
        self.sample.as_deref()
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print_line(text)),
            None => print_line(text),
        }
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
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(num_train_steps).with_position(step);
            // The bar takes what the numbers leave of the line; they fit 80 columns.
            let style = "{wide_bar} {pos}/{len}  {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
    }

    fn logged(&self, metrics: &TrainingMetrics) {
        let message = |masked: &str, next: &str| {
            let named = [(MASKED_LM, masked), (NEXT_SENTENCE, next)];
            let terms = named.into_iter().filter_map(|(term, words)| {
                Some(format!("{words} {}", percent(metrics.term(term)?.accuracy)))
            });
            let terms = terms.collect::<Vec<_>>().join("  ");
            let (loss, rate) = (metrics.loss(), metrics.tokens_per_second);
            format!("loss {loss:.3}  {terms}  {rate:.0} tokens/s")
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message("masked", "next"));
            return;
        }
        let message = message("masked words", "next sentence");
        let done = (metrics.step - self.first_step).max(1) as f64;
        let left = metrics.seconds / done * (self.num_train_steps - metrics.step) as f64;
        let width = self.num_train_steps.to_string().len();
        print_line(format_args!(
            "step {:>width$}/{}  {message}  {} left",
            metrics.step,
            self.num_train_steps,
            duration(left)
        ));
    }

    fn evaluated(&self, metrics: &EvaluationMetrics, model: Model<'_>) {
        let named = [(MASKED_LM, "masked words"), (NEXT_SENTENCE, "next sentence")];
        let terms = named.into_iter().filter_map(|(term, words)| {
            let term = metrics.evaluation.term(term)?;
            let (loss, right) = (term.loss, 100.0 * term.accuracy);
            Some(format!("   {words}: loss {loss:.3}, {right:.1} % right"))
        });
        let terms: String = terms.collect();
        self.line(&format!("held out, step {}{terms}", metrics.step));
        if let Some(sample) = &self.sample
            && let Ok(filled) = fill_mask(model, sample, 3)
        {
            let answer =
                self.answer.as_ref().map_or(String::new(), |word| format!("   (it was: {word})"));
            self.line(&format!("    {}{answer}", show(&filled)));
        }
    }
}

impl Observer for Terminal {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Note(message) => self.line(message),
            Event::Warning(message) => self.line(&format!("warning: {message}")),
            Event::Progress { work, done, total } => self.progress(work, done, total),
            Event::Sample { text, word } => {
                if self.sample.is_none() {
                    (self.sample, self.answer) = (Some(text.into()), Some(word.into()));
                }
            }
            Event::Started { step, num_train_steps } => self.start(step, num_train_steps),
            Event::Step(report) => {
                if let Some(bar) = &self.bar {
                    bar.set_position(report.step + 1);
                }
            }
            Event::Logged(metrics) => self.logged(metrics),
            Event::Evaluated { metrics, bert, tokenizer } => {
                self.evaluated(metrics, Model { bert, tokenizer });
            }
            Event::Finished => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// `82.1 %`.
fn percent(share: f64) -> String {
    format!("{:4.1} %", 100.0 * share)
}

/// `The cat sat on the [mat 93 % | rug 4 %].`
pub(super) fn show(filled: &FilledText) -> String {
    let mut text = String::new();
    let mut masks = filled.masks.iter();
    for (i, part) in filled.text.split("[MASK]").enumerate() {
        if i > 0 {
            let predictions = masks.next().map_or(String::new(), |mask| {
                let show = |p: &crate::tasks::Prediction| {
                    format!("{} {:.0} %", p.token, 100.0 * p.probability)
                };
                mask.predictions.iter().map(show).collect::<Vec<_>>().join(" | ")
            });
            text += &format!("[{predictions}]");
        }
        text += part;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{FilledMask, Prediction};

    #[test]
    fn a_filled_text_is_shown_in_its_place() {
        let prediction =
            |token: &str, probability| Prediction { token: token.into(), token_id: 0, probability };
        let filled = FilledText {
            text: "The [MASK] sat.".into(),
            masks: vec![FilledMask {
                position: 2,
                predictions: vec![prediction("cat", 0.9), prediction("dog", 0.071)],
            }],
        };
        assert_eq!(show(&filled), "The [cat 90 % | dog 7 %] sat.");
    }
}
