//! Extractive question answering: the part of a text that answers a question.

use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use super::offsets::Offsets;
use crate::data::features::{WindowSettings, question_features};
use crate::run::finetuning::check_windows;
use crate::train::finetuning::{WindowLogits, best_spans};
use crate::train::{SettingError, check_setting};
use serde::Serialize;
use std::ops::Range;

/// The features of a question, by index; the first position of the context in each of them, and the words of its tokens.
type Windows = (Range<usize>, Vec<(usize, Vec<Range<usize>>)>);

/// The answers to a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// The text that the answers are from.
    pub context: String,
    /// The most probable answers, best first.
    pub answers: Vec<AnswerSpan>,
    /// The probability that the context holds no answer. It means something if the model was trained with such
    /// questions (SQuAD 2.0).
    pub no_answer_probability: f32,
}

impl Answered {
    /// The best answer; `None` when "no answer" is more probable.
    pub fn best(&self) -> Option<&AnswerSpan> {
        let best = self.answers.first();
        best.filter(|best| best.probability >= self.no_answer_probability)
    }
}

/// A part of the context, as an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerSpan {
    /// Its text: whole words.
    pub text: String,
    /// Its first character in the context.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
    /// The logit of its first token plus that of its last.
    pub score: f32,
    /// The probability of its first token times that of its last, in its window.
    pub probability: f32,
}

impl Model<'_> {
    /// The `top` most probable answers to every question about its context, in the order of `questions`. A long context
    /// is read in [windows](Model::windows); all of them are scored.
    ///
    /// ```
    /// use cloze::run::Finetuning;
    ///
    /// let text = "The fox ran.\nIt was quick.\n\nThe dog slept.\nIt was lazy.\n\nThe cat sat.\nIt sat still.";
    /// let run = cloze::pretrain(text).model("1/32").vocab_size(100).max_seq_length(16).steps(5).run()?;
    /// let context = "The fox ran. The dog slept.";
    /// let examples =
    ///     [("Who ran?", context, Some("The fox")), ("Who slept?", context, Some("The dog")), ("Who sat?", context, None)];
    /// let run = Finetuning::answer(run.bert, run.tokenizer, &examples)?
    ///     .learning_rates([1e-3])
    ///     .eval_fraction(0.0)
    ///     .run()?;
    ///
    /// // Or from a directory, ours or Hugging Face's: cloze::Model::open("answers")?
    /// let model = cloze::Model::from(run);
    /// let answered = model.answer(&[("Who sat?", "The cat sat. The dog ran.")], 3)?;
    /// assert_eq!(answered[0].answers.len(), 3);
    /// println!("{:?}", answered[0].best());
    /// # Ok::<(), cloze::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TaskError::OtherTask`], [`TaskError::NotFinetuned`]; no question is answered then.
    pub fn answer(
        &self,
        questions: &[(impl AsRef<str>, impl AsRef<str>)],
        top: usize,
    ) -> Result<Vec<Answered>, TaskError> {
        self.need_task(FinetunedTask::Answer)?;
        let settings = self.windows();
        let (mut features, mut all) = (Vec::new(), Vec::new());
        for (question, context) in questions {
            let (question, context) = (question.as_ref(), context.as_ref());
            let (windows, _) =
                question_features(self.tokenizer(), question, context, None, settings);
            let from = features.len();
            let mut words = Vec::with_capacity(windows.len());
            for window in windows {
                features.push(window.feature);
                words.push((window.first_position, window.words));
            }
            all.push((from..features.len(), words));
        }
        let logits = self.head_logits(&features)?;
        let answer = |(question, context): (&str, &str), (features, words): &Windows| {
            let windows = words.iter().zip(&logits[features.clone()]);
            let windows: Vec<WindowLogits<'_>> = windows
                .map(|((first_position, words), logits)| WindowLogits {
                    first_position: *first_position,
                    words,
                    logits,
                })
                .collect();
            let spans = best_spans(&windows, top);
            let offsets = Offsets::new(context);
            let span = |span: &crate::train::finetuning::Span| AnswerSpan {
                text: context[span.source.clone()].into(),
                start: offsets.character(span.source.start),
                end: offsets.character(span.source.end),
                score: span.score,
                probability: span.probability,
            };
            Answered {
                question: question.into(),
                context: context.into(),
                answers: spans.best.iter().map(span).collect(),
                no_answer_probability: spans.no_answer_probability,
            }
        };
        let texts =
            questions.iter().map(|(question, context)| (question.as_ref(), context.as_ref()));
        Ok(texts.zip(&all).map(|(texts, windows)| answer(texts, windows)).collect())
    }

    /// How long contexts are cut: as in the training of the model if its `run.json` says how, else in windows of 384
    /// tokens (or what the model reads), one every 128.
    pub fn windows(&self) -> WindowSettings {
        let usual = WindowSettings::default();
        let max_seq_length = usual.max_seq_length.min(self.bert().config.max_position_embeddings);
        self.windows.unwrap_or_else(|| usual.with_max_seq_length(max_seq_length))
    }

    /// Sets how long contexts are cut.
    ///
    /// # Errors
    /// [`SettingError`] when the model does not read such windows, or they leave no token for the context.
    pub fn set_windows(&mut self, windows: WindowSettings) -> Result<(), SettingError> {
        let most = self.bert().config.max_position_embeddings;
        let length = windows.max_seq_length;
        let needed = format!("the model reads at most {most} tokens");
        check_setting(length <= most, "max_seq_length", length, needed)?;
        check_windows(&windows)?;
        self.windows = Some(windows);
        Ok(())
    }
}
