//! Extractive question answering: the part of a text that answers a question.

use super::error::TaskError;
use super::finetuned::FinetunedTask;
use super::model::Model;
use super::offsets::Offsets;
use crate::data::features::{WindowSettings, question_features};
use crate::train::finetuning::{WindowLogits, best_spans};
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
    /// is read in windows of 384 tokens (or what the model reads), one every 128; all of them are scored.
    ///
    /// ```no_run
    /// let model = cloze::Model::open("answers")?;
    /// let answered = model.answer(&[("Who has the cat?", "Anna has the cat. Ben has the dog.")], 3)?;
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

    /// How long contexts are cut for this model.
    pub(super) fn windows(&self) -> WindowSettings {
        let usual = WindowSettings::default();
        let max_seq_length = usual.max_seq_length.min(self.bert().config.max_position_embeddings);
        // Half of a small window is for the context.
        let max_query_length = usual.max_query_length.min((max_seq_length / 2).saturating_sub(2));
        WindowSettings { max_seq_length, max_query_length, ..usual }
    }
}
