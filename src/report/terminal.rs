//! Progress of a run on standard error: a bar where a person watches, plain lines elsewhere.

use super::print_line::print_line;
use super::sample::sample;
use super::work::Work;
use crate::data::Batch;
use crate::model::Bert;
use crate::run::Observer;
use crate::run::metrics::{EvaluationMetrics, TrainingMetrics};
use crate::tasks::{FilledText, Model};
use crate::tokenizer::Tokenizer;
use crate::train::trainer::StepReport;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows a run as it goes.
pub struct Terminal {
    sample: Option<String>,
    /// The word that was hidden, where it is known.
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
}

impl Observer for Terminal {
    fn note(&mut self, message: &str) {
        self.line(message);
    }

    fn progress(&mut self, work: &str, done: u64, total: u64) {
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

    fn started(&mut self, step: u64, num_train_steps: u64) {
        (self.first_step, self.num_train_steps) = (step, num_train_steps);
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(num_train_steps).with_position(step);
            // What is left of the line beside the numbers, which fit 80 columns.
            let style = "{wide_bar} {pos}/{len}  {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
    }

    fn held_out(&mut self, batches: &[Batch], tokenizer: &Tokenizer) {
        if self.sample.is_none()
            && let Some((text, answer)) = sample(batches, tokenizer)
        {
            (self.sample, self.answer) = (Some(text), Some(answer));
        }
    }

    fn stepped(&mut self, report: &StepReport) {
        if let Some(bar) = &self.bar {
            bar.set_position(report.step + 1);
        }
    }

    fn logged(&mut self, metrics: &TrainingMetrics) {
        let message = |masked: &str, next: &str| {
            let pair = metrics
                .next_sentence_accuracy
                .map_or(String::new(), |accuracy| format!("  {next} {:4.1} %", 100.0 * accuracy));
            format!(
                "loss {:.3}  {masked} {:4.1} %{pair}  {:.0} tokens/s",
                metrics.loss,
                100.0 * metrics.masked_lm_accuracy,
                metrics.tokens_per_second
            )
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

    fn evaluated(&mut self, metrics: &EvaluationMetrics, bert: &Bert, tokenizer: &Tokenizer) {
        let pair = match (metrics.eval_next_sentence_loss, metrics.eval_next_sentence_accuracy) {
            (Some(loss), Some(accuracy)) => {
                format!("   next sentence: loss {loss:.3}, {:.1} % right", 100.0 * accuracy)
            }
            _ => String::new(),
        };
        self.line(&format!(
            "held out, step {}   masked words: loss {:.3}, {:.1} % right{pair}",
            metrics.step,
            metrics.eval_masked_lm_loss,
            100.0 * metrics.eval_masked_lm_accuracy
        ));
        if let Some(sample) = &self.sample
            && let Ok(filled) = Model::borrowed(bert, tokenizer).fill_mask(&[sample], 3)
        {
            let answer =
                self.answer.as_ref().map_or(String::new(), |word| format!("   (it was: {word})"));
            self.line(&format!("    {}{answer}", show(&filled[0])));
        }
    }

    fn finished(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
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

/// `1 h 02 min`, `3 min 05 s`, `7 s`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
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
        assert_eq!([7.2, 185.0, 3720.0].map(duration), ["7 s", "3 min 05 s", "1 h 02 min"]);
    }
}
